"""TOML with places: parse the text, find where each key stands, and read tables key by key.

The standard library's parser tells no positions. TOML writes one key per line, so a scan of the
lines finds nearly all of them; for a key inside an inline table the table's own line is named.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence

from twinbeat.core.units import Duration

from .diagnostics import Mark, Report, did_you_mean, listed, quote
from .draft import Said
from .text import Source, control_free, lines
from .times import toml_time

Path = tuple[str | int, ...]

MAX_VALUES = 200
"""Of a table that takes any key."""

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]")
_PART = r"(?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')"
_KEY = re.compile(rf"\s*({_PART}(?:\s*\.\s*{_PART})*)\s*=(.*)", re.DOTALL)
_STRING = re.compile(r"\"(?:\\.|[^\"\\])*\"|'[^']*'")
_TRIPLE = re.compile(r"\"\"\"|'''")
_PLACE = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")


def parse(source: Source, report: Report) -> "Table | None":
    """Parse a TOML file into its root table; None when it is no TOML, and the report says where."""
    text = source.text.removeprefix("\ufeff")
    if any(line.too_long(report) for line in lines(source)):
        return None
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as why:
        found = _PLACE.search(str(why))
        at_end = (text.count("\n") + 1, 1)
        line, column = map(int, found.groups()) if found and found.group(1) else at_end
        reason = _PLACE.sub("", str(why)) if found else "it nests too deeply or holds a bad number"
        report.error(Mark(source.path, line, column), f"this is not TOML: {reason}")
        return None
    return Table(values, (), _Places(source.path, locate(text)), report)


def locate(text: str) -> dict[Path, tuple[int, int]]:
    """Return the line and column of every table header and key that stands on a line of its own."""
    places: dict[Path, tuple[int, int]] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    inside = ""
    depth = 0
    for number, line in enumerate(text.split("\n"), 1):
        if inside:
            if inside in line:
                inside = ""
            continue
        header = _HEADER.match(line) if depth == 0 else None
        key = _KEY.match(line) if depth == 0 and not header else None
        if header:
            table = _enter(header.group(2), header.group(1) == "[[", counts)
            for path in (table[:-1], table) if header.group(1) == "[[" else (table,):
                places.setdefault(path, (number, header.start(1) + 1))
            continue
        if key:
            path = table + tuple(_parts(key.group(1)))
            for length in range(len(table) + 1, len(path) + 1):
                places.setdefault(path[:length], (number, key.start(1) + 1))
        rest = key.group(2) if key else line
        triple = _TRIPLE.search(rest)
        if triple and triple.group() not in rest[triple.end() :]:
            inside = triple.group()
            continue
        bare = _STRING.sub("", rest).partition("#")[0]
        depth = max(0, depth + sum(bare.count(c) for c in "[{") - sum(bare.count(c) for c in "]}"))
    return places


def _enter(name: str, one_of_many: bool, counts: dict[Path, int]) -> Path:
    """Return the path of the table that a header opens, with the indices of arrays filled in."""
    path: Path = ()
    parts = _parts(name)
    for part in parts[:-1]:
        path += (part,)
        if path in counts:
            path += (counts[path] - 1,)
    path += (parts[-1],)
    if one_of_many:
        counts[path] = counts.get(path, 0) + 1
        path += (counts[path] - 1,)
    return path


def _parts(name: str) -> list[str]:
    return [part.strip("\"'") for part in re.findall(_PART, name)] or [name]


class _Places:
    """Where keys stand; a key that was not found stands where its table does."""

    def __init__(self, file: str, places: Mapping[Path, tuple[int, int]]) -> None:
        self._file = file
        self._places = places

    def mark(self, path: Path) -> Mark:
        for length in range(len(path), 0, -1):
            if path[:length] in self._places:
                return Mark(self._file, *self._places[path[:length]])
        return Mark(self._file)


class Table:
    """One table being read: each key is asked for by its type, and what is left over is unknown.

    A value of the wrong type is an error in the report and reads as not given.
    """

    def __init__(
        self, values: Mapping[str, object], path: Path, places: _Places, report: Report
    ) -> None:
        self.report = report
        self._values = values
        self._path = path
        self._places = places
        self._asked: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def keys(self) -> list[str]:
        """Return every key the file gives this table."""
        return list(self._values)

    def mark(self, key: str | None = None) -> Mark:
        """Return where the table, or one of its keys, stands."""
        return self._places.mark(self._path if key is None else (*self._path, key))

    def text(self, key: str) -> Said[str] | None:
        """Read a string that is neither empty nor holds a control character."""
        value = self._ask(key)
        if value is None:
            return None
        if not isinstance(value, str):
            self._wrong(key, value, "a string in quotes")
            return None
        if not value or not control_free(value):
            self.error(key, f"{key} must be some readable text, not {quote(value)}")
            return None
        return Said(value, self.mark(key))

    def flag(self, key: str) -> Said[bool] | None:
        """Read true or false."""
        value = self._ask(key)
        if value is None:
            return None
        if not isinstance(value, bool):
            self._wrong(key, value, "true or false")
            return None
        return Said(value, self.mark(key))

    def whole(
        self, key: str, low: int, high: int, consequence: str = "", hint: str = ""
    ) -> Said[int] | None:
        """Read a whole number between two limits, both allowed."""
        value = self._ask(key)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            self._wrong(key, value, f"a number from {low} to {high}", consequence, hint)
            return None
        return Said(value, self.mark(key))

    def span(self, key: str) -> Said[Duration] | None:
        """Read a time, `"200ms"`."""
        said = self.text(key)
        if said is None:
            return None
        try:
            return Said(toml_time(said.value), said.mark)
        except ValueError as why:
            self.error(key, f"{key}: {why}")
            return None

    def interval(self, key: str) -> Said[Duration] | None:
        """Read a time, or `"never"` or 0, which are no time at all."""
        value = self._values.get(key)
        if value == "never" or (value == 0 and isinstance(value, int)):
            self._asked.add(key)
            return Said(Duration(0), self.mark(key))
        return self.span(key)

    def choice(self, key: str, options: Sequence[str]) -> Said[str] | None:
        """Read one of some words."""
        said = self.text(key)
        if said is None or said.value in options:
            return said
        self.error(
            key,
            f"{key} is {listed(options)}, not {quote(said.value)}",
            did_you_mean(said.value, options),
        )
        return None

    def texts(self, key: str) -> list[Said[str]] | None:
        """Read an array of strings, which may be empty."""
        value = self._ask(key)
        if value is None:
            return None
        if not isinstance(value, list) or not all(
            isinstance(item, str) and control_free(item) for item in value
        ):
            self._wrong(key, value, "an array of strings")
            return None
        return [Said(item, self.mark(key)) for item in value]

    def words(self, key: str) -> list[Said[str]] | None:
        """Read one string that is not empty, or an array of them."""
        if not isinstance(self._values.get(key), list):
            said = self.text(key)
            return None if said is None else [said]
        return self.texts(key)

    def values(self) -> dict[str, Said[str]]:
        """Read every key of this table as text: strings, also empty ones, numbers, true, false."""
        found: dict[str, Said[str]] = {}
        for key in self._values:
            value = self._ask(key)
            if isinstance(value, bool):
                value = "true" if value else "false"
            elif isinstance(value, int | float) and abs(value) < 1 << 63:
                value = str(value)
            if not isinstance(value, str) or not control_free(value):
                self._wrong(key, value, "a readable string, a number, true or false")
            elif len(found) < MAX_VALUES:
                found[key] = Said(value, self.mark(key))
            elif not self.report.full:
                self.error(key, f"more than {MAX_VALUES} keys")
        return found

    def table(self, key: str) -> "Table | None":
        """Read a table, `[key]`."""
        value = self._ask(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self._wrong(key, value, f"a table: [{key}]")
            return None
        return Table(value, (*self._path, key), self._places, self.report)

    def tables(self, key: str) -> list["Table"]:
        """Read an array of tables, `[[key]]`; missing is empty."""
        value = self._ask(key)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self._wrong(key, value, f"an array of tables: [[{key}]]")
            return []
        return [
            Table(item, (*self._path, key, index), self._places, self.report)
            for index, item in enumerate(value)
        ]

    def set_aside(self, key: str) -> bool:
        """Whether the key is there; it counts as asked for, whatever its value."""
        self._asked.add(key)
        return key in self._values

    def missing(self, key: str, hint: str = "") -> None:
        """Report that a key which must be there is not."""
        self.report.error(self.mark(), f"{key} is missing here", hint=hint)

    def error(self, key: str, message: str, hint: str = "", consequence: str = "") -> None:
        """Report an error of one key."""
        self.report.error(self.mark(key), message, consequence, hint)

    def close(self) -> None:
        """Report every key that nobody asked for."""
        for key in self._values:
            if key not in self._asked and not self.report.full:
                self.error(key, f"there is no {quote(key)} here", did_you_mean(key, self._asked))

    def _ask(self, key: str) -> object | None:
        self._asked.add(key)
        return self._values.get(key)

    def _wrong(
        self, key: str, value: object, expected: str, consequence: str = "", hint: str = ""
    ) -> None:
        short = isinstance(value, str | float) or (isinstance(value, int) and abs(value) < 1 << 64)
        shown = f", not {quote(str(value))}" if short else ""
        self.error(key, f"{key} must be {expected}{shown}", hint, consequence)
