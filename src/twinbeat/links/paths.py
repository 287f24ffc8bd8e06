"""The three ways a datagram travels, as what they ask of a pair of UDP sockets."""

import ctypes
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from twinbeat.core.model import LinkKind, LinkSpec

from .interface import Interface, broadcast_address
from .peer import PeerAddress

SocketAddress = tuple[str, int] | tuple[str, int, int, int]
"""What `bind` and `sendto` take: host and port, for IPv6 with flow and scope."""

Option = tuple[int, int, int | bytes]
"""What `setsockopt` takes: level, name, value."""

_SO_ATTACH_FILTER = 26
_NO_OWN_PACKETS = ctypes.create_string_buffer(
    # Classic BPF (linux/filter.h): load the packet's type; drop it if it is PACKET_LOOPBACK.
    struct.pack("=HBBI", 0x20, 0, 0, 0xFFFFF000 + 4)
    + struct.pack("=HBBI", 0x15, 0, 1, socket.PACKET_LOOPBACK)
    + struct.pack("=HBBI", 0x06, 0, 0, 0)
    + struct.pack("=HBBI", 0x06, 0, 0, 0xFFFFFFFF),
    32,
)
"""A filter that lets the kernel drop what this machine broadcast itself, before it wakes us."""

_LOW_DELAY = 0x10
"""The type of service of Heartbeat's unicast packets (RFC 1349)."""


@dataclass(frozen=True, slots=True)
class Path:
    """Where to listen and to send on one interface, and the options that this needs."""

    family: socket.AddressFamily
    listen: SocketAddress
    to: SocketAddress
    receiving: tuple[Option, ...] = ()
    sending: tuple[Option, ...] = ()


PathFinder = Callable[[Interface], Path]
"""Finds the path on an interface as it is now; raises `LinkError` while there is none."""


def path_finder(spec: LinkSpec) -> PathFinder:
    """Return how the link finds its path; raises `ValueError` when a group is no IP address."""
    match spec.kind:
        case LinkKind.BROADCAST:
            return lambda interface: _broadcast(spec.port, interface)
        case LinkKind.MULTICAST:
            group = ip_address(spec.address)
            return lambda interface: _multicast(spec, group, interface)
        case LinkKind.UNICAST:
            peer = PeerAddress(spec.address)
            return lambda interface: _unicast(spec.port, peer.get(), interface)
        case LinkKind.SERIAL:
            raise ValueError(f"{spec.interface} is a serial line: no datagrams travel over it")


def _broadcast(port: int, interface: Interface) -> Path:
    """To everyone on the interface's own network, past every gateway: Heartbeat's `bcast`."""
    return Path(
        socket.AF_INET,
        listen=("", port),
        to=(broadcast_address(interface), port),
        receiving=(
            (
                socket.SOL_SOCKET,
                _SO_ATTACH_FILTER,
                struct.pack("@HP", 4, ctypes.addressof(_NO_OWN_PACKETS)),
            ),
        ),
        sending=(
            (socket.SOL_SOCKET, socket.SO_BROADCAST, 1),
            (socket.SOL_SOCKET, socket.SO_DONTROUTE, 1),
        ),
    )


def _multicast(spec: LinkSpec, group: IPv4Address | IPv6Address, interface: Interface) -> Path:
    """To everyone on the interface's network who joined the group; listens on the group only."""
    address = _socket_address(group, spec.port, interface)
    loop = int(spec.loop)
    if group.version == 4:
        membership = struct.pack("=4s4xi", group.packed, interface.index)  # ip_mreqn, ip(7)
        return Path(
            socket.AF_INET,
            listen=address,
            to=address,
            receiving=((socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership),),
            sending=(
                (socket.IPPROTO_IP, socket.IP_MULTICAST_IF, membership),
                (socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, spec.ttl),
                (socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, loop),
            ),
        )
    membership = struct.pack("=16si", group.packed, interface.index)  # ipv6_mreq, ipv6(7)
    return Path(
        socket.AF_INET6,
        listen=address,
        to=address,
        receiving=((socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, membership),),
        sending=(
            (socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, interface.index),
            (socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, spec.ttl),
            (socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, loop),
        ),
    )


def _unicast(port: int, peer: IPv4Address | IPv6Address, interface: Interface) -> Path:
    """To one peer; listens on every own address, so that a changed one needs no new socket.

    Linux gives a datagram addressed to one node to one socket only. Where several links listen on
    the same port of the same interface, what all peers send arrives on one of them; nothing is
    lost by that, and `ha.cf` gives such links the same name anyway.
    """
    to = _socket_address(peer, port, interface)
    if peer.version == 4:
        low_delay = (socket.IPPROTO_IP, socket.IP_TOS, _LOW_DELAY)
        return Path(socket.AF_INET, listen=("", port), to=to, sending=(low_delay,))
    low_delay = (socket.IPPROTO_IPV6, socket.IPV6_TCLASS, _LOW_DELAY)
    return Path(socket.AF_INET6, listen=("", port), to=to, sending=(low_delay,))


def _socket_address(
    address: IPv4Address | IPv6Address, port: int, interface: Interface
) -> SocketAddress:
    """Return the kernel's form; the scope matters only to link-local IPv6 addresses and groups."""
    if address.version == 4:
        return (str(address), port)
    scoped = address.is_link_local or address.is_multicast
    return (str(address), port, 0, interface.index if scoped else 0)
