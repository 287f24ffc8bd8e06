"""The bench's tables as Markdown, written into a page between two marks."""

from collections.abc import Sequence
from pathlib import Path

from .figures import Figure, Table

BEGIN = "<!-- generated: ./dev bench --write"
END = "<!-- end of what is generated -->"
VERDICTS = {True: "**{}**", False: "{}, missed", None: "{}"}


def written(tables: Sequence[Table]) -> str:
    """Return all tables, each under its title."""
    return "\n\n".join(_table(table) for table in tables)


def _table(table: Table) -> str:
    heads = ["", "bound", *(f"{e.title} {e.version}".strip() for e in table.entrants)]
    rows = [
        heads,
        ["---"] * len(heads),
        ["set to", "", *(entrant.settings for entrant in table.entrants)],
        ["detection, ms", "", *(f"{entrant.detection:.0f}" for entrant in table.entrants)],
        *(
            [figure.label, figure.bound, *(_cell(figure, e.title) for e in table.entrants)]
            for figure in table.figures
        ),
    ]
    return "\n".join([f"### {table.title}", "", *(f"| {' | '.join(row)} |" for row in rows)])


def _cell(figure: Figure, title: str) -> str:
    score = figure.scores.get(title)
    return "" if score is None else VERDICTS[figure.verdict(title)].format(score.text)


def replaced(page: str, text: str) -> str:
    """Return a page with a text between its marks; raises `ValueError` when it has none."""
    before, mark, rest = page.partition(BEGIN)
    line, newline, _ = rest.partition("\n")
    _, end, after = rest.partition(END)
    if not (mark and newline and end):
        raise ValueError(f"it has no lines {BEGIN!r} and {END!r}")
    return f"{before}{mark}{line}\n\n{text}\n\n{end}{after}"


def write(path: Path, text: str) -> None:
    """Put a text between the marks of a page; raises `OSError` and `ValueError`."""
    path.write_text(replaced(path.read_text(encoding="utf-8"), text), encoding="utf-8")
