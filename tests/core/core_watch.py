"""Who started a group when it should not have, judged more simply than the checkers do it."""

from twinbeat.core.beat import Beat, Life
from twinbeat.core.units import LONG_AGO, MS, GroupName, Instant, NodeName
from twinbeat.sim.node import Node
from twinbeat.sim.watch import Watcher
from twinbeat.sim.world import World


class Starts(Watcher):
    """Notes every start, and whom it wrongs."""

    def __init__(self, world: World) -> None:
        self.starts: list[tuple[Instant, NodeName, GroupName]] = []
        self.trespasses: list[str] = []
        """Starts while another node's resources ran and its silence proved nothing."""
        self._world = world
        self._heard: dict[tuple[NodeName, NodeName], tuple[Instant, Life]] = {}
        """When a node's present life last took in a newer beat of a peer, in true time, and of
        which life of that peer."""
        self._awake: dict[NodeName, Instant] = {}

    def lived(self, node: Node, what: str) -> None:
        if what in ("boot", "thaw", "resume"):
            self._awake[node.name] = self._world.now
        if what == "boot":
            self._heard = {k: at for k, at in self._heard.items() if k[0] != node.name}

    def heard(self, node: Node, beat: Beat) -> None:
        self._heard[node.name, beat.node] = self._world.now, beat.life

    def started(self, node: Node, group: GroupName) -> None:
        """Note a start, and whom it wrongs: a node that may run the group and was heard of late."""
        now, timers = self._world.now, node.model.timing
        self.starts.append((now, node.name, group))
        for other in self._world.nodes.values():
            if other is node or not other.kernel.runs(group) or self._unsaid(node, other, group):
                continue
            heard = self._heard.get((node.name, other.name))
            limit = timers.initdead if heard is None else timers.deadtime
            silence = now - max(self._awake[node.name], heard[0] if heard else LONG_AGO)
            if silence < limit:
                self.trespasses.append(
                    f"{node.name} starts {group} at {now / MS}, {other.name} runs it, "
                    f"silent for {silence / MS} ms"
                )

    def _unsaid(self, node: Node, other: Node, group: GroupName) -> bool:
        """Whether it came to run there by itself, and no daemon there has said so yet."""
        heard, birth = self._heard.get((node.name, other.name)), other.birth
        unheard = heard is None or birth is None or heard[1].token != birth.life.token
        return other.kernel.foreign(group) and unheard
