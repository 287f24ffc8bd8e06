"""One life of a Heartbeat peer: what came in, and the beat that it would send if it were ours.

It counts as alive by what is proof between two of us as well: it acknowledges what this node has
sent in its present life. This node's numbers begin at random, so that no recorded acknowledgement
fits. Until the first one fits, what the peer says of resources is kept back.
"""

from dataclasses import dataclass

from twinbeat.core.beat import Ack, Beat, GroupView, Life
from twinbeat.core.events import MessageReceived
from twinbeat.core.liveness import OwnBeats
from twinbeat.core.model import lease_of
from twinbeat.core.units import Duration, GroupName, NodeName

from .stream import Inbound

KEPT_BACK = 64
"""Messages of a peer that has acknowledged nothing yet."""


@dataclass(frozen=True, slots=True)
class Said:
    """What its newest status says."""

    word: str
    deadtime: Duration


class HeartbeatPeer:
    """What is known of one life of it."""

    def __init__(self, node: NodeName, generation: int, first: int, beats: int = 0) -> None:
        self.node = node
        self.generation = generation
        self.inbound = Inbound()
        self.said: Said | None = None
        self.acked = 0
        """Up to which of this node's numbers it has acknowledged all."""
        self.heard = 0
        """The highest of this node's beats that it has shown to have heard."""
        self.kept_back: list[MessageReceived] = []
        self._first = first
        self._beats = beats
        self._last: Beat | None = None

    @property
    def fresh(self) -> bool:
        """Whether it has shown that it hears this node's present life."""
        return self.heard > 0

    def take_ack(self, seq: int, newest: int) -> bool:
        """Take in that it has all numbers up to one; return whether that says anything new."""
        if self._first < seq <= newest:
            self.acked = max(self.acked, seq)
        return self.take_heard(seq, newest)

    def take_heard(self, seq: int, newest: int) -> bool:
        """Take in that it has heard one number; return whether that says anything new.

        What does was sent just now, for it tells of what only just left.
        """
        if not max(self.heard, self._first) < seq <= newest:
            return False
        self.heard = seq
        return True

    def keep_back(self, message: MessageReceived) -> bool:
        """Keep a message until the peer has acknowledged something; false: there are too many."""
        if len(self.kept_back) >= KEPT_BACK:
            return False
        self.kept_back.append(message)
        return True

    def again(self) -> Beat | None:
        """Return the last beat once more: a copy came on another link."""
        return self._last

    def beat(
        self,
        mine: OwnBeats,
        groups: dict[GroupName, GroupView],
        *,
        leaving: bool,
        pings: int | None,
    ) -> Beat | None:
        """Return the beat that says what the peer has said until now; None before its first status.

        A Heartbeat has no lease. It is judged by the deadtime that it published, as among
        Heartbeats: the lease in this beat is the one that belongs to that deadtime.
        """
        if self.said is None:
            return None
        self._beats += 1
        self._last = Beat(
            node=self.node,
            life=Life(self.generation, 0),
            seq=self._beats,
            word=self.said.word,
            deadtime=self.said.deadtime,
            lease=lease_of(self.said.deadtime),
            version=0,
            acks={mine.node: Ack(mine.life, self.heard, True)} if self.fresh else {},
            groups=groups,
            leaving=leaving,
            pings=pings,
        )
        return self._last
