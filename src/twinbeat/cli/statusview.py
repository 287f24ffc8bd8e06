"""`status` as lines of cells with their looks, before anybody decides how they are drawn."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twinbeat.core.text import printable
from twinbeat.core.units import MS, readable

GOOD, WARN, BAD, DIM, BOLD = "green", "yellow", "bold red", "dim", "bold"

NODE_STYLES = {"active": GOOD, "ping": GOOD, "up": WARN, "init": WARN, "dead": BAD}
GROUP_STYLES = {"held": GOOD, "stopped": BAD, "unclean": BAD, "unknown": WARN}

GUARDS = {
    "nft": "nftables silences the addresses by itself when the daemon no longer runs",
    "valid_lft": "the kernel removes the addresses, to the second, when the daemon no longer runs",
    "none": "NOTHING silences the addresses when the daemon is killed or frozen",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """A text and how it should look where looks are possible."""

    text: str
    style: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", printable(self.text))


@dataclass(frozen=True, slots=True)
class Row:
    """Cells under the heads of a table, and lines that explain them."""

    cells: tuple[Cell, ...]
    details: tuple[Cell, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one kind."""

    heads: tuple[str, ...]
    rows: tuple[Row, ...]


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
        facts=(("LEASE", _lease(status.get("lease", {}))), *_drops(status.get("drops", {}))),
    )


def lines(shown: View) -> Iterator[list[Cell]]:
    """Yield the lines of a view as pieces, each with its look; columns are aligned."""
    yield [shown.title]
    yield from ([Cell(f"! {flag.text}", flag.style)] for flag in shown.flags)
    for table in shown.tables:
        yield []
        yield from _aligned(table)
    yield []
    yield from ([Cell(f"{label:<7}", DIM), cell] for label, cell in shown.facts)


def _aligned(table: Table) -> Iterator[list[Cell]]:
    head = tuple(Cell(text, DIM) for text in table.heads)
    columns = zip(head, *(row.cells for row in table.rows), strict=True)
    widths = [max(len(cell.text) for cell in column) + 2 for column in columns]
    for row in (Row(head), *table.rows):
        padded = zip(row.cells, widths, strict=True)
        yield [Cell(cell.text.ljust(width), cell.style) for cell, width in padded]
        yield from ([Cell(f"    {detail.text}", detail.style)] for detail in row.details)


def _nodes(nodes: Mapping[str, Any], me: str) -> Table:
    rows = []
    for name, node in nodes.items():
        state = str(node.get("state", "-"))
        late = bool(node.get("late"))
        heard = "this node" if name == me else _span(node.get("last_heard_ms"))
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
        rows.append(Row(cells, _details(group)))
    heads = ("GROUP", "OWNER", "STATE", "TERM", "PREFERRED", "PINNED")
    return Table(heads, tuple(rows))


def _details(group: Mapping[str, Any]) -> tuple[Cell, ...]:
    reasons = tuple(Cell(f"because {reason}", DIM) for reason in group.get("reasons", ()))
    resources = tuple(
        Cell(f"{each.get('agent', '-')} {each.get('name', '-')}: {each.get('state', '-')} here")
        for each in group.get("resources", ())
    )
    risk = group.get("unproven")
    return reasons + resources + ((Cell(f"unproven: {risk}", WARN),) if risk else ())


def _lease(lease: Mapping[str, Any]) -> Cell:
    kind = str(lease.get("kind", "-"))
    told = [f"{kind}, {_span(lease.get('length_ms'))}"]
    if lease.get("remaining_ms") is not None:
        told.append(f"{_span(lease['remaining_ms'])} left")
    told.append(GUARDS.get(kind, "an unknown guard"))
    return Cell("; ".join(told), BAD if kind == "none" else "")


def _drops(drops: Mapping[str, int]) -> Sequence[tuple[str, Cell]]:
    told = ", ".join(f"{reason} {count}" for reason, count in drops.items() if count)
    return [("DROPS", Cell(told, WARN))] if told else []


def _span(ms: object) -> str:
    return readable(round(ms * MS)) if isinstance(ms, int | float) else "-"
