"""Links between two nodes on veth cables: real datagrams, and everything a cable can suffer."""

import re
import subprocess
from collections.abc import Iterator

import pytest
from links_network import Cables, End, until

from twinbeat.core.model import LinkKind, LinkSpec
from twinbeat.core.units import LinkName

pytestmark = pytest.mark.root


@pytest.fixture
def cables() -> Iterator[Cables]:
    laid = Cables()
    yield laid
    laid.remove()


def link(kind: LinkKind, address: str = "", interface: str = "eth1") -> LinkSpec:
    return LinkSpec(name=LinkName(interface), kind=kind, interface=interface, address=address)


def broadcast(interface: str = "eth1") -> LinkSpec:
    return link(LinkKind.BROADCAST, interface=interface)


def assert_both_hear(one: End, two: End) -> None:
    assert one.send(b"from one")
    two.hears(b"from one")
    assert two.send(b"from two")
    one.hears(b"from two")


def test_broadcast_reaches_the_peer_and_not_the_sender(cables: Cables) -> None:
    one, two = cables.ends(broadcast(), broadcast())
    assert one.reports == [(True, "eth1 carries packets to 192.168.10.255")]
    assert_both_hear(one, two)
    assert one.send(b"not for me")
    two.hears(b"not for me")
    assert one.is_silent()


def test_broadcast_address_is_computed_when_none_was_set(cables: Cables) -> None:
    for node, own in ((cables.one, "10.1.2.3"), (cables.two, "10.1.2.4")):
        node.ip("address", "flush", "dev", "eth1")
        node.ip("address", "add", f"{own}/22", "dev", "eth1")
    one, two = cables.ends(broadcast(), broadcast())
    assert one.why == "eth1 carries packets to 10.1.3.255"
    assert_both_hear(one, two)


@pytest.mark.parametrize("group", ["225.0.0.1", "ff12::42"])
def test_multicast_reaches_the_peer_and_not_the_sender(group: str, cables: Cables) -> None:
    spec = link(LinkKind.MULTICAST, group)
    one, two = cables.ends(spec, spec)
    assert_both_hear(one, two)
    assert one.is_silent()
    assert two.is_silent()


@pytest.mark.parametrize("network", ["192.168.10.", "fd00:1::"])
def test_unicast_reaches_the_peer(network: str, cables: Cables) -> None:
    one, two = cables.ends(
        link(LinkKind.UNICAST, f"{network}45"), link(LinkKind.UNICAST, f"{network}43")
    )
    assert_both_hear(one, two)
    assert one.is_silent()


def test_unicast_works_with_link_local_addresses(cables: Cables) -> None:
    for node, own in ((cables.one, "fe80::1"), (cables.two, "fe80::2")):
        node.ip("address", "add", f"{own}/64", "dev", "eth1", "nodad")
    one, two = cables.ends(link(LinkKind.UNICAST, "fe80::2"), link(LinkKind.UNICAST, "fe80::1"))
    assert_both_hear(one, two)


def test_packets_look_on_the_wire_as_heartbeats_do(cables: Cables) -> None:
    """Port 694; ttl 1 for multicast; type of service 0x10 for unicast (Heartbeat's captures)."""
    multicast, _ = cables.ends(link(LinkKind.MULTICAST, "225.0.0.1"), broadcast())
    unicast, _ = cables.ends(link(LinkKind.UNICAST, "192.168.10.45"), broadcast())
    inside = ["ip", "netns", "exec", cables.two.name]
    tcpdump = ["tcpdump", "-nvli", "eth1", "--immediate-mode", "-c", "2", "udp", "port", "694"]
    capture = subprocess.Popen(
        inside + tcpdump,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert capture.stderr is not None
    assert "listening on" in capture.stderr.readline()
    assert multicast.send(b"heartbeat")
    assert unicast.send(b"heartbeat")
    seen = re.sub(r"\s+", " ", capture.communicate(timeout=10)[0])
    assert re.search(r"tos 0x0, ttl 1,[^>]*> 225\.0\.0\.1\.694:", seen), seen
    assert re.search(r"tos 0x10, ttl 64,[^>]*> 192\.168\.10\.45\.694:", seen), seen


def test_two_links_at_once_keep_to_their_cables(cables: Cables) -> None:
    one1, two1 = cables.ends(broadcast("eth1"), broadcast("eth1"))
    one2, two2 = cables.ends(broadcast("eth2"), broadcast("eth2"))
    assert_both_hear(one1, two1)
    assert_both_hear(one2, two2)
    assert one1.send(b"on eth1 only")
    two1.hears(b"on eth1 only")
    assert b"on eth1 only" not in two2.receive_now()


@pytest.mark.parametrize(
    "spec",
    [
        link(LinkKind.BROADCAST),
        link(LinkKind.MULTICAST, "225.0.0.1"),
        link(LinkKind.MULTICAST, "ff12::42"),
        link(LinkKind.UNICAST, "192.168.10.45"),
    ],
    ids=["broadcast", "multicast", "multicast6", "unicast"],
)
def test_an_interface_that_goes_down_is_reported_once_and_comes_back(
    spec: LinkSpec, cables: Cables
) -> None:
    one, two = cables.ends(spec, spec)
    cables.one.ip("link", "set", "eth1", "down")
    one.send(b"lost")
    for _ in range(3):
        one.retry()
        one.send(b"lost")
    assert one.reports[1:] == [(False, "eth1 is down; it comes up with: ip link set eth1 up")]
    cables.one.ip("link", "set", "eth1", "up")
    until(lambda: one.send(b"again") and one.retry(), "eth1 sends again")
    assert [up for up, _ in one.reports] == [True, False, True]
    two.comes_up()
    until(lambda: one.send(b"alive") and b"alive" in two.receive_now(), "a packet arrives again")


def test_a_cable_that_is_pulled_is_reported_by_the_other_end_too(cables: Cables) -> None:
    one, two = cables.ends(broadcast(), broadcast())
    cables.one.ip("link", "set", "eth1", "down")
    until(lambda: not two.retry(), "the carrier is gone")
    assert two.why == "eth1 has no carrier; look at its cable and the other end"
    cables.one.ip("link", "set", "eth1", "up")
    one.comes_up()
    two.comes_up()
    assert_both_hear(one, two)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (broadcast(), broadcast()),
        (link(LinkKind.MULTICAST, "225.0.0.1"), link(LinkKind.MULTICAST, "225.0.0.1")),
        (link(LinkKind.UNICAST, "fd00:1::45"), link(LinkKind.UNICAST, "fd00:1::43")),
    ],
    ids=["broadcast", "multicast", "unicast6"],
)
def test_an_interface_that_is_removed_and_created_again_recovers(
    first: LinkSpec, second: LinkSpec, cables: Cables
) -> None:
    one, two = cables.ends(first, second)
    watched = one.link.fileno()
    cables.one.ip("link", "delete", "eth1")
    assert not one.send(b"lost")
    one.retry()
    two.retry()
    assert one.reports[1:] == [
        (False, "there is no interface 'eth1'; it is looked for every second")
    ]
    assert not two.up
    cables.plug(1)
    one.comes_up()
    two.comes_up()
    assert one.link.fileno() == watched
    assert_both_hear(one, two)


def test_an_interface_that_was_exchanged_between_two_looks_is_noticed(cables: Cables) -> None:
    one, two = cables.ends(broadcast(), broadcast())
    cables.one.ip("link", "delete", "eth1")
    cables.plug(1)
    one.retry()
    assert (False, "eth1 was removed and created again") in one.reports
    one.comes_up()
    two.comes_up()
    assert_both_hear(one, two)


def test_an_interface_without_address_cannot_broadcast_until_it_has_one(cables: Cables) -> None:
    cables.one.ip("address", "flush", "dev", "eth1")
    one = End(broadcast(), cables.one)
    assert one.why == "eth1 has no IPv4 address, so no broadcast address"
    cables.one.ip("address", "add", "192.168.10.43/32", "dev", "eth1")
    one.retry()
    cables.one.ip("address", "add", "192.168.10.43/24", "brd", "+", "dev", "eth1")
    cables.one.ip("address", "delete", "192.168.10.43/32", "dev", "eth1")
    one.comes_up()
    assert one.why == "eth1 carries packets to 192.168.10.255"
    one.link.close()


def test_a_changed_network_moves_the_broadcast_with_it(cables: Cables) -> None:
    one, two = cables.ends(broadcast(), broadcast())
    for node, last in ((cables.one, 43), (cables.two, 45)):
        node.ip("address", "flush", "dev", "eth1")
        node.ip("address", "add", f"10.9.9.{last}/24", "brd", "+", "dev", "eth1")
    one.comes_up()
    two.comes_up()
    assert_both_hear(one, two)


def test_a_firewall_that_forbids_sending_is_reported_once_until_it_lets_go(cables: Cables) -> None:
    one, two = cables.ends(broadcast(), broadcast())
    table = "table ip t { chain o { type filter hook output priority 0; udp dport 694 drop; }; }"
    nft = ["ip", "netns", "exec", cables.one.name, "nft"]
    subprocess.run([*nft, table], check=True)
    for _ in range(3):
        assert not one.send(b"forbidden")
        one.retry()
    assert [up for up, _ in one.reports] == [True, False]
    assert "look at the firewall's output rules" in one.why
    subprocess.run([*nft, "delete table ip t"], check=True)
    assert one.send(b"allowed")
    assert one.up
    two.hears(b"allowed")
