"""Two accounts of one step side by side, field by field."""

import json
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any

from twinbeat.core.effects import Effect
from twinbeat.core.events import Event
from twinbeat.core.units import SECOND, Instant

from .plain import shape
from .stream import Step

Facts = Mapping[str, str]
"""What is said, by the path of its field; the first is the class."""

NO_FACTS: Facts = {}
CLASS = "="
COLUMN_MAX = 60
"""Characters of one value; a longer one is cut where both accounts are still shown the same."""
NOTHING = "-"


def facts(step: Step) -> list[Facts]:
    """Return what a step's effects say, one mapping each; equal when the effects are the same."""
    told = [_one(effect) for effect in shape(tuple[Effect, ...]).plain(step.effects)]
    return [*told, {CLASS: "raised", "error": step.raised}] if step.raised else told


def event_lines(step: Step) -> list[str]:
    """Return the event of a step, its class first, then every field in a line of its own."""
    event = _one(shape(Event).plain(step.event))
    width = max(map(len, event))
    fields = [f"  {name:<{width}}  {text}" for name, text in event.items() if name != CLASS]
    return [event[CLASS], *fields]


def side_by_side(recorded: Step, replayed: Step) -> list[str]:
    """Return both accounts of a step: what is the same by name, what differs field by field."""
    rows = list(_rows(facts(recorded), facts(replayed)))
    names = max([len(row[1]) for row in rows], default=0)
    left = max([len("recorded"), *(len(row[2]) for row in rows)])
    head = f"  {'':<{names}}  {'recorded':<{left}}  replayed"
    lines = [f"{mark} {name:<{names}}  {one:<{left}}  {other}" for mark, name, one, other in rows]
    return [line.rstrip() for line in (head, *lines)]


def since_boot(now: Instant) -> str:
    """Return an instant as seconds with all its digits."""
    return f"{now // SECOND}.{now % SECOND:09d} s"


Row = tuple[str, str, str, str]


def _rows(recorded: Sequence[Facts], replayed: Sequence[Facts]) -> Iterator[Row]:
    ours = [json.dumps(effect, sort_keys=True) for effect in recorded]
    theirs = [json.dumps(effect, sort_keys=True) for effect in replayed]
    matcher = SequenceMatcher(None, ours, theirs, autojunk=False)
    for tag, begin, end, other_begin, other_end in matcher.get_opcodes():
        mine, yours = recorded[begin:end], replayed[other_begin:other_end]
        for one, other in zip_longest(mine, yours, fillvalue=NO_FACTS):
            if tag == "equal":
                yield (" ", "effect", one[CLASS], other[CLASS])
            elif one.get(CLASS) == other.get(CLASS):
                yield from _fields(one, other)
            else:  # Two orders that have nothing to do with each other.
                yield from _fields(one, NO_FACTS)
                yield from _fields(NO_FACTS, other)


def _fields(one: Facts, other: Facts) -> Iterator[Row]:
    if not one and not other:
        return
    for name in {**one, **other}:
        mine, yours = one.get(name, NOTHING), other.get(name, NOTHING)
        shown = "effect" if name == CLASS else f"  {name}"
        yield (" " if mine == yours else "!", shown, *_cut(mine, yours))


def _cut(one: str, other: str) -> tuple[str, str]:
    """Return two values short enough for their columns, with the place where they part."""
    same = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
    skipped = max(0, same - COLUMN_MAX // 2) if max(len(one), len(other)) > COLUMN_MAX else 0
    return _shown(one, skipped), _shown(other, skipped)


def _shown(text: str, skipped: int) -> str:
    rest = ("..." if skipped else "") + text[skipped:]
    return rest if len(rest) <= COLUMN_MAX else rest[: COLUMN_MAX - 3] + "..."


def _one(plain: Mapping[str, Any]) -> Facts:
    """Return the facts of an event or effect, whose class its one member names."""
    ((name, body),) = plain.items()
    return {CLASS: name, **dict(_leaves("", body))}


def _leaves(path: str, plain: Any) -> Iterator[tuple[str, str]]:
    if isinstance(plain, dict) and plain:
        for name, inner in plain.items():
            yield from _leaves(_member(path, name), inner)
    elif isinstance(plain, list) and plain:
        for index, inner in enumerate(plain):
            yield from _leaves(f"{path}[{index}]", inner)
    elif path:
        yield path, json.dumps(plain)


def _member(path: str, name: str) -> str:
    """Return the path of a member; names of nodes and groups are quoted, for they hold dots."""
    if not name.isidentifier():
        return f"{path}[{json.dumps(name)}]"
    return f"{path}.{name}" if path else name
