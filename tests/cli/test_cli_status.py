"""What `status` looks like: the transcripts in testdata.

A file is paragraphs: prose after `#`, then `status`, or `status N` for a terminal of N columns, the
answer of the daemon as a patch (RFC 7396) of the one in cli_daemon.py, `----`, and exactly what is
shown. `./dev rewrite` writes the outputs anew; read them as somebody who was woken at night.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cli_daemon import status

from twinbeat.cli.layout import Cell, Row, Table, table_lines
from twinbeat.cli.screen import plain
from twinbeat.cli.statusview import lines, view

TRANSCRIPTS = sorted((Path(__file__).parent / "testdata").glob("status-*.txt"))


def patched(before: Any, patch: Mapping[str, Any]) -> dict[str, Any]:
    after = dict(before) if isinstance(before, dict) else {}
    for name, value in patch.items():
        if value is None:
            after.pop(name, None)
        else:
            after[name] = patched(after.get(name), value) if isinstance(value, dict) else value
    return after


def shown(question: str) -> list[str]:
    """Return what is shown for the words and the patch of one paragraph."""
    words, _, patch = question.partition("\n")
    told = view(patched(status(), json.loads(patch or "{}")))
    match words.split():
        case ["status"]:
            return plain(told).splitlines()
        case ["status", width]:
            drawn = ("".join(cell.text for cell in line) for line in lines(told, int(width)))
            return [line.rstrip() for line in drawn]
    raise AssertionError(words)


def as_told(text: str) -> str:
    """Return a transcript with its outputs as they come out today."""
    out: list[str] = []
    for paragraph in text.split("\n\n# "):
        asked, _, _ = paragraph.partition("\n----")
        _, _, question = asked.partition("\n\n")
        out.append("\n".join([asked, "----", *shown(question)]))
    return "\n\n# ".join(out) + "\n"


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_transcript(path: Path, rewrite: bool) -> None:
    expected = path.read_text()
    came = as_told(expected)
    if rewrite:
        path.write_text(came)
    assert rewrite or came == expected


@pytest.mark.parametrize("width", range(20, 140, 7))
def test_nothing_is_wider_than_the_terminal_but_a_single_long_word(width: int) -> None:
    for line in lines(view(dict(status())), width):
        text = "".join(cell.text for cell in line).rstrip()
        assert len(text) <= max(width, 44), text


def test_a_column_that_does_not_fit_is_told_below_its_row() -> None:
    table = Table(("A", "B", "C"), (Row((Cell("one"), Cell("two"), Cell("-"))),))

    def drawn(width: int) -> list[str]:
        return ["".join(c.text for c in line).rstrip() for line in table_lines(table, width)]

    assert drawn(11) == ["A    B    C", "one  two  -"]
    assert drawn(10) == ["A    B", "one  two"]
    assert drawn(7) == ["A", "one", "    b two"]
