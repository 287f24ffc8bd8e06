"""The bench's numbers: every figure measured several times, for every contender side by side."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import rich.table

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

    @property
    def text(self) -> str:
        """The median with its spread and the number of runs."""
        count = f"n={len(self.runs)}" + (f", {self.failed} failed" if self.failed else "")
        if not self.runs:
            return count
        least, most = number(min(self.runs)), number(max(self.runs))
        return f"{number(self.median)} [{least}..{most}] {count}"


@dataclass(frozen=True, slots=True)
class Rival:
    """A contender of the same run whose median, times a factor, is the bound for all others."""

    title: str
    factor: float


@dataclass(slots=True)
class Figure:
    """One row; `target` is an upper bound for twinbeat, None where none is set."""

    name: str
    unit: str
    target: float | None = None
    scores: dict[str, Score] = field(default_factory=dict)
    rival: Rival | None = None

    def of(self, contender: str) -> Score:
        """Return a contender's score, made when there is none."""
        return self.scores.setdefault(contender, Score())

    @property
    def met(self) -> bool | None:
        """Whether we are within every bound."""
        return self.verdict(OURS)

    def verdict(self, title: str) -> bool | None:
        """Whether a contender's median is within its bounds, None where it has none.

        What must never happen, its bound being 0, may not happen once.
        """
        score, bounds = self.scores.get(title), self._bounds(title)
        if score is None or not score.runs or not bounds:
            return None
        return all((score.median if bound else max(score.runs)) <= bound for bound in bounds)

    def _bounds(self, title: str) -> list[float]:
        bounds = [self.target] if title == OURS and self.target is not None else []
        if self.rival is not None and title != self.rival.title:
            score = self.scores.get(self.rival.title)
            bounds += [score.median * self.rival.factor] if score and score.runs else []
        return bounds

    @property
    def label(self) -> str:
        """Its name with its unit."""
        return f"{self.name}, {self.unit}".removesuffix(", ")

    @property
    def bound(self) -> str:
        """What must be reached, in a few words."""
        said = [] if self.target is None else [f"{self.target:g}"]
        if self.rival is not None:
            factor = "" if self.rival.factor == 1 else f"{self.rival.factor:g} x "
            said.append(f"{factor}{self.rival.title}'s")
        return "; ".join(said)


@dataclass(frozen=True, slots=True)
class Entrant:
    """A contender as the table names it."""

    title: str
    version: str
    settings: str
    detection: float | None
    """Milliseconds of silence after which the other node counts as dead; None: it is no matter."""

    @property
    def detects(self) -> str:
        """That in words, or nothing."""
        return "" if self.detection is None else f"{self.detection:.0f}"


@dataclass(frozen=True, slots=True)
class Table:
    """Some figures of some contenders."""

    title: str
    note: str
    """Where and when they were measured."""
    entrants: Sequence[Entrant]
    figures: Sequence[Figure]


def drawing(table: Table) -> rich.table.Table:
    """Draw a table for a terminal: a row per figure, a column per contender."""
    drawn = rich.table.Table(title=f"{table.title}: {table.note}")
    drawn.add_column("", no_wrap=True)
    drawn.add_column("target", justify="right")
    for entrant in table.entrants:
        drawn.add_column(f"{entrant.title} {entrant.version}", justify="right")
    drawn.add_row("set to", "", *(entrant.settings for entrant in table.entrants))
    drawn.add_row("detection, ms", "", *(e.detects for e in table.entrants))
    drawn.add_section()
    for figure in table.figures:
        drawn.add_row(
            figure.label,
            figure.bound,
            *(_cell(figure, entrant.title) for entrant in table.entrants),
        )
    return drawn


def _cell(figure: Figure, title: str) -> str:
    score = figure.scores.get(title)
    if score is None:
        return ""
    # The bracket would be read as markup.
    text = score.text.replace("[", "\\[")
    verdict = figure.verdict(title)
    if verdict is None:
        return text
    return f"[green]met {text}[/]" if verdict else f"[red]missed {text}[/]"


def number(value: float) -> str:
    """Write a number with three digits that count."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def as_json(table: Table) -> Mapping[str, Any]:
    """Return every run of every contender."""
    return {
        "title": table.title,
        "note": table.note,
        "contenders": {
            entrant.title: {
                "version": entrant.version,
                "settings": entrant.settings,
                "detection_ms": entrant.detection,
            }
            for entrant in table.entrants
        },
        "figures": [
            {
                "name": figure.name,
                "unit": figure.unit,
                "target": figure.target,
                "met": figure.met,
                "bound": figure.bound,
                "scores": {
                    title: {
                        "median": score.median if score.runs else None,
                        "runs": score.runs,
                        "failed": score.failed,
                        "met": figure.verdict(title),
                    }
                    for title, score in figure.scores.items()
                },
            }
            for figure in table.figures
        ],
    }
