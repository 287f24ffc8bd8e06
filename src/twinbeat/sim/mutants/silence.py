"""Broken rules about who is alive and who is proven dead (protocol.md 2.1, 2.2 and 2.5)."""

from collections.abc import Callable, Iterable

from twinbeat.core import arbiter, facts, fencing, membership, proofs
from twinbeat.core.beat import Beat
from twinbeat.core.events import TimePassed
from twinbeat.core.liveness import Hearing, Liveness, OwnBeats, PeerWatch
from twinbeat.core.membership import Membership
from twinbeat.core.model import Timing
from twinbeat.core.proofs import Verdict
from twinbeat.core.units import LONG_AGO, Duration, Instant, LinkName
from twinbeat.sim.daemon import Daemon
from twinbeat.sim.faults import FaultKind

from .base import Mutant, Patch, constant

PROVEN = Verdict(True, "the mutant does not ask")


def everywhere(rule: Callable[..., Verdict]) -> tuple[Patch, ...]:
    """Replace the rule of every proof in all the places that know it by name."""
    rooms = (proofs, membership, fencing, arbiter)
    return tuple(Patch(room, "silent_everywhere", lambda _: rule) for room in rooms)


def _no_veto(peer: PeerWatch, _peers: Iterable[PeerWatch]) -> Verdict:
    return Verdict(peer.liveness is Liveness.SILENT, "nobody else is asked")


def _deaf_is_dead(peer: PeerWatch, _peers: Iterable[PeerWatch]) -> Verdict:
    return Verdict(peer.liveness in (Liveness.SILENT, Liveness.DEAF), "it does not answer")


def _initdead_short(real: Callable[[PeerWatch], Duration]) -> Callable[[PeerWatch], Duration]:
    def limit(peer: PeerWatch) -> Duration:
        return Duration(peer.timing.keepalive * 2) if peer.beat is None else real(peer)

    return limit


def _no_quiet_on_top(real: Callable[[PeerWatch], Duration]) -> Callable[[PeerWatch], Duration]:
    def limit(peer: PeerWatch) -> Duration:
        if peer.beat is None:
            return real(peer)
        return peer.timing.limit(peer.beat.lease)

    return limit


def _first_beat_acknowledges(real: Callable[..., Hearing]) -> Callable[..., Hearing]:
    heard_again: dict[PeerWatch, Instant] = {}

    def take(peer: PeerWatch, beat: Beat, link: LinkName, now: Instant, mine: OwnBeats) -> Hearing:
        hearing = real(peer, beat, link, now, mine)
        if hearing is Hearing.NEWER and peer.interval >= peer.timing.quiet:
            heard_again[peer] = now
        peer.reborn_at = max(peer.reborn_at, heard_again.get(peer, LONG_AGO))
        return hearing

    return take


def _grace_goes_on(real: Callable[..., Hearing]) -> Callable[..., Hearing]:
    def take(peer: PeerWatch, beat: Beat, link: LinkName, now: Instant, mine: OwnBeats) -> Hearing:
        life, born_at = peer.life, peer.reborn_at
        hearing = real(peer, beat, link, now, mine)
        if beat.life == life and beat.word == "active":
            peer.reborn_at = born_at
        return hearing

    return take


def _goodbye_for_ever(real: Callable[..., Hearing]) -> Callable[..., Hearing]:
    def take(peer: PeerWatch, beat: Beat, link: LinkName, now: Instant, mine: OwnBeats) -> Hearing:
        had_left = peer.liveness is Liveness.LEFT
        hearing = real(peer, beat, link, now, mine)
        if had_left:
            peer.liveness = Liveness.LEFT
        return hearing

    return take


def _goodbye_while_holding(real: Callable[..., None]) -> Callable[..., None]:
    def judge(peer: PeerWatch, beat: Beat, now: Instant) -> None:
        real(peer, beat, now)
        if beat.leaving:
            peer.liveness, peer.alive_since = Liveness.LEFT, None

    return judge


def _goodbye_without_echo(real: Callable[..., None]) -> Callable[..., None]:
    def judge(peer: PeerWatch, beat: Beat, now: Instant) -> None:
        real(peer, beat, now)
        if beat.leaving and not any(view.custody.holds for view in beat.groups.values()):
            peer.liveness, peer.alive_since = Liveness.LEFT, None

    return judge


def _goodbye_from_before(real: Callable[..., None]) -> Callable[..., None]:
    def judge(peer: PeerWatch, beat: Beat, now: Instant) -> None:
        peer._goodbyes_from = 0
        real(peer, beat, now)

    return judge


def _any_life_acknowledges(real: Callable[..., None]) -> Callable[..., None]:
    def take_ack(peer: PeerWatch, beat: Beat, mine: OwnBeats) -> None:
        ack = beat.acks.get(mine.node)
        if ack is None:
            real(peer, beat, mine)
            return
        peer.tied, peer.acked_seq = ack.hears, ack.seq
        peer.promised = mine.promise(ack.seq)

    return take_ack


def _time_first(real: Callable[[Daemon], None]) -> Callable[[Daemon], None]:
    def turn(self: Daemon) -> None:
        ready = self.running and not (self._turning or self._busy or self._orders)
        if ready and self.engine.next_deadline() <= self._clock.now:
            self._handle(TimePassed())
        real(self)

    return turn


def _stale_is_newer(real: Callable[[PeerWatch, Beat], Hearing]) -> Callable[..., Hearing]:
    def weigh(peer: PeerWatch, beat: Beat) -> Hearing:
        hearing = real(peer, beat)
        same_life = peer.beat is not None and beat.life == peer.beat.life
        return Hearing.NEWER if hearing is Hearing.STALE and same_life else hearing

    return weigh


def _half_the_limit(timing: Timing, _lease: Duration) -> Duration:
    return Duration(timing.deadtime // 2)


MUTANTS = (
    Mutant(
        name="no-proof",
        breaks="a peer that is not alive stands in nobody's way: no proof of death is asked for",
        patches=everywhere(lambda peer, _: Verdict(peer.liveness is not Liveness.ALIVE, "gone")),
    ),
    Mutant(
        name="deaf-is-dead",
        breaks="a peer that is heard but acknowledges nothing counts as dead",
        patches=everywhere(_deaf_is_dead),
    ),
    Mutant(
        name="no-veto",
        breaks="a silent peer is dead although a third node still hears it",
        patches=everywhere(_no_veto),
        nodes=3,
    ),
    Mutant(
        name="half-deadtime",
        breaks="the judge waits half a deadtime and ignores the published lease",
        patches=(Patch(Timing, "limit", lambda _: _half_the_limit),),
    ),
    Mutant(
        name="initdead-too-short",
        breaks="a peer that was not heard in this life is judged after two keepalives",
        patches=(Patch(PeerWatch, "_limit", _initdead_short),),
    ),
    Mutant(
        name="no-quiet-on-top",
        breaks="a peer that is not tied to this node is granted no quiet time beyond the limit",
        patches=(Patch(PeerWatch, "_limit", _no_quiet_on_top),),
    ),
    Mutant(
        name="first-beat-acknowledges",
        breaks="the first beat after a quiet time counts as an answer, in a peer's old life too",
        patches=(Patch(PeerWatch, "take", _first_beat_acknowledges),),
        seeds=0,
    ),
    Mutant(
        name="goodbye-for-ever",
        breaks="a goodbye outlives the next life of the peer",
        patches=(Patch(PeerWatch, "take", _goodbye_for_ever),),
        faults=(FaultKind.RESTART, FaultKind.FREEZE),
    ),
    Mutant(
        name="grace-goes-on",
        breaks="a rebooted peer's new life is waited for although it is active already",
        patches=(Patch(PeerWatch, "take", _grace_goes_on),),
        seeds=0,
    ),
    Mutant(
        name="goodbye-while-holding",
        breaks="who says that it leaves has left, although it still holds the group",
        patches=(Patch(PeerWatch, "_judge", _goodbye_while_holding),),
    ),
    Mutant(
        name="goodbye-without-echo",
        breaks="a goodbye counts although it does not echo this node, as a recording does not",
        patches=(Patch(PeerWatch, "_judge", _goodbye_without_echo),),
        seeds=0,
    ),
    Mutant(
        name="goodbye-from-before",
        breaks="a goodbye that waited while this node was away counts like one of now",
        patches=(Patch(PeerWatch, "_judge", _goodbye_from_before),),
        seeds=0,
    ),
    Mutant(
        name="any-life-acknowledges",
        breaks="an acknowledgement of an earlier life of this node counts for the present one",
        patches=(Patch(PeerWatch, "_take_ack", _any_life_acknowledges),),
        seeds=0,
    ),
    Mutant(
        name="time-before-packets",
        breaks="time passes before the packets that wait are taken in",
        patches=(Patch(Daemon, "turn", _time_first),),
        seeds=0,
    ),
    Mutant(
        name="stale-is-newer",
        breaks="a beat that was overtaken, or came before, counts like a newer one",
        patches=(Patch(PeerWatch, "_weigh", _stale_is_newer),),
        seeds=0,
    ),
    Mutant(
        name="asleep-is-silence",
        breaks="a node judges its peers by its own sleep: no silence starts anew after a stall",
        patches=(constant(Membership, "stalled", None),),
        faults=(FaultKind.FREEZE, FaultKind.LOSS, FaultKind.CUT_PATH),
        hasty=True,
    ),
    Mutant(
        name="no-doubt",
        breaks="a peer that was gone stays gone after a stall of nearly a deadtime",
        patches=(constant(PeerWatch, "doubt", None),),
        faults=(FaultKind.FREEZE, FaultKind.KILL, FaultKind.CUT_PATH),
        hasty=True,
    ),
    Mutant(
        name="generation-not-outgrown",
        breaks="a node that lost its counter does not jump above what the peers remember",
        patches=(constant(facts, "_outgrow", None),),
        seeds=0,
    ),
)
