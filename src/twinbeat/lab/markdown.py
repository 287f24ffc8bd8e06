"""The bench's tables as Markdown, written into a page between two marks.

Tables that were not measured this time stay as they are.
"""

from collections.abc import Sequence
from pathlib import Path

from .figures import Figure, Table

BEGIN = "<!-- generated: ./dev bench --write"
END = "<!-- end of what is generated -->"
HEAD = "### "
VERDICTS = {True: "**{}**", False: "{}, missed", None: "{}"}


def section(table: Table) -> str:
    """Return a table under its title."""
    heads = ["", "bound", *(f"{e.title} {e.version}".strip() for e in table.entrants)]
    rows = [
        heads,
        ["---"] * len(heads),
        ["set to", "", *(entrant.settings for entrant in table.entrants)],
        ["detection, ms", "", *(entrant.detects for entrant in table.entrants)],
        *(
            [figure.label, figure.bound, *(_cell(figure, e.title) for e in table.entrants)]
            for figure in table.figures
        ),
    ]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"{HEAD}{table.title}", "", table.note, "", *lines])


def _cell(figure: Figure, title: str) -> str:
    score = figure.scores.get(title)
    return "" if score is None else VERDICTS[figure.verdict(title)].format(score.text)


def replaced(page: str, tables: Sequence[Table]) -> str:
    """Return a page with these tables; raises `ValueError` when it has no marks for them."""
    before, mark, rest = page.partition(BEGIN)
    line, newline, rest = rest.partition("\n")
    old, end, after = rest.partition(END)
    if not (mark and newline and end):
        raise ValueError(f"it has no lines that begin with {BEGIN!r} and {END!r}")
    sections = {
        text.partition("\n")[0]: f"{HEAD}{text.strip()}"
        for text in f"\n{old}".split(f"\n{HEAD}")[1:]
    }
    sections |= {table.title: section(table) for table in tables}
    return "\n\n".join([f"{before}{mark}{line}", *sections.values(), f"{end}{after}"])


def write(path: Path, tables: Sequence[Table]) -> None:
    """Put tables into a page; raises `OSError`, and `ValueError` when it has no marks for them."""
    path.write_text(replaced(path.read_text(encoding="utf-8"), tables), encoding="utf-8")
