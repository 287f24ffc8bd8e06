"""A cluster of engines in virtual time: real core, a pretended kernel and network, one clock.

By default everything takes a fixed time, so that a transcript can be checked by hand: 1 ms a
packet, 2 ms until a group's address is up and 30 ms until all of it is started, 10 ms to stop or
clear it; nothing is lost unless a test says so.
A test that wants chance hands in another `Nature`.
"""

import heapq
import itertools
from collections.abc import Callable, Iterator
from functools import partial

from core_machine import Machine, Nature

from twinbeat.core.beat import Beat
from twinbeat.core.effects import Record, What
from twinbeat.core.events import BeatReceived, ShutdownRequested
from twinbeat.core.model import (
    AgentKind,
    ClusterModel,
    Failback,
    GroupSpec,
    LinkKind,
    LinkSpec,
    Proof,
    ResourceSpec,
    Timing,
)
from twinbeat.core.units import (
    LONG_AGO,
    MS,
    Duration,
    GroupName,
    Instant,
    LinkName,
    NodeName,
    milliseconds,
)
from twinbeat.sim.devices import Devices
from twinbeat.sim.store import Arbiter

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
    script: str = "httpd",
    proof: Proof = Proof.PEER,
    startup_fencing: bool = False,
) -> ClusterModel:
    """Return node1, node2 ... and groups web, web2 ... preferred on node1, node2 ... in turn."""
    nodes = tuple(NodeName(f"node{i}") for i in range(1, count + 1))
    specs = []
    for index in range(groups):
        order = nodes[index % count :] + nodes[: index % count]
        specs.append(
            GroupSpec(
                name=GroupName("web" if index == 0 else f"web{index + 1}"),
                nodes=order,
                resources=(ResourceSpec(name=script, agent=AgentKind.SCRIPT, script=script),),
                failback=failback or Failback(enabled=True),
            )
        )
    return ClusterModel(
        name="test",
        nodes=nodes,
        timing=timers or timing(200, 1000, 2000),
        links=(LinkSpec(name=LINK, kind=LinkKind.BROADCAST, interface="eth1"),),
        groups=tuple(specs),
        proof=proof,
        startup_fencing=startup_fencing,
        digest=f"{count} nodes, {groups} groups, {script}, {failback}",
    )


class Cluster:
    """The machines, the wires between them, and the only clock."""

    def __init__(self, cluster_model: ClusterModel, nature: Nature | None = None) -> None:
        self.model = cluster_model
        self.nature = nature or Nature()
        self.now = Instant(10_000 * MS)
        self.started_at = self.now
        self.machines = {name: Machine(self, name) for name in cluster_model.nodes}
        self.cuts: set[tuple[NodeName, NodeName]] = set()
        self.lines: list[str] = []
        self.dual = Duration(0)
        """For how long two kernels answered for one group."""
        self.starts: list[tuple[Instant, NodeName, GroupName]] = []
        self.trespasses: list[str] = []
        """Starts while another node's resources ran and its silence proved nothing."""
        self._tokens = itertools.count(1)
        self._queue: list[tuple[int, int, Callable[[], object]]] = []
        self._order = itertools.count()
        self.devices = Devices(self.at, lambda: self.now, self._power_off, self._power_on)
        self.arbiter = Arbiter(self.at, lambda: self.now)

    def next_token(self) -> int:
        """Return what tells one life from every other."""
        return next(self._tokens)

    # Time.

    def at(self, when: int, action: Callable[[], object]) -> None:
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

    # Wires.

    def carry(self, beat: Beat) -> None:
        """Carry a beat to every other node that the wires reach."""
        for name, machine in self.machines.items():
            if name != beat.node and (beat.node, name) not in self.cuts:
                for delay in self.nature.packet(beat.node, name):
                    self.at(self.now + delay, partial(machine.tell, BeatReceived(beat, LINK)))

    # What is seen from outside.

    def serving(self, group: GroupName) -> list[NodeName]:
        """Return the nodes whose kernels answer for a group now."""
        return [name for name, machine in self.machines.items() if machine.serves(group)]

    def judge_start(self, starter: Machine, group: GroupName) -> None:
        """Note a start, and whom it wrongs: a node that may run the group and was heard of late."""
        self.starts.append((self.now, starter.name, group))
        timers = self.model.timing
        for other in self.machines.values():
            if other is starter or group not in other.running:
                continue
            heard_at = starter.heard.get(other.name)
            limit = timers.initdead if heard_at is None else timers.deadtime
            silence = self.now - max(starter.awake_since, heard_at or LONG_AGO)
            if silence < limit:
                self.trespasses.append(
                    f"{starter.name} starts {group} at {self.now / MS}, {other.name} runs it, "
                    f"silent for {silence / MS} ms"
                )

    def tell(self, node: NodeName, record: Record) -> None:
        """Write a journal entry as a line, the very frequent kinds left out."""
        if record.what in QUIET_KINDS:
            return
        subject = " ".join(str(s) for s in (record.group, record.peer) if s)
        self.write(node, str(record.what), subject, record.because)

    def write(self, node: NodeName, what: str, subject: str, because: str) -> None:
        """Write one aligned line."""
        at = (self.now - self.started_at) / MS
        self.lines.append(f"{at:>7.0f} {node}  {what:<19} {subject:<10} {because}".rstrip())

    def _power_off(self, name: NodeName) -> None:
        self.write(name, "power is cut", "", "")
        self.machines[name].die(kernel_too=True)

    def _power_on(self, name: NodeName) -> None:
        self.write(name, "power is back", "", "")
        self.machines[name].boot()

    def shutdown(self, name: NodeName) -> None:
        """Stop a node's daemon cleanly."""
        self.machines[name].tell(ShutdownRequested())

    def drain(self) -> Iterator[str]:
        """Return the lines written since the last call."""
        lines, self.lines = self.lines, []
        yield from lines
