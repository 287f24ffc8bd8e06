"""The agents of one node: how long a start or a stop takes, and whether it fails, or hangs.

Orders for one group are carried out one after another, as the daemon does it: a stop waits for the
start before it, whose outcome then counts no more; a restart in place gives way to any order. They
all end with the daemon that gave them; what runs lives on.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from functools import partial

from twinbeat.core.events import (
    Event,
    GroupFound,
    GroupRestarted,
    GroupRestartFailed,
    GroupStarted,
    GroupStartFailed,
    GroupStopFailed,
    GroupStopped,
)
from twinbeat.core.model import DEFAULT_TIMEOUT, AgentKind, GroupSpec, ResourceSpec
from twinbeat.core.units import MS, Duration, GroupName, Instant, NodeName, readable

from .clocks import Clock
from .kernel import Kernel
from .monitors import Monitors, Outcome
from .nature import Nature

LOOK = Duration(100 * MS)
"""How often one looks whether a script that hangs still does."""


class Conduct(StrEnum):
    """How scripts behave."""

    WORKS = "works"
    FAILS = "fails"
    """The last resource does not start; or it does not stop, and the others do."""
    HANGS = "hangs"
    """It gives no answer until it behaves otherwise, or its time is over: then it has failed."""


class _Verb(Enum):
    START = auto()
    STOP = auto()
    ADOPT = auto()
    """A stop that touches nothing when all is found running."""
    RESTART = auto()
    """First its resources stop, then they start."""


@dataclass(slots=True, eq=False)
class _Order:
    op: int
    spec: GroupSpec
    verb: _Verb
    resources: tuple[ResourceSpec, ...]
    """What it concerns; the last one is the one that fails."""
    starts: bool
    """Whether it starts them, now: a restart does when they are stopped."""
    began: Instant = Instant(0)

    @property
    def processes(self) -> list[str]:
        """The names of those that are no addresses."""
        return [each.name for each in self.resources if each.agent is not AgentKind.IP]

    @property
    def moves_address(self) -> bool:
        """Whether it concerns the address; of a group that has none written down every order."""
        written = any(each.agent is AgentKind.IP for each in self.resources)
        return written or self.verb is not _Verb.RESTART


class Agents:
    """What starts and stops groups on one node."""

    def __init__(
        self,
        node: NodeName,
        nature: Nature,
        clock: Clock,
        kernel: Kernel,
        post: Callable[[Outcome], object],
        up: Callable[[GroupName], object],
    ) -> None:
        """`post` queues for the daemon; `up` is told by the daemon that an address came up."""
        self.starts: dict[GroupName | None, Conduct] = {}
        self.stops: dict[GroupName | None, Conduct] = {}
        """The conduct of starts and stops by group; `None`: of every group that is not named."""
        self.broken_starts = 0
        """So many restarts, from now on, find that the last resource does not start."""
        self.slowness = 1
        """Everything takes so many times as long."""
        self.monitors = Monitors(node, nature, clock, kernel, post)
        self.on_started: Callable[[GroupName, tuple[str, ...]], object] = lambda *_: None
        """Is told which resources have just come to run by an order."""
        self._node = node
        self._nature = nature
        self._clock = clock
        self._kernel = kernel
        self._post = post
        self._up = up
        self._queues: dict[GroupName, deque[_Order]] = {}
        self._specs: dict[GroupName, GroupSpec] = {}

    # Orders.

    def start(self, op: int, spec: GroupSpec) -> None:
        """Start every resource; answered by GroupStarted or GroupStartFailed."""
        self._kernel.run(spec.name)
        self._enqueue(_Order(op, spec, _Verb.START, spec.resources, starts=True))

    def clear(self, op: int, spec: GroupSpec, adopt: bool = False) -> None:
        """Stop whatever runs; answered by GroupStopped or GroupStopFailed.

        With `adopt`, when all processes run, nothing is stopped, and it is told by GroupFound.
        """
        self.monitors.leave_alone(spec.name, [each.name for each in spec.resources])
        verb = _Verb.ADOPT if adopt else _Verb.STOP
        self._enqueue(_Order(op, spec, verb, spec.resources, starts=False))

    def stop(self, op: int, group: GroupName) -> None:
        """Stop every resource; answered like a clearing."""
        self.clear(op, self._specs[group])

    def restart(self, op: int, group: GroupName, names: Iterable[str]) -> None:
        """Stop and start some resources; answered by GroupRestarted or GroupRestartFailed."""
        spec, wanted = self._specs[group], frozenset(names)
        resources = tuple(each for each in spec.resources if each.name in wanted)
        self.monitors.leave_alone(group, wanted)
        self._enqueue(_Order(op, spec, _Verb.RESTART, resources, starts=False))

    def abandon(self) -> None:
        """The daemon is dead: nobody waits for what it ordered."""
        self._queues, self._specs = {}, {}
        self.monitors.abandon()

    # What befalls resources.

    def die(self, group: GroupName, resource: ResourceSpec, noticed: bool) -> bool:
        """End a resource; return whether it ran. One that is `noticed` tells of it by itself."""
        if resource.agent is AgentKind.IP:
            if not self._kernel.has_address(group):
                return False
            self._kernel.lose_address(group)
        else:
            if resource.name not in self._kernel.processes(group):
                return False
            self._kernel.end(group, [resource.name])
        if noticed:
            self.monitors.died(group, resource.name)
        else:
            self.monitors.worsened()
        return True

    # How they are carried out.

    def _enqueue(self, order: _Order) -> None:
        self._specs[order.spec.name] = order.spec
        queue = self._queues.setdefault(order.spec.name, deque())
        while queue and queue[-1].verb is _Verb.RESTART:
            queue.pop()
        queue.append(order)
        if len(queue) == 1:
            self._begin(order)

    def _begin(self, order: _Order) -> None:
        nature, node = self._nature, self._node
        now = order.began = self._clock.now
        takes = nature.start(node) if order.starts else nature.stop(node)
        if order.starts:
            if order.moves_address:
                address = min(nature.address(node), takes) * self.slowness
                up = partial(self._address_up, order)
                self._clock.at(now + address, lambda: self._stands(order) and self._post(up))
            self._come_to_run(order, order.processes[:-1])
        self._clock.at(now + takes * self.slowness, partial(self._end, order))

    def _come_to_run(self, order: _Order, processes: list[str]) -> None:
        there = self._kernel.processes(order.spec.name)
        if new := tuple(each for each in processes if each not in there):
            self._kernel.begin(order.spec.name, new)
            self.on_started(order.spec.name, new)

    def _stands(self, order: _Order) -> bool:
        """Whether the order is of this life, and the one that is carried out."""
        queue = self._queues.get(order.spec.name)
        return bool(queue and queue[0] is order)

    def _conduct(self, order: _Order) -> Conduct:
        conducts = self.starts if order.starts else self.stops
        return conducts.get(order.spec.name, conducts.get(None, Conduct.WORKS))

    def _end(self, order: _Order) -> None:
        if not self._stands(order):
            return
        conduct = self._conduct(order)
        if conduct is Conduct.HANGS and self._busy(order):
            if self._clock.now - order.began < self._patience(order):
                self._clock.at(self._clock.now + LOOK, partial(self._end, order))
                return
            failure = f"it did not end within {readable(self._patience(order))}"
        else:
            failure = "exit code 1" if conduct is Conduct.FAILS and self._busy(order) else ""
        if order.verb is _Verb.RESTART and order.starts and not failure and self.broken_starts:
            self.broken_starts -= 1
            failure = "exit code 1"
        self._post(partial(self._finish, order, failure))

    def _busy(self, order: _Order) -> bool:
        """Whether there is anything to do that could fail."""
        group = order.spec.name
        if order.starts:
            processes = set(order.processes)
            return not processes or not processes <= set(self._kernel.processes(group))
        return self._kernel.runs(group)

    def _patience(self, order: _Order) -> Duration:
        last = order.resources[-1]
        given = last.start_timeout if order.starts else last.stop_timeout
        return given or DEFAULT_TIMEOUT

    # What the daemon takes in.

    def _address_up(self, order: _Order) -> None:
        if self._stands(order):
            self._kernel.add_address(order.spec.name)
            self._up(order.spec.name)

    def _finish(self, order: _Order, failure: str) -> Event | None:
        if not self._stands(order):
            return None
        event: Event | None
        if order.starts:
            event = self._started(order, failure)
        elif order.verb is _Verb.RESTART:
            event = self._half_restarted(order, failure)
        else:
            event = self._stopped(order, failure)
        if event is None:  # The second half of a restart has begun.
            return None
        queue = self._queues[order.spec.name]
        queue.popleft()
        if queue:
            self._begin(queue[0])
        return event

    def _started(self, order: _Order, failure: str) -> Event:
        group, op, last = order.spec.name, order.op, order.resources[-1].name
        restarts = order.verb is _Verb.RESTART
        if failure:
            if restarts:
                return GroupRestartFailed(op, group, last, failure, stuck=False)
            return GroupStartFailed(op, group, last, failure)
        self._come_to_run(order, order.processes)
        self.monitors.watch(order.spec, order.resources)
        return GroupRestarted(op, group) if restarts else GroupStarted(op, group)

    def _half_restarted(self, order: _Order, failure: str) -> Event | None:
        """Go on to start what is stopped."""
        group, last = order.spec.name, order.resources[-1]
        if failure:
            others = [name for name in order.processes if name != last.name]
            self._kernel.end(group, others)
            return GroupRestartFailed(order.op, group, last.name, failure, stuck=True)
        self._kernel.end(group, order.processes)
        if order.moves_address:
            self._kernel.lose_address(group)
        order.starts = True
        self._begin(order)
        return None

    def _stopped(self, order: _Order, failure: str) -> Event:
        group, op = order.spec.name, order.op
        self._kernel.remove_address(group)
        found = set(self._kernel.processes(group))
        if order.verb is _Verb.ADOPT and order.processes and found >= set(order.processes):
            return GroupFound(op, group)
        if failure and self._kernel.runs(group):
            last = order.resources[-1].name
            self._kernel.end(group, found - {last})
            return GroupStopFailed(op, group, last, failure)
        self._kernel.stopped(group)
        return GroupStopped(op, group)
