"""Who was confirmed off by a fencing device that had cut nothing: no rule guards against that."""

from collections.abc import Sequence

from twinbeat.core.effects import Effect, Record, What
from twinbeat.core.units import LONG_AGO, NEVER, Instant, NodeName
from twinbeat.sim.faults import Fault, FaultKind
from twinbeat.sim.node import Node
from twinbeat.sim.watch import Watcher
from twinbeat.sim.world import World

_Pair = tuple[NodeName, NodeName]
"""Who goes by a device's word, and on whom."""


class Trust(Watcher):
    """Follows orders to the devices, what they did, and what they said."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._ordered: dict[_Pair, Instant] = {}
        """When a node last ordered the fencing of a peer, in true time."""
        self._cut: dict[NodeName, Instant] = {}
        """When a machine last lost its power."""
        self._lying: set[int] = set()
        """The faults that make devices lie now."""
        self._lied_until: Instant = LONG_AGO
        self._misled: set[_Pair] = set()
        """Who was told falsely that another is off, while that one is in the same life still."""
        self._believes: set[_Pair] = set()
        """Who goes by it still: it has heard no later heartbeat, be it of a new life."""

    def decided(self, node: Node, now: Instant, effects: Sequence[Effect]) -> None:
        """Follow a node's orders, and what it was told, before anything follows from it."""
        for effect in effects:
            if type(effect) is Record and effect.peer is not None:
                self._follow((node.name, effect.peer), effect.what)

    def _follow(self, pair: _Pair, what: What) -> None:
        if what is What.FENCING_ORDERED:
            self._ordered[pair] = self._world.now
        elif what is What.FENCING_CONFIRMED:
            ordered = self._ordered.get(pair, LONG_AGO)
            lied = self._lied_until >= ordered
            if lied and self._cut.get(pair[1], LONG_AGO) < ordered:
                self._misled.add(pair)
                self._believes.add(pair)
        elif what is What.FENCING_VOID:
            self._believes.discard(pair)

    def lived(self, node: Node, what: str) -> None:
        """Note a loss of power; a new life knows of no falsehood, and ends what one did to it."""
        if what == "power-off":
            self._cut[node.name] = self._world.now
            self._believes = {p for p in self._believes if p[1] != node.name}
        if what in ("power-off", "boot"):
            self._misled = {p for p in self._misled if p[1] != node.name}
            self._believes = {p for p in self._believes if p[0] != node.name}

    def injected(self, fault: Fault) -> None:
        """Note that devices lie from now on."""
        if fault.kind is FaultKind.FENCING_LIES:
            self._lying.add(fault.number)
            self._lied_until = NEVER

    def healed(self, fault: Fault) -> None:
        """Note that devices lie no longer."""
        self._lying.discard(fault.number)
        if not self._lying and self._lied_until == NEVER:
            self._lied_until = self._world.now

    def deceived(self, victim: NodeName, node: NodeName | None = None) -> bool:
        """Whether a device confirmed falsely, to a node or to any, that the victim was off."""
        believers = {p[0] for p in self._misled | self._believes if p[1] == victim}
        return bool(believers) if node is None else node in believers
