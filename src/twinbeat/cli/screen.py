"""Answers of the daemon on a screen: with colours on a terminal, as aligned text in a pipe."""

import sys
from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

from twinbeat.control.shapes import HistoryShape, MoveShape
from twinbeat.core.text import printable

from .statusview import View, lines, view

if TYPE_CHECKING:
    from rich.text import Text


def show_status(status: Mapping[str, Any]) -> None:
    """Print an answer to `status`."""
    if sys.stdout.isatty():
        from rich.console import Console

        console = Console(highlight=False)
        console.print(drawn(view(status), console.width))
    else:
        print(plain(view(status)))


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


def plain(shown: View) -> str:
    """Return the view as text without looks."""
    return "\n".join("".join(cell.text for cell in line).rstrip() for line in lines(shown))


def drawn(shown: View, width: int) -> "Text":
    """Return the view for a terminal of so many columns."""
    from rich.text import Text

    broken = lines(shown, width)
    drawn_lines = (Text.assemble(*((c.text, c.style) for c in line)) for line in broken)
    return Text("\n").join(drawn_lines)


def _zone() -> tzinfo:
    """Return the time zone of whoever reads this."""
    zone = datetime.now().astimezone().tzinfo
    assert zone is not None  # astimezone() always gives one.
    return zone
