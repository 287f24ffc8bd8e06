"""What `replay` does: a recorded life through the core once more."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

if TYPE_CHECKING:
    from twinbeat.journal.replay import Difference, Replay

LINE_BYTES = 16 << 20
"""More than any line of a stream; what is longer is none."""


def replay(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="What `twinbeat run --record` wrote.")
    ],
) -> None:
    """Run a recorded life through the core again.

    The core knows no clock and no chance: told the same at the same instants, it must order the
    same. The first step that comes out otherwise is shown: its instant, the event, and the orders
    as they were recorded and as they are now, side by side; what differs is marked with `!`.
    Nothing is performed, no daemon and no other node is asked.

    A stream may end before the life did, because it was full or the daemon was killed. That is
    said, and is no error; nothing is ever left out before the end.

    \b
    Exit codes:
      0  every step came out the same
      1  one did not
      2  the command was not understood, or the file is no such stream; line and column are named

    \b
    Examples:
      twinbeat run --record /var/lib/twinbeat/stream
      twinbeat replay /var/lib/twinbeat/stream
    """
    from twinbeat.control.protocol import ExitCode, Refused
    from twinbeat.journal.replay import replay as live_again
    from twinbeat.journal.stream import StreamError

    try:
        with file.open("rb") as stream:
            outcome = live_again(_lines(stream))
    except OSError as error:
        raise Refused(ExitCode.USAGE, f"{file} cannot be read: {error.strerror}.") from None
    except StreamError as error:
        raise Refused(ExitCode.USAGE, f"{file} is no recorded stream: {error}.") from None
    for text in _lived(outcome):
        typer.echo(text)
    if outcome.difference is not None:
        for text in _differs(outcome.difference):
            typer.echo(text)
        raise typer.Exit(ExitCode.REFUSED)


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    while line := stream.readline(LINE_BYTES):
        yield line


def _lived(outcome: "Replay") -> list[str]:
    """Say whose life it was, how far it came out the same, and how its stream ends."""
    from twinbeat import __version__
    from twinbeat.core.text import printable
    from twinbeat.core.units import readable

    birth = outcome.birth
    span = readable(outcome.until - birth.now)
    text = [
        f"{birth.node}, generation {birth.life.generation}, recorded by twinbeat {birth.program}",
        f"{outcome.steps} steps in {span} came out the same",
    ]
    if birth.program != __version__:
        text[0] += f"; this is {__version__}, which may decide otherwise on purpose"
    if outcome.difference is not None:
        return text
    if outcome.broken_off:
        text.append("the last line is incomplete: the daemon or its machine stopped there")
    elif outcome.ends is None:
        text.append("the stream just stops: the daemon was killed, or still runs")
    else:
        text.append(f"the stream ends: {printable(outcome.ends)}")
    return [printable(line) for line in text]


def _differs(difference: "Difference") -> list[str]:
    """Show the first step that came out otherwise."""
    from twinbeat.journal.contrast import event_lines, side_by_side, since_boot

    recorded = difference.recorded
    at = since_boot(recorded.now)
    return [
        f"then one came out otherwise: line {difference.line}, {at} after the machine's boot",
        "",
        *(f"  {line}" for line in event_lines(recorded)),
        "",
        *side_by_side(recorded, difference.replayed),
    ]
