"""T1: a group starts only where, and while, the others that it keeps to let it.

`after`: while some node holds the other, as far as the starter can know; `with`: where the other
runs; `not-with`: where it does not. Where groups are in the end, `placed` judges.
"""

from collections.abc import Sequence
from typing import ClassVar

from twinbeat.core import orders
from twinbeat.core.beat import Custody
from twinbeat.core.effects import Effect, StartGroup
from twinbeat.core.model import GroupSpec
from twinbeat.core.units import GroupName, Instant
from twinbeat.sim.node import Node

from .base import Checker


class Ties(Checker):
    """Judges every start of a group that keeps to others."""

    name: ClassVar[str] = "T1 ties"

    def decided(self, node: Node, now: Instant, effects: Sequence[Effect]) -> None:
        """Judge a start when it is decided."""
        specs = [effect.spec for effect in effects if type(effect) is StartGroup]
        for spec in specs:
            self._judge(node, spec, frozenset(each.name for each in specs))

    def _judge(self, node: Node, spec: GroupSpec, at_once: frozenset[GroupName]) -> None:
        """Judge a start, `at_once` with others; what ran there in maintenance is left alone."""
        if self._left_alone(node, spec.name):
            return
        start = f"{node.name} starts {spec.name}"
        for other in spec.after:
            if not self._held(node, other):
                self.complain(f"{start}, which comes after {other}, and nobody holds that")
        for other in spec.beside:
            if other not in at_once and not node.kernel.runs(other):
                self.complain(f"{start}, which runs with {other}, and that does not run there")
        for other in spec.apart:
            runs = node.kernel.processes(other) and not node.kernel.foreign(other)
            if other in at_once or runs:
                self.complain(f"{start}, which never runs beside {other}, and that runs there")

    def _left_alone(self, node: Node, group: GroupName) -> bool:
        """Whether a start keeps what was found running where nothing is to be moved."""
        said = self.hearing.sent_by(node.name)
        people = said is not None and orders.frozen(said.maintenance, node.name) is not None
        return people and bool(node.kernel.processes(group))

    def _held(self, node: Node, group: GroupName) -> bool:
        """Whether some node runs it, or has told the starter last that it holds it."""
        if any(other.kernel.runs(group) for other in self.world.nodes.values()):
            return True
        beats = (self.hearing.beat(node.name, peer) for peer in node.model.peers(node.name))
        views = (beat.groups.get(group) for beat in beats if beat is not None)
        return any(view is not None and view.custody is Custody.HELD for view in views)
