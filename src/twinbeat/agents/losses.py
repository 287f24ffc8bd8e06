"""Say, once for each event, what happened to an address that somebody else took away."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .base import Log
from .netlink import IpAddress
from .places import Address, Link, Place

_GATHER = 0.02
"""Seconds in which the kernel's other messages about the same event arrive."""
_PAUSE = 1.0
"""Seconds between two lines about one address, however often it is taken away."""
_MOST_NAMED = 4


@dataclass(slots=True)
class _Loss:
    place: Place
    at: float = 0.0
    count: int = 0
    down: bool = False
    authors: set[str] = field(default_factory=set)
    others: list[IpAddress] = field(default_factory=list)
    outcome: str = "it is not back yet"


class Losses:
    """Gathers what the kernel tells about deleted addresses and logs what came of it."""

    def __init__(self, log: Log, links: Mapping[int, Link]) -> None:
        self._log = log
        self._links = links
        self._pending: dict[IpAddress, _Loss] = {}
        self._timers: dict[IpAddress, asyncio.TimerHandle] = {}

    def lost(self, place: Place, port: int) -> None:
        """Note that a held address was deleted by whoever has this netlink port."""
        loss = self._pending.setdefault(place.ip, _Loss(place))
        loss.count += 1
        loss.at = asyncio.get_running_loop().time()
        link = self._links.get(place.index)
        loss.down = loss.down or link is None or not link.up
        if port:
            loss.authors.add(_author(port))
        if place.ip not in self._timers:
            self._call(_GATHER, place.ip)

    def beside(self, address: Address) -> None:
        """Note that an address which is not ours was deleted, perhaps by the same stroke."""
        now = asyncio.get_running_loop().time()
        for loss in self._pending.values():
            together = loss.place.index == address.index and now - loss.at < _GATHER
            if together and len(loss.others) < _MOST_NAMED:
                loss.others.append(address.ip)

    def settled(self, ip: IpAddress, outcome: str) -> None:
        """Note what came of the address, as the end of a sentence."""
        if ip in self._pending:
            self._pending[ip].outcome = outcome

    def close(self) -> None:
        """Tell what is pending, and no more after that."""
        for timer in self._timers.values():
            timer.cancel()
        for ip in list(self._pending):
            self._tell(self._pending.pop(ip))

    def _call(self, delay: float, ip: IpAddress) -> None:
        loop = asyncio.get_running_loop()
        self._timers[ip] = loop.call_later(delay, self._due, ip)

    def _due(self, ip: IpAddress) -> None:
        del self._timers[ip]
        loss = self._pending.pop(ip, None)
        if loss is not None:
            self._tell(loss)
            self._call(_PAUSE, ip)

    def _tell(self, loss: _Loss) -> None:
        times = "" if loss.count == 1 else f" {loss.count} times"
        others = ", ".join(map(str, loss.others))
        beside = f" together with {others}" if others else ""
        self._log(
            "WARN", f"{loss.place} was deleted{times}{beside} {self._by(loss)}; {loss.outcome}."
        )

    def _by(self, loss: _Loss) -> str:
        if loss.place.index not in self._links:
            return "because the interface is gone"
        if loss.authors:
            return "by " + " and ".join(sorted(loss.authors)[:_MOST_NAMED])
        if loss.down:
            return "because the interface went down"
        return "by the kernel itself: its lifetime ran out, or IPv6 was switched off there"


def _author(port: int) -> str:
    """Return who used a netlink port, as far as that can be known.

    The kernel tells no process. By custom the port is the process id of the program that opened
    its first netlink socket, which may have ended by now.
    """
    try:
        name = Path(f"/proc/{port}/comm").read_text(errors="replace").strip()
    except OSError:
        return f"whoever had netlink port {port} (no such process any more)"
    return f"{name!r}, to judge by its netlink port (process {port})"
