"""The recorded stream of one life: every event that a node's core was told, and what it ordered.

A stream is text, one JSON object a line. The first line is the birth, then comes one line for each
event, and at last, when the recorder had the time for it, why the stream ends. Nothing is ever left
out in between: a recorder that cannot keep up ends its stream, for a life with a gap cannot be
lived again. A heartbeat is written as the difference to the last one of its sender in the stream (a
merge patch, RFC 7396), so that an unchanged cluster takes little room and the line tells the news.

Lines are pure: `Writer` returns them without their newline, `Reader` takes them one after another.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twinbeat.core.beat import Life, Switch
from twinbeat.core.effects import Effect
from twinbeat.core.events import Event
from twinbeat.core.model import ClusterModel
from twinbeat.core.units import Instant, NodeName

from .plain import Unfit, shape

FORMAT = 1
"""Of the stream; it grows when a reader of the older one would misunderstand."""

BEAT = "beat"
"""What an event or effect that carries a heartbeat calls it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Birth:
    """What an engine is made of: the first line."""

    stream: int = FORMAT
    program: str
    """The version that recorded it."""
    node: NodeName
    life: Life
    now: Instant
    standby: Mapping[NodeName, Switch]
    maintenance: Mapping[NodeName, Switch]
    model: ClusterModel
    first_seq: int = 0
    """The number after which those of its beats and messages begin."""


@dataclass(frozen=True, slots=True)
class Step:
    """One event with its instant, and the effects in their order."""

    now: Instant
    event: Event
    effects: tuple[Effect, ...] = ()
    raised: str = ""
    """The error that the decision ended in; there are no effects then, and the life is over."""


@dataclass(frozen=True, slots=True)
class End:
    """Why nothing follows: the last line."""

    ends: str


Line = Birth | Step | End


class StreamError(ValueError):
    """A line that is not of a stream; `line` and `column` count from 1."""

    def __init__(self, says: str, line: int, column: int) -> None:
        super().__init__(f"line {line}, column {column}: {says}")


class Writer:
    """Writes the lines of one life."""

    def __init__(self) -> None:
        self._beats: dict[str, Any] = {}

    def write(self, line: Line) -> str:
        """Return a line; raises `TypeError` for a step that has no plain form."""
        kind: Any = type(line)
        plain = shape(kind).plain(line)
        if isinstance(line, Step):
            for body in _bodies(plain):
                beat = body[BEAT]
                body[BEAT] = {"node": beat["node"], **_patch(self._last(beat), beat)}
                self._beats[beat["node"]] = beat
        return json.dumps(plain, separators=(",", ":"))

    def _last(self, beat: Any) -> Any:
        return self._beats.get(beat["node"], {})


class Reader:
    """Reads the lines of one life in their order."""

    def __init__(self) -> None:
        self.number = 0
        """Of the line that was read last."""
        self._beats: dict[str, Any] = {}
        self._over = ""

    def read(self, text: str) -> Line:
        """Read the next line; raises `StreamError`."""
        self.number += 1
        plain = self._parsed(text)
        kind = Birth if self.number == 1 else End if "ends" in plain else Step
        if kind is Birth:
            self._check_format(plain)
        if self._over:
            raise StreamError(f"the stream ended already: {self._over}", self.number, 1)
        try:
            if kind is Step:
                self._unfold(plain)
            line: Line = shape(kind).value(plain)
        except Unfit as unfit:
            where = ".".join(map(str, unfit.path))
            says = f"{where}: {unfit.says}" if where else unfit.says
            raise StreamError(says, self.number, _column(text, unfit.path)) from None
        except RecursionError:
            raise StreamError("this is nested too deeply", self.number, 1) from None
        if isinstance(line, End):
            self._over = line.ends
        return line

    def _parsed(self, text: str) -> dict[str, Any]:
        try:
            plain = json.loads(text)
        except json.JSONDecodeError as error:
            raise StreamError(f"this is not JSON ({error.msg})", self.number, error.colno) from None
        except (ValueError, RecursionError) as error:
            raise StreamError(f"this is not readable ({error})", self.number, 1) from None
        if not isinstance(plain, dict):
            raise StreamError("an object was expected", self.number, 1)
        return plain

    def _check_format(self, plain: Mapping[str, Any]) -> None:
        found = plain.get("stream")
        if found is None:
            says = "this is not the birth of a life: no recorded stream begins like this"
            raise StreamError(says, self.number, 1)
        if found != FORMAT:
            says = f"the stream is of format {found!r}, and this program reads format {FORMAT}"
            raise StreamError(says, self.number, 1)

    def _unfold(self, plain: dict[str, Any]) -> None:
        for body in _bodies(plain):
            patch = body[BEAT]
            if isinstance(patch, dict) and isinstance(patch.get("node"), str):
                beat = _patched(self._beats.get(patch["node"], {}), patch)
                body[BEAT] = self._beats[patch["node"]] = beat


def _bodies(plain: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    """Return the events and effects of a step that carry a heartbeat."""
    effects = plain.get("effects", [])
    named = [plain.get("event"), *(effects if isinstance(effects, list) else [])]
    bodies = [body for one in named if isinstance(one, dict) for body in one.values()]
    return [body for body in bodies if isinstance(body, dict) and BEAT in body]


def _patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return what turns one plain object into another: null removes a member."""
    patch: dict[str, Any] = {name: None for name in before if name not in after}
    for name, wanted in after.items():
        had = before.get(name)
        if isinstance(had, dict) and isinstance(wanted, dict):
            if inner := _patch(had, wanted):
                patch[name] = inner
        elif had != wanted or type(had) is not type(wanted):
            patch[name] = wanted
    return patch


def _patched(before: Any, patch: Any) -> Any:
    """Return a plain value as a patch leaves it; nothing given is changed."""
    if not isinstance(patch, dict):
        return patch
    after = dict(before) if isinstance(before, dict) else {}
    for name, wanted in patch.items():
        if wanted is None:
            after.pop(name, None)
        else:
            after[name] = _patched(after.get(name), wanted)
    return after


# Where it is wrong.

_BETWEEN = re.compile(r"[\s,:]*")
_DECODER = json.JSONDecoder()


def _column(text: str, path: Sequence[str | int]) -> int:
    """Return where in a line of JSON a path leads; as far as it goes, for patches leave out."""
    at = _skip(text, 0)
    for part in path:
        inner = _inside(text, at, part)
        if inner is None:
            break
        at = inner
    return at + 1


def _inside(text: str, at: int, part: str | int) -> int | None:
    """Return where a member or an item begins in the JSON value that begins at `at`."""
    opened = text[at]
    if opened not in "{[":
        return None
    found: str | int = -1
    at = _skip(text, at + 1)
    while text[at] not in "}]":
        if opened == "{":
            found, at = _DECODER.raw_decode(text, at)
            at = _skip(text, at)
        else:
            found = int(found) + 1
        if found == part:
            return at
        _, at = _DECODER.raw_decode(text, at)
        at = _skip(text, at)
    return None


def _skip(text: str, at: int) -> int:
    found = _BETWEEN.match(text, at)
    return at if found is None else found.end()
