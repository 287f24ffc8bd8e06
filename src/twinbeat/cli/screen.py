"""Answers of the daemon on a screen: with colours on a terminal, as aligned text in a pipe."""

import sys
from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

from twinbeat.control.shapes import HistoryShape, MoveShape

from .statusview import Table, View, view
from .text import printable

if TYPE_CHECKING:
    from rich.console import RenderableType


def show_status(status: Mapping[str, Any]) -> None:
    """Print an answer to `status`."""
    if sys.stdout.isatty():
        from rich.console import Console

        Console(highlight=False).print(drawn(view(status)))
    else:
        print("\n".join(plain(view(status))))


def show_move(answer: MoveShape) -> None:
    """Print an answer to `why`."""
    from twinbeat.journal import Move, render

    for line in render(Move.from_dict(answer), _zone()).split("\n"):
        print(printable(line))


def show_history(answer: HistoryShape) -> None:
    """Print an answer to `history`; an entry of a kind unknown here is printed as it came."""
    from twinbeat.journal import Entry, render_entry

    zone = _zone()
    if left_out := answer.get("left_out"):
        print(f"({left_out} older entries did not fit the answer)")
    for plain_entry in answer["entries"]:
        try:
            line = render_entry(Entry.from_dict(plain_entry), zone)
        except ValueError:
            line = str(plain_entry)
        print(printable(line))


def plain(shown: View) -> Iterator[str]:
    """Yield the view as lines of text."""
    yield shown.title.text
    yield from (f"! {flag.text}" for flag in shown.flags)
    for table in shown.tables:
        yield ""
        yield from _plain_table(table)
    yield ""
    yield from (f"{label:<6} {cell.text}" for label, cell in shown.facts)


def _plain_table(table: Table) -> Iterator[str]:
    lines = [table.heads, *(tuple(cell.text for cell in row.cells) for row in table.rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for number, line in enumerate(lines):
        padded = "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True))
        yield padded.rstrip()
        yield from (f"    {detail.text}" for detail in table.rows[number - 1].details if number)


def drawn(shown: View) -> "RenderableType":
    """Return the view for a terminal."""
    from rich.console import Group
    from rich.table import Table as RichTable
    from rich.text import Text

    parts: list[RenderableType] = [Text(shown.title.text, shown.title.style)]
    parts += [Text(f" ! {flag.text} ", "bold white on red") for flag in shown.flags]
    for table in shown.tables:
        grid = RichTable(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for head in table.heads:
            grid.add_column(head, overflow="fold")
        if any(row.details for row in table.rows):
            grid.add_column("WHY, WHAT", overflow="fold")
        for row in table.rows:
            cells = [Text(cell.text, cell.style) for cell in row.cells]
            details = [Text(detail.text, detail.style) for detail in row.details]
            grid.add_row(*cells, *([Text("\n").join(details)] if details else []))
        parts += [Text(), grid]
    parts.append(Text())
    for label, cell in shown.facts:
        parts.append(Text.assemble((f"{label:<6} ", "dim"), (cell.text, cell.style)))
    return Group(*parts)


def _zone() -> tzinfo:
    """Return the time zone of whoever reads this."""
    zone = datetime.now().astimezone().tzinfo
    assert zone is not None  # astimezone() always gives one.
    return zone
