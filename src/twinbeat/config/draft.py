"""The cluster as the files say it, before it is one: every value with the place that said it.

Both spellings, Heartbeat's trio and `cluster.toml`, are read into a `Draft`; one builder makes the
model from it, so that a rule about the cluster is written once and can name the line it is about.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from twinbeat.core.hook import HookSpec
from twinbeat.core.model import (
    Failback,
    LinkKind,
    LinkSpec,
    LogSpec,
    PingSpec,
    Proof,
    Recovery,
    ResourceSpec,
    RespawnSpec,
    Timing,
)
from twinbeat.core.units import MS, SECOND, Duration

from .diagnostics import Mark, Report, quote
from .text import Word, lower, placeholder
from .times import spoken

T = TypeVar("T")

DEFAULT_PORT = 694
MAX_NODES = 100
MAX_NODE_NAME = 100
MAX_LINKS = 64
"""These limits, the name's in bytes, are Heartbeat's own."""
MAX_INTERFACE = 15
"""What the kernel can hold in an interface's name or an address label."""

KEEPALIVE = Duration(SECOND)
DEADTIME = Duration(30 * SECOND)


@dataclass(frozen=True, slots=True)
class Said(Generic[T]):
    """A value and the place that said it."""

    value: T
    mark: Mark


@dataclass(frozen=True, slots=True)
class SaidResource(Said[ResourceSpec]):
    """A resource, and where each of its parameters is said."""

    parameters: Mapping[str, Mark] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class GroupDraft:
    """One group as a file says it; its nodes may not exist yet."""

    name: Said[str]
    preferred: Said[str] | None = None
    nodes: list[Said[str]] = field(default_factory=list)
    """In rank order; empty: the preferred node, then all others as configured."""
    resources: list[Said[ResourceSpec]] = field(default_factory=list)
    failback: Said[Failback] | None = None
    recovery: Said[Recovery] | None = None
    after: list[Said[str]] = field(default_factory=list)
    beside: list[Said[str]] = field(default_factory=list)
    """The groups of `with`."""
    apart: list[Said[str]] = field(default_factory=list)
    """The groups of `not-with`."""


@dataclass(slots=True, kw_only=True)
class Draft:
    """Everything that was said; what is None or missing was not."""

    whole: Mark
    """The main file as a whole: where a finding about something missing belongs."""
    name: Said[str] | None = None
    nodes: list[Said[str]] = field(default_factory=list)
    times: dict[str, Said[Duration]] = field(default_factory=dict)
    """keepalive, deadtime, warntime, initdead, deadping."""
    timing: Timing | None = None
    """The settled times; None when they contradict each other."""
    links: list[Said[LinkSpec]] = field(default_factory=list)
    pings: list[Said[PingSpec]] = field(default_factory=list)
    connectivity: Said[bool] | None = None
    """Whether groups move to where more ping nodes answer."""
    groups: list[GroupDraft] = field(default_factory=list)
    failback: Failback = Failback(enabled=True)
    """For every group that does not say otherwise."""
    legacy: bool = False
    """Whether a Heartbeat would run in its legacy mode."""
    proof: Said[Proof] | None = None
    log: LogSpec = LogSpec()
    realtime: bool = True
    rtprio: int = 1
    respawn: list[Said[RespawnSpec]] = field(default_factory=list)
    hooks: list[Said[HookSpec]] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    said: dict[str, Mark] = field(default_factory=dict)
    """Every directive of ha.cf that was used, and where first."""
    words: dict[str, str] = field(default_factory=dict)
    """The last value of every directive of ha.cf, as it is written there."""


def add_node(draft: Draft, word: Word, report: Report) -> None:
    """Add a node under its lower-case name; one that is there already is mentioned and left."""
    name = lower(word.text)
    if any(node.value == name for node in draft.nodes):
        report.warning(word.mark, f"node {quote(name)} is named twice; once is enough")
        return
    if len(draft.nodes) == MAX_NODES:
        report.error(word.mark, f"more than {MAX_NODES} nodes", "Heartbeat's limit is ours.")
        return
    if not fits(name, MAX_NODE_NAME):
        report.error(
            word.mark,
            f"{quote(name)} cannot travel in a heartbeat as a node's name",
            f"A name has at most {MAX_NODE_NAME} bytes, all of them printable.",
        )
        return
    if not placeholder(name) and not all(c.isalnum() or c in "-._" for c in name):
        report.warning(
            word.mark,
            f"{quote(name)} is taken for a node's name, but no machine can be called so",
            "The cluster has one node more than it should: one that will never be heard, so that "
            "every start waits initdead for it.",
            "every word after `node` is a name; a remark begins with `#`",
        )
    draft.nodes.append(Said(name, word.mark))


def add_link(draft: Draft, link: LinkSpec, mark: Mark, report: Report) -> None:
    """Add a link; a second one that says exactly the same is mentioned and left."""
    if any(known.value == link for known in draft.links):
        report.warning(
            mark,
            f"this {link.kind} link on {quote(link.interface)} is configured already",
            "It is opened once; a copy of the same path protects from nothing.",
        )
        return
    if len(draft.links) == MAX_LINKS:
        report.error(mark, f"more than {MAX_LINKS} links", "Heartbeat's limit is ours.")
        return
    known_name = link.kind is LinkKind.SERIAL or interface_like(link.interface)
    if not known_name and not placeholder(link.interface):
        report.warning(
            mark,
            f"no network interface can be called {quote(link.interface)}",
            "This link will stay down, and `status` will show it so.",
        )
    draft.links.append(Said(link, mark))


def add_ping(draft: Draft, ping: PingSpec, mark: Mark, report: Report) -> None:
    """Add a ping node; a second one of the same name is mentioned and left."""
    name = ping.name
    if any(known.value.name == name for known in draft.pings):
        report.warning(mark, f"the ping node {quote(name)} is named twice; once is enough")
    elif len(draft.pings) == MAX_LINKS:
        report.error(mark, f"more than {MAX_LINKS} ping nodes", "Heartbeat's limit is ours.")
    elif not all(fits(text, MAX_NODE_NAME) for text in (name, *ping.addresses)):
        report.error(
            mark,
            f"{quote(name)} can be no ping node",
            f"A name or an address has at most {MAX_NODE_NAME} bytes, all of them printable.",
        )
    else:
        draft.pings.append(Said(ping, mark))


def fits(name: str, most: int) -> bool:
    """Whether a name may travel in a heartbeat: printable, and not longer than so many bytes."""
    return name.isprintable() and 0 < len(name.encode()) <= most


def interface_like(name: str) -> bool:
    """Whether the kernel could have an interface of that name."""
    return 0 < len(name.encode(errors="replace")) <= MAX_INTERFACE and "/" not in name


def settle(times: Mapping[str, Said[Duration]], whole: Mark, report: Report) -> Timing | None:
    """Fill in Heartbeat's defaults and apply its limits; None when the times contradict.

    The limits are those of Heartbeat 3.0.6: a deadtime of more than two keepalives, an initdead of
    at least one deadtime. One is ours: initdead must outlast the longest lease.
    """
    said = {name: at.value for name, at in times.items()}
    keepalive = said.get("keepalive", KEEPALIVE)
    deadtime = said.get("deadtime", DEADTIME)
    timing = Timing(
        keepalive=keepalive,
        deadtime=deadtime,
        warntime=said.get("warntime", Duration(deadtime // 2)),
        initdead=said.get("initdead", default_initdead(deadtime)),
        deadping=said.get("deadping", deadtime),
    )
    problems = list(_contradictions(timing))
    for name, message, consequence, hint in problems:
        place = times.get(name) or times.get("deadtime") or times.get("keepalive")
        report.error(place.mark if place else whole, message, consequence, hint)
    return None if problems else timing


def default_initdead(deadtime: Duration) -> Duration:
    """Return Heartbeat's initdead for a deadtime when none is given."""
    if deadtime > 10 * SECOND:
        return deadtime
    return Duration(12 * SECOND if deadtime < 6 * SECOND else 2 * deadtime)


def _contradictions(timing: Timing) -> list[tuple[str, str, str, str]]:
    """Return what cannot be, as (the time to change, message, consequence, hint)."""
    if timing.keepalive <= 0:
        return [("keepalive", "keepalive is zero", "Heartbeats would be sent without a pause.", "")]
    found = []
    keepalive, deadtime = spoken(timing.keepalive), spoken(timing.deadtime)
    if timing.deadtime <= 2 * timing.keepalive:
        found.append(
            (
                "deadtime",
                f"deadtime {deadtime} is not more than twice the keepalive {keepalive}",
                "One heartbeat that is a little late would already be a death.",
                f"five keepalives are a good deadtime: {spoken(5 * timing.keepalive)}",
            )
        )
    if timing.deadping != timing.deadtime and timing.deadping <= 2 * timing.keepalive:
        found.append(
            (
                "deadping",
                f"deadping {spoken(timing.deadping)} is not more than twice the keepalive "
                f"{keepalive}",
                "Heartbeat does not start with it.",
                "leave deadping out: it is the deadtime then",
            )
        )
    if timing.initdead < timing.deadtime:
        found.append(
            (
                "initdead",
                f"initdead {spoken(timing.initdead)} is smaller than the deadtime {deadtime}",
                "A node that has just started would judge its peers sooner than one that knows "
                "them.",
                f"at least twice the deadtime: {spoken(2 * timing.deadtime)}",
            )
        )
    elif timing.initdead < (longest := timing.lease * 1025 // 1000 + 10 * MS):
        found.append(
            (
                "initdead",
                f"initdead {spoken(timing.initdead)} is shorter than a lease can last, "
                f"{spoken(longest)}",
                "A node restarted within that time has forgotten what it promised, and could take "
                "over from an owner that still serves.",
                f"at least twice the deadtime: {spoken(2 * timing.deadtime)}",
            )
        )
    return found
