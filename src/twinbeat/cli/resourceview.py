"""The resources of one group in `status`: how each is, how it is watched, and what it did of late;
and the bars that failures led to."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from twinbeat.core.text import times
from twinbeat.core.units import MS, readable

from .layout import BAD, DIM, GOOD, WARN, Cell, Row, Table

STATE_STYLES = {"started": GOOD, "starting": WARN, "stopping": WARN, "failed": BAD}

_HEADS = ("RESOURCE", "AGENT", "STATE", "WATCHED", "LAST LOOK", "FAILED", "NEXT LOOK")
_ALWAYS = 3
"""So many of them are shown; a further one where it says anything."""


def resources(group: Mapping[str, Any]) -> Table:
    """Return the table of a group's resources on the answering node."""
    rows = [_resource(each) for each in group.get("resources", ())]
    shown = [
        column
        for column in range(len(_HEADS))
        if column < _ALWAYS or any(row.cells[column].text != "-" for row in rows)
    ]
    return Table(
        tuple(_HEADS[column] for column in shown),
        tuple(replace(row, cells=tuple(row.cells[column] for column in shown)) for row in rows),
    )


def _resource(each: Mapping[str, Any]) -> Row:
    state, failures = str(each.get("state", "-")), each.get("failures", 0)
    look = each.get("looked")
    cells = (
        Cell(str(each.get("name", "-"))),
        Cell(str(each.get("agent", "-"))),
        Cell(state, STATE_STYLES.get(state, "")),
        Cell(str(each.get("watched") or "-")),
        _look(look, each),
        Cell(times(failures) if failures else "-", WARN if failures else ""),
        Cell(_next(each.get("next_look_ms"))),
    )
    told = (str(each.get("reason", "")), str(look.get("why", "")) if look else "")
    why = [Cell(text, WARN) for text in dict.fromkeys(told) if text]
    return Row(cells, tuple(why))


def _look(look: Mapping[str, Any] | None, each: Mapping[str, Any]) -> Cell:
    if not look:
        return Cell("-")
    found, took = str(look.get("found", "-")), look.get("took_ms")
    told = f"{found} {span(look.get('ago_ms'))} ago" + (f", in {span(took)}" if took else "")
    bad = each.get("bad", 0)
    if bad:
        told += f", bad look {bad} of {each.get('fall', '-')}"
    return Cell(told, GOOD if found == "running" else BAD)


def _next(ms: object) -> str:
    return f"in {span(max(ms, 0))}" if isinstance(ms, int | float) else "-"


def troubles(name: str, group: Mapping[str, Any]) -> Iterator[Cell]:
    """Yield what failures led to: restarts in place, bars, and that no node can run the group."""
    if restarts := group.get("restarts"):
        yield Cell(_restarts(restarts), WARN)
    if group.get("state") == "unclean":
        yield Cell(
            f"nobody starts it: stop by hand what still runs there, then `twinbeat cleanup {name}` "
            "on that node; if that is switched off, `twinbeat confirm NODE` on another",
            BAD,
        )
    nowhere, bars = group.get("nowhere") or {}, group.get("bars") or {}
    if nowhere:
        yield Cell("runs nowhere:", BAD)
        yield from (Cell(f"  {node}: {why}", BAD) for node, why in nowhere.items())
        if bars:
            yield Cell(f"repair it, then `twinbeat clear {name}`; or a bar ends by itself", WARN)
        return
    yield from (Cell(_bar(node, bar, name), WARN) for node, bar in bars.items())


def _restarts(restarts: Mapping[str, Any]) -> str:
    tried, of, within = restarts["tried"], restarts["of"], span(restarts["window_ms"])
    left = of - tried
    then = f"{left} more before it moves" if left > 0 else "with the next failure it moves"
    if under_way := restarts.get("under_way"):
        return f"restarting {', '.join(under_way)} in place, {tried} of {of} in {within}; {then}"
    return f"restarted in place {times(tried)} in {within}; {then}"


def reasons(group: Mapping[str, Any]) -> Iterator[Cell]:
    """Yield why the group is where it is; that it is nowhere is told with every node's reason."""
    if not group.get("nowhere"):
        yield from (Cell(f"because {reason}", DIM) for reason in group.get("reasons", ()))


def _bar(node: str, bar: Mapping[str, Any], group: str) -> str:
    left, why = bar.get("left_ms"), bar.get("why")
    told = f"{node} barred" + (f" for {span(left)}" if isinstance(left, int | float) else "")
    told += f": {why}" if why else ""
    return f"{told}; `twinbeat clear {group}` forgets it"


def span(ms: object) -> str:
    """Return milliseconds as a person says them, or `-`."""
    return readable(round(ms * MS)) if isinstance(ms, int | float) else "-"
