"""What is to happen and when, in true time: the one queue of a world."""

import heapq
from collections.abc import Callable

from twinbeat.core.units import NEVER, SECOND, Instant

Action = Callable[[], object]

BEGINNING = Instant(10 * SECOND)
"""No world begins at zero, where every instant is also a duration."""


class Line:
    """Something that an entry hangs on: once it is over, the entry is void."""

    __slots__ = ("over",)

    def __init__(self) -> None:
        self.over = False


Entry = tuple[int, int, Action, Line | None, int]
"""The instant, the number, what is to be done; on what it hangs, and its instant there."""


class Agenda:
    """Actions by their instant; those of one instant in the order in which they were entered."""

    def __init__(self) -> None:
        self.now: Instant = BEGINNING
        self._entries: list[Entry] = []
        self._count = 0

    def at(self, when: int, action: Action, line: Line | None = None, there: int = 0) -> None:
        """Do something at an instant, or now if that is past; `NEVER` and later: not at all.

        With a line: unless that is over by then; `there` is its own name for the instant.
        """
        if when < NEVER:
            self._count += 1
            heapq.heappush(self._entries, (when, self._count, action, line, there))

    def void(self, line: Line) -> list[tuple[int, Action]]:
        """Let a line be over; return what hung on it, with its own instants, in its order."""
        line.over = True
        hung = sorted(entry[1:] for entry in self._entries if entry[3] is line)
        return [(there, action) for _, action, _, there in hung]

    def run(self, until: Instant) -> None:
        """Do everything up to an instant, that instant included, which is now afterwards."""
        entries, pop = self._entries, heapq.heappop
        while entries and entries[0][0] <= until:
            when, _, action, line, _ = pop(entries)
            if line is not None and line.over:
                continue
            if when > self.now:
                self.now = Instant(when)
            action()
        self.now = max(self.now, until)
