"""Perform the core's orders, one by one in their given order. Nothing here waits.

What takes time (scripts, disks) is handed to whoever has it, and comes back as an event. An order
that cannot be performed is told and never ends the daemon: peers and kernel are built to bear a
node that fell silent.
"""

from collections.abc import Callable

from twinbeat.agents.addresses import Addresses
from twinbeat.agents.base import Agent, Log
from twinbeat.agents.ip import VirtualIp
from twinbeat.core.effects import (
    Announce,
    AskArbiter,
    ClearGroup,
    Effect,
    Leave,
    Obey,
    ProveDead,
    Record,
    Remember,
    Reply,
    RestartResources,
    SendAgain,
    SendBeat,
    SendMessage,
    Serve,
    Silence,
    StartGroup,
    StopGroup,
)
from twinbeat.core.events import Event, GroupStartLate, LeaseLapsed
from twinbeat.core.units import SECOND, GroupName, Instant

from . import clock
from .chronicle import Chronicle
from .custodian import Custodian
from .desk import Desk
from .logs import tell_traceback
from .mail import Mail
from .memory import Memory
from .switchboard import Switchboard

COMPLAIN_NS = 60 * SECOND


class Performer:
    """The hands of the daemon."""

    def __init__(
        self,
        *,
        mail: Mail,
        switchboard: Switchboard,
        addresses: Addresses,
        custodian: Custodian,
        chronicle: Chronicle,
        desk: Desk,
        memory: Memory,
        post: Callable[[Event], None],
        leave: Callable[[bool], None],
        log: Log,
    ) -> None:
        self._mail = mail
        self._switchboard = switchboard
        self._addresses = addresses
        self._custodian = custodian
        self._chronicle = chronicle
        self._desk = desk
        self._memory = memory
        self._post = post
        self._leave = leave
        self._log = log
        self._until: dict[GroupName, Instant] = {}
        """Until when each group's addresses may speak, also those that are not up yet."""
        self._speaking: set[VirtualIp] = set()
        """The addresses that have a lease in the kernel, as far as was told."""
        self._complained: dict[str, Instant] = {}

    def perform(self, effect: Effect, now: Instant) -> None:
        """Carry out one order; `now` is the instant of the event it follows from."""
        try:
            self._perform(effect, now)
        except Exception as error:
            self._complain(type(effect).__name__, error)
            if isinstance(effect, Serve):
                self._post(LeaseLapsed(effect.group, f"it could not be written ({error})"))

    def silence_everything(self) -> None:
        """Let no address speak any more: what is left to do when a decision failed."""
        for group in self._custodian.groups():
            self._silence(group)

    def up(self, group: GroupName, agent: Agent) -> None:
        """Let an address speak that has just come up, when its group may be served."""
        until = self._until.get(group)
        if not isinstance(agent, VirtualIp) or agent in self._speaking:
            return
        if until is not None and until > clock.now():
            self._write(Serve(group, until, create=True), [agent])

    def _perform(self, effect: Effect, now: Instant) -> None:
        match effect:
            case SendBeat(beat):
                self._switchboard.send(self._mail.seal(beat))
            case SendMessage():
                self._switchboard.send(self._mail.seal_message(effect))
            case SendAgain(seq):
                if (letter := self._mail.again(seq)) is not None:
                    self._switchboard.send(letter)
            case Serve():
                self._serve(effect)
            case Silence(group):
                self._silence(group)
            case Announce(group):
                self._addresses.announce(self._virtual_ips(group))
            case StartGroup(op, spec, until) if clock.now() >= until:
                self._post(GroupStartLate(op, spec.name))
            case StartGroup(op, spec):
                self._speaking.difference_update(self._virtual_ips(spec.name))
                self._custodian.start(op, spec)
            case StopGroup(op, group):
                self._custodian.stop(op, group)
            case RestartResources(op, group, names):
                self._speaking -= {a for a in self._virtual_ips(group) if a.name in names}
                self._custodian.restart(op, group, names)
            case ClearGroup(op, spec, adopt):
                self._custodian.clear(op, spec, adopt=adopt)
            case Obey(macs):
                self._addresses.set_peer_macs(macs)
            case Remember():
                self._memory.remember(effect)
            case Reply():
                self._desk.reply(effect)
            case Record():
                self._chronicle.record(effect, now)
            case Leave(clean):
                self._leave(clean)
            case ProveDead() | AskArbiter():
                raise ValueError("no proof of death but `peer` has anything to order here")

    def _serve(self, effect: Serve) -> None:
        self._until[effect.group] = effect.until
        up = [agent for agent in self._virtual_ips(effect.group) if agent.place is not None]
        agents = up if effect.create else [agent for agent in up if agent in self._speaking]
        if agents:
            self._write(effect, agents)

    def _write(self, effect: Serve, agents: list[VirtualIp]) -> None:
        why = self._addresses.serve(agents, effect.until, effect.create)
        if why is None:
            self._speaking.update(agents)
        else:
            self._silence(effect.group)
            self._post(LeaseLapsed(effect.group, why))

    def _silence(self, group: GroupName) -> None:
        """Let nothing of a group speak, so that the next lease begins with a clean creation."""
        self._until.pop(group, None)
        agents = self._virtual_ips(group)
        self._speaking.difference_update(agents)
        self._addresses.silence(agents)

    def _virtual_ips(self, group: GroupName) -> list[VirtualIp]:
        agents = self._custodian.agents(group)
        return [agent for agent in agents if isinstance(agent, VirtualIp)]

    def _complain(self, order: str, error: Exception) -> None:
        now = clock.now()
        told = self._complained.get(order)
        if told is not None and now - told < COMPLAIN_NS:
            return
        self._complained[order] = now
        self._log("CRIT", f"an order could not be performed ({order}): {error!r}")
        tell_traceback(self._log, error)
