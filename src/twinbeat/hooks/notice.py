"""From journal entries to notices: what a group has become, as seen from this node.

A journal tells every step; a hook is told states, each with the one before it, the reason and the
owner, so that its receiver needs no memory. Nothing here knows who is to be told.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from twinbeat.core.beat import Custody
from twinbeat.core.effects import What
from twinbeat.core.hook import State
from twinbeat.core.units import GroupName, NodeName
from twinbeat.journal import Entry

STATES = {
    What.GROUP_STARTING: State.STARTING,
    What.GROUP_HELD: State.HELD,
    What.GROUP_RESTARTING: State.RESTARTING,
    What.GROUP_RESTARTED: State.RESTARTED,
    What.GROUP_DARK: State.DARK,
    What.GROUP_LIT: State.LIT,
    What.GROUP_STOPPING: State.STOPPING,
    What.GROUP_STOPPED: State.STOPPED,
    What.GROUP_FAILED: State.FAILED,
    What.GROUP_UNCLEAN: State.UNCLEAN,
    What.GROUP_NOWHERE: State.NOWHERE,
    What.GROUP_FOUND: State.FOUND,
    What.BAR_ENDED: State.ALLOWED,
}
"""By the kind of entry that tells of them; `elsewhere` is what a peer says."""

_LET_GO = (State.STOPPED, State.UNCLEAN, State.NOWHERE)
_OWNS = (State.STARTING, State.HELD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A group has become something."""

    group: GroupName
    state: State
    previous: State | None
    """What it was for this node before, told or not; None: nothing is known in this life."""
    reason: str
    term: int | None
    """Of the newest claim that this node knows; None when it knows of none."""
    owner: NodeName | None
    """Who owns it now, as far as this node knows."""
    entry: Entry
    """The journal's own, which says when and on what evidence."""

    @property
    def giver(self) -> NodeName | None:
        """Who owned it before, when a node has come to hold it."""
        giver = self.entry.evidence.get("from")
        return NodeName(giver) if isinstance(giver, str) else None

    @property
    def resource(self) -> str:
        """The resource that it is about, or empty."""
        resource, restarts = (self.entry.evidence.get(key) for key in ("resource", "restarts"))
        if isinstance(restarts, list | tuple) and resource is None:
            resource = next(iter(restarts), "")  # The others were restarted because of the first.
        return resource if isinstance(resource, str) else ""

    def to_dict(self) -> dict[str, object]:
        """Return it as plain JSON types."""
        return {
            "group": self.group,
            "state": str(self.state),
            "previous": None if self.previous is None else str(self.previous),
            "reason": self.reason,
            "term": self.term,
            "owner": self.owner,
            "entry": self.entry.to_dict(),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, object]) -> "Notice":
        """Read what `to_dict` gave; raises `ValueError`."""
        group, reason, owner = plain.get("group"), plain.get("reason"), plain.get("owner")
        term, previous, entry = plain.get("term"), plain.get("previous"), plain.get("entry")
        if not isinstance(group, str) or not isinstance(reason, str):
            raise ValueError("a notice without its group or reason")
        if not isinstance(owner, str | None) or not isinstance(term, int | None):
            raise ValueError("a notice whose owner or term is none")
        if not isinstance(entry, dict):
            raise ValueError("a notice without its journal entry")
        return cls(
            group=GroupName(group),
            state=State(str(plain.get("state"))),
            previous=None if previous is None else State(str(previous)),
            reason=reason,
            term=term,
            owner=None if owner is None else NodeName(owner),
            entry=Entry.from_dict(entry),
        )


@dataclass(slots=True)
class _Known:
    """What was heard of one group so far."""

    state: State | None = None
    term: int | None = None
    mine: bool = False
    """Whether this node starts or holds it."""
    peers: dict[NodeName, Custody] = field(default_factory=dict)
    """Who else says that it starts or holds it."""
    because: str = ""
    """Why it stops, or is repaired: `stopped` and `restarted` say only that it is done."""

    def owner(self, me: NodeName) -> NodeName | None:
        """Return who owns it."""
        return me if self.mine else next(iter(self.peers), None)


class Teller:
    """Hears every journal entry of one node, and tells what each group has become."""

    def __init__(self) -> None:
        self._known: dict[GroupName, _Known] = {}

    def heard(self, entry: Entry) -> Notice | None:
        """Return what an entry tells of a group, or None."""
        if entry.what in (What.PEER_DEAD, What.PEER_LEFT) and entry.peer is not None:
            for known in self._known.values():
                known.peers.pop(entry.peer, None)
        if entry.group is None:
            return None
        known = self._known.setdefault(entry.group, _Known())
        term = entry.evidence.get("term")
        if isinstance(term, int) and (known.term is None or term > known.term):
            known.term = term
        state = _state(entry, known)
        if state is None:
            return None
        previous, known.state = known.state, state
        return Notice(
            group=entry.group,
            state=state,
            previous=previous,
            reason=_reason(entry, state, known),
            term=known.term,
            owner=known.owner(entry.node),
            entry=entry,
        )


def _state(entry: Entry, known: _Known) -> State | None:
    """Return what the group has become, if it is something to tell, and note who owns it now."""
    if entry.what is What.PEER_GROUP and entry.peer is not None:
        return _of_peer(entry, entry.peer, known)
    state = STATES.get(entry.what)
    if entry.what is What.GROUP_CLAIM_ENDED and known.state is State.STARTING:
        state = State.STOPPED  # It was decided and never begun.
    if state in _OWNS:
        known.mine = True
    elif state in _LET_GO:
        known.mine = False
    return state


def _of_peer(entry: Entry, peer: NodeName, known: _Known) -> State | None:
    said, before = entry.evidence.get("custody"), known.peers.get(peer)
    if said == Custody.HELD:
        known.peers[peer] = Custody.HELD
        return State.ELSEWHERE if before is not Custody.HELD and not known.mine else None
    if said == Custody.STARTING:
        known.peers[peer] = Custody.STARTING
    elif said != Custody.STOPPING:
        known.peers.pop(peer, None)
    return None


def _reason(entry: Entry, state: State, known: _Known) -> str:
    """Return why, in the sentence of whoever knew best."""
    if state in (State.STOPPING, State.FAILED, State.RESTARTING):
        known.because = entry.because
    elif state is State.RESTARTED and known.because:
        because, known.because = known.because, ""
        return f"{entry.because} ({because})"
    elif state is State.STOPPED and known.because:
        because, known.because = known.because, ""
        return because
    elif state is State.HELD:
        known.because = ""
        cause = entry.evidence.get("cause")
        if isinstance(cause, str) and cause:
            return cause
    return entry.because
