"""What a picture of one run needs: who ran and answered when, what went wrong, who heard whom."""

from collections.abc import Iterable
from dataclasses import dataclass

from twinbeat.core.beat import Beat
from twinbeat.core.units import GroupName, Instant, NodeName

from .faults import Fault
from .node import Node
from .watch import Watcher
from .world import World


@dataclass(slots=True)
class Band:
    """A stretch of time, in nanoseconds since the start of the run."""

    begin: int
    end: int


class Bands:
    """The stretches in which something was so, by what it is about."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, ...], Band] = {}
        self.closed: dict[tuple[str, ...], list[Band]] = {}

    def set(self, key: tuple[str, ...], on: bool, at: int) -> None:
        """Begin or end a stretch; what is so already stays so."""
        if on and key not in self._open:
            self._open[key] = Band(at, at)
        elif not on and key in self._open:
            band = self._open.pop(key)
            band.end = at
            if band.end > band.begin:
                self.closed.setdefault(key, []).append(band)

    def finish(self, at: int) -> None:
        """End what still lasts."""
        for key in list(self._open):
            self.set(key, False, at)

    def of(self, *key: str) -> list[Band]:
        """Return the stretches of one key."""
        return self.closed.get(key, [])


class Sketch(Watcher):
    """Takes notes of a run."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._began = world.now
        self.nodes: tuple[NodeName, ...] = tuple(world.nodes)
        self.groups: list[GroupName] = []
        self.bands = Bands()
        """Keys: `answers`, `runs`: node, group; `away`: node; `hears`: hearer, speaker."""
        self.faults: list[tuple[Fault, Band]] = []
        self.moves: list[tuple[int, NodeName, GroupName]] = []
        """Every start that was ordered: when, where, what."""
        self.parts: list[tuple[int, str]] = []
        """When each part of the run began."""
        self.end = 0
        self._lasting: dict[int, Band] = {}
        self._heard: dict[tuple[NodeName, NodeName], Instant] = {}

    def _now(self) -> int:
        return self._world.now - self._began

    def heard(self, node: Node, beat: Beat) -> None:
        """Note that a node hears another; a silence longer than the warntime is a gap."""
        key = (node.name, beat.node)
        before = self._heard.get(key)
        now = self._world.now
        if before is not None and now - before > node.model.timing.warntime:
            self.bands.set(("hears", *key), False, before - self._began)
        self.bands.set(("hears", *key), True, self._now())
        self._heard[key] = now

    def started(self, node: Node, group: GroupName) -> None:
        """Note a start."""
        self.moves.append((self._now(), node.name, group))
        if group not in self.groups:
            self.groups.append(group)

    def kernel_changed(self, node: Node) -> None:
        """Note what a kernel runs and answers for."""
        answering = set(node.kernel.serving())
        for group in self.groups:
            now = self._now()
            self.bands.set(("answers", node.name, group), group in answering, now)
            self.bands.set(("runs", node.name, group), node.kernel.runs(group), now)

    def lived(self, node: Node, what: str) -> None:
        """Note when a daemon does not run."""
        self.bands.set(("away", node.name), not node.running, self._now())

    def injected(self, fault: Fault) -> None:
        """Note the beginning of a fault."""
        band = self._lasting[fault.number] = Band(self._now(), self._now())
        self.faults.append((fault, band))

    def healed(self, fault: Fault) -> None:
        """Note its end."""
        if (band := self._lasting.pop(fault.number, None)) is not None:
            band.end = self._now()

    def part(self, name: str) -> None:
        """Note that a part of the run begins."""
        self.parts.append((self._now(), name))

    def finish(self) -> None:
        """Close everything at the end of the run."""
        self.end = self._now()
        for (hearer, speaker), at in self._heard.items():
            if self._world.now - at > self._world.nodes[hearer].model.timing.warntime:
                self.bands.set(("hears", hearer, speaker), False, at - self._began)
        self.bands.finish(self.end)
        for band in self._lasting.values():
            band.end = self.end

    def lanes(self) -> list[list[tuple[Fault, Band]]]:
        """Return the faults in lanes in which none overlaps another."""
        lanes: list[list[tuple[Fault, Band]]] = []
        for fault, band in self.faults:
            free = (lane for lane in lanes if lane[-1][1].end < band.begin)
            lane = next(free, None)
            if lane is None:
                lanes.append(lane := [])
            lane.append((fault, band))
        return lanes


def peers(nodes: Iterable[NodeName], me: NodeName) -> list[NodeName]:
    """Return all but one."""
    return [node for node in nodes if node != me]
