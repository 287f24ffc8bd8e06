"""Which verified packets are news: a window over the sequence numbers of every node's life.

A life is a generation and a token. Generations only grow, so that a recording of an earlier life
never passes; a token that another one has superseded within a generation is over as well. What is
known of a node is never forgotten, least of all when it is declared dead: Heartbeat 3.0.6 does,
and so believes the recorded packets of a dead node.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from twinbeat.core.beat import Life
from twinbeat.core.units import NodeName

WINDOW = 64
"""Sequence numbers, the highest included, within which an unseen one may still arrive."""
MAX_NODES = 128
"""Nodes that can be told apart; packets of any further one are refused."""
MAX_SUPERSEDED = 64
"""Tokens of one generation that can be over; a new one after that many is refused."""


class Verdict(StrEnum):
    """What a packet is to its receiver."""

    NEW = "new"
    """The highest sequence number so far of the node's present life."""
    DUPLICATE = "duplicate"
    """Taken in before: the copy from a second link."""
    LATE = "late"
    """Overtaken by a later one, but never seen."""
    STALE = "stale"
    """Too old to say whether it was seen."""
    REPLAY = "replay"
    """Of a life that is over."""


@dataclass(slots=True)
class _Track:
    """What was seen of one node's present life; bit n of `seen` stands for `highest - n`."""

    life: Life
    highest: int
    seen: int = 1
    superseded: set[int] = field(default_factory=set)


class ReplayGuard:
    """Judges verified packets, and only those: a forged one would end a life."""

    def __init__(self) -> None:
        self._tracks: dict[NodeName, _Track] = {}

    def judge(self, node: NodeName, life: Life, seq: int) -> Verdict:
        """Judge the packet `seq` of a node's life, and remember it.

        A higher generation, or a new token in the same one, begins a new life and ends the one
        before. What could not be remembered is refused as a replay.
        """
        track = self._tracks.get(node)
        if track is None:
            if len(self._tracks) == MAX_NODES:
                return Verdict.REPLAY
            self._tracks[node] = _Track(life, seq)
            return Verdict.NEW
        if life is track.life or life == track.life:
            return _place(track, seq)
        return _supersede(track, life, seq)


def _supersede(track: _Track, life: Life, seq: int) -> Verdict:
    if life.generation < track.life.generation:
        return Verdict.REPLAY
    if life.generation > track.life.generation:
        track.superseded.clear()
    elif life.token in track.superseded or len(track.superseded) == MAX_SUPERSEDED:
        return Verdict.REPLAY
    else:
        track.superseded.add(track.life.token)
    track.life, track.highest, track.seen = life, seq, 1
    return Verdict.NEW


def _place(track: _Track, seq: int) -> Verdict:
    ahead = seq - track.highest
    if ahead > 0:
        # A jump past the whole window must not shift by its own size: it may be 2**60.
        track.seen = track.seen << ahead & (1 << WINDOW) - 1 | 1 if ahead < WINDOW else 1
        track.highest = seq
        return Verdict.NEW
    if ahead <= -WINDOW:
        return Verdict.STALE
    bit = 1 << -ahead
    if track.seen & bit:
        return Verdict.DUPLICATE
    track.seen |= bit
    return Verdict.LATE
