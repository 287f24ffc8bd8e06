"""What a beat says of groups: three short texts, of which most beats have the first alone.

tb_grp  GROUP,CUSTODY,TERM,RANK,FLAGS,PIN@NODE ... FLAGS: w (wanted), f (failed) or -
tb_bar  GROUP,SPAN,WHY ...            of groups that failed: for how long the sender is barred,
                                      in milliseconds, and the sentence that says why
tb_clr  GROUP,COUNTER ...             how often failures were cleared, where that is not 0
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from twinbeat.core.beat import Bar, Custody, GroupView, Pin
from twinbeat.core.units import MS, Duration, GroupName, NodeName

from .message import Field, Reason, WireError, shown
from .words import (
    MAX_GROUP_NAME,
    decimal,
    legal_name,
    node_name,
    read_items,
    read_name,
    read_table,
    write_name,
)

T = TypeVar("T")

MAX_GROUPS = 256
MAX_RANK = 255
MAX_SPAN_MS = 86_400_000
MAX_WHY = 640
"""Bytes of a sentence."""

_CUSTODIES = {custody.value: custody for custody in Custody}
_FLAGS = {(False, False): "-", (True, False): "w", (False, True): "f", (True, True): "wf"}
_FLAGS_READ = {text: flags for flags, text in _FLAGS.items()}


def write_groups(groups: Mapping[GroupName, GroupView]) -> list[Field]:
    """Return the fields of these groups; none of them is empty."""
    said = [_write_group(name, view) for name, view in groups.items()]
    bars = [
        f"{write_name(name)},{-(-view.bar.span // MS)},{write_name(view.bar.why)}"
        for name, view in groups.items()
        if view.bar is not None and view.bar != Bar()
    ]
    cleared = [
        f"{write_name(name)},{view.cleared}" for name, view in groups.items() if view.cleared
    ]
    fields = (("tb_grp", said), ("tb_bar", bars), ("tb_clr", cleared))
    return [(name, " ".join(items)) for name, items in fields if items]


def _write_group(name: GroupName, view: GroupView) -> str:
    flags = _FLAGS[view.want, view.failed]
    pin = f"{view.pin.counter}@{write_name(view.pin.node)}"
    return f"{write_name(name)},{view.custody},{view.term},{view.rank},{flags},{pin}"


def read_groups(fields: Mapping[str, str]) -> dict[GroupName, GroupView]:
    """Return the groups of which these fields speak; WireError when they contradict."""
    items = read_items(fields.get("tb_grp", ""), 6, MAX_GROUPS, "tb_grp")
    views = read_table(items, group_name, _read_group, "tb_grp")
    for name, bar in _read_more(fields, "tb_bar", 3, views, _read_bar).items():
        if views[name].bar is None:
            raise WireError(Reason.BAD_FIELD, f"tb_bar has {shown(name)}, which did not fail")
        views[name] = replace(views[name], bar=bar)
    for name, count in _read_more(fields, "tb_clr", 2, views, _read_count).items():
        views[name] = replace(views[name], cleared=count)
    return views


def group_name(name: str) -> GroupName:
    """Return a group's name; WireError when it is none."""
    return GroupName(legal_name(name, MAX_GROUP_NAME))


def _read_group(item: list[str]) -> GroupView:
    custody, flags = _CUSTODIES.get(item[1]), _FLAGS_READ.get(item[4])
    if custody is None or flags is None:
        raise WireError(Reason.BAD_FIELD, f"tb_grp says {shown(','.join(item))}")
    counter, _, node = item[5].partition("@")
    return GroupView(
        custody=custody,
        term=decimal(item[2], "term in tb_grp"),
        rank=decimal(item[3], "rank in tb_grp", most=MAX_RANK),
        want=flags[0],
        bar=Bar() if flags[1] else None,
        pin=Pin(
            decimal(counter, "pin in tb_grp"), node_name(read_name(node)) if node else NodeName("")
        ),
    )


def _read_more(
    fields: Mapping[str, str],
    field: str,
    parts: int,
    views: Mapping[GroupName, GroupView],
    read: Callable[[list[str]], T],
) -> dict[GroupName, T]:
    """Read what a further field says of the groups in `tb_grp`."""
    if field not in fields:
        return {}
    more = read_table(read_items(fields[field], parts, MAX_GROUPS, field), group_name, read, field)
    if not views.keys() >= more.keys():
        raise WireError(Reason.BAD_FIELD, f"{field} has a group that tb_grp has not")
    return more


def _read_bar(item: list[str]) -> Bar:
    span = decimal(item[1], "span in tb_bar", most=MAX_SPAN_MS)
    why = read_name(item[2])
    if not why.isprintable() or len(why.encode()) > MAX_WHY:
        raise WireError(Reason.BAD_FIELD, f"tb_bar says {shown(why)}")
    return Bar(Duration(span * MS), why)


def _read_count(item: list[str]) -> int:
    return decimal(item[1], "counter in tb_clr")
