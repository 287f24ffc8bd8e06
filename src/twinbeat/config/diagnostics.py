"""What the reader has to say about a configuration: where, what, what follows, what to do.

A diagnostic is written for the person who will edit the file. It never quotes a secret: the words
of `authkeys` are not repeated, and of the directives that may carry a password only the name is.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]

MAX_PER_SEVERITY = 100
"""More findings than this help nobody; the rest is counted."""
_QUOTED = 60


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file; lines and columns count from 1, and line 0 is the file as a whole."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding. An error means that there is no model; a warning never stops anything."""

    severity: Severity
    file: str
    line: int
    """From 1; 0 when the finding is about the whole file."""
    column: int
    message: str
    consequence: str = ""
    hint: str = ""

    def __str__(self) -> str:
        mark = Mark(self.file, self.line, self.column)
        parts = [f"{mark}: {self.severity}: {self.message}"]
        if self.consequence:
            parts.append(f"    {self.consequence}")
        if self.hint:
            parts.append(f"    hint: {self.hint}")
        return "\n".join(parts)


class Report:
    """Collects the findings of one reading; bounded, whatever the files hold."""

    def __init__(self) -> None:
        self._found: list[Diagnostic] = []
        self._counts: dict[Severity, int] = {"error": 0, "warning": 0}
        self._files: dict[str, int] = {}

    @property
    def failed(self) -> bool:
        """Whether any error was found."""
        return self._counts["error"] > 0

    @property
    def full(self) -> bool:
        """Whether so many errors were found that reading on is a waste of time."""
        return self._counts["error"] >= MAX_PER_SEVERITY

    def error(self, mark: Mark, message: str, consequence: str = "", hint: str = "") -> None:
        """Record what makes the configuration unusable."""
        self._add("error", mark, message, consequence, hint)

    def warning(self, mark: Mark, message: str, consequence: str = "", hint: str = "") -> None:
        """Record what works, but perhaps not as its writer thinks."""
        self._add("warning", mark, message, consequence, hint)

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Return the findings in file order: files as first met, then by line and column."""
        ordered = sorted(self._found, key=lambda d: (self._files[d.file], d.line, d.column))
        for severity, count in self._counts.items():
            left_out = count - MAX_PER_SEVERITY
            if left_out > 0:
                last = next(d for d in reversed(ordered) if d.severity == severity)
                text = f"{left_out} more {severity}s are not shown"
                ordered.append(Diagnostic(severity, last.file, 0, 0, text))
        return tuple(ordered)

    def _add(
        self, severity: Severity, mark: Mark, message: str, consequence: str, hint: str
    ) -> None:
        self._counts[severity] += 1
        if self._counts[severity] > MAX_PER_SEVERITY:
            return
        self._files.setdefault(mark.file, len(self._files))
        self._found.append(
            Diagnostic(severity, mark.file, mark.line, mark.column, message, consequence, hint)
        )


def quote(text: str) -> str:
    """Return a word of a file for a sentence: in backquotes, shortened, control bytes escaped."""
    shown = text if len(text) <= _QUOTED else text[: _QUOTED - 1] + "…"
    return "`" + "".join(c if c.isprintable() else ascii(c)[1:-1] for c in shown) + "`"


def listed(words: Iterable[str], last: str = "or") -> str:
    """Return words as a sentence lists them: `a`, `b` or `c`."""
    quoted = [quote(word) for word in words]
    if len(quoted) < 2:
        return "".join(quoted)
    return f"{', '.join(quoted[:-1])} {last} {quoted[-1]}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `did you mean ...?` when one of the known words is close, else nothing."""
    candidates = list(known)
    if word.lower() in candidates:
        return f"did you mean {quote(word.lower())}?"
    close = difflib.get_close_matches(word[:_QUOTED], candidates, n=1, cutoff=0.7)
    return f"did you mean {quote(close[0])}?" if close else ""
