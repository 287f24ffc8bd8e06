"""Spans of time and truth values, as Heartbeat's files and as `cluster.toml` write them."""

import re
from fractions import Fraction

from twinbeat.core.units import MS, SECOND, US, Duration

from .diagnostics import quote

MAX_SPAN = Duration(7 * 24 * 3600 * SECOND)
"""A week: whatever is longer was not meant."""

_NUMBER = re.compile(r"([0-9]{1,12}(?:\.[0-9]{0,12})?|\.[0-9]{1,12})[ \t]*(.*)", re.DOTALL)
_UNITS = {"us": US, "ms": MS, "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND}
_TRUE = frozenset({"true", "on", "yes", "y", "1"})
_FALSE = frozenset({"false", "off", "no", "n", "0"})


def heartbeat_time(text: str) -> Duration:
    """Read a time of ha.cf: seconds, or a number with `ms` or `us`; rounded to the millisecond.

    Raises `ValueError` with a sentence. `1s` is one of Heartbeat 3.0.6's errors, so it is ours.
    """
    number, unit = _split(text)
    if not unit:
        nanoseconds = number * SECOND
    elif unit.lower().startswith("ms"):
        nanoseconds = number * MS
    elif unit.lower().startswith("us"):
        nanoseconds = number * US
    else:
        raise ValueError(f"{quote(text)} is not a time Heartbeat knows")
    return _bounded(Duration(int(nanoseconds / MS + Fraction(1, 2)) * MS), text)


def toml_time(text: str) -> Duration:
    """Read a time of cluster.toml: a number and one of us, ms, s, m, h; to the nanosecond.

    Raises `ValueError` with a sentence.
    """
    number, unit = _split(text)
    if unit not in _UNITS:
        raise ValueError(f'{quote(text)} is not a time; write "200ms", "1s" or "10m"')
    return _bounded(Duration(round(number * _UNITS[unit])), text)


def spell(span: Duration) -> str:
    """Return a span as `toml_time` reads it back, exactly, in the largest unit that fits."""
    for unit in ("h", "m", "s", "ms"):
        if span and span % _UNITS[unit] == 0:
            return f"{span // _UNITS[unit]}{unit}"
    whole, rest = divmod(span, US)
    return f"{whole}us" if not rest else f"{whole}.{rest:03}us"


def spoken(span: int) -> str:
    """Return a configured span for a sentence: `500 ms`, `1.5 s`, `120 s`."""
    return f"{span / SECOND:g} s" if span >= SECOND else f"{span / MS:g} ms"


def boolean(text: str) -> bool | None:
    """Read one of Heartbeat's ten truth values in any case; None when it is none of them."""
    word = text.lower()
    if word in _TRUE:
        return True
    return False if word in _FALSE else None


def number(text: str, low: int, high: int) -> int | None:
    """Read a plain decimal number between two limits, both allowed; None when it is not one."""
    if not re.fullmatch("[0-9]{1,9}", text):
        return None
    value = int(text)
    return value if low <= value <= high else None


def _split(text: str) -> tuple[Fraction, str]:
    found = _NUMBER.fullmatch(text)
    if not found:
        raise ValueError(f"{quote(text)} is not a time")
    digits = found.group(1)
    return Fraction(f"0{digits}" if digits.startswith(".") else digits.rstrip(".")), found.group(2)


def _bounded(span: Duration, text: str) -> Duration:
    if span > MAX_SPAN:
        raise ValueError(f"{quote(text)} is longer than a week")
    return span
