"""Read what a `[[group]]` says beside its resources: failback, recovery, and other groups."""

from dataclasses import replace

from twinbeat.core.model import Failback, Recovery
from twinbeat.core.units import Duration

from .diagnostics import quote
from .draft import GroupDraft, Said
from .tables import Table
from .times import toml_time

MAX_RESTARTS = 100
MAX_RELATIONS = 16
"""Groups that one key of a group may name."""


def read_policy(table: Table, group: GroupDraft) -> None:
    """Read the keys of a group into its draft; what the table does not say stays as it is."""
    group.failback = read_failback(table) or group.failback
    group.recovery = _recovery(table) or group.recovery
    group.after = _groups(table, "after") or group.after
    group.beside = _groups(table, "with") or group.beside
    group.apart = _groups(table, "not-with") or group.apart


def _groups(table: Table, key: str) -> list[Said[str]]:
    """Read the groups that a relation names: one, or an array of them."""
    said = table.words(key) or []
    if len(said) > MAX_RELATIONS:
        table.error(key, f"{key} names more than {MAX_RELATIONS} groups")
    return said[:MAX_RELATIONS]


def read_failback(table: Table) -> Said[Failback] | None:
    """Read `failback`: off, on, or after a stable time."""
    said = table.text("failback")
    if said is None:
        return None
    if said.value in ("on", "off"):
        return Said(Failback(enabled=said.value == "on"), said.mark)
    word, _, rest = said.value.partition(" ")
    try:
        if word != "after":
            raise ValueError(f"{quote(said.value)} is none of them")
        return Said(Failback(enabled=True, after=toml_time(rest.strip())), said.mark)
    except ValueError as why:
        table.error("failback", f'failback is "off", "on" or "after 10m": {why}')
        return None


def _recovery(table: Table) -> Said[Recovery] | None:
    """Read `restarts`, `window` and `expiry`; the mark is the window's, or the first one's."""
    restarts = table.whole(
        "restarts",
        0,
        MAX_RESTARTS,
        "So often a resource that failed is started again where it ran, before the group moves.",
        "0 lets the group move at once",
    )
    window = _span(
        table,
        "window",
        "No two failures would ever be counted together, and the group would never move.",
        "an hour, `1h`, or the ten minutes that it is when left out",
    )
    expiry = _span(
        table,
        "expiry",
        "The group would come straight back to the node where it failed.",
        "for how long the node is barred, like `10m`",
    )
    said = window or restarts or expiry
    if said is None:
        return None
    recovery = Recovery()
    if restarts:
        recovery = replace(recovery, restarts=restarts.value)
    if window:
        recovery = replace(recovery, window=window.value)
    if expiry:
        recovery = replace(recovery, expiry=expiry.value)
    return Said(recovery, said.mark)


def _span(table: Table, key: str, consequence: str, hint: str) -> Said[Duration] | None:
    """Read a time that is not zero."""
    said = table.span(key)
    if said is None or said.value > 0:
        return said
    table.error(key, f"{key} is zero", hint, consequence)
    return None
