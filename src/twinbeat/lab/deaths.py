"""The bench's deaths: httpd is killed, and the client waits until somebody serves its page."""

import asyncio
from collections.abc import Sequence

from twinbeat.scenario import Unmet

from . import kernel, topology
from .contender import Contender
from .figures import Figure
from .files import Timing
from .keepalived_daemon import KeepalivedDaemon, WatchingKeepalived
from .kernel import MS, SECOND
from .measures import Failed, Say, start_both
from .stage import Stage
from .steps import CALM_S
from .topology import BuildError
from .twinbeat_daemon import TwinbeatDaemon
from .view import Span, summary

PATIENCE_S = 10.0
"""How long a page is waited for: who never notices has a gap as long as this."""
HOME_S = 20.0
"""How long the preferred node may need to serve again after httpd was repaired."""
STEP_S = 0.137
"""So much later after each run, so that deaths fall on every point between two looks."""


def watching(kinds: Sequence[type[Contender]]) -> list[type[Contender]]:
    """Return the same contenders, each set up to watch httpd as well as it can."""
    return [WatchingKeepalived if kind is KeepalivedDaemon else kind for kind in kinds]


async def deaths(
    kinds: Sequence[type[Contender]], timing: Timing, runs: int, say: Say
) -> tuple[list[Figure], list[str]]:
    """Kill httpd `runs` times under each contender; return the figures, and what went wrong."""
    noticed = Figure("httpd killed: noticed after", "ms", 100)
    page = Figure("httpd killed: page gap", "ms", 500)
    ping = Figure("httpd killed: ping gap", "ms")
    problems = []
    for kind in kinds:
        try:
            async with Stage(timing, kind) as stage:
                await start_both(stage)
                for run in range(runs):
                    say(f"run {run + 1} of {runs}: {kind.title}: httpd killed")
                    await asyncio.sleep(CALM_S + STEP_S * run)
                    at, window = await _death(stage)
                    if at is None:
                        noticed.of(kind.title).failed += 1
                    else:
                        noticed.of(kind.title).runs.append((at - window.start) / MS)
                    page.of(kind.title).runs.append(summary(stage.view.pages, window).gap / MS)
                    ping.of(kind.title).runs.append(summary(stage.view.pings, window).gap / MS)
                    await _repair(stage)
        except (Failed, BuildError, Unmet) as error:
            problems.append(f"httpd killed: {kind.title}: {error}")
    return [noticed, page, ping], problems


async def _death(stage: Stage) -> tuple[int | None, Span]:
    """Kill httpd; return when that was noticed, and what was waited for a page to come back."""
    start = stage.mark("httpd of node1 is killed")
    stage.first.fail()

    async def missed() -> bool:
        return any(not page.received and page.sent > start for page in stage.view.pages)

    async def served() -> bool:
        answered = (page.received for page in stage.view.pages if page.sent > start)
        return await missed() and kernel.now() - max(answered, default=0) < SECOND / 10

    try:
        await stage.until(served, PATIENCE_S, "a page comes back")
    except Unmet:
        pass  # Who never notices is measured all the same.
    await asyncio.sleep(CALM_S)
    window = Span(start, await stage.settle())
    return await stage.first.daemon.noticed(start), window


async def _repair(stage: Stage) -> None:
    """Start httpd where it is missing, and wait until the preferred node serves again."""
    script = str(stage.first.place.config / "resource.d" / "httpd")
    await topology.command("ip", "netns", "exec", stage.first.seat.namespace, script, "start")
    if isinstance(stage.first.daemon, TwinbeatDaemon):
        await stage.first.daemon.clear()

    async def home() -> bool:
        return await stage.owned_by(stage.first.name)

    await stage.until(home, HOME_S, f"{stage.first.name} serves again")
