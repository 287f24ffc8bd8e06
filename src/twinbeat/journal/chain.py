"""Find the last move of a group among a node's entries, and chain it back to its cause.

A move is what lies between two owners. Its *deeds* are what nodes did with the group (stop, claim,
start, hold); before the first deed lies its *root*: the news of a node, or the will of an operator,
that set it off. No single entry is guaranteed: the ring may have forgotten it, or another node did
it. What is there is chained by group and by order; what is missing is left out, not guessed.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from twinbeat.core.beat import CLUSTER, Custody
from twinbeat.core.effects import What
from twinbeat.core.units import SECOND, GroupName, NodeName, in_ms

from .entry import Entry, wall_time
from .move import Move, Phase
from .restarts import before, restarts

DEEDS = {
    What.GROUP_CLAIMING: Custody.CLAIMING,
    What.GROUP_CLAIM_ENDED: Custody.STOPPED,
    What.GROUP_STARTING: Custody.STARTING,
    What.GROUP_HELD: Custody.HELD,
    What.GROUP_STOPPING: Custody.STOPPING,
    What.GROUP_STOPPED: Custody.STOPPED,
    What.GROUP_UNCLEAN: Custody.UNCLEAN,
}
"""What a node's own entry says of its custody."""

BAD_ROOTS = {What.PEER_DEAF, What.PEER_DEAD, What.PEER_LEFT, What.NODE_DEPOSED}
FENCING = {
    What.FENCING_BARRED,
    What.FENCING_ORDERED,
    What.FENCING_CONFIRMED,
    What.FENCING_FAILED,
    What.FENCING_VOID,
}
BAD_NEWS = BAD_ROOTS | FENCING | {What.PEER_LATE, What.LINK_DEAD, What.PEER_DEPOSED}
GOOD_NEWS = {
    What.BAR_ENDED,
    What.NODE_STARTED,
    What.NODE_ACTIVE,
    What.PEER_HEARD,
    What.PEER_ALIVE,
    What.PEER_RETURNED,
    What.PEER_RESTARTED,
}
WILL = {
    What.NODE_LEAVING,
    What.PIN_CHANGED,
    What.STANDBY_CHANGED,
    What.MAINTENANCE_CHANGED,
    What.CONFIG_CHANGED,
    What.CLEANED_UP,
    What.FAILURES_CLEARED,
}
EXPLAINED = {What.GROUP_FAILED, What.GROUP_MET}
"""What befalls an owned group and makes its owner stop it: a root of its own."""
CAUSES = (
    What.GROUP_FAILED,
    What.GROUP_MET,
    What.GROUP_STOPPING,
    What.GROUP_CLAIMING,
    What.GROUP_NOWHERE,
)
"""Whose sentence is the cause of a move: of the first kind that is there."""
HOMELESS = {What.GROUP_FAILED, What.GROUP_NOWHERE}
"""What keeps a group that nobody owns from being owned."""
ALONG = EXPLAINED | {
    What.BAR_ENDED,
    What.GROUP_FOUND,
    What.GROUP_NOWHERE,
    What.GROUP_PLACED,
    What.GROUP_CLAIM_ENDED,
    What.GROUP_DARK,
    What.GROUP_LIT,
    What.GROUP_RECORD,
}
"""Entries about the group that belong into a move's chain without being deeds."""

SAYING = {*DEEDS, What.GROUP_PLACED}
"""Entries whose sentences say what else a move hangs on."""

SEEN = {What.PING_DEAD, What.PING_ANSWERS, What.PEER_CONNECTIVITY}
"""What sets off a move to a better connected node."""

_OUTDONE = " ping nodes, "
"""What the sentence of placement says then."""

_TIED = re.compile(r"\bit (?:waits for|runs with|never runs beside) (\S+?),")
"""What a sentence says of a group that follows or avoids another one; the name of that."""

FIRST_MAX, LAST_MAX = 12, 16
"""Of a longer chain so many steps at its beginning and its end are told: a group that starts
nowhere is tried again and again, and all of that is one story."""

ROOT_AGE_MAX = 60 * SECOND
"""What happened longer before the first deed may be true, but did not set it off."""


def last_move(entries: Sequence[Entry], group: GroupName) -> Move | None:
    """Return the last move of the group that these entries of one node tell of, or None.

    Restarts in place belong to it: those that led to it, and those since. With no move on record
    they alone are the story, which has no phases then.
    """
    span = _last_span(entries, group)
    if span is None:
        return _unmoved(entries, group)
    told = entries[span.begin + 1 : span.end + 1]
    said = [e.because for e in told if e.group == group and e.what in SAYING]
    span = replace(
        span,
        outside=any(_OUTDONE in because for because in said),
        others=frozenset(name for because in said for name in _TIED.findall(because)),
    )
    chain = list(_chain(entries, span))
    failed = any(entry.what is What.GROUP_FAILED and entry.group == group for entry in chain)
    return Move(
        group=group,
        from_=span.giver,
        to=span.taker,
        at=wall_time(chain[0].wall_ns),
        cause=_cause(chain, span),
        phases=_phases(chain, group),
        restarts=before(told, group) if failed else (),
        since=restarts(entries[span.end + 1 :], group),
    )


def _unmoved(entries: Sequence[Entry], group: GroupName) -> Move | None:
    """Return the story of a group that was only restarted where it is."""
    since = restarts(entries, group)
    if not since:
        return None
    first, last = since[0], since[-1]
    return Move(
        group=group,
        from_=first.node,
        to=first.node,
        at=first.at,
        cause=last.because,
        phases=(),
        since=since,
    )


@dataclass(frozen=True, slots=True)
class _Span:
    """Where a move lies: after entry `begin` (another owner's), up to and with entry `end`."""

    group: GroupName
    begin: int
    end: int
    giver: NodeName | None
    taker: NodeName | None
    outside: bool = False
    """Whether it was set off by what the nodes see of the world outside."""
    others: frozenset[str] = frozenset()
    """The groups for whose sake it went or came."""

    def concerns(self, entry: Entry) -> bool:
        """Whether an entry is about a group of this story, or about none at all."""
        return entry.group in (None, self.group) or entry.group in self.others

    def is_deed(self, entry: Entry) -> bool:
        """Whether the giver let go of the group in this entry, or somebody reached for it."""
        custody = _custody(entry) if entry.group == self.group else None
        if custody in (None, Custody.UNKNOWN, Custody.ADOPTING):
            return False
        actor = _actor(entry)
        if actor == self.giver:
            return custody is not Custody.HELD or actor == self.taker
        return custody is not Custody.STOPPED and self.taker in (None, actor)


def _actor(entry: Entry) -> NodeName:
    """Return the node that an entry is about: of its own deeds the node itself, else the peer."""
    return entry.node if entry.peer is None or entry.what in DEEDS else entry.peer


def _custody(entry: Entry) -> Custody | None:
    """Return the custody of the entry's actor that the entry tells of, if any."""
    if entry.what is What.PEER_GROUP:
        said = entry.evidence.get("custody")
        return next((custody for custody in Custody if custody == said), None)
    return DEEDS.get(entry.what)


def _adopts(entry: Entry, group: GroupName) -> bool:
    """Whether a peer says that it found the group running when its daemon started."""
    return entry.group == group and _custody(entry) is Custody.ADOPTING


def _last_span(entries: Sequence[Entry], group: GroupName) -> _Span | None:
    """Follow who owned the group through all entries; return the last change of it."""
    custody: dict[NodeName, Custody] = {}
    owner: NodeName | None = None
    begin, span = -1, None
    for index, entry in enumerate(entries):
        actor = _actor(entry)
        if entry.what is What.PEER_DEAD:
            custody.pop(actor, None)  # What it holds is not known any more.
        if entry.group != group:
            continue
        if entry.what is What.GROUP_MET and entry.peer is not None:
            custody[entry.peer] = Custody.HELD
        now = _custody(entry)
        if now is None:
            continue
        before = custody.get(actor)
        custody[actor] = now
        if now is Custody.HELD and before is not Custody.HELD:
            arrived: NodeName | None = actor
        elif now is Custody.STOPPED and actor == owner:
            arrived = next((node for node, held in custody.items() if held is Custody.HELD), None)
        else:
            continue
        if arrived is None:
            continue
        if before is not None or arrived == entry.node or begin >= 0:
            span = _Span(group, begin, index, owner, arrived)
        owner, begin = arrived, index
    return _unfinished(entries, group, begin, owner) or _with_evidence(span, entries)


def _unfinished(
    entries: Sequence[Entry], group: GroupName, begin: int, owner: NodeName | None
) -> _Span | None:
    """Return the move that has begun after the last owner arrived and has not ended."""
    span = _Span(group, begin, len(entries) - 1, owner, None)
    under_way: set[NodeName] = set()
    for entry in entries[begin + 1 :]:
        custody = _custody(entry) if span.is_deed(entry) else None
        if custody is None and entry.group == group and _custody(entry) is Custody.STOPPED:
            under_way.discard(_actor(entry))  # A claim that ended, or a start that was undone.
        elif custody is not None:
            under_way.add(_actor(entry))
    failing = any(e.group == group and e.what in HOMELESS for e in entries[begin + 1 :])
    return span if under_way or failing else None


def _with_evidence(span: _Span | None, entries: Sequence[Entry]) -> _Span | None:
    """Let the new owner say who had it before, when these entries do not reach back so far."""
    if span is None or span.giver is not None:
        return span
    giver = entries[span.end].evidence.get("from")
    if not isinstance(giver, str):
        return span
    return _Span(span.group, span.begin, span.end, NodeName(giver), span.taker)


class _Tone(Enum):
    """What kind of root an entry can be."""

    BAD = "bad news of the giver"
    GOOD = "good news of the taker"
    WILL = "the will of an operator"
    SEEN = "what one of them sees of the world outside"


def _tone(entry: Entry, span: _Span) -> _Tone | None:
    """Return what kind of root of this move an entry can be, if any."""
    if span.outside and entry.what in SEEN:
        seer = entry.peer if entry.what is What.PEER_CONNECTIVITY else entry.node
        return _Tone.SEEN if seer in (span.giver, span.taker) else None
    if entry.what in BAD_NEWS and span.giver in (None, _actor(entry)):
        return _Tone.BAD
    if entry.what in GOOD_NEWS and (span.giver is None or span.taker == _actor(entry)):
        return _Tone.GOOD
    if entry.what is What.NODE_LEAVING:
        return _Tone.WILL if span.giver in (None, entry.node) else None
    if entry.what in WILL and span.concerns(entry):
        concerned = (None, CLUSTER, span.giver, span.taker)
        nobody = span.giver is None and span.taker is None
        return _Tone.WILL if nobody or entry.peer in concerned else None
    return None


def _chain(entries: Sequence[Entry], span: _Span) -> Iterator[Entry]:
    """Yield the entries of a move, its root first."""
    window = range(span.begin + 1, span.end + 1)
    first = next((i for i in window if span.is_deed(entries[i])), span.end)
    for index in range(_root(entries, span, first), span.end + 1):
        entry = entries[index]
        along = entry.what in ALONG and entry.group == span.group
        along |= entry.what in EXPLAINED and entry.group in span.others
        along |= _adopts(entry, span.group)
        if along or span.is_deed(entry) or _tone(entry, span) is not None:
            yield entry


def _root(entries: Sequence[Entry], span: _Span, first: int) -> int:
    """Walk back from the first deed over the nearest root and the news of its kind before it."""
    start, tone = first, None
    for index in range(first - 1, span.begin, -1):
        entry = entries[index]
        found = _tone(entry, span)
        if tone is None:
            old = _between(entry, entries[first]) > ROOT_AGE_MAX and span.giver is not None
            if old:
                break
            if entry.what in EXPLAINED and span.concerns(entry):
                return index
            if entry.group == span.group and entry.what is What.GROUP_PLACED:
                start = index
            elif found is not None and (found is not _Tone.BAD or entry.what in BAD_ROOTS):
                start, tone = index, found
        elif tone in (_Tone.WILL, _Tone.SEEN) or _turns(entry, span, tone):
            break
        elif found is not None and (found is tone or span.giver is None):
            start = index
    return start


def _turns(entry: Entry, span: _Span, tone: _Tone | None) -> bool:
    """Whether the news before this entry belong to another story."""
    if tone is _Tone.BAD:
        good = entry.what in GOOD_NEWS or entry.what is What.PEER_LATE_BEAT
        return good and _actor(entry) == span.giver
    return tone is _Tone.GOOD and entry.what in BAD_NEWS and _actor(entry) == span.taker


def _cause(chain: Sequence[Entry], span: _Span) -> str:
    """Return the sentence of whoever knew best: the new owner, the giver, else the root's."""
    said = chain[-1].evidence.get("cause") if chain[-1].what is What.GROUP_HELD else None
    if isinstance(said, str) and said:
        return said
    if any(_adopts(entry, span.group) for entry in chain):
        return f"it ran there already when the daemon of {span.taker} started"
    for what in CAUSES:
        for entry in chain:
            if entry.what is what and entry.group == span.group:
                return entry.because
    if span.giver is None:
        return "nobody owned it"
    root = next((entry for entry in chain if _tone(entry, span) is not None), chain[0])
    return _will(root) if root.because.endswith(" says so") else root.because


def _will(root: Entry) -> str:
    """Say what an operator ordered at another node, which gives no reason for it."""
    to, on = root.evidence.get("to"), root.evidence.get("on")
    match root.what:
        case What.PIN_CHANGED:
            return f"an operator moved it to {to}" if to else "an operator lifted its pin"
        case What.STANDBY_CHANGED | What.MAINTENANCE_CHANGED:
            of = "the cluster" if root.peer == CLUSTER else root.peer
            switch = root.what.removesuffix(" changed")
            return f"{switch} of {of} was switched {'on' if on else 'off'}"
        case What.FAILURES_CLEARED:
            return "an operator had its failures forgotten"
    return root.because


def _phases(chain: Sequence[Entry], group: GroupName) -> tuple[Phase, ...]:
    """Return the chain as phases; where some are left out, the one before says how many."""
    gap = max(0, len(chain) - FIRST_MAX - LAST_MAX)
    told = [*chain[:FIRST_MAX], *chain[FIRST_MAX + gap :]]
    pairs = zip(told, [*told[1:], None], strict=True)
    phases = [_phase(entry, later, group) for entry, later in pairs]
    if gap:
        last = phases[FIRST_MAX - 1]
        phases[FIRST_MAX - 1] = replace(last, evidence={**last.evidence, "left_out": gap})
    return tuple(phases)


def _phase(entry: Entry, later: Entry | None, group: GroupName) -> Phase:
    other = {"group": entry.group} if entry.group not in (None, group) else {}
    custody = _custody(entry) if entry.what is What.PEER_GROUP else None
    return Phase(
        what=str(entry.what) if custody is None else f"peer {custody}",
        ms=0.0 if later is None else in_ms(_between(entry, later)),
        because=entry.because,
        evidence={"node": _actor(entry), **other, **_without_cause(entry)},
    )


def _without_cause(entry: Entry) -> dict[str, object]:
    """Return the evidence but for what the move itself says already."""
    evidence = entry.to_dict().get("evidence", {})
    assert isinstance(evidence, dict)
    told = {"cause", "from", "custody", "peer"}
    return {key: value for key, value in evidence.items() if key not in told}


def _between(earlier: Entry, later: Entry) -> int:
    """Return nanoseconds between two entries, also when the machine was booted in between."""
    span = later.at - earlier.at
    return span if span >= 0 else max(0, later.wall_ns - earlier.wall_ns)
