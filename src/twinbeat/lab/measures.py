"""What the bench measures: moves as the client sees them, an idle daemon, and one beside load."""

import asyncio
import os
import statistics
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from twinbeat.control.client import Client
from twinbeat.control.shapes import EntryShape

from . import kernel, topology
from .files import Timing
from .kernel import MS
from .node import Node
from .stage import Stage
from .steps import BY_NAME, Player, Result
from .view import Span, gaps, summary

Say = Callable[[str], None]

SETTLE_S = 3.0
"""How long a cluster is left alone before it counts as idle."""
LOOPS = 32
TAKEOVERS, LAPSES = "group held", "group dark"
"""Journal entries that must not appear while nothing happens."""


@dataclass(slots=True)
class Figure:
    """One number, measured several times; `target` is an upper bound, None where none is set."""

    name: str
    unit: str
    target: float | None = None
    peer: str = ""
    """What Heartbeat 3.0.6 or keepalived reached on the same bench."""
    runs: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The median of all runs."""
        return statistics.median(self.runs) if self.runs else float("nan")

    @property
    def met(self) -> bool | None:
        """Whether the median is within the target; what must never happen, not even once."""
        if self.target is None or not self.runs:
            return None
        return (max(self.runs) if self.target == 0 else self.median) <= self.target


class Failed(Exception):  # noqa: N818 - it says what happened
    """A step did not do what it should, so there is nothing to measure."""


async def moves(timing: Timing, runs: int, say: Say) -> list[Figure]:
    """Play every step `runs` times and return what the client saw of each."""
    deadtime = timing.deadtime
    table: dict[str, list[Figure]] = {
        "power-off": [
            Figure("power-off: ping gap beyond the deadtime", "ms", 30, "Heartbeat 254"),
            Figure("power-off: HTTP gap beyond the deadtime", "ms", None, "Heartbeat 297"),
        ]
    }
    for name, peer in (
        ("stop", "Heartbeat 295"),
        ("return", "Heartbeat 277"),
        ("handover", "Heartbeat 250"),
        ("failback", ""),
    ):
        table[name] = [
            Figure(f"{name}: ping gap", "ms", 50, peer),
            Figure(f"{name}: HTTP gap", "ms", None, ""),
        ]
    for name in ("daemon-killed", "daemon-frozen"):
        table[name] = [
            Figure(f"{name}: two owners", "ms", 0, "keepalived: for ever"),
            Figure(f"{name}: ping gap", "ms"),
        ]
    start, stop = Figure("the web server's script: start", "ms"), Figure("... stop", "ms")
    async with Stage(timing) as stage:
        await _time_the_script(stage.first, runs, start, stop)
        player = Player(stage)
        for run in range(runs):
            for name in BY_NAME:
                say(f"run {run + 1} of {runs}: {name}")
                result = await player.step(BY_NAME[name])
                if problems := [p for p in result.problems if "allowed" not in p]:
                    raise Failed(f"{name}, run {run + 1}: {'; '.join(problems)}")
                _note(table.get(name, []), result, deadtime)
    return [figure for figures in table.values() for figure in figures] + [start, stop]


def _note(figures: list[Figure], result: Result, deadtime: int) -> None:
    for figure in figures:
        seen = result.http if "HTTP" in figure.name else result.ping
        value = result.two_owners / MS if "two owners" in figure.name else seen.gap / MS
        figure.runs.append(value - deadtime if "beyond" in figure.name else value)


async def _time_the_script(node: Node, runs: int, start: Figure, stop: Figure) -> None:
    script = str(node.place.config / "resource.d" / "httpd")
    for _ in range(runs):
        for figure, verb in ((start, "start"), (stop, "stop")):
            began = kernel.now()
            await topology.command("ip", "netns", "exec", node.seat.namespace, script, verb)
            figure.runs.append((kernel.now() - began) / MS)


async def idle(timing: Timing, seconds: float, say: Say) -> list[Figure]:
    """Leave a cluster alone for `seconds` and return what its owner's daemon costs."""
    cpu = Figure(
        f"idle at keepalive {timing.keepalive} ms: CPU", "% of a core", 0.35, "Heartbeat 0.35"
    )
    rss = Figure("... resident memory", "MB", 45, "Heartbeat 25")
    pss = Figure("... its share of it (PSS)", "MB", None, "Heartbeat 7.5")
    say(f"idle for {seconds:.0f} s")
    async with Stage(timing) as stage:
        await _started(stage)
        await asyncio.sleep(SETTLE_S)
        began = [(kernel.now(), cpu_time(node.pid)) for node in stage.nodes]
        await asyncio.sleep(seconds)
        for node, (then, used) in zip(stage.nodes, began, strict=True):
            cpu.runs.append(100 * (cpu_time(node.pid) - used) / (kernel.now() - then))
            rss.runs.append(_kilobytes(node.pid, "status", "VmRSS") / 1024)
            pss.runs.append(_kilobytes(node.pid, "smaps_rollup", "Pss") / 1024)
    return [cpu, rss, pss]


async def beside_load(realtime: bool, seconds: float, say: Say) -> list[Figure]:
    """Run 10 ms / 50 ms beside 32 busy loops and count what went wrong."""
    kind = "with SCHED_RR" if realtime else "without SCHED_RR"
    timing = Timing("10 ms / 50 ms", 10, 25, 50, 2_000, realtime)
    bound = 0.0 if realtime else None
    head = f"10 ms / 50 ms beside {LOOPS} loops, {kind}"
    takeovers = Figure(f"{head}: false takeovers", "", bound)
    lapses = Figure("... lease lapses", "", bound)
    echo = Figure("... ping gap", "ms")
    silences = Figure("... ping gaps above 50 ms", "", bound)
    stall = Figure("... the client itself kept waiting", "ms")
    say(f"{head}, {seconds:.0f} s")
    async with Stage(timing) as stage:
        _hurry(os.getpid(), stage.client_pid)
        await _started(stage)
        await asyncio.sleep(SETTLE_S)
        async with _busy_loops():
            start = kernel.now()
            await asyncio.sleep(seconds)
            end = kernel.now()
        await stage.settle()
        window = Span(start, end)
        entries = [entry for node in stage.nodes for entry in await _entries(node, window)]
        takeovers.runs.append(_count(entries, TAKEOVERS))
        lapses.runs.append(_count(entries, LAPSES))
        answered = [ping.received for ping in stage.view.pings if ping.received]
        echo.runs.append(summary(stage.view.pings, window).gap / MS)
        silences.runs.append(sum(gap.length > 50 * MS for gap in gaps(answered, window)))
        stall.runs.append(stage.view.stalled(window) / MS)
    return [takeovers, lapses, echo, silences, stall]


async def _started(stage: Stage) -> None:
    result = await Player(stage).step(BY_NAME["cold-start"])
    if result.problems:
        raise Failed(f"cold-start: {'; '.join(result.problems)}")


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


def cpu_time(pid: int) -> int:
    """Return the nanoseconds that all threads of a process have been on a CPU."""
    return sum(
        int((task / "schedstat").read_text().split()[0])
        for task in Path(f"/proc/{pid}/task").iterdir()
    )


def _kilobytes(pid: int, file: str, name: str) -> float:
    for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return float(line.split()[1])
    raise Failed(f"/proc/{pid}/{file} does not tell {name}")
