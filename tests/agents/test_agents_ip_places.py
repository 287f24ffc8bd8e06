"""Where an address goes, from what the kernel and the configuration say."""

import ipaddress

import pytest

from twinbeat.agents.base import AgentError
from twinbeat.agents.places import Address, Link, Machine, Route, find_place
from twinbeat.core.model import AddressSpec

MAC = bytes(6)
LO = Link(1, "lo", True, True, b"")
ETH0 = Link(2, "eth0", True, True, MAC)
ETH1 = Link(3, "eth1", True, True, MAC)
DOWN = Link(4, "eth2", False, False, MAC)


def route(network: str, index: int, metric: int = 0) -> Route:
    return Route(ipaddress.ip_network(network), index, metric)


def address(text: str, index: int, label: str | None = None) -> Address:
    interface = ipaddress.ip_interface(text)
    return Address(interface.ip, interface.network.prefixlen, index, label)


MACHINE = Machine(
    {link.index: link for link in (LO, ETH0, ETH1, DOWN)},
    (
        address("192.168.0.43/24", 2, "eth0"),
        address("192.168.0.9/24", 2, "eth0:0"),
        address("192.168.0.7/24", 2, "eth0:2"),
    ),
    (
        route("192.168.0.0/24", 2, 100),
        route("192.168.0.0/16", 3),
        route("10.0.0.0/8", 2, 200),
        route("10.0.0.0/8", 3, 100),
        route("fd00::/64", 3),
    ),
)


def spec(text: str, **words: object) -> AddressSpec:
    return AddressSpec(ip=ipaddress.ip_address(text), **words)  # type: ignore[arg-type]


def test_the_longest_connected_route_gives_interface_and_prefix() -> None:
    place = find_place(spec("192.168.0.140"), MACHINE)
    assert (place.interface, place.index, place.prefix) == ("eth0", 2, 24)
    assert str(place.broadcast) == "192.168.0.255"
    assert find_place(spec("192.168.7.1"), MACHINE).interface == "eth1"


def test_of_equal_routes_the_smaller_metric_wins() -> None:
    assert find_place(spec("10.1.2.3"), MACHINE).interface == "eth1"


def test_a_named_interface_takes_the_prefix_from_its_own_route() -> None:
    place = find_place(spec("192.168.0.140", interface="eth1"), MACHINE)
    assert (place.interface, place.prefix) == ("eth1", 16)


def test_what_is_written_stays() -> None:
    place = find_place(
        spec(
            "192.168.0.140",
            prefix=25,
            interface="eth1",
            label="eth1:7",
            broadcast=ipaddress.IPv4Address("192.168.0.191"),
        ),
        MACHINE,
    )
    assert (place.prefix, place.interface, place.label) == (25, "eth1", "eth1:7")
    assert str(place.broadcast) == "192.168.0.191"


@pytest.mark.parametrize(("prefix", "broadcast"), [(30, "10.1.2.3"), (31, None), (32, None)])
def test_broadcast_only_where_a_network_has_one(prefix: int, broadcast: str | None) -> None:
    place = find_place(spec("10.1.2.1", prefix=prefix, interface="eth0"), MACHINE)
    assert place.broadcast == (ipaddress.IPv4Address(broadcast) if broadcast else None)


def test_an_alias_takes_the_first_free_label() -> None:
    assert find_place(spec("192.168.0.140", alias=True), MACHINE).label == "eth0:1"
    assert find_place(spec("192.168.0.9", alias=True), MACHINE).label == "eth0:0"
    assert find_place(spec("192.168.0.140"), MACHINE).label is None


def test_an_alias_that_would_be_too_long_has_no_label() -> None:
    long = Link(9, "enp0s31f6.1234", True, True, MAC)
    machine = Machine({9: long}, (), (route("192.168.0.0/24", 9),))
    assert find_place(spec("192.168.0.140", alias=True), machine).label is None


def test_ipv6_has_neither_label_nor_broadcast() -> None:
    place = find_place(spec("fd00::140", alias=True), MACHINE)
    assert (place.interface, place.prefix) == ("eth1", 64)
    assert place.label is None
    assert place.broadcast is None


@pytest.mark.parametrize(
    ("wanted", "complaint"),
    [
        (spec("172.16.0.1"), "no connected route contains it.*172.16.0.1/24/eth0"),
        (spec("172.16.0.1", interface="eth0"), "no connected route of eth0.*172.16.0.1/24/eth0"),
        (spec("192.168.0.140", interface="eth9"), "no interface eth9"),
        (spec("192.168.0.140", interface="eth2", prefix=24), "interface eth2 is down"),
    ],
)
def test_what_is_missing_is_said(wanted: AddressSpec, complaint: str) -> None:
    with pytest.raises(AgentError, match=complaint):
        find_place(wanted, MACHINE)
