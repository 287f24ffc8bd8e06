"""ICMP echoes to one ping node, over raw sockets of both versions of IP.

The kernel lets through only echo replies with this link's own identifier, so that other programs'
pings cost nothing here.
"""

import ctypes
import errno
import os
import socket
import struct
from collections.abc import Callable
from contextlib import ExitStack
from ipaddress import IPv4Address, IPv6Address

from twinbeat.core.model import PingSpec
from twinbeat.core.units import LinkName

from .interface import LinkError
from .peer import PeerAddress

MAX_PAYLOAD = 5120
"""Bytes of an answer that are read, as in Heartbeat."""
MAX_ANSWERS = 512
"""The most answers that one `receive` returns; the rest waits for the next call."""

_HEADER = struct.Struct("!BBHHH")
"""Type, code, checksum, identifier, sequence number (RFC 792, RFC 4443)."""
_IP_HEADERS = 60
"""The longest IPv4 header, which a raw socket hands over in front."""
_SO_ATTACH_FILTER = 26
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_REQUEST = {4: 8, 6: 128}
_REPLY = {4: 0, 6: 129}
_HEADER_LENGTH = 0xB1
"""Classic BPF (linux/filter.h): load the length of the IPv4 header at an offset into X."""
_HALF_AT_X, _HALF_AT, _BYTE_AT_X, _BYTE_AT = 0x48, 0x28, 0x50, 0x30
_JUMP_EQUAL, _RETURN = 0x15, 0x06


class PingLink:
    """Asks the addresses of one ping node. It never raises for the network's sake."""

    def __init__(self, spec: PingSpec, identifier: int) -> None:
        """Remember what to ask; the identifier (16 bits) is this link's own on this machine."""
        self.name = LinkName(spec.name)
        self._identifier = identifier & 0xFFFF
        family = _FAMILIES[spec.version]
        self._addresses = [PeerAddress(_bare(text), family) for text in spec.addresses]
        self._zones = [text.partition("%")[2] for text in spec.addresses]
        self._sockets: dict[int, socket.socket] = {}
        self._sequence = 0
        self._reported: bool | None = None
        self._changed: Callable[[bool, str], None] | None = None

    def open(self, changed: Callable[[bool, str], None]) -> None:
        """Begin; `changed(up, why)` tells when the sockets cannot be had, and when they can."""
        self._changed = changed
        self.retry()

    def retry(self) -> None:
        """Called about once a second: look up names that have no address, open what is missing."""
        for address in self._addresses:
            try:
                version = address.get().version
            except LinkError:
                continue  # A name without an address is asked nothing, and so answers nothing.
            if version not in self._sockets:
                self._open(version)

    def send(self, payload: bytes) -> None:
        """Send one echo request to every address, without waiting; a lost one is no news here."""
        self._sequence = (self._sequence + 1) & 0xFFFF
        for address, zone in zip(self._addresses, self._zones, strict=True):
            try:
                to = address.get()
            except LinkError:
                continue
            sender = self._sockets.get(to.version)
            if sender is not None:
                try:
                    sender.sendto(self._request(to.version, payload), _target(to, zone))
                except OSError:
                    pass  # No route, or no interface: then nothing answers, which is the answer.

    def receive(self) -> list[bytes]:
        """Return the payload of every answer that waits, oldest first; never waits."""
        answers: list[bytes] = []
        for version, receiver in self._sockets.items():
            while len(answers) < MAX_ANSWERS:
                try:
                    packet = receiver.recv(_IP_HEADERS + _HEADER.size + MAX_PAYLOAD)
                except BlockingIOError:
                    break
                except OSError:
                    continue  # An error of the socket is cleared by being read.
                answers.append(packet[_skip(version, packet) + _HEADER.size :])
        return answers

    def close(self) -> None:
        """Close the sockets; nothing is reported any more."""
        self._changed = None
        for each in self._sockets.values():
            each.close()
        self._sockets.clear()

    def _request(self, version: int, payload: bytes) -> bytes:
        header = _HEADER.pack(_REQUEST[version], 0, 0, self._identifier, self._sequence)
        if version == 6:
            return header + payload  # The kernel reckons the checksum: it knows the addresses.
        summed = _HEADER.pack(
            _REQUEST[4], 0, checksum(header + payload), self._identifier, self._sequence
        )
        return summed + payload

    def _open(self, version: int) -> None:
        kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK
        protocol = socket.IPPROTO_ICMP if version == 4 else socket.IPPROTO_ICMPV6
        with ExitStack() as undo:
            try:
                made = undo.enter_context(socket.socket(_FAMILIES[version], kind, protocol))
                _attach(made, _replies_only(version, self._identifier))
            except OSError as error:
                self._report(False, _explain(error))
                return
            undo.pop_all()
        self._sockets[version] = made
        self._report(True, f"{self.name} can be asked")

    def _report(self, up: bool, why: str) -> None:
        """Tell the owner, once per change; that all is well is told only after trouble."""
        news = self._reported is False if up else self._reported is not False
        if news and self._changed is not None:
            self._changed(up, why)
        self._reported = up


def checksum(data: bytes) -> int:
    """Return the Internet checksum of RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _bare(text: str) -> str:
    return text.partition("%")[0]


def _target(
    to: IPv4Address | IPv6Address, zone: str
) -> tuple[str, int] | tuple[str, int, int, int]:
    if to.version == 4:
        return (str(to), 0)
    return (str(to), 0, 0, socket.if_nametoindex(zone) if zone else 0)


def _skip(version: int, packet: bytes) -> int:
    """Return the length of the IP header: a raw socket of IPv6 has none."""
    return 4 * (packet[0] & 0xF) if version == 4 and packet else 0


def _replies_only(version: int, identifier: int) -> bytes:
    """Return a classic BPF program that lets echo replies with an identifier through."""
    at_x = [_HEADER_LENGTH] if version == 4 else []
    byte, half = (_BYTE_AT_X, _HALF_AT_X) if version == 4 else (_BYTE_AT, _HALF_AT)
    steps = [
        *((code, 0, 0, 0) for code in at_x),
        (byte, 0, 0, 0),
        (_JUMP_EQUAL, 0, 3, _REPLY[version]),
        (half, 0, 0, 4),
        (_JUMP_EQUAL, 0, 1, identifier),
        (_RETURN, 0, 0, 0xFFFFFFFF),
        (_RETURN, 0, 0, 0),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _attach(made: socket.socket, program: bytes) -> None:
    code = ctypes.create_string_buffer(program, len(program))
    argument = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    made.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, argument)


def _explain(error: OSError) -> str:
    """Say what the kernel refused and what can be done about it."""
    if error.errno in (errno.EPERM, errno.EACCES):
        return "a raw socket needs root or CAP_NET_RAW: start twinbeat as root"
    reason = os.strerror(error.errno) if error.errno else str(error)
    return f"no socket for echoes could be had: {reason}; it is tried again every second"
