"""What an administrator reads: the journals in testdata, and how `why` and `history` tell them.

A file is paragraphs: prose after `#`, lines, `----`, and exactly what is printed. `node NAME`
begins the journal of a node; a line with a time is an entry of it, about web unless it names db,
with its evidence in JSON at the end; `why` and `history` print, in UTC. What is written before goes
on in the next paragraph. `./dev rewrite` writes the outputs anew: read them as somebody would who
was woken at night.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from twinbeat.core.effects import What
from twinbeat.core.units import GroupName, Instant, NodeName
from twinbeat.journal import Entry, Journal, Move, render, render_entry

TRANSCRIPTS = sorted((Path(__file__).parent / "testdata").glob("*.txt"))

WEB = GroupName("web")
LINE = re.compile(
    r"(?:(?P<day>\d{4}-\d\d-\d\d) )?(?P<time>\d\d:\d\d:\d\d\.\d{3})  "
    rf"(?P<what>{'|'.join(sorted((re.escape(what) for what in What), key=len, reverse=True))})"
    r"(?: (?P<group>db))?(?: (?P<peer>node\d))?: (?P<because>.*?)(?:  (?P<evidence>\{.*\}))?"
)
ABOUT_A_GROUP = ("group", "resource", "bar", "failures", "peer group", "pin", "cleaned")


class Book:
    """The journal that is being written, and what is printed of it."""

    def __init__(self) -> None:
        self.day = "2026-11-23"
        self.node = NodeName("node1")
        self.journal = Journal()

    def do(self, line: str) -> Iterator[str]:
        match line.split():
            case ["node", name]:
                self.node, self.journal = NodeName(name), Journal()
            case ["why"]:
                move = self.journal.why(WEB)
                assert move is not None
                again = Move.from_dict(json.loads(json.dumps(move.to_dict())))
                yield from render(again).splitlines()
            case ["history"]:
                yield from map(render_entry, self.journal.entries())
            case _:
                self.journal.append(self.entry(line))

    def entry(self, line: str) -> Entry:
        found = LINE.fullmatch(line)
        assert found is not None, line
        self.day = found["day"] or self.day
        at = datetime.fromisoformat(f"{self.day}T{found['time']}").replace(tzinfo=UTC)
        ns = round(at.timestamp() * 1000) * 1_000_000
        peer = found["peer"]
        about_a_group = found["what"].startswith(ABOUT_A_GROUP)
        return Entry(
            at=Instant(ns),
            wall_ns=ns,
            node=self.node,
            what=What(found["what"]),
            because=found["because"],
            group=GroupName(found["group"] or WEB) if about_a_group else None,
            peer=None if peer is None else NodeName(peer),
            evidence=json.loads(found["evidence"] or "{}"),
        )


def told(text: str) -> str:
    """Return a transcript with its outputs as they come out today."""
    book, out, printed, skipping = Book(), list[str](), list[str](), False
    for line in text.splitlines():
        if line == "----":
            out += [line, *printed, ""]
            printed, skipping = [], True
        elif line.startswith("#") or not skipping:
            skipping = False
            out.append(line)
            came = list(book.do(line)) if line and not line.startswith("#") else []
            printed += ["", *came] if printed and came else came
    return "\n".join(out)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_transcript(path: Path, rewrite: bool) -> None:
    expected = path.read_text()
    came = told(expected)
    if rewrite:
        path.write_text(came)
    assert rewrite or came == expected
