"""Do the faults to the world, and undo them.

Faults overlap, so nothing is switched off by the end of one: what lasts is worked out anew from all
the faults that are going on, level by level.
"""

from collections.abc import Iterator
from functools import partial

from twinbeat.core.beat import CLUSTER
from twinbeat.core.effects import Remember
from twinbeat.core.events import (
    CleanupRequested,
    FailbackRequested,
    HandoverRequested,
    LeaseLapsed,
    MaintenanceRequested,
    StandbyRequested,
)
from twinbeat.core.units import MS, SECOND, Duration, GroupName, Instant, NodeName

from .agents import Conduct
from .attacker import Attacker
from .chance import Chance
from .devices import Manner
from .faults import Fault, FaultKind
from .hands import WriteLease
from .node import Node
from .options import LINK, Options, Revision, model_of
from .schedule import Schedule
from .store import Loss
from .troubles import Troubles
from .weather import Weather
from .world import World

_DOWN = frozenset({
    FaultKind.POWER_OFF, FaultKind.KILL, FaultKind.RESTART, FaultKind.FORGET, FaultKind.SNAPSHOT,
    FaultKind.ENABLED_AT_BOOT,
})  # fmt: skip
_FREEZES = frozenset({
    FaultKind.FREEZE, FaultKind.FREEZE_BEFORE_RENEWAL, FaultKind.FREEZE_BEFORE_WRITE,
})  # fmt: skip
Kinds = frozenset[FaultKind]
_START_FAILS = frozenset({FaultKind.START_FAILS})
_START_HANGS = frozenset({FaultKind.START_HANGS, FaultKind.RESTART_HANGS})
_STOP_FAILS = frozenset({FaultKind.STOP_FAILS, FaultKind.RESTART_STOP_FAILS})
_STOP_HANGS = frozenset({FaultKind.STOP_HANGS})
_RELOADS = frozenset({
    FaultKind.RELOAD_TIMERS, FaultKind.RELOAD_GROUPS, FaultKind.RELOAD_RESOURCES,
})  # fmt: skip


class Injector:
    """Plays a schedule on a world."""

    def __init__(self, world: World, options: Options, weather: Weather, chance: Chance) -> None:
        self._world = world
        self._options = options
        self._weather = weather
        self._chance = chance
        self._attacker = Attacker(world, chance)
        self._going_on: dict[int, Fault] = {}
        self._ends: dict[int, Instant] = {}
        """When each of them ends, in true time."""
        self._snapshots: dict[NodeName, Remember | None] = {}
        self._turn = {
            name: turn if options.differing else 0 for turn, name in enumerate(options.names)
        }
        self._requests = 0
        world.devices.reboots = options.reboots
        self._troubles = Troubles(world, self._of, self._request)

    def plan(self, schedule: Schedule) -> None:
        """Let every fault of a schedule begin and end in its time, counted from now."""
        self._snapshots = {name: node.kept for name, node in self._world.nodes.items()}
        for fault in schedule:
            self._world.at(Instant(self._world.now + fault.at), partial(self._begin, fault))

    def heal_all(self) -> None:
        """End every fault; afterwards every node runs, and all are configured alike."""
        for fault in list(self._going_on.values()):
            self._end(fault)
        self._turn = dict.fromkeys(self._turn, 0)
        for node in self._world.nodes.values():
            self._reload(node)
            self._boot(node)
            node.agents.broken_starts = 0

    def _begin(self, fault: Fault) -> None:
        end = Instant(self._world.now + fault.span)
        self._going_on[fault.number], self._ends[fault.number] = fault, end
        self._world.tell_injected(fault)
        for name in fault.nodes or self._options.names:
            self._strike(fault, self._world.nodes[name])
        self._level(fault.kind)
        self._world.at(end, partial(self._end, fault))

    def _end(self, fault: Fault) -> None:
        if self._going_on.pop(fault.number, None) is None:
            return
        for name in fault.nodes or self._options.names:
            self._relieve(fault, self._world.nodes[name])
        self._level(fault.kind)
        self._world.tell_healed(fault)

    # What happens to a node at once.

    def _strike(self, fault: Fault, node: Node) -> None:
        match fault.kind:
            case FaultKind.POWER_OFF | FaultKind.SNAPSHOT:
                node.power_off()
            case FaultKind.KILL | FaultKind.FORGET:
                node.kill()
            case FaultKind.RESTART:
                node.shutdown()
            case FaultKind.FREEZE:
                node.freeze()
            case FaultKind.FREEZE_BEFORE_RENEWAL:
                node.freeze(before_renewal=True)
            case FaultKind.FREEZE_BEFORE_WRITE:
                node.trap(WriteLease, node.freeze, before=True)
            case FaultKind.PAUSE:
                node.pause()
            case FaultKind.LEASE_LOST:
                lost = node.kernel.serving()
                node.kernel.lose_leases()
                for group in lost:
                    node.tell(LeaseLapsed(group, "it was flushed"))
            case FaultKind.FORGERY:
                self._attacker.forge(node, fault)
            case FaultKind.REPLAY:
                self._attacker.replay(node, fault)
            case FaultKind.STANDBY | FaultKind.MAINTENANCE:
                self._switch(fault, node, on=True)
            case FaultKind.HANDOVER | FaultKind.FAILBACK | FaultKind.CLEANUP:
                self._command(fault, node)
            case _:
                self._troubles.strike(fault, node)

    def _relieve(self, fault: Fault, node: Node) -> None:
        self._troubles.relieve(fault, node)
        if fault.kind is FaultKind.SNAPSHOT and node.engine is None:
            node.kept = self._snapshots[node.name]
        if fault.kind is FaultKind.FORGET and node.engine is None:
            node.forget()
        if fault.kind in _DOWN:
            self._boot(node)
        if fault.kind in _FREEZES and not self._any(_FREEZES, node.name):
            node.thaw()
        if fault.kind is FaultKind.PAUSE and not self._of(FaultKind.PAUSE, node.name):
            node.resume()
        if fault.kind in (FaultKind.STANDBY, FaultKind.MAINTENANCE):
            self._switch(fault, node, on=False)

    def _boot(self, node: Node) -> None:
        """Begin a new life, unless a fault forbids it; one that is still leaving is waited for."""
        if self._any(_DOWN, node.name):
            return
        if node.engine is not None and node.engine.leaving:
            self._world.at(Instant(self._world.now + SECOND), partial(self._boot, node))
        else:
            node.boot()

    # The operator.

    def _command(self, fault: Fault, node: Node) -> None:
        """Give an order to a node's daemon; it may refuse."""
        groups = [spec.name for spec in node.model.groups]
        for name in groups if fault.kind is FaultKind.CLEANUP else groups[fault.size :][:1]:
            match fault.kind:
                case FaultKind.HANDOVER:
                    node.tell(HandoverRequested(self._request(), name, None))
                case FaultKind.FAILBACK:
                    node.tell(FailbackRequested(self._request(), name))
                case _:
                    node.tell(CleanupRequested(self._request(), name, node.name))

    def _switch(self, fault: Fault, node: Node, on: bool) -> None:
        """Turn a switch at a node; with no node named, that of the cluster, at every node."""
        request = self._request()
        if fault.kind is FaultKind.STANDBY:
            node.tell(StandbyRequested(request, node.name, on))
        else:
            node.tell(MaintenanceRequested(request, node.name if fault.nodes else CLUSTER, on))

    def _request(self) -> int:
        self._requests += 1
        return self._requests

    # What lasts, worked out anew from everything that is going on.

    def _of(self, kind: FaultKind, node: NodeName | None = None) -> list[Fault]:
        """Return the faults of a kind that are going on, at a node or anywhere."""
        return [
            fault
            for fault in self._going_on.values()
            if fault.kind is kind and (node is None or not fault.nodes or node in fault.nodes)
        ]

    def _any(self, kinds: frozenset[FaultKind], node: NodeName) -> bool:
        return any(self._of(kind, node) for kind in kinds)

    def _level(self, kind: FaultKind) -> None:
        if kind in _RELOADS:
            self._level_models()
            return
        self._level_wires()
        self._level_proofs()
        for node in self._world.nodes.values():
            self._level_agents(node)
            node.unseen = self._lost_to(node)
            fast = [fault.size for fault in self._of(FaultKind.DRIFT, node.name)]
            usual = self._options.drift[self._options.names.index(node.name)]
            if (ppm := fast[-1] if fast else usual) != node.clock.ppm:
                node.clock.set_rate(ppm)

    def _lost_to(self, node: Node) -> set[NodeName]:
        """Return the ping nodes whose answers do not reach a node."""
        pings = [ping.name for ping in node.model.pings]
        sizes = [fault.size for fault in self._of(FaultKind.PING_LOST, node.name)]
        return {name for size in sizes for name in (pings[size - 1 : size] if size else pings)}

    def _level_wires(self) -> None:
        cuts = {path for fault in self._going_on.values() for path in self._cut_by(fault)}
        self._world.network.cuts = {(*path, LINK) for path in cuts}
        for (sender, receiver, _), path in self._weather.paths.items():
            here = [f for f in self._going_on.values() if f.nodes == (sender, receiver)]

            def most(kind: FaultKind, here: list[Fault] = here) -> int:
                return max((fault.size for fault in here if fault.kind is kind), default=0)

            path.loss, path.twice = most(FaultKind.LOSS), most(FaultKind.DUPLICATES)
            path.late = Duration(most(FaultKind.DELAY) * MS)
            clogs = [self._ends[f.number] for f in here if f.kind is FaultKind.CLOG]
            path.clogged_until = max(clogs, default=Instant(0))

    def _cut_by(self, fault: Fault) -> Iterator[tuple[NodeName, NodeName]]:
        """Yield the directions that a fault cuts."""
        nodes = fault.nodes
        match fault.kind:
            case FaultKind.CUT_PATH | FaultKind.CUT_PAIR:
                yield nodes[0], nodes[1]
                if fault.kind is FaultKind.CUT_PAIR:
                    yield nodes[1], nodes[0]
            case FaultKind.ISOLATE | FaultKind.SPLIT | FaultKind.MUTE | FaultKind.SPLIT_ONE_WAY:
                yield from ((one, other) for one in nodes for other in self._rest(nodes))
        if fault.kind in (FaultKind.ISOLATE, FaultKind.SPLIT, FaultKind.DEAFEN):
            yield from ((other, one) for one in nodes for other in self._rest(nodes))

    def _rest(self, nodes: tuple[NodeName, ...]) -> list[NodeName]:
        return [name for name in self._options.names if name not in nodes]

    def _level_agents(self, node: Node) -> None:
        def conduct(fails: Kinds, hangs: Kinds) -> dict[GroupName | None, Conduct]:
            if self._any(hangs, node.name):
                return {None: Conduct.HANGS}
            return {None: Conduct.FAILS} if self._any(fails, node.name) else {}

        node.agents.starts = conduct(_START_FAILS, _START_HANGS)
        node.agents.stops = conduct(_STOP_FAILS, _STOP_HANGS)
        self._troubles.level(node)
        slow = [fault.size for fault in self._of(FaultKind.SLOW_AGENTS, node.name)]
        node.agents.slowness = max(slow, default=1)

    def _level_proofs(self) -> None:
        devices, arbiter = self._world.devices, self._world.arbiter
        manners = (
            (FaultKind.FENCING_LIES, Manner.LIES),
            (FaultKind.FENCING_HANGS, Manner.HANGS),
            (FaultKind.FENCING_HANGS_LATE, Manner.HANGS_LATE),
            (FaultKind.FENCING_FAILS, Manner.FAILS),
        )
        manner = next((manner for kind, manner in manners if self._of(kind)), Manner.WORKS)
        devices.manners = dict.fromkeys(self._options.names, manner)
        arbiter.down = bool(self._of(FaultKind.ARBITER_DOWN))
        slow = [fault.size for fault in self._of(FaultKind.ARBITER_SLOW)]
        arbiter.slow = Duration(max(slow, default=0) * MS)
        lost = {name for fault in self._of(FaultKind.ARBITER_CUT) for name in fault.nodes}
        arbiter.losses = dict.fromkeys(sorted(lost), Loss.EITHER)

    # The configuration.

    def _level_models(self) -> None:
        """Let the nodes read what the files say now, one after the other."""
        for turn, node in enumerate(self._world.nodes.values()):
            wait = turn * self._options.timing.keepalive * 3
            self._world.at(Instant(self._world.now + wait), partial(self._reload, node))

    def _reload(self, node: Node) -> None:
        timers = [fault.size for fault in self._of(FaultKind.RELOAD_TIMERS)]
        revision = Revision(
            timers=timers[-1] if timers else 100,
            extra=bool(self._of(FaultKind.RELOAD_GROUPS)),
            resources=frozenset(f.size for f in self._of(FaultKind.RELOAD_RESOURCES)),
        )
        model = model_of(self._options, self._turn[node.name], revision)
        if model != node.model:
            node.reload(model)
