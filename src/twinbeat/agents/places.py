"""Where an address goes: interface, prefix, broadcast and label, as Heartbeat's agents find them.

What the configuration leaves out comes from the connected routes: the interface whose route to
the address has the longest prefix (`findif` of the resource agents), and that route's prefix.
"""

import ipaddress
import os
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError

from twinbeat.core.model import AddressSpec

from .base import AgentError
from .netlink import IpAddress

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
_UP = 0x1
_CARRIER = 0x10000
_ETHERNET = 1
_TABLE_MAIN = 254
_UNICAST = 1
_SCOPE_LINK = 253
_LONGEST_LABEL = 15


@dataclass(frozen=True, slots=True)
class Link:
    """A network interface as the kernel last told of it."""

    index: int
    name: str
    up: bool
    """Set up by an administrator."""
    carrier: bool
    """Up, and the other end of the cable too."""
    mac: bytes
    """The hardware address; empty when it is not an Ethernet interface."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address that is on an interface."""

    ip: IpAddress
    prefix: int
    index: int
    label: str | None


@dataclass(frozen=True, slots=True)
class Route:
    """A connected route of the main table."""

    network: IpNetwork
    index: int
    metric: int


@dataclass(frozen=True, slots=True)
class Machine:
    """What the kernel says about this network namespace, read at one moment."""

    links: Mapping[int, Link]
    addresses: tuple[Address, ...]
    routes: tuple[Route, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an address goes, nothing left to be found."""

    ip: IpAddress
    prefix: int
    index: int
    interface: str
    broadcast: ipaddress.IPv4Address | None
    label: str | None

    def __str__(self) -> str:
        name = f" ({self.label})" if self.label else ""
        return f"{self.ip}/{self.prefix} on {self.interface}{name}"


def link_of(message: Mapping[str, Any]) -> Link:
    """Return the interface a link message speaks of."""
    flags = message["flags"]
    ethernet = message["ifi_type"] == _ETHERNET
    mac = bytes.fromhex((message.get("address") or "").replace(":", "")) if ethernet else b""
    carrier = bool(flags & _UP and flags & _CARRIER)
    return Link(message["index"], str(message.get("ifname")), bool(flags & _UP), carrier, mac)


def address_of(message: Mapping[str, Any]) -> Address:
    """Return the address an address message speaks of: the near end, where there are two."""
    ip = ipaddress.ip_address(str(message.get("local") or message.get("address")))
    return Address(ip, message["prefixlen"], message["index"], message.get("label"))


def _route_of(message: Mapping[str, Any]) -> Route | None:
    """Return the route when an address in it is on the wire of its interface, else None."""
    index, target = message.get("oif"), message.get("dst")
    connected = (
        message["type"] == _UNICAST
        and message.get("table") == _TABLE_MAIN
        and message.get("gateway") is None
        and (message["family"] != 2 or message["scope"] == _SCOPE_LINK)
    )
    if not connected or index is None or target is None:
        return None
    network = ipaddress.ip_network(f"{target}/{message['dst_len']}", strict=False)
    return Route(network, index, message.get("priority") or 0)


async def read_machine(specs: Iterable[AddressSpec] = ()) -> Machine:
    """Ask the kernel for links, addresses and what routes the specs need; raises `AgentError`.

    Every reading has its own socket: one that an overrun has spoilt cannot be used again. Routes
    are left alone where nothing has to be found, for a router may have a million of them.
    """
    routing = any(spec.interface is None or spec.prefix is None for spec in specs)
    async with _reading() as kernel:
        links = [link_of(m) async for m in await kernel.get_links()]
        addresses = [address_of(m) async for m in await kernel.get_addr()]
        routes = [_route_of(m) async for m in await kernel.get_routes()] if routing else []
    known = tuple(route for route in routes if route is not None)
    return Machine({link.index: link for link in links}, tuple(addresses), known)


async def read_addresses() -> list[Address]:
    """Ask the kernel for the addresses alone; raises `AgentError`."""
    async with _reading() as kernel:
        return [address_of(m) async for m in await kernel.get_addr()]


@asynccontextmanager
async def _reading() -> AsyncIterator[AsyncIPRoute]:
    try:
        async with AsyncIPRoute() as kernel:
            yield kernel
    except (OSError, NetlinkError) as error:
        raise AgentError(f"the kernel does not tell its addresses: {error}") from error


def find_link(spec: AddressSpec, machine: Machine) -> Link:
    """Return the interface for an address, up or down; raises `AgentError`."""
    if spec.interface is not None:
        for link in machine.links.values():
            if link.name == spec.interface:
                return link
        raise AgentError(
            f"{spec.ip} has nowhere to go: this machine has no interface {spec.interface}; "
            "see `ip link` for those it has"
        )
    route = _best_route(spec.ip, machine, None)
    if route is None or route.index not in machine.links:
        raise AgentError(
            f"{spec.ip} has nowhere to go: no connected route contains it, so its interface "
            f"cannot be found; name it, as in {spec.ip}/24/eth0"
        )
    return machine.links[route.index]


def find_place(spec: AddressSpec, machine: Machine) -> Place:
    """Return where an address goes; raises `AgentError` with what is missing."""
    link = find_link(spec, machine)
    if not link.up:
        raise AgentError(
            f"{spec.ip} cannot be added: interface {link.name} is down; "
            f"bring it up with `ip link set {link.name} up`"
        )
    prefix = spec.prefix
    if prefix is None:
        route = _best_route(spec.ip, machine, link.index)
        if route is None:
            raise AgentError(
                f"{spec.ip} cannot be added: no connected route of {link.name} contains it, so "
                f"its prefix cannot be found; write it, as in {spec.ip}/24/{link.name}"
            )
        prefix = route.network.prefixlen
    label = _label(spec, link.name, machine)
    return Place(spec.ip, prefix, link.index, link.name, _broadcast(spec, prefix), label)


def _best_route(ip: IpAddress, machine: Machine, index: int | None) -> Route | None:
    fitting = [
        route
        for route in machine.routes
        if ip in route.network and (index is None or route.index == index)
    ]
    return max(fitting, key=lambda r: (r.network.prefixlen, -r.metric), default=None)


def _broadcast(spec: AddressSpec, prefix: int) -> ipaddress.IPv4Address | None:
    if spec.ip.version == 6 or spec.broadcast is not None:
        return spec.broadcast
    if prefix > 30:  # RFC 3021: a link of two has no broadcast address.
        return None
    return ipaddress.IPv4Network((spec.ip, prefix), strict=False).broadcast_address


def _label(spec: AddressSpec, interface: str, machine: Machine) -> str | None:
    """Return the label: as written, or the first `IF:N` that no address has, or none."""
    if spec.ip.version == 6 or spec.label is not None or not spec.alias:
        return spec.label if spec.ip.version == 4 else None
    taken = {a.label for a in machine.addresses if a.ip != spec.ip}
    free = next(n for n in range(len(taken) + 1) if f"{interface}:{n}" not in taken)
    label = f"{interface}:{free}"
    return label if len(os.fsencode(label)) <= _LONGEST_LABEL else None
