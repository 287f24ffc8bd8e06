"""S3: never start a group while a node is known to the starter to hold it unclean.

Known is what came in: the node's own newest word; or, of a node that is not heard, the word of
another in a beat that the starter took in during this life. An operator's clean-up and a fencing
confirmation lift it, and so does the node's own next word.
"""

from collections.abc import Sequence
from typing import ClassVar

from twinbeat.core.beat import Beat, Custody
from twinbeat.core.effects import Effect, Record, StartGroup, What
from twinbeat.core.units import GroupName, Instant, NodeName
from twinbeat.sim.node import Node
from twinbeat.sim.world import World

from .base import Checker
from .hearing import Hearing

UNKNOWN = "started while a node was unclean that was not known to be"

_Mark = tuple[GroupName, NodeName]


class Unclean(Checker):
    """Follows what every node was told of unclean groups."""

    name: ClassVar[str] = "S3 unclean"

    def __init__(self, world: World, hearing: Hearing) -> None:
        super().__init__(world, hearing)
        self._known: dict[NodeName, set[_Mark]] = {}
        self._vouched: dict[NodeName, set[_Mark]] = {}

    def lived(self, node: Node, what: str) -> None:
        """Begin a life that knows nothing."""
        if what == "boot":
            self._known[node.name] = set()
            self._vouched[node.name] = set()

    def heard(self, node: Node, beat: Beat) -> None:
        """Learn what a beat says."""
        known, vouched = self._known[node.name], self._vouched[node.name]
        if known or vouched:
            known -= {mark for mark in known if mark[1] == beat.node}
            vouched -= {mark for mark in vouched if mark[1] == beat.node}
        for group, view in beat.groups.items():
            if view.custody is Custody.UNCLEAN:
                known.add((group, beat.node))
        for mark in beat.unclean:
            if mark in vouched or mark[1] in (node.name, beat.node):
                continue
            if self._out_of_earshot(node, mark[1]):
                known.add(mark)

    def _out_of_earshot(self, node: Node, other: NodeName) -> bool:
        """Whether a node is configured here, and was heard and judged silent since."""
        configured = other in node.model.nodes
        return configured and self.hearing.silent(node, other)

    def decided(self, node: Node, now: Instant, effects: Sequence[Effect]) -> None:
        """Learn that an operator or a device vouches for a node, and judge what follows."""
        starts = [effect.spec.name for effect in effects if type(effect) is StartGroup]
        for effect in effects:
            if type(effect) is not Record or effect.peer is None:
                continue
            if effect.what is What.CLEANED_UP and effect.group is not None:
                self._vouch(node, {(effect.group, effect.peer)})
            elif effect.what is What.FENCING_CONFIRMED:
                self._vouch(node, {(group.name, effect.peer) for group in node.model.groups})
        for group in starts:
            self._judge(node, group)

    def _vouch(self, node: Node, marks: set[_Mark]) -> None:
        self._known.setdefault(node.name, set()).difference_update(marks)
        self._vouched.setdefault(node.name, set()).update(marks)

    def _judge(self, node: Node, group: GroupName) -> None:
        for name, unclean in sorted(self._known.get(node.name, set())):
            if name == group and unclean in node.model.nodes:
                self.complain(f"{node.name} starts {group}, known to be unclean on {unclean}")
        for other in node.model.peers(node.name):
            beat = self.hearing.sent_by(other)
            view = None if beat is None else beat.groups.get(group)
            unclean_there = view is not None and view.custody is Custody.UNCLEAN
            if unclean_there and self.world.nodes[other].kernel.runs(group):
                self.set_apart(UNKNOWN)
