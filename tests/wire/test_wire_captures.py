"""Every packet of every capture of Heartbeat 3.0.6: both signatures, every byte, every replay."""

import hashlib
import hmac
import re
from collections import Counter
from pathlib import Path

import pytest
from wire_captures import CAPTURES, SPEC, packets

from twinbeat.core.beat import Life
from twinbeat.core.units import MS, NodeName
from twinbeat.wire.codec import decode, encode, encode_classic
from twinbeat.wire.heartbeat import unpack
from twinbeat.wire.message import Message
from twinbeat.wire.replay import ReplayGuard, Verdict

COUNTS = {
    "cap_cold": 102, "cap_crash": 161, "cap_ipfail": 570, "cap_legacy": 88, "cap_loss": 42,
    "cap_mcast": 39, "cap_off": 161, "cap_part": 235, "cap_replay": 133, "cap_replay2": 132,
    "cap_standby": 290, "cap_stonith": 192, "cap_stop": 151, "cap_ucast": 35,
}  # fmt: skip
"""What `tcpdump -r FILE udp dst port 694 or 'icmp[0] == 0 or icmp[0] == 8' | wc -l` counts."""

OVERTAKEN, RETRANSMITTED = 13, 3
"""Of the one history below: packets that arrived behind a higher number, and a second time.

Ten times a node's answer to its own message left before it; cap_loss has the other three (60 and
61 of node2, 314 of node1) and the copies.
"""

each_capture = pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)


def messages(name: str) -> list[Message]:
    """Return the messages of one capture that carry a sequence number, in order."""
    (path,) = [path for path in CAPTURES if path.stem == name]
    decoded = [decode(packet, SPEC) for packet in packets(path)]
    return [message for message in decoded if message.text("seq")]


def sender(message: Message) -> tuple[NodeName, Life, int]:
    src, hg, seq = (message.text(name) for name in ("src", "hg", "seq"))
    assert src
    assert hg
    assert seq
    return NodeName(src), Life(int(hg, 16), 0), int(seq, 16)


def test_every_capture_is_there() -> None:
    assert {path.stem: len(list(packets(path))) for path in CAPTURES} == COUNTS


@each_capture
def test_the_trailing_signature_is_hmac_sha1_over_all_before_it(path: Path) -> None:
    for packet in packets(path):
        end = packet.rindex(b"%%%\n") + 4
        digest = hmac.new(b"SpecSecret", packet[:end], hashlib.sha1).hexdigest()
        assert packet[end:] == b"42:1 " + digest.encode() + b","


@each_capture
def test_decoding_and_encoding_gives_the_same_bytes(path: Path) -> None:
    """The inner signature, the trailing one, the order and the type of every field."""
    for packet in packets(path):
        assert encode(decode(packet, SPEC), SPEC) == packet


@each_capture
def test_the_classic_encoding_carries_the_signature_that_heartbeat_computed(path: Path) -> None:
    for packet in packets(path):
        inner = re.search(rb",50:\(0\)(auth=1 [0-9a-f]{40}),%%%\n", packet)
        assert inner is not None
        message = decode(packet, SPEC)
        classic = encode_classic(message, SPEC)
        assert classic.endswith(b"\n" + inner[1] + b"\n<<<\n")
        assert decode(classic, SPEC) == message
        assert decode(classic + b"\0", SPEC) == message


@each_capture
def test_every_status_is_a_beat_of_a_peer_that_does_not_speak_our_fields(path: Path) -> None:
    for packet in packets(path):
        message = decode(packet, SPEC)
        if message.text("t") == "status":
            beat = unpack(message)
            assert (beat.node, beat.life, beat.seq) == sender(message)
            assert beat.node in ("node1", "node2")
            assert (beat.version, beat.acks, beat.groups) == (0, {}, {})
            assert 6000 * MS <= beat.deadtime <= 36_000 * MS


def test_the_first_status_of_a_cold_start() -> None:
    beat = unpack(next(m for m in messages("cap_cold") if m.text("t") == "status"))
    assert (beat.word, beat.seq, beat.deadtime) == ("init", 1, 8000 * MS)


def test_no_packet_of_a_days_recordings_passes_a_second_time() -> None:
    """Six captures are one history: cold start, moves, stop, crash, loss, partition and healing."""
    history = [
        sender(message)
        for name in ("cap_cold", "cap_standby", "cap_stop", "cap_crash", "cap_loss", "cap_part")
        for message in messages(name)
    ]
    guard = ReplayGuard()
    first = Counter(guard.judge(*packet) for packet in history)
    assert first == {
        Verdict.NEW: len(set(history)) - OVERTAKEN,
        Verdict.LATE: OVERTAKEN,
        Verdict.DUPLICATE: RETRANSMITTED,
    }
    again = Counter(guard.judge(*packet) for packet in history)
    last_lives = {("node1", 0x6B03C50A), ("node2", 0x6B03C50D)}
    present = [p for p in history if (p[0], p[1].generation) in last_lives]
    assert again[Verdict.REPLAY] == len(history) - len(present)
    assert again[Verdict.DUPLICATE] + again[Verdict.STALE] == len(present)


@pytest.mark.parametrize("name", ["cap_replay", "cap_replay2"])
def test_the_recorded_takeover_of_a_dead_node_does_not_pass(name: str) -> None:
    """Heartbeat 3.0.6 resets its records when a node dies, and gave up everything at this one."""
    guard = ReplayGuard()
    recording = messages(name)
    for message in recording:
        assert guard.judge(*sender(message)) in (Verdict.NEW, Verdict.LATE)
    (takeover,) = [message for message in recording if message.text("t") == "hb_takeover"]
    assert guard.judge(*sender(takeover)) is Verdict.DUPLICATE
