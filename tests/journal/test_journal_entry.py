"""Entries: what goes into a line comes out of it, and a line has a bound."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinbeat.core.effects import Record, What
from twinbeat.core.units import GroupName, Instant, NodeName
from twinbeat.journal import Entry, Journal, render_entry
from twinbeat.journal.entry import LINE_MAX

RECORD = Record(
    What.PEER_DEAD,
    "nothing was heard for 1.00 s, the deadtime",
    peer=NodeName("node1"),
    evidence={"last_heard_ms": 1000.25, "missed": 5, "link": "eth1"},
)
ENTRY = Entry.of(
    RECORD, at=Instant(7_000_000_000), wall_ns=1_795_428_902_481_000_000, node=NodeName("node2")
)


def test_an_entry_is_one_line_of_json() -> None:
    assert ENTRY.to_json() == (
        '{"at":7000000000,"wall_ns":1795428902481000000,"node":"node2","what":"peer dead",'
        '"because":"nothing was heard for 1.00 s, the deadtime","peer":"node1",'
        '"evidence":{"last_heard_ms":1000.25,"missed":5,"link":"eth1"}}'
    )


def test_an_entry_comes_back_from_its_line() -> None:
    assert Entry.from_json(ENTRY.to_json()) == ENTRY
    assert Entry.from_json(ENTRY.to_json().encode()) == ENTRY


evidence = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(st.text(), inner, max_size=30),
    max_leaves=20,
)
few = settings(max_examples=40, deadline=None)


@few
@given(
    because=st.text(max_size=2000),
    group=st.none() | st.text(max_size=500),
    facts=st.dictionaries(st.text(max_size=400), evidence, max_size=8),
)
def test_any_entry_fits_a_line_and_is_read_back(
    because: str, group: str | None, facts: dict[str, object]
) -> None:
    entry = Entry(
        at=Instant(1),
        wall_ns=2,
        node=NodeName("n"),
        what=What.GROUP_HELD,
        because=because,
        group=None if group is None else GroupName(group),
        evidence=facts,
    )
    line = entry.to_json()
    assert "\n" not in line
    assert len(line.encode()) <= LINE_MAX
    again = Entry.from_json(line)
    assert again.because == (because if len(because) <= 400 else because[:397] + "...")
    assert again.to_json() == line


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("", "Expecting value"),
        ("[]", "not an object"),
        ("{}", "'at' is not a whole number"),
        ('{"at":true}', "'at' is not a whole number"),
        ('{"at":1,"wall_ns":2}', "'node' is not a text"),
        ('{"at":1,"wall_ns":2,"node":"a","what":"party"}', "'party' is not a valid What"),
        ('{"at":1,"evidence":[]}', "'evidence' is not an object"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_other_lines_are_refused_with_a_reason(line: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Entry.from_json(line)


@given(st.binary(max_size=200))
def test_no_line_does_worse_than_a_value_error(line: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any of json's and ours.
        Entry.from_json(line)


@few
@given(st.dictionaries(st.sampled_from(list(json.loads(ENTRY.to_json()))), evidence))
def test_no_object_does_worse_than_a_value_error(members: dict[str, object]) -> None:
    try:
        Entry.from_dict({**ENTRY.to_dict(), **members})
    except ValueError:
        pass


def test_the_ring_forgets_the_oldest() -> None:
    journal = Journal(limit=3)
    for at in range(5):
        journal.append(
            Entry(at=Instant(at), wall_ns=0, node=NodeName("n"), what=What.LINK_UP, because="")
        )
    assert [entry.at for entry in journal.entries()] == [2, 3, 4]
    assert [entry.at for entry in journal.entries(2)] == [3, 4]
    assert journal.entries(0) == []
    assert len(journal) == 3


def test_an_entry_is_told_with_its_evidence() -> None:
    assert render_entry(ENTRY) == (
        "2026-11-23 10:15:02.481  peer dead            node1: nothing was heard for 1.00 s, "
        "the deadtime (last heard 1.00 s, missed 5, link eth1)"
    )
