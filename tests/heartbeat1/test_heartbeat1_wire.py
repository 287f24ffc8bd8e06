"""Every packet of the C daemon is understood, and this node says the same in the same fields."""

from collections import Counter
from pathlib import Path

import pytest
from heartbeat1_captures import CAPTURES, KEYS, Packet, fields_of, packets
from hypothesis import given
from hypothesis import strategies as st

from twinbeat.core.beat import Life
from twinbeat.core.effects import SendMessage
from twinbeat.core.events import MessageReceived
from twinbeat.core.units import LinkName, NodeName
from twinbeat.heartbeat1 import words
from twinbeat.heartbeat1.words import Fields, Share, share
from twinbeat.node.mail import Mail
from twinbeat.wire import codec, plain
from twinbeat.wire.heartbeat import Envelope

NODE1, NODE2 = NodeName("node1"), NodeName("node2")
ETH = LinkName("eth0")

each_capture = pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)


def mail(me: NodeName) -> Mail:
    return Mail(me, Life(1, 5), b"u" * 16, (NODE1, NODE2), KEYS, lambda level, text: None)


@each_capture
def test_every_packet_of_the_c_daemon_is_opened(path: Path) -> None:
    by_me = {"node1": mail(NODE2), "node2": mail(NODE1)}
    opened = 0
    for packet in packets(path):
        source = packet.text("src")
        received = by_me[source].open(packet.data, ETH)
        assert isinstance(received, MessageReceived)
        assert (received.node, received.kind, received.link) == (source, packet.text("t"), ETH)
        assert received.generation == int(packet.text("hg"), 16)
        assert received.seq == int(packet.text("seq") or "0", 16)
        envelope = ("t", "src", "srcuuid", "destuuid", "seq", "hg", "ts", "ld", "ttl", "auth")
        told = {name: value.decode() for name, value in packet.fields if name not in envelope}
        assert {name: value for name, value in received.fields.items() if name != "auth"} == told
        opened += 1
    assert opened > 30
    assert all(reader.drops() == {} for reader in by_me.values())


def said(packet: Packet) -> Fields | None:
    """Return what this node would say in the place of the C daemon; None: it never says that."""
    held, info = share(packet.text("rsc_hold")), packet.text("info")
    dest = NodeName(packet.text("dest"))
    match packet.text("t"):
        case "starting":
            return words.starting()
        case "resource" if held is not None and packet.text("rtype") == "full":
            return words.resource(held, stable=packet.text("isstable") == "1", info=info)
        case "ask_resources" if held is not None:
            return words.ask_resources(held, info)
        case "hb_takeover" if held is not None:
            return words.hb_takeover(held)
        case "shutdone":
            return words.shutdone()
        case "repnodes":
            return words.repnodes(dest, (NODE1, NODE2))
        case "NS_ackmsg":
            return words.ack(dest, int(packet.text("ackseq"), 16))
        case "NS_rexmit":
            return words.resend(dest, int(packet.text("firstseq")))
        case "ip-request":
            return words.ip_request(packet.text("ipaddr"))
        case "ip-request-resp":
            return words.ip_response(dest, packet.text("ipaddr"), packet.text("weown") == "yes")
    return None


def test_what_this_node_says_is_what_the_c_daemon_says() -> None:
    """Every field in its order; the inner `auth`, which is optional (1.1), is left out."""
    same: Counter[str] = Counter()
    for packet in (packet for path in CAPTURES for packet in packets(path)):
        fields = said(packet)
        if fields is None or packet.text("from_id"):  # What a client program wrote.
            continue
        values = dict(packet.fields)
        envelope = Envelope(
            values["srcuuid"], int(packet.text("ts"), 16), packet.text("ld"), int(values["ttl"])
        )
        order = SendMessage(fields, int(packet.text("seq") or "0", 16), int(values["hg"], 16))
        message = plain.pack(order, NodeName(packet.text("src")), envelope, values.get("destuuid"))
        packed = list(fields_of(codec.encode_netstring(message, KEYS)))
        assert packed == [field for field in packet.fields if field[0] != "auth"]
        same[packet.text("t")] += 1
    assert set(same) == {
        "starting", "resource", "ask_resources", "hb_takeover", "shutdone", "repnodes",
        "NS_ackmsg", "NS_rexmit", "ip-request", "ip-request-resp",
    }  # fmt: skip


TEXT = st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"]), max_size=30)
NAME = st.from_regex(r"\A[a-z_]{1,12}\Z").filter(
    lambda name: name not in {"t", "src", "srcuuid", "seq", "hg", "ts", "ld", "ttl", "dest",
                              "auth", "destuuid", "tb"}
)  # fmt: skip


@given(
    st.from_regex(r"\A[a-z][a-z-]{0,20}\Z"),
    st.dictionaries(NAME, TEXT, max_size=6),
    st.integers(1, 2**40),
    st.integers(1, 2**40),
)
def test_what_is_packed_is_unpacked(kind: str, said: dict[str, str], seq: int, life: int) -> None:
    order = SendMessage((("t", kind), *said.items()), seq, life)
    packet = codec.encode_netstring(
        plain.pack(order, NODE2, Envelope(b"v" * 16, 1, "n/a", 3), None), KEYS
    )
    received = mail(NODE1).open(packet, ETH)
    assert isinstance(received, MessageReceived)
    assert (received.kind, received.seq, received.generation) == (kind, seq, life)
    assert {name: text for name, text in received.fields.items() if name != "auth"} == said


def test_a_share_has_its_word_and_its_other_side() -> None:
    assert {of: of.word for of in map(Share, range(4))} == {
        Share.NONE: "none", Share.LOCAL: "local", Share.FOREIGN: "foreign", Share.ALL: "all",
    }  # fmt: skip
    assert [Share(of).seen_from_other for of in range(4)] == [
        Share.NONE, Share.FOREIGN, Share.LOCAL, Share.ALL,
    ]  # fmt: skip
    assert share(None) is None
    assert share(None, absent=Share.ALL) is Share.ALL


@given(st.text())
def test_only_heartbeats_words_are_shares(word: str) -> None:
    known = share(word)
    assert (known is not None) == (word in {"none", "local", "foreign", "all"})
    assert known is None or known.word == word
