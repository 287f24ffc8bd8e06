"""Heartbeat's reliable numbering: what came in of a peer's messages, and what is asked for again.

A receiver takes every message as it comes, remembers the numbers that are missing, asks for them
again, and acknowledges every tenth. What was taken in once is never taken in again
within a life: a Heartbeat forgets that of a dead peer, and so believes recordings of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from twinbeat.core.units import MS, NEVER, Duration, Instant

ACK_EVERY = 10
HISTORY = 500
"""Messages that a node keeps for those who missed them."""
LOST_AT_ONCE = 250
"""More missing numbers than these are given up: there was a longer silence."""
ASK_AFTER = Duration(60 * MS)
"""Heartbeat's own answers to itself overtake each other; a gap is none before 50 ms."""
ASK_AGAIN = Duration(250 * MS)
"""Heartbeat's default of max_rexmit_delay."""
ASK_TIMES = 40
"""Then the message is given up; a Heartbeat would ask for ever."""
RESEND_AT_ONCE = 50
"""Messages sent again for one request at the most."""
RESEND_AGAIN = Duration(240 * MS)
"""Within this time the same message is not sent again."""


class Place(Enum):
    """What a number is to what came before."""

    NEW = "new"
    COPY = "copy"
    """The newest one again: it came on another link."""
    OLD = "old"


@dataclass(slots=True)
class _Missing:
    ask_at: Instant
    asked: int = 0


class Inbound:
    """The numbered messages of one life of a peer."""

    def __init__(self) -> None:
        self.highest = 0
        self._missing: dict[int, _Missing] = {}
        self._acked = 0
        self._first = 0

    def take(self, seq: int, now: Instant) -> Place:
        """Take in a number."""
        if seq in self._missing:
            del self._missing[seq]
            return Place.NEW
        if seq <= self.highest:
            return Place.COPY if seq == self.highest else Place.OLD
        if self.highest == 0:
            self._first = seq
        elif seq - self.highest - 1 + len(self._missing) > LOST_AT_ONCE:
            self._missing.clear()
        else:
            for number in range(self.highest + 1, seq):
                self._missing[number] = _Missing(Instant(now + ASK_AFTER))
        self.highest = seq
        return Place.NEW

    def forget(self, seq: int) -> None:
        """The peer says that it no longer has a message."""
        self._missing.pop(seq, None)

    def due_ack(self) -> int | None:
        """Return the number to be acknowledged now, or None; each is returned once."""
        whole = min(self._missing, default=self.highest + 1) - 1
        tenth = whole - whole % ACK_EVERY
        if tenth <= self._acked or tenth < self._first:
            return None
        self._acked = tenth
        return tenth

    def due_requests(self, now: Instant) -> Iterator[int]:
        """Yield the numbers to be asked for now; those asked for in vain are given up."""
        for seq, missing in list(self._missing.items()):
            if missing.ask_at <= now:
                missing.asked += 1
                missing.ask_at = Instant(now + ASK_AGAIN)
                if missing.asked > ASK_TIMES:
                    del self._missing[seq]
                else:
                    yield seq

    def next_deadline(self) -> Instant:
        """Return when a missing number is next asked for."""
        return min((missing.ask_at for missing in self._missing.values()), default=NEVER)


class Outbound:
    """What is sent again to a peer that missed it; the shell keeps the packets."""

    def __init__(self, first: int) -> None:
        self._first = first
        """The number after which this life's messages begin."""
        self._sent_again: dict[int, Instant] = {}

    def resend(self, first: int, last: int, newest: int, now: Instant) -> tuple[list[int], int]:
        """Return which of the wanted numbers are sent again, and the last that is gone (0: none).

        `newest` is the highest number that was sent.
        """
        gone_until = max(self._first, newest - HISTORY)
        gone = min(last, gone_until) if first <= gone_until else 0
        again: list[int] = []
        for seq in range(max(first, gone_until + 1), min(last, newest) + 1):
            if len(again) == RESEND_AT_ONCE:
                break
            if now - self._sent_again.get(seq, now - RESEND_AGAIN) >= RESEND_AGAIN:
                self._sent_again[seq] = now
                again.append(seq)
        for seq in [seq for seq in self._sent_again if seq <= newest - HISTORY]:
            del self._sent_again[seq]
        return again, gone
