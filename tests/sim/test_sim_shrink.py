"""Shrinking: whatever is left still fails, and by the same checker."""

from twinbeat.core.model import Proof
from twinbeat.core.units import SECOND, Duration
from twinbeat.sim.faults import Fault, FaultKind
from twinbeat.sim.options import Calm, Given, Options, Skies, draw
from twinbeat.sim.schedule import Schedule
from twinbeat.sim.shrink import Shrunk, shrink

OPTIONS = draw(1, Given(nodes=2, proof=Proof.PEER, minutes=9))
SCHEDULE = tuple(
    Fault(n, FaultKind.KILL, Duration(n * 3 * SECOND), Duration(SECOND), ()) for n in range(1, 41)
)


def numbers(schedule: Schedule) -> set[int]:
    return {fault.number for fault in schedule}


def test_two_faults_that_fail_only_together_are_found() -> None:
    def complaint(_: Options, schedule: Schedule) -> str | None:
        return "S1" if {7, 31} <= numbers(schedule) else None

    found = shrink(OPTIONS, SCHEDULE, "S1", complaint)
    assert numbers(found.schedule) == {7, 31}
    assert found.runs <= 150


def test_another_complaint_does_not_count() -> None:
    def complaint(_: Options, schedule: Schedule) -> str | None:
        return "S1" if 7 in numbers(schedule) else "L1"

    assert numbers(shrink(OPTIONS, SCHEDULE, "S1", complaint).schedule) == {7}


def test_a_failure_that_needs_no_fault_has_none_left() -> None:
    found = shrink(OPTIONS, SCHEDULE, "L1", lambda options, schedule: "L1")
    assert found.schedule == ()
    assert found.options.minutes == 1
    assert set(found.options.calm) == set(Calm)


def test_weather_that_is_needed_stays() -> None:
    options = next(o for o in map(draw, range(100)) if o.skies != Skies())

    def complaint(tried: Options, _: Schedule) -> str | None:
        return "S1" if tried.skies == options.skies else None

    found = shrink(options, SCHEDULE, "S1", complaint)
    assert found.options.skies == options.skies
    assert set(found.options.calm) == {Calm.CLOCKS, Calm.AGENTS}


def test_the_runs_are_bounded_and_told() -> None:
    told: list[Shrunk] = []

    def complaint(_: Options, schedule: Schedule) -> str | None:
        return "S1" if len(schedule) > 20 else None

    found = shrink(OPTIONS, SCHEDULE, "S1", complaint, told.append, runs_max=15)
    assert found.runs == 15 == len(told)
    assert len(found.schedule) > 20
