"""Netlink by hand: the few messages whose latency counts, sent without ever waiting.

The kernel handles a netlink request inside `send()`, so its answer can be read at once. Integers
of the headers are in the host's order (netlink(7)), those in nfnetlink attributes in network order.
"""

import errno
import ipaddress
import socket
import struct
from collections.abc import Iterator

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

NETLINK_ROUTE = 0
NETLINK_NETFILTER = 12
_SOL_NETLINK = 270
_NETLINK_CAP_ACK = 10

REQUEST = 0x001
ACK = 0x004
DUMP = 0x300
REPLACE = 0x100
EXCL = 0x200
CREATE = 0x400

_ERROR = 2
_DONE = 3
_NESTED = 0x8000
_TYPE_MASK = 0x3FFF

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_KIND = struct.Struct("=H")
_ERRNO = struct.Struct("=i")
_LARGEST = 1 << 16


def message(kind: int, flags: int, body: bytes) -> bytes:
    """Return one netlink message; sequence and port stay zero, for answers come in order."""
    return _HEADER.pack(_HEADER.size + len(body), kind, flags, 0, 0) + body


def attribute(kind: int, payload: bytes) -> bytes:
    """Return one attribute, padded to four bytes; the padding is not part of its length."""
    return _ATTRIBUTE.pack(4 + len(payload), kind) + payload + bytes(-len(payload) % 4)


def nested(kind: int, *parts: bytes) -> bytes:
    """Return an attribute that holds other attributes."""
    return attribute(kind | _NESTED, b"".join(parts))


def text(kind: int, value: str) -> bytes:
    """Return a string attribute, terminated as the kernel expects it."""
    return attribute(kind, value.encode() + b"\0")


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the kind and payload of every attribute; stops at the first that is cut off."""
    at = 0
    while at + 4 <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < 4 or at + length > len(data):
            return
        yield kind & _TYPE_MASK, data[at + 4 : at + length]
        at += (length + 3) & ~3


class Kernel:
    """One netlink socket. It is never inherited by a child, and none of its calls waits."""

    def __init__(self, protocol: int) -> None:
        """Open the socket in this thread's network namespace; raises `OSError`."""
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        self._socket = socket.socket(socket.AF_NETLINK, kind, protocol)
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_CAP_ACK, 1)
        self._socket.bind((0, 0))
        self.port: int = self._socket.getsockname()[0]
        """What the kernel names as the author of this socket's changes."""
        self._answer = bytearray(_LARGEST)

    def ask(self, request: bytes | bytearray) -> int:
        """Send a request of which one message asks for an acknowledgement; return its errno.

        A batch that failed has changed nothing, and its first error is the one returned. EAGAIN
        and ENOBUFS mean that the answer was lost: whether the request was done is then unknown.
        """
        try:
            self._socket.send(request)
            self._socket.recv_into(self._answer)
        except OSError as error:
            self._drain()
            return error.errno or errno.EIO
        (kind,) = _KIND.unpack_from(self._answer, 4)
        failed: int = -_ERRNO.unpack_from(self._answer, 16)[0] if kind == _ERROR else 0
        if failed:
            self._drain()
        return failed

    def dump(self, request: bytes) -> list[bytes]:
        """Return the bodies of all messages that answer a dump; raises `OSError`."""
        bodies: list[bytes] = []
        self._socket.send(request)
        while True:
            data = self._socket.recv(_LARGEST)
            at = 0
            while at + _HEADER.size <= len(data):
                length, kind, *_ = _HEADER.unpack_from(data, at)
                if kind == _DONE:
                    return bodies
                if kind == _ERROR:
                    failed = -_ERRNO.unpack_from(data, at + 16)[0]
                    raise OSError(failed, f"netlink dump: {errno.errorcode.get(failed, failed)}")
                bodies.append(data[at + _HEADER.size : at + length])
                at += max((length + 3) & ~3, _HEADER.size)

    def close(self) -> None:
        """Close the socket; tables that it owns become orphans or go, as their flags say."""
        self._socket.close()

    def _drain(self) -> None:
        """Read away what is left of the answers to a failed batch."""
        for _ in range(_LARGEST):
            try:
                self._socket.recv_into(self._answer)
            except BlockingIOError:
                return
            except OSError:
                continue
