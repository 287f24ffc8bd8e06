"""One node in virtual time: the real engine over a pretended kernel, and what nature does to it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from twinbeat.core.beat import Beat, Life
from twinbeat.core.effects import (
    Announce,
    AskArbiter,
    ClearGroup,
    Effect,
    Leave,
    ProveDead,
    Record,
    Remember,
    Reply,
    SendBeat,
    Serve,
    Silence,
    StartGroup,
    StopGroup,
)
from twinbeat.core.engine import Engine
from twinbeat.core.events import (
    BeatReceived,
    Event,
    GroupStarted,
    GroupStartFailed,
    GroupStopFailed,
    GroupStopped,
    LeaseLapsed,
    Started,
    TimePassed,
)
from twinbeat.core.model import ClusterModel
from twinbeat.core.units import LONG_AGO, MS, NEVER, Duration, GroupName, Instant, NodeName

if TYPE_CHECKING:
    from cluster import Cluster

PACKET, ADDRESS = Duration(1 * MS), Duration(2 * MS)
START, STOP = Duration(30 * MS), Duration(10 * MS)
"""The address of a group is up after 2 ms, all of it after 30 ms; stopping takes 10 ms."""

SOCKET_BEATS = 12
"""What a frozen node's socket holds: the newest packets are lost, the oldest survive."""


class Nature:
    """How long things take and what gets lost."""

    def packet(self, sender: NodeName, receiver: NodeName) -> Sequence[Duration]:
        """Return the delay of each copy that arrives; none: the packet is lost."""
        return (PACKET,)

    def agent(self, usual: Duration) -> Duration:
        """Return how long a start or a stop takes."""
        return usual

    def oversleep(self) -> Duration:
        """Return how much later than its deadline a daemon wakes."""
        return Duration(0)


@dataclass(frozen=True)
class Birth:
    """Everything a life begins with: with its history, all that is needed to live it again."""

    model: ClusterModel
    node: NodeName
    life: Life
    at: Instant
    kept: Remember | None

    def engine(self) -> Engine:
        """Return a fresh engine."""
        kept = self.kept
        return Engine(
            self.model, self.node, self.life, self.at,
            standby=kept.standby if kept else None,
            maintenance=kept.maintenance if kept else None,
        )  # fmt: skip


class Machine:
    """One node: its engine, and a kernel that goes on when the daemon does not."""

    def __init__(self, cluster: "Cluster", name: NodeName) -> None:
        self.cluster = cluster
        self.name = name
        self.model = cluster.model
        self.engine: Engine | None = None
        self.birth: Birth | None = None
        self.history: list[tuple[Instant, Event, list[Effect]]] = []
        self.frozen = False
        self.inbox: list[Event] = []
        self.running: set[GroupName] = set()
        """Groups of which something may run."""
        self.up: set[GroupName] = set()
        """Groups whose address the kernel has."""
        self.lease: dict[GroupName, Instant] = {}
        self.broken_start: set[GroupName] = set()
        self.broken_stop: set[GroupName] = set()
        self.refused: set[GroupName] = set()
        """Groups for which this kernel takes no lease."""
        self.remembered: Remember | None = None
        self.generation = 0
        self.replies: dict[int, str | None] = {}
        self.left: bool | None = None
        self.heard: dict[NodeName, Instant] = {}
        """When this life last took in a newer beat of each peer."""
        self._newest: dict[NodeName, tuple[int, int]] = {}
        self.awake_since: Instant = LONG_AGO
        self._answering: set[GroupName] = set()
        self._armed: Instant = NEVER
        self._lost = Duration(0)
        """For how long this machine's clock has stood still so far."""
        self._paused_at: Instant | None = None

    @property
    def now(self) -> Instant:
        """This machine's own time."""
        true = self.cluster.now if self._paused_at is None else self._paused_at
        return Instant(true - self._lost)

    # Faults and their end.

    def boot(self) -> None:
        """Begin a new life: the kernel is silenced before the first word."""
        kept = self.remembered
        self.generation = 1 + max(self.generation, kept.generation if kept else 0)
        self.lease.clear()
        self.kernel_changed()
        self.inbox.clear()
        self.heard.clear()
        self._newest.clear()
        self.history.clear()
        self.frozen, self.left, self._armed = False, None, NEVER
        self.awake_since = self.cluster.now
        life = Life(self.generation, self.cluster.next_token())
        self.birth = Birth(self.model, self.name, life, self.now, kept)
        self.engine = self.birth.engine()
        self.tell(Started())

    def die(self, kernel_too: bool) -> None:
        """Lose the daemon, and with `kernel_too` the whole machine."""
        self.engine = None
        if kernel_too:
            self.running.clear()
            self.up.clear()
            self.lease.clear()
        self.kernel_changed()

    def forget(self) -> None:
        """Lose the file that keeps the generation and the switches."""
        self.generation, self.remembered = 0, None

    def thaw(self) -> None:
        """Go on after a freeze: first the packets that waited, then the time."""
        self.frozen = False
        self.awake_since = self.cluster.now
        waiting, self.inbox = self.inbox, []
        for event in waiting:
            self.tell(event)
        self.tell(TimePassed())

    def pause(self) -> None:
        """Stop the whole machine, its clock and its kernel's timers too."""
        self.frozen, self._paused_at = True, self.cluster.now
        self.kernel_changed()

    def resume(self) -> None:
        """Go on as if nothing had been."""
        assert self._paused_at is not None
        self._lost = Duration(self._lost + self.cluster.now - self._paused_at)
        self._paused_at = None
        for until in self.lease.values():
            self.cluster.at(until + self._lost, self.kernel_changed)
        self.kernel_changed()
        self._armed = NEVER
        self.thaw()

    # The daemon's loop.

    def tell(self, event: Event) -> None:
        """Tell the engine a fact and perform what it orders."""
        if self.engine is None:
            return
        if self.frozen:
            if not isinstance(event, BeatReceived) or len(self.inbox) < SOCKET_BEATS:
                self.inbox.append(event)
            return
        now = self.now
        if isinstance(event, BeatReceived):
            self._hear(event.beat)
        effects = self.engine.handle(event, now)
        self.history.append((now, event, effects))
        for effect in effects:
            self._perform(effect)
        self._arm()

    def _hear(self, beat: Beat) -> None:
        said = (beat.life.generation, beat.seq)
        if said > self._newest.get(beat.node, (0, 0)):
            self._newest[beat.node], self.heard[beat.node] = said, self.cluster.now

    def _arm(self) -> None:
        if self.engine is None:
            return
        due = max(self.engine.next_deadline(), self.now)
        if due != self._armed:
            self._armed = due
            wakes = due + self._lost + self.cluster.nature.oversleep()
            self.cluster.at(wakes, lambda: self._wake(due))

    def _wake(self, due: Instant) -> None:
        if due != self._armed or self.engine is None or self.frozen:
            return
        self.tell(TimePassed())
        busy = self.engine is not None and self.engine.next_deadline() <= self.now
        assert not busy, f"{self.name} would spin: time passed and its deadline is still due"

    def _perform(self, effect: Effect) -> None:
        cluster, engine = self.cluster, self.engine
        match effect:
            case SendBeat(beat):
                cluster.carry(beat)
            case StartGroup(op, spec):
                cluster.judge_start(self, spec.name)
                self.running.add(spec.name)
                self._later(ADDRESS, lambda: self._address_up(spec.name, engine))
                self._later(START, lambda: self._started(op, spec.name, engine))
            case StopGroup(op, group):
                self._later(STOP, lambda: self._stopped(op, group, engine))
            case ClearGroup(op, spec):
                self._later(STOP, lambda: self._stopped(op, spec.name, engine))
            case Serve(group, until, create):
                self._serve(group, until, create)
            case Silence(group):
                self.lease.pop(group, None)
                self.kernel_changed()
            case Remember():
                self.remembered = effect
            case ProveDead():
                cluster.devices.prove(effect, partial(self._learn, engine=engine))
            case AskArbiter():
                cluster.arbiter.ask(self.name, effect, partial(self._learn, engine=engine))
            case Reply(request, refused):
                self.replies[request] = refused
            case Leave(clean):
                self.left, self.engine = clean, None
            case Record():
                cluster.tell(self.name, effect)
            case Announce(group):
                cluster.write(self.name, "announces again", str(group), "")

    def _learn(self, outcome: Event, engine: Engine | None) -> None:
        if self.engine is engine:
            self.tell(outcome)

    # Agents and the kernel.

    def _later(self, usual: Duration, outcome: Callable[[], None]) -> None:
        self.cluster.at(self.cluster.now + self.cluster.nature.agent(usual), outcome)

    def _address_up(self, group: GroupName, engine: Engine | None) -> None:
        if self.engine is engine and group in self.running:
            self.up.add(group)
            self.kernel_changed()

    def _started(self, op: int, group: GroupName, engine: Engine | None) -> None:
        if self.engine is not engine:
            return
        if group in self.broken_start:
            self.tell(GroupStartFailed(op, group, "httpd", "exit code 1"))
        else:
            self.tell(GroupStarted(op, group))

    def _stopped(self, op: int, group: GroupName, engine: Engine | None) -> None:
        if self.engine is not engine:
            return
        if group in self.broken_stop and group in self.running:
            self.tell(GroupStopFailed(op, group, "httpd", "exit code 1"))
            return
        self.running.discard(group)
        self.up.discard(group)
        self.lease.pop(group, None)
        self.kernel_changed()
        self.tell(GroupStopped(op, group))

    def _serve(self, group: GroupName, until: Instant, create: bool) -> None:
        there = self.lease.get(group, LONG_AGO) > self.now
        if group in self.refused or create == there:
            why = "the element is there" if there else "the element cannot be written"
            self.drop_lease(group, why)
            return
        self.lease[group] = until
        self.cluster.at(until + self._lost, self.kernel_changed)
        self.kernel_changed()

    def drop_lease(self, group: GroupName, why: str) -> None:
        """Let the kernel lose a lease element; the daemon is told a little later."""
        self.lease.pop(group, None)
        self.kernel_changed()
        self.cluster.at(self.cluster.now + PACKET, lambda: self.tell(LeaseLapsed(group, why)))

    def serves(self, group: GroupName) -> bool:
        """Whether the kernel answers for the group now."""
        going = self._paused_at is None
        return going and group in self.up and self.lease.get(group, LONG_AGO) > self.now

    def kernel_changed(self) -> None:
        """Write a line for every group whose address this kernel begins or ceases to answer."""
        answering = {group for group in self.lease if self.serves(group)}
        for group in sorted(answering - self._answering):
            self.cluster.write(self.name, "kernel answers", group, "")
        for group in sorted(self._answering - answering):
            self.cluster.write(self.name, "kernel silent", group, "")
        self._answering = answering
