"""The short and the long way of a heartbeat: the same bytes, the same beat, the same refusal."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinbeat.core.beat import Ack, Beat, Custody, GroupView, Life, Switch
from twinbeat.core.model import Key, Keyring
from twinbeat.core.units import GroupName, NodeName, milliseconds
from twinbeat.wire import codec, netstring
from twinbeat.wire.heartbeat import Envelope, pack, unpack
from twinbeat.wire.message import Field, Message, Reason, Value, WireError
from twinbeat.wire.stencil import MAX_STENCILS, Reader, Writer

NODE1, NODE2 = NodeName("node1"), NodeName("node2")
KEYS = Keyring(1, {1: Key(1, "sha1", b"the nodes share it")})
OTHER_KEYS = Keyring(1, {1: Key(1, "sha1", b"of another cluster")})
ENVELOPE = Envelope(bytes(range(16)), 0x6B03C506, "0.26 0.47 0.23 5/103 33", 3)
BEAT = Beat(
    node=NODE1,
    life=Life(7, 0x9F3C5A0012345678),
    seq=0x1A4,
    deadtime=milliseconds(1000),
    lease=milliseconds(950),
    acks={NODE2: Ack(Life(9, 0xBEEF), 0x1A0, hears=True, age_ms=12)},
    groups={GroupName("web"): GroupView(Custody.HELD, 7, 0)},
    digest="a1b2c3d4",
)

Outcome = Beat | tuple[Reason, str]


class Ear:
    """A receiver as the daemon's mail is one: the short way first, else the long one."""

    def __init__(self) -> None:
        self.reader = Reader()
        self.short = 0
        """How many packets came the short way."""

    def hear(self, packet: bytes) -> Outcome:
        try:
            beat = self.reader.read(packet, KEYS)
            if beat is not None:
                self.short += 1
                return beat
            message = codec.decode(packet, KEYS)
            beat = unpack(message)
        except WireError as error:
            return error.reason, error.detail
        self.reader.learn(packet, message, beat)
        return beat


def the_long_way(packet: bytes) -> Outcome:
    try:
        return unpack(codec.decode(packet, KEYS))
    except WireError as error:
        return error.reason, error.detail


def packet_of(beat: Beat = BEAT, envelope: Envelope = ENVELOPE, keyring: Keyring = KEYS) -> bytes:
    return codec.encode_netstring(pack(beat, envelope), keyring)


def signed(message: bytes) -> bytes:
    """Sign whatever a holder of the key may have written."""
    return codec.sealed(message, KEYS)


def later(beat: Beat, seq: int, age_ms: int = 12) -> Beat:
    acks = {node: replace(ack, seq=seq, age_ms=age_ms) for node, ack in beat.acks.items()}
    return replace(beat, seq=seq, acks=acks)


# --- what the short way is for --------------------------------------------------------------------


def test_a_second_beat_of_the_same_size_comes_the_short_way_and_says_the_same() -> None:
    ear = Ear()
    assert ear.hear(packet_of()) == BEAT
    assert ear.short == 0
    second = later(BEAT, 0x1A5, 13)
    envelope = replace(ENVELOPE, wall_s=0x6B03C507, load="1.26 0.48 0.23 4/103 34")
    assert ear.hear(packet_of(second, envelope)) == second
    assert ear.short == 1


def test_two_senders_whose_packets_have_one_size_are_told_apart() -> None:
    other = replace(BEAT, node=NODE2, life=Life(8, 5), acks={NODE1: BEAT.acks[NODE2]})
    ear = Ear()
    for seq in range(0x200, 0x204):
        assert ear.hear(packet_of(later(BEAT, seq))) == later(BEAT, seq)
        assert ear.hear(packet_of(later(other, seq))) == later(other, seq)
    assert ear.short == 6


def test_the_digits_of_slots_may_trade_places() -> None:
    """The size is the same, the cuts are not."""
    ear = Ear()
    for seq, age in ((0xFF, 100), (0x100, 1), (0xFE, 101), (0x101, 2), (0x102, 3)):
        beat = later(BEAT, seq, age)
        assert ear.hear(packet_of(beat)) == beat
    assert ear.short == 4


def test_slots_of_other_sizes_come_the_short_way() -> None:
    ear = Ear()
    ear.hear(packet_of())
    for digits in range(1, 15):
        beat = later(BEAT, 16**digits, 10 ** min(digits, 6))
        envelope = replace(ENVELOPE, load="9" * digits)
        assert ear.hear(packet_of(beat, envelope)) == beat
    assert ear.short == 14


def test_what_is_known_is_bounded() -> None:
    ear = Ear()
    for length in range(1, 3 * MAX_STENCILS):
        ear.hear(packet_of(replace(BEAT, digest=f"{length}", acks={
            NodeName("n" * (length % 90 + 1)): Ack(Life(length, 1), 1, hears=True)})))  # fmt: skip
        assert len(vars(ear.reader)["_told"]) <= MAX_STENCILS
        assert len(vars(ear.reader)["_cuts"]) <= MAX_STENCILS
        assert len(vars(ear.reader)["_known"]) <= MAX_STENCILS


# --- who would abuse it ---------------------------------------------------------------------------


def test_every_changed_byte_is_refused_by_its_signature() -> None:
    ear, packet = Ear(), packet_of()
    ear.hear(packet)
    for at in range(len(packet)):
        forged = packet[:at] + bytes((packet[at] ^ 1,)) + packet[at + 1 :]
        said = ear.hear(forged)
        assert said == the_long_way(forged)
        assert not isinstance(said, Beat), at
    assert ear.short == 0


def test_another_cluster_s_signature_does_not_pass() -> None:
    ear = Ear()
    ear.hear(packet_of())
    said = ear.hear(packet_of(keyring=OTHER_KEYS))
    assert not isinstance(said, Beat)
    assert said[0] is Reason.BAD_SIGNATURE


def test_a_packet_is_not_known_by_keys_that_are_no_longer_accepted() -> None:
    reader, packet = Reader(), packet_of()
    message = codec.decode(packet, KEYS)
    reader.learn(packet, message, unpack(message))
    assert reader.read(packet, KEYS) == BEAT
    with pytest.raises(WireError, match="bad signature"):
        reader.read(packet, OTHER_KEYS)


@pytest.mark.parametrize(
    ("slot", "bad"),
    [
        (b"seq=1a4", b"seq=1A4"),
        (b"seq=1a4", b"seq=000"),
        (b"seq=1a4", b"seq=1\x004"),
        (b"ts=6b03c506", b"ts=6b03\x00506"),
        (b"ld=0.26", b"ld=0\x0026"),
        (b",1a0,y,12", b",1a0,z,12"),
        (b",1a0,y,12", b",1a0,y,-2"),
        (b",1a0,y,12", b",1a0,y,1\x00"),
        (b"tb_ack=node2", b"tb_ack=n,de2"),
        (b"ts=6b03c506,", b"ts=6b03c5065"),
        (b"ttl=3", b"tt=l3"),
    ],
)
def test_a_peer_with_the_key_reaches_nothing_more_by_the_short_way(slot: bytes, bad: bytes) -> None:
    ear, message = Ear(), netstring.write(pack(BEAT, ENVELOPE))
    ear.hear(signed(message))
    assert message.count(slot) == 1
    odd = signed(message.replace(slot, bad))
    assert ear.hear(odd) == the_long_way(odd)
    assert ear.short == 0
    assert ear.hear(signed(message)) == BEAT
    assert ear.short == 1


def test_a_heartbeat_with_the_classic_signature_inside_goes_the_long_way() -> None:
    ear = Ear()
    for _ in range(2):
        assert ear.hear(codec.encode(pack(BEAT, ENVELOPE), KEYS)) == BEAT
        assert ear.hear(codec.encode_classic(pack(BEAT, ENVELOPE), KEYS)) == BEAT
    assert ear.short == 0


# --- whatever a beat may say ----------------------------------------------------------------------

CHANGES: dict[str, object] = {
    "node": NODE2,
    "life": Life(8, 5),
    "word": "up",
    "deadtime": milliseconds(2000),
    "lease": milliseconds(1950),
    "version": 2,
    "groups": {},
    "standby": {NODE1: Switch(1, on=True)},
    "maintenance": {NODE1: Switch(1, on=True)},
    "unclean": frozenset({(GroupName("web"), NODE1)}),
    "leaving": True,
    "digest": "",
    "macs": frozenset({bytes(6)}),
    "age": milliseconds(7),
    "pings": 2,
}


def test_every_field_of_a_beat_is_tried() -> None:
    """A new one that the stencils do not know of fails here, or in the two tests below."""
    assert {*CHANGES, "seq", "acks"} == {field.name for field in fields(Beat)}


@pytest.mark.parametrize("name", CHANGES)
def test_a_writer_notes_the_change_of_any_field(name: str) -> None:
    writer, changed = Writer(), replace(BEAT, **{name: CHANGES[name]})  # type: ignore[arg-type]
    for beat in (BEAT, later(BEAT, 0x1A5), changed, later(changed, 0x1A6), BEAT):
        assert writer.write(beat, ENVELOPE) == netstring.write(pack(beat, ENVELOPE))


@pytest.mark.parametrize("name", CHANGES)
def test_a_reader_keeps_what_any_field_says(name: str) -> None:
    changed = replace(BEAT, **{name: CHANGES[name]})  # type: ignore[arg-type]
    again = later(changed, 0x1A5)
    assert changed.again(0x1A5, again.acks) == again
    ear = Ear()
    for beat in (BEAT, changed, later(BEAT, 0x1A5), again):
        packet = packet_of(beat)
        assert ear.hear(packet) == the_long_way(packet)


# --- properties -----------------------------------------------------------------------------------

texts = st.text(st.characters(max_codepoint=0x2FF), max_size=12)
acks = st.builds(
    Ack,
    st.builds(Life, st.integers(0, 300), st.just(5)),
    st.integers(0, 300),
    hears=st.booleans(),
    age_ms=st.integers(0, 1100),
)
beats = st.builds(
    replace,
    st.just(BEAT),
    node=st.sampled_from([NODE1, NODE2]),
    life=st.builds(Life, st.integers(1, 3), st.just(5)),
    seq=st.integers(1, 300),
    version=st.sampled_from([1, 1, 1, 0, 2]),
    acks=st.dictionaries(st.sampled_from([NODE1, NODE2, NodeName("a b,c%")]), acks, max_size=2),
    groups=st.sampled_from([{}, BEAT.groups]),
    standby=st.sampled_from([{}, {NODE1: Switch(1, on=True)}]),
    leaving=st.booleans(),
)
envelopes = st.builds(
    Envelope,
    st.sampled_from([bytes(16), bytes(range(16))]),
    st.integers(0, 2**33),
    st.sampled_from(["n/a", "0.26 0.47 0.23 5/103 33", "%%%\n", "é", "1:(0)seq=1,"]),
    st.integers(1, 4),
)


@given(st.lists(st.tuples(beats, envelopes), max_size=6))
def test_a_writer_writes_what_the_long_way_writes(said: list[tuple[Beat, Envelope]]) -> None:
    writer = Writer()
    for beat, envelope in [both for both in said for _ in range(2)]:
        again = later(beat, beat.seq + 1)
        for one in (beat, again):
            assert writer.write(one, envelope) == netstring.write(pack(one, envelope))


@st.composite
def odd_messages(draw: st.DrawFn) -> Message:
    """Draw a beat's message in which a field may be missing, doubled, moved, or another one."""
    fields: list[Field] = list(pack(draw(beats), draw(envelopes)).fields)
    for _ in range(draw(st.integers(0, 2))):
        at, to = draw(st.integers(0, len(fields) - 1)), draw(st.integers(0, len(fields) - 1))
        name = fields[at][0]
        how = draw(st.sampled_from(["drop", "double", "move", "swap", "text", "binary", "list"]))
        value = draw(texts)
        if how == "drop":
            del fields[at]
        elif how == "double":
            fields.insert(to, draw(st.sampled_from([fields[at], (name, value)])))
        elif how == "move":
            fields.insert(to, fields.pop(at))
        elif how == "swap":
            fields[at], fields[to] = fields[to], fields[at]
        else:
            kinds: dict[str, Value] = {"text": value, "binary": value.encode(), "list": (value,)}
            fields[at] = name, kinds[how]
    return Message(fields)


packets = st.one_of(
    odd_messages().map(lambda message: signed(netstring.write(message))),
    st.tuples(beats, envelopes).map(lambda both: packet_of(*both)),
    st.tuples(beats, envelopes).map(lambda both: codec.encode(pack(*both), KEYS)),
    st.tuples(beats, envelopes).map(lambda both: packet_of(*both, OTHER_KEYS)),
)


@given(st.lists(packets, max_size=8))
def test_a_reader_hears_what_the_long_way_hears(heard: list[bytes]) -> None:
    ear = Ear()
    for packet in [*heard, *heard]:
        assert ear.hear(packet) == the_long_way(packet)


@given(st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=3)), max_size=8))
def test_bytes_that_a_peer_with_the_key_overwrote_are_read_alike(
    writes: list[tuple[int, bytes]],
) -> None:
    ear, message = Ear(), netstring.write(pack(BEAT, ENVELOPE))
    ear.hear(signed(message))
    for at, piece in writes:
        odd = signed(message[:at] + piece + message[at + len(piece) :])
        assert ear.hear(odd) == the_long_way(odd)
