"""The hands of one daemon: its core's orders, performed one by one on a simulated machine.

What performer.py of the daemon does with sockets, netlink and children is done here with the
network, the kernel and the agents of the world. An order that takes time answers by an event.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from twinbeat.core.effects import (
    Announce,
    AskArbiter,
    ClearGroup,
    Leave,
    Obey,
    ProveDead,
    Record,
    Remember,
    Reply,
    RestartResources,
    SendBeat,
    Serve,
    Silence,
    StartGroup,
    StopGroup,
)
from twinbeat.core.events import GroupStartLate, LeaseLapsed, PingAnswered
from twinbeat.core.units import MS, SECOND, Duration, GroupName, Instant, readable

if TYPE_CHECKING:
    from .daemon import Daemon
    from .node import Node

SHORTEST = 10 * MS
"""A shorter lease is not written: it cannot be told from none."""
ROUND_TRIP = 2 * MS
"""Until a ping node's answer is there."""
REPETITIONS = (200 * MS, 800 * MS, SECOND)
"""Between the announcements of an address, as announce.py of the agents spaces them."""


@dataclass(frozen=True, slots=True)
class WriteLease:
    """The second half of `Serve`: the timeout is reckoned, and is written into the kernel now."""

    order: Serve
    timeout: Duration
    began: Instant
    """When the timeout was reckoned, by the node's clock."""


class Hands:
    """Performs the orders of one life."""

    def __init__(self, node: "Node", daemon: "Daemon") -> None:
        self._node = node
        self._daemon = daemon
        self._network = node.world.network
        self._audience = node.world.audience
        self._until: dict[GroupName, Instant] = {}
        """Until when each group's address may speak, also one that is not up yet."""
        self._speaking: set[GroupName] = set()
        """Whose element is in the kernel, as far as the daemon knows."""
        self._telling: dict[GroupName, int] = {}
        """How often the neighbours began to be told of an address: the last time goes on alone."""
        self.perform: dict[type, Callable[[Any], object]] = {
            SendBeat: self._send,
            Serve: self._serve,
            WriteLease: self._write,
            Silence: lambda order: self._silence(order.group),
            Announce: self._announce,
            Obey: lambda order: node.kernel.obey(order.macs),
            StartGroup: self._start,
            StopGroup: lambda order: node.agents.stop(order.op, order.group),
            ClearGroup: lambda order: node.agents.clear(order.op, order.spec, order.adopt),
            RestartResources: self._restart,
            ProveDead: lambda order: node.world.devices.prove(order, node.answer()),
            AskArbiter: lambda order: node.world.arbiter.ask(node.name, order, node.answer()),
            Remember: self._remember,
            Reply: self._reply,
            Record: self._record,
            Leave: lambda order: node.leave(order.clean),
        }
        """How each kind of order is performed."""

    def address_up(self, group: GroupName) -> None:
        """Let an address speak that has just come up, when its group may be served."""
        until = self._until.get(group)
        if until is not None and group not in self._speaking and until > self._node.clock.now:
            self._daemon.order(Serve(group, until, create=True))

    # The lease.

    def _serve(self, order: Serve) -> None:
        group = order.group
        self._until[group] = order.until
        if not self._node.kernel.has_address(group):
            return
        if not order.create and group not in self._speaking:
            return
        now = self._node.clock.now
        left = order.until - now
        if left < SHORTEST:
            self._lapse(group, f"only {readable(left)} of it was left")
            return
        self._daemon.order(WriteLease(order, Duration(left // MS * MS), now))
        if writing := self._node.world.nature.writing(self._node.name):
            self._daemon.be_busy(writing)

    def _write(self, write: WriteLease) -> None:
        """Write the element; what took longer than half the margin is undone at once."""
        node, group = self._node, write.order.group
        why = node.kernel.write_lease(group, write.timeout, write.order.create)
        took = node.clock.now - write.began
        if why is None and took > node.model.timing.margin // 2:
            why = f"writing it took {readable(took)}"
        if why is not None:
            self._lapse(group, why)
            return
        self._speaking.add(group)
        if write.order.create and node.world.nature.neighbours:
            self._tell_neighbours(group)

    def _lapse(self, group: GroupName, why: str) -> None:
        self._silence(group)
        self._daemon.tell(LeaseLapsed(group, why))

    def _silence(self, group: GroupName) -> None:
        self._until.pop(group, None)
        self._speaking.discard(group)
        self._node.kernel.delete_lease(group)

    # The neighbours.

    def _announce(self, order: Announce) -> None:
        for look in self._audience.announced:
            look(self._node, order.group)
        self._tell_neighbours(order.group)

    def _tell_neighbours(self, group: GroupName) -> None:
        """Announce the address for as long as it may speak, every second in the end."""
        self._telling[group] = self._telling.get(group, 0) + 1
        self._repeat(group, self._telling[group], 0)

    def _repeat(self, group: GroupName, telling: int, repetition: int) -> None:
        node = self._node
        if node.daemon is not self._daemon or self._telling[group] != telling:
            return
        if not node.kernel.serves(group):
            return  # What a kernel does not answer for, its guard does not let out either.
        self._network.announce(node.name, group, node.mac)
        pause = REPETITIONS[min(repetition, len(REPETITIONS) - 1)]
        node.clock.at(node.clock.now + pause, partial(self._repeat, group, telling, repetition + 1))

    # Everything else.

    def _send(self, order: SendBeat) -> None:
        node = self._node
        packet = self._daemon.mail.seal(order.beat, node.world.agenda.now)
        self._network.send(node.name, packet)
        for look in self._audience.sent:
            look(node, order.beat)
        for ping in node.model.pings:
            if ping.name not in node.unseen:
                answer = partial(self._daemon.tell, PingAnswered(ping.name))
                node.world.at(Instant(node.world.now + ROUND_TRIP), answer)

    def _start(self, order: StartGroup) -> None:
        group = order.spec.name
        if self._node.clock.now >= order.until:
            self._daemon.tell(GroupStartLate(order.op, group))
            return
        self._speaking.discard(group)
        for look in self._audience.started:
            look(self._node, group)
        self._node.agents.start(order.op, order.spec)

    def _restart(self, order: RestartResources) -> None:
        self._node.agents.restart(order.op, order.group, order.resources)

    def _remember(self, order: Remember) -> None:
        kept = self._node.kept
        if kept is not None and kept.generation > order.generation:
            order = Remember(order.standby, order.maintenance, kept.generation)
        self._node.kept = order

    def _reply(self, order: Reply) -> None:
        self._node.replies[order.request] = order.refused

    def _record(self, order: Record) -> None:
        for look in self._audience.told:
            look(self._node, order)
