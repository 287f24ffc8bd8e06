"""The bench's numbers: every figure measured several times, for every contender side by side."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table

OURS = "twinbeat"
"""The contender that the targets are meant for."""


@dataclass(slots=True)
class Score:
    """What one contender reached at one figure."""

    runs: list[float] = field(default_factory=list)
    failed: int = 0
    """How often the step did not come about, so that there was nothing to measure."""

    @property
    def median(self) -> float:
        """The median of all runs."""
        return statistics.median(self.runs) if self.runs else float("nan")


@dataclass(slots=True)
class Figure:
    """One row; `target` is an upper bound for twinbeat, None where none is set."""

    name: str
    unit: str
    target: float | None = None
    scores: dict[str, Score] = field(default_factory=dict)

    def of(self, contender: str) -> Score:
        """Return a contender's score, made when there is none."""
        return self.scores.setdefault(contender, Score())

    @property
    def met(self) -> bool | None:
        """Whether our median is within the target; what must never happen, not even once."""
        score = self.scores.get(OURS)
        if self.target is None or score is None or not score.runs:
            return None
        return (max(score.runs) if self.target == 0 else score.median) <= self.target


@dataclass(frozen=True, slots=True)
class Entrant:
    """A contender as the table names it."""

    title: str
    version: str
    settings: str
    detection: float
    """Milliseconds of silence after which the other node counts as dead."""


def table(title: str, entrants: Sequence[Entrant], figures: Iterable[Figure]) -> Table:
    """Return the table: a row per figure, a column per contender."""
    drawn = Table(title=title)
    drawn.add_column("", no_wrap=True)
    drawn.add_column("target", justify="right")
    for entrant in entrants:
        drawn.add_column(f"{entrant.title} {entrant.version}", justify="right")
    drawn.add_row("set to", "", *(entrant.settings for entrant in entrants))
    drawn.add_row("detection, ms", "", *(f"{e.detection:.0f}" for e in entrants))
    drawn.add_section()
    for figure in figures:
        drawn.add_row(
            f"{figure.name}, {figure.unit}".removesuffix(", "),
            "" if figure.target is None else f"{figure.target:g}",
            *(_cell(figure, entrant.title) for entrant in entrants),
        )
    return drawn


def _cell(figure: Figure, title: str) -> str:
    score = figure.scores.get(title)
    if score is None:
        return ""
    count = f"n={len(score.runs)}" + (f", {score.failed} failed" if score.failed else "")
    if not score.runs:
        return count
    least, most = number(min(score.runs)), number(max(score.runs))
    # The bracket would be read as markup.
    text = f"{number(score.median)} \\[{least}..{most}] {count}"
    if title != OURS or figure.met is None:
        return text
    return f"[green]met {text}[/]" if figure.met else f"[red]missed {text}[/]"


def number(value: float) -> str:
    """Write a number with three digits that count."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def as_json(entrants: Sequence[Entrant], figures: Iterable[Figure]) -> Mapping[str, Any]:
    """Return every run of every contender."""
    return {
        "contenders": {
            entrant.title: {
                "version": entrant.version,
                "settings": entrant.settings,
                "detection_ms": entrant.detection,
            }
            for entrant in entrants
        },
        "figures": [
            {
                "name": figure.name,
                "unit": figure.unit,
                "target": figure.target,
                "met": figure.met,
                "scores": {
                    title: {
                        "median": score.median if score.runs else None,
                        "runs": score.runs,
                        "failed": score.failed,
                    }
                    for title, score in figure.scores.items()
                },
            }
            for figure in figures
        ],
    }
