"""Ping nodes of a daemon: what is asked, and which answers are believed. The loopback answers."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from select import select
from time import monotonic

import pytest

from twinbeat.core.beat import Life
from twinbeat.core.events import Event, PingAnswered
from twinbeat.core.model import ClusterModel, Key, Keyring, PingSpec
from twinbeat.core.units import Duration, NodeName
from twinbeat.node.mail import Mail
from twinbeat.node.pings import Pings
from twinbeat.scenario.setting import Setting
from twinbeat.wire.codec import decode, encode
from twinbeat.wire.echoes import Echo, pack, unpack

HERE = NodeName("127.0.0.1")
KEYS = Keyring(1, {1: Key(1, "sha1", b"SpecSecret")})
STRANGERS = Keyring(1, {1: Key(1, "sha1", b"another")})
ALONE = PingSpec(name=HERE, addresses=("127.0.0.1",))
GROUP = PingSpec(name=NodeName("out"), addresses=("127.0.0.1", "127.0.0.2"))


def model(*pings: PingSpec, keepalive: int = 0) -> ClusterModel:
    base = Setting().model()
    timing = replace(base.timing, keepalive=Duration(keepalive))
    return replace(base, pings=pings, timing=timing)


class Asking:
    """The pings of one life, and the mail that signs them."""

    def __init__(self, token: int, keys: Keyring, *pings: PingSpec) -> None:
        self.said: list[Event] = []
        life = Life(1, token)
        self.mail = Mail(NodeName("node1"), life, bytes(16), (), keys, lambda *_: None)
        self.pings = Pings(token, self.said.append, self.mail)
        self.pings.use(model(*pings))

    def answers(self, count: int) -> list[NodeName]:
        """Wait for so many answers, and return all that came."""
        end, heard = monotonic() + 5, list[NodeName]()
        while len(heard) < count and monotonic() < end:
            heard += [answer.node for answer in self.pings.answers()]
        return heard


@pytest.fixture
def tap() -> Iterator[socket.socket]:
    """Yield a socket that sees every ICMP packet of the loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as opened:
        yield opened


def replies(tap: socket.socket) -> list[bytes]:
    """Return the echo replies that went by, without their IP headers."""
    seen = []
    while select([tap], [], [], 0)[0]:
        packet = tap.recv(65535)[20:]
        if packet[0] == 0:
            seen.append(packet)
    return seen


def test_an_echo_is_a_message_as_heartbeat_sends_it() -> None:
    echo = Echo(HERE, 0xABC, 0x1F)
    packet = encode(pack(echo, ALONE, 0x6B03C8AA), KEYS)
    assert packet.startswith(
        b"###\n10:(0)t=NS_st,10:(0)st=ping,12:(0)info=ping,16:(0)tb_png=abc 1f,"
        b"16:(0)src=127.0.0.1,14:(0)ts=6b03c8aa,50:(0)auth=1 "
    )
    assert unpack(decode(packet, KEYS)) == echo
    assert ("info", "ping_group") in pack(echo, GROUP, 1).fields


@pytest.mark.root
def test_a_fresh_answer_is_believed_once(tap: socket.socket) -> None:
    asking = Asking(0x1234, KEYS, ALONE)
    asking.pings.send()
    assert asking.answers(1) == [HERE]
    recorded = replies(tap)
    assert len(recorded) == 1
    tap.sendto(recorded[0], ("127.0.0.1", 0))
    end = monotonic() + 5
    while not asking.mail.drops() and monotonic() < end:
        assert list(asking.pings.answers()) == []
    assert asking.mail.drops() == {"stale ping answer": 1}
    asking.pings.send()
    assert asking.answers(1) == [HERE]
    asking.pings.close()


@pytest.mark.root
@pytest.mark.parametrize(
    ("token", "keys", "reason"),
    [(0x1234 + 0x10000, KEYS, "stale ping answer"), (0x1234, STRANGERS, "bad signature")],
)
def test_an_answer_of_another_life_or_key_is_refused(
    token: int, keys: Keyring, reason: str, tap: socket.socket
) -> None:
    other = Asking(token, keys, ALONE)  # With the same identifier: 16 bits of the token.
    other.pings.send()
    assert other.answers(1) == [HERE]
    recorded = replies(tap)
    asking = Asking(0x1234, KEYS, ALONE)
    tap.sendto(recorded[0], ("127.0.0.1", 0))
    end = monotonic() + 5
    while not asking.mail.drops() and monotonic() < end:
        assert list(asking.pings.answers()) == []
    assert asking.mail.drops() == {reason: 1}
    for each in (other, asking):
        each.pings.close()


@pytest.mark.root
def test_a_group_answers_once_however_many_of_it_do(tap: socket.socket) -> None:
    asking = Asking(0x77, KEYS, GROUP)
    asking.pings.send()
    assert asking.answers(1) == [GROUP.name]
    end = monotonic() + 5
    seen: list[bytes] = []
    while len(seen) < 2 and monotonic() < end:
        seen += replies(tap)
    assert len(seen) == 2
    assert list(asking.pings.answers()) == []
    assert asking.mail.drops() == {}
    asking.pings.close()


@pytest.mark.root
def test_one_question_in_a_keepalive(tap: socket.socket) -> None:
    asking = Asking(0x99, KEYS, ALONE)
    asking.pings.use(model(ALONE, keepalive=3_600_000_000_000))
    for _ in range(5):
        asking.pings.send()
    assert asking.answers(1) == [HERE]
    assert len(replies(tap)) == 1
    asking.pings.close()


@pytest.mark.root
def test_a_reload_asks_others() -> None:
    asking = Asking(0x55, KEYS, ALONE)
    asking.pings.use(model(GROUP))
    asking.pings.send()
    assert asking.answers(1) == [GROUP.name]
    assert PingAnswered(HERE) not in asking.said
    asking.pings.close()
