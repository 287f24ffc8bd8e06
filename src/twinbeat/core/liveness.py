"""Judge one peer: heard or silent, echoing this node or deaf to it, here or gone.

Everything that is concluded from a peer's silence is concluded in `time_passed`, which the shell
calls only after every received packet was handed over. A beat can only make a peer look better.

The rules are those of protocol.md 2.1 to 2.3:

* a peer is *alive* only while it echoes this node's present life: no recording can do that;
* a peer that is heard but does not echo is *deaf*: it can answer no claim, and is not dead;
* what a peer acknowledged is dated by the instant at which *this* node sent it, so two clocks are
  never compared.
"""

from dataclasses import dataclass
from enum import Enum, StrEnum

from .beat import Beat, Custody, GroupView, Life
from .losses import Losses
from .model import Timing
from .units import LONG_AGO, NEVER, Duration, GroupName, Instant, LinkName, NodeName


class Liveness(StrEnum):
    """What is believed of a peer."""

    UNHEARD = "unheard"
    ALIVE = "alive"
    DEAF = "deaf"
    SILENT = "silent"
    LEFT = "left"
    DOUBTED = "doubted"
    """Was silent or had left, and this node was away since for so long that it may be back."""


_HEARD = (Liveness.ALIVE, Liveness.DEAF)
_GONE = (Liveness.SILENT, Liveness.LEFT)


class Hearing(Enum):
    """What one received beat was worth."""

    NEWER = "newer"
    REPEATED = "repeated"
    """Newer, and it says what the last one said."""
    COPY = "copy"
    STALE = "stale"


class Change(Enum):
    """What `time_passed` concluded."""

    LATE = "late"
    SILENT = "silent"


@dataclass(slots=True)
class LinkWatch:
    """One path from the peer."""

    heard_at: Instant
    up: bool = True


class OwnBeats:
    """This node's life and the send times of its recent beats, by sequence number."""

    _KEPT = 1024

    def __init__(self, node: NodeName, life: Life) -> None:
        self.node = node
        self.life = life
        self.seq = 0
        self.spoke_at: Instant = LONG_AGO
        """When the newest beat left; a step that ends with a beat counts it already."""
        self.lease: Duration = Duration(0)
        """The lease that the newest beat tells: the longest in force, also after a reload."""
        self._lease_until: Instant = LONG_AGO
        """When the last that was served by a beat with that lease has ended."""
        self._sent: dict[int, tuple[Instant, Duration]] = {}

    def sending(self, now: Instant, lease: Duration) -> int:
        """Note that a beat with this lease leaves now; return its sequence number.

        What an earlier and longer lease let the kernel serve goes on after a reload. Peers judge by
        the newest beat, so the longer lease is told until that has ended.
        """
        if lease >= self.lease or now >= self._lease_until:
            self.lease, self._lease_until = lease, Instant(now + lease)
        self.seq += 1
        self.spoke_at = now
        self._sent[self.seq] = (now, lease)
        self._sent.pop(self.seq - self._KEPT, None)
        return self.seq

    def number(self) -> int:
        """Return the number of a message that is no beat; who has it has all the beats before."""
        self.seq += 1
        if self.seq - 1 in self._sent:
            self._sent[self.seq] = self._sent[self.seq - 1]
        self._sent.pop(self.seq - self._KEPT, None)
        return self.seq

    def promise(self, seq: int) -> Instant:
        """Return until when an acknowledgement of beat `seq` lets this node serve (E)."""
        sent = self._sent.get(seq)
        return LONG_AGO if sent is None else Instant(sent[0] + sent[1])


class PeerWatch:
    """Everything known of one peer."""

    def __init__(self, node: NodeName, timing: Timing, now: Instant) -> None:
        self.node = node
        self.timing = timing
        self.liveness = Liveness.UNHEARD
        self.late = False
        self.beat: Beat | None = None
        self.links: dict[LinkName, LinkWatch] = {}
        self.alive_since: Instant | None = None
        self.heard_since: Instant = LONG_AGO
        """When it was first heard after a silence, or for the first time."""
        self.promised: Instant = LONG_AGO
        """Until when the newest acknowledgement lets this node serve."""
        self.acked_seq = 0
        """The highest beat of this node's present life that the peer took in."""
        self.losses = Losses()
        self.reborn_at: Instant = LONG_AGO
        """When the life that is heard now began, as it says; long ago once it is active."""
        self.interval: Duration = Duration(0)
        """Between the two newest beats."""
        self.tied = False
        """Whether the newest beat shows the peer bound to this node: it echoes and hears it."""
        self._ties_from = 0
        """From which of this node's beats on an acknowledgement shows that."""
        self._away: tuple[Instant, Instant] = (LONG_AGO, LONG_AGO)
        """From when to when this node was away last, and took nothing in."""
        self._goodbyes_from = 0
        """From which of this node's beats on its acknowledgement makes a goodbye believed."""
        self.read_anew = True
        """Whether the next beat is news even if it repeats the last one."""
        self.limit: Duration = self._limit()
        """The silence after which the peer is judged: its deadtime here, or initdead (2.1)."""
        self._since = now
        """When the newest beat was heard; before the first one, from when on it is watched for."""

    # What others ask.

    @property
    def heard(self) -> bool:
        """Whether the peer is heard now: its newest beat speaks for it."""
        return self.liveness in _HEARD

    @property
    def claims(self) -> bool:
        """Whether the peer may claim a group of its own accord; a Heartbeat never does.

        That one takes what it is given, and what it is entitled to by this node's silence; so its
        word that it does not hold a group is an answer, whether it has heard of a claim or not.
        """
        return self.beat is None or self.beat.version > 0

    @property
    def gone(self) -> bool:
        """Whether the peer was judged silent or said goodbye."""
        return self.liveness in _GONE

    @property
    def life(self) -> Life:
        """The peer's newest life; generation 0 when it was never heard."""
        return Life(0, 0) if self.beat is None else self.beat.life

    @property
    def seq(self) -> int:
        """The highest sequence number taken in."""
        return 0 if self.beat is None else self.beat.seq

    def view(self, group: GroupName) -> GroupView | None:
        """Return what the peer's newest beat says of a group, or None when it names it not."""
        return None if self.beat is None else self.beat.groups.get(group)

    def custody(self, group: GroupName) -> Custody:
        """Return the peer's custody by its newest beat; what it does not know it does not hold."""
        view = self.view(group)
        return Custody.STOPPED if view is None else view.custody

    def last_heard(self, now: Instant) -> Duration | None:
        """Return the age of the newest beat, or None."""
        return None if self.beat is None else Duration(now - self._since)

    def silence(self, now: Instant, awake: Instant) -> Duration:
        """Return for how long nothing newer came while this node was awake to hear it."""
        return Duration(now - max(self._since, awake))

    # What happens.

    def take(self, beat: Beat, link: LinkName, now: Instant, mine: OwnBeats) -> Hearing:
        """Take in a beat; only a newer one changes what is believed."""
        hearing = self._weigh(beat)
        if hearing is Hearing.STALE:
            return hearing
        self.links.setdefault(link, LinkWatch(now)).heard_at = now
        if hearing is Hearing.COPY:
            return hearing
        earlier = self.beat
        if earlier is None or beat.life.generation > earlier.life.generation:
            self.reborn_at = _born_at(beat, self._said_at(now))
            if earlier is not None and self.heard and not earlier.leaving:
                self.losses.note(now)
        elif self.reborn_at != LONG_AGO:  # What came with less delay dates it better.
            self.reborn_at = min(self.reborn_at, _born_at(beat, self._said_at(now)))
        self.interval = Duration(0 if self.beat is None else now - self._since)
        if not self.heard:
            self.heard_since = now
        self.beat, self._since, self.late = beat, now, False
        self._take_ack(beat, mine)
        self._judge(beat, now)
        self.limit = self._limit()
        return hearing

    def adopt(self, timing: Timing) -> None:
        """Take over a new configuration; what was heard under the old one is heard anew.

        A shorter limit has to wait for the next beat: the peer may have taken over longer timers
        meanwhile, and serve by them.
        """
        self.timing, self.read_anew = timing, True
        self.limit = max(self.limit, self._limit())

    def loosen(self, seq: int, away: tuple[Instant, Instant]) -> None:
        """Know that the peer may serve on its own account, for it heard nothing of a stalled node.

        What it said before counts no more, and some of that may wait to be taken in: it is tied
        again by an acknowledgement of a beat after `seq`.
        """
        self.tied, self._ties_from, self._away = False, seq + 1, away
        self.limit = max(self.limit, self._limit())

    def doubt(self, seq: int) -> None:
        """Judge anew a peer that was gone: it may have come back while this node was away.

        So may one whose goodbye still waits to be taken in: it is believed if it acknowledges a
        beat after `seq`.
        """
        self._goodbyes_from = seq + 1
        if self.gone:
            self.liveness = Liveness.DOUBTED

    def void_acks(self) -> None:
        """Forget what was acknowledged: this node began a new generation."""
        self.promised, self.acked_seq = LONG_AGO, 0

    def time_passed(self, now: Instant, awake: Instant) -> list[Change]:
        """Let the deadlines of this peer lapse; return what changed."""
        if self.gone:
            return []
        silence = self.silence(now, awake)
        changes = []
        if silence >= self.timing.warntime and not self.late and self.heard:
            self.late = True
            changes.append(Change.LATE)
        if silence >= self.limit:
            if self.heard:
                self.losses.note(now)
            self.liveness, self.alive_since = Liveness.SILENT, None
            changes.append(Change.SILENT)
        return changes

    def links_died(self, now: Instant) -> list[LinkName]:
        """Mark the links on which nothing was heard for the deadtime; return the new ones."""
        died = []
        for name, link in self.links.items():
            if link.up and now - link.heard_at >= self.timing.deadtime:
                link.up = False
                died.append(name)
        return died

    def quiet_at(self, awake: Instant) -> Instant:
        """Return from when on an owner no longer waits for this peer's acknowledgements."""
        return Instant(max(self._since, awake) + self.timing.quiet)

    def next_deadline(self, awake: Instant) -> Instant:
        """Return when silence would next mean something: late, or the limit."""
        if self.liveness in _GONE:
            return NEVER
        limit = self.limit
        if not self.late and self.timing.warntime < limit and self.liveness in _HEARD:
            limit = self.timing.warntime
        return Instant((self._since if self._since > awake else awake) + limit)

    # How it is done.

    def _limit(self) -> Duration:
        """Reckon the limit; it is kept, for it is asked for far oftener than it changes.

        A peer that is not tied to this node may serve on its own account, and its last beats may
        have been lost: it is granted the quiet time on top. So is one that was never heard.
        """
        loose = 0 if self.tied else self.timing.quiet
        if self.beat is None:
            longest = self.timing.limit(self.timing.lease) + loose
            return Duration(max(self.timing.initdead, longest))
        return Duration(self.timing.limit(self.beat.lease) + loose)

    def _said_at(self, now: Instant) -> Instant:
        """Return how early a beat may have come that is taken in now: it may have waited."""
        left, back = self._away
        return left if now - back <= self.timing.keepalive else now

    def _weigh(self, beat: Beat) -> Hearing:
        if self.beat is None:
            return Hearing.NEWER
        if beat.life is not self.beat.life and beat.life != self.beat.life:
            earlier = beat.life.generation < self.beat.life.generation
            return Hearing.STALE if earlier else Hearing.NEWER
        if beat.seq > self.beat.seq:
            return Hearing.NEWER
        return Hearing.COPY if beat.seq == self.beat.seq else Hearing.STALE

    def _take_ack(self, beat: Beat, mine: OwnBeats) -> None:
        ack = beat.acks.get(mine.node)
        if ack is None or ack.life != mine.life or ack.seq > mine.seq:
            self.tied = False
            self.void_acks()
        else:
            self.tied = ack.hears and ack.seq >= self._ties_from
            self.acked_seq, self.promised = ack.seq, mine.promise(ack.seq)

    def _judge(self, beat: Beat, now: Instant) -> None:
        echoes = self.acked_seq > 0
        if beat.leaving and echoes and not _holds(beat):
            # Without the echo it may be a recording, and its sender be back in a later life.
            now_gone = self.acked_seq >= self._goodbyes_from
            self.liveness = Liveness.LEFT if now_gone else Liveness.DOUBTED
            self.alive_since = None
        elif echoes:
            if self.liveness is not Liveness.ALIVE or self.alive_since is None:
                self.alive_since = now
            self.liveness = Liveness.ALIVE
        else:
            self.liveness, self.alive_since = Liveness.DEAF, None


def _holds(beat: Beat) -> bool:
    return any(view.custody.holds for view in beat.groups.values())


def _born_at(beat: Beat, now: Instant) -> Instant:
    """Return when a life began by one of its beats, for the grace that it gets.

    A peer that knows of nobody judges this node `initdead` after its start, however late its first
    beats come through. One that is active has judged it already, or goes by what it acknowledges.
    """
    if beat.version and beat.word == "active":
        return LONG_AGO
    return Instant(now - (beat.age or 0))
