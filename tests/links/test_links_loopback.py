"""Links without privileges: loopback, missing interfaces, names, bounds, descriptors."""

import os
import socket
from collections.abc import Iterator
from ipaddress import ip_address

import pytest
from links_network import End, until

from twinbeat.core.model import LinkKind, LinkSpec
from twinbeat.core.units import LinkName
from twinbeat.links import build
from twinbeat.links.interface import LinkError
from twinbeat.links.peer import PeerAddress
from twinbeat.links.udp import MAX_PACKETS


def free_port(family: socket.AddressFamily = socket.AF_INET) -> int:
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def spec(kind: LinkKind, address: str = "", interface: str = "lo", port: int = 0) -> LinkSpec:
    return LinkSpec(
        name=LinkName(interface),
        kind=kind,
        interface=interface,
        address=address,
        port=port or free_port(),
        loop=True,
    )


def descriptors() -> set[int]:
    """Return what is open now; the one that was open for looking is gone again."""
    listed = [int(name) for name in os.listdir("/proc/self/fd")]
    return {number for number in listed if os.path.exists(f"/proc/self/fd/{number}")}


@pytest.fixture
def ends() -> Iterator[list[End]]:
    opened: list[End] = []
    yield opened
    for end in opened:
        end.link.close()


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        (LinkKind.UNICAST, "127.0.0.1"),
        (LinkKind.UNICAST, "::1"),
        (LinkKind.MULTICAST, "239.0.0.42"),
    ],
)
def test_a_packet_comes_back_over_loopback(kind: LinkKind, address: str, ends: list[End]) -> None:
    ends.append(End(spec(kind, address)))
    assert ends[0].reports == [(True, f"lo carries packets to {address}")]
    assert ends[0].send(b"heartbeat")
    ends[0].hears(b"heartbeat")
    assert ends[0].is_silent()


def test_receive_is_bounded_and_keeps_the_order(ends: list[End]) -> None:
    ends.append(End(spec(LinkKind.UNICAST, "127.0.0.1")))
    sent = [b"%d" % number for number in range(MAX_PACKETS + 30)]
    for packet in sent:
        assert ends[0].send(packet)
    first, rest = ends[0].link.receive(), ends[0].link.receive()
    assert len(first) == MAX_PACKETS
    assert first + rest == sent
    assert ends[0].link.receive() == []


def test_the_largest_datagram_passes_whole_and_a_larger_one_is_refused(ends: list[End]) -> None:
    ends.append(End(spec(LinkKind.UNICAST, "127.0.0.1")))
    largest = os.urandom(65_507)
    assert ends[0].send(largest)
    ends[0].hears(largest)
    assert not ends[0].send(largest + b"x")
    assert ends[0].up, "one packet too long says nothing about the link"


@pytest.mark.parametrize("kind", [k for k in LinkKind if k is not LinkKind.SERIAL])
def test_a_missing_interface_is_reported_once_and_never_raises(kind: LinkKind) -> None:
    address = {"unicast": "192.0.2.1", "multicast": "239.0.0.42"}.get(kind, "")
    end = End(spec(kind, address, interface="eth99"))
    for _ in range(3):
        end.retry()
        assert not end.send(b"heartbeat")
        assert end.link.receive() == []
    assert end.reports == [(False, "there is no interface 'eth99'; it is looked for every second")]
    end.link.close()
    assert end.link.fileno() == -1


def test_a_name_no_interface_can_have_is_missing_too() -> None:
    end = End(spec(LinkKind.UNICAST, "192.0.2.1", interface="\0"))
    assert end.reports[0][0] is False
    end.link.close()


def test_loopback_cannot_broadcast(ends: list[End]) -> None:
    ends.append(End(spec(LinkKind.BROADCAST)))
    assert ends[0].reports == [(False, "lo cannot broadcast; use a unicast link on it")]


def test_a_multicast_group_that_is_no_address_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match=r"node2\.example"):
        build(spec(LinkKind.MULTICAST, "node2.example"))


def test_a_port_that_another_program_keeps_for_itself_is_retried(ends: list[End]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("", 0))
        port = other.getsockname()[1]
        ends.append(End(spec(LinkKind.UNICAST, "127.0.0.1", port=port)))
        assert "another program holds the port for itself" in ends[0].why
    ends[0].retry()
    assert ends[0].up
    assert len(ends[0].reports) == 2


def test_two_links_share_a_port_and_each_is_watched_by_one_descriptor(ends: list[End]) -> None:
    port = free_port()
    ends.append(End(spec(LinkKind.UNICAST, "127.0.0.1", port=port)))
    ends.append(End(spec(LinkKind.MULTICAST, "239.0.0.42", port=port)))
    assert ends[1].send(b"to the group")
    ends[1].hears(b"to the group")
    assert ends[0].send(b"to the peer")
    ends[0].hears(b"to the peer")
    assert ends[0].link.fileno() != ends[1].link.fileno()


def test_no_descriptor_is_inherited_by_a_child(ends: list[End]) -> None:
    before = descriptors()
    ends.append(End(spec(LinkKind.UNICAST, "127.0.0.1")))
    opened = descriptors() - before
    assert len(opened) == 4
    assert not any(os.get_inheritable(descriptor) for descriptor in opened)


def test_close_gives_every_descriptor_back() -> None:
    before = descriptors()
    end = End(spec(LinkKind.UNICAST, "127.0.0.1"))
    end.link.close()
    end.link.close()
    end.retry()
    assert descriptors() == before
    assert not end.send(b"heartbeat")


def test_a_name_is_resolved_without_being_waited_for(ends: list[End]) -> None:
    ends.append(End(spec(LinkKind.UNICAST, "localhost")))
    assert ends[0].reports == [
        (False, "the peer's name 'localhost' has no address: it is being looked up")
    ]
    ends[0].comes_up()
    assert ends[0].send(b"heartbeat")
    ends[0].hears(b"heartbeat")


def test_a_name_that_does_not_resolve_says_why_and_is_not_asked_for_at_once_again() -> None:
    peer = PeerAddress("no such name")
    until(lambda: "being looked up" not in failure_of(peer), "the look-up fails")
    assert "'no such name' has no address: " in failure_of(peer)


def failure_of(peer: PeerAddress) -> str:
    with pytest.raises(LinkError) as failure:
        peer.get()
    return str(failure.value)


def test_the_zone_of_a_link_local_address_is_that_of_the_interface() -> None:
    assert PeerAddress("fe80::1%eth1").get() == ip_address("fe80::1")


def test_a_privileged_port_needs_privileges_and_the_report_says_so() -> None:
    if os.geteuid() != 0:
        end = End(spec(LinkKind.UNICAST, "127.0.0.1", port=694))
        assert "needs root or CAP_NET_BIND_SERVICE" in end.why
        end.link.close()
        return
    # Only the child gives its privileges up; it answers with the report's text.
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setuid(65534)
            os.write(writing, End(spec(LinkKind.UNICAST, "127.0.0.1", port=694)).why.encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    assert b"a port below 1024 needs root or CAP_NET_BIND_SERVICE" in os.read(reading, 4096)
    os.close(reading)
