"""Who looks at the resources of held groups on one node, as the daemon's custodian does.

A resource is looked at at intervals, with jitter. What is told is what the core is told: every bad
look, and the first `rise` good ones after a start or a bad look. Between them nothing would be
told, so nobody looks until something befalls a resource: a sound one costs no time.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from twinbeat.core.events import Event, ResourceLooked
from twinbeat.core.model import AgentKind, GroupSpec, ResourceSpec
from twinbeat.core.units import SECOND, Duration, GroupName, NodeName

from .clocks import Clock
from .kernel import Kernel
from .nature import Nature

INTERVAL = Duration(10 * SECOND)
"""Between two looks, when the configuration names no other."""

Outcome = Callable[[], Event | None]
"""What became of an order or a look, once the daemon takes it in."""


@dataclass(slots=True, eq=False)
class _Watched:
    """One resource that is looked at."""

    group: GroupName
    resource: ResourceSpec
    good: int = 0
    """How many good looks in a row were told."""
    waiting: bool = False
    """Whether the next look is due at some instant."""

    @property
    def settled(self) -> bool:
        """Whether a further good look is not worth telling."""
        return self.good >= self.resource.rise


class Monitors:
    """What is looked at on one node."""

    def __init__(
        self,
        node: NodeName,
        nature: Nature,
        clock: Clock,
        kernel: Kernel,
        post: Callable[[Outcome], object],
    ) -> None:
        """`post` queues for the daemon."""
        self._node = node
        self._nature = nature
        self._clock = clock
        self._kernel = kernel
        self._post = post
        self._sick: frozenset[tuple[GroupName, str]] = frozenset()
        self._watched: dict[tuple[GroupName, str], _Watched] = {}

    # What is looked at.

    def watch(self, spec: GroupSpec, resources: Iterable[ResourceSpec]) -> None:
        """Look at these resources from now on: they were just started."""
        for resource in resources:
            watched = _Watched(spec.name, resource)
            self._watched[spec.name, resource.name] = watched
            if not self._runs(watched):
                self._post(partial(self._tell_death, watched))
            self._wait(watched, first=True)

    def leave_alone(self, group: GroupName, resources: Iterable[str]) -> None:
        """Look no more at these resources."""
        for resource in resources:
            self._watched.pop((group, resource), None)

    def abandon(self) -> None:
        """The daemon is dead."""
        self._watched.clear()

    # What befalls them.

    def died(self, group: GroupName, resource: str) -> None:
        """A resource has ended in a way that tells of itself."""
        if watched := self._watched.get((group, resource)):
            self._post(partial(self._tell_death, watched))
        self.worsened()

    def worsened(self) -> None:
        """Something may be found at the next look that was not there at the last one."""
        for watched in self._watched.values():
            if not watched.waiting and not self._sound(watched):
                self._wait(watched, first=True)

    def make_sick(self, resources: frozenset[tuple[GroupName, str]]) -> None:
        """Let looks at these resources, and at no others, be bad although they run."""
        if resources != self._sick:
            self._sick = resources
            self.worsened()

    # How it is done.

    def _runs(self, watched: _Watched) -> bool:
        if watched.resource.agent is AgentKind.IP:
            return self._kernel.has_address(watched.group)
        return watched.resource.name in self._kernel.processes(watched.group)

    def _sound(self, watched: _Watched) -> bool:
        return self._runs(watched) and (watched.group, watched.resource.name) not in self._sick

    def _wait(self, watched: _Watched, first: bool = False) -> None:
        interval = INTERVAL if watched.resource.monitor is None else watched.resource.monitor
        if interval:
            watched.waiting = True
            wait = self._nature.look(self._node, interval, first)
            self._clock.at(self._clock.now + wait, partial(self._due, watched))

    def _due(self, watched: _Watched) -> None:
        if self._stands(watched):
            self._post(partial(self._tell_look, watched))

    def _stands(self, watched: _Watched) -> bool:
        return self._watched.get((watched.group, watched.resource.name)) is watched

    # What the daemon takes in.

    def _tell_look(self, watched: _Watched) -> Event | None:
        if not self._stands(watched):
            return None
        watched.waiting = False
        told = None
        if not self._sound(watched):
            why = "it does not run" if not self._runs(watched) else "it does not answer"
            told = self._bad(watched, why, sure=False)
        elif not watched.settled:
            watched.good += 1
            if not watched.settled:
                self._wait(watched)
            told = ResourceLooked(watched.group, watched.resource.name, running=True)
        return told

    def _tell_death(self, watched: _Watched) -> Event | None:
        if not self._stands(watched) or self._runs(watched):
            return None
        return self._bad(watched, "it does not run", sure=True)

    def _bad(self, watched: _Watched, why: str, sure: bool) -> ResourceLooked:
        watched.good = 0
        if not watched.waiting:
            self._wait(watched)
        return ResourceLooked(
            watched.group, watched.resource.name, running=False, why=why, sure=sure
        )
