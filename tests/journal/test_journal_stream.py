"""The recorded stream: every event and effect comes back as it was, from readable lines."""

import dataclasses
import ipaddress
import types
from collections.abc import Mapping
from enum import Enum
from typing import Any, NewType, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twinbeat.core.beat import Ack, Beat, Custody, GroupView, Life, Pin
from twinbeat.core.effects import Effect, Record, SendBeat, Serve, What
from twinbeat.core.events import BeatReceived, Event, LinkChanged, TimePassed
from twinbeat.core.model import ClusterModel, Key, Keyring, Timing
from twinbeat.core.units import Duration, GroupName, Instant, LinkName, NodeName
from twinbeat.journal.plain import shape
from twinbeat.journal.stream import Birth, End, Line, Reader, Step, StreamError, Writer

NODE1, NODE2, WEB = NodeName("node1"), NodeName("node2"), GroupName("web")
MODEL = ClusterModel(
    name="c",
    nodes=(NODE1, NODE2),
    timing=Timing(
        keepalive=Duration(1),
        warntime=Duration(2),
        deadtime=Duration(3),
        initdead=Duration(4),
        deadping=Duration(5),
    ),
    links=(),
    groups=(),
)
BIRTH = Birth(
    program="0.1.0",
    node=NODE1,
    life=Life(7, 99),
    now=Instant(1_000),
    standby={},
    maintenance={},
    model=MODEL,
)


# Any value of any type, made from the declared types alone.

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner)
    | st.dictionaries(st.text() | st.integers() | st.sampled_from(["$tuple", "$"]), inner,
                      max_size=3)
    | st.frozensets(st.text() | st.integers() | st.binary(), max_size=3),
    max_leaves=6,
)  # fmt: skip
ATOMS: dict[Any, st.SearchStrategy[Any]] = {
    object: anything,
    type(None): st.none(),
    bool: st.booleans(),
    int: st.integers(),
    float: st.floats(allow_nan=False),
    str: st.text(max_size=8),
    bytes: st.binary(max_size=8),
    ipaddress.IPv4Address: st.ip_addresses(v=4),
    ipaddress.IPv6Address: st.ip_addresses(v=6),
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    if hint in ATOMS:
        return ATOMS[hint]
    if isinstance(hint, NewType):
        return values(hint.__supertype__)
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return st.one_of(*(values(arg) for arg in args))
    if origin is tuple:
        if args[-1] is ...:
            return st.lists(values(args[0]), max_size=2).map(tuple)
        return st.tuples(*(values(arg) for arg in args))
    if origin is frozenset:
        return st.frozensets(values(args[0]), max_size=3)
    if origin is Mapping:
        return st.dictionaries(values(args[0]), values(args[1]), max_size=2)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    assert isinstance(hint, type), f"teach this test what a {hint} is"
    assert dataclasses.is_dataclass(hint), f"teach this test what a {hint} is"
    hints = get_type_hints(hint)
    fields = {f.name: values(hints[f.name]) for f in dataclasses.fields(hint)}
    return st.builds(hint, **fields)


def exact(one: Any, other: Any) -> bool:
    """Whether two values are equal and of the same types all the way down, order of keys too."""
    if type(one) is not type(other) or one != other:
        return False
    if dataclasses.is_dataclass(one):
        names = [field.name for field in dataclasses.fields(one)]
        return all(exact(getattr(one, name), getattr(other, name)) for name in names)
    if isinstance(one, dict):
        return exact(list(one.items()), list(other.items()))
    if isinstance(one, list | tuple):
        return all(exact(a, b) for a, b in zip(one, other, strict=True))
    return True


def through(lines: list[Line]) -> list[Line]:
    writer, reader = Writer(), Reader()
    texts = [writer.write(line) for line in lines]
    assert all(text.isascii() and text.isprintable() for text in texts)
    return [reader.read(text) for text in texts]


thorough = settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)


@pytest.mark.parametrize("kind", get_args(Event), ids=lambda kind: kind.__name__)
@thorough
@given(data=st.data())
def test_every_event_comes_back_as_it_was(kind: type, data: st.DataObject) -> None:
    events = data.draw(st.lists(values(kind), min_size=1, max_size=3))
    lines: list[Line] = [BIRTH, *(Step(Instant(5), event) for event in events)]
    assert exact(through(lines), lines)


@pytest.mark.parametrize("kind", get_args(Effect), ids=lambda kind: kind.__name__)
@thorough
@given(data=st.data())
def test_every_effect_comes_back_as_it_was(kind: type, data: st.DataObject) -> None:
    effects = data.draw(st.lists(values(kind), min_size=1, max_size=3))
    lines: list[Line] = [BIRTH, Step(Instant(-5), TimePassed(), tuple(effects)), End("it is over")]
    assert exact(through(lines), lines)


@thorough
@given(birth=values(Birth))
def test_every_birth_comes_back_as_it_was(birth: Birth) -> None:
    birth = dataclasses.replace(birth, stream=1)
    assert exact(through([birth]), [birth])


@thorough
@given(beats=st.lists(values(Beat), min_size=2, max_size=4), there=st.booleans())
def test_beats_come_back_from_their_differences(beats: list[Beat], there: bool) -> None:
    """Of one sender in a row, whatever came and went between them, told or sent."""
    steps = [
        Step(Instant(at), BeatReceived(beat, LinkName("eth1")))
        if there
        else Step(Instant(at), TimePassed(), (SendBeat(beat),))
        for at, beat in enumerate(dataclasses.replace(beat, node=NODE2) for beat in beats)
    ]
    lines: list[Line] = [BIRTH, *steps]
    returned = through(lines)
    assert returned == lines


def test_a_heartbeat_that_says_nothing_new_is_a_short_readable_line() -> None:
    def beat(seq: int) -> Beat:
        return Beat(
            node=NODE2,
            life=Life(3, 4),
            seq=seq,
            deadtime=Duration(1_000_000_000),
            lease=Duration(950_000_000),
            acks={NODE1: Ack(Life(7, 99), seq, hears=True)},
            groups={WEB: GroupView(Custody.HELD, term=2, rank=0, pin=Pin(1, NODE2))},
            macs=frozenset({b"\x02\x00\x00\x00\x00\x01"}),
        )

    writer = Writer()
    writer.write(BIRTH)
    first = writer.write(Step(Instant(2_000), BeatReceived(beat(1), LinkName("eth1"))))
    again = writer.write(Step(Instant(2_001), BeatReceived(beat(1), LinkName("eth0"))))
    later = writer.write(
        Step(
            Instant(3_000),
            BeatReceived(beat(2), LinkName("eth1")),
            (Serve(WEB, Instant(4_000), create=False),),
        )
    )
    assert '"custody":"held"' in first
    assert '"macs":["020000000001"]' in first
    assert again == '{"now":2001,"event":{"BeatReceived":{"beat":{"node":"node2"},"link":"eth0"}}}'
    assert later == (
        '{"now":3000,"event":{"BeatReceived":{"beat":{"node":"node2","seq":2,'
        '"acks":{"node1":{"seq":2}}},"link":"eth1"}},'
        '"effects":[{"Serve":{"group":"web","until":4000,"create":false}}]}'
    )


def test_the_birth_tells_the_format_first() -> None:
    assert Writer().write(BIRTH).startswith('{"stream":1,"program":"0.1.0","node":"node1",')


# What must not be written.


def members(hint: Any, found: set[Any]) -> None:
    """Collect every dataclass that a value of a type may hold."""
    for arg in get_args(hint):
        members(arg, found)
    if dataclasses.is_dataclass(hint) and hint not in found:
        found.add(hint)
        for inner in get_type_hints(hint).values():
            members(inner, found)


def test_no_secret_can_reach_a_stream() -> None:
    found: set[Any] = set()
    members(Birth | Step | End, found)
    assert {BeatReceived, Beat, Ack, ClusterModel} <= found  # It did look inside.
    assert not {Key, Keyring} & found
    hidden = [
        f"{kind.__name__}.{field.name}"
        for kind in found
        for field in dataclasses.fields(kind)
        if not field.repr
    ]
    assert hidden == []


def test_what_is_kept_from_view_is_not_written() -> None:
    key = Key(1, "sha1", b"SpecSecret")
    for secret in (key, Keyring(1, {1: key})):
        kind: Any = type(secret)
        with pytest.raises(TypeError, match=r"Key\.secret is kept from view"):
            shape(kind).plain(secret)


def test_what_has_no_plain_form_is_an_error_and_not_a_guess() -> None:
    record = Record(What.NODE_ACTIVE, "x", evidence={"odd": object()})
    with pytest.raises(TypeError, match="no plain form is known for a value of object"):
        Writer().write(Step(Instant(1), TimePassed(), (record,)))


# What is no stream.

LINK = LinkChanged(LinkName("eth1"), up=True, why="carrier")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "line 2, column 1: this is not JSON (Expecting value)"),
        ('{"now":1,}', "line 2, column 10: this is not JSON"),
        ("[" * 100_000, "line 2, column 1: this is not readable"),
        ("[1]", "line 2, column 1: an object was expected"),
        ('{"now":1}', "line 2, column 1: Step lacks 'event'"),
        ('{"now":true,"event":{"TimePassed":{}}}',
         "line 2, column 8: now: a whole number was expected"),
        ('{"now":1,"event":{"Earthquake":{}}}',
         "line 2, column 18: event: this version of the program knows no Earthquake here"),
        ('{"now":1, "event" : {"TimePassed":{"strength": 9}}}',
         "line 2, column 48: event.TimePassed.strength: "
         "this version's TimePassed has no such field"),
        ('{"now":1,"event":{"TimePassed":{}},"effects":[{"Leave":{"clean":true}},'
         '{"Serve":{"group":"a","until":"soon","create":false}}]}',
         "line 2, column 102: effects.1.Serve.until: a whole number was expected"),
        ('{"now":1,"event":{"HardwareChanged":{"macs":["0g"]}}}',
         "line 2, column 46: event.HardwareChanged.macs.0: non-hexadecimal"),
        ('{"now":1,"event":{"BeatReceived":{"beat":{"node":"n2","seq":"x"},"link":""}}}',
         "line 2, column 42: event.BeatReceived.beat: Beat lacks 'life'"),
        ('{"now":1,"event":{"TimePassed":{}},"effects":[{"Record":{"what":"node odd",'
         '"because":""}}]}', "line 2, column 65: effects.0.Record.what: 'node odd' is not a valid"),
    ],
)  # fmt: skip
def test_a_line_that_is_wrong_is_named_with_its_place(text: str, complaint: str) -> None:
    reader = Reader()
    reader.read(Writer().write(BIRTH))
    with pytest.raises(StreamError) as found:
        reader.read(text)
    assert str(found.value).startswith(complaint)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"now":1}', "line 1, column 1: this is not the birth of a life"),
        ('{"stream":2,"ruler":"x"}', "line 1, column 1: the stream is of format 2"),
        ('{"stream":1}', "line 1, column 1: Birth lacks 'program'"),
    ],
)
def test_a_stream_begins_with_a_birth_of_its_format(text: str, complaint: str) -> None:
    with pytest.raises(StreamError) as found:
        Reader().read(text)
    assert str(found.value).startswith(complaint)


def test_nothing_follows_the_end() -> None:
    lines: list[Line] = [BIRTH, End("the file is full"), Step(Instant(1), LINK)]
    with pytest.raises(StreamError, match=r"line 3, .*: the stream ended already: the file is"):
        through(lines)
