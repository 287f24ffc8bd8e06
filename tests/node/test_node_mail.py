"""Which packets become heartbeats, what is counted of the others, and how often that is told."""

import hmac
from dataclasses import replace

import pytest

from twinbeat.core.beat import Beat, Life
from twinbeat.core.events import BeatReceived, MessageReceived
from twinbeat.core.model import Key, Keyring
from twinbeat.core.units import LinkName, NodeName, seconds
from twinbeat.node.mail import Mail
from twinbeat.wire import codec
from twinbeat.wire.codec import Encoding
from twinbeat.wire.message import Message

NODE1, NODE2 = NodeName("node1"), NodeName("node2")
KEYS = Keyring(1, {1: Key(1, "sha1", b"SpecSecret")})
OTHER_KEYS = Keyring(1, {1: Key(1, "sha1", b"another")})


class Node:
    """One node's mail and what it logged."""

    def __init__(self, name: NodeName, keys: Keyring = KEYS, generation: int = 1, token: int = 0):
        self.log: list[tuple[str, str]] = []
        self.life = Life(generation, token or hash(name) & 0xFFFF | 1)
        self.mail = Mail(
            name, self.life, name.encode().ljust(16, b"."), (NODE1, NODE2), keys, self.write
        )
        self.name = name

    def write(self, level: str, text: str) -> None:
        self.log.append((level, text))

    def beat(self, seq: int = 1) -> Beat:
        return Beat(
            node=self.name, life=self.life, seq=seq, deadtime=seconds(1), lease=seconds(0.95)
        )

    def packet(self, seq: int = 1) -> bytes:
        return self.mail.seal(self.beat(seq)).packet(Encoding.NETSTRING)


def test_what_one_seals_the_other_opens() -> None:
    sender, receiver = Node(NODE2), Node(NODE1)
    for link in (LinkName("eth1"), LinkName("eth0")):  # The second link brings a copy.
        assert receiver.mail.open(sender.packet(1), link) == BeatReceived(sender.beat(1), link)
    assert receiver.mail.drops() == {}


def test_ones_own_broadcast_is_neither_heard_nor_counted() -> None:
    node = Node(NODE1)
    assert node.mail.open(node.packet(), "eth1") is None
    assert node.mail.drops() == {}


def test_another_machine_with_this_nodes_name_is_told() -> None:
    node, twin = Node(NODE1, token=5), Node(NODE1, token=6)
    assert node.mail.open(twin.packet(), "eth1") is None
    assert node.mail.drops() == {"own name": 1}
    assert node.log[0][0] == "WARN"


@pytest.mark.parametrize(
    ("packet", "reason", "text"),
    [
        (b"", "unknown encoding", "packet refused"),
        (b"hello", "unknown encoding", "packet refused"),
        (b"###\n" + b"\xff" * 100, "malformed", "packet refused"),
        (Node(NODE2, OTHER_KEYS).packet(), "bad signature", "netstring authentication failed"),
        (
            Node(NodeName("stranger")).packet(),
            "unknown node",
            "process_status_message: unknown node: bad node [stranger] in message",
        ),
    ],
)
def test_a_refused_packet_is_counted_and_told_by_its_reason(
    packet: bytes, reason: str, text: str
) -> None:
    node = Node(NODE1)
    assert node.mail.open(packet, "eth1") is None
    counted = node.mail.drops()
    assert sum(counted.values()) == 1
    if reason != "malformed":
        assert counted == {reason: 1}
    assert node.log[0][0] == "WARN"
    assert text in node.log[0][1]
    assert "eth1" in node.log[0][1]


def test_a_flood_of_one_reason_is_one_line() -> None:
    node = Node(NODE1)
    for _ in range(1000):
        node.mail.open(b"hello", "eth1")
    assert node.mail.drops() == {"unknown encoding": 1000}
    assert len(node.log) == 1
    node.mail.tell_drops()
    assert len(node.log) == 1  # The minute is not over.


def test_after_a_minute_the_rest_is_told_with_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    from twinbeat.node import clock

    node = Node(NODE1)
    start = clock.now()
    for _ in range(1000):
        node.mail.open(b"hello", "eth1")
    monkeypatch.setattr(clock, "now", lambda: start + 61 * 10**9)
    node.mail.tell_drops()
    assert len(node.log) == 2
    assert "999 like it" in node.log[1][1]
    node.mail.tell_drops()
    assert len(node.log) == 2


def test_a_message_of_heartbeats_own_is_passed_on_with_its_fields() -> None:
    message = Message()
    for name, value in (("t", "ask_resources"), ("rsc_hold", "all"), ("src", NODE2)):
        message.add(name, value)
    message.add("srcuuid", b"2" * 16)
    for name, value in (("seq", "2e"), ("hg", "6b03c509")):
        message.add(name, value)
    node = Node(NODE1)
    assert node.mail.open(codec.encode(message, KEYS), "eth1") == MessageReceived(
        NODE2, "ask_resources", 0x6B03C509, 0x2E, {"rsc_hold": "all"}, LinkName("eth1")
    )


def test_a_message_without_a_generation_is_counted() -> None:
    message = Message()
    for name, value in (("t", "ask_resources"), ("rsc_hold", "all"), ("src", NODE2)):
        message.add(name, value)
    node = Node(NODE1)
    assert node.mail.open(codec.encode(message, KEYS), "eth1") is None
    assert node.mail.drops() == {"bad number": 1}


def test_a_recording_of_an_earlier_life_is_a_replay() -> None:
    recorded = Node(NODE2, generation=1, token=11).packet(900)
    node = Node(NODE1)
    assert node.mail.open(Node(NODE2, generation=2, token=12).packet(1), "eth1") is not None
    assert node.mail.open(recorded, "eth1") is None
    assert node.mail.drops() == {"replay": 1}
    assert "should_drop_message: attempted replay attack: replay: [node2]" in node.log[0][1]


def test_late_and_stale_packets_of_the_present_life_are_told_apart() -> None:
    sender, node = Node(NODE2), Node(NODE1)
    for seq in (100, 99, 2):
        node.mail.open(sender.packet(seq), "eth1")
    assert node.mail.drops() == {"late": 1, "stale": 1}


def test_a_changed_key_is_taken_over_and_replays_stay_known() -> None:
    sender, node = Node(NODE2), Node(NODE1)
    assert node.mail.open(sender.packet(5), "eth1") is not None
    node.mail.believe((NODE1, NODE2), OTHER_KEYS)
    assert node.mail.open(sender.packet(6), "eth1") is None
    sender.mail.believe((NODE1, NODE2), OTHER_KEYS)
    assert node.mail.open(sender.packet(7), "eth1") is not None
    sender.life = replace(sender.life, generation=0x1)
    assert node.mail.open(sender.packet(5), "eth1") is not None  # A duplicate, for link health.


def test_the_load_and_the_hops_are_heartbeats() -> None:
    node = Node(NODE1)
    node.mail.load = "0.26 0.47 0.23 5/103 33"
    message = codec.decode(node.packet(), KEYS)
    assert message.text("ld") == "0.26 0.47 0.23 5/103 33"
    assert message.text("ttl") == "3"
    assert message.binary("srcuuid") == b"node1..........."


def test_a_fault_in_reading_is_counted_and_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from twinbeat.wire import heartbeat

    def fault(_: Message) -> Beat:
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr(heartbeat, "unpack", fault)
    node = Node(NODE1)
    assert node.mail.open(Node(NODE2).packet(), "eth1") is None
    assert node.mail.drops() == {"fault": 1}
    assert "ZeroDivisionError" in node.log[0][1]


def ring(active: int, *numbers: int) -> Keyring:
    """Keys of two methods, as authkeys has them while they are changed one for the other."""
    keys = {1: Key(1, "sha1", b"the secret of old"), 2: Key(2, "md5", b"another secret")}
    return Keyring(active, {number: keys[number] for number in numbers})


@pytest.mark.parametrize("encoding", list(Encoding))
def test_a_rolling_change_of_keys_loses_no_heartbeat(encoding: Encoding) -> None:
    one, two = Node(NODE1, ring(1, 1)), Node(NODE2, ring(1, 1))
    seq = 0

    def both_are_heard() -> None:
        nonlocal seq
        seq += 1
        for sender, receiver in ((one, two), (two, one)):
            packet = sender.mail.seal(sender.beat(seq)).packet(encoding)
            heard = BeatReceived(sender.beat(seq), LinkName("eth1"))
            assert receiver.mail.open(packet, "eth1") == heard

    both_are_heard()
    for keys in (ring(1, 1, 2), ring(2, 1, 2), ring(2, 2)):  # Add, switch, remove.
        for node in (one, two):
            node.mail.believe((NODE1, NODE2), keys)
            both_are_heard()
    assert one.mail.drops() == two.mail.drops() == {}
    old = Node(NODE2, ring(1, 1))
    assert one.mail.open(old.mail.seal(old.beat(99)).packet(encoding), "eth1") is None
    assert one.mail.drops() == {"unknown key": 1}


def test_what_is_sent_again_is_signed_with_the_key_of_now() -> None:
    """As Heartbeat does: a receiver may have dropped the old key since the packet was lost."""
    node, receiver = Node(NODE1, ring(1, 1)), Node(NODE2, ring(2, 2))
    said = Message([("t", "status"), ("src", NODE2), ("seq", "1"), ("hg", "1")])
    node.mail.open(codec.encode(said, ring(1, 1)), "eth1")  # A Heartbeat is there.
    old = node.mail.seal(node.beat(7)).packet(Encoding.NETSTRING)
    node.mail.believe((NODE1, NODE2), ring(2, 1, 2))
    again = node.mail.again(7)
    assert again is not None
    assert receiver.mail.open(old, "eth1") is None
    heard = receiver.mail.open(again.packet(Encoding.NETSTRING), "eth1")
    assert heard == BeatReceived(node.beat(7), LinkName("eth1"))


def test_a_key_is_never_verified_with_the_secret_of_the_one_that_signs() -> None:
    """Heartbeat 3.0.6 takes key 2's method and key 1's secret; found on a live pair."""
    node, sender = Node(NODE1, ring(1, 1, 2)), Node(NODE2)
    signed = sender.packet(1).partition(b"%%%\n")[0] + b"%%%\n"
    for number, (secret, verdict) in enumerate(
        [(b"another secret", True), (b"the secret of old", False)], 1
    ):
        signature = b"2 " + hmac.new(secret, signed, "md5").hexdigest().encode()
        packet = signed + b"%d:%b," % (len(signature), signature)
        assert (node.mail.open(packet, "eth1") is not None) is verdict, number
    assert node.mail.drops() == {"bad signature": 1}
