"""The steps of the reference experiment: what is done, what is expected, what was measured."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from twinbeat.control.protocol import Refused
from twinbeat.scenario import Unmet

from . import kernel
from .files import GROUP, Timing
from .kernel import MS
from .node import Node
from .result import Result, measured
from .stage import Stage
from .topology import BuildError
from .view import Span

PING_EVERY = 5 * MS
PLANNED = 150 * MS
"""The longest gap of a planned move: three times the 50 ms that it should reach."""
TAKEOVER = 90 * MS
"""What a takeover may need beyond the deadtime: three times 30 ms."""
HTTPD = 450 * MS
"""What stopping and starting the web server may add to the gap between two pages."""
CALM_S = 0.3
"""How long the new owner is watched after it was seen."""
GO_DOWN_S = 30.0
"""How long a daemon may take to release everything after SIGTERM."""


class Situation(StrEnum):
    """What the cluster is like between two steps."""

    DOWN = "nothing runs"
    HOME = "both run, the preferred owner serves"
    STOPPED = "the preferred owner's daemon is stopped"
    OFF = "the preferred owner has no power"
    AWAY = "an operator moved the group to the other node"


@dataclass(frozen=True, slots=True)
class Step:
    """One step; `gap` is the longest silence allowed, None where none is promised."""

    name: str
    does: str
    needs: Situation
    leaves: Situation
    play: Callable[[Stage], Awaitable[None]]
    gap: Callable[[Timing], int] | None


async def _cold_start(stage: Stage) -> None:
    stage.mark("both daemons are started")
    for node in stage.nodes:
        await node.daemon.start()
    await _owner_becomes(stage, stage.first)


async def _stop(stage: Stage) -> None:
    stage.mark("SIGTERM to the daemon of node1")
    await _clean_stop(stage.first)
    await _owner_becomes(stage, stage.second)


async def _return(stage: Stage) -> None:
    stage.mark("the daemon of node1 is started")
    await stage.first.daemon.start()
    await _owner_becomes(stage, stage.first)


async def _power_off(stage: Stage) -> None:
    stage.mark("node1 loses power: every process and both cables at once")
    await stage.power_off(stage.first)
    await _owner_becomes(stage, stage.second)


async def _power_on(stage: Stage) -> None:
    stage.mark("node1 is built anew, and its daemon started")
    await stage.power_on(stage.first)
    await stage.first.daemon.start()
    await _owner_becomes(stage, stage.first)


async def _handover(stage: Stage) -> None:
    stage.mark(f"an operator hands the group over to {stage.second.name}")
    await stage.first.daemon.handover()
    await _owner_becomes(stage, stage.second)


async def _failback(stage: Stage) -> None:
    stage.mark("an operator lets it fail back")
    await stage.first.daemon.failback()
    await _owner_becomes(stage, stage.first)


async def _daemon_killed(stage: Stage) -> None:
    stage.mark("kill -9 to the daemon of node1: httpd and the address stay behind")
    await stage.first.daemon.kill()
    await _owner_becomes(stage, stage.second)
    stage.mark("the daemon of node1 is started again")
    await stage.first.daemon.start()
    await _owner_becomes(stage, stage.first)


async def _daemon_frozen(stage: Stage) -> None:
    stage.mark("SIGSTOP to the daemon of node1: httpd and the address stay behind")
    stage.first.daemon.freeze()
    await _owner_becomes(stage, stage.second)
    stage.mark("SIGCONT to the daemon of node1")
    stage.first.daemon.thaw()
    await _owner_becomes(stage, stage.first)


def _planned(_timing: Timing) -> int:
    return PLANNED


def _takeover(timing: Timing) -> int:
    return timing.deadtime * MS + TAKEOVER


DOWN, HOME, STOPPED, OFF, AWAY = Situation
STEPS = (
    Step("cold-start", "both nodes start from nothing", DOWN, HOME, _cold_start, None),
    Step("stop", "the owner's service is stopped", HOME, STOPPED, _stop, _planned),
    Step("return", "it is started again, and fails back", STOPPED, HOME, _return, _planned),
    Step("power-off", "the owner loses power", HOME, OFF, _power_off, _takeover),
    Step("return-after-power-off", "it comes back", OFF, HOME, _power_on, _planned),
    Step("handover", "an operator moves the group away", HOME, AWAY, _handover, _planned),
    Step("failback", "an operator moves it back", AWAY, HOME, _failback, _planned),
    Step("daemon-killed", "the owner's daemon is killed", HOME, HOME, _daemon_killed, _takeover),
    Step("daemon-frozen", "the owner's daemon is frozen", HOME, HOME, _daemon_frozen, _takeover),
)
BY_NAME = {step.name: step for step in STEPS}
HOMEWARD = {DOWN: "cold-start", STOPPED: "return", OFF: "return-after-power-off", AWAY: "failback"}
OUTWARD = {STOPPED: "stop", OFF: "power-off", AWAY: "handover"}


def way(here: Situation, there: Situation) -> list[Step]:
    """Return the steps that lead from one situation to another; `DOWN` is reached by a reset."""
    if here is there or there is DOWN:
        return []
    names = [HOMEWARD[here]] if here is not HOME else []
    names += [OUTWARD[there]] if there is not HOME else []
    return [BY_NAME[name] for name in names]


@dataclass
class Player:
    """Plays steps one after the other, with whatever they need done quietly before them."""

    stage: Stage
    begin: Callable[[str], None] = field(default=lambda _what: None)
    """Told what is about to be done."""
    situation: Situation = DOWN

    async def play(self, names: Sequence[str]) -> AsyncIterator[Result]:
        """Play these steps, in the experiment's own order, and yield what each came to."""
        for step in STEPS:
            if step.name in names:
                yield await self.step(step)

    async def step(self, step: Step) -> Result:
        """Play one step, after what it needs, and measure it; afterwards the next may follow."""
        undone: list[str] = []
        try:
            await self._prepare(step.needs)
        except (Unmet, Refused, BuildError, TimeoutError) as error:
            undone.append(f"it could not be prepared: {error}")
        self.begin(f"{step.name}: {step.does}")
        before = self.stage.owner_seen()
        start = kernel.now()
        if not undone:
            try:
                await step.play(self.stage)
                self.situation = step.leaves
            except (Unmet, Refused, BuildError, TimeoutError) as error:
                undone.append(str(error) or f"not within {GO_DOWN_S:g} s")
        window = Span(start, await self.stage.settle())
        result = await measured(self.stage, step.name, step.does, window, before, undone)
        result.problems.extend(judge(step, result, self.stage.timing))
        if undone:
            await self.reset()
        return result

    async def _prepare(self, needs: Situation) -> None:
        if needs is DOWN and self.situation is not DOWN:
            await self.reset()
        for step in way(self.situation, needs):
            self.begin(f"preparing: {step.does}")
            await step.play(self.stage)
            self.situation = step.leaves

    async def reset(self) -> None:
        """Take both nodes' power and give it back: nothing runs then."""
        self.begin("preparing: both nodes lose power and get it back")
        await self.stage.reset()
        self.situation = DOWN


def judge(step: Step, result: Result, timing: Timing) -> list[str]:
    """Return every expectation that the measured numbers do not meet."""
    problems = []
    if result.two_owners:
        problems.append(f"two owners for {result.two_owners / MS:.0f} ms")
    if step.gap is None:
        return problems
    # A client that the machine kept waiting saw nothing meanwhile: it cannot testify to a gap.
    allowed = step.gap(timing) + result.stalled
    if result.ping.gap > allowed:
        problems.append(f"no echo for {result.ping.gap / MS:.0f} ms, {allowed / MS:.0f} allowed")
    if result.http.gap > allowed + HTTPD:
        problems.append(
            f"no page for {result.http.gap / MS:.0f} ms, {(allowed + HTTPD) / MS:.0f} allowed"
        )
    # A takeover is followed by a planned return in the same step.
    lost = result.ping.lost * PING_EVERY
    if lost > allowed + PLANNED:
        problems.append(f"{result.ping.lost} echo requests lost: {lost / MS:.0f} ms of silence")
    return problems


async def _owner_becomes(stage: Stage, owner: Node) -> None:
    """Wait until everybody agrees on the owner, and then that it stays so for a moment."""
    timing = stage.timing
    patience = (timing.initdead + 3 * timing.deadtime) / 1000 + owner.daemon.patience

    async def agreed() -> bool:
        return await stage.owned_by(owner.name)

    await stage.until(agreed, patience, f"{owner.name} owns {GROUP}")
    await asyncio.sleep(CALM_S)
    # Asked with patience: a client that the machine keeps waiting sees nobody for a moment.
    await stage.until(agreed, CALM_S, f"{owner.name} keeps {GROUP}")


async def _clean_stop(node: Node) -> None:
    try:
        code = await node.daemon.stop(GO_DOWN_S)
    except TimeoutError:
        raise Unmet(f"the daemon of {node.name} did not end after SIGTERM") from None
    if code != 0:
        raise Unmet(f"the daemon of {node.name} ended with {code}: {node.last_words()}")
