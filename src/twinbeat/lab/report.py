"""What a run came to, told to people and to programs."""

from collections.abc import Iterable, Sequence
from typing import Any

from twinbeat.control.shapes import MoveShape

from .files import GROUP
from .kernel import MS, SECOND
from .node import LogLine
from .result import Result
from .view import Summary

LINES_SHOWN = 20
PLAIN = ("info", "notice", "")
"""Levels of lines that tell of nothing unusual."""


def as_json(results: Iterable[Result]) -> list[dict[str, Any]]:
    """Return the results as the documented JSON, one object a step."""
    return [
        {
            "name": result.name,
            "owner_before": result.owner_before,
            "owner_after": result.owner_after,
            "ping": _counts(result.ping),
            "http": _counts(result.http),
            "two_owners_ms": in_ms(result.two_owners),
            "ok": result.ok,
        }
        for result in results
    ]


def story(result: Result) -> list[str]:
    """Tell one step in sentences: what was done, what the client saw, who owns."""
    length = result.window.length / SECOND
    lines = [
        f"{(mark.at - result.action) / SECOND:+.3f} s  {mark.text}" for mark in result.scene.marks
    ]
    lines += [
        f"The client went without an echo for {in_ms(result.ping.gap):.0f} ms"
        f" ({_lost(result.ping)} lost) and without a page for {in_ms(result.http.gap):.0f} ms"
        f" ({_lost(result.http)}), in {length:.1f} s.",
        _two_owners(result),
        f"Owner: {result.owner_before or 'nobody'} before, {result.owner_after or 'nobody'} after.",
    ]
    if result.stalled:
        lines.append(
            f"The machine kept the client itself waiting for {in_ms(result.stalled):.0f} ms."
        )
    if result.scene.why is not None:
        lines.append(because(result.scene.why))
    lines += [f"Not as expected: {problem}." for problem in result.problems]
    return lines


def because(move: MoveShape) -> str:
    """Tell the last move in one sentence, as `why` gives it."""
    way = f"from {move['from'] or 'nobody'} to {move['to'] or 'nobody'}"
    return f"Why it moved {way}: {move['cause'].rstrip('.')}."


def headline(result: Result) -> str:
    """Return one line for a terminal: the step, and its numbers."""
    return (
        f"{result.name:<24} {'ok' if result.ok else 'FAILED':<7}"
        f"echo gap {in_ms(result.ping.gap):>7.0f} ms   page gap {in_ms(result.http.gap):>7.0f} ms"
        f"   two owners {in_ms(result.two_owners):.0f} ms"
    )


def explaining(lines: Sequence[LogLine]) -> list[LogLine]:
    """Return the log lines worth showing, those that say most when there are too many."""
    told = [line for line in lines if line.level != "debug" and not _of_the_files(line)]
    return sorted(sorted(told, key=_weight)[:LINES_SHOWN], key=lambda line: line.at)


def _weight(line: LogLine) -> int:
    """Return 0 for warnings and errors, 1 for what happens to resources, 2 for the rest."""
    if line.level not in PLAIN:
        return 0
    return 1 if GROUP in line.text or "esource" in line.text else 2


def _of_the_files(line: LogLine) -> bool:
    """Tell whether a line is the checker's advice on the configuration, repeated at each start."""
    return ": warning: " in line.text or line.text.startswith("    ")


def in_ms(span: int) -> float:
    """Return nanoseconds in milliseconds, to the microsecond."""
    return round(span / MS, 3)


def _counts(counted: Summary) -> dict[str, Any]:
    return {"sent": counted.sent, "lost": counted.lost, "gap_ms": in_ms(counted.gap)}


def _lost(counted: Summary) -> str:
    return f"{counted.lost} of {counted.sent}"


def _two_owners(result: Result) -> str:
    if not result.two_owners:
        return "Never two owners, by the client's witnesses and by both kernels."
    seen, served = (
        sum(span.length for span in spans) / MS for spans in (result.two_seen, result.two_served)
    )
    return f"Two owners: for {seen:.0f} ms by the client, for {served:.0f} ms by the kernels."
