"""Make a failing run small: fewer faults, then a shorter run, then calmer weather.

Whatever is tried counts only if the same checker complains: another complaint is another bug. The
search is greedy (delta debugging: halves, quarters ... single faults) and bounded in runs.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from twinbeat.core.units import SECOND

from .options import Calm, Options
from .schedule import Schedule

RUNS_MAX = 150

Complaint = Callable[[Options, Schedule], str | None]
"""Plays a run and returns the name of the checker that complained first, or None."""


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The smallest failing run that was found."""

    options: Options
    schedule: Schedule
    runs: int


def shrink(
    options: Options,
    schedule: Schedule,
    checker: str,
    complaint: Complaint,
    progress: Callable[[Shrunk], object] = lambda _: None,
    runs_max: int = RUNS_MAX,
) -> Shrunk:
    """Return a smaller run of which the same checker complains; it is played `runs_max` times."""
    best = Shrunk(options, schedule, 0)
    runs = 0

    def fails(tried: Options, faults: Schedule) -> bool:
        nonlocal best, runs
        if runs >= runs_max:
            return False
        runs += 1
        same = complaint(tried, faults) == checker
        best = Shrunk(tried, faults, runs) if same else replace(best, runs=runs)
        progress(best)
        return same

    _fewer(schedule, lambda faults: fails(options, faults))
    if (minutes := _minutes_needed(best)) < options.minutes:
        fails(replace(options, minutes=minutes), best.schedule)
    for what in Calm:
        if what not in best.options.calm:
            fails(best.options.calmed(what), best.schedule)
    return best


def _fewer(schedule: Schedule, fails: Callable[[Schedule], bool]) -> None:
    """Leave out pieces of the schedule, smaller and smaller ones, as long as it still fails."""
    if schedule and fails(()):
        return
    piece = len(schedule) // 2
    while piece:
        start = 0
        while start < len(schedule):
            rest = schedule[:start] + schedule[start + piece :]
            if rest and fails(rest):
                schedule = rest
            else:
                start += piece
        piece //= 2


def _minutes_needed(run: Shrunk) -> int:
    """Return a length of the faulty part with which it ends soon after the last fault."""
    end = max((fault.at + fault.span for fault in run.schedule), default=0)
    return (end + 4 * run.options.timing.deadtime) // (60 * SECOND) + 1
