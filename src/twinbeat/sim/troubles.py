"""What befalls resources, and what operators do about it, done to the world (`care` draws it)."""

from collections.abc import Callable
from functools import partial

from twinbeat.core.events import ClearRequested, ConfirmRequested
from twinbeat.core.model import AgentKind, GroupSpec, ResourceSpec
from twinbeat.core.units import MS, GroupName, Instant, NodeName

from .faults import Fault, FaultKind
from .node import Node
from .world import World

GoingOn = Callable[[FaultKind, NodeName | None], list[Fault]]

_DIE_AT_ONCE = frozenset({
    FaultKind.RESOURCE_DIES, FaultKind.RESTART_FAILS, FaultKind.RESTART_HANGS,
    FaultKind.RESTART_STOP_FAILS, FaultKind.RESOURCE_DIES_AGAIN,
})  # fmt: skip
_DIE_UNSEEN = frozenset({FaultKind.RESOURCE_DIES_UNSEEN, FaultKind.RESOURCE_COMES_BACK})
_OF_THE_LAST = frozenset({FaultKind.RESTART_FAILS, FaultKind.RESOURCE_DIES_AGAIN})
"""Those whose size says something else than which resource ends."""


class Troubles:
    """Plays those faults of a schedule that concern resources."""

    def __init__(self, world: World, going_on: GoingOn, request: Callable[[], int]) -> None:
        """`going_on` returns the faults of a kind at a node, `request` a new request's number."""
        self._world = world
        self._going_on = going_on
        self._request = request
        for node in world.nodes.values():
            node.agents.on_started = partial(self._started, node)

    def strike(self, fault: Fault, node: Node) -> None:
        """Begin it at a node."""
        kind = fault.kind
        if kind is FaultKind.RESTART_FAILS:
            node.agents.broken_starts = fault.size
        if kind in _DIE_AT_ONCE or kind in _DIE_UNSEEN:
            for spec in node.model.groups:
                node.agents.die(spec.name, _which(spec, fault), noticed=kind in _DIE_AT_ONCE)
        elif kind is FaultKind.ENABLED_AT_BOOT:
            node.power_off()
            node.enabled_at_boot = True
        elif kind is FaultKind.CLEAR:
            groups: list[GroupName | None] = [spec.name for spec in node.model.groups]
            group = groups[fault.size] if fault.size < len(groups) else None
            node.tell(ClearRequested(self._request(), group))
        elif kind is FaultKind.CONFIRM and node.name == fault.nodes[0]:
            self._confirm(node, self._world.nodes[fault.nodes[1]])

    def relieve(self, fault: Fault, node: Node) -> None:
        """End it at a node."""
        if fault.kind is FaultKind.RESOURCE_COMES_BACK:
            for spec in node.model.groups:
                which = _which(spec, fault)
                if node.kernel.runs(spec.name) and which.agent is not AgentKind.IP:
                    node.kernel.begin(spec.name, [which.name])

    def level(self, node: Node) -> None:
        """Let looks be bad, or good, as all that is going on has it."""
        sick = {
            (spec.name, _which(spec, fault).name)
            for fault in self._going_on(FaultKind.RESOURCE_LOOKS_BAD, node.name)
            for spec in node.model.groups
        }
        node.agents.monitors.make_sick(frozenset(sick))

    def _confirm(self, node: Node, other: Node) -> None:
        """Confirm honestly: who is off, or who is not, so that it must be refused."""
        if node.engine is None or not node.running:
            return
        peer = node.engine.members.peers.get(other.name)
        if other.dark or (peer is not None and peer.heard):
            node.tell(ConfirmRequested(self._request(), other.name))

    def _started(self, node: Node, group: GroupName, resources: tuple[str, ...]) -> None:
        """Let what has just come to run end again, when that goes on."""
        going_on = self._going_on(FaultKind.RESOURCE_DIES_AGAIN, node.name)
        spec = node.model.group(group)
        if not going_on or spec is None:
            return
        last = next((each for each in spec.resources if each.name == resources[-1]), None)
        if last is not None:
            end = partial(node.agents.die, group, last, noticed=True)
            self._world.at(Instant(self._world.now + going_on[-1].size * MS), end)


def _which(spec: GroupSpec, fault: Fault) -> ResourceSpec:
    """Return the resource that a fault hits: by its place from the right, or the first one."""
    place = 0 if fault.kind in _OF_THE_LAST else min(fault.size, len(spec.resources) - 1)
    return spec.resources[-1 - place]
