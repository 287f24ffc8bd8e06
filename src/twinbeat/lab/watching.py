"""The bench's watched resources: what 200 of them cost, however they are watched."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from . import kernel
from .burdens import BURDENS, Burden, laden, nothing_happened
from .figures import OURS, Figure
from .files import Timing
from .kernel import SECOND
from .measures import Failed, Say, cpu_time
from .node import Node
from .topology import BuildError
from .view import Span

TICK = SECOND // os.sysconf("SC_CLK_TCK")
"""Nanoseconds of the unit in which a process's dead children are accounted."""


async def watching(
    timing: Timing, seconds: float, say: Say, burdens: Sequence[Burden] = BURDENS
) -> tuple[list[Figure], list[str]]:
    """Leave a cluster alone with each burden; return what it costs, and what was not measured."""
    costs: list[Figure] = []
    problems: list[str] = []
    for burden in burdens:
        say(f"{burden.title}, for {seconds:.0f} s")
        try:
            costs += await _cost(burden, timing, seconds)
        except (Failed, BuildError) as error:
            problems.append(f"watching: {error}")
    return costs, problems


async def _cost(burden: Burden, timing: Timing, seconds: float) -> list[Figure]:
    async with laden(burden, timing) as stage:
        began = _used(stage.first)
        start = kernel.now()
        await asyncio.sleep(seconds)
        window = Span(start, kernel.now())
        used = [
            100 * (b - a) / window.length for a, b in zip(began, _used(stage.first), strict=True)
        ]
        await nothing_happened(stage, window)
    return [
        _figure(f"{burden.title}: CPU, scripts included", burden.target, sum(used)),
        _figure("... of the daemon alone", None, used[0]),
    ]


def _figure(name: str, target: float | None, value: float) -> Figure:
    figure = Figure(name, "% of a core", target)
    figure.of(OURS).runs.append(value)
    return figure


def _used(node: Node) -> tuple[int, int]:
    """Return the nanoseconds of a CPU that the daemon has used, and its ended children."""
    pids = node.daemon.pids()
    # Behind the name: user and system time of the children that were waited for (proc(5)).
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return cpu_time(pids), TICK * sum(int(each[13]) + int(each[14]) for each in fields)
