"""Echoes between two nodes on a veth cable: real ICMP of both versions, answered by the kernel."""

import os
import socket
import struct
from collections.abc import Iterator

import pytest
from links_network import Cables, Node, until

from twinbeat.core.model import PingSpec
from twinbeat.core.units import NodeName
from twinbeat.links.ping import PingLink, checksum

THERE, THERE6, NOBODY = "192.168.10.45", "fd00:1::45", "192.168.10.99"


@pytest.fixture
def cables() -> Iterator[Cables]:
    laid = Cables()
    yield laid
    laid.remove()


class Asker:
    """A ping link on the first node, with everything it reported and received."""

    def __init__(self, node: Node, *addresses: str, version: int = 4, identifier: int = 7) -> None:
        self._node = node
        spec = PingSpec(name=NodeName("outside"), addresses=addresses, version=version)
        self.link = PingLink(spec, identifier)
        self.reports: list[tuple[bool, str]] = []
        self.heard: list[bytes] = []
        with node.inside():
            self.link.open(lambda up, why: self.reports.append((up, why)))

    def ask(self, payload: bytes) -> None:
        with self._node.inside():
            self.link.send(payload)

    def retry(self) -> None:
        with self._node.inside():
            self.link.retry()

    def hears(self, payload: bytes) -> None:
        def arrived() -> bool:
            self.heard += self.link.receive()
            return payload in self.heard

        until(arrived, f"{payload!r} comes back; heard {self.heard}")


def test_the_checksum_of_rfc_1071() -> None:
    # The sum in the RFC's example of section 3 is ddf2.
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2
    assert checksum(b"\x01") == 0xFFFF - 0x0100


@pytest.mark.root
@pytest.mark.parametrize("address", [THERE, THERE6])
def test_what_is_sent_comes_back(address: str, cables: Cables) -> None:
    asker = Asker(cables.one, address)
    for payload in (b"even", b"odd", b"x" * 1400):
        asker.ask(payload)
        asker.hears(payload)
    assert len(asker.heard) == 3
    assert asker.reports == []
    asker.link.close()


@pytest.mark.root
def test_any_address_of_a_group_answers(cables: Cables) -> None:
    asker = Asker(cables.one, NOBODY, THERE6, THERE)
    asker.ask(b"who is there")
    asker.hears(b"who is there")

    def both() -> bool:
        asker.heard += asker.link.receive()
        return len(asker.heard) == 2

    until(both, "both answer")
    asker.link.close()


@pytest.mark.root
@pytest.mark.parametrize("address", [THERE, THERE6])
def test_answers_to_others_are_not_heard(address: str, cables: Cables) -> None:
    mine, other = (Asker(cables.one, address, identifier=number) for number in (7, 8))
    other.ask(b"theirs")
    other.hears(b"theirs")
    mine.ask(b"mine")
    mine.hears(b"mine")
    assert mine.heard == [b"mine"]
    assert other.link.receive() == []
    for asker in (mine, other):
        asker.link.close()


@pytest.mark.root
def test_questions_with_the_same_identifier_are_not_heard(cables: Cables) -> None:
    asked, asker = Asker(cables.two, "192.168.10.43"), Asker(cables.one, THERE)
    asker.ask(b"a question")
    asker.hears(b"a question")
    assert asked.link.receive() == []
    for each in (asked, asker):
        each.link.close()


@pytest.mark.root
@pytest.mark.parametrize("address", [THERE, THERE6])
def test_a_network_that_is_down_is_no_error(address: str, cables: Cables) -> None:
    asker = Asker(cables.one, address)
    cables.one.ip("link", "set", "eth1", "down")
    asker.ask(b"lost")
    assert asker.link.receive() == []
    cables.one.ip("link", "set", "eth1", "up")
    if address == THERE6:  # The kernel took it away with the interface.
        cables.one.ip("address", "add", "fd00:1::43/64", "dev", "eth1", "nodad")

    def back() -> bool:
        asker.ask(b"found")
        asker.heard += asker.link.receive()
        return b"found" in asker.heard

    until(back, "the network is up again")
    assert b"lost" not in asker.heard
    assert asker.reports == []
    asker.link.close()


@pytest.mark.root
def test_who_may_not_ask_says_so_and_goes_on(cables: Cables) -> None:
    os.seteuid(65534)
    try:
        spec = PingSpec(name=NodeName("127.0.0.1"), addresses=("127.0.0.1",))
        reports: list[tuple[bool, str]] = []
        link = PingLink(spec, 7)
        link.open(lambda up, why: reports.append((up, why)))
        link.send(b"nothing leaves")
        link.retry()
        assert link.receive() == []
    finally:
        os.seteuid(0)
    assert reports == [(False, "a raw socket needs root or CAP_NET_RAW: start twinbeat as root")]
    link.retry()
    assert reports[1:] == [(True, "127.0.0.1 can be asked")]
    link.close()


@pytest.mark.root
def test_a_name_is_looked_up_once(cables: Cables) -> None:
    asker = Asker(cables.one, "localhost")

    def resolved() -> bool:
        asker.retry()
        asker.ask(b"to a name")
        asker.heard += asker.link.receive()
        return b"to a name" in asker.heard

    until(resolved, "localhost has an address")
    asker.link.close()


@pytest.mark.root
def test_an_answer_cut_short_is_left_to_whoever_reads_it(cables: Cables) -> None:
    asker = Asker(cables.one, THERE)
    with (
        cables.two.inside(),
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as stranger,
    ):
        body = struct.pack("!BBHHH", 0, 0, 0, 7, 1)
        packet = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
        stranger.sendto(packet, ("192.168.10.43", 0))
    asker.hears(b"")
    asker.link.close()
