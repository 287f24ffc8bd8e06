"""S4: never two copies of a resource for long, and never one of which its node says that it is not.

Two copies begin by a start that `right` judges, or by no daemon's doing (what is enabled at boot).
However they began: when the weaker of the two has taken in that the other owns the group, it stops
its own; who has only found its copy running is the weaker one. While a stop is under way, or has
failed, there is nothing more to be done. And nobody says `stopped` or `claiming` of what runs.
"""

from functools import partial
from typing import ClassVar

from twinbeat.core.beat import Beat, Custody, GroupView
from twinbeat.core.units import GroupName, Instant, NodeName
from twinbeat.sim.node import Node
from twinbeat.sim.world import World

from .base import Checker
from .hearing import Hearing

_ENDS = frozenset({Custody.STOPPING, Custody.UNCLEAN, Custody.UNKNOWN})
"""What a node says while it stops what runs, does not know, or could not."""
_RUNS_NOT = frozenset({Custody.STOPPED, Custody.CLAIMING})

_Pair = tuple[GroupName, NodeName, NodeName]


class Copies(Checker):
    """Watches what runs twice."""

    name: ClassVar[str] = "S4 copies"

    def __init__(self, world: World, hearing: Hearing) -> None:
        super().__init__(world, hearing)
        self._copies: set[_Pair] = set()
        self._told: set[_Pair] = set()
        """Pairs of which the first node has taken in that the second is the stronger."""

    def kernel_changed(self, node: Node) -> None:
        """See what runs twice."""
        for spec in node.model.groups:
            here = set(node.kernel.processes(spec.name))
            for other in self.world.nodes.values():
                if other is node:
                    continue
                twice = bool(here) and not here.isdisjoint(other.kernel.processes(spec.name))
                pairs = {(spec.name, node.name, other.name), (spec.name, other.name, node.name)}
                if twice:
                    self._copies |= pairs
                else:
                    self._copies -= pairs
                    self._told -= pairs

    def lived(self, node: Node, what: str) -> None:
        """Begin a life that was told nothing."""
        self._told -= {pair for pair in self._told if node.name in pair[1:]}

    def sent(self, node: Node, beat: Beat) -> None:
        """Make sure that nobody says of what runs that it does not."""
        for group in node.kernel.running():
            view = beat.groups.get(group)
            if view is not None and view.custody in _RUNS_NOT and node.kernel.processes(group):
                self.complain(f"{node.name} says {view.custody} of {group}, and runs it")

    def heard(self, node: Node, beat: Beat) -> None:
        """Give the weaker the time of a beat and a decision to stop."""
        if not self._copies:
            return
        for pair in sorted(self._copies - self._told):
            group, weaker, stronger = pair
            if (weaker, stronger) != (node.name, beat.node) or not node.running:
                continue
            said = self.hearing.sent_by(weaker)
            ours, theirs = said.groups.get(group) if said else None, beat.groups.get(group)
            if ours and theirs and theirs.custody.owns and _weaker(ours, weaker, theirs, stronger):
                self._told.add(pair)
                later = Instant(self.world.now + 2 * node.model.timing.keepalive)
                self.world.at(later, partial(self._look, pair))

    def _look(self, pair: _Pair) -> None:
        """Complain if the weaker has not begun to stop."""
        group, weaker, stronger = pair
        said = self.hearing.sent_by(weaker)
        view = said.groups.get(group) if said else None
        node = self.world.nodes[weaker]
        if pair not in self._told or view is None or view.custody in _ENDS or not node.running:
            return
        theirs = self.hearing.beat(weaker, stronger)
        if theirs is None or group not in theirs.groups or not theirs.groups[group].custody.owns:
            self._told.discard(pair)  # It let go meanwhile.
            return
        self.complain(
            f"{weaker} says {view.custody} of {group} and runs it, though {stronger} has it"
        )


def _weaker(ours: GroupView, us: NodeName, theirs: GroupView, them: NodeName) -> bool:
    if not ours.custody.owns:
        return ours.custody.holds
    return (-theirs.term, theirs.rank, them) < (-ours.term, ours.rank, us)
