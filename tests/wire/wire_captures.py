"""Packets of real Heartbeat 3.0.6 pairs, read from the tcpdump files in testdata/captures."""

import struct
from collections.abc import Iterator
from pathlib import Path

from twinbeat.core.model import Key, Keyring

CAPTURES = sorted((Path(__file__).parent / "testdata" / "captures").glob("*.pcap"))
SPEC = Keyring(1, {1: Key(1, "sha1", b"SpecSecret")})
"""authkeys of both nodes: `auth 1`, `1 sha1 SpecSecret`."""

UDP, ICMP = 17, 1


def packets(path: Path) -> Iterator[bytes]:
    """Yield every Heartbeat packet of a capture: UDP payloads, and what rides in ICMP echoes."""
    data = path.read_bytes()
    assert struct.unpack_from("<I16xI", data) == (0xA1B2C3D4, 1), "little-endian pcap of Ethernet"
    at = 24
    while at < len(data):
        captured, length = struct.unpack_from("<8xII", data, at)
        assert captured == length, "the capture cut a packet"
        payload = heartbeat_payload(data[at + 16 : at + 16 + captured])
        if payload is not None:
            yield payload
        at += 16 + captured


def heartbeat_payload(frame: bytes) -> bytes | None:
    if frame[12:14] != b"\x08\x00":
        return None
    ip = frame[14 : 14 + struct.unpack_from(">H", frame, 16)[0]]
    protocol, body = ip[9], ip[(ip[0] & 15) * 4 :]
    if protocol == UDP and struct.unpack_from(">H", body, 2)[0] == 694:
        return body[8:]
    if protocol == ICMP and body[0] in (0, 8):
        return body[8:]
    return None
