"""Cells, rows and tables, and how they become lines, on narrow terminals too."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from twinbeat.core.text import printable

GOOD, WARN, BAD, DIM, BOLD = "green", "yellow", "bold red", "dim", "bold"

STEP = 4
"""Columns by which what explains a row stands in from it."""

ROOM_MIN = 20
"""Columns that a text has at least, on however narrow a terminal."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A text and how it should look where looks are possible."""

    text: str
    style: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", printable(self.text))


@dataclass(frozen=True, slots=True)
class Row:
    """Cells under the heads of a table, lines that explain them, and what belongs to them."""

    cells: tuple[Cell, ...]
    details: tuple[Cell, ...] = ()
    inner: "Table | None" = None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one kind."""

    heads: tuple[str, ...]
    rows: tuple[Row, ...]


Line = list[Cell]
"""Pieces that stand side by side."""


def table_lines(table: Table, width: int | None, indent: int = 0) -> Iterator[Line]:
    """Yield the lines of a table, `indent` columns in; a `width` of None has room for all.

    Columns for which there is no room are told below their row.
    """
    head = tuple(Cell(text, DIM) for text in table.heads)
    columns = zip(head, *(row.cells for row in table.rows), strict=True)
    widths = [max(len(cell.text) for cell in column) + 2 for column in columns]
    fit = len(widths)
    while width is not None and fit > 1 and indent + sum(widths[:fit]) - 2 > width:
        fit -= 1
    yield _aligned(head[:fit], widths, indent)
    for row in table.rows:
        yield _aligned(row.cells[:fit], widths, indent)
        rest = list(zip(table.heads[fit:], row.cells[fit:], strict=True))
        for detail in (*_rest(rest), *row.details):
            yield from text_lines(detail, width, indent + STEP)
        if row.inner is not None and row.inner.rows:
            yield from table_lines(row.inner, width, indent + STEP)


def text_lines(cell: Cell, width: int | None, indent: int, label: str = "") -> Iterator[Line]:
    """Yield a text `indent` columns in, broken to the width; a label stands before its first."""
    room = None if width is None else max(ROOM_MIN, width - indent)
    broken = [cell.text] if room is None else textwrap.wrap(cell.text, room) or [""]
    for number, text in enumerate(broken):
        before = Cell(f"{'' if number else label:<{indent}}", DIM)
        yield [before, Cell(text, cell.style)] if indent else [Cell(text, cell.style)]


def _aligned(cells: Sequence[Cell], widths: Sequence[int], indent: int) -> Line:
    padded = [Cell(c.text.ljust(w), c.style) for c, w in zip(cells, widths, strict=False)]
    return [Cell(" " * indent), *padded] if indent else padded


def _rest(rest: Sequence[tuple[str, Cell]]) -> Iterator[Cell]:
    """Yield what is left of a row as one text, in the look of the worst of it."""
    told = [(head.lower(), cell) for head, cell in rest if cell.text not in ("", "-")]
    styles = [cell.style for _, cell in told]
    worst = next((style for style in (BAD, WARN) if style in styles), "")
    if told:
        yield Cell("; ".join(f"{head} {cell.text}" for head, cell in told), worst)
