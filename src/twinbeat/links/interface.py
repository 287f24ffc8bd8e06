"""What the kernel says about one network interface, asked with the ioctls of netdevice(7)."""

import errno
import fcntl
import socket
import struct
from dataclasses import dataclass, field
from ipaddress import IPv4Interface

_SIOCGIFFLAGS = 0x8913
_SIOCGIFADDR = 0x8915
_SIOCGIFBRDADDR = 0x8919
_SIOCGIFNETMASK = 0x891B
_SIOCGIFINDEX = 0x8933
_IFF_UP = 0x1
_IFF_BROADCAST = 0x2
_IFF_RUNNING = 0x40
_IFREQ = struct.Struct("16s24x")
"""`struct ifreq`: the name, then a union of 24 bytes that holds the answer."""
_INDEX = struct.Struct("=i")
_FLAGS = struct.Struct("=H")


class LinkError(Exception):
    """The link cannot carry packets now; the text says why, for a person."""


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface at one moment. A new interface of an old name has another index."""

    name: str
    index: int
    flags: int
    asker: socket.socket = field(compare=False, repr=False)
    """Any IPv4 socket; the kernel is asked through it."""

    def require_traffic(self) -> None:
        """Raise `LinkError` when no packet can pass: switched off, or no carrier."""
        if not self.flags & _IFF_UP:
            raise LinkError(f"{self.name} is down; it comes up with: ip link set {self.name} up")
        if not self.flags & _IFF_RUNNING:
            raise LinkError(f"{self.name} has no carrier; look at its cable and the other end")


def look(name: str, asker: socket.socket) -> Interface:
    """Return the interface of that name; raises `LinkError` when there is none."""
    try:
        index = _INDEX.unpack_from(_ask(asker, _SIOCGIFINDEX, name))[0]
        flags = _FLAGS.unpack_from(_ask(asker, _SIOCGIFFLAGS, name))[0]
    except (OSError, ValueError):
        raise LinkError(f"there is no interface {name!r}; it is looked for every second") from None
    return Interface(name, index, flags, asker)


def broadcast_address(interface: Interface) -> str:
    """Return where a broadcast on the interface goes, from its first IPv4 address.

    An address that was added without its broadcast address (`ip address add` sets none unless
    told to) has it computed from the netmask. Raises `LinkError` when there is no broadcast.
    """
    name = interface.name
    if not interface.flags & _IFF_BROADCAST:
        raise LinkError(f"{name} cannot broadcast; use a unicast link on it")
    try:
        configured = _address(interface, _SIOCGIFBRDADDR)
        if configured != "0.0.0.0":
            return configured
        own, mask = _address(interface, _SIOCGIFADDR), _address(interface, _SIOCGIFNETMASK)
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise LinkError(f"{name} has no IPv4 address, so no broadcast address") from None
        raise LinkError(f"{name} does not tell its broadcast address: {error.strerror}") from None
    network = IPv4Interface(f"{own}/{mask}").network
    if network.prefixlen > 30:
        raise LinkError(f"{name} has {own}/{network.prefixlen}, a network without broadcast")
    return str(network.broadcast_address)


def _address(interface: Interface, request: int) -> str:
    """Ask for one IPv4 address of an interface (a `sockaddr_in`: family, port, address)."""
    return socket.inet_ntoa(_ask(interface.asker, request, interface.name)[4:8])


def _ask(asker: socket.socket, request: int, name: str) -> bytes:
    """Ask the kernel about an interface and return the union of the `ifreq` it answers."""
    return fcntl.ioctl(asker, request, _IFREQ.pack(name.encode()))[16:]
