"""The chronicle: memory, file, log and subscribers say the same; the file is bounded and heals."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from twinbeat.core.effects import Record, What
from twinbeat.core.units import GroupName, Instant, NodeName
from twinbeat.node import chronicle as chronicles
from twinbeat.node.chronicle import Chronicle
from twinbeat.node.scribe import Scribe

ME, PEER, WEB = NodeName("node2"), NodeName("node1"), GroupName("web")


class Desk:
    """A chronicle, what it logged, and what its subscribers heard."""

    def __init__(self, directory: Path) -> None:
        self.log: list[tuple[str, str]] = []
        self.heard: list[Mapping[str, object]] = []
        self.scribe = Scribe(lambda error: pytest.fail(repr(error)))
        self.chronicle = Chronicle(directory, ME, self.write, self.scribe, self.heard.append)

    def write(self, level: str, text: str) -> None:
        self.log.append((level, text))

    def close(self) -> None:
        assert self.scribe.close(5)


def takeover(term: int) -> list[Record]:
    return [
        Record(What.PEER_DEAD, "nothing was heard for 1.02 s", None, PEER, {"missed": 5}),
        Record(What.GROUP_CLAIMING, "node1 is dead", WEB, None, {"from": PEER, "term": term}),
        Record(What.GROUP_STARTING, "everybody answered", WEB, None, {"term": term}),
        Record(
            What.GROUP_HELD,
            "every resource is started",
            WEB,
            None,
            {"from": PEER, "cause": "node1 is dead", "term": term},
        ),
    ]


def test_a_decision_goes_everywhere(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.chronicle.record(takeover(2)[0], Instant(5))
    desk.close()
    line = json.loads((tmp_path / "journal.jsonl").read_text())
    assert line == desk.heard[0]
    assert (line["at"], line["node"], line["what"], line["peer"]) == (5, ME, "peer dead", PEER)
    assert desk.log[0] == ("WARN", "node node1: is dead")


def test_why_reaches_over_a_restart(tmp_path: Path) -> None:
    first = Desk(tmp_path)
    for index, record in enumerate(takeover(2)):
        first.chronicle.record(record, Instant(index * 10**6))
    first.close()

    async def ask() -> None:
        second = Desk(tmp_path)
        second.chronicle.read_back()
        move = await second.chronicle.why(WEB)
        assert move is not None
        assert (move.from_, move.to, move.cause) == (PEER, ME, "node1 is dead")
        assert await second.chronicle.why(GroupName("other")) is None
        history = await second.chronicle.history(2)
        assert [entry["what"] for entry in history] == ["group starting", "group held"]
        second.close()

    asyncio.run(ask())


def test_lines_that_are_no_entries_are_counted_and_left_out(tmp_path: Path) -> None:
    first = Desk(tmp_path)
    first.chronicle.record(takeover(2)[0], Instant(1))
    first.close()
    with (tmp_path / "journal.jsonl").open("ab") as file:
        file.write(b'{"at":1}\n\xff\xff\n[]\nhalf a li')
    second = Desk(tmp_path)
    second.chronicle.read_back()
    second.close()
    assert [level for level, _ in second.log] == ["WARN"]
    assert "4 line(s)" in second.log[0][1]


def test_the_file_is_bounded_and_what_is_older_is_still_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chronicles, "FILE_BYTES", 1000)
    desk = Desk(tmp_path)
    for term in range(50):
        desk.chronicle.record(takeover(term)[1], Instant(term))
        desk.chronicle.write()
    desk.close()
    sizes = [file.stat().st_size for file in tmp_path.glob("journal.jsonl*")]
    assert len(sizes) <= 2
    assert sum(sizes) < 3000

    async def ask() -> None:
        again = Desk(tmp_path)
        again.chronicle.read_back()
        terms = [entry["evidence"] for entry in await again.chronicle.history(100)]
        assert terms[-1] == {"from": PEER, "term": 49}
        assert len(terms) >= 5
        again.close()

    asyncio.run(ask())


def test_a_full_disk_is_told_once(tmp_path: Path) -> None:
    directory = tmp_path / "gone"
    desk = Desk(directory)
    for record in takeover(1):
        desk.chronicle.record(record, Instant(1))
        desk.chronicle.write()
    desk.close()
    told = [text for _, text in desk.log if "cannot be written" in text]
    assert len(told) == 1
