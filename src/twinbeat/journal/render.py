"""Tell a move, or one entry, as a person would.

Texts of peers come out as they went in: whoever prints them to a terminal makes them harmless.
"""

import textwrap
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo

from twinbeat.core.beat import CLUSTER, Custody
from twinbeat.core.units import MS, readable

from .chain import Move, Phase
from .entry import Entry, wall_time

WIDTH = 100

HEADLINES = {
    "node started": "{node} started",
    "node active": "{node} is ready",
    "node leaving": "{node} is leaving",
    "peer heard": "{node} is heard",
    "peer alive": "{node} is alive",
    "peer deaf": "{node} no longer hears this node",
    "peer late": "{node} is late",
    "peer dead": "{node} is dead",
    "peer returned": "{node} is back",
    "peer restarted": "{node} was started anew",
    "peer left": "{node} left",
    "link dead": "the link to {node} is dead",
    "group placed": "the place of {group} is decided",
    "group claiming": "{node} claims {group}",
    "group claim ended": "{node} gives up its claim",
    "group starting": "{node} starts {group}",
    "group held": "{node} holds {group}",
    "group stopping": "{node} stops {group}",
    "group stopped": "{node} has stopped {group}",
    "group unclean": "{node} could not stop {group}",
    "group failed": "{group} failed on {node}",
    "group met": "two owners met: {node}",
    "group dark": "{group} is silent on {node}",
    "group lit": "{group} speaks again on {node}",
    "peer claiming": "{node} claims {group}",
    "peer starting": "{node} starts {group}",
    "peer held": "{node} holds {group}",
    "peer stopping": "{node} stops {group}",
    "peer stopped": "{node} has stopped {group}",
    "peer unclean": "{node} could not stop {group}",
    "fencing barred": "{node} may not be fenced",
    "fencing ordered": "{node} is to be fenced",
    "fencing confirmed": "{node} is fenced",
    "fencing failed": "{node} could not be fenced",
    "fencing void": "the fencing of {node} is void",
    "node deposed": "{node} was deposed",
    "peer deposed": "{node} was deposed",
    "group record": "the arbiter's record of {group} changed",
    "pin changed": "{group} is {pin}",
    "standby changed": "standby of {node} is switched {switch}",
    "maintenance changed": "maintenance of {node} is switched {switch}",
    "config changed": "the configuration changed",
    "cleaned up": "an operator cleans up",
}
"""By the `what` of a phase; one that is not here is told by its own words."""

HEARSAY = frozenset(f"peer {custody}" for custody in Custody)
"""What a peer said of its custody: the headline says all of it."""


def render(move: Move, zone: tzinfo = UTC, width: int = WIDTH) -> str:
    """Return the move as a causal chain: a summary, then every phase with its time.

    `zone` is that of the reader. The lines have no newline at the end of the last.
    """
    lines = textwrap.wrap(f"{_summary(move, zone)}: {move.cause}.", width)
    lines.append("")
    passed = 0.0
    for phase in move.phases:
        at = (move.at + timedelta(milliseconds=passed)).astimezone(zone)
        since = f"+ {_span(passed)}" if passed else ""
        lines.append(f"{_clock(at)}  {since:>12}  {_headline(phase, move)}")
        indent = " " * 28
        if phase.what not in HEARSAY:
            told = textwrap.wrap(_detail(phase), max(40, width - len(indent)))
            lines.extend(indent + line for line in told)
        passed += phase.ms
    if move.to is None:
        lines += ["", f"Nobody has taken {move.group} yet."]
    return "\n".join(lines)


def render_entry(entry: Entry, zone: tzinfo = UTC) -> str:
    """Return an entry as one line: when, what, about whom, why, and on what evidence."""
    at = wall_time(entry.wall_ns).astimezone(zone)
    about = " ".join(name for name in (entry.group, entry.peer) if name)
    evidence = _evidence(entry.evidence)
    told = f"{entry.because} ({evidence})" if evidence else entry.because
    return f"{at:%Y-%m-%d} {_clock(at)}  {entry.what:<19}  {about + ': ' if about else ''}{told}"


def _summary(move: Move, zone: tzinfo) -> str:
    when = f"on {move.at.astimezone(zone):%Y-%m-%d at %H:%M:%S %Z}"
    if move.to is None:
        gone = f"{move.from_} gave up {move.group}" if move.from_ else f"{move.group} has no owner"
        return f"{gone} {when}"
    took = _length(move)
    if move.from_ is None:
        return f"{move.group} came to {move.to} {when}{took}"
    if move.from_ == move.to:
        return f"{move.group} was started again on {move.to} {when}{took}"
    return f"{move.group} moved from {move.from_} to {move.to} {when}{took}"


def _length(move: Move) -> str:
    """Say how long it took, counted from the giver's last heartbeat where that is known."""
    first = move.phases[0]
    silence = first.evidence.get("silence_ms")
    if move.from_ is not None and isinstance(silence, int | float):
        return f", {_span(silence + move.ms)} after {move.from_} was last heard"
    return f", in {_span(move.ms)}" if move.ms else ""


def _headline(phase: Phase, move: Move) -> str:
    node = str(phase.evidence.get("node", "the node"))
    switch = "on" if phase.evidence.get("on") else "off"
    to = phase.evidence.get("to")
    pin = f"pinned to {to}" if to else "pinned nowhere"
    headline = HEADLINES.get(phase.what)
    if headline is None:
        return f"{node}: {phase.what}"
    named = "the cluster" if node == CLUSTER else node
    return headline.format(node=named, group=move.group, switch=switch, pin=pin)


def _detail(phase: Phase) -> str:
    said = ("node", "on", "to") if phase.what == "pin changed" else ("node", "on")
    evidence = _evidence({k: v for k, v in phase.evidence.items() if k not in said})
    return f"{phase.because} ({evidence})" if evidence else phase.because


def _evidence(evidence: Mapping[str, object]) -> str:
    return ", ".join(_fact(key, value) for key, value in evidence.items() if value is not None)


def _fact(key: str, value: object) -> str:
    """Return `last heard 1.02 s` for `last_heard_ms: 1020.0`, and so on."""
    name = key.replace("_", " ")
    if key.endswith("_ms") and isinstance(value, int | float):
        return f"{name[:-3]} {_span(value)}"
    if key == "links" and isinstance(value, Mapping):
        return ", ".join(f"{link} {_heard(ms)}" for link, ms in value.items())
    if isinstance(value, Mapping):
        return "; ".join(f"{inner}: {said}" for inner, said in value.items())
    if isinstance(value, list | tuple):
        return f"{name} {', '.join(str(item) for item in value)}"
    return f"{name} {value}"


def _heard(ms: object) -> str:
    return f"{_span(ms)} ago" if isinstance(ms, int | float) else str(ms)


def _span(ms: float) -> str:
    return readable(round(ms * MS))


def _clock(at: datetime) -> str:
    return f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}"
