"""Heartbeats on eth1, as the switch sees them pass."""

import re
import socket
import struct
import time
from collections import deque
from dataclasses import dataclass
from datetime import datetime

from . import kernel
from .topology import SEATS, SWITCH
from .view import KEPT, Span

PORT = 694
BRIDGE = "lan1"
ETH_IP, UDP = 0x0800, 17
SO_TIMESTAMPNS = 35
SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC = 263, 1, 1
FIELD = re.compile(rb"(?:\(0\)|\n)(t|src|st|seq|hg)=([^,\n]*)")
NODES = {f"192.168.10.{seat.last}": seat.name for seat in SEATS}


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One datagram that passed the switch."""

    at: int
    """Nanoseconds since boot, when the kernel had it."""
    wall: float
    source: str
    target: str
    length: int
    """Bytes of UDP payload."""
    fields: dict[str, str]
    """Its type, sender, status word, sequence number and generation, where they can be read."""

    @property
    def node(self) -> str:
        """The node whose interface it came from."""
        return NODES.get(self.source, self.source)

    def __str__(self) -> str:
        """Tell it as tcpdump would, and what it says besides."""
        clock = datetime.fromtimestamp(self.wall).strftime("%H:%M:%S.%f")
        said = " ".join(self.fields.get(name, "") for name in ("t", "src", "st")).strip()
        order = ", ".join(
            f"{name} {self.fields[name]}" for name in ("seq", "hg") if name in self.fields
        )
        packet = f"{self.source}.{PORT} > {self.target}.{PORT}: UDP, length {self.length}"
        return f"{clock} IP {packet}  {said} {order}".rstrip()


class Capture:
    """A promiscuous socket on the switch that carries heartbeats."""

    def __init__(self) -> None:
        self.heartbeats: deque[Heartbeat] = deque(maxlen=KEPT)
        with kernel.inside(SWITCH):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_IP))
            self.socket.bind((BRIDGE, ETH_IP))
            index = socket.if_nametoindex(BRIDGE)
        promiscuous = struct.pack("iHH8s", index, PACKET_MR_PROMISC, 0, b"")
        self.socket.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, promiscuous)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.setblocking(False)

    def fileno(self) -> int:
        """Return the descriptor to watch for reading."""
        return self.socket.fileno()

    def drain(self) -> list[Heartbeat]:
        """Take in what waits and return it."""
        fresh = []
        for _ in range(512):
            try:
                packet, notes, _, _ = self.socket.recvmsg(65536, 64)
            except OSError:
                break
            heartbeat = read(packet, _stamp(notes))
            if heartbeat is not None:
                fresh.append(heartbeat)
        self.heartbeats += fresh
        return fresh

    def within(self, window: Span) -> list[Heartbeat]:
        """Return the heartbeats that passed within the window."""
        return [h for h in self.heartbeats if window.holds(h.at)]

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()


def _stamp(notes: list[tuple[int, int, bytes]]) -> int | None:
    """Return the kernel's stamp of a packet, in nanoseconds since the epoch."""
    for level, kind, data in notes:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            whole, rest = struct.unpack_from("@ll", data)
            return int(whole) * kernel.SECOND + int(rest)
    return None


def read(packet: bytes, stamp: int | None = None) -> Heartbeat | None:
    """Return the heartbeat in an IPv4 packet, or None if it carries none.

    `stamp` is when it came, in nanoseconds since the epoch; None: now.
    """
    head = (packet[0] & 0xF) * 4 if packet else 0
    if len(packet) < head + 8 or head < 20 or packet[9] != UDP:
        return None
    if struct.unpack_from("!H", packet, 6)[0] & 0x1FFF:
        return None  # A later fragment: the first one has told everything.
    port, length = struct.unpack_from("!HH", packet, head + 2)
    if port != PORT:
        return None
    fields = {
        name.decode(): value.decode(errors="backslashreplace")[:40]
        for name, value in FIELD.findall(packet[head + 8 :])
    }
    source, target = socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])
    stamp = time.time_ns() if stamp is None else stamp
    at = stamp - kernel.boot()
    return Heartbeat(at, stamp / kernel.SECOND, source, target, length - 8, fields)
