"""Whether heartbeats become later by what is watched: one histogram with, one without.

Many beats in short turns: a machine that is held up, by its other work or by the host that it is a
guest of, is so in every column, and a metronome beside each says for how long.
"""

import asyncio
import json
import statistics
import sys
from collections.abc import Iterable, Sequence
from itertools import pairwise

from . import kernel
from .burdens import BY_DBUS, BY_PIDFD, LOOKED_AT, NOTHING, Burden, laden, nothing_happened
from .figures import Entrant, Figure, Rival
from .files import Timing
from .kernel import MS
from .measures import Failed, Say
from .stage import Stage
from .topology import BuildError
from .view import Span

OFTEN = Timing("often", keepalive=50, warntime=500, deadtime=1_000, initdead=2_000)
"""Four times as many heartbeats as the usual timers send."""
TURNS = 3
STEPS = (0.5, 1, 2, 5, 10)
"""Milliseconds between the columns of the histogram."""
BURDENS = (NOTHING, LOOKED_AT, BY_PIDFD, BY_DBUS)
BOUND = Rival(NOTHING.title, 1.5)
"""The half and the hundredth of the beats that are latest begin at most so much later."""


async def punctuality(
    seconds: float, say: Say, burdens: Sequence[Burden] = BURDENS, turns: int = TURNS
) -> tuple[list[Figure], list[str]]:
    """Count late beats with each burden, in turns that last `seconds` together.

    Returns the figures, and what could not be measured in words.
    """
    figures = [
        *(Figure(f"beats later than {step:g} ms", "%") for step in STEPS),
        Figure("half are no later than", "ms", rival=BOUND),
        Figure("99 of 100 are no later than", "ms", rival=BOUND),
        Figure("the latest", "ms"),
        Figure("(a metronome: 99 of 100 are no later than)", "ms"),
        Figure("(a metronome: the latest)", "ms"),
        Figure("beats", ""),
    ]
    problems: list[str] = []
    for turn in range(turns):
        for burden in burdens:
            say(f"turn {turn + 1} of {turns}: {burden.title}, for {seconds / turns:.0f} s")
            try:
                async with laden(burden, OFTEN) as stage:
                    late, ticks = await _turn(stage, seconds / turns)
            except (Failed, BuildError) as error:
                problems.append(f"punctuality: {error}")
                continue
            for figure, value in zip(figures, _values(late, ticks), strict=True):
                figure.of(burden.title).runs.append(value)
    return figures, problems


def columns(burdens: Sequence[Burden] = BURDENS) -> Sequence[Entrant]:
    """Return the burdens as the columns of a table."""
    return [Entrant(burden.title, "", burden.what, None) for burden in burdens]


def verdict(figures: Sequence[Figure]) -> str:
    """Say in one sentence whether the histograms are the same."""
    rows = [figure for figure in figures if figure.rival is not None]
    titles = dict.fromkeys(title for row in rows for title in row.scores)
    judged = {title: [row.verdict(title) for row in rows] for title in titles}
    said = [
        f"with {title} heartbeats are {'as late as without' if all(met) else 'later'}"
        for title, met in judged.items()
        if None not in met
    ]
    return "; ".join(said) or "nothing was compared"


def lateness(beats: Iterable[int], keepalive: int) -> list[float]:
    """Return by how many milliseconds each beat came later than a keepalive after the last one.

    Those that came earlier, to go with a peer's or to tell of a change, were not late.
    """
    return sorted(max(0, b - a - keepalive) / MS for a, b in pairwise(sorted(beats)))


async def _turn(stage: Stage, seconds: float) -> tuple[list[float], list[float]]:
    """Return the lateness of the first node's beats, and of a metronome beside them."""
    start = kernel.now()
    metronome = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "twinbeat.lab.metronome", str(seconds), str(OFTEN.keepalive)),
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await metronome.communicate()
    window = Span(start, kernel.now())
    await nothing_happened(stage, window)
    beats = [beat.at for beat in stage.capture.within(window) if beat.node == stage.first.name]
    late, ticks = lateness(beats, OFTEN.keepalive * MS), sorted(json.loads(told))
    if min(len(late), len(ticks)) < 2:
        raise Failed(f"only {len(late)} heartbeats were seen, and {len(ticks)} ticks")
    return late, ticks


def _values(late: Sequence[float], ticks: Sequence[float]) -> list[float]:
    shares = [100 * sum(each > step for each in late) / len(late) for step in STEPS]
    half = statistics.median(late)
    return [*shares, half, _ninety_nine(late), late[-1], _ninety_nine(ticks), ticks[-1], len(late)]


def _ninety_nine(late: Sequence[float]) -> float:
    return statistics.quantiles(late, n=100, method="inclusive")[98]
