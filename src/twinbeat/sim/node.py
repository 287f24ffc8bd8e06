"""One node: the real core behind the real wire, on a machine whose every part is simulated.

The daemon's loop is that of loop.py: every packet that waits, then what agents and operators
reported, and only then time passes. It may be stopped between any two orders of a turn, and goes on
there when it is let go: that is what a process does that is frozen and thawed.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from twinbeat.core.beat import Beat, Life
from twinbeat.core.effects import Effect, Remember, SendBeat
from twinbeat.core.engine import Engine
from twinbeat.core.events import (
    BeatReceived,
    Event,
    HardwareChanged,
    ModelChanged,
    ShutdownRequested,
    Started,
    TimePassed,
)
from twinbeat.core.model import ClusterModel
from twinbeat.core.units import LONG_AGO, NEVER, Duration, GroupName, Instant, LinkName, NodeName

from .agents import Agents, Outcome
from .clocks import Clock
from .hands import Hands, WriteLease
from .kernel import Kernel
from .mail import FULL, Drops, Mail

if TYPE_CHECKING:
    from .world import World

SOCKET_PACKETS = 12
"""What the socket of a stopped daemon holds: the newest packets are lost, the oldest survive."""

MOST_EVENTS = 10_000
"""More than any turn takes in."""

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


class Node:
    """A machine, and the daemon on it while there is one."""

    def __init__(self, world: "World", name: NodeName, model: ClusterModel) -> None:
        self.world = world
        self.name = name
        self.model = model
        """What the daemon is configured with; without a daemon, what the next one will be."""
        self.clock = Clock(world.agenda)
        self.kernel = Kernel(self.clock, self._kernel_changed)
        self.agents = Agents(
            name, world.nature, self.clock, self.kernel, self._post, self._address_up
        )
        self.engine: Engine | None = None
        self.birth: Birth | None = None
        self.hands: Hands | None = None
        self.kept: Remember | None = None
        """The state file: the generation in use and the switches; None: there is no file."""
        self.mac = bytes((2, *name.encode()[-5:].rjust(5, b"\0")))
        self.replies: dict[int, str | None] = {}
        """By request, why it was refused, or None when it was taken."""
        self.left: bool | None = None
        """Whether the last daemon ended by itself, and if so whether cleanly."""
        self.drops: Drops = {}
        """How many packets were refused, by reason, in all lives."""
        self.running = False
        """Whether there is a daemon that is neither frozen nor paused."""
        self.frozen = False
        self.paused = False
        self.dark = False
        """Whether the machine has no power."""
        self._wanted_model = model
        self._boots_on_resume = False
        self._socket: deque[tuple[bytes, LinkName]] = deque()
        self._inbox: deque[Outcome] = deque()
        self._orders: deque[Order] = deque()
        """Of the present turn, those still to be performed."""
        self._trap: _Trap | None = None
        self._turning = False
        self._thinks = False
        self._wakes_at: Instant = NEVER
        self._passed_at: Instant = LONG_AGO
        """When time passed last, if nothing else was handled since; by the node's clock."""
        self._frames: dict[tuple[GroupName, bytes], None] = {}
        """Announcements that wait for a machine that stands still."""
        self._mail: Mail
        self._perform: dict[type, Callable[[Any], object]]

    # Turning points.

    def boot(self) -> None:
        """Begin a new life: the kernel is silenced before the first word.

        Nothing happens when there is a daemon. A machine that stands still boots when it goes on.
        """
        if self.engine is not None or self.paused:
            self._boots_on_resume = self.engine is None
            return
        self.dark = False
        self.model = self._wanted_model
        self.kernel.silence()
        kept = self.kept
        generation = kept.generation + 1 if kept else 1
        life = Life(generation, self.world.next_token())
        self.birth = Birth(self.model, self.name, life, self.clock.now, kept)
        self.kept = Remember(
            kept.standby if kept else {}, kept.maintenance if kept else {}, generation
        )
        self.engine = self.birth.engine()
        self._mail = Mail(self.name, life, self.model.nodes, self.world.keyring, self.drops)
        self.hands = Hands(self)
        self._perform = self.hands.perform
        self.left = None
        self._change("boot")
        self.tell(Started())
        if self.world.nature.neighbours:
            self.tell(HardwareChanged(frozenset((self.mac,))))

    def kill(self) -> None:
        """End the daemon at once; the kernel lives on, and what runs goes on running."""
        if self.engine is not None:
            self._end_daemon()
            self._change("kill")

    def power_off(self) -> None:
        """Let the whole machine lose its power."""
        self._end_daemon()
        self.dark = True
        if self.paused:
            self.paused = self._boots_on_resume = False
            self.clock.go_on()
        self.kernel.lose_power()
        self._change("power-off")

    def power_on(self) -> None:
        """Give the machine its power back: it boots."""
        if self.dark:
            self.boot()

    def freeze(self, before_renewal: bool = False) -> None:
        """Stop the daemon, now or exactly after its next beat has left, before any renewal."""
        if before_renewal:
            self.trap(SendBeat, self.freeze)
        elif self.engine is not None and not self.frozen:
            self.frozen = True
            self._change("freeze")

    def thaw(self) -> None:
        """Let the daemon go on: with the rest of its turn, then the packets, then the time."""
        if self._trap is not None and self._trap.action == self.freeze:
            self._trap = None
        if self.frozen:
            self.frozen = False
            self._change("thaw")
            self._turn()

    def pause(self) -> None:
        """Let the whole machine stand still, its clock and its kernel's timers too."""
        if not self.paused and not self.dark:
            self.paused = True
            self.clock.stop()
            self.kernel.stand_still()
            self._change("pause")

    def resume(self) -> None:
        """Let the machine go on as if nothing had been."""
        if not self.paused:
            return
        self.paused = False
        self.clock.go_on()
        frames, self._frames = self._frames, {}
        for frame in frames:
            self.kernel.hear_announcement(*frame)
        self._change("resume")
        self.kernel.go_on()
        if self._boots_on_resume:
            self._boots_on_resume = False
            self.boot()
        self._turn()

    def forget(self) -> None:
        """Lose the file that keeps the generation and the switches."""
        self.kept = None

    def leave(self, clean: bool) -> None:
        """End by itself, as the core has ordered."""
        self._end_daemon()
        self.left = clean
        self._change("leave")

    def trap(self, kind: type[Order], action: Callable[[], object], before: bool = False) -> None:
        """Do something exactly before or after the next order of a kind is performed.

        `node.trap(StartGroup, node.kill, before=True)`. After `Serve` the timeout is reckoned and
        not yet written: `WriteLease` is an order of its own. The trap ends with the daemon.
        """
        self._trap = _Trap(kind, before, action)

    def _end_daemon(self) -> None:
        self.engine = None
        self.frozen = self._thinks = False
        self._trap = None
        for queue in (self._socket, self._inbox, self._orders):
            queue.clear()
        self._wakes_at = NEVER
        self.agents.abandon()

    def _change(self, what: str) -> None:
        self.running = not (self.engine is None or self.frozen or self.paused)
        for look in self.world.audience.lived:
            look(self, what)

    # What reaches the daemon.

    def tell(self, event: Event) -> None:
        """Tell the daemon a fact, as its agents and its operators do; without one it is lost."""
        self._post(lambda: event)

    def reload(self, model: ClusterModel) -> None:
        """Change the configuration, and let the daemon read it again."""
        self._wanted_model = model
        if self.engine is None:
            self.model = model
        self._post(partial(self._adopt, model))

    def shutdown(self) -> None:
        """Ask the daemon to stop cleanly."""
        self.tell(ShutdownRequested())

    def answer(self) -> Callable[[Event], None]:
        """Return what takes the outcome of an order that is given now, if this life still lasts."""
        engine = self.engine

        def take(event: Event) -> None:
            if self.engine is engine:
                self.tell(event)

        return take

    def receive(self, packet: bytes, link: LinkName) -> None:
        """Take a packet from a wire."""
        if self.engine is None:
            return
        if len(self._socket) >= SOCKET_PACKETS:
            self.drops[FULL] = self.drops.get(FULL, 0) + 1
            return
        self._socket.append((packet, link))
        self._turn()

    def hear_announcement(self, group: GroupName, mac: bytes) -> None:
        """Let the kernel hear what another node tells the neighbours."""
        if self.paused:
            self._frames[group, mac] = None
        else:
            self.kernel.hear_announcement(group, mac)

    def seal(self, beat: Beat) -> bytes:
        """Return the packet that says a beat."""
        return self._mail.seal(beat, self.world.agenda.now)

    def order(self, order: Order) -> None:
        """Let an order be performed before all others that wait."""
        self._orders.appendleft(order)

    def _post(self, outcome: Outcome) -> None:
        if self.engine is not None:
            self._inbox.append(outcome)
            self._turn()

    def _adopt(self, model: ClusterModel) -> Event:
        self.model = model
        self._mail.believe(model.nodes)
        return ModelChanged(model)

    def _address_up(self, group: GroupName) -> None:
        assert self.hands is not None  # Only a living daemon takes this in.
        self.hands.address_up(group)

    def _kernel_changed(self) -> None:
        for look in self.world.audience.kernel_changed:
            look(self)

    # The daemon's loop.

    def _turn(self) -> None:
        """Go on with what was begun, take in what waits, let time pass, sleep until it matters."""
        if self._turning:
            return
        self._turning = True
        try:
            for _ in range(MOST_EVENTS):
                if not self._go_on():
                    return
                if self._socket:
                    self._take_packet(*self._socket.popleft())
                elif self._inbox:
                    outcome = self._inbox.popleft()()
                    if outcome is not None:
                        self._handle(outcome)
                elif self._sleep():
                    return
            raise Spinning(f"{self.name}: a turn of {MOST_EVENTS} events")
        finally:
            self._turning = False

    def _go_on(self) -> bool:
        """Perform the orders of the turn; return whether all are performed."""
        while self._orders:
            if not self.running or self._thinks:
                return False
            order = self._orders.popleft()
            if self._trap is not None and self._spring(order, before=True):
                continue
            self._perform[type(order)](order)
            if self._trap is not None:
                self._spring(order, before=False)
        return self.running and not self._thinks

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

    def _take_packet(self, packet: bytes, link: LinkName) -> None:
        opened = self._mail.open(packet)
        if opened is None:
            return
        beat, newest = opened
        if newest:
            for look in self.world.audience.heard:
                look(self, beat)
        self._handle(BeatReceived(beat, link))

    def _handle(self, event: Event) -> None:
        engine = self.engine
        assert engine is not None  # The loop runs while there is one.
        now = self.clock.now
        effects = engine.handle(event, now)
        self._passed_at = LONG_AGO
        for look in self.world.audience.handled:
            look(self, now, event, effects)
        self._orders.extend(effects)
        if thinking := self.world.nature.thinking(self.name):
            self.be_busy(thinking)

    def be_busy(self, span: Duration) -> None:
        """Let the daemon be busy for a while: whatever arrives waits, and so do its orders."""
        self._thinks = True
        engine = self.engine

        def done() -> None:
            if self.engine is engine:
                self._thinks = False
                self._turn()

        self.clock.at(self.clock.now + span, done)

    def _sleep(self) -> bool:
        """Let time pass if it is due, else sleep until it is; return whether the daemon sleeps."""
        engine = self.engine
        assert engine is not None
        now, due = self.clock.now, engine.next_deadline()
        if due <= now:
            if self._passed_at == now:
                raise Spinning(f"{self.name}: time passed, and its deadline is still due")
            self._handle(TimePassed())
            self._passed_at = now
            return False
        if due < self._wakes_at:
            self._wakes_at = due
            wake = due + self.world.nature.oversleep(self.name)
            self.clock.at(wake, partial(self._wake, due, engine))
        return True

    def _wake(self, due: Instant, engine: Engine) -> None:
        if engine is self.engine:
            if due == self._wakes_at:
                self._wakes_at = NEVER
            self._turn()
