"""Beats inside status messages: every field both ways, every bound, and the size of it all."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinbeat.core.beat import CLUSTER, Ack, Bar, Beat, Custody, GroupView, Life, Pin, Switch
from twinbeat.core.model import Key, Keyring
from twinbeat.core.units import MS, US, Duration, GroupName, NodeName, milliseconds, seconds
from twinbeat.wire.codec import decode, encode, encode_classic
from twinbeat.wire.heartbeat import Envelope, pack, unpack
from twinbeat.wire.message import Message, Reason, WireError

NODE1, NODE2 = NodeName("node1.example.com"), NodeName("node2.example.com")
WEB = GroupName("192.168.0.140")
DISK = GroupName("Filesystem::/dev/sdb1::/srv::ext4")
ENVELOPE = Envelope(bytes(range(16)), 0x6B03C506, "0.26 0.47 0.23 5/103 33", 3)
KEYS = Keyring(1, {1: Key(1, "sha256", b"correct-horse-battery-staple")})

FULL = Beat(
    node=NODE1,
    life=Life(0x6B03C507, 0x9F3C5A0012345678),
    seq=0x1A4,
    deadtime=milliseconds(1000),
    lease=milliseconds(950),
    acks={NODE2: Ack(Life(0x6B03C50A, 0x0000BEEF00000001), 0x1A0, hears=True, age_ms=12)},
    groups={
        WEB: GroupView(Custody.HELD, 7, 0, want=True, pin=Pin(3, NODE1), cleared=4),
        DISK: GroupView(
            Custody.UNCLEAN, 9, 1, want=True, bar=Bar(seconds(600), "httpd, 2 of 3: 100%")
        ),
    },
    standby={NODE1: Switch(1, False), NODE2: Switch(4, True)},
    maintenance={CLUSTER: Switch(2, True), NODE2: Switch(1, False)},
    unclean=frozenset({(WEB, NODE2), (DISK, NODE1)}),
    leaving=True,
    digest="a1b2c3d4",
    macs=frozenset({bytes.fromhex("02000a4d0001"), bytes.fromhex("02000a4d0002")}),
    age=milliseconds(1234),
    pings=2,
)


def rejection(message: Message) -> WireError:
    with pytest.raises(WireError) as caught:
        unpack(message)
    return caught.value


def changed(name: str, value: str | bytes | None, of: Beat = FULL) -> Message:
    """Return the message of a beat with one field changed, or without it."""
    fields = [field for field in pack(of, ENVELOPE) if value is not None or field[0] != name]
    return Message([(n, value if n == name and value is not None else v) for n, v in fields])


def test_what_a_beat_looks_like_on_the_wire() -> None:
    assert pack(FULL, ENVELOPE).fields == [
        ("t", "status"),
        ("st", "active"),
        ("dt", "3e8"),
        ("protocol", "1"),
        ("tb", "1 9f3c5a0012345678 950000"),
        ("tb_ack", "node2.example.com,6b03c50a.0000beef00000001,1a0,y,12"),
        (
            "tb_grp",
            "192.168.0.140,held,7,0,w,3@node1.example.com"
            " Filesystem::/dev/sdb1::/srv::ext4,unclean,9,1,wf,0@",
        ),
        ("tb_bar", "Filesystem::/dev/sdb1::/srv::ext4,600000,httpd%2c%202%20of%203:%20100%25"),
        ("tb_clr", "192.168.0.140,4"),
        ("tb_sby", "node1.example.com,1,off node2.example.com,4,on"),
        ("tb_mnt", "*,2,on node2.example.com,1,off"),
        (
            "tb_bad",
            "192.168.0.140,node2.example.com Filesystem::/dev/sdb1::/srv::ext4,node1.example.com",
        ),
        ("tb_bye", "1"),
        ("tb_cfg", "a1b2c3d4"),
        ("tb_mac", "02000a4d0001 02000a4d0002"),
        ("tb_age", "1234"),
        ("tb_png", "2"),
        ("src", "node1.example.com"),
        ("srcuuid", bytes(range(16))),
        ("seq", "1a4"),
        ("hg", "6b03c507"),
        ("ts", "6b03c506"),
        ("ld", "0.26 0.47 0.23 5/103 33"),
        ("ttl", "3"),
    ]


def test_a_beat_with_everything_survives_both_encodings() -> None:
    message = pack(FULL, ENVELOPE)
    assert unpack(decode(encode(message, KEYS), KEYS)) == FULL
    assert unpack(decode(encode_classic(message, KEYS), KEYS)) == FULL


def test_a_quiet_beat_carries_no_empty_field() -> None:
    quiet = Beat(
        node=NODE1, life=Life(1, 0), seq=1, deadtime=milliseconds(50), lease=milliseconds(43.5)
    )
    message = pack(quiet, ENVELOPE)
    assert [name for name, _ in message if name.startswith("tb")] == ["tb"]
    assert unpack(message) == quiet


def test_a_failure_of_which_no_more_is_said_is_still_one() -> None:
    """A sender that says `f` alone is barred for a time that is not known."""
    message = changed("tb_bar", None)
    assert unpack(message).groups[DISK].bar == Bar()


def test_a_plain_heartbeat_status_is_a_peer_of_version_0() -> None:
    plain = Beat(
        node=NODE1,
        life=Life(5, 0),
        seq=1,
        word="init",
        deadtime=milliseconds(8000),
        lease=milliseconds(8000),
        version=0,
    )
    message = pack(plain, ENVELOPE)
    assert [name for name, _ in message] == [
        "t", "st", "dt", "protocol", "src", "srcuuid", "seq", "hg", "ts", "ld", "ttl",
    ]  # fmt: skip
    assert unpack(message) == plain


def test_a_later_version_is_heard_but_says_nothing_we_would_act_on() -> None:
    message = changed("tb", "2 9f3c5a0012345678 950000 and more")
    beat = unpack(message)
    assert (beat.version, beat.life, beat.lease) == (2, FULL.life, FULL.lease)
    assert (beat.acks, beat.groups, beat.standby, beat.unclean) == ({}, {}, {}, frozenset())
    assert not beat.leaving


def test_times_are_rounded_up_so_that_nobody_is_judged_early() -> None:
    odd = replace(FULL, deadtime=Duration(1000 * MS + 1), lease=Duration(950 * MS + 1))
    beat = unpack(pack(odd, ENVELOPE))
    assert (beat.deadtime, beat.lease) == (1001 * MS, 950 * MS + US)


def test_node_names_are_lower_case_and_group_names_as_written() -> None:
    beat = unpack(changed("src", "NODE1.Example.COM"))
    assert beat.node == NODE1
    acks = unpack(changed("tb_ack", "NODE2.example.com,1.2,3,n,4")).acks
    assert acks == {NODE2: Ack(Life(1, 2), 3, hears=False, age_ms=4)}
    plain = replace(FULL, groups={WEB: GroupView(Custody.HELD, 7, 0)})
    written = "IPaddr2::10.0.0.1,stopped,0,0,-,1@NODE2.example.com"
    groups = unpack(changed("tb_grp", written, plain)).groups
    assert groups == {
        GroupName("IPaddr2::10.0.0.1"): GroupView(Custody.STOPPED, 0, 0, pin=Pin(1, NODE2))
    }


@pytest.mark.parametrize("text", ["10", "36ee80"])
def test_the_shortest_and_the_longest_times_are_accepted(text: str) -> None:
    assert unpack(changed("dt", text)).deadtime == int(text, 16) * MS


long = "n" * 101
TOO_MANY_NODES = " ".join(f"n{i},1.2,3,y,4" for i in range(129))
TOO_MANY_GROUPS = " ".join(f"g{i},held,1,0,-,0@" for i in range(257))

REJECTED = [
    ("t", "resource", Reason.NOT_A_HEARTBEAT),
    ("t", None, Reason.NOT_A_HEARTBEAT),
    ("t", b"status", Reason.NOT_A_HEARTBEAT),
    *[(name, None, Reason.MISSING_FIELD) for name in ("st", "dt", "src", "seq", "hg")],
    ("seq", b"1", Reason.MISSING_FIELD),
    ("st", "dead", Reason.BAD_FIELD),
    ("st", "x" * 10_000, Reason.BAD_FIELD),
    *[("seq", n, Reason.BAD_NUMBER) for n in ("", "0", "-1", "0x1", "1 ", "A", "1" + "0" * 16)],
    *[("hg", n, Reason.BAD_NUMBER) for n in ("0", "x", "1\n", "1_0")],
    *[("dt", n, Reason.BAD_NUMBER) for n in ("", "1.5", "forever")],
    *[("dt", n, Reason.BAD_TIME) for n in ("0", "9", "36ee81", "ffffffffffffffff")],
    *[("src", n, Reason.BAD_NAME) for n in ("", long, "a\nb", "\udcff", "é" * 51)],
    *[("tb", n, Reason.BAD_FIELD) for n in ("", "1", "1 2")],
    *[("tb", n, Reason.BAD_NUMBER) for n in ("x 2 950000", "0 2 950000", "1 g 950000", "1 2 -1")],
    *[("tb", n, Reason.BAD_TIME) for n in ("1 2 9999", "1 2 3600000001")],
    *[("tb_ack", n, Reason.BAD_FIELD) for n in ("x", "a,1.2,3,y,4,5", "a,1.2,3,x,4")],
    ("tb_ack", "a,1.2,3,y,4  b,1.2,3,y,4", Reason.BAD_FIELD),
    ("tb_ack", "a,1.2,3,y,4 A,1.2,3,y,4", Reason.BAD_FIELD),
    *[("tb_ack", n, Reason.BAD_NUMBER) for n in ("a,1,3,y,4", "a,1.2,x,y,4", "a,1.2,3,y,-4")],
    *[("tb_ack", f"{n},1.2,3,y,4", Reason.BAD_NAME) for n in ("", long, "a\tb")],
    ("tb_ack", TOO_MANY_NODES, Reason.TOO_MANY),
    *[("tb_grp", n, Reason.BAD_FIELD) for n in ("g,lost,1,0,-,0@", "g,held,1,0,x,0@", "g,held")],
    *[("tb_grp", n, Reason.BAD_NUMBER) for n in ("g,held,-1,0,-,0@", "g,held,1,256,-,0@")],
    *[("tb_grp", n, Reason.BAD_NUMBER) for n in ("g,held,1,0,-,@a", "g,held,١,0,-,0@")],
    *[("tb_grp", n, Reason.BAD_NAME) for n in (",held,1,0,-,0@", f"g,held,1,0,-,0@{long}")],
    ("tb_grp", f"{'g' * 256},held,1,0,-,0@", Reason.BAD_NAME),
    ("tb_grp", "g,held,1,0,-,0@ g,held,2,0,-,0@", Reason.BAD_FIELD),
    ("tb_grp", TOO_MANY_GROUPS, Reason.TOO_MANY),
    *[
        ("tb_bar", n, Reason.BAD_FIELD)
        for n in ("g,1,why", f"{WEB},1,why", "g,1", f"{DISK},1,a\tb")
    ],
    *[("tb_bar", f"{DISK},{n},why", Reason.BAD_NUMBER) for n in ("", "-1", "86400001", "1.5")],
    ("tb_bar", f"{DISK},1,{'w' * 641}", Reason.BAD_FIELD),
    *[("tb_clr", n, Reason.BAD_FIELD) for n in ("g,1", f"{WEB}", f"{WEB},1 {WEB},2")],
    *[("tb_clr", f"{WEB},{n}", Reason.BAD_NUMBER) for n in ("", "-1", "x")],
    *[(field, "a,1,maybe", Reason.BAD_FIELD) for field in ("tb_sby", "tb_mnt")],
    *[(field, "a,x,on", Reason.BAD_NUMBER) for field in ("tb_sby", "tb_mnt")],
    ("tb_bad", "g", Reason.BAD_FIELD),
    ("tb_bad", "g,", Reason.BAD_NAME),
    ("tb_bad", " ".join(["g,n"] * 1025), Reason.TOO_MANY),
    ("tb_bye", "2", Reason.BAD_FIELD),
    *[("tb_cfg", n, Reason.BAD_FIELD) for n in ("x" * 65, "a\nb")],
    *[("tb_mac", n, Reason.BAD_FIELD) for n in ("02000a4d00", "02000a4d000g", "02000a4d0001 ")],
    ("tb_mac", " ".join(["02000a4d0001"] * 33), Reason.TOO_MANY),
    *[("tb_png", n, Reason.BAD_NUMBER) for n in ("", "65", "-1", "1.5", " 1", "2 of 3", "٢")],
]


@pytest.mark.parametrize(("name", "value", "reason"), REJECTED)
def test_an_illegal_value_is_rejected_for_its_own_reason(
    name: str, value: str | bytes | None, reason: Reason
) -> None:
    error = rejection(changed(name, value))
    assert error.reason is reason, error
    assert str(error).isascii()
    assert len(str(error)) < 500


def test_what_a_value_is_taken_from_is_the_first_field_of_that_name() -> None:
    message = pack(FULL, ENVELOPE)
    message.add("seq", "ffff")
    assert unpack(message).seq == FULL.seq


# --- size ---------------------------------------------------------------------------------------


def test_a_two_node_beat_with_every_field_at_work_fits_one_ethernet_frame() -> None:
    assert len(encode(pack(FULL, ENVELOPE), KEYS)) < 1200


def test_even_names_of_100_bytes_fit() -> None:
    """One group, both nodes named wherever a node can be named in an ordinary beat."""
    one, two = NodeName("a" * 100), NodeName("b" * 100)
    view = GroupView(Custody.STOPPING, 10**6, 1, want=True, bar=Bar(), pin=Pin(1000, two))
    beat = replace(
        FULL,
        node=one,
        acks={two: FULL.acks[NODE2]},
        groups={WEB: view},
        standby={one: Switch(10, True), two: Switch(10, True)},
        maintenance={CLUSTER: Switch(10, True)},
        unclean=frozenset({(WEB, two)}),
    )
    assert len(encode(pack(beat, ENVELOPE), KEYS)) < 1400


# --- properties ---------------------------------------------------------------------------------

printable = st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" "), min_size=1)
node_names = printable.map(lambda text: NodeName(text.encode().lower().decode())).filter(
    lambda name: len(name.encode()) <= 100
)
group_names = printable.filter(lambda name: len(name.encode()) <= 255).map(GroupName)
bits64 = st.integers(0, 2**64 - 1)
counters = st.integers(0, 10**18 - 1)
switches = st.builds(Switch, counters, st.booleans())
pins = st.builds(Pin, counters, node_names | st.just(NodeName("")))
spans = st.integers(10_000, 3_600_000_000).map(lambda us: Duration(us * US))

sentences = st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" "), max_size=160)
bars = st.none() | st.builds(Bar, st.integers(0, 86_400_000).map(milliseconds), sentences)

beats = st.builds(
    Beat,
    node=node_names,
    life=st.builds(Life, st.integers(1, 2**64 - 1), bits64),
    seq=st.integers(1, 2**64 - 1),
    word=st.sampled_from(["init", "up", "active"]),
    deadtime=st.integers(10, 3_600_000).map(milliseconds),
    lease=spans,
    acks=st.dictionaries(
        node_names,
        st.builds(Ack, st.builds(Life, bits64, bits64), bits64, st.booleans(), counters),
        max_size=4,
    ),
    groups=st.dictionaries(
        group_names,
        st.builds(
            GroupView, st.sampled_from(Custody), counters, st.integers(0, 255), st.booleans(),
            bars, pins, st.integers(0, 10**18 - 1),
        ),
        max_size=4,
    ),
    standby=st.dictionaries(node_names, switches, max_size=4),
    maintenance=st.dictionaries(node_names | st.just(CLUSTER), switches, max_size=4),
    unclean=st.frozensets(st.tuples(group_names, node_names), max_size=4),
    leaving=st.booleans(),
    digest=st.text("0123456789abcdef", max_size=64),
    macs=st.frozensets(st.binary(min_size=6, max_size=6), max_size=4),
    age=st.none() | st.integers(0, 86_400_000).map(milliseconds),
    pings=st.none() | st.integers(0, 64),
)  # fmt: skip


@given(beats)
def test_any_beat_survives_both_encodings(beat: Beat) -> None:
    message = pack(beat, ENVELOPE)
    assert unpack(decode(encode(message, KEYS), KEYS)) == beat
    assert unpack(decode(encode_classic(message, KEYS), KEYS)) == beat


ours = st.sampled_from(
    [
        "tb",
        "tb_ack",
        "tb_grp",
        "tb_sby",
        "tb_mnt",
        "tb_bad",
        "tb_bye",
        "tb_cfg",
        "tb_mac",
        "tb_age",
        "tb_png",
    ]
)
likely = st.text("0123456789abcdef,.@ %ynwf-*", max_size=60)


@given(ours | st.sampled_from(["st", "dt", "src", "seq", "hg"]), likely | st.text(max_size=60))
def test_any_text_in_any_field_is_read_or_rejected(name: str, text: str) -> None:
    message = changed(name, text)
    try:
        beat = unpack(message)
    except WireError:
        return
    assert unpack(pack(beat, ENVELOPE)) == beat
