"""A run as text: one aligned line per state change, so that ten thousand can be scanned by eye.

Heartbeats are not lines; what changes because of one is. Times are true time since the start of
the run, in seconds.
"""

from collections.abc import Callable

from twinbeat.core.beat import CLUSTER
from twinbeat.core.effects import Record, What
from twinbeat.core.units import SECOND, GroupName, Instant

from .faults import Fault
from .node import Node
from .watch import Watcher
from .world import World

_HEARSAY = frozenset({
    What.PEER_GROUP, What.PEER_STATUS, What.PEER_LATE, What.PEER_LATE_BEAT, What.LINK_UP,
    What.LINK_DEAD,
})  # fmt: skip
"""What a node says of others' words, or of a heartbeat that was only late: no change of its own."""


class Story(Watcher):
    """Writes every change as a line to whoever reads it."""

    def __init__(self, world: World, write: Callable[[str], object]) -> None:
        self._world = world
        self._write = write
        self._began: Instant = world.now
        self._width = max(len(name) for name in world.nodes)
        self._answering: dict[str, frozenset[GroupName]] = {}

    def told(self, node: Node, record: Record) -> None:
        """Write what a node decided."""
        if record.what in _HEARSAY:
            return
        peer = "all" if record.peer == CLUSTER else record.peer
        subject = " ".join(str(name) for name in (record.group, peer) if name)
        self._line(node.name, record.what, subject, record.because)

    def kernel_changed(self, node: Node) -> None:
        """Write where a kernel begins or ceases to answer."""
        before = self._answering.get(node.name, frozenset())
        now = self._answering[node.name] = frozenset(node.kernel.serving())
        for group in sorted(now - before):
            self._line(node.name, "kernel answers", group, "")
        for group in sorted(before - now):
            self._line(node.name, "kernel silent", group, "")

    def lived(self, node: Node, what: str) -> None:
        """Write what became of a daemon or a machine."""
        self._line(node.name, f"* {what}", "", "")

    def injected(self, fault: Fault) -> None:
        """Write what goes wrong now."""
        self._line("", f"* {fault.kind}", " ".join(fault.nodes), str(fault))

    def healed(self, fault: Fault) -> None:
        """Write what is well again."""
        if fault.span:
            self._line("", f"* {fault.kind} ends", " ".join(fault.nodes), f"#{fault.number}")

    def part(self, name: str) -> None:
        """Write that a part of the run begins."""
        self._line("", f"- {name} -", "", "")

    def _line(self, node: str, what: str, subject: str, because: str) -> None:
        at = (self._world.now - self._began) / SECOND
        line = f"{at:>10.3f}  {node:<{self._width}}  {what:<24}  {subject:<12}  {because}"
        self._write(line.rstrip())
