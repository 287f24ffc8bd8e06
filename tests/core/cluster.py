"""A cluster of engines in virtual time, for transcripts: real core, a pretended kernel and network.

Delays are fixed, so that a transcript can be checked by hand: 1 ms a packet, 30 ms to start a
group, 10 ms to stop or clear one. Every packet that is lost is lost because the transcript says so.
"""

import heapq
import itertools
from collections.abc import Callable, Iterator

from twinbeat.core.beat import Life
from twinbeat.core.effects import (
    Announce,
    ClearGroup,
    Leave,
    Record,
    Remember,
    Reply,
    SendBeat,
    Serve,
    Silence,
    StartGroup,
    StopGroup,
    What,
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
    ShutdownRequested,
    Started,
    TimePassed,
)
from twinbeat.core.model import (
    AgentKind,
    ClusterModel,
    Failback,
    GroupSpec,
    LinkKind,
    LinkSpec,
    ResourceSpec,
    Timing,
)
from twinbeat.core.units import (
    MS,
    Duration,
    GroupName,
    Instant,
    LinkName,
    NodeName,
    milliseconds,
)

PACKET, START, STOP = 1 * MS, 30 * MS, 10 * MS
LINK = LinkName("eth1")
QUIET_KINDS = (What.PEER_GROUP, What.PEER_STATUS, What.LINK_UP, What.LINK_DEAD, What.PEER_LATE_BEAT)


def timing(keepalive: float, deadtime: float, initdead: float) -> Timing:
    """Return timers from milliseconds."""
    return Timing(
        keepalive=milliseconds(keepalive),
        warntime=milliseconds(deadtime / 2),
        deadtime=milliseconds(deadtime),
        initdead=milliseconds(initdead),
        deadping=milliseconds(deadtime),
    )


def model(
    count: int = 2,
    timers: Timing | None = None,
    failback: Failback | None = None,
    groups: int = 1,
) -> ClusterModel:
    """Return a cluster of `node1` ... with groups `web`, `web2` ... preferred on node1, node2 ..."""
    nodes = tuple(NodeName(f"node{i}") for i in range(1, count + 1))
    specs = []
    for index in range(groups):
        order = nodes[index % count :] + nodes[: index % count]
        name = GroupName("web" if index == 0 else f"web{index + 1}")
        httpd = ResourceSpec(name="httpd", agent=AgentKind.SCRIPT, script="httpd")
        specs.append(
            GroupSpec(
                name=name,
                nodes=order,
                resources=(httpd,),
                failback=failback or Failback(enabled=True),
            )  # fmt: skip
        )
    return ClusterModel(
        name="test",
        nodes=nodes,
        timing=timers or timing(200, 1000, 2000),
        links=(LinkSpec(name=LINK, kind=LinkKind.BROADCAST, interface="eth1"),),
        groups=tuple(specs),
        digest="same",
    )


class Machine:
    """One node: its engine, and a kernel that goes on when the daemon does not."""

    def __init__(self, cluster: "Cluster", name: NodeName) -> None:
        self.cluster = cluster
        self.name = name
        self.engine: Engine | None = None
        self.generation = 0
        self.frozen = False
        self.inbox: list[Event] = []
        self.running: set[GroupName] = set()
        self.lease: dict[GroupName, Instant] = {}
        self.broken_start: set[GroupName] = set()
        self.broken_stop: set[GroupName] = set()
        self.remembered: Remember | None = None
        self.replies: dict[int, str | None] = {}
        self.left: bool | None = None

    def boot(self) -> None:
        """Begin a new life: the kernel is silenced before the first word."""
        self.generation += 1
        self.lease.clear()
        self.inbox.clear()
        self.frozen, self.left = False, None
        life = Life(self.generation, 1000 * self.generation + int(self.name[-1]))
        kept = self.remembered
        self.engine = Engine(
            self.cluster.model, self.name, life, self.cluster.now,
            standby=kept.standby if kept else None,
            maintenance=kept.maintenance if kept else None,
        )  # fmt: skip
        self.tell(Started())
        self._tick(self.engine)

    def die(self, kernel_too: bool) -> None:
        """Lose the daemon, and with `kernel_too` the whole machine."""
        self.engine = None
        if kernel_too:
            self.running.clear()
            self.lease.clear()

    def thaw(self) -> None:
        """Go on after a freeze: first the packets that waited, then the time."""
        self.frozen = False
        waiting, self.inbox = self.inbox, []
        for event in waiting:
            self.tell(event)
        self.tell(TimePassed())

    def serves(self, group: GroupName) -> bool:
        """Whether the kernel answers for the group now."""
        return group in self.running and self.lease.get(group, 0) > self.cluster.now

    def tell(self, event: Event) -> None:
        """Tell the engine a fact and perform what it orders."""
        if self.engine is None:
            return
        if self.frozen:
            self.inbox.append(event)
            return
        for effect in self.engine.handle(event, self.cluster.now):
            self._perform(effect)

    def _tick(self, engine: Engine) -> None:
        if self.engine is not engine:
            return
        if not self.frozen and self.cluster.now >= engine.next_deadline():
            self.tell(TimePassed())
        at = engine.next_deadline()
        if self.frozen or at <= self.cluster.now:
            at = Instant(self.cluster.now + MS)
        self.cluster.at(at, lambda: self._tick(engine))

    def _perform(self, effect: object) -> None:
        cluster, engine = self.cluster, self.engine
        match effect:
            case SendBeat(beat):
                cluster.beats += 1
                for other in cluster.machines.values():
                    if other is not self and (self.name, other.name) not in cluster.cuts:
                        cluster.at(cluster.now + PACKET, lambda o=other: o.tell(
                            BeatReceived(beat, LINK)))  # type: ignore[misc]  # fmt: skip
            case StartGroup(op, spec):
                cluster.at(cluster.now + START, lambda: self._start(op, spec.name, engine))
            case StopGroup(op, group):
                cluster.at(cluster.now + STOP, lambda: self._stop(op, group, engine))
            case ClearGroup(op, spec):
                cluster.at(cluster.now + STOP, lambda: self._stop(op, spec.name, engine))
            case Serve(group, until, create):
                self._serve(group, until, create)
            case Silence(group):
                self.lease.pop(group, None)
            case Remember():
                self.remembered = effect
            case Reply(request, refused):
                self.replies[request] = refused
            case Leave(clean):
                self.left, self.engine = clean, None
            case Record():
                cluster.tell(self.name, effect)
            case Announce(group):
                cluster.write(self.name, "announces again", str(group), "")

    def _start(self, op: int, group: GroupName, engine: Engine | None) -> None:
        if self.engine is not engine:
            return
        if group in self.broken_start:
            self.tell(GroupStartFailed(op, group, "httpd", "exit code 1"))
            return
        self.running.add(group)
        self.tell(GroupStarted(op, group))

    def _stop(self, op: int, group: GroupName, engine: Engine | None) -> None:
        if self.engine is not engine:
            return
        if group in self.broken_stop and group in self.running:
            self.tell(GroupStopFailed(op, group, "httpd", "exit code 1"))
            return
        self.running.discard(group)
        self.lease.pop(group, None)
        self.tell(GroupStopped(op, group))

    def _serve(self, group: GroupName, until: Instant, create: bool) -> None:
        alive = self.lease.get(group, 0) > self.cluster.now
        if alive == create:
            self.cluster.at(
                self.cluster.now,
                lambda: self.tell(LeaseLapsed(group, "the element is there" if create else "gone")),
            )
            return
        self.lease[group] = until


class Cluster:
    """The machines, the wires between them, and the only clock."""

    def __init__(self, cluster_model: ClusterModel) -> None:
        self.model = cluster_model
        self.now = Instant(10_000 * MS)
        self.started_at = self.now
        self.machines = {name: Machine(self, name) for name in cluster_model.nodes}
        self.cuts: set[tuple[NodeName, NodeName]] = set()
        self.lines: list[str] = []
        self.beats = 0
        self.dual = Duration(0)
        """For how long two kernels answered for one group."""
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def at(self, when: int, action: Callable[[], None]) -> None:
        """Do something at an instant."""
        heapq.heappush(self._queue, (when, next(self._order), action))

    def run(self, span: Duration) -> None:
        """Let time pass, watching who serves."""
        end = self.now + span
        while self._queue and self._queue[0][0] <= end:
            when, _, action = heapq.heappop(self._queue)
            self._advance(max(when, self.now))
            action()
        self._advance(end)

    def _advance(self, to: int) -> None:
        step = to - self.now
        if step > 0 and any(len(self.serving(g.name)) > 1 for g in self.model.groups):
            self.dual = Duration(self.dual + step)
        self.now = Instant(to)

    def serving(self, group: GroupName) -> list[NodeName]:
        """Return the nodes whose kernels answer for a group now."""
        return [name for name, machine in self.machines.items() if machine.serves(group)]

    def tell(self, node: NodeName, record: Record) -> None:
        """Write a journal entry as a line, the very frequent kinds left out."""
        if record.what in QUIET_KINDS:
            return
        subject = " ".join(str(s) for s in (record.group, record.peer) if s)
        self.write(node, str(record.what), subject, record.because)

    def write(self, node: NodeName, what: str, subject: str, because: str) -> None:
        """Write one aligned line."""
        at = (self.now - self.started_at) / MS
        self.lines.append(f"{at:>8.0f} {node}  {what:<20} {subject:<10} {because}".rstrip())

    def shutdown(self, name: NodeName) -> None:
        """Stop a node's daemon cleanly."""
        self.machines[name].tell(ShutdownRequested())

    def drain(self) -> Iterator[str]:
        """Return the lines written since the last call."""
        lines, self.lines = self.lines, []
        yield from lines
