"""What happens in a world, as lines, and who answered or started when it should not have."""

from collections.abc import Iterator

from twinbeat.core.beat import Beat
from twinbeat.core.effects import Record, What
from twinbeat.core.units import LONG_AGO, MS, Duration, GroupName, Instant, NodeName
from twinbeat.sim.node import Node
from twinbeat.sim.watch import Watcher
from twinbeat.sim.world import World

QUIET_KINDS = (What.PEER_GROUP, What.PEER_STATUS, What.LINK_UP, What.LINK_DEAD, What.PEER_LATE_BEAT)


class Onlooker(Watcher):
    """Writes one aligned line for what happens, the very frequent kinds left out."""

    def __init__(self, world: World) -> None:
        self.lines: list[str] = []
        self.starts: list[tuple[Instant, NodeName, GroupName]] = []
        self.trespasses: list[str] = []
        """Starts while another node's resources ran and its silence proved nothing."""
        self.by_hand = False
        """Whether the power is cut or given back by a script, which says so itself."""
        self._dark: set[NodeName] = set()
        self._world = world
        self._began = world.now
        self._answering: dict[NodeName, tuple[GroupName, ...]] = {}
        self._dual = Duration(0)
        self._dual_since: Instant | None = None
        self._heard: dict[tuple[NodeName, NodeName], Instant] = {}
        """When a node's present life last took in a newer beat of a peer, in true time."""
        self._awake: dict[NodeName, Instant] = {}

    @property
    def dual(self) -> Duration:
        """For how long two kernels answered for one group."""
        since = self._dual_since
        return Duration(self._dual + (0 if since is None else self._world.now - since))

    def drain(self) -> Iterator[str]:
        """Return the lines written since the last call."""
        lines, self.lines = self.lines, []
        yield from lines

    def write(self, node: NodeName, what: str, subject: str = "", because: str = "") -> None:
        """Write one aligned line."""
        at = (self._world.now - self._began) / MS
        self.lines.append(f"{at:>7.0f} {node}  {what:<19} {subject:<10} {because}".rstrip())

    def told(self, node: Node, record: Record) -> None:
        if record.what not in QUIET_KINDS:
            subject = " ".join(str(s) for s in (record.group, record.peer) if s)
            self.write(node.name, str(record.what), subject, record.because)

    def announced(self, node: Node, group: GroupName) -> None:
        self.write(node.name, "announces again", str(group))

    def kernel_changed(self, node: Node) -> None:
        before, now = self._answering.get(node.name, ()), node.kernel.serving()
        self._answering[node.name] = now
        for group in sorted(set(now) - set(before)):
            self.write(node.name, "kernel answers", group)
        for group in sorted(set(before) - set(now)):
            self.write(node.name, "kernel silent", group)
        self._dual = self.dual
        two = any(len(self._world.serving(group)) > 1 for group in {*before, *now})
        self._dual_since = self._world.now if two else None

    def lived(self, node: Node, what: str) -> None:
        if what == "power-off":
            self._dark.add(node.name)
            if not self.by_hand:
                self.write(node.name, "power is cut")
        if what == "boot" and node.name in self._dark:
            self._dark.discard(node.name)
            if not self.by_hand:
                self.write(node.name, "power is back")
        if what in ("boot", "thaw", "resume"):
            self._awake[node.name] = self._world.now
        if what == "boot":
            self._heard = {k: at for k, at in self._heard.items() if k[0] != node.name}

    def heard(self, node: Node, beat: Beat) -> None:
        self._heard[node.name, beat.node] = self._world.now

    def started(self, node: Node, group: GroupName) -> None:
        """Note a start, and whom it wrongs: a node that may run the group and was heard of late."""
        now, timers = self._world.now, node.model.timing
        self.starts.append((now, node.name, group))
        for other in self._world.nodes.values():
            if other is node or not other.kernel.runs(group):
                continue
            heard_at = self._heard.get((node.name, other.name))
            limit = timers.initdead if heard_at is None else timers.deadtime
            silence = now - max(self._awake[node.name], heard_at or LONG_AGO)
            if silence < limit:
                self.trespasses.append(
                    f"{node.name} starts {group} at {now / MS}, {other.name} runs it, "
                    f"silent for {silence / MS} ms"
                )
