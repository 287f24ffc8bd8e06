"""Reading a scenario: paragraphs of comments and lines, parted by blank lines.

    # What happens, and why, in prose.
    boot node1 node2
    expect owner web node1 within 3s

A file with `----` is a transcript: below that line stands exactly what its paragraph prints.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from twinbeat.config.diagnostics import Diagnostic, Mark, Report, did_you_mean, listed, quote

from . import expectations, mishaps, steps
from .expectations import ExpectRefused
from .setting import Setting
from .steps import Cluster, Command, Reload, Step
from .usage import Usage
from .values import Names, group_names
from .words import Word, Wrong, words_of

LINES_MAX = 2_000
RULE = "----"
NOTHING_PLAYED = "nothing of the scenario is played"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a scenario, understood."""

    number: int
    """From 1, as the column."""
    column: int
    text: str
    step: Step


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Some prose and some lines, and what these print where the file is a transcript."""

    number: int
    """The file's line on which its first line stands, or its prose."""
    source: tuple[str, ...]
    """Prose and lines as they were written."""
    lines: tuple[Line, ...]
    output: tuple[str, ...]

    @property
    def prose(self) -> str:
        """Its comment lines as one text."""
        said = [line.lstrip("# ") for line in self.source if line.startswith("#")]
        return " ".join(said).strip()

    @property
    def title(self) -> str:
        """The first sentence of its prose, without the full stop; else its first line."""
        first = re.split(r"[.?!:](?:\s|$)", self.prose)[0]
        return first or (self.lines[0].text if self.lines else "")

    def printing(self, output: Sequence[str]) -> str:
        """Return the paragraph as a transcript has it, with this output."""
        return "\n".join([*self.source, *([RULE] if output else []), *output])


@dataclass(frozen=True, slots=True)
class Script:
    """A scenario that can be played, as far as the language goes."""

    file: str
    paragraphs: tuple[Paragraph, ...]
    transcript: bool
    """Whether its output is written down, and alone says what is expected."""

    @property
    def name(self) -> str:
        """The file's name without directory and ending."""
        return self.file.rpartition("/")[2].removesuffix(".txt")

    @property
    def text(self) -> str:
        """The file as it was read, blank lines in excess left out."""
        return printed((paragraph, paragraph.output) for paragraph in self.paragraphs)

    @property
    def lines(self) -> Iterator[Line]:
        """All lines."""
        return (line for paragraph in self.paragraphs for line in paragraph.lines)

    @property
    def title(self) -> str:
        """The first sentence of the first paragraph."""
        return self.paragraphs[0].title if self.paragraphs else ""

    def finding(
        self, line: Line, says: str, consequence: str = "the rest is not played", hint: str = ""
    ) -> Diagnostic:
        """Return a diagnostic that points at a line."""
        return Diagnostic("error", self.file, line.number, line.column, says, consequence, hint)

    def refuse(self, lines: Iterable[tuple[Line, str]], hint: str) -> None:
        """Raise `ScriptError` for lines that a stage cannot play, each with the reason, if any."""
        found = [self.finding(line, why, NOTHING_PLAYED, hint) for line, why in lines]
        if found:
            raise ScriptError(found)


class ScriptError(Exception):
    """A scenario is not understood, or cannot be played; `diagnostics` say where and why."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__("\n".join(str(found) for found in diagnostics))
        self.diagnostics = tuple(diagnostics)


def verbs() -> Iterator[type[Step]]:
    """Yield every verb in the order of the manual."""
    for module in (steps, mishaps, expectations):
        for kind in vars(module).values():
            own = isinstance(kind, type) and kind.__module__ == module.__name__
            if own and "usage" in vars(kind):
                yield kind


USAGES = {kind: Usage.read(kind.usage) for kind in verbs()}
VERBS = {usage.verb: kind for kind, usage in USAGES.items()}


def printed(played: Iterable[tuple[Paragraph, Sequence[str]]]) -> str:
    """Return paragraphs with their output as a file."""
    return "\n\n".join(paragraph.printing(output) for paragraph, output in played) + "\n"


def parse(text: str, file: str) -> Script:
    """Read a scenario; raises `ScriptError`. `file` is how diagnostics name it."""
    return _Reader(text, file).read()


def places(name: str) -> tuple[str, ...]:
    """Return the paths, in this order, at which a scenario of that name is looked for."""
    return (name, f"scenarios/{name.removesuffix('.txt')}.txt")


class _Reader:
    """One text on its way to a script."""

    def __init__(self, text: str, file: str) -> None:
        self.lines = text.splitlines()
        self.file = file
        self.report = Report()
        self.setting = Setting()
        self.groups = self.setting.groups
        self.last: Step | None = None

    def read(self) -> Script:
        """Read everything."""
        if len(self.lines) > LINES_MAX:
            mark = Mark(self.file, LINES_MAX + 1, 1)
            self.report.error(mark, f"it has more than {LINES_MAX} lines", NOTHING_PLAYED)
        else:
            paragraphs = tuple(self._paragraph(*part) for part in self._parts())
            if not self.report.failed and not any(part.lines for part in paragraphs):
                self.report.error(Mark(self.file), "it says nothing to do", NOTHING_PLAYED)
        if self.report.failed:
            raise ScriptError(self.report.diagnostics())
        return Script(self.file, paragraphs, RULE in self.lines)

    def _parts(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the paragraphs with the number of their first line.

        A blank line ends a paragraph that says more than prose; prose may have paragraphs itself.
        """
        part: list[str] = []
        for number, line in enumerate([*self.lines, ""], 1):
            if line.strip() or _prose(part):
                part.append(line.rstrip())
            elif part:
                yield number - len(part), part
                part = []
        if part:
            yield len(self.lines) + 1 - len(part) + 1, part[:-1]

    def _paragraph(self, first: int, text: list[str]) -> Paragraph:
        rule = text.index(RULE) if RULE in text else len(text)
        lines = []
        for number, line in enumerate(text[:rule], first):
            try:
                words = words_of(line)
                step = self._step(words)
            except Wrong as wrong:
                mark = Mark(self.file, number, wrong.column)
                self.report.error(mark, str(wrong), NOTHING_PLAYED, wrong.hint)
                continue
            if step is not None:
                lines.append(Line(number, words[0].column, line.strip(), step))
        return Paragraph(first, tuple(text[:rule]), tuple(lines), tuple(text[rule + 1 :]))

    def _step(self, words: list[Word]) -> Step | None:
        if not words:
            return None
        kind = _verb(words)
        places, named = USAGES[kind].match(words, self._names)
        step = kind(*places, **named)
        if isinstance(step, Cluster):
            self.setting = self.setting.changed(step)
        if isinstance(step, Cluster | Reload):
            self.groups = max(self.groups, step.groups or 0)
        if isinstance(step, ExpectRefused) and not isinstance(self.last, Command):
            raise Wrong(words[0].column, "the line before is no operator's command",
                        "write it directly behind the command that is refused")  # fmt: skip
        self.last = step
        return step

    @property
    def _names(self) -> Names:
        return Names(self.setting.names.nodes, group_names(self.groups))


def _prose(part: Sequence[str]) -> bool:
    return bool(part) and all(line.startswith("#") or not line for line in part)


def _verb(words: Sequence[Word]) -> type[Step]:
    """Return the verb with which a line begins; raises `Wrong`."""
    said: tuple[str, ...] = ()
    for word in words:
        if (*said, word.text) in VERBS:
            return VERBS[(*said, word.text)]
        known = dict.fromkeys(v[len(said)] for v in VERBS if v[: len(said)] == said)
        if word.text not in known:
            hint = did_you_mean(word.text, known) or f"write {listed(known)}"
            what = quote(" ".join((*said, word.text)))
            raise Wrong(word.column, f"{what} is not a verb of scenarios", hint)
        said = (*said, word.text)
    known = dict.fromkeys(v[len(said)] for v in VERBS if v[: len(said)] == said)
    column = words[-1].column + len(words[-1].text)
    raise Wrong(column, f"something is missing behind {quote(' '.join(said))}",
                f"write {listed(known)}")  # fmt: skip
