"""Live a recorded life again: the same events at the same instants, through the core of today.

The core knows no clock and no chance, so it must order the same again. Where it does not, either
the program is another than the one that recorded, or the core is not as pure as it must be.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from twinbeat.core.engine import Engine
from twinbeat.core.units import Instant
from twinbeat.heartbeat1 import Interpreter

from .contrast import facts
from .stream import Birth, End, Reader, Step, StreamError


@dataclass(frozen=True, slots=True)
class Difference:
    """The first step that came out otherwise."""

    line: int
    """In the stream, counted from 1."""
    recorded: Step
    replayed: Step


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of living a life again."""

    birth: Birth
    steps: int
    """How many came out the same."""
    until: Instant
    """When the last of them was."""
    difference: Difference | None
    """None: every step is the same."""
    ends: str | None
    """Why the recorder ended the stream; None: it just stops."""
    broken_off: bool
    """Whether the last line is incomplete: the recorder ended in the middle of it."""


def replay(lines: Iterable[bytes]) -> Replay:
    """Play the lines of a stream, each with its newline, up to the first difference.

    Raises `StreamError` for what is no stream. An incomplete last line is no such error.
    """
    reader = Reader()
    birth: Birth | None = None
    steps, difference, ends, broken_off = 0, None, None, False
    for raw in lines:
        if broken_off:
            raise StreamError("no line of a stream is that long", reader.number + 1, 1)
        if not raw.endswith(b"\n"):
            broken_off = True
            continue
        line = reader.read(_text(raw, reader.number + 1))
        match line:
            case Birth():
                birth, engine, until = line, born(line), line.now
            case Step():
                again = lived_again(engine, line)
                if facts(line) != facts(again):
                    difference = Difference(reader.number, line, again)
                    break
                steps, until = steps + 1, line.now
            case End():
                ends = line.ends
    if birth is None:
        says = "its first line is incomplete" if broken_off else "it is empty"
        raise StreamError(f"{says}: there is no life to live again", 1, 1)
    return Replay(birth, steps, until, difference, ends, broken_off)


def born(birth: Birth) -> Interpreter:
    """Return the engine of a birth."""
    engine = Engine(
        birth.model,
        birth.node,
        birth.life,
        birth.now,
        standby=birth.standby,
        maintenance=birth.maintenance,
    )
    return Interpreter(engine, birth.first_seq)


def lived_again(engine: Interpreter, step: Step) -> Step:
    """Return the step as the engine takes it."""
    try:
        return Step(step.now, step.event, tuple(engine.handle(step.event, step.now)))
    except Exception as error:
        return Step(step.now, step.event, raised=repr(error))


def _text(raw: bytes, number: int) -> str:
    try:
        return raw[:-1].decode("ascii")
    except UnicodeDecodeError as error:
        raise StreamError("this is not text", number, error.start + 1) from None
