"""The queue of one hook and one group: what waits, what was left out, when it is tried again."""

from collections import deque
from dataclasses import dataclass

from twinbeat.core.units import LONG_AGO, SECOND, Duration, Instant

from .notice import Notice

WAITING_MAX = 16
"""States that wait, the one under way included; of more the oldest are left out, never the last."""
PAUSE = Duration(SECOND)
"""After the first failure; it doubles with each further one."""
PAUSE_MAX = Duration(60 * SECOND)
WHY_MAX = 250


@dataclass(slots=True)
class Counts:
    """What became of one hook's states since the daemon started."""

    delivered: int = 0
    failed: int = 0
    """Attempts."""
    left_out: int = 0
    """States that made room for newer ones, untried or tried too often."""
    given_up: int = 0
    """States that failed as often as was allowed while newer ones waited."""


@dataclass(slots=True)
class Pending:
    """One state that is to be told."""

    notice: Notice
    repeated: bool = False
    attempts: int = 0
    left_out: int = 0
    """States before this one of which nobody will be told."""


class Queue:
    """States in their order; the first is tried until it is taken, or given up for a newer one."""

    def __init__(self) -> None:
        self.waiting: deque[Pending] = deque()
        self.under_way = False
        """Whether the first of them is being delivered."""
        self.not_before = LONG_AGO
        self.failures = 0
        """In a row, of whichever state: a receiver that is down is not asked more often because
        there is more to tell."""
        self.why = ""
        """How the last attempt failed; empty when it did not."""

    @property
    def pausing(self) -> bool:
        """Whether it waits for nothing but its time."""
        return bool(self.waiting) and not self.under_way

    def due(self, now: Instant) -> bool:
        """Whether the first state is to be delivered now."""
        return self.pausing and self.not_before <= now

    def add(self, pending: Pending, retries: int) -> int:
        """Append the newest state; return how many older ones are left out for it."""
        self.waiting.append(pending)
        left_out = 0
        if not self.under_way and self.waiting[0].attempts > retries:
            left_out += self._drop(0)  # It was tried so often only because it was the last.
        if len(self.waiting) > WAITING_MAX:
            left_out += self._drop(1 if self.under_way else 0)
        return left_out

    def begin(self) -> Pending:
        """Return the first state, which is being delivered from now on."""
        head = self.waiting[0]
        head.attempts += 1
        self.under_way = True
        return head

    def succeed(self) -> bool:
        """The receiver has taken the first state; return whether it was the last."""
        self.waiting.popleft()
        self.under_way, self.failures, self.why = False, 0, ""
        self.not_before = LONG_AGO
        return not self.waiting

    def fail(self, why: str, now: Instant, retries: int) -> int:
        """The receiver has not taken it; return how many states are given up for newer ones."""
        self.under_way, self.why = False, why[:WHY_MAX]
        self.not_before = Instant(now + min(PAUSE << min(self.failures, 16), PAUSE_MAX))
        self.failures += 1
        if self.waiting[0].attempts > retries and len(self.waiting) > 1:
            return self._drop(0)
        return 0

    def _drop(self, index: int) -> int:
        """Leave a state out; the one behind it will say so."""
        gone = self.waiting[index]
        del self.waiting[index]
        self.waiting[index].left_out += 1 + gone.left_out
        return 1
