"""Files as text: what was read, its lines, and words that know where they stand."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from .diagnostics import Mark, Report, quote

MAX_LINE = 5120
"""Heartbeat's own limit, in bytes."""
MAX_LINES = 10_000
"""More lines than the largest cluster has words; what is longer was named by mistake."""

_ASCII_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff]")
_PLACEHOLDER = re.compile(r"\$|\{\{|\{%|<%|%\(")


@dataclass(frozen=True, slots=True)
class Source:
    """One file as the shell read it."""

    path: str
    """As it is to be named in diagnostics."""
    text: str
    mode: int | None = None
    """Permission bits; None when unknown, and then they are not checked."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What the shell knows of a machine."""

    has_user: Callable[[str], bool]
    may_run: Callable[[str], bool]
    """Whether a path is an executable file."""
    refuses_program: Callable[[str], str] = lambda _: ""
    """Why a program must not run with the daemon's rights, or empty."""
    refuses_secret: Callable[[str], str] = lambda _: ""
    """Why a file must not be used as one that holds a secret, or empty."""
    refuses_mail: Callable[[], str] = lambda: ""
    """Why no letter can be sent from here, or empty."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Everything a configuration consists of; None for a file that is not there."""

    ha_cf: Source | None = None
    haresources: Source | None = None
    authkeys: Source | None = None
    cluster_toml: Source | None = None
    directory: str = "/etc/ha.d"
    """Where the files lie: `resource.d` is looked for in it."""
    machine: Machine | None = None
    """The machine that it is for; None when unknown, and then nothing of it is checked."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file without its line end."""

    text: str
    mark: Mark

    def before_comment(self) -> "Line":
        """Return the line up to its first `#`: Heartbeat knows no quoting."""
        return Line(self.text.partition("#")[0], self.mark)

    def words(self, separators: str = " \t") -> list["Word"]:
        """Split the line into words with their columns."""
        return [
            Word(found.group(), Mark(self.mark.file, self.mark.line, found.start() + 1))
            for found in re.finditer(f"[^{separators}]+", self.text)
        ]

    def too_long(self, report: Report) -> bool:
        """Whether the line is beyond Heartbeat's limit; if so, say it."""
        if len(self.text) <= MAX_LINE and len(self.text.encode(errors="replace")) <= MAX_LINE:
            return False
        report.error(
            self.mark,
            f"this line is longer than {MAX_LINE} bytes",
            "Heartbeat would cut it in two; it is not read.",
            "split it into several lines",
        )
        return True

    def sound(self, report: Report) -> bool:
        """Whether the line may be read at all; if not, say why."""
        if self.too_long(report):
            return False
        control = _CONTROL.search(self.text)
        if control:
            report.error(
                Mark(self.mark.file, self.mark.line, control.start() + 1),
                f"this line holds the control character {quote(control.group())}",
                "Names travel in heartbeats and logs, where such a character would do harm.",
                "type the line anew in a plain text editor",
            )
            return False
        return True


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a file and where it stands."""

    text: str
    mark: Mark


def bounded(source: Source | None, report: Report) -> Source | None:
    """Return the file, cut short if it is so long that it cannot be meant, which is an error."""
    if source is None or source.text.count("\n") < MAX_LINES:
        return source
    report.error(
        Mark(source.path),
        f"this file has more than {MAX_LINES} lines",
        "No configuration has; the rest is not read.",
    )
    return replace(source, text="\n".join(source.text.split("\n", MAX_LINES)[:MAX_LINES]))


def lines(source: Source) -> Iterator[Line]:
    """Yield the lines of a file; a byte order mark and carriage returns are not part of them."""
    text = source.text.removeprefix("\ufeff")
    for number, line in enumerate(text.split("\n"), 1):
        yield Line(line.removesuffix("\r"), Mark(source.path, number, 1))


def lower(name: str) -> str:
    """Return a node name as Heartbeat compares it: ASCII letters in lower case, nothing else."""
    return name.translate(_ASCII_LOWER)


def control_free(text: str) -> bool:
    """Whether the text holds no control character (a tab counts as one here)."""
    return not _CONTROL.search(text) and "\t" not in text


def placeholder(text: str) -> bool:
    """Whether a word looks like a variable or a template's field that nobody filled in."""
    return bool(_PLACEHOLDER.search(text))
