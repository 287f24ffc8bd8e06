"""What is done again and again, with a turn that is taken anyway.

Heartbeats wake an idle node a few times a second, and a processor that slept is slow at first: to
wake it once more for every small duty cost half as much again as all the heartbeats.
"""

from collections.abc import Callable
from dataclasses import dataclass

from twinbeat.core.units import LONG_AGO, NEVER, Duration, Instant


@dataclass(slots=True)
class _Chore:
    job: Callable[[], None]
    period: Duration
    may: Instant = LONG_AGO
    """From when on it is done with the next turn."""
    must: Instant = LONG_AGO
    """When a turn is taken for its sake."""
    fault: str = ""


class Chores:
    """The duties of a node, each done once in its period, or up to a quarter later."""

    def __init__(self, failed: Callable[[Exception], None]) -> None:
        """Remember whom to tell of a fault: once as long as it stays the same."""
        self._failed = failed
        self._chores: list[_Chore] = []
        self._next: Instant = NEVER
        self.due: Instant = NEVER
        """When a turn must be taken, whatever else happens."""

    def add(self, period: Duration, job: Callable[[], None]) -> None:
        """Do a job with the next turn, and again and again from then on."""
        self._chores.append(_Chore(job, period))
        self._next = self.due = LONG_AGO

    def do(self, now: Instant) -> None:
        """Do what may be done now; a fault ends nothing."""
        if now < self._next:
            return
        for chore in self._chores:
            if now >= chore.may:
                chore.may = Instant(now + chore.period)
                chore.must = Instant(now + chore.period * 5 // 4)
                self._try(chore)
        self._next = min((chore.may for chore in self._chores), default=NEVER)
        self.due = min((chore.must for chore in self._chores), default=NEVER)

    def _try(self, chore: _Chore) -> None:
        try:
            chore.job()
            chore.fault = ""
        except Exception as error:
            if repr(error) != chore.fault:
                chore.fault = repr(error)
                self._failed(error)
