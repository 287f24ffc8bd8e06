"""The agents of one node: how long a start or a stop takes, and whether it fails, or hangs.

Orders for one group are carried out one after another, as the daemon does it: a stop waits for the
start before it, whose outcome then counts no more. They all end with the daemon that gave them.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from twinbeat.core.events import (
    Event,
    GroupStarted,
    GroupStartFailed,
    GroupStopFailed,
    GroupStopped,
)
from twinbeat.core.model import DEFAULT_TIMEOUT, GroupSpec
from twinbeat.core.units import MS, Duration, GroupName, Instant, NodeName, readable

from .clocks import Clock
from .kernel import Kernel
from .nature import Nature

LOOK = Duration(100 * MS)
"""How often one looks whether a script that hangs still does."""

Outcome = Callable[[], Event | None]
"""What became of an order, once the daemon takes it in."""


class Conduct(StrEnum):
    """How scripts behave."""

    WORKS = "works"
    FAILS = "fails"
    """The last resource does not start; or it does not stop, and the others do."""
    HANGS = "hangs"
    """It gives no answer until it behaves otherwise, or its time is over: then it has failed."""


@dataclass(slots=True)
class _Order:
    op: int
    spec: GroupSpec
    starts: bool
    began: Instant = Instant(0)


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
        self.slowness = 1
        """Everything takes so many times as long."""
        self._node = node
        self._nature = nature
        self._clock = clock
        self._kernel = kernel
        self._post = post
        self._up = up
        self._queues: dict[GroupName, deque[_Order]] = {}
        self._specs: dict[GroupName, GroupSpec] = {}

    def start(self, op: int, spec: GroupSpec) -> None:
        """Start every resource; answered by GroupStarted or GroupStartFailed."""
        self._kernel.run(spec.name)
        self._enqueue(_Order(op, spec, starts=True))

    def clear(self, op: int, spec: GroupSpec) -> None:
        """Stop whatever runs; answered by GroupStopped or GroupStopFailed."""
        self._enqueue(_Order(op, spec, starts=False))

    def stop(self, op: int, group: GroupName) -> None:
        """Stop every resource; answered like a clearing."""
        self.clear(op, self._specs[group])

    def abandon(self) -> None:
        """The daemon is dead: nobody waits for what it ordered."""
        self._queues, self._specs = {}, {}

    def _enqueue(self, order: _Order) -> None:
        self._specs[order.spec.name] = order.spec
        queue = self._queues.setdefault(order.spec.name, deque())
        queue.append(order)
        if len(queue) == 1:
            self._begin(order)

    def _begin(self, order: _Order) -> None:
        nature, node = self._nature, self._node
        now = order.began = self._clock.now
        takes = nature.start(node) if order.starts else nature.stop(node)
        if order.starts:
            address = min(nature.address(node), takes) * self.slowness
            up = partial(self._address_up, order)
            self._clock.at(now + address, lambda: self._stands(order) and self._post(up))
        self._clock.at(now + takes * self.slowness, partial(self._end, order))

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
        if self._conduct(order) is Conduct.HANGS and self._busy(order):
            if self._clock.now - order.began < self._patience(order):
                self._clock.at(self._clock.now + LOOK, partial(self._end, order))
                return
            failure = f"it did not end within {readable(self._patience(order))}"
        else:
            failure = "exit code 1" if self._conduct(order) is Conduct.FAILS else ""
        self._post(partial(self._finish, order, failure))

    def _busy(self, order: _Order) -> bool:
        return order.starts or self._kernel.runs(order.spec.name)

    def _patience(self, order: _Order) -> Duration:
        last = order.spec.resources[-1]
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
        group, op = order.spec.name, order.op
        resource = order.spec.resources[-1].name
        event: Event
        if order.starts:
            event = GroupStarted(op, group)
            if failure:
                event = GroupStartFailed(op, group, resource, failure)
        else:
            self._kernel.remove_address(group)
            event = GroupStopped(op, group)
            if failure and self._kernel.runs(group):
                event = GroupStopFailed(op, group, resource, failure)
            else:
                self._kernel.stopped(group)
        queue = self._queues[group]
        queue.popleft()
        if queue:
            self._begin(queue[0])
        return event
