"""Broken rules about the lease and the heartbeat (protocol.md 2.2, 2.3 and 2.6)."""

from collections.abc import Callable, Iterable

from twinbeat.core import lease, liveness
from twinbeat.core.beat import Beat, Custody, GroupView
from twinbeat.core.effects import Effect
from twinbeat.core.liveness import OwnBeats, PeerWatch
from twinbeat.core.membership import Membership
from twinbeat.core.model import Timing
from twinbeat.core.serving import Serving
from twinbeat.core.units import LONG_AGO, Duration, GroupName, Instant
from twinbeat.sim.hands import Hands, WriteLease

from .base import Mutant, Patch

Renewable = Callable[
    [Iterable[PeerWatch], Timing, GroupName, OwnBeats, GroupView, Instant, Instant], Instant
]


def _every_beat_counts(
    peer: PeerWatch, _group: GroupName, own: OwnBeats, _mine: GroupView
) -> Instant:
    return Instant(own.spoke_at + peer.timing.lease)


def _unacknowledged_is_quiet(real: Renewable) -> Renewable:
    def renewable_until(
        peers: Iterable[PeerWatch],
        timing: Timing,
        group: GroupName,
        own: OwnBeats,
        mine: GroupView,
        now: Instant,
        awake: Instant,
    ) -> Instant:
        fresh = now + timing.lease - timing.quiet
        answering = [peer for peer in peers if peer.promised > fresh]
        return real(answering, timing, group, own, mine, now, awake)

    return renewable_until


def _from_the_write(
    real: Callable[[Membership, GroupName, GroupView, Instant], Instant],
) -> Callable[[Membership, GroupName, GroupView, Instant], Instant]:
    def renewable_until(
        members: Membership, group: GroupName, mine: GroupView, now: Instant
    ) -> Instant:
        until = real(members, group, mine, now)
        return Instant(now + members.model.timing.lease) if until > now else until

    return renewable_until


def _writes_blindly(self: Hands, write: WriteLease) -> None:
    """Write whatever the kernel holds, and do not look at the clock again."""
    kernel, group = self._node.kernel, write.order.group
    if kernel.write_lease(group, write.timeout, write.order.create) is not None:
        kernel.write_lease(group, write.timeout, not write.order.create)
    self._speaking.add(group)


def _the_deadtime(timing: Timing) -> Duration:
    return Duration(timing.deadtime)


def _seq_of_the_last(
    real: Callable[[OwnBeats, Instant, Duration], int],
) -> Callable[[OwnBeats, Instant, Duration], int]:
    """The send time of a new beat is noted under the number of the last one."""

    def sending(self: OwnBeats, now: Instant, length: Duration) -> int:
        seq = real(self, now, length)
        self._sent[seq - 1] = self._sent[seq]
        return seq

    return sending


Renew = Callable[[Serving, Membership, GroupView, Instant], list[Effect]]


def _only_longer(real: Renew) -> Renew:
    def renew(self: Serving, members: Membership, mine: GroupView, now: Instant) -> list[Effect]:
        until = members.renewable_until(self._group, mine, now)
        return real(self, members, mine, now) if until > self.until else []

    return renew


def _as_heard(real: Callable[[Beat, Instant], Instant]) -> Callable[[Beat, Instant], Instant]:
    def born_at(beat: Beat, now: Instant) -> Instant:
        return LONG_AGO if real(beat, now) == LONG_AGO else now

    return born_at


MUTANTS = (
    Mutant(
        name="every-beat-counts",
        breaks="the lease counts from every beat that was sent, not from those acknowledged",
        patches=(Patch(lease, "promised_by", lambda _: _every_beat_counts),),
    ),
    Mutant(
        name="stopping-is-silent",
        breaks="a stronger owner counts as silent from the beginning of its planned stop",
        patches=(Patch(Custody.STOPPING, "answers", lambda _: False),),
        seeds=0,
    ),
    Mutant(
        name="unacknowledged-is-quiet",
        breaks="who acknowledged nothing new for the quiet time counts as quiet, though heard",
        patches=(Patch(lease, "renewable_until", _unacknowledged_is_quiet),),
        seeds=0,
    ),
    Mutant(
        name="lease-from-the-write",
        breaks="a renewal lasts a lease from its writing, not from the beat acknowledged",
        patches=(Patch(Membership, "renewable_until", _from_the_write),),
    ),
    Mutant(
        name="renewal-creates",
        breaks="a renewal may create a lapsed lease, and no clock is read after the write",
        patches=(Patch(Hands, "_write", lambda _: _writes_blindly),),
        seeds=0,
    ),
    Mutant(
        name="no-margin",
        breaks="lease and judge's limit are a deadtime: nothing is left for drift and writing",
        patches=(
            Patch(Timing, "lease", lambda _: property(_the_deadtime)),
            Patch(Timing, "limit", lambda _: lambda timing, _lease: timing.deadtime),
        ),
        seeds=0,
    ),
    Mutant(
        name="acknowledged-later",
        breaks="an acknowledgement is dated by the beat after the one that it names",
        patches=(Patch(OwnBeats, "sending", _seq_of_the_last),),
    ),
    Mutant(
        name="lease-never-cut-short",
        breaks="a lease runs on though a peer is heard again whose acknowledgement is older",
        patches=(Patch(Serving, "_renew", _only_longer),),
        seeds=0,
    ),
    Mutant(
        name="new-life-dated-by-hearing",
        breaks="a peer's new life begins when its first beat comes through, however old that says",
        patches=(Patch(liveness, "_born_at", _as_heard),),
        seeds=0,
    ),
)
