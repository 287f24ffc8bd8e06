"""What the bench measures of every contender: moves as the client sees them, idle clusters."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from twinbeat.scenario import Unmet

from . import kernel, topology
from .figures import OURS, Figure, Rival, Score
from .files import Timing
from .kernel import MS
from .lineup import Kind
from .ownership import Standing
from .result import Result
from .stage import Stage
from .steps import BY_NAME, CALM_S, HOME, Player, Step
from .topology import SEATS, BuildError

Say = Callable[[str], None]

SETTLE_S = 6.0
"""How long a cluster is left alone before it counts as idle: all announcements are made by then."""
AWAY_S = 6.0
"""How long a daemon stays killed or frozen, whatever the other node does meanwhile."""
REST_S = 6.0
"""How long a cluster rests before each step, at the least: for the first 5 s of its life Heartbeat
asks its peers for 2 s more patience than its deadtime."""
RECOVERY_S = 30.0
"""How long both nodes may need afterwards until the preferred one alone serves."""


class Failed(Exception):  # noqa: N818 - it says what happened
    """A step did not do what it should, so there is nothing to measure."""


async def _killed(stage: Stage) -> None:
    stage.mark("kill -9 to the daemon of node1: httpd and the address stay behind")
    await stage.first.daemon.kill()
    await asyncio.sleep(AWAY_S)
    stage.mark("the daemon of node1 is started again")
    await stage.first.daemon.start()
    await _recovery(stage)


async def _frozen(stage: Stage) -> None:
    stage.mark("SIGSTOP to the daemon of node1: httpd and the address stay behind")
    stage.first.daemon.freeze()
    await asyncio.sleep(AWAY_S)
    stage.mark("SIGCONT to the daemon of node1")
    stage.first.daemon.thaw()
    await _recovery(stage)


async def _recovery(stage: Stage) -> None:
    """Wait until the preferred node alone serves; who never does is measured all the same."""

    async def settled() -> bool:
        stands = [stage.ownership.standing(node.name) for node in stage.nodes]
        alone = stands[0] is Standing.SERVING and stands[1] is not Standing.SERVING
        return alone and await stage.owned_by(stage.first.name)

    with suppress(Unmet, BuildError):
        await stage.until(settled, RECOVERY_S, f"{stage.first.name} alone serves")
    await asyncio.sleep(CALM_S)


KILLED = Step(f"killed for {AWAY_S:g} s", "the owner's daemon is killed", HOME, HOME, _killed, None)
FROZEN = Step(f"frozen for {AWAY_S:g} s", "the owner's daemon is frozen", HOME, HOME, _frozen, None)
COLD_START = BY_NAME["cold-start"]
MOVES = ("stop", "return", "power-off", "return-after-power-off", "handover", "failback")
PLAIN_MOVES = (COLD_START, *(BY_NAME[name] for name in MOVES))
"""What can be done to every pair, also to one of two programs."""
ROUND = (*PLAIN_MOVES, KILLED, COLD_START, FROZEN)
"""One run; after a fault everything is built anew, for not every contender finds back."""
ONLY_POWER_OFF = (COLD_START, BY_NAME["power-off"])


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read from a step's result, given the contender's detection time in milliseconds."""

    step: str
    name: str
    read: Callable[[Result, float], float]
    target: float | None = None
    rival: Rival | None = None


PLANNED = dict.fromkeys(("stop", "return", "return-after-power-off", "handover", "failback"), 50.0)
"""Milliseconds of a planned move of ours."""
AS_TWO_HEARTBEATS = Rival("heartbeat", 1.2)
AS_HEARTBEAT = Rival("heartbeat", 1.0)
AS_KEEPALIVED = Rival("keepalived", 1.0)


def _ping(result: Result, _detection: float) -> float:
    return result.ping.gap / MS


def _page(result: Result, _detection: float) -> float:
    return result.http.gap / MS


def _two(result: Result, _detection: float) -> float:
    return result.two_owners / MS


READINGS = (
    Reading("power-off", "ping gap beyond detection", lambda r, d: _ping(r, d) - d, 30),
    Reading("power-off", "page gap beyond detection", lambda r, d: _page(r, d) - d),
    Reading("stop", "ping gap", _ping, 50),
    Reading("stop", "page gap", _page),
    Reading("return", "ping gap", _ping, 50),
    Reading("return", "page gap", _page),
    Reading("handover", "ping gap", _ping, 50),
    Reading("handover", "page gap", _page),
    Reading("failback", "ping gap", _ping, 50),
    Reading("failback", "page gap", _page),
    *(
        reading
        for name in (KILLED.name, FROZEN.name)
        for reading in (
            Reading(name, "two owners", _two, 0),
            Reading(name, "ping gap", _ping),
        )
    ),
)


@dataclass(frozen=True, slots=True)
class Course:
    """Which steps a run is made of, and what is read from them."""

    steps: Sequence[Step]
    readings: Sequence[Reading]


FULL = Course(ROUND, READINGS)
MIGRATING = Course(
    PLAIN_MOVES,
    tuple(
        reading
        for name in MOVES
        for reading in (
            Reading(name, "ping gap", _ping, PLANNED.get(name), AS_TWO_HEARTBEATS),
            Reading(name, "page gap", _page),
        )
    ),
)
"""Each move with each of the four pairs: as long as with two Heartbeats, or shorter."""
BEATS = Course(
    ONLY_POWER_OFF,
    (
        Reading("power-off", "ping gap", _ping, rival=AS_KEEPALIVED),
        Reading("power-off", "page gap", _page),
    ),
)
"""A power failure where both detect it after the same time."""


async def moves(
    kinds: Sequence[Kind], timing: Timing, runs: int, say: Say, course: Course = FULL
) -> tuple[list[Figure], list[str]]:
    """Play a course `runs` times, the contenders taking turns, so that a busy minute hits all.

    Returns the figures, and what could not be measured in words.
    """
    rows = [
        (r, Figure(f"{r.step}: {r.name}", "ms", r.target, rival=r.rival)) for r in course.readings
    ]
    waited = Figure("(the client itself kept waiting)", "ms")
    problems: list[str] = []
    for run in range(runs):
        # Steps follow heartbeats: without this every run would fail at the same point between two.
        rest = REST_S + timing.keepalive / 1000 * run / runs
        for kind in kinds:
            head = f"run {run + 1} of {runs}: {kind.title}"
            detection = kind(SEATS[1], timing).detection
            try:
                async for result in _round(kind, timing, rest, course.steps, head, say):
                    problems += [f"{head}: {result.name}: {p}" for p in result.undone]
                    waited.of(kind.title).runs.append(result.stalled / MS)
                    for reading, figure in rows:
                        if reading.step == result.name:
                            _note(figure.of(kind.title), reading, result, detection)
            except BuildError as error:
                problems.append(f"{head}: {error}")
    return [*(figure for _, figure in rows), waited], problems


async def _round(
    kind: Kind, timing: Timing, rest: float, steps: Sequence[Step], head: str, say: Say
) -> AsyncIterator[Result]:
    async with Stage(timing, kind) as stage:
        player = Player(stage)
        for step in steps:
            say(f"{head}: {step.name}")
            await asyncio.sleep(rest)
            yield await player.step(step)


def _note(score: Score, reading: Reading, result: Result, detection: float) -> None:
    if result.undone:
        score.failed += 1
    else:
        score.runs.append(reading.read(result, detection))


async def script(timing: Timing, runs: int) -> list[Figure]:
    """Time the web server's script outside any cluster: what a page's gap holds beside the move."""
    figures = [Figure(f"httpd's script: {verb}", "ms") for verb in ("start", "stop")]
    async with Stage(timing) as stage:
        path = str(stage.first.place.config / "resource.d" / "httpd")
        for _ in range(runs):
            for figure, verb in zip(figures, ("start", "stop"), strict=True):
                began = kernel.now()
                await topology.command("ip", "netns", "exec", SEATS[0].namespace, path, verb)
                figure.of(OURS).runs.append((kernel.now() - began) / MS)
    return figures


async def idle(
    kinds: Sequence[Kind], timing: Timing, seconds: float, say: Say
) -> tuple[list[Figure], list[str]]:
    """Leave each cluster alone for `seconds` and return what the daemon of each node costs."""
    cpu = Figure("idle: CPU of its processes", "% of a core", rival=AS_HEARTBEAT)
    rss = Figure("... resident memory (RSS)", "MB", 45)
    pss = Figure("... its share of it (PSS)", "MB")
    processes = Figure("... processes", "")
    problems = []
    for kind in kinds:
        say(f"idle for {seconds:.0f} s: {kind.title}")
        try:
            async with Stage(timing, kind) as stage:
                await start_both(stage)
                await asyncio.sleep(SETTLE_S)
                pids = {node.name: node.daemon.pids() for node in stage.nodes}
                began = {name: (kernel.now(), cpu_time(tree)) for name, tree in pids.items()}
                await asyncio.sleep(seconds)
                for name, tree in pids.items():
                    then, used = began[name]
                    share = 100 * (cpu_time(tree) - used) / (kernel.now() - then)
                    cpu.of(kind.title).runs.append(share)
                    rss.of(kind.title).runs.append(_megabytes(tree, "status", "VmRSS"))
                    pss.of(kind.title).runs.append(_megabytes(tree, "smaps_rollup", "Pss"))
                    processes.of(kind.title).runs.append(len(tree))
        except (Failed, BuildError, OSError) as error:
            problems.append(f"idle: {kind.title}: {error}")
    return [cpu, rss, pss, processes], problems


async def start_both(stage: Stage) -> None:
    """Play the cold start; raises `Failed`."""
    result = await Player(stage).step(COLD_START)
    if result.undone:
        raise Failed(f"cold-start: {'; '.join(result.undone)}")


def cpu_time(pids: Sequence[int]) -> int:
    """Return the nanoseconds that all threads of these processes have been on a CPU."""
    return sum(
        int((task / "schedstat").read_text().split()[0])
        for pid in pids
        for task in Path(f"/proc/{pid}/task").iterdir()
    )


def _megabytes(pids: Sequence[int], file: str, name: str) -> float:
    return sum(_kilobytes(pid, file, name) for pid in pids) / 1024


def _kilobytes(pid: int, file: str, name: str) -> float:
    for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return float(line.split()[1])
    raise Failed(f"/proc/{pid}/{file} does not tell {name}")
