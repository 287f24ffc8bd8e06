"""The units every room shares: names, instants and durations.

Time is an integer count of nanoseconds since boot (`CLOCK_BOOTTIME`, which also counts while the
machine is suspended). No decision reads a wall clock.
"""

from typing import NewType

NodeName = NewType("NodeName", str)
GroupName = NewType("GroupName", str)
LinkName = NewType("LinkName", str)

Instant = NewType("Instant", int)
"""Nanoseconds since boot of this node's kernel; instants of two nodes are never compared."""

Duration = NewType("Duration", int)
"""Nanoseconds, never negative."""

US = 1_000
MS = 1_000_000
SECOND = 1_000_000_000

LONG_AGO = Instant(-(1 << 62))
"""An instant before every other: the anchor of an acknowledgement that was never given."""

NEVER = Instant(1 << 62)
"""An instant after every other: the deadline of what waits for no time."""


def milliseconds(count: float) -> Duration:
    """Return `count` milliseconds as a duration, rounded to the nanosecond."""
    return Duration(round(count * MS))


def seconds(count: float) -> Duration:
    """Return `count` seconds as a duration, rounded to the nanosecond."""
    return Duration(round(count * SECOND))


def in_ms(span: int) -> float:
    """Return a span of nanoseconds in milliseconds, to the microsecond, for people and JSON."""
    return round(span / MS, 3)


def readable(span: int) -> str:
    """Return a span of nanoseconds as a person says it: `850 ms`, `1.02 s`, `2 min 5 s`, `1 h`."""
    if span < 0:
        return "-" + readable(-span)
    if round(span / MS, 1) < 10:
        return f"{span / MS:.1f} ms"
    if round(span / MS) < 1000:
        return f"{span / MS:.0f} ms"
    if round(span / SECOND, 2) < 60:
        return f"{span / SECOND:.2f} s"
    minutes, rest = divmod(span // SECOND, 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min")) if hours else ((minutes, "min"), (rest, "s"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count)
