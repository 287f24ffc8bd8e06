"""asyncio sleeps in the alarm: it rings in time and for packets, and all else goes on as usual."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from twinbeat.core.units import LONG_AGO, MS, NEVER, Instant
from twinbeat.node import clock
from twinbeat.node.alarm import Alarm


class Bell:
    """Notes when it was rung, and is quiet from then on."""

    def __init__(self, alarm: Alarm) -> None:
        self.rung: list[Instant] = []
        self._alarm = alarm
        alarm.ring = self.ring

    def ring(self) -> None:
        self.rung.append(clock.now())
        self._alarm.due = NEVER

    async def until_rung(self) -> None:
        async with asyncio.timeout(5):
            while not self.rung:
                await asyncio.sleep(0.001)


async def some_rounds() -> None:
    """Let the loop look at its descriptors a few times."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
def wire() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with one, other:
        one.setblocking(False)
        yield one, other


def test_it_rings_once_when_its_time_has_come_and_not_before() -> None:
    async def story(alarm: Alarm) -> None:
        bell = Bell(alarm)
        due = alarm.due = Instant(clock.now() + 30 * MS)
        await bell.until_rung()
        assert due <= bell.rung[0] < due + 1000 * MS
        await some_rounds()
        assert len(bell.rung) == 1

    alarm = Alarm()
    alarm.run(story(alarm))


def test_a_gap_is_behind_a_ring_that_is_near_and_waits_for_no_other() -> None:
    async def story(alarm: Alarm) -> None:
        bell = Bell(alarm)
        alarm.due = Instant(clock.now() + 10 * MS)
        await alarm.gap()
        assert len(bell.rung) == 1
        alarm.due = Instant(clock.now() + 60_000 * MS)
        async with asyncio.timeout(5):
            await alarm.gap()
        assert len(bell.rung) == 1

    alarm = Alarm()
    alarm.run(story(alarm))


def test_it_wakes_a_loop_that_waits_for_nothing_else() -> None:
    async def story(alarm: Alarm) -> None:
        woken = asyncio.Event()

        def ring() -> None:
            alarm.due = NEVER
            woken.set()

        alarm.ring, alarm.due = ring, LONG_AGO
        await asyncio.wait_for(woken.wait(), 5)

    alarm = Alarm()
    alarm.run(story(alarm))


def test_it_rings_for_a_packet_until_the_descriptor_is_given_back(
    wire: tuple[socket.socket, socket.socket],
) -> None:
    async def story(alarm: Alarm) -> None:
        heard: list[bytes] = []
        alarm.ring = lambda: heard.append(wire[0].recv(100))
        alarm.listen(wire[0].fileno())
        wire[1].send(b"a beat")
        async with asyncio.timeout(5):
            while not heard:
                await asyncio.sleep(0.001)
        assert heard == [b"a beat"]
        alarm.unregister(wire[0].fileno())
        wire[1].send(b"another")
        await some_rounds()
        assert heard == [b"a beat"]

    alarm = Alarm()
    alarm.run(story(alarm))


def test_what_asyncio_waits_for_does_not_ring(wire: tuple[socket.socket, socket.socket]) -> None:
    async def story(alarm: Alarm) -> None:
        bell = Bell(alarm)
        wire[1].send(b"a request")
        got = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(wire[0], 100), 5)
        assert got == b"a request"
        assert bell.rung == []

    alarm = Alarm()
    alarm.run(story(alarm))
