"""Broken rules about claiming, starting, stopping and meeting (protocol.md 2.4, 2.7 to 2.9)."""

from collections.abc import Callable
from typing import Any

from twinbeat.core import group, meeting
from twinbeat.core.beat import Custody, GroupView
from twinbeat.core.effects import Effect, Silence
from twinbeat.core.grounds import World as Sight
from twinbeat.core.group import Group
from twinbeat.core.liveness import PeerWatch
from twinbeat.core.membership import Membership
from twinbeat.core.model import Proof
from twinbeat.core.units import LONG_AGO, NEVER, GroupName, Instant, NodeName
from twinbeat.sim.faults import FaultKind

from .base import Mutant, Patch, constant

Answer = Callable[[PeerWatch, GroupName, GroupView, int, Membership, Instant], tuple[bool, str]]


def _any_acknowledgement(real: Answer) -> Answer:
    def answer(
        peer: PeerWatch,
        name: GroupName,
        mine: GroupView,
        _seq: int,
        members: Membership,
        now: Instant,
    ) -> tuple[bool, str]:
        return real(peer, name, mine, 0, members, now)

    return answer


def _never_expires(real: Answer) -> Answer:
    def answer(
        peer: PeerWatch, name: GroupName, mine: GroupView, seq: int, members: Membership, _: Instant
    ) -> tuple[bool, str]:
        return real(peer, name, mine, seq, members, LONG_AGO)

    return answer


def _only_who_is_heard(real: Answer) -> Answer:
    def answer(
        peer: PeerWatch,
        name: GroupName,
        mine: GroupView,
        seq: int,
        members: Membership,
        now: Instant,
    ) -> tuple[bool, str]:
        if not peer.heard:
            return True, "it is not heard"
        return real(peer, name, mine, seq, members, now)

    return answer


def _always_stronger(real: Answer) -> Answer:
    """A claimer finds itself stronger by its own view of who is placed."""

    def answer(
        peer: PeerWatch,
        name: GroupName,
        mine: GroupView,
        seq: int,
        members: Membership,
        now: Instant,
    ) -> tuple[bool, str]:
        theirs = peer.view(name)
        given, why = real(peer, name, mine, seq, members, now)
        claims = theirs is not None and theirs.custody is Custody.CLAIMING
        if claims and peer.acked_seq >= seq and now < peer.promised:
            return True, "this node is placed"
        return given, why

    return answer


def _strength_without_term(view: GroupView, node: NodeName) -> tuple[int, int, tuple[int, ...]]:
    return (0, -view.rank, (*(-ord(c) for c in node), 1))


def _says_stopped(real: Callable[..., list[Effect]]) -> Callable[..., list[Effect]]:
    def clear(self: Group, **how: Any) -> list[Effect]:
        effects = real(self, **how)
        self.custody = Custody.STOPPED
        return effects

    return clear


def _holds_nothing(custody: Custody) -> Patch:
    return Patch(custody, "holds", lambda _: False)


def _without_silence(real: Callable[..., list[Effect]]) -> Callable[..., list[Effect]]:
    def verb(self: Group, *args: Any) -> list[Effect]:
        return [effect for effect in real(self, *args) if not isinstance(effect, Silence)]

    return verb


def _release_unasked(real: Callable[[Group, Sight], str | None]) -> Callable[..., str | None]:
    def reason(self: Group, world: Sight) -> str | None:
        placed = world.placement.node
        if placed is not None and placed != self.me:
            return world.placement.reasons[0]
        return real(self, world)

    return reason


def _forgets_that_it_did_not_stop(
    real: Callable[[Group, int, str, str], list[Effect] | None],
) -> Callable[[Group, int, str, str], list[Effect] | None]:
    def stop_failed(self: Group, op: int, resource: str, why: str) -> list[Effect] | None:
        effects = real(self, op, resource, why)
        if effects is not None:
            self.custody = Custody.STOPPED
        return effects

    return stop_failed


def _any_outcome(real: Callable[..., Any]) -> Callable[..., Any]:
    def outcome(self: Group, _op: int, *rest: Any) -> Any:
        return real(self, self._op, *rest)

    return outcome


def _forgets_failure(real: Callable[..., list[Effect]]) -> Callable[..., list[Effect]]:
    def fail(self: Group, resource: str, because: str, now: Instant) -> list[Effect]:
        effects = real(self, resource, because, now)
        self.recovery.bar = None
        return effects

    return fail


MUTANTS = (
    Mutant(
        name="any-acknowledgement",
        breaks="an answer need not acknowledge a beat that carried the claim",
        patches=(Patch(group, "answer", _any_acknowledgement),),
        seeds=0,
    ),
    Mutant(
        name="answers-never-expire",
        breaks="an answer is worth something for ever, not for a lease",
        patches=(Patch(group, "answer", _never_expires),),
        seeds=0,
    ),
    Mutant(
        name="only-who-is-heard",
        breaks="a claim asks the peers that are heard, not every configured one",
        patches=(Patch(group, "answer", _only_who_is_heard),),
        proof=Proof.FENCE,
    ),
    Mutant(
        name="strength-from-a-view",
        breaks="a claimer that is placed by its own view finds its claim the stronger one",
        patches=(Patch(group, "answer", _always_stronger),),
        seeds=0,
    ),
    Mutant(
        name="terms-ignored",
        breaks="of two owners or claims that meet, the term does not decide",
        patches=(Patch(GroupView, "strength", lambda _: _strength_without_term),),
        seeds=0,
    ),
    Mutant(
        name="no-tie-break",
        breaks="of two owners that meet, neither yields",
        patches=(constant(meeting, "_weaker", False),),
    ),
    Mutant(
        name="says-stopped-unprobed",
        breaks="a new daemon says that nothing runs before it has looked",
        patches=(Patch(Group, "clear", _says_stopped),),
        seeds=0,
    ),
    Mutant(
        name="starting-holds-nothing",
        breaks="a node that starts a group does not count as holding it",
        patches=(_holds_nothing(Custody.STARTING),),
    ),
    Mutant(
        name="stopping-holds-nothing",
        breaks="a node that stops a group does not count as holding it",
        patches=(_holds_nothing(Custody.STOPPING),),
    ),
    Mutant(
        name="unknown-holds-nothing",
        breaks="a node that has not probed a group does not count as holding it",
        patches=(_holds_nothing(Custody.UNKNOWN),),
        seeds=0,
    ),
    Mutant(
        name="stops-aloud",
        breaks="a node that must stop keeps the lease until the resources are stopped",
        patches=(
            Patch(Group, "_meet", _without_silence),
            Patch(Group, "_fail", _without_silence),
            Patch(Group, "_yield", _without_silence),
        ),
    ),
    Mutant(
        name="released-unasked",
        breaks="an owner lets go for a node that does not say that it wants the group",
        patches=(Patch(group, "release_reason", _release_unasked),),
        seeds=0,
    ),
    Mutant(
        name="unclean-ignored",
        breaks="a group is started although a node is known to hold it unclean",
        patches=(constant(Membership, "unclean_nodes", ()),),
        faults=(
            FaultKind.STOP_FAILS,
            FaultKind.RESOURCE_DIES,
            FaultKind.POWER_OFF,
            FaultKind.ISOLATE,
        ),
        hasty=True,
    ),
    Mutant(
        name="stop-failure-forgotten",
        breaks="a group whose stop failed counts as stopped",
        patches=(Patch(Group, "stop_failed", _forgets_that_it_did_not_stop),),
        seeds=0,
    ),
    Mutant(
        name="starts-however-late",
        breaks="a start that was decided is carried out however long this node was away meanwhile",
        patches=(constant(group, "right_until", NEVER),),
        seeds=0,
    ),
    Mutant(
        name="stale-outcomes",
        breaks="the outcome of an earlier order is taken for that of the present one",
        patches=(
            Patch(Group, "started", _any_outcome),
            Patch(Group, "stopped", _any_outcome),
        ),
        seeds=0,
    ),
    Mutant(
        name="failure-forgotten",
        breaks="a node on which a group failed remains a candidate for it",
        patches=(Patch(Group, "_fail", _forgets_failure),),
        seeds=0,
    ),
)
