"""R2: a node where a group failed does not start it before its bar ends; bars end, and grow.

A bar is as long as the configuration says, and each one twice as long as the one before, up to a
day, unless the group was held soundly for as long as that one in between. An operator lifts it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from twinbeat.core.effects import ClearGroup, Effect, Record, StartGroup, StopGroup, What
from twinbeat.core.model import GroupSpec
from twinbeat.core.units import LONG_AGO, SECOND, Duration, GroupName, Instant, NodeName, readable
from twinbeat.sim.node import Node
from twinbeat.sim.world import World

from .base import Checker
from .hearing import Hearing

DAY = 86_400 * SECOND


@dataclass(slots=True)
class _Barred:
    """One group on one node, in the present life of its daemon."""

    until: Instant = LONG_AGO
    """By the node's clock."""
    times: int = 0
    span: Duration = Duration(0)
    well_since: Instant | None = None


class Bars(Checker):
    """Follows who is barred from what."""

    name: ClassVar[str] = "R2 bars"

    def __init__(self, world: World, hearing: Hearing) -> None:
        super().__init__(world, hearing)
        self._barred: dict[tuple[NodeName, GroupName], _Barred] = {}
        self._longest: dict[GroupName, Duration] = {}
        self._specs: dict[tuple[NodeName, GroupName], GroupSpec] = {}
        """What a node was configured to do last: it may still fail at what was removed since."""

    def left(self, node: Node, group: GroupName) -> Duration:
        """Return how much longer a node is barred from a group; 0: it is not."""
        barred = self._barred.get((node.name, group))
        return Duration(max(0, barred.until - node.clock.now)) if barred else Duration(0)

    def longest(self, group: GroupName) -> Duration:
        """Return the longest bar that there was for a group."""
        return self._longest.get(group, Duration(0))

    def lived(self, node: Node, what: str) -> None:
        """Begin a life that knows nothing."""
        if what == "boot":
            for key in [key for key in self._barred if key[0] == node.name]:
                del self._barred[key]

    def decided(self, node: Node, now: Instant, effects: Sequence[Effect]) -> None:
        """Follow failures, and judge starts."""
        # What the journal tells of an operator stands last, and is the cause of the rest.
        for effect in reversed(effects):
            match effect:
                case StartGroup(_, GroupSpec(name=group)):
                    self._of(node, group)
                    if left := self.left(node, group):
                        self.complain(
                            f"{node.name} starts {group} {readable(left)} before its bar ends"
                        )
                case StopGroup(_, group) | ClearGroup(_, GroupSpec(name=group)):
                    self._unwell(self._of(node, group), now)
                case Record(What.GROUP_RESTARTING, _, str() as group):
                    self._unwell(self._of(node, GroupName(group)), now)
                case Record(What.GROUP_HELD | What.GROUP_RESTARTED, _, str() as group):
                    self._of(node, GroupName(group)).well_since = now
                case Record(What.FAILURES_CLEARED | What.CLEANED_UP, _, str() as group):
                    if effect.peer in (None, node.name):
                        self._barred.pop((node.name, GroupName(group)), None)
        for effect in effects:
            if isinstance(effect, Record) and effect.what is What.GROUP_FAILED and effect.group:
                self._bar(node, effect.group, now)

    def _of(self, node: Node, group: GroupName) -> _Barred:
        if (spec := node.model.group(group)) is not None:
            self._specs[node.name, group] = spec
        return self._barred.setdefault((node.name, group), _Barred())

    def _unwell(self, barred: _Barred, now: Instant) -> None:
        since, barred.well_since = barred.well_since, None
        if since is not None and now - since >= barred.span:
            barred.times = 0

    def _bar(self, node: Node, group: GroupName, now: Instant) -> None:
        barred, spec = self._of(node, group), self._specs.get((node.name, group))
        if spec is None:
            return
        self._unwell(barred, now)
        barred.times += 1
        barred.span = Duration(min(spec.recovery.expiry << min(barred.times - 1, 40), DAY))
        barred.until = Instant(now + barred.span)
        self._longest[group] = max(barred.span, self.longest(group))
        node.clock.at(self._late(node, barred.until), lambda: self._look(node, group, barred))

    def _late(self, node: Node, since: Instant) -> Instant:
        """Return when everybody must have heard of what happened at an instant."""
        return Instant(since + 2 * node.model.timing.keepalive)

    def _look(self, node: Node, group: GroupName, barred: _Barred) -> None:
        """Make sure that a bar has ended when its time is over."""
        now = node.clock.now
        if self._barred.get((node.name, group)) is not barred or now < barred.until:
            return
        if not node.running or self.hearing.sent_at(node.name) < self.world.now - SECOND:
            node.clock.at(self._late(node, now), lambda: self._look(node, group, barred))
            return
        said = self.hearing.sent_by(node.name)
        view = said.groups.get(group) if said else None
        if view is not None and view.failed:
            over = readable(Duration(now - barred.until))
            self.complain(f"{node.name} is still barred from {group}, {over} after its bar's end")
