"""The recorder: a private file for each life, bounded, without gaps, and never in the way."""

import os
import threading
from pathlib import Path

import pytest

from twinbeat.core.beat import Life
from twinbeat.core.effects import Record, Serve, What
from twinbeat.core.engine import Engine
from twinbeat.core.events import Event, GuardChanged, Started, TimePassed
from twinbeat.core.model import ClusterModel, Timing
from twinbeat.core.units import MS, Duration, GroupName, Instant, NodeName
from twinbeat.journal.replay import Replay, replay
from twinbeat.journal.stream import Step
from twinbeat.node import recorder as recorders
from twinbeat.node.recorder import RecordedEngine, Recorder, Recording
from twinbeat.node.scribe import Scribe

ME, PEER = NodeName("node1"), NodeName("node2")
MODEL = ClusterModel(
    name="c",
    nodes=(ME, PEER),
    timing=Timing(
        keepalive=Duration(200 * MS),
        warntime=Duration(500 * MS),
        deadtime=Duration(1000 * MS),
        initdead=Duration(2000 * MS),
        deadping=Duration(1000 * MS),
    ),
    links=(),
    groups=(),
)


class Desk:
    """A recorder at work, and what it logged."""

    def __init__(self, file: Path, limit: int = recorders.LIMIT) -> None:
        self.file = file
        self.log: list[tuple[str, str]] = []
        self.scribe = Scribe(lambda error: pytest.fail(repr(error)))
        self.recorder = Recorder(Recording(file, limit), self.write, self.scribe)

    def write(self, level: str, text: str) -> None:
        self.log.append((level, text))

    def engine(self) -> RecordedEngine:
        return RecordedEngine(self.recorder, Engine(MODEL, ME, Life(7, 8), Instant(0)))

    def live(self, steps: int) -> None:
        engine = self.engine()
        engine.handle(Started(), Instant(0))
        for number in range(1, steps):
            engine.handle(TimePassed(), Instant(number * 100 * MS))

    def close(self) -> None:
        self.recorder.close()
        assert self.scribe.close(10)

    def replayed(self, name: str = "") -> Replay:
        file = self.file.with_name(name) if name else self.file
        return replay(file.read_bytes().splitlines(keepends=True))

    def warnings(self) -> list[str]:
        return [text for level, text in self.log if level != "info"]


def test_a_recorded_life_comes_out_the_same(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "stream")
    desk.live(50)
    desk.close()
    outcome = desk.replayed()
    assert (outcome.steps, outcome.difference) == (50, None)
    assert (outcome.birth.node, outcome.birth.life) == (ME, Life(7, 8))
    assert outcome.ends == "the daemon ended"
    assert desk.warnings() == []
    assert desk.log == [("info", f"this life is recorded in {desk.file}")]


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        desk = Desk(tmp_path / "stream")
        desk.live(1)
        desk.close()
    finally:
        os.umask(old)
    assert desk.file.stat().st_mode & 0o777 == 0o600


def test_a_new_life_overwrites_nothing_and_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "stream").write_text("precious")
    (tmp_path / "stream.2").symlink_to(tmp_path / "elsewhere")
    desk = Desk(tmp_path / "stream")
    desk.live(3)
    desk.close()
    assert (tmp_path / "stream").read_text() == "precious"
    assert not (tmp_path / "elsewhere").exists()
    assert desk.replayed("stream.3").steps == 3


def test_lives_do_not_fill_a_disk(tmp_path: Path) -> None:
    names = ["stream", *(f"stream.{number}" for number in range(2, 21))]
    for name in names:
        (tmp_path / name).touch()
    desk = Desk(tmp_path / "stream")
    desk.live(3)
    desk.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    (warning,) = desk.warnings()
    assert "20 lives are there already" in warning
    assert "this life is not recorded any further" in warning


@pytest.mark.parametrize("directory", ["nowhere", "file"])
def test_a_file_that_cannot_be_made_is_told_once_and_hinders_nothing(
    tmp_path: Path, directory: str
) -> None:
    (tmp_path / "file").touch()
    desk = Desk(tmp_path / directory / "stream")
    desk.live(20)
    desk.close()
    assert len(desk.warnings()) == 1


def test_a_full_file_ends_with_a_word(tmp_path: Path) -> None:
    limit = 8192
    desk = Desk(tmp_path / "stream", limit)
    desk.live(2000)
    desk.close()
    assert limit - 2048 < desk.file.stat().st_size <= limit
    outcome = desk.replayed()
    assert outcome.ends == "the file is full: 8192 bytes are its limit"
    assert 10 < outcome.steps < 2000
    assert outcome.difference is None
    (warning,) = desk.warnings()
    assert "the file is full" in warning


def test_a_disk_that_does_not_keep_up_ends_the_stream_with_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorders, "UNWRITTEN_MAX", 20)
    desk = Desk(tmp_path / "stream")
    slow = threading.Event()
    desk.scribe.put(slow.wait)  # Whatever else the one thread has to write.
    desk.live(100)
    slow.set()
    desk.close()
    outcome = desk.replayed()
    assert outcome.ends == "the disk did not keep up"
    assert (outcome.steps, outcome.difference) == (19, None)  # The birth waited with them.
    (warning,) = desk.warnings()
    assert "the disk did not keep up" in warning


def test_a_disk_that_is_full_leaves_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path / "stream")
    monkeypatch.setattr(Recorder, "_create", lambda self: os.open("/dev/full", os.O_WRONLY))
    desk.live(10)
    desk.close()
    (warning,) = desk.warnings()
    assert "cannot be written (No space left on device)" in warning


def test_an_order_without_words_ends_the_stream_and_not_the_node(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "stream")
    desk.live(3)
    odd = Record(What.NODE_ACTIVE, "odd", evidence={"thing": object()})
    desk.recorder.put(Step(Instant(1_000 * MS), TimePassed(), (odd,)))
    desk.recorder.put(Step(Instant(1_100 * MS), TimePassed(), ()))
    desk.close()
    outcome = desk.replayed()
    assert outcome.steps == 3
    assert outcome.ends is not None
    assert outcome.ends.startswith("a step cannot be put down: no plain form is known")


def test_a_decision_that_failed_is_the_last_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide = Engine.handle

    def handle(self: Engine, event: Event, now: Instant) -> object:
        if isinstance(event, GuardChanged):
            raise RuntimeError("a decision of ours failed")
        return decide(self, event, now)

    monkeypatch.setattr(Engine, "handle", handle)
    desk = Desk(tmp_path / "stream")
    engine = desk.engine()
    engine.handle(Started(), Instant(0))
    with pytest.raises(RuntimeError):
        engine.handle(GuardChanged("nft"), Instant(5))
    desk.close()
    assert b'"raised":"RuntimeError(\'a decision of ours failed\')"' in desk.file.read_bytes()
    outcome = desk.replayed()
    assert (outcome.steps, outcome.difference) == (2, None)


def test_what_is_recorded_is_what_is_ordered(tmp_path: Path) -> None:
    """The engine that records orders what any other orders, and the stream holds it."""
    desk = Desk(tmp_path / "stream")
    plain = Engine(MODEL, ME, Life(7, 8), Instant(0))
    recorded = desk.engine()
    for number in range(30):
        event: Event = Started() if number == 0 else TimePassed()
        now = Instant(number * 100 * MS)
        assert recorded.handle(event, now) == plain.handle(event, now)
        assert recorded.next_deadline() == plain.next_deadline()
    desk.recorder.put(Step(Instant(0), TimePassed(), (Serve(GroupName("x"), Instant(1), True),)))
    desk.close()
    difference = desk.replayed().difference
    assert difference is not None
    assert difference.line == 32
