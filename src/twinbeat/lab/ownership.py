"""Who may answer for the virtual IP, by the kernels themselves.

Every few milliseconds each node's kernel is asked, over netlink sockets that live in its namespace,
whether the address is there and, where twinbeat's rules guard it, whether its lease still runs. An
address whose lease has lapsed answers nobody: such a node is *silent*, not an owner.
"""

import os
import socket
import struct
from collections import deque
from collections.abc import Iterator
from enum import StrEnum
from itertools import pairwise

from . import kernel
from .view import KEPT, Span, merged

TABLE = "twinbeat"
NETLINK_ROUTE, NETLINK_NETFILTER = 0, 12
RTM_NEWADDR, RTM_GETADDR = 20, 22
GETSETELEM = 10 << 8 | 13
NLMSG_ERROR, NLMSG_DONE = 2, 3
REQUEST, DUMP = 1, 0x300
IFA_LOCAL = 2
FAMILIES = {"inet": 1, "netdev": 5}
"""The tables that guard IP traffic; each alone is enough to silence the address."""


class Standing(StrEnum):
    """A node's relation to the virtual IP."""

    OFF = "off"
    NONE = "none"
    SILENT = "silent"
    SERVING = "serving"


class KernelWatch:
    """The netlink sockets of one node's namespace."""

    def __init__(self, namespace: str, address: str) -> None:
        self.address = socket.inet_aton(address)
        with kernel.inside(namespace):
            self.route = _netlink(NETLINK_ROUTE)
            self.netfilter = _netlink(NETLINK_NETFILTER)

    def standing(self) -> Standing:
        """Ask the kernel; raises `OSError` when it does not answer."""
        if not self._present():
            return Standing.NONE
        lapsed = any(
            self._in_set(family, "vip4") and not self._in_set(family, "flow4")
            for family in FAMILIES.values()
        )
        if lapsed:
            return Standing.SILENT
        # A daemon that begins takes the address away first and then makes the guard anew: that the
        # guard did not forbid the address to speak says nothing of one that has gone meanwhile.
        return Standing.SERVING if self._present() else Standing.NONE

    def close(self) -> None:
        """Let the namespace go: its sockets are what would keep it alive."""
        self.route.close()
        self.netfilter.close()

    def _present(self) -> bool:
        ask = struct.pack("=IHHII4BI", 24, RTM_GETADDR, REQUEST | DUMP, 1, 0, 2, 0, 0, 0, 0)
        found = False
        for kind, body in _answers(self.route, ask):
            if kind == RTM_NEWADDR:
                found = found or _attribute(body[8:], IFA_LOCAL) == self.address
        return found

    def _in_set(self, family: int, name: str) -> bool:
        key = _nested(3, _nested(1, _nested(1, _pack(1, self.address))))
        body = struct.pack("=BBH", family, 0, 0) + _text(1, TABLE) + _text(2, name) + key
        ask = struct.pack("=IHHII", 16 + len(body), GETSETELEM, REQUEST, 1, 0) + body
        for kind, answer in _answers(self.netfilter, ask):
            if kind == NLMSG_ERROR:
                # No such element, set or table: all of them are ENOENT.
                error: int = struct.unpack_from("=i", answer)[0]
                return error == 0
        return True


class Ownership:
    """The standing of every node over time, as changes."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.watches: dict[str, KernelWatch] = {}
        self.changes: dict[str, deque[tuple[int, Standing]]] = {}
        self._two: deque[Span] = deque(maxlen=KEPT)
        self._last_two = 0

    def watch(self, node: str, namespace: str) -> None:
        """Begin to ask a node's kernel."""
        self.watches[node] = KernelWatch(namespace, self.address)

    def forget(self, node: str) -> None:
        """Stop asking a node's kernel: its namespace goes away."""
        watch = self.watches.pop(node, None)
        if watch is not None:
            watch.close()
        self._note(node, Standing.OFF, kernel.now())

    def sample(self) -> None:
        """Ask every kernel once."""
        start = kernel.now()
        serving = []
        for node, watch in self.watches.items():
            standing = watch.standing()
            self._note(node, standing, kernel.now())
            if standing is Standing.SERVING:
                serving.append(watch)
        # Asked again, because this process may have been kept waiting between the two questions.
        two = len(serving) > 1 and serving[0].standing() is Standing.SERVING
        if two:
            self._two.append(Span(self._last_two or start, kernel.now()))
        self._last_two = kernel.now() if two else 0

    def standing(self, node: str) -> Standing:
        """Return the newest standing of a node."""
        changes = self.changes.get(node)
        return changes[-1][1] if changes else Standing.OFF

    def two_served(self, window: Span) -> list[Span]:
        """Return when more than one kernel would have answered, within the window."""
        inside = [s for s in self._two if s.end > window.start and s.start < window.end]
        return merged(Span(max(s.start, window.start), min(s.end, window.end)) for s in inside)

    def bands(self, node: str, window: Span) -> list[tuple[Span, Standing]]:
        """Return the node's standings within the window, without gaps."""
        bands = []
        changes = [*self.changes.get(node, ()), (window.end, Standing.OFF)]
        for (since, standing), (until, _next) in pairwise(changes):
            start, end = max(since, window.start), min(until, window.end)
            if start < end:
                bands.append((Span(start, end), standing))
        return bands

    def _note(self, node: str, standing: Standing, at: int) -> None:
        changes = self.changes.setdefault(node, deque(maxlen=KEPT))
        if not changes or changes[-1][1] is not standing:
            changes.append((at, standing))


def _netlink(protocol: int) -> socket.socket:
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
    sock.settimeout(1.0)
    return sock


def _answers(sock: socket.socket, ask: bytes) -> Iterator[tuple[int, bytes]]:
    """Send one request and yield its answers, an error or the end of a dump being the last."""
    sock.send(ask)
    dump = struct.unpack_from("=H", ask, 6)[0] & DUMP
    while True:
        data = sock.recv(65536)
        while len(data) >= 16:
            length, kind = struct.unpack_from("=IH", data)
            if length < 16:
                raise OSError(f"netlink answered with a message of {length} bytes")
            if kind == NLMSG_DONE:
                return
            yield kind, data[16:length]
            if kind == NLMSG_ERROR or not dump:
                return
            data = data[(length + 3) & ~3 :]


def _attribute(data: bytes, wanted: int) -> bytes | None:
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if kind == wanted:
            return data[4:length]
        data = data[max(4, (length + 3) & ~3) :]
    return None


def _pack(kind: int, payload: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(payload), kind) + payload + bytes(-len(payload) % 4)


def _nested(kind: int, payload: bytes) -> bytes:
    return _pack(kind | 0x8000, payload)


def _text(kind: int, text: str) -> bytes:
    return _pack(kind, os.fsencode(text) + b"\0")
