"""How often a peer was lost of late, and how long a failback to it waits for that.

A node that comes and goes takes its groups along each time, and every move is a gap. So a failback
to a node that was lost again and again without a goodbye waits until it has stayed for longer.
"""

from collections import deque

from .units import SECOND, Duration, Instant

WITHIN = Duration(3600 * SECOND)
"""Losses of longer ago count no more."""
MOST_FREE = 3
"""So many of them cost nothing."""
SHORTEST = Duration(60 * SECOND)
"""What the first that counts costs; each further one doubles it, up to `WITHIN`."""
_KEPT = 10
"""The tenth brings the wait to its longest."""


def hold_down(lost: int) -> Duration:
    """Return for how long a node must have stayed that was lost so often."""
    if lost <= MOST_FREE:
        return Duration(0)
    return Duration(min(SHORTEST << min(lost - MOST_FREE - 1, _KEPT), WITHIN))


class Losses:
    """When one peer was lost."""

    def __init__(self) -> None:
        self._at: deque[Instant] = deque(maxlen=_KEPT)

    def note(self, now: Instant) -> None:
        """It was heard until now, and is silent or has begun a new life without a goodbye."""
        self._at.append(now)

    def count(self, now: Instant) -> int:
        """Return how often that was within the last hour."""
        return sum(now - at < WITHIN for at in self._at) if self._at else 0

    def forget(self) -> None:
        """Begin anew: an operator says so."""
        self._at.clear()
