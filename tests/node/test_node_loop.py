"""The turn: packets first, then what was reported, then time; and a fault that ends it."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable

import pytest

from twinbeat.core.beat import Beat, Life
from twinbeat.core.effects import Effect, SendBeat
from twinbeat.core.engine import Engine
from twinbeat.core.events import BeatReceived, Event, GuardChanged, LinkChanged, Started, TimePassed
from twinbeat.core.model import ClusterModel, Timing
from twinbeat.core.units import NEVER, Instant, LinkName, NodeName, milliseconds, seconds
from twinbeat.node import clock
from twinbeat.node.alarm import Alarm
from twinbeat.node.chores import Chores
from twinbeat.node.loop import DecisionLoop

ETH1 = LinkName("eth1")
NODE1, NODE2 = NodeName("node1"), NodeName("node2")
MODEL = ClusterModel(
    name="test",
    nodes=(NODE1, NODE2),
    timing=Timing(
        keepalive=milliseconds(20),
        warntime=milliseconds(100),
        deadtime=milliseconds(200),
        initdead=seconds(1),
        deadping=seconds(1),
    ),
    links=(),
    groups=(),
)


class Diary(Engine):
    """The engine, noting what it is told."""

    def __init__(self) -> None:
        super().__init__(MODEL, NODE1, Life(1, 1), clock.now(), standby={}, maintenance={})
        self.told: list[type] = []
        self.fault: Exception | None = None

    def handle(self, event: Event, now: Instant) -> list[Effect]:
        self.told.append(type(event))
        if self.fault is not None:
            raise self.fault
        return super().handle(event, now)


class Patient(Diary):
    """An engine that waits for no time."""

    def next_deadline(self) -> Instant:
        return NEVER


class Turning:
    """A loop around a real engine, with an in-tray for packets."""

    def __init__(self, alarm: Alarm) -> None:
        self.engine = Diary()
        self.packets: list[BeatReceived] = []
        self.performed: list[Effect] = []
        self.failures: list[Exception] = []
        self.chores = Chores(self.failures.append)
        self.loop = DecisionLoop(alarm, self.failures.append, self.chores)

    def receive(self) -> Iterable[BeatReceived]:
        while self.packets:
            yield self.packets.pop(0)

    def perform(self, effect: Effect, now: Instant) -> None:
        self.performed.append(effect)

    def begin(self) -> None:
        self.loop.begin(self.engine, self.receive, self.perform)


def heartbeat(seq: int) -> BeatReceived:
    beat = Beat(node=NODE2, life=Life(1, 2), seq=seq, deadtime=seconds(1), lease=seconds(1))
    return BeatReceived(beat, ETH1)


def tell(story: Callable[[Alarm], Coroutine[None, None, None]]) -> None:
    """Play a story in a loop that sleeps by the alarm it is given."""
    alarm = Alarm()
    alarm.run(story(alarm))


async def until(turning: Turning, kind: type) -> None:
    async with asyncio.timeout(5):
        while kind not in turning.engine.told:
            await asyncio.sleep(0.001)


def test_the_first_event_is_the_start_and_what_was_posted_before_comes_after_it() -> None:
    async def story(alarm: Alarm) -> None:
        turning = Turning(alarm)
        turning.loop.post(LinkChanged(ETH1, True, "it is up"))
        turning.begin()
        assert turning.engine.told[:2] == [Started, LinkChanged]
        assert any(isinstance(effect, SendBeat) for effect in turning.performed)
        turning.loop.end()

    tell(story)


def test_packets_are_taken_in_before_anything_else_and_time_passes_last() -> None:
    async def story(alarm: Alarm) -> None:
        turning = Turning(alarm)
        turning.begin()
        due = turning.engine.next_deadline()
        while clock.now() < due:
            pass  # Held up beyond the deadline, as by a busy machine.
        turning.engine.told.clear()
        turning.packets = [heartbeat(1), heartbeat(2)]
        turning.loop.post(GuardChanged("nft"))
        await until(turning, TimePassed)
        assert turning.engine.told[:4] == [BeatReceived, BeatReceived, GuardChanged, TimePassed]
        turning.loop.end()

    tell(story)


def test_what_a_turn_gives_rise_to_waits_for_the_next_one() -> None:
    async def story(alarm: Alarm) -> None:
        turning = Turning(alarm)
        turning.begin()
        turning.engine.told.clear()
        answered = False

        def perform(effect: Effect, now: Instant) -> None:
            nonlocal answered
            if not answered:
                answered = True
                turning.loop.post(GuardChanged("none"))
                turning.packets.append(heartbeat(2))

        turning.loop._perform = perform
        turning.packets = [heartbeat(1)]
        turning.loop.turn()
        assert GuardChanged not in turning.engine.told[1:2]
        await until(turning, GuardChanged)
        assert turning.engine.told.index(GuardChanged) > turning.engine.told.index(BeatReceived)
        turning.loop.end()

    tell(story)


def test_heartbeats_keep_coming_at_their_interval() -> None:
    async def story(alarm: Alarm) -> None:
        turning = Turning(alarm)
        turning.begin()
        start = clock.now()
        async with asyncio.timeout(5):
            while sum(isinstance(effect, SendBeat) for effect in turning.performed) < 11:
                await asyncio.sleep(0.001)
        assert clock.now() - start >= 10 * MODEL.timing.keepalive * 0.9
        turning.loop.end()

    tell(story)


@pytest.mark.parametrize("fault", [AssertionError("of ours"), KeyError("x")])
def test_a_fault_in_a_decision_ends_the_turns_and_is_handed_over(fault: Exception) -> None:
    async def story(alarm: Alarm) -> None:
        turning = Turning(alarm)
        turning.begin()
        turning.engine.fault = fault
        turning.loop.post(GuardChanged("none"))
        async with asyncio.timeout(5):
            while not turning.failures:
                await asyncio.sleep(0.001)
        assert turning.failures == [fault]
        told = len(turning.engine.told)
        turning.loop.post(GuardChanged("nft"))
        turning.loop.turn()
        await asyncio.sleep(0.05)
        assert len(turning.engine.told) == told
        assert turning.failures == [fault]

    tell(story)


def test_a_chore_is_done_at_the_end_of_a_turn_and_gets_one_when_none_comes() -> None:
    async def story(alarm: Alarm) -> None:
        turning = Turning(alarm)
        turning.engine = Patient()
        done: list[list[type]] = []
        turning.chores.add(milliseconds(8), lambda: done.append(list(turning.engine.told)))
        turning.begin()
        assert done == [[Started]]
        async with asyncio.timeout(5):
            while len(done) < 3:
                await asyncio.sleep(0.001)
        assert set(turning.engine.told) == {Started}
        turning.loop.end()
        assert turning.failures == []

    tell(story)
