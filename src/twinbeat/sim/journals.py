"""The journals of all nodes, as their daemons would keep them."""

from twinbeat.core.effects import Record
from twinbeat.core.units import GroupName, NodeName
from twinbeat.journal import Entry, Journal

from .node import Node
from .watch import Watcher


class Journals(Watcher):
    """Keeps what every node records."""

    def __init__(self) -> None:
        self._journals: dict[NodeName, Journal] = {}

    def told(self, node: Node, record: Record) -> None:
        """Keep an entry."""
        now = node.world.now
        entry = Entry.of(record, at=now, wall_ns=now, node=node.name)
        self._journals.setdefault(node.name, Journal()).append(entry)

    def cause(self, node: NodeName, group: GroupName) -> str:
        """Return the cause of a group's last move as a node's journal has it, or nothing."""
        journal = self._journals.get(node)
        move = journal.why(group) if journal else None
        return move.cause if move else ""
