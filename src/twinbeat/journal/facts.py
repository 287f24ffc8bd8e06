"""The evidence of an entry in a few words: `last heard 1.02 s`, `attempt 1 of 3 in 10 min`."""

from collections.abc import Iterator, Mapping

from twinbeat.core.units import MS, readable


def in_words(evidence: Mapping[str, object], because: str = "") -> str:
    """Return the evidence as a person would add it to a sentence, and nothing when there is none.

    What the sentence `because` says by itself is left out: the resource's name.
    """
    return ", ".join(_facts(evidence, because))


def span(ms: float) -> str:
    """Return a number of milliseconds as a person would say it."""
    return readable(round(ms * MS))


def times(count: int) -> str:
    """Return `once`, `twice`, `3 times`."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def ordinal(number: int) -> str:
    """Return `1st`, `2nd`, `3rd`, `4th`; `number` is positive."""
    teens = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def _facts(evidence: Mapping[str, object], because: str) -> Iterator[str]:
    told = {key: value for key, value in evidence.items() if value is not None}
    resource = told.get("resource")
    if isinstance(resource, str) and resource in because:
        del told["resource"]
    if told.get("resources") == [resource]:
        del told["resources"]
    for key, value in told.items():
        match key:
            case "attempt":
                yield f"attempt {value}{_of(told)}{_within(told)}"
            case "restarts":
                count = times(value) if isinstance(value, int) else value
                yield f"restarted {count}{_within(told)}"
            case "bad":
                yield f"bad look {value}" + (f" of {told['fall']}" if "fall" in told else "")
            case "time" if isinstance(value, int):
                yield f"for the {ordinal(value)} time"
            case "of" | "fall" | "window_ms" if _SAID_WITH[key] & told.keys():
                continue
            case _:
                yield _fact(key, value)


_SAID_WITH = {"of": {"attempt"}, "fall": {"bad"}, "window_ms": {"attempt", "restarts"}}


def _of(told: Mapping[str, object]) -> str:
    return f" of {told['of']}" if "of" in told else ""


def _within(told: Mapping[str, object]) -> str:
    window = told.get("window_ms")
    return f" in {span(window)}" if isinstance(window, int | float) else ""


def _fact(key: str, value: object) -> str:
    name = key.replace("_", " ")
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
