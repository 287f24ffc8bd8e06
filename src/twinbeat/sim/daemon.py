"""One life of a daemon: the real core behind the real wire, and the loop that feeds it.

The loop is that of loop.py of the daemon: every packet that waits, then what agents and operators
reported, and only then time passes. It may be stopped between any two orders of a turn, and goes on
there when it is let go: that is what becomes of a process that is frozen and thawed.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from twinbeat.core.beat import Life
from twinbeat.core.effects import Effect, Record, Remember, StartGroup
from twinbeat.core.engine import Engine
from twinbeat.core.events import BeatReceived, Event, ModelChanged, TimePassed
from twinbeat.core.model import ClusterModel
from twinbeat.core.units import LONG_AGO, NEVER, Duration, Instant, LinkName, NodeName

from .hands import Hands, WriteLease
from .mail import FULL, Mail
from .monitors import Outcome

if TYPE_CHECKING:
    from .node import Node

SOCKET_PACKETS = 12
"""What the socket of a stopped daemon holds: the newest packets are lost, the oldest survive."""

MOST_EVENTS = 10_000
"""More than any turn takes in."""

_TIME_PASSED = TimePassed()
_DECISIONS = frozenset({StartGroup, Record})

Order = Effect | WriteLease


class Spinning(Exception):  # noqa: N818 - it says what a daemon does
    """A daemon would never sleep again: what is due stays due, or a chain of events has no end."""


@dataclass(frozen=True, slots=True)
class Birth:
    """Everything a life begins with: with its history, all that is needed to live it again."""

    model: ClusterModel
    node: NodeName
    life: Life
    at: Instant
    """By the node's clock."""
    kept: Remember | None

    def engine(self) -> Engine:
        """Return a fresh engine."""
        kept = self.kept
        return Engine(
            self.model, self.node, self.life, self.at,
            standby=kept.standby if kept else None,
            maintenance=kept.maintenance if kept else None,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Trap:
    """What befalls the daemon exactly before or after an order that it performs."""

    kind: type[Order]
    before: bool
    action: Callable[[], object]


class Daemon:
    """A process on a node, from its start to its end."""

    def __init__(self, node: "Node", birth: Birth) -> None:
        self.birth = birth
        self.engine = birth.engine()
        self.frozen = False
        self.running = False
        """Whether it gets processor time: it is not frozen, its machine goes on, it has not ended.
        The node says so."""
        self._node = node
        self._clock = node.clock
        self._audience = node.world.audience
        self._nature = node.world.nature
        self.mail = Mail(node.name, birth.life, birth.model.nodes, node.world.keyring, node.drops)
        self.hands = Hands(node, self)
        self._socket: deque[tuple[bytes, LinkName]] = deque()
        self._inbox: deque[Outcome] = deque()
        self._orders: deque[Order] = deque()
        """Of the present turn, those still to be performed."""
        self._trap: _Trap | None = None
        self._turning = False
        self._busy = False
        self._wakes_at: Instant = NEVER
        self._due: Instant | None = None
        """The engine's next deadline; None: an event was handled since it was asked for."""
        self._passed_at: Instant = LONG_AGO
        """When time passed last, if nothing else was handled since; by the node's clock."""

    # What reaches it.

    def receive(self, packet: bytes, link: LinkName) -> None:
        """Take a packet from a wire."""
        if len(self._socket) >= SOCKET_PACKETS:
            self.mail.drop(FULL)
            return
        self._socket.append((packet, link))
        self.turn()

    def tell(self, event: Event) -> None:
        """Take a fact from an agent or an operator."""
        self.post(lambda: event)

    def post(self, outcome: Outcome) -> None:
        """Take what becomes an event, or none, when the daemon comes to it."""
        self._inbox.append(outcome)
        self.turn()

    def reload(self, model: ClusterModel) -> None:
        """Let the configuration be read again."""

        def adopt() -> Event:
            self._node.model = model
            self.mail.believe(model.nodes)
            return ModelChanged(model)

        self.post(adopt)

    def order(self, order: Order) -> None:
        """Let an order be performed before all others that wait."""
        self._orders.appendleft(order)

    def be_busy(self, span: Duration) -> None:
        """Let the daemon be busy for a while: whatever arrives waits, and so do its orders."""

        def done() -> None:
            self._busy = False
            self.turn()

        self._busy = True
        self._clock.at(self._clock.now + span, done)

    # Traps.

    def set_trap(self, kind: type[Order], action: Callable[[], object], before: bool) -> None:
        """Do something exactly before or after the next order of a kind is performed."""
        self._trap = _Trap(kind, before, action)

    def disarm(self) -> None:
        """Take the trap away."""
        self._trap = None

    def _spring(self, order: Order, before: bool) -> bool:
        """Spring the trap if it was set for this; return whether it did."""
        trap = self._trap
        if trap is None or trap.before is not before or not isinstance(order, trap.kind):
            return False
        self._trap = None
        if before:
            self._orders.appendleft(order)
        trap.action()
        return True

    # The loop.

    def turn(self) -> None:
        """Go on with what was begun, take in what waits, let time pass, sleep until it matters."""
        if self._turning:
            return
        self._turning = True
        try:
            for _ in range(MOST_EVENTS):
                if not (self._go_on() if self._orders else self.running and not self._busy):
                    return
                if self._socket:
                    self._take_packet(*self._socket.popleft())
                elif self._inbox:
                    outcome = self._inbox.popleft()()
                    if outcome is not None:
                        self._handle(outcome)
                elif self._sleep():
                    return
            raise Spinning(f"{self._node.name}: a turn of {MOST_EVENTS} events")
        finally:
            self._turning = False

    def _go_on(self) -> bool:
        """Perform the orders of the turn; return whether the daemon is ready for more."""
        while self.running and not self._busy:
            if not self._orders:
                return True
            order = self._orders.popleft()
            if self._trap is not None and self._spring(order, before=True):
                continue
            self.hands.perform[type(order)](order)
            if self._trap is not None:
                self._spring(order, before=False)
        return False

    def _take_packet(self, packet: bytes, link: LinkName) -> None:
        opened = self.mail.open(packet)
        if opened is None:
            return
        beat, newest = opened
        if newest:
            for look in self._audience.heard:
                look(self._node, beat)
        self._handle(BeatReceived(beat, link))

    def _handle(self, event: Event) -> None:
        now = self._clock.now
        effects = self.engine.handle(event, now)
        self._due, self._passed_at = None, LONG_AGO
        audience = self._audience
        for look in audience.handled:
            look(self._node, now, event, effects)
        if effects:
            self._orders.extend(effects)
            if not _DECISIONS.isdisjoint(map(type, effects)):
                for tell in audience.decided:
                    tell(self._node, now, effects)
        if thinking := self._nature.thinking(self._node.name):
            self.be_busy(thinking)

    def _sleep(self) -> bool:
        """Let time pass if it is due, else sleep until it is; return whether the daemon sleeps."""
        due = self._due
        if due is None:
            due = self._due = self.engine.next_deadline()
        now = self._clock.now
        if due <= now:
            if self._passed_at == now:
                raise Spinning(f"{self._node.name}: time passed, and its deadline is still due")
            self._handle(_TIME_PASSED)
            self._passed_at = now
            return False
        if due != self._wakes_at:
            self._wakes_at = due
            wake = due + self._nature.oversleep(self._node.name)
            self._clock.at(wake, partial(self._wake, due))
        return True

    def _wake(self, due: Instant) -> None:
        """Wake at what was the deadline, unless it is another one by now."""
        if due == self._wakes_at:
            self._wakes_at = NEVER
            self.turn()
