"""The bench's load: heartbeats every 10 ms beside 32 busy loops, with and without SCHED_RR."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from twinbeat.control.client import Client
from twinbeat.control.shapes import EntryShape

from . import kernel
from .figures import OURS, Figure
from .files import Timing
from .kernel import MS
from .measures import SETTLE_S, Say, start_both
from .node import Node
from .stage import Stage
from .view import Span, gaps, summary

LOOPS = 32
TAKEOVERS, LAPSES = "group held", "group dark"
"""Journal entries that must not appear while nothing happens."""


async def beside_load(realtime: bool, seconds: float, say: Say) -> list[Figure]:
    """Run twinbeat with 10 ms / 50 ms beside 32 busy loops and count what went wrong."""
    kind = "with SCHED_RR" if realtime else "without SCHED_RR"
    timing = Timing("10 ms / 50 ms", 10, 25, 50, 2_000, realtime)
    bound = 0.0 if realtime else None
    head = f"10 ms / 50 ms beside {LOOPS} loops, {kind}"
    say(f"{head}, {seconds:.0f} s")
    async with Stage(timing) as stage:
        _hurry(os.getpid(), stage.client_pid)
        await start_both(stage)
        await asyncio.sleep(SETTLE_S)
        async with _busy_loops():
            start = kernel.now()
            await asyncio.sleep(seconds)
            end = kernel.now()
        await stage.settle()
        window = Span(start, end)
        entries = [entry for node in stage.nodes for entry in await _entries(node, window)]
        answered = [ping.received for ping in stage.view.pings if ping.received]
        silences = sum(gap.length > 50 * MS for gap in gaps(answered, window))
        return [
            _figure(f"{head}: false takeovers", "", bound, _count(entries, TAKEOVERS)),
            _figure("... lease lapses", "", bound, _count(entries, LAPSES)),
            _figure("... ping gap", "ms", None, summary(stage.view.pings, window).gap / MS),
            _figure("... ping gaps above 50 ms", "", bound, silences),
            _figure(
                "... the client itself kept waiting", "ms", None, stage.view.stalled(window) / MS
            ),
        ]


def _figure(name: str, unit: str, target: float | None, value: float) -> Figure:
    figure = Figure(name, unit, target)
    figure.of(OURS).runs.append(value)
    return figure


async def _entries(node: Node, window: Span) -> list[EntryShape]:
    async with Client(node.place.socket) as client:
        history = await client.history(2000)
    return [entry for entry in history["entries"] if window.holds(entry["at"])]


def _count(entries: Iterable[EntryShape], what: str) -> int:
    return sum(entry["what"] == what for entry in entries)


@asynccontextmanager
async def _busy_loops() -> AsyncIterator[None]:
    loops = [
        await asyncio.create_subprocess_exec("sh", "-c", "while :; do :; done")
        for _ in range(LOOPS)
    ]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            await loop.wait()


def _hurry(*pids: int) -> None:
    """Let those who measure run beside the load; what they start does not inherit it."""
    for pid in pids:
        try:
            os.sched_setscheduler(pid, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
        except PermissionError:
            return  # Then the client's own waiting is reported with the figures.
