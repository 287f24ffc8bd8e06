"""Chores: with a turn that comes anyway, or with one of their own; and what their faults do."""

from twinbeat.core.units import NEVER, Instant, seconds
from twinbeat.node.chores import Chores


def at(second: float) -> Instant:
    return Instant(round(second * 1e9))


class House:
    """Two chores, one every second and one every four, and when they were done."""

    def __init__(self) -> None:
        self.now = at(100)
        self.often: list[Instant] = []
        self.seldom: list[Instant] = []
        self.faults: list[str] = []
        self.broken = False
        self.chores = Chores(lambda error: self.faults.append(str(error)))

    def furnish(self) -> None:
        self.chores.add(seconds(1), self.work)
        self.chores.add(seconds(4), lambda: self.seldom.append(self.now))

    def work(self) -> None:
        self.often.append(self.now)
        if self.broken:
            raise ValueError("the broom broke")

    def turn(self, second: float) -> None:
        self.now = at(second)
        self.chores.do(self.now)


def test_nothing_to_do_wakes_nobody() -> None:
    house = House()
    house.turn(100)
    assert house.chores.due == NEVER


def test_what_is_added_is_done_with_the_next_turn() -> None:
    house = House()
    house.furnish()
    assert house.chores.due <= at(100)
    house.turn(100)
    assert house.often == house.seldom == [at(100)]
    assert house.chores.due == at(101.25)


def test_turns_that_come_often_take_the_chores_along() -> None:
    house = House()
    house.furnish()
    for fifth in range(60):
        house.turn(100 + fifth / 5)
    assert house.often == [at(100 + n) for n in range(12)]
    assert house.seldom == [at(100), at(104), at(108)]
    assert house.chores.due == at(112.25)


def test_turns_that_come_seldom_are_not_waited_for_longer_than_a_quarter() -> None:
    house = House()
    house.furnish()
    house.turn(100)
    house.turn(101.25)
    assert house.often == [at(100), at(101.25)]
    assert house.chores.due == at(102.5)
    assert house.seldom == [at(100)]
    house.turn(102.5)
    house.turn(103.75)
    assert house.seldom == [at(100)]
    assert house.chores.due == at(105)
    house.turn(105)
    assert house.seldom == [at(100), at(105)]


def test_a_fault_is_told_once_and_ends_nothing() -> None:
    house = House()
    house.furnish()
    house.broken = True
    for second in (100, 101, 102):
        house.turn(second)
    assert len(house.often) == 3
    assert house.faults == ["the broom broke"]
    house.broken = False
    house.turn(103)
    house.broken = True
    house.turn(104)
    assert house.faults == ["the broom broke"] * 2
    assert house.seldom == [at(100), at(104)]
