"""Who answered for which group and when: the history that scenarios are judged by."""

from collections.abc import Iterator

from twinbeat.core.units import MS, Duration, GroupName, Instant, NodeName

from .node import Node
from .watch import Watcher
from .world import World

Nodes = tuple[NodeName, ...]


class Answers(Watcher):
    """Notes every change of who answers."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._began = world.now
        self._changes: dict[GroupName, list[tuple[Instant, Nodes]]] = {}

    def kernel_changed(self, node: Node) -> None:
        """Note who answers now."""
        for group in {*self._changes, *node.kernel.serving()}:
            changes = self._changes.setdefault(group, [(self._began, ())])
            nodes = tuple(self._world.serving(group))
            if nodes != changes[-1][1]:
                changes.append((self._world.now, nodes))

    def spans(self, group: GroupName, since: Instant) -> Iterator[tuple[Duration, Nodes]]:
        """Yield for how long which nodes answered, from then until now."""
        changes = self._changes.get(group, [(self._began, ())])
        ends = [at for at, _ in changes[1:]] + [self._world.now]
        for (start, nodes), end in zip(changes, ends, strict=True):
            if end > since or end == self._world.now:
                yield Duration(max(0, end - max(start, since))), nodes

    def gap(self, group: GroupName, since: Instant) -> Duration:
        """Return the longest time since then in which nobody answered."""
        silences = [span for span, nodes in self.spans(group, since) if not nodes]
        return max(silences, default=Duration(0))

    def by_two(self, group: GroupName, since: Instant) -> Duration:
        """Return for how long more than one node answered since then."""
        return Duration(sum(span for span, nodes in self.spans(group, since) if len(nodes) > 1))

    @property
    def dual(self) -> Duration:
        """For how long more than one node answered since the beginning, all groups together."""
        return Duration(sum(self.by_two(group, self._began) for group in self._changes))

    def since(self, then: Instant) -> list[str]:
        """Tell every change since then."""
        return [
            f"{' and '.join(nodes) or 'nobody'} answers for {group} after {(at - then) / MS:.0f} ms"
            for group, changes in self._changes.items()
            for at, nodes in changes[1:]
            if at > then
        ]
