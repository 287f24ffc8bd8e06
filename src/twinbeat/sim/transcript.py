"""What happens in a world as lines of a transcript: exact, and aligned for the eye.

Times are milliseconds since the world began. The very frequent entries are left out.
"""

from twinbeat.core.effects import Record, What
from twinbeat.core.units import MS, GroupName, NodeName

from .node import Node
from .watch import Watcher
from .world import World

QUIET = (What.PEER_GROUP, What.PEER_STATUS, What.LINK_UP, What.LINK_DEAD, What.PEER_LATE_BEAT)


class Transcript(Watcher):
    """Writes the lines of one world."""

    def __init__(self, world: World) -> None:
        self.lines: list[str] = []
        self.by_hand = False
        """Whether what is done now is the script's own doing, and need not be told."""
        self._world = world
        self._began = world.now
        self._answering: dict[NodeName, set[GroupName]] = {}

    def told(self, node: Node, record: Record) -> None:
        """Write a journal entry."""
        if record.what not in QUIET:
            subject = " ".join(str(name) for name in (record.group, record.peer) if name)
            self._write(node, str(record.what), subject, record.because)

    def kernel_changed(self, node: Node) -> None:
        """Write for which groups a kernel begins or ceases to answer."""
        before, now = self._answering.get(node.name, set()), set(node.kernel.serving())
        self._answering[node.name] = now
        for group in sorted(now - before):
            self._write(node, "kernel answers", group)
        for group in sorted(before - now):
            self._write(node, "kernel silent", group)

    def announced(self, node: Node, group: GroupName) -> None:
        """Write that the neighbours are told again."""
        self._write(node, "announces again", group)

    def lived(self, node: Node, what: str) -> None:
        """Write what fencing does to a machine."""
        if not self.by_hand and what in ("power-off", "boot"):
            self._write(node, "power is cut" if what == "power-off" else "power is back")

    def _write(self, node: Node, what: str, subject: str = "", because: str = "") -> None:
        at = (self._world.now - self._began) / MS
        self.lines.append(f"{at:>7.0f} {node.name}  {what:<19} {subject:<10} {because}".rstrip())
