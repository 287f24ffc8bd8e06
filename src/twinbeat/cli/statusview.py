"""`status` as lines of cells with their looks, before anybody decides how they are drawn."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .layout import BAD, BOLD, GOOD, WARN, Cell, Line, Row, Table, table_lines, text_lines
from .resourceview import reasons, resources, span, troubles

NODE_STYLES = {"active": GOOD, "ping": GOOD, "up": WARN, "init": WARN, "dead": BAD}
GROUP_STYLES = {"held": GOOD, "stopped": BAD, "unclean": BAD, "unknown": WARN}

GUARDS = {
    "nft": "nftables silences the addresses by itself when the daemon no longer runs",
    "valid_lft": "the kernel removes the addresses, to the second, when the daemon no longer runs",
    "none": "NOTHING silences the addresses when the daemon is killed or frozen",
}


@dataclass(frozen=True, slots=True)
class View:
    """Everything that `status` shows, from top to bottom."""

    title: Cell
    flags: tuple[Cell, ...]
    tables: tuple[Table, ...]
    facts: tuple[tuple[str, Cell], ...]


def view(status: Mapping[str, Any]) -> View:
    """Arrange an answer to `status`; what it does not say is shown as `-`."""
    me = str(status.get("node", "-"))
    title = f"{me}  generation {status.get('generation', '-')}  proof {status.get('proof', '-')}"
    return View(
        title=Cell(title, BOLD),
        flags=tuple(Cell(str(flag), BAD) for flag in status.get("flags", ())),
        tables=(_nodes(status.get("nodes", {}), me), _groups(status.get("groups", {}))),
        facts=(
            ("LEASE", _lease(status.get("lease", {}))),
            *_drops(status.get("drops", {})),
            *_hooks(status.get("hooks", {})),
        ),
    )


def lines(shown: View, width: int | None = None) -> Iterator[Line]:
    """Yield the lines of a view as pieces, each with its look; columns are aligned.

    `width` is that of the terminal: what does not fit is broken. None: there is room for all.
    """
    yield [shown.title]
    for flag in shown.flags:
        yield from text_lines(Cell(f"! {flag.text}", flag.style), width, 0)
    for table in shown.tables:
        yield []
        yield from table_lines(table, width)
    yield []
    for label, cell in shown.facts:
        yield from text_lines(cell, width, 7, label)


def _nodes(nodes: Mapping[str, Any], me: str) -> Table:
    rows = []
    for name, node in nodes.items():
        state = str(node.get("state", "-"))
        late = bool(node.get("late"))
        heard = "this node" if name == me else span(node.get("last_heard_ms"))
        cells = (
            Cell(name, BOLD if name == me else ""),
            Cell(f"{state}, late" if late else state, WARN if late else NODE_STYLES.get(state, "")),
            Cell(heard),
            _links(node.get("links", {})),
        )
        rows.append(Row(cells))
    return Table(("NODE", "STATE", "LAST HEARD", "LINKS"), tuple(rows))


def _links(links: Mapping[str, Any]) -> Cell:
    told = [f"{name} {link.get('state', '-')}" for name, link in links.items()]
    dead = [link for link in links.values() if link.get("state") != "up"]
    style = "" if not links else GOOD if not dead else BAD if len(dead) == len(links) else WARN
    return Cell(", ".join(told) or "-", style)


def _groups(groups: Mapping[str, Any]) -> Table:
    rows = []
    for name, group in groups.items():
        owner, state = group.get("owner"), str(group.get("state", "-"))
        cells = (
            Cell(name, BOLD),
            Cell(owner or "nobody", "" if owner else BAD),
            Cell(state, GROUP_STYLES.get(state, WARN)),
            Cell(str(group.get("term", "-"))),
            Cell(str(group.get("preferred") or "-")),
            Cell(str(group.get("pinned") or "-"), WARN if group.get("pinned") else ""),
        )
        rows.append(Row(cells, tuple(_details(name, group)), resources(group)))
    heads = ("GROUP", "OWNER", "STATE", "TERM", "PREFERRED", "PINNED")
    return Table(heads, tuple(rows))


def _details(name: str, group: Mapping[str, Any]) -> Iterator[Cell]:
    yield from reasons(group)
    yield from troubles(name, group)
    if risk := group.get("unproven"):
        yield Cell(f"unproven: {risk}", WARN)


def _lease(lease: Mapping[str, Any]) -> Cell:
    kind = str(lease.get("kind", "-"))
    told = [f"{kind}, {span(lease.get('length_ms'))}"]
    if lease.get("remaining_ms") is not None:
        told.append(f"{span(lease['remaining_ms'])} left")
    told.append(GUARDS.get(kind, "an unknown guard"))
    return Cell("; ".join(told), BAD if kind == "none" else "")


def _hooks(hooks: Mapping[str, Any]) -> Sequence[tuple[str, Cell]]:
    waiting = {name: hook.get("waiting", 0) for name, hook in hooks.items()}
    told = [f"{name} {count} waiting" for name, count in waiting.items() if count]
    return [("HOOKS", Cell(f"{', '.join(told)}: twinbeat hooks", WARN))] if told else []


def _drops(drops: Mapping[str, int]) -> Sequence[tuple[str, Cell]]:
    told = ", ".join(f"{reason} {count}" for reason, count in drops.items() if count)
    return [("DROPS", Cell(told, WARN))] if told else []
