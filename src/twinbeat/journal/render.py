"""Tell a move, or one entry, as a person would.

Texts of peers come out as they went in: whoever prints them to a terminal makes them harmless.
"""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo

from twinbeat.core.beat import CLUSTER, Custody
from twinbeat.core.text import times

from .entry import Entry, wall_time
from .facts import in_words, ordinal, span
from .move import Move, Phase
from .restarts import Restart

WIDTH = 100

_SINCE = 12
"""Columns for how long a step came after the first."""

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
    "group found": "{group} was found running on {node}",
    "group runs nowhere": "{group} can run nowhere",
    "group met": "two owners met: {node}",
    "group dark": "{group} is silent on {node}",
    "group lit": "{group} speaks again on {node}",
    "peer adopting": "{node} found {group} running",
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
    "bar ended": "{node} may run {group} again",
    "failures cleared": "an operator has failures forgotten",
}
"""By the `what` of a phase; one that is not here is told by its own words."""

HEARSAY = frozenset(f"peer {custody}" for custody in Custody)
"""What a peer said of its custody: the headline says all of it."""


def render(move: Move, zone: tzinfo = UTC, width: int = WIDTH) -> str:
    """Return the move as a causal chain: a summary, then every phase with its time.

    Restarts in place stand where they belong: those that led to the move before it, those since
    after it. `zone` is that of the reader. The lines have no newline at the end of the last.
    """
    parts = (_summary(move, zone), *_consequences(move, zone))
    lines = textwrap.wrap(" ".join(parts), width)
    for each in move.restarts:
        lines += ["", *_restarted(each, move, zone, width)]
    if move.phases:
        lines += ["", *_phases(move, zone, width)]
    for each in move.since:
        lines += ["", *_restarted(each, move, zone, width)]
    if ending := _ending(move):
        lines += ["", *textwrap.wrap(ending, width)]
    return "\n".join(lines)


def _ending(move: Move) -> str:
    """Say of a group that nobody took what it waits for, and what to do; else where to read on."""
    if move.to is not None:
        if not move.cause.startswith(f"it failed on {move.from_}"):
            return ""
        tried = f"What {move.from_} tried before that is in its own journal"
        return f"{tried}: there, twinbeat why {move.group}."
    unclean = next((p for p in move.phases if p.what in _UNCLEAN), None)
    if unclean is not None:
        node = unclean.evidence.get("node", "the node")
        return (
            f"Nobody takes {move.group} while {node} may still run it. Stop by hand what runs "
            f"there, then on {node}: twinbeat cleanup {move.group}. If {node} is switched off, on "
            f"another node: twinbeat confirm {node}."
        )
    if any(phase.what == "group runs nowhere" for phase in move.phases):
        if not any(phase.what == "group failed" for phase in move.phases):
            return f"{move.group} is started as soon as one of them can run it."
        return (
            f"No node can run {move.group}. Repair what failed, then: twinbeat clear {move.group}. "
            "A node whose bar ends tries again by itself."
        )
    return f"Nobody has taken {move.group} yet."


_UNCLEAN = ("group unclean", "peer unclean")


def _phases(move: Move, zone: tzinfo, width: int) -> list[str]:
    lines, first, said = [], move.at, ""
    day = first.astimezone(zone).date()
    for phase, at in _timed(move):
        passed = (at - first) / timedelta(milliseconds=1)
        since = f"+ {span(passed)}" if passed else ""
        if len(since) > _SINCE:
            since = since.replace(" ", "", 1)
        here = at.astimezone(zone)
        if here.date() != day:
            day = here.date()
            lines.append(f"{day:%Y-%m-%d}")
        lines.append(f"{_clock(here)}  {since:>{_SINCE}}  {_headline(phase, move)}")
        detail = _detail(phase, here, move)
        if phase.what not in HEARSAY and detail != said:
            lines += _indented(detail, width)
        said = phase.because
        if (left_out := phase.evidence.get("left_out")) is not None:
            lines += _indented(f"... {left_out} steps are left out here ...", width)
    return lines


def _timed(move: Move) -> Iterator[tuple[Phase, datetime]]:
    """Yield every phase with the time it began at, in UTC."""
    passed = 0.0
    for phase in move.phases:
        yield phase, move.at + timedelta(milliseconds=passed)
        passed += phase.ms


def _restarted(restart: Restart, move: Move, zone: tzinfo, width: int) -> list[str]:
    """Tell one restart in place; of another day than the move's it has its date."""
    at = restart.at.astimezone(zone)
    day = f"{at:%Y-%m-%d}" if at.date() != move.at.astimezone(zone).date() else ""
    out = "in vain" if restart.over else "this is under way"
    if restart.ms is not None:
        out = f"whole again after {span(restart.ms)}"
    told = f"{restart.because}; {out}"
    head = f"{_clock(at)}  {day:>{_SINCE}}  {restart.resource} is restarted on {restart.node}"
    return [head, *_indented(told, width)]


def _indented(text: str, width: int) -> list[str]:
    indent = " " * (16 + _SINCE)
    return [indent + line for line in textwrap.wrap(text, max(40, width - len(indent)))]


def render_entry(entry: Entry, zone: tzinfo = UTC) -> str:
    """Return an entry as one line: when, what, about whom, why, and on what evidence."""
    at = wall_time(entry.wall_ns).astimezone(zone)
    about = " ".join(name for name in (entry.group, entry.peer) if name)
    told = _with_numbers(entry.because, entry.evidence)
    return f"{at:%Y-%m-%d} {_clock(at)}  {entry.what:<19}  {about + ': ' if about else ''}{told}"


def _summary(move: Move, zone: tzinfo) -> str:
    """Return the first sentence: what became of the group, when, and why."""
    if not move.phases:
        return f"{move.group} is on {move.to}, where it was when this journal began."
    when = f"on {move.at.astimezone(zone):%Y-%m-%d at %H:%M:%S %Z}"
    return f"{_outcome(move, when)}: {move.cause}."


def _outcome(move: Move, when: str) -> str:
    if move.to is None:
        if move.from_ is None:
            return f"{move.group} has had no owner since {when.removeprefix('on ')}"
        return f"{move.from_} gave up {move.group} {when}"
    took = _length(move)
    if move.from_ is None:
        return f"{move.group} came to {move.to} {when}{took}"
    if move.from_ != move.to:
        return f"{move.group} moved from {move.from_} to {move.to} {when}{took}"
    if any(
        p.what == "peer adopting" or (p.what == "group found" and p.evidence.get("adopted"))
        for p in move.phases
    ):
        return f"{move.group} was found running on {move.to} and kept {when}{took}"
    return f"{move.group} was started again on {move.to} {when}{took}"


def _consequences(move: Move, zone: tzinfo) -> Iterator[str]:
    """Yield the sentences after the first: restarts that led to it, bars, restarts since."""
    if move.restarts:
        when = f"{move.restarts[-1].at.astimezone(zone):%H:%M:%S}"
        yield f"Before that {_count(move.restarts)}{_last(move.restarts, 'at', when)}."
    bars = {
        phase.evidence.get("node", "the node"): bar
        for phase, at in _timed(move)
        if phase.what == "group failed" and (bar := _bar(phase, at.astimezone(zone), move))
    }
    yield from (f"{node} was then barred for {bar}." for node, bar in bars.items())
    if move.since:
        last = move.since[-1]
        when = f"{last.at.astimezone(zone):%Y-%m-%d at %H:%M:%S}"
        yield f"Since then {_count(move.since)}{_last(move.since, 'on', when)}: {last.because}."


def _count(told: Sequence[Restart]) -> str:
    """Say of restarts on one node what was restarted, where and how often."""
    names = list(dict.fromkeys(restart.resource for restart in told))
    were = "was" if len(names) == 1 else "were"
    return f"{', '.join(names)} {were} restarted on {told[-1].node} {times(len(told))}"


def _last(told: Sequence[Restart], at: str, when: str) -> str:
    return f", {at} {when}" if len(told) == 1 else f", the last time {at} {when}"


def _length(move: Move) -> str:
    """Say how long it took, counted from the giver's last heartbeat where that is known."""
    first = move.phases[0]
    silence = first.evidence.get("silence_ms")
    if move.from_ is not None and isinstance(silence, int | float):
        return f", {span(silence + move.ms)} after {move.from_} was last heard"
    return f", in {span(move.ms)}" if move.ms else ""


def _headline(phase: Phase, move: Move) -> str:
    node = str(phase.evidence.get("node", "the node"))
    switch = "on" if phase.evidence.get("on") else "off"
    to = phase.evidence.get("to")
    pin = f"pinned to {to}" if to else "pinned nowhere"
    headline = HEADLINES.get(phase.what)
    if headline is None:
        return f"{node}: {phase.what}"
    named = "the cluster" if node == CLUSTER else node
    group = phase.evidence.get("group", move.group)
    return headline.format(node=named, group=group, switch=switch, pin=pin)


def _detail(phase: Phase, at: datetime, move: Move) -> str:
    """Return the reason of a phase with its numbers, those apart that a sentence says better."""
    if phase.what == "group failed":
        bar = _bar(phase, at, move)
        barred = f"{phase.evidence.get('node', 'the node')} is barred for {bar}"
        return f"{phase.because}; {barred}" if bar else phase.because
    said = {"node", "on", "group", "left_out", "to" if phase.what == "pin changed" else "adopted"}
    rest = {key: value for key, value in phase.evidence.items() if key not in said}
    return _with_numbers(phase.because, rest)


def _with_numbers(because: str, evidence: Mapping[str, object]) -> str:
    numbers = in_words(evidence, because)
    return f"{because} ({numbers})" if numbers else because


def _bar(phase: Phase, at: datetime, move: Move) -> str:
    """Say for what, until when and how often a failure barred its node; nothing if it did not."""
    ms, count = phase.evidence.get("barred_ms"), phase.evidence.get("times")
    if not isinstance(ms, int | float):
        return ""
    until = at + timedelta(milliseconds=ms)
    day = f"{until:%Y-%m-%d} at " if until.date() != at.date() else ""
    again = f", for the {ordinal(count)} time" if isinstance(count, int) and count > 1 else ""
    return f"{phase.evidence.get('group', move.group)} until {day}{until:%H:%M:%S}{again}"


def _clock(at: datetime) -> str:
    return f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}"
