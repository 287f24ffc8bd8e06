"""The bytes on netlink and on the wire, against printed examples and hand calculation."""

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinbeat.agents.announce import frames
from twinbeat.agents.netlink import attribute, attributes, nested
from twinbeat.agents.nftables import Batch, Element, Family, element_keys
from twinbeat.agents.places import Place
from twinbeat.agents.rtnetlink import delete_address, put_address

LIVE4 = Element(Family.NETDEV, "hbl", "live4", bytes((10, 9, 0, 100)))

# Taken from a renewal that a 6.18 and a 6.1 kernel accepted, little-endian host, 1000 ms.
RENEWAL = bytes.fromhex(
    "14000000 1000 0100 00000000 00000000 0000000a"
    "3c000000 0e0a 0100 00000000 00000000 05000000"
    "08000100 68626c00 0a000200 6c697665 34000000 14000380 10000180 0c000180 08000100 0a090064"
    "48000000 0c0a 0504 00000000 00000000 05000000"
    "08000100 68626c00 0a000200 6c697665 34000000 20000380 1c000180 0c000180 08000100 0a090064"
    "0c000400 00000000 000003e8"
    "14000000 1100 0100 00000000 00000000 0000000a"
)


def messages(batch: bytes | bytearray) -> list[tuple[int, int]]:
    """Return the type and the flags of every message."""
    found, at = [], 0
    while at < len(batch):
        length, kind, flags = struct.unpack_from("=IHH", batch, at)
        found.append((kind, flags))
        at += length
    return found


def test_renewal_is_the_known_bytes() -> None:
    assert len(RENEWAL) == 172
    assert bytes(Batch().renew(LIVE4).packed(1000)) == RENEWAL


def test_only_the_timeout_changes_between_renewals() -> None:
    batch = Batch().renew(LIVE4)
    first, second = bytes(batch.packed(1000)), bytes(batch.packed(70_000))
    assert [i for i, (a, b) in enumerate(zip(first, second, strict=True)) if a != b] == [
        149,
        150,
        151,
    ]
    assert int.from_bytes(second[144:152]) == 70_000


def test_creation_is_exclusive_and_only_the_last_message_is_acknowledged() -> None:
    other = Element(Family.INET, "hbl", "flow4", LIVE4.key)
    batch = Batch().add(LIVE4, exclusive=True).add(other, exclusive=True)
    assert messages(batch.packed(500))[1:3] == [(0xA0C, 0x601), (0xA0C, 0x605)]


def test_a_lease_without_end_cannot_be_packed() -> None:
    with pytest.raises(ValueError, match="at least one millisecond"):
        Batch().renew(LIVE4).packed(0)


def test_keys_come_out_of_a_dump() -> None:
    def body(*keys: bytes) -> bytes:
        elements = [nested(1, nested(1, attribute(1, key))) for key in keys]
        return bytes(4) + attribute(1, b"hbl\0") + nested(3, *elements)

    keys = [bytes((10, 0, 0, 1)), bytes(15) + b"\x01", bytes(6)]
    assert element_keys([body(*keys[:2]), body(), body(keys[2])]) == keys


@given(st.lists(st.binary(max_size=64)))
def test_a_dump_of_anything_is_read_without_error(bodies: list[bytes]) -> None:
    element_keys(bodies)


@given(st.lists(st.tuples(st.integers(1, 200), st.binary(max_size=40))))
def test_attributes_come_back(pairs: list[tuple[int, bytes]]) -> None:
    assert list(attributes(b"".join(attribute(k, v) for k, v in pairs))) == pairs


def test_address_messages() -> None:
    place = Place(
        ipaddress.ip_address("192.168.0.140"),
        24,
        3,
        "eth0",
        ipaddress.IPv4Address("192.168.0.255"),
        "eth0:0",
    )
    assert put_address(place, 10) == bytes.fromhex(
        "50000000 1400 0505 00000000 00000000 02180000 03000000"
        "08000200 c0a8008c 08000100 c0a8008c 08000400 c0a800ff"
        "0b000300 657468303a30 00 00 14000600 0a000000 0a000000 00000000 00000000"
    )
    assert delete_address(place) == bytes.fromhex(
        "20000000 1500 0500 00000000 00000000 02180000 03000000 08000200 c0a8008c"
    )


def test_gratuitous_arp_request_and_reply() -> None:
    mac = bytes.fromhex("020000000001")
    request, reply = frames(ipaddress.ip_address("192.168.0.140"), mac)
    assert request == bytes.fromhex(
        "ffffffffffff 020000000001 0806 0001 0800 06 04 0001"
        "020000000001 c0a8008c 000000000000 c0a8008c"
    )
    assert reply == bytes.fromhex(
        "ffffffffffff 020000000001 0806 0001 0800 06 04 0002"
        "020000000001 c0a8008c 020000000001 c0a8008c"
    )


def test_unsolicited_advertisement() -> None:
    # The sum of all 16-bit words, by hand, is 0x18f03: twice the address (0xfd09 + 0x100), the
    # group (0xff02 + 1), length 0x20, next header 0x3a, 0x8800, 0x2000, 0x0201, 0x0200, 1.
    (frame,) = frames(ipaddress.ip_address("fd09::100"), bytes.fromhex("020000000001"))
    total = 2 * (0xFD09 + 0x100) + 0xFF03 + 0x20 + 0x3A + 0x8800 + 0x2000 + 0x201 + 0x200 + 1
    checksum = 0xFFFF - (total % 0x10000 + total // 0x10000)
    assert frame == bytes.fromhex(
        "333300000001 020000000001 86dd 60000000 0020 3a ff"
        "fd090000000000000000000000000100 ff020000000000000000000000000001"
        f"88 00 {checksum:04x} 20000000 fd090000000000000000000000000100 0201 020000000001"
    )
