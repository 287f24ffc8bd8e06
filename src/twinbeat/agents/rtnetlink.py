"""rtnetlink by hand: put an address on an interface for so many seconds, and take it off."""

import socket
import struct

from .netlink import ACK, CREATE, REPLACE, REQUEST, IpAddress, attribute, message, text
from .places import Address, Place

_NEWADDR = 20
_DELADDR = 21
_IFA_ADDRESS = 1
_IFA_LOCAL = 2
_IFA_LABEL = 3
_IFA_BROADCAST = 4
_IFA_CACHEINFO = 6
_NODAD = 0x02
_BODY = struct.Struct("=BBBBI")
_CACHEINFO = struct.Struct("=IIII")


def _family(ip: IpAddress) -> int:
    return socket.AF_INET if ip.version == 4 else socket.AF_INET6


def put_address(place: Place, seconds: int) -> bytes:
    """Return the request that adds an address or renews its lifetime, in whole seconds.

    IPv6 goes without duplicate address detection: its probes would leave before the lease, and
    who may use the address is settled already.
    """
    ip = place.ip
    flags = _NODAD if ip.version == 6 else 0
    body = _BODY.pack(_family(ip), place.prefix, flags, 0, place.index)
    body += attribute(_IFA_LOCAL, ip.packed) + attribute(_IFA_ADDRESS, ip.packed)
    if place.broadcast is not None:
        body += attribute(_IFA_BROADCAST, place.broadcast.packed)
    if place.label is not None:
        body += text(_IFA_LABEL, place.label)
    body += attribute(_IFA_CACHEINFO, _CACHEINFO.pack(seconds, seconds, 0, 0))
    return message(_NEWADDR, REQUEST | ACK | CREATE | REPLACE, body)


def delete_address(address: Address | Place) -> bytes:
    """Return the request that takes an address off its interface."""
    ip = address.ip
    body = _BODY.pack(_family(ip), address.prefix, 0, 0, address.index)
    return message(_DELADDR, REQUEST | ACK, body + attribute(_IFA_LOCAL, ip.packed))
