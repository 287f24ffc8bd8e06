"""Packets of real Heartbeat 3.0.6 pairs, and what is in them, read by nothing of ours."""

import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from twinbeat.core.model import Key, Keyring

CAPTURES = sorted((Path(__file__).parents[1] / "wire" / "testdata" / "captures").glob("*.pcap"))
KEYS = Keyring(1, {1: Key(1, "sha1", b"SpecSecret")})


class Packet(NamedTuple):
    """A captured packet and its fields, in order."""

    at_ms: int
    data: bytes
    fields: list[tuple[str, bytes]]

    def text(self, name: str) -> str:
        """Return the value of a field, empty when there is none."""
        return next((value.decode() for known, value in self.fields if known == name), "")


def packets(path: Path) -> Iterator[Packet]:
    """Yield what was broadcast to port 694 (what rides in pings is of ping nodes)."""
    data, at = path.read_bytes(), 24
    while at < len(data):
        seconds, micros, length = struct.unpack_from("<III", data, at)
        frame = data[at + 16 : at + 16 + length]
        at += 16 + length
        if frame[12:14] == b"\x08\x00" and frame[23] == 17 and b"###\n" in frame:
            body = frame[frame.index(b"###\n") :]
            yield Packet(seconds * 1000 + micros // 1000, body, list(fields_of(body)))


def fields_of(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the fields of a packet in netstring encoding (heartbeat.md 1.2)."""
    at = 4
    while head := re.compile(rb"(\d+):").match(body, at):
        field = body[head.end() : head.end() + int(head[1])]
        name, _, value = field[3:].partition(b"=")
        yield name.decode(), value
        at = head.end() + int(head[1]) + 1
