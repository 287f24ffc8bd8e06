"""The journals of all nodes, as their daemons would keep them."""

from twinbeat.core.effects import Record
from twinbeat.core.units import GroupName, Instant, NodeName
from twinbeat.journal import Entry, Journal, render

from .node import Node
from .watch import Watcher


class Journals(Watcher):
    """Keeps what every node records; for people the time that began is a midnight."""

    def __init__(self, began: Instant) -> None:
        self._began = began
        self._journals: dict[NodeName, Journal] = {}

    def told(self, node: Node, record: Record) -> None:
        """Keep an entry."""
        now = node.world.now
        entry = Entry.of(record, at=now, wall_ns=now - self._began, node=node.name)
        self._journals.setdefault(node.name, Journal()).append(entry)

    def story(self, node: NodeName, group: GroupName) -> list[str]:
        """Return why a group is where it is as a node would tell it, but for blank lines."""
        journal = self._journals.get(node)
        move = journal.why(group) if journal else None
        if move is None:
            return [f"{node} knows nothing of {group}"]
        return [line for line in render(move).split("\n") if line]

    def cause(self, node: NodeName, group: GroupName) -> str:
        """Return the cause of a group's last move as a node's journal has it, or nothing."""
        journal = self._journals.get(node)
        move = journal.why(group) if journal else None
        return move.cause if move else ""
