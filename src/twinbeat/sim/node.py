"""One node: a machine with its clock, kernel and agents, and a daemon while there is one."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from twinbeat.core.beat import Life
from twinbeat.core.effects import Remember, SendBeat
from twinbeat.core.engine import Engine
from twinbeat.core.events import Event, HardwareChanged, ShutdownRequested, Started
from twinbeat.core.model import AgentKind, ClusterModel, GroupSpec
from twinbeat.core.units import GroupName, LinkName, NodeName

from .agents import Agents
from .clocks import Clock
from .daemon import Birth, Daemon, Order
from .kernel import Kernel
from .mail import Drops
from .monitors import Outcome

if TYPE_CHECKING:
    from .world import World


class Node:
    """A machine, whatever becomes of it."""

    def __init__(self, world: "World", name: NodeName, model: ClusterModel) -> None:
        self.world = world
        self.name = name
        self.model = model
        """What the daemon is configured with; without a daemon, what the next one will be."""
        self.clock = Clock(world.agenda, world.nature.ahead(name))
        self.kernel = Kernel(self.clock, self._kernel_changed)
        self.agents = Agents(
            name, world.nature, self.clock, self.kernel, self._post, self._address_up
        )
        self.mac = bytes((2, *name.encode()[-5:].rjust(5, b"\0")))
        self.daemon: Daemon | None = None
        self.kept: Remember | None = None
        """The state file: the generation in use and the switches; None: there is no file."""
        self.replies: dict[int, str | None] = {}
        """By request, why it was refused, or None when it was taken."""
        self.left: bool | None = None
        """Whether the last daemon ended by itself, and if so whether cleanly."""
        self.drops: Drops = {}
        """How many packets were refused, by reason, in all lives."""
        self.unseen: set[NodeName] = set()
        """The ping nodes whose answers do not reach it."""
        self.enabled_at_boot = False
        """Whether the machine runs all groups' resources when it gets its power next."""
        self.paused = False
        self.dark = False
        """Whether the machine has no power."""
        self._wanted = model
        """The configuration on its disk."""
        self._boots_on_resume = False
        self._frames: dict[tuple[GroupName, bytes], None] = {}
        """Announcements that wait for a machine that stands still."""

    @property
    def engine(self) -> Engine | None:
        """The core of the daemon, or None when there is no daemon."""
        return None if self.daemon is None else self.daemon.engine

    @property
    def birth(self) -> Birth | None:
        """What the present life began with, or None when there is no daemon."""
        return None if self.daemon is None else self.daemon.birth

    @property
    def frozen(self) -> bool:
        """Whether there is a daemon that gets no processor time, though its machine goes on."""
        return self.daemon is not None and self.daemon.frozen

    @property
    def running(self) -> bool:
        """Whether there is a daemon that is neither frozen nor paused."""
        return self.daemon is not None and self.daemon.running

    # Turning points of the daemon.

    def boot(self) -> None:
        """Begin a new life: the kernel is silenced before the first word.

        Nothing happens when there is a daemon. A machine that stands still boots when it goes on.
        """
        if self.daemon is not None or self.paused:
            self._boots_on_resume = self.daemon is None
            return
        self.model = self._wanted
        if self.dark and self.enabled_at_boot:
            for spec in self.model.groups:
                self.come_to_run(spec)
        self.dark = self.enabled_at_boot = False
        self.kernel.silence()
        kept = self.kept
        standby, maintenance = (kept.standby, kept.maintenance) if kept else ({}, {})
        generation = kept.generation + 1 if kept else 1
        life = Life(generation, self.world.next_token())
        self.kept = Remember(standby, maintenance, generation)
        self.daemon = Daemon(self, Birth(self.model, self.name, life, self.clock.now, kept))
        self.left = None
        self._change("boot")
        self.tell(Started())
        if self.world.nature.neighbours:
            self.tell(HardwareChanged(frozenset((self.mac,))))

    def kill(self) -> None:
        """End the daemon at once; the kernel lives on, and what runs goes on running."""
        if self.daemon is not None:
            self._end_daemon()
            self._change("kill")

    def leave(self, clean: bool) -> None:
        """End the daemon by itself, as its core has ordered."""
        self._end_daemon()
        self.left = clean
        self._change("leave")

    def freeze(self, before_renewal: bool = False) -> None:
        """Stop the daemon, now or exactly after its next beat has left, before any renewal."""
        if before_renewal:
            self.trap(SendBeat, self.freeze)
        elif self.daemon is not None and not self.daemon.frozen:
            self.daemon.frozen = True
            self._change("freeze")

    def thaw(self) -> None:
        """Let the daemon go on: with the rest of its turn, then the packets, then the time.

        A trap that was to freeze it is taken away.
        """
        if self.daemon is None:
            return
        self.daemon.disarm()
        if self.daemon.frozen:
            self.daemon.frozen = False
            self._change("thaw")
            self._turn()

    def trap(self, kind: type[Order], action: Callable[[], object], before: bool = False) -> None:
        """Do something exactly after, or before, the next order of a kind is performed.

        `node.trap(StartGroup, node.kill, before=True)`. After `Serve` the timeout is reckoned and
        not yet written: `WriteLease` is an order of its own. The trap ends with the daemon.
        """
        if self.daemon is not None:
            self.daemon.set_trap(kind, action, before)

    def forget(self) -> None:
        """Lose the file that keeps the generation and the switches."""
        self.kept = None

    # Turning points of the machine.

    def come_to_run(self, spec: GroupSpec) -> None:
        """Let a group's resources run without any daemon's doing, but for its addresses."""
        processes = [each.name for each in spec.resources if each.agent is not AgentKind.IP]
        self.kernel.come(spec.name, processes)

    def power_off(self) -> None:
        """Let the whole machine lose its power."""
        if self.daemon is not None:
            self._end_daemon()
        self.dark = True
        self._boots_on_resume = False
        if self.paused:
            self.paused = False
            self._frames.clear()
            self.clock.go_on()
        self._change("power-off")
        self.kernel.lose_power()

    def power_on(self) -> None:
        """Give the machine its power back: it boots."""
        if self.dark:
            self.boot()

    def pause(self) -> None:
        """Let the whole machine stand still, its clock and its kernel's timers too."""
        if not self.paused and not self.dark:
            self.paused = True
            self.clock.stop()
            self._change("pause")
            self.kernel.stand_still()

    def resume(self) -> None:
        """Let the machine go on as if nothing had been; the frames that waited come in first."""
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

    # What reaches it.

    def tell(self, event: Event) -> None:
        """Tell the daemon a fact, as its agents and its operators do; without one it is lost."""
        if self.daemon is not None:
            self.daemon.tell(event)

    def reload(self, model: ClusterModel) -> None:
        """Change the configuration, and let the daemon read it again."""
        self._wanted = model
        if self.daemon is not None:
            self.daemon.reload(model)
        else:
            self.model = model

    def shutdown(self) -> None:
        """Ask the daemon to stop cleanly."""
        self.tell(ShutdownRequested())

    def answer(self) -> Callable[[Event], None]:
        """Return what takes the outcome of an order that is given now, if this life still lasts."""
        daemon = self.daemon

        def take(event: Event) -> None:
            if daemon is not None and self.daemon is daemon:
                daemon.tell(event)

        return take

    def receive(self, packet: bytes, link: LinkName) -> None:
        """Take a packet from a wire; without a daemon it is lost."""
        if self.daemon is not None:
            self.daemon.receive(packet, link)

    def hear_announcement(self, group: GroupName, mac: bytes) -> None:
        """Let the kernel hear what another node tells the neighbours."""
        if self.paused:
            self._frames[group, mac] = None
        else:
            self.kernel.hear_announcement(group, mac)

    # How it is done.

    def _end_daemon(self) -> None:
        if self.daemon is not None:
            self.daemon.running = False
            self.daemon = None
        self.agents.abandon()

    def _change(self, what: str) -> None:
        if self.daemon is not None:
            self.daemon.running = not (self.daemon.frozen or self.paused)
        for look in self.world.audience.lived:
            look(self, what)

    def _turn(self) -> None:
        if self.daemon is not None:
            self.daemon.turn()

    def _post(self, outcome: Outcome) -> None:
        def take() -> Event | None:
            event = outcome()
            if event is not None:
                for look in self.world.audience.outcome:
                    look(self, event)
            return event

        if self.daemon is not None:
            self.daemon.post(take)

    def _address_up(self, group: GroupName) -> None:
        if self.daemon is not None:
            self.daemon.hands.address_up(group)

    def _kernel_changed(self) -> None:
        for look in self.world.audience.kernel_changed:
            look(self)
