"""Keep held addresses where they belong, whatever happens to them or to their interface."""

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from twinbeat.core.units import MS, SECOND, Instant

from .base import AgentError, Log
from .ip import VirtualIp
from .lease import Lease, clock
from .losses import Losses
from .netlink import Kernel
from .places import Link, Machine, address_of, link_of, read_machine
from .rtnetlink import put_address
from .watch import Watch

_BREATH = 20 * MS
"""How soon an address is put back a second time: a quarrel must not take the whole processor."""


class Keeper:
    """Watches the kernel for the addresses that agents hold, and puts back what is missing."""

    def __init__(
        self,
        log: Log,
        kernel: Kernel,
        lease: Lease,
        announce: Callable[[VirtualIp], None],
        reguard: Callable[[], None],
    ) -> None:
        """`announce(agent)` tells the neighbours; `reguard()` follows a change of interfaces."""
        self.links: dict[int, Link] = {}
        """Every interface of this network namespace by its index, as last told."""
        self._log = log
        self._kernel = kernel
        self._announce = announce
        self._reguard = reguard
        self._lease = lease
        self._held: dict[VirtualIp, Instant] = {}  # and when each may be put back again
        self._failed: dict[VirtualIp, int] = {}
        self._losses = Losses(log, self.links)
        self._watch = Watch(log, self._told, self._missed)

    async def open(self) -> None:
        """Start listening to the kernel; raises `AgentError`."""
        try:
            await self._watch.open()
        except OSError as error:
            raise AgentError(f"the kernel's news about addresses cannot be read: {error}") from None

    def begin(self, lease: Lease) -> None:
        """Start keeping, by the rules of this lease."""
        self._lease = lease

    def learn(self, machine: Machine) -> None:
        """Take in a fresh reading of the interfaces."""
        self.links.clear()
        self.links.update(machine.links)

    def held(self) -> list[VirtualIp]:
        """Return the agents whose addresses are kept."""
        return list(self._held)

    def keep(self, agent: VirtualIp) -> int:
        """Put the agent's address at its place and keep it there; return the errno."""
        failed = self._put(agent)
        if not failed:
            self._held[agent] = Instant(0)
        return failed

    def forget(self, agent: VirtualIp) -> None:
        """Keep the agent's address no longer."""
        self._held.pop(agent, None)
        self._failed.pop(agent, None)

    def tend(self) -> None:
        """Renew the lifetimes, the second net under the lease; see to what no message told of."""
        self._lease.tend()
        self._reguard()
        for agent in self._held:
            failed = self._put(agent)
            if failed and failed != self._failed.get(agent):
                reason = os.strerror(failed)
                self._log("ERROR", f"{agent.place} cannot be kept: {reason}; trying again.")
            self._failed[agent] = failed

    async def close(self) -> None:
        """Keep nothing and listen no more."""
        self._held.clear()
        await self._watch.close()
        self._losses.close()

    def _put(self, agent: VirtualIp) -> int:
        """Put the address at its place, if the lease lets it be there now; return the errno."""
        if agent.place is None:
            return 0
        seconds = self._lease.lifetime(agent)
        return self._kernel.ask(put_address(agent.place, seconds)) if seconds else 0

    def _put_back(self, agent: VirtualIp) -> None:
        """Put a lost address back, at once unless that was done a moment ago."""
        if agent not in self._held or agent.place is None:
            return
        now = clock()
        wait = self._held[agent] - now
        if wait > 0:
            asyncio.get_running_loop().call_later(wait / SECOND, self._put_back, agent)
            return
        self._held[agent] = Instant(now + _BREATH)
        self._lease.tend()
        if not self._lease.lifetime(agent):
            return
        failed = self._put(agent)
        if failed:
            outcome = f"it could not be put back: {os.strerror(failed)}"
        else:
            outcome = "put back"
            self._announce(agent)
        self._losses.settled(agent.place.ip, outcome)

    def _told(self, message: Mapping[str, Any]) -> None:
        event = message["event"]
        if event == "RTM_DELADDR":
            self._address_gone(message)
            return
        # Messages of the bridge family tell of a port's membership, not of the interface.
        about_link = event in ("RTM_NEWLINK", "RTM_DELLINK") and not message["family"]
        if about_link and message.get("ifname") is not None:
            self._link_told(link_of(message), event == "RTM_DELLINK")

    async def _missed(self) -> None:
        """Read again what messages would have told, and see to every address."""
        self.learn(await read_machine())
        self._reguard()
        for agent in self.held():
            self._put_back(agent)

    def _address_gone(self, message: Mapping[str, Any]) -> None:
        address = address_of(message)
        author = message["header"]["pid"]
        for agent in self.held():
            place = agent.place
            if place is None or (place.ip, place.index) != (address.ip, address.index):
                continue
            ours = author == self._kernel.port
            if not ours and self._lease.lifetime(agent):
                self._losses.lost(place, author)
                self._put_back(agent)
                agent.lose()
            return
        self._losses.beside(address)

    def _link_told(self, link: Link, gone: bool) -> None:
        before = self.links.get(link.index)
        if gone:
            self.links.pop(link.index, None)
        else:
            self.links[link.index] = link
        if gone or before is None or before.name != link.name:
            self._follow(link, gone)
        if gone or before is None:
            return
        for agent in self.held():
            if agent.place is None or agent.place.index != link.index:
                continue
            if link.up and not before.up:
                self._put_back(agent)
            if (link.carrier and not before.carrier) or link.mac != before.mac:
                self._announce(agent)

    def _follow(self, link: Link, gone: bool) -> None:
        """Follow an interface that was renamed, or deleted and made again under its name."""
        returned = []
        for agent in self.held():
            place = agent.place
            if place is None or gone:
                continue
            if place.index == link.index and place.interface != link.name:
                self._log("WARN", f"{place.interface} is called {link.name} now; {place.ip} stays.")
                agent.place = replace(place, interface=link.name)
            elif place.interface == link.name and place.index not in self.links:
                self._log("WARN", f"{link.name} is back; {place.ip} returns to it.")
                agent.place = replace(place, index=link.index)
                returned.append(agent)
        self._reguard()
        for agent in returned:
            self._put_back(agent)
