"""All virtual IPs of this node: silent from the first moment, served by their lease alone."""

import asyncio
import errno
import os
from collections.abc import Callable, Iterable, Sequence

from twinbeat.core.model import AddressSpec, ResourceSpec
from twinbeat.core.units import Duration, Instant

from .announce import Announcer
from .base import AgentError, Log
from .guard import Guard, GuardError, GuardHeldError
from .ip import VirtualIp
from .keeper import Keeper
from .lease import KernelLease, Lease, LifetimeLease
from .netlink import NETLINK_ROUTE, IpAddress, Kernel
from .places import Address, Link, Machine, find_link, find_place, read_addresses, read_machine
from .rtnetlink import delete_address

_NOT_THERE = frozenset({0, errno.EADDRNOTAVAIL, errno.ENODEV})


class Addresses:
    """The virtual IPs of this node; one object for each daemon, used inside its event loop.

    Everything it makes belongs to the network namespace of the thread that calls it.
    """

    def __init__(self, log: Log, margin: Duration) -> None:
        """`margin` is what a lease is shorter than the deadtime; a write may take half of it."""
        self._log = log
        self._margin = margin
        self._kernel = Kernel(NETLINK_ROUTE)
        self._guard: Guard | None = None
        self._lease: Lease = LifetimeLease(self._kernel, Duration(0), margin, "not opened yet")
        self._keeper = Keeper(log, self._kernel, self._lease, self._tell_again, self._reguard)
        self._announcer = Announcer(log, self._speaking, self._link)
        self._turn = asyncio.Lock()
        self._agents: dict[str, VirtualIp] = {}
        self._configured: frozenset[IpAddress] = frozenset()
        self._interfaces: dict[IpAddress, str] = {}
        self._peers: frozenset[bytes] = frozenset()
        self._complaint = ""

    @property
    def kind(self) -> str:
        """Which lease is in force: `nft`, `valid_lft`, or `none` when it cannot be kept."""
        return self._lease.kind

    @property
    def why(self) -> str:
        """Why the lease is not kept by nftables, for a person; empty when it is."""
        return self._lease.why

    @property
    def macs(self) -> frozenset[bytes]:
        """The hardware addresses of the interfaces that addresses of ours are on, or come to."""
        links = (self._keeper.links[index] for index in self._devices())
        return frozenset(link.mac for link in links if link.mac)

    async def open(self, specs: Sequence[AddressSpec], lease: Duration) -> None:
        """Guard the configured addresses and remove them, and those of an earlier life.

        When this returns, nothing of ours answers. Raises `AgentError` when that cannot be said:
        another daemon lives in this network namespace, or an address could not be removed.
        """
        guard, earlier, why = self._adopt()
        await self._keeper.open()
        machine = await self._read(specs)
        self._configured = frozenset(spec.ip for spec in specs)
        self._remove(a for a in machine.addresses if a.ip in self._configured.union(earlier))
        self._note_interfaces(specs, machine)
        if guard is not None:
            try:
                guard.build(self._configured, self._devices())
                guard.obey(self._peers)
                self._guard = guard
                self._lease = KernelLease(guard, lease, self._margin, self._log)
            except GuardError as error:
                guard.close()
                why = str(error)
        if self._guard is None:
            self._lease = LifetimeLease(self._kernel, lease, self._margin, why)
            self._log("WARN", f"The addresses have no guard in the kernel: {self.why}.")
        self._keeper.begin(self._lease)

    def retime(self, lease: Duration, margin: Duration) -> None:
        """Follow a reloaded configuration's deadtime, from the next write on."""
        self._margin = margin
        self._lease.retime(lease, margin)

    async def update(self, specs: Sequence[AddressSpec]) -> None:
        """Take in other addresses; those held go on, the others are guarded and removed."""
        async with self._turn:
            machine = await self._read(specs)
            held = {agent.spec.ip for agent in self._keeper.held()}
            self._configured = frozenset(spec.ip for spec in specs)
            for ip in self._interfaces.keys() - self._configured - held:
                del self._interfaces[ip]
            self._note_interfaces(specs, machine)
            self._protect()
            self._reguard()
            self._remove(a for a in machine.addresses if a.ip in self._configured - held)

    async def close(self) -> None:
        """Silence and remove every address that is held, then the guard itself."""
        held = self._keeper.held()
        self._lease.silence(held)
        self._announcer.close()
        await self._keeper.close()
        for agent in held:
            if agent.place is not None:
                self._kernel.ask(delete_address(agent.place))
                agent.place = None
        if self._guard is not None:
            self._guard.close()
            self._guard = None
        self._kernel.close()

    def tend(self) -> None:
        """Renew, announce again and set right what needs it; to be called every few seconds."""
        self._keeper.tend()
        self._announcer.refresh()

    def agent(self, resource: ResourceSpec) -> VirtualIp:
        """Return the agent of an address resource: the same one for the same configuration."""
        if resource.address is None:
            raise AgentError(f"{resource.name} names no address")
        known = self._agents.get(resource.name)
        if known is None or known.spec != resource.address:
            known = self._agents[resource.name] = VirtualIp(resource.name, resource.address, self)
        return known

    def serve(self, agents: Sequence[VirtualIp], until: Instant, create: bool) -> str | None:
        """Let a group's addresses speak until an instant; never waits.

        Returns None, or why the lease is not in force: the addresses are silent then. `create`
        is for the first lease and the first after a lapse, and starts the announcements before
        it returns; a renewal fails on a lapsed lease, which a successor may count on.
        """
        reason = self._lease.serve(agents, until, create)
        if create and reason is None:
            for agent in agents:
                self._announcer.start(agent)
        return reason

    def silence(self, agents: Sequence[VirtualIp]) -> None:
        """Let a group's addresses speak no more, at once; never waits."""
        self._lease.silence(agents)
        for agent in agents:
            self._announcer.stop(agent)

    def announce(self, agents: Sequence[VirtualIp]) -> None:
        """Tell the neighbours again where those of the addresses are that may speak."""
        for agent in agents:
            self._tell_again(agent)

    def set_peer_macs(self, macs: Iterable[bytes]) -> None:
        """Name the peers' hardware addresses: an announcement by one of them ends our lease."""
        self._peers = frozenset(macs)
        self._attempt(lambda guard: guard.obey(self._peers))

    async def hold(self, agent: VirtualIp) -> None:
        """Put the agent's address where it belongs, silent; raises `AgentError`."""
        ip = agent.spec.ip
        async with self._turn:
            machine = await self._read((agent.spec,))
            known = agent.place if self._is_here(agent, machine.addresses) else None
            place = known or find_place(agent.spec, machine)
            self._interfaces[ip] = place.interface
            self._protect(agent)
            self._reguard()
            here = (place.index, place.prefix)
            self._remove(a for a in machine.addresses if a.ip == ip and (a.index, a.prefix) != here)
            agent.place = place
            failed = self._keeper.keep(agent)
            if failed:
                agent.place = None
                raise AgentError(f"{place} cannot be added: {os.strerror(failed)}")

    async def release(self, agent: VirtualIp) -> None:
        """Silence the agent's address and take it off every interface; raises `AgentError`."""
        self.silence((agent,))
        self._keeper.forget(agent)
        place, agent.place = agent.place, None
        if place is not None:
            self._kernel.ask(delete_address(place))
        async with self._turn:
            self._remove(a for a in await read_addresses() if a.ip == agent.spec.ip)

    async def present(self, agent: VirtualIp) -> bool:
        """Return whether the address is here; a held one that is missing is put back.

        A held address is put where it belongs, which changes nothing when it is there: to have the
        kernel tell all of its addresses takes ten times as long, which an idle node would notice.
        """
        if agent.place is not None:
            return self._keeper.keep(agent) == 0
        async with self._turn:
            return any(a.ip == agent.spec.ip for a in await read_addresses())

    def _adopt(self) -> tuple[Guard | None, list[IpAddress], str]:
        """Return the guard with an earlier life's addresses, or why there can be none."""
        try:
            guard = Guard()
            return guard, guard.adopt(), ""
        except GuardHeldError as error:
            raise AgentError(str(error)) from None
        except GuardError as error:
            return None, [], str(error)

    async def _read(self, specs: Sequence[AddressSpec]) -> Machine:
        machine = await read_machine(specs)
        self._keeper.learn(machine)
        return machine

    def _remove(self, addresses: Iterable[Address]) -> None:
        for address in addresses:
            failed = self._kernel.ask(delete_address(address))
            link = self._keeper.links.get(address.index)
            where = f"{address.ip}/{address.prefix} on {link.name if link else 'no interface'}"
            if failed not in _NOT_THERE:
                raise AgentError(f"{where} cannot be removed: {os.strerror(failed)}")
            self._log("info", f"{where} is ours and not held: removed.")

    def _note_interfaces(self, specs: Sequence[AddressSpec], machine: Machine) -> None:
        """Remember which interface each address may be on, as far as that can be told now."""
        for spec in specs:
            try:
                self._interfaces[spec.ip] = find_link(spec, machine).name
            except AgentError:
                if spec.interface is not None:
                    self._interfaces[spec.ip] = spec.interface

    def _devices(self) -> dict[int, str]:
        """Return the present interfaces on which an address of ours is, or may come to be."""
        names = set(self._interfaces.values())
        indexes = {agent.place.index for agent in self._keeper.held() if agent.place is not None}
        links = self._keeper.links.values()
        return {k.index: k.name for k in links if k.name in names or k.index in indexes}

    def _protect(self, *more: VirtualIp) -> None:
        held = {agent.spec.ip for agent in (*self._keeper.held(), *more)}
        self._attempt(lambda guard: guard.protect(self._configured | held))

    def _reguard(self) -> None:
        self._attempt(lambda guard: guard.cover(self._devices()))

    def _attempt(self, change: Callable[[Guard], object]) -> None:
        """Change the guard; what fails is tried again by the keeper, and logged once."""
        if self._guard is None:
            return
        try:
            change(self._guard)
            self._complaint = ""
        except GuardError as error:
            if str(error) != self._complaint:
                self._complaint = str(error)
                self._log("ERROR", f"The guard of the addresses has a gap: {error}; trying again.")

    def _is_here(self, agent: VirtualIp, addresses: Iterable[Address]) -> bool:
        place = agent.place
        return place is not None and any(
            (a.ip, a.index, a.prefix) == (place.ip, place.index, place.prefix) for a in addresses
        )

    def _tell_again(self, agent: VirtualIp) -> None:
        self._announcer.start(agent)

    def _speaking(self, agent: VirtualIp) -> bool:
        return self._lease.speaking(agent)

    def _link(self, agent: VirtualIp) -> Link | None:
        return self._keeper.links.get(agent.place.index) if agent.place is not None else None
