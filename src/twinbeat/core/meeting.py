"""Two owners of one group: the stronger stays, the other stops at once (protocol.md 2.7)."""

from collections.abc import Mapping
from dataclasses import field

from .beat import GroupView
from .effects import Announce, Effect, Record, What
from .membership import Membership
from .units import GroupName, NodeName
from .value import value


@value()
class Ousted:
    """Why this node must let go of what it owns, and of whom it is known."""

    because: str
    by: NodeName | None = None
    """The stronger owner; None: a third party that no longer lets this node own it."""
    evidence: Mapping[str, object] = field(default_factory=dict)


class Meeting:
    """The other owner that this node has met, if any, while it owns one group."""

    def __init__(self, group: GroupName) -> None:
        self._group = group
        self._with: NodeName | None = None

    def forget(self) -> None:
        """Begin anew: this node owns the group from now on, or no longer."""
        self._with = None

    def ousted(self, mine: GroupView, members: Membership) -> Ousted | None:
        """Return why this node must let go now, or None; `mine` is what it publishes."""
        if (why := members.proof.revoked(self._group)) is not None:
            return Ousted(why)
        other = members.owner(self._group)
        theirs = None if other is None else other.view(self._group)
        if other is None or theirs is None or not _weaker(mine, members.me, theirs, other.node):
            return None
        because = f"{other.node} owns it with the stronger claim"
        return Ousted(because, other.node, _terms(mine, theirs, other.node))

    def stay(self, mine: GroupView, members: Membership, *, held: bool) -> list[Effect]:
        """Tell of a weaker owner once, and announce the addresses when it has let go."""
        other = members.owner(self._group)
        theirs = None if other is None else other.view(self._group)
        if other is None or theirs is None:
            return self._ended(held)
        if self._with == other.node:
            return []
        self._with = other.node
        because = f"{other.node} says it owns it too; its claim is weaker and it must stop"
        evidence = _terms(mine, theirs, other.node)
        return [Record(What.GROUP_MET, because, self._group, other.node, evidence)]

    def _ended(self, held: bool) -> list[Effect]:
        if self._with is None:
            return []
        other, self._with = self._with, None
        if not held:
            return []
        because = f"{other} let go: the neighbours are told again where the addresses are"
        return [Announce(self._group), Record(What.GROUP_MET, because, self._group, other)]


def _terms(mine: GroupView, theirs: GroupView, peer: NodeName) -> dict[str, object]:
    return {"term": mine.term, "their_term": theirs.term, "peer": peer}


def _weaker(mine: GroupView, me: NodeName, theirs: GroupView, peer: NodeName) -> bool:
    return theirs.strength(peer) > mine.strength(me)
