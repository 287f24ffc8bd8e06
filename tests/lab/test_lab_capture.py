import socket
import struct
from datetime import datetime
from pathlib import Path

from twinbeat.lab.capture import read

AT = 1_800_000_000_123_456_000
"""Nanoseconds since the epoch."""


def packet(payload: bytes, protocol: int = 17, port: int = 694, fragment: int = 0) -> bytes:
    udp = struct.pack("!HHHH", 694, port, 8 + len(payload), 0) + payload
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, fragment, 64, protocol, 0)
    addresses = socket.inet_aton("192.168.10.43") + socket.inet_aton("192.168.10.255")
    return head + addresses + udp


STATUS = (
    b"###\n11:(0)t=status,12:(0)st=active,10:(0)seq=2a,8:(0)hg=5,24:(0)src=node1.example.com,%%%\n"
)


def test_a_netstring_heartbeat_is_read() -> None:
    heartbeat = read(packet(STATUS), AT)
    assert heartbeat is not None
    assert heartbeat.node == "node1.example.com"
    assert heartbeat.length == len(STATUS)
    assert heartbeat.fields == {
        "t": "status",
        "st": "active",
        "seq": "2a",
        "hg": "5",
        "src": "node1.example.com",
    }


def test_a_classic_heartbeat_is_read() -> None:
    heartbeat = read(packet(b">>>\nt=status\nst=up\nsrc=node2.example.com\n<<<\n\0"), AT)
    assert heartbeat is not None
    assert heartbeat.fields == {"t": "status", "st": "up", "src": "node2.example.com"}


def test_it_is_told_as_tcpdump_would() -> None:
    told = str(read(packet(STATUS), AT))
    clock, _, rest = told.partition(" ")
    assert clock == f"{datetime.fromtimestamp(AT / 1e9):%H:%M:%S}.123456"
    assert rest == (
        f"IP 192.168.10.43.694 > 192.168.10.255.694: UDP, length {len(STATUS)}"
        "  status node1.example.com active seq 2a, hg 5"
    )


def test_what_is_no_heartbeat_is_passed_over() -> None:
    whole = packet(STATUS)
    assert read(packet(STATUS, protocol=6), AT) is None
    assert read(packet(STATUS, port=53), AT) is None
    assert read(packet(STATUS, fragment=1), AT) is None
    for length in range(28):
        assert read(whole[:length], AT) is None


def test_captured_heartbeats_of_3_0_6_are_read() -> None:
    # A pcap of Heartbeat 3.0.6 at a cold start; Ethernet frames follow 16-byte record headers.
    capture = Path(__file__).parents[3] / "shared" / "captures" / "cap_cold.pcap"
    if not capture.exists():
        return
    data, at, senders = capture.read_bytes(), 24, set()
    while at < len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        heartbeat = read(data[at + 16 + 14 : at + 16 + length], AT)
        if heartbeat is not None:
            senders.add(heartbeat.fields["src"])
        at += 16 + length
    assert len(senders) == 2
