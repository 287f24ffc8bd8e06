"""Who has taken in what of whom, and when: the facts from which the checkers judge silence.

The numbers are those of protocol.md 2.1, worked out here a second time and from facts alone: a
node's daemon took in this beat of that peer at this instant of its own clock.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from twinbeat.core.beat import Beat
from twinbeat.core.effects import Record, What
from twinbeat.core.model import Timing
from twinbeat.core.units import LONG_AGO, MS, NEVER, Duration, Instant, NodeName
from twinbeat.sim.node import Node
from twinbeat.sim.watch import Watcher
from twinbeat.sim.world import World


@dataclass(slots=True)
class _Ear:
    """What one node's present life took in from one peer."""

    beat: Beat | None = None
    heard_at: Instant = LONG_AGO
    """By the hearer's clock."""
    heard_true: Instant = LONG_AGO
    awake: Instant = LONG_AGO
    """Since when the hearer's silence counts: its boot, or the end of its last stall."""
    ties_from: int = 0
    """From which of the hearer's beats on an acknowledgement ties the speaker to it."""
    judged: bool = False
    """Whether the speaker was silent for the limit of then; a reload to longer timers is later."""
    both_up: Instant = LONG_AGO
    """Since when both daemons run without a break, by the hearer's clock."""
    alone: bool = False
    """Whether the hearer is entitled to do without this peer until it hears it."""
    alone_true: Instant = LONG_AGO
    """When the hearer was last entitled to do without this peer, in true time."""


class Hearing(Watcher):
    """Keeps the facts; every other checker asks it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._ears: dict[tuple[NodeName, NodeName], _Ear] = {}
        self._quiet: dict[NodeName, Duration] = {}
        """The quiet time by the timers that a node's daemon follows."""
        self._away_since: dict[NodeName, tuple[Instant, Instant]] = {}
        """When a daemon ceased to run, while it does not: in true time, and by its own clock."""
        self._paused_at: dict[NodeName, Instant] = {}
        self._sent: dict[NodeName, tuple[Beat, Instant]] = {}
        self._pauses: dict[NodeName, list[tuple[Instant, Duration]]] = {}
        """The ends of a node's pauses, by its own clock, and how long each one was."""

    # What is seen.

    def heard(self, node: Node, beat: Beat) -> None:
        """Note a newer beat."""
        ear = self._ear(node.name, beat.node)
        now = node.clock.now
        self._note_alone(node, ear, now)
        ear.beat, ear.heard_true, ear.alone, ear.judged = beat, self._world.now, False, False
        ear.heard_at = now

    def told(self, node: Node, record: Record) -> None:
        """Judge a silence when a node says that it does, by the timers that it has then."""
        if record.what is What.PEER_DEAD and record.peer is not None:
            self._ear(node.name, record.peer).judged = self.silent(node, record.peer)
        elif record.what is What.CONFIG_CHANGED:
            for other in node.model.peers(node.name):
                self.alone_at(node, other)  # By the timers until now.
            self._quiet[node.name] = node.model.timing.quiet

    def sent(self, node: Node, beat: Beat) -> None:
        """Note a node's newest beat."""
        self._sent[node.name] = (beat, self._world.now)

    def lived(self, node: Node, what: str) -> None:
        """Note the end or the beginning of a stretch in which a daemon runs."""
        name, now = node.name, self._world.now
        local = node.clock.local(now)
        if what == "pause":
            self._paused_at[name] = now
        elif what == "resume" and name in self._paused_at:
            still = Duration(now - self._paused_at.pop(name))
            self._pauses.setdefault(name, []).append((local, still))
        if what == "boot":
            self._quiet[name] = node.model.timing.quiet
            for other in node.model.peers(name):
                self._ears[name, other] = _Ear(awake=local)
                self._ear(other, name).alone = False
        if node.running:
            away_true, away_local = self._away_since.pop(name, (now, local))
            timing = node.model.timing
            if local - away_local > timing.stall:
                self._stalled(node, away_local, local)
            if what == "boot" or now - away_true > timing.stall:
                self._both_up(name, deaf=what == "boot" or now - away_true >= timing.quiet)
        elif name not in self._away_since:
            for (hearer, speaker), ear in self._ears.items():
                if name in (hearer, speaker):
                    listener = self._world.nodes[hearer]
                    self._note_alone(listener, ear, listener.clock.now)
            self._away_since[name] = (now, local)

    def _stalled(self, node: Node, away: Instant, back: Instant) -> None:
        """Let every silence start anew, but those that were judged before a short stall.

        The others may have waited for the node no longer: they acknowledge it anew.
        """
        short = back - away < node.model.timing.quiet
        said, birth = self.sent_by(node.name), node.birth
        newest = said.seq if said and birth and said.life.token == birth.life.token else 0
        for other in node.model.peers(node.name):
            ear = self._ear(node.name, other)
            ear.ties_from = newest + 1
            judged = away - max(ear.heard_at, ear.awake) >= self.limit(node, other)
            if not (short and (judged or ear.judged)):
                ear.awake, ear.judged = back, False

    def _ear(self, hearer: NodeName, speaker: NodeName) -> _Ear:
        ear = self._ears.get((hearer, speaker))
        if ear is None:
            ear = self._ears[hearer, speaker] = _Ear()
        return ear

    def _both_up(self, node: NodeName, deaf: bool) -> None:
        """Note that a daemon runs again, to be heard from now on, and to hear if it was deaf.

        It was not in a short stall: that waited, and what it does not take in it has lost.
        """
        for other in self._world.nodes:
            if other != node:
                self._ear(other, node).both_up = self._world.nodes[other].clock.now
                if deaf:
                    self._ear(node, other).both_up = self._world.nodes[node].clock.now

    def _note_alone(self, hearer: Node, ear: _Ear, now: Instant) -> None:
        since = max(ear.heard_at, ear.both_up)
        if since != LONG_AGO and now - since >= self._quiet.get(hearer.name, NEVER):
            ear.alone = True
        if ear.alone:
            ear.alone_true = self._world.now

    # What follows.

    def beat(self, hearer: NodeName, speaker: NodeName) -> Beat | None:
        """Return the newest beat that the hearer's present life took in from the speaker."""
        return self._ear(hearer, speaker).beat

    def sent_by(self, node: NodeName) -> Beat | None:
        """Return a node's newest beat."""
        sent = self._sent.get(node)
        return None if sent is None else sent[0]

    def sent_at(self, node: NodeName) -> Instant:
        """Return when a node sent its newest beat, in true time."""
        sent = self._sent.get(node)
        return LONG_AGO if sent is None else sent[1]

    def last_of(self, hearer: NodeName, speaker: NodeName) -> Instant:
        """Return when the hearer last took in a beat of the speaker, in true time."""
        return self._ear(hearer, speaker).heard_true

    def silence(self, hearer: Node, speaker: NodeName) -> Duration:
        """Return for how long the hearer, awake and in this life, took in nothing newer."""
        ear = self._ear(hearer.name, speaker)
        since = max(ear.heard_at, ear.awake)
        return Duration(hearer.clock.local(self._world.now) - since)

    def limit(self, hearer: Node, speaker: NodeName) -> Duration:
        """Return the silence after which the hearer may judge the speaker: D(p) of protocol.md."""
        timing = hearer.model.timing
        ear = self._ear(hearer.name, speaker)
        beat = ear.beat
        if beat is None:
            longest = _judged_after(timing, timing.lease) + timing.quiet
            return Duration(max(timing.initdead, longest))
        ack = beat.acks.get(hearer.name)
        birth = hearer.birth
        # A daemon may begin a new generation in the midst of its run; its token stays.
        knows_me = ack is not None and birth is not None and ack.life.token == birth.life.token
        tied = knows_me and ack is not None and ack.hears and ack.seq >= ear.ties_from
        loose = 0 if tied else timing.quiet
        return Duration(_judged_after(timing, beat.lease) + loose)

    def silent(self, hearer: Node, speaker: NodeName) -> bool:
        """Whether the speaker's silence lets the hearer judge it."""
        judged = self._ear(hearer.name, speaker).judged
        return judged or self.silence(hearer, speaker) >= self.limit(hearer, speaker)

    def vetoes(self, hearer: Node, speaker: NodeName) -> Iterator[NodeName]:
        """Yield the nodes that the hearer hears, and that say that they hear the speaker."""
        for other in hearer.model.peers(hearer.name):
            beat = self._ear(hearer.name, other).beat
            if other == speaker or beat is None or beat.leaving or self.silent(hearer, other):
                continue
            ack = beat.acks.get(speaker)
            if ack is not None and ack.hears:
                yield other

    def lost(self, hearer: Node, speaker: NodeName) -> bool:
        """Whether the speaker sent a beat since the newest that the hearer took in."""
        sent = self._sent.get(speaker)
        return sent is not None and sent[1] > self._ear(hearer.name, speaker).heard_true

    def alone_at(self, hearer: Node, speaker: NodeName) -> Instant:
        """Return when the hearer last had lost every beat of the speaker for the quiet time.

        True time; `LONG_AGO` if never. Beats count as lost only while both daemons run; a silence
        that was long enough is not made shorter by a daemon that is stopped for a while in it.
        """
        ear = self._ear(hearer.name, speaker)
        if hearer.running and self._world.nodes[speaker].running:
            self._note_alone(hearer, ear, hearer.clock.now)
        return ear.alone_true

    def stood_still(self, node: Node) -> tuple[Duration, Duration]:
        """Return how long the clock stood still in pauses that ended within the last lease.

        And how much of that lease is left since the newest of them, by the node's own clock.
        """
        lease, now = node.model.timing.lease, node.clock.local(self._world.now)
        ends = self._pauses.get(node.name, [])
        recent = [(end, span) for end, span in ends if now - end <= lease]
        if not recent:
            return Duration(0), Duration(0)
        left = lease - (now - max(end for end, _ in recent))
        return Duration(sum(span for _, span in recent)), Duration(left)


def _judged_after(timing: Timing, lease: Duration) -> int:
    """Return the deadtime, or a peer's longer lease with one per cent of drift on either side."""
    return max(timing.deadtime, lease * 1025 // 1000 + min(10 * MS, timing.deadtime // 50))
