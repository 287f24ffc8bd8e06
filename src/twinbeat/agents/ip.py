"""The virtual IP: an agent whose address is put on an interface here, and guarded by a lease."""

import asyncio
import time
from typing import Protocol

from twinbeat.core.model import AddressSpec
from twinbeat.core.units import Duration

from .base import USUAL_INTERVAL, AgentError, Found, Outcome
from .places import Place


class Home(Protocol):
    """What a virtual IP needs from the one place that knows all addresses of this node."""

    async def hold(self, agent: "VirtualIp") -> None:
        """Put the address where it belongs and keep it there, silent until it is served."""

    async def release(self, agent: "VirtualIp") -> None:
        """Silence the address, then take it off every interface."""

    async def present(self, agent: "VirtualIp") -> bool:
        """Ask the kernel whether the address is here."""


class VirtualIp:
    """One virtual IP as a resource of a group (see `base.Agent`)."""

    watched = "netlink"
    doubtful = False

    def __init__(self, name: str, spec: AddressSpec, home: Home) -> None:
        self.name = name
        self.spec = spec
        self.place: Place | None = None
        """Where the address is held; None while this node does not hold it."""
        self._home = home
        self._lost = asyncio.Event()

    async def start(self) -> None:
        """Hold the address; raises `AgentError` with what is missing. It stays silent."""
        await self._home.hold(self)

    async def stop(self) -> None:
        """Silence the address, then remove it; raises `AgentError` when it cannot be removed."""
        await self._home.release(self)

    async def monitor(self, depth: int = 0, *, urgent: bool = False) -> Outcome:
        """Return whether this node has the address; there is no deeper look, and no queue."""
        del depth, urgent
        began = time.monotonic()
        try:
            present = await self._home.present(self)
        except AgentError as error:
            return Outcome(Found.FAILED, str(error), time.monotonic() - began)
        found = Found.RUNNING if present else Found.STOPPED
        reason = "" if present else f"{self.spec.ip} is on no interface here"
        return Outcome(found, reason, time.monotonic() - began)

    async def changed(self) -> str:
        """Return when the address was taken away, by itself or with its interface."""
        await self._lost.wait()
        self._lost.clear()
        return "the kernel told that the address was taken away"

    async def interval(self, depth: int = 0) -> Duration:
        """Return the usual one."""
        del depth
        return USUAL_INTERVAL

    def lose(self) -> None:
        """Note that the kernel told of something that happened to the address."""
        self._lost.set()
