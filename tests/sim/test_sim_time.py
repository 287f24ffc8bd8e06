"""The agenda, the clocks and the chance of a world."""

from twinbeat.core.units import MS, NEVER, SECOND, Instant
from twinbeat.sim.agenda import BEGINNING, Agenda
from twinbeat.sim.chance import Chance
from twinbeat.sim.clocks import Clock


def after(span: int) -> Instant:
    return Instant(BEGINNING + span)


def test_actions_come_by_their_instant_and_then_in_the_order_of_their_entry() -> None:
    agenda, done = Agenda(), list[tuple[str, int]]()

    def enter(name: str, when: int) -> None:
        agenda.at(when, lambda: done.append((name, agenda.now - BEGINNING)))

    for name, when in (("late", 3), ("first", 2), ("second", 2), ("beyond", 5)):
        enter(name, after(when))
    agenda.at(after(2), lambda: enter("from within, for the past", BEGINNING))
    enter("never", NEVER)
    agenda.run(after(4))
    expected = [("first", 2), ("second", 2), ("from within, for the past", 2), ("late", 3)]
    assert done == expected
    assert agenda.now == after(4)


def test_a_clock_that_runs_fast_shows_more_and_rings_sooner() -> None:
    agenda = Agenda()
    clock, rung = Clock(agenda), list[int]()
    clock.at(after(10 * SECOND), lambda: rung.append(agenda.now))
    clock.set_rate(10_000)  # One per cent.
    assert clock.local(after(SECOND)) == after(SECOND + 10 * MS)
    agenda.run(after(20 * SECOND))
    # 10 s by the clock are 10 s / 1.01 = 9.900990099... s; the first nanosecond not before.
    assert rung == [after(9_900_990_100)]


def test_a_clock_never_rings_before_it_shows_the_instant() -> None:
    agenda = Agenda()
    clock = Clock(agenda)
    for ppm in (-9_999, 333, 0, 7, -1):
        clock.set_rate(ppm)
        for span in (1, 999_999, 1_000_001, 3 * SECOND + 7):
            when = Instant(clock.now + span)
            true = clock.true(when)
            assert clock.local(true) >= when > clock.local(Instant(true - 1))
        agenda.run(Instant(agenda.now + 12_345_678))


def test_timers_of_a_clock_that_stands_still_wait_as_long_as_it_stands() -> None:
    agenda = Agenda()
    clock, rung = Clock(agenda), list[int]()
    clock.at(after(2 * SECOND), lambda: rung.append(agenda.now))
    agenda.run(after(SECOND))
    clock.stop()
    assert clock.true(after(2 * SECOND)) == NEVER
    agenda.run(after(6 * SECOND))
    assert clock.now == after(SECOND)
    clock.go_on()
    agenda.run(after(20 * SECOND))
    assert rung == [after(7 * SECOND)]


def test_streams_are_told_apart_by_name_and_seed_and_are_the_same_again() -> None:
    def numbers(seed: int, name: str) -> list[int]:
        stream = Chance(seed).stream(name)
        return [stream.randrange(1 << 30) for _ in range(4)]

    assert numbers(1, "weather") == numbers(1, "weather")
    drawn = [numbers(1, "weather"), numbers(1, "agents"), numbers(2, "weather")]
    assert len({tuple(row) for row in drawn}) == 3
