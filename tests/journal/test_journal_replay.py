"""Incidents: lives that were recorded come out the same, and where they do not, it is shown.

`incidents/*.stream` were recorded by `twinbeat run --record` in the laboratory. The events in them
are what happened; the effects are what the core of today orders: after a deliberate change of the
core, `./dev rewrite` writes the effects anew, and you read every line of the diff.

daemon-killed: the owner's daemon is killed with `kill -9`; this is its peer's life, from its start
over the takeover to the failback.
"""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from twinbeat.core.beat import Life
from twinbeat.core.effects import Effect, Record, Serve, StartGroup, What
from twinbeat.core.engine import Engine
from twinbeat.core.events import BeatReceived, Event, TimePassed
from twinbeat.core.units import GroupName, Instant, NodeName
from twinbeat.journal.contrast import side_by_side
from twinbeat.journal.replay import Replay, born, lived_again, replay
from twinbeat.journal.stream import Birth, End, Line, Reader, Step, StreamError, Writer

INCIDENTS = sorted((Path(__file__).parent / "incidents").glob("*.stream"))
KILLED = Path(__file__).parent / "incidents" / "daemon-killed.stream"
WEB = GroupName("192.168.0.140")


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def read(path: Path) -> list[Line]:
    reader = Reader()
    return [reader.read(line.decode()) for line in lines_of(path)]


def written(lines: Sequence[Line]) -> list[bytes]:
    writer = Writer()
    return [writer.write(line).encode() + b"\n" for line in lines]


def rewritten(lines: Sequence[Line]) -> list[Line]:
    birth = lines[0]
    assert isinstance(birth, Birth)
    engine = born(birth)
    return [lived_again(engine, line) if isinstance(line, Step) else line for line in lines]


@pytest.mark.parametrize("path", INCIDENTS, ids=lambda path: path.stem)
def test_an_incident_comes_out_the_same(path: Path, rewrite: bool) -> None:
    if rewrite:
        path.write_bytes(b"".join(written(rewritten(read(path)))))
    outcome = replay(lines_of(path))
    assert outcome.difference is None
    assert outcome.steps == len(lines_of(path)) - 1


def test_the_incident_is_what_it_says_it_is() -> None:
    """It would prove nothing if the recording had missed the takeover."""
    effects = [e for step in read(KILLED) if isinstance(step, Step) for e in step.effects]
    told = [e.what for e in effects if isinstance(e, Record)]
    for before, after in (
        (What.PEER_DEAD, What.GROUP_STARTING),
        (What.GROUP_STARTING, What.GROUP_HELD),
        (What.GROUP_HELD, What.PEER_RESTARTED),
        (What.PEER_RESTARTED, What.GROUP_STOPPED),
    ):
        assert after in told[told.index(before) :]
    assert [e.spec.name for e in effects if isinstance(e, StartGroup)] == [WEB]


# Doctored copies: the first step that differs is found, and nothing else.


def doctored(where: Callable[[Step], bool], change: Callable[[Step], Step]) -> list[Line]:
    lines = read(KILLED)
    at = next(i for i, line in enumerate(lines) if isinstance(line, Step) and where(line))
    step = lines[at]
    assert isinstance(step, Step)
    lines[at] = change(step)
    return lines


def starts(step: Step) -> bool:
    return any(isinstance(effect, StartGroup) for effect in step.effects)


def a_longer_lease(step: Step) -> Step:
    serve, *others = step.effects
    assert isinstance(serve, Serve)
    longer = dataclasses.replace(serve, until=Instant(serve.until + 1))
    return dataclasses.replace(step, effects=(longer, *others))


def outcome_of(lines: Sequence[Line]) -> Replay:
    return replay(written(lines))


def test_a_lease_that_is_a_nanosecond_longer_is_the_first_difference() -> None:
    lines = doctored(starts, a_longer_lease)
    at = next(i for i, line in enumerate(lines) if isinstance(line, Step) and starts(line))
    outcome = outcome_of(lines)
    assert outcome.difference is not None
    assert outcome.difference.line == at + 1
    assert outcome.steps == at - 1
    shown = side_by_side(outcome.difference.recorded, outcome.difference.replayed)
    assert [line.split() for line in shown if line.startswith("!")] == [
        ["!", "until", "14396189056705", "14396189056704"]
    ]
    assert shown[:2] == [
        "            recorded         replayed",
        "  effect    Serve            Serve",
    ]


@pytest.mark.parametrize(
    ("change", "marked"),
    [
        (lambda e: e[:-1], ["! effect", "!   what", "!   because", "!   group", "!   evidence.term",
                            "!   evidence.answers"]),
        (lambda e: (e[1], e[0], *e[2:]), ["! effect", "!   group", "!   until", "!   create"] * 2),
        (lambda e: (), ["! effect"]),
    ],
    ids=["one is missing", "another order", "none at all"],
)  # fmt: skip
def test_orders_that_are_missing_or_in_another_order_are_marked(
    change: Callable[[tuple[Effect, ...]], tuple[Effect, ...]], marked: list[str]
) -> None:
    lines = doctored(starts, lambda s: dataclasses.replace(s, effects=change(s.effects)))
    difference = outcome_of(lines).difference
    assert difference is not None
    shown = [line for line in side_by_side(difference.recorded, difference.replayed) if "!" in line]
    assert len(shown) >= len(marked)
    for line, mark in zip(shown, marked, strict=False):
        assert line.startswith(mark)


def test_an_event_that_is_left_out_is_noticed() -> None:
    """A gap must not pass for a life: without the takeover, what follows makes no sense."""
    lines = [line for line in read(KILLED) if not (isinstance(line, Step) and starts(line))]
    assert outcome_of(lines).difference is not None


def test_the_type_of_a_number_counts() -> None:
    def change(step: Step) -> Step:
        records = [e for e in step.effects if isinstance(e, Record)]
        odd = dataclasses.replace(records[0], evidence={**records[0].evidence, "missed": True})
        was = dataclasses.replace(odd, evidence={**odd.evidence, "missed": 1})
        assert odd == was  # As Python sees it.
        others = tuple(odd if e is records[0] else e for e in step.effects)
        return dataclasses.replace(step, effects=others)

    def dead(step: Step) -> bool:
        return any(isinstance(e, Record) and e.what is What.PEER_DEAD for e in step.effects)

    assert outcome_of(doctored(dead, change)).difference is not None


# A decision that fails.


def test_a_decision_that_failed_fails_again(monkeypatch: pytest.MonkeyPatch) -> None:
    decide = Engine.handle

    def handle(self: Engine, event: Event, now: Instant) -> list[object]:
        if isinstance(event, BeatReceived):
            raise RuntimeError("no")
        return list(decide(self, event, now))

    def hears(step: Step) -> bool:
        return isinstance(step.event, BeatReceived)

    failed = doctored(hears, lambda s: Step(s.now, s.event, raised="RuntimeError('no')"))
    at = next(i for i, line in enumerate(failed) if isinstance(line, Step) and line.raised)
    difference = outcome_of(failed).difference
    assert difference is not None
    shown = side_by_side(difference.recorded, difference.replayed)
    assert any("RuntimeError('no')" in line and line.startswith("!") for line in shown)

    monkeypatch.setattr(Engine, "handle", handle)
    assert outcome_of(failed[: at + 1]).difference is None


# How streams end.


def test_a_stream_that_just_stops_ends_without_a_word() -> None:
    outcome = replay(lines_of(KILLED)[:10])
    assert (outcome.steps, outcome.ends, outcome.broken_off) == (9, None, False)


def test_an_incomplete_last_line_is_said_and_is_no_error() -> None:
    lines = lines_of(KILLED)[:10]
    outcome = replay([*lines[:9], lines[9][:40]])
    assert (outcome.steps, outcome.difference, outcome.broken_off) == (8, None, True)


def test_the_recorder_s_own_word_is_passed_on() -> None:
    outcome = outcome_of([*read(KILLED)[:3], End("the disk did not keep up")])
    assert (outcome.steps, outcome.ends) == (2, "the disk did not keep up")


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ([], "line 1, column 1: it is empty"),
        ([b'{"stream":1'], "line 1, column 1: its first line is incomplete"),
        ([b"{}", b"{}\n"], "line 1, column 1: no line of a stream is that long"),
        ([b"\xff\n"], "line 1, column 1: this is not text"),
        ([b'{"\xc3\xa4":1}\n'], "line 1, column 3: this is not text"),
    ],
)
def test_what_is_no_stream_is_told(lines: list[bytes], complaint: str) -> None:
    with pytest.raises(StreamError) as found:
        replay(lines)
    assert str(found.value).startswith(complaint)


def test_switches_and_life_are_born_again() -> None:
    """What a life begins with is part of it: the standby of an earlier life, the generation."""
    birth = read(KILLED)[0]
    assert isinstance(birth, Birth)
    born_again = dataclasses.replace(birth, life=Life(5, 6), node=NodeName("node1.example.com"))
    engine = born(born_again).engine
    assert (engine.mine.life, engine.me) == (Life(5, 6), "node1.example.com")
    assert engine.handle(TimePassed(), birth.now) == []  # It has not started.
