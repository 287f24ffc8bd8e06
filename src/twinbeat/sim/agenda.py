"""What is to happen and when, in true time: the one queue of a world."""

import heapq
from collections.abc import Callable

from twinbeat.core.units import NEVER, SECOND, Instant

Action = Callable[[], object]

BEGINNING = Instant(10 * SECOND)
"""No world begins at zero, where every instant is also a duration."""


class Agenda:
    """Actions by their instant; those of one instant in the order in which they were entered."""

    def __init__(self) -> None:
        self.now: Instant = BEGINNING
        self._entries: list[tuple[int, int, Action]] = []
        self._count = 0

    def at(self, when: int, action: Action) -> None:
        """Do something at an instant, or now if that is past; `NEVER` and later: not at all."""
        if when < NEVER:
            self._count += 1
            heapq.heappush(self._entries, (when, self._count, action))

    def run(self, until: Instant) -> None:
        """Do everything up to an instant, that instant included, which is now afterwards."""
        entries = self._entries
        while entries and entries[0][0] <= until:
            when, _, action = heapq.heappop(entries)
            if when > self.now:
                self.now = Instant(when)
            action()
        self.now = max(self.now, until)
