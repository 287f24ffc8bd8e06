"""The kinds of values that stand in a scenario's lines: how each is written and read."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from twinbeat.config.diagnostics import did_you_mean, listed, quote
from twinbeat.config.times import toml_time
from twinbeat.core.model import Failback, Proof
from twinbeat.core.units import Duration, GroupName, NodeName

Path = tuple[NodeName, NodeName]
"""One direction: who sends, who no longer hears."""

Relation = tuple[GroupName, str, GroupName]
"""A group, how it keeps to another (`after`, `with`, `not-with`), and that one."""

NODES_MAX = 7
GROUPS_MAX = 20
OUTCOMES = (
    "GroupStarted", "GroupStartFailed", "GroupStopped", "GroupStopFailed", "GroupFound",
    "GroupRestarted", "GroupRestartFailed",
)  # fmt: skip
PINGS_MAX = 9
STATES = ("init", "up", "active", "dead")


def node_names(count: int) -> tuple[NodeName, ...]:
    """Return `node1`, `node2` ..."""
    return tuple(NodeName(f"node{number}") for number in range(1, count + 1))


def group_names(count: int) -> tuple[GroupName, ...]:
    """Return `web`, `web2`, `web3` ..."""
    return tuple(
        GroupName(f"web{number}" if number > 1 else "web") for number in range(1, count + 1)
    )


def ping_names(count: int) -> tuple[NodeName, ...]:
    """Return `ping1`, `ping2` ..."""
    return tuple(NodeName(f"ping{number}") for number in range(1, count + 1))


@dataclass(frozen=True, slots=True)
class Names:
    """What there is at a line of the scenario."""

    nodes: tuple[NodeName, ...]
    groups: tuple[GroupName, ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of value."""

    read: Callable[[str, Names], object]
    """Raises `ValueError` with a sentence."""
    says: str
    """How it is written, for the manual."""


def _node(text: str, names: Names) -> NodeName:
    if text not in names.nodes:
        there = did_you_mean(text, names.nodes) or f"there is {listed(names.nodes, 'and')}"
        raise ValueError(f"there is no node {quote(text)}: {there}")
    return NodeName(text)


def _group(text: str, names: Names) -> GroupName:
    if text not in names.groups:
        raise ValueError(f"there is no group {quote(text)}: there is {listed(names.groups, 'and')}")
    return GroupName(text)


def _span(text: str, _names: Names) -> Duration:
    try:
        return toml_time(text)
    except ValueError:
        raise ValueError(
            f"{quote(text)} is not a span of time, such as `200ms` or `1.5s`"
        ) from None


def _path(text: str, names: Names) -> Path:
    sender, arrow, receiver = text.partition("->")
    if not arrow:
        raise ValueError(f"{quote(text)} is not a direction, such as `node1->node2`")
    return _node(sender, names), _node(receiver, names)


def _cable(text: str, names: Names) -> tuple[Path, ...]:
    one, dashes, other = text.partition("--")
    if not dashes:
        return (_path(text, names),)
    ends = _node(one, names), _node(other, names)
    return (ends, ends[::-1])


def _losses(text: str, _names: Names) -> str:
    if not re.fullmatch(r"[x.]{1,200}", text):
        raise ValueError(f"{quote(text)} is not made of `x` (lost) and `.` (arrives)")
    return text


def _number(low: int, high: int) -> Callable[[str, Names], int]:
    def read(text: str, _names: Names) -> int:
        if not re.fullmatch("[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise ValueError(f"{quote(text)} is not a whole number from {low} to {high}")
        return int(text)

    return read


def _failback(text: str, names: Names) -> Failback:
    word, after, span = text.partition("after-")
    if after and not word:
        return Failback(enabled=True, after=_span(span, names))
    if text not in ("on", "off"):
        raise ValueError(f"{quote(text)} is not `on`, `off` or, for example, `after-5s`")
    return Failback(enabled=text == "on")


def _one_of(choices: tuple[str, ...]) -> Callable[[str, Names], str]:
    def read(text: str, _names: Names) -> str:
        if text not in choices:
            raise ValueError(f"{quote(text)} is not {listed(choices)}")
        return text

    return read


def _proof(text: str, _names: Names) -> Proof:
    if text not in list(Proof):
        raise ValueError(f"{quote(text)} is not {listed(Proof)}")
    return Proof(text)


def _switch(text: str, _names: Names) -> bool:
    if text not in ("on", "off"):
        raise ValueError(f"{quote(text)} is not `on` or `off`")
    return text == "on"


def _resources(text: str, _names: Names) -> tuple[str, ...]:
    names = tuple(text.split("+"))
    if not all(re.fullmatch(r"[A-Za-z0-9.:_-]{1,60}", name) for name in names):
        raise ValueError(f"{quote(text)} is not made of names, such as `10.0.0.1+httpd`")
    if len(set(names)) < len(names):
        raise ValueError(f"{quote(text)} names one resource twice")
    return names


def _relations(text: str, _names: Names) -> tuple[Relation, ...]:
    read = [re.fullmatch(r"(\w+)-(after|with|not-with)-(\w+)", each) for each in text.split("+")]
    found = [each for each in read if each is not None]
    if len(found) < len(read):
        raise ValueError(f"{quote(text)} is not a relation, such as `web2-after-web`")
    return tuple((GroupName(e[1]), e[2], GroupName(e[3])) for e in found)


def _text(text: str, _names: Names) -> str:
    return text


KINDS = {
    "NODE": Kind(_node, "`node1`, `node2` ... as many as the cluster has"),
    "GROUP": Kind(_group, "`web`, `web2` ... as many as the cluster has"),
    "NAME": Kind(
        _text, "a name of a node or group, also of one that there is not: that is refused"
    ),
    "SPAN": Kind(_span, "a span of time with its unit: `200ms`, `1.5s`, `10m`"),
    "PATH": Kind(_path, "one direction, `node1->node2`"),
    "CABLE": Kind(_cable, "one direction, `node1->node2`, or both, `node1--node2`"),
    "LOSSES": Kind(_losses, "the fates of the next heartbeats, `x` lost, `.` arrives: `xx.x`"),
    "NODES": Kind(_number(1, NODES_MAX), f"a number from 1 to {NODES_MAX}"),
    "GROUPS": Kind(_number(0, GROUPS_MAX), f"a number from 0 to {GROUPS_MAX}"),
    "PINGS": Kind(_number(0, PINGS_MAX), f"a number from 0 to {PINGS_MAX}"),
    "NUMBER": Kind(_number(0, 999_999_999), "a whole number"),
    "FAILBACK": Kind(_failback, "`on`, `off`, or `after-` and a span, such as `after-5s`"),
    "SCRIPT": Kind(_text, "the name of the script that the group has as its resource"),
    "RESOURCES": Kind(
        _resources,
        "a group's resources from left to right, addresses and scripts: `10.0.0.1+httpd`",
    ),
    "RELATIONS": Kind(
        _relations,
        "which groups keep to others: `web2-after-web`, `web2-with-web+web3-not-with-web`",
    ),
    "PROOF": Kind(_proof, f"what proves that a node is dead: {listed(Proof)}"),
    "SWITCH": Kind(_switch, "`on` or `off`"),
    "OUTCOME": Kind(_one_of(OUTCOMES), listed(OUTCOMES)),
    "STATE": Kind(_one_of(STATES), listed(STATES)),
    "TEXT": Kind(_text, 'a text in double quotes, `"the deadtime"`'),
}
