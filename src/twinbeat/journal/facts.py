"""The evidence of an entry in a few words: `last heard 1.02 s`, `attempt 1 of 3 in 10 min`."""

from collections.abc import Iterator, Mapping

from twinbeat.core.text import times
from twinbeat.core.units import MS, readable


def in_words(evidence: Mapping[str, object], because: str = "") -> str:
    """Return the evidence as a person would add it to a sentence, and nothing when there is none.

    What the sentence `because` says by itself is left out: the resource's name.
    """
    return ", ".join(_facts(evidence, because))


def span(ms: float) -> str:
    """Return a number of milliseconds as a person would say it."""
    return readable(round(ms * MS))


def ordinal(number: int) -> str:
    """Return `1st`, `2nd`, `3rd`, `4th`; `number` is positive."""
    teens = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def _facts(evidence: Mapping[str, object], because: str) -> Iterator[str]:
    for key, value in evidence.items():
        match key, value:
            case (_, None) | ("of" | "window_ms", _) | ("times", 1) | (_, []):
                continue  # Of these, two are told with the attempt.
            case (_, Mapping()) if not value:
                continue
            case ("resource", str(name)) if name in because:
                continue
            case ("restarts", [*names]) if all(str(name) in because for name in names):
                continue
            case ("attempt", _):
                yield from _attempt(evidence, because)
            case ("times", int(count)):
                yield f"for the {ordinal(count)} time"
            case ("failures", Mapping()):
                yield from (f"{name} failed {_often(count)}" for name, count in value.items())
            case ("on", bool(on)):
                yield "on" if on else "off"
            case (_, bool(so)):
                yield _name(key) if so else f"not {_name(key)}"
            case _:
                yield _fact(key, value)


def _often(count: object) -> str:
    return times(count) if isinstance(count, int) else str(count)


def _attempt(evidence: Mapping[str, object], because: str) -> Iterator[str]:
    told = f"{evidence['attempt']} of {evidence['of']}" if "of" in evidence else ""
    window = evidence.get("window_ms")
    within = f" in {span(window)}" if isinstance(window, int | float) else ""
    if not told or told not in because:
        yield f"attempt {told or evidence['attempt']}{within}"


def _name(key: str) -> str:
    return key.replace("_", " ")


def _fact(key: str, value: object) -> str:
    name = _name(key)
    if key.endswith("_ms") and isinstance(value, int | float):
        return f"{name[:-3]} {span(value)}"
    if key == "links" and isinstance(value, Mapping):
        return ", ".join(f"{link} {_heard(ms)}" for link, ms in value.items())
    if isinstance(value, Mapping):
        return "; ".join(f"{inner}: {said}" for inner, said in value.items())
    if isinstance(value, list | tuple):
        return f"{name} {', '.join(str(item) for item in value)}"
    return f"{name} {value}"


def _heard(ms: object) -> str:
    return f"{span(ms)} ago" if isinstance(ms, int | float) else str(ms)
