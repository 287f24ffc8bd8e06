"""Look at started resources again and again, and tell what is worth telling.

Every resource has a task of its own, so one that hangs holds up no other. The looks of many begin
at random instants and so keep apart, but those that would fall close together share a wake-up; what
the system tells of is looked at there and then.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable

from twinbeat.agents.base import USUAL_INTERVAL, AgentError, Found, Log, Outcome
from twinbeat.core.events import Event, ResourceLooked
from twinbeat.core.units import SECOND, Duration, GroupName, Instant, seconds

from . import clock
from .logs import tell_traceback
from .ward import Charge, ResourceState

JITTER = 0.1
"""By how much of itself an interval is longer or shorter, at random."""
SOON = seconds(1)
"""The longest pause after something was told of and all looked well: an end may take a moment."""
TOGETHER_S = 0.2
"""The distance between the instants at which looks are made: the first one wakes the processor and
finds nothing of what it needs in its caches, those behind it find most."""
Gap = Callable[[], Awaitable[None]]
"""Waits, for a turn of the loop at the least, until what holds it up delays nothing that is due."""
BREATH_S = 0.05
"""The least time between two looks, however often something is told."""


async def no_gap() -> None:
    """Leave a turn of the loop to others."""
    await asyncio.sleep(0)


class Looks:
    """How this node looks at its resources."""

    def __init__(self, post: Callable[[Event], None], log: Log, gap: Gap = no_gap) -> None:
        self._post = post
        self._gap = gap
        self._log = log
        self._door = asyncio.Lock()
        """Behind it those of one instant begin one after the other, each in a gap."""

    async def look(self, charge: Charge, depth: int = 0, *, urgent: bool = False) -> Outcome:
        """Look once, and remember what was found; a fault of the agent is an outcome as well."""
        try:
            outcome = await charge.agent.monitor(depth, urgent=urgent)
        except AgentError as error:
            outcome = Outcome(Found.FAILED, str(error), answered=False)
        except Exception as error:
            tell_traceback(self._log, error, f"{charge.name}: ")
            outcome = Outcome(Found.FAILED, fault(error), answered=False)
        charge.last, charge.looked = outcome, clock.now()
        return outcome

    async def attend(self, group: GroupName, charge: Charge) -> None:
        """Look at a started resource until this task is cancelled, or it turns out to be useless.

        Nothing counts of an agent whose looks are in doubt: the first two decide whether they are
        of any use, the first of them at once.
        """
        interval = await self._interval(charge)
        doubtful, good, misses = charge.agent.doubtful, 0, 0
        pause = Duration(0 if doubtful else round(interval * random.random()))
        while interval:
            charge.interval = interval
            told = await self._pause(charge, interval, pause)
            outcome = await self.look(charge, charge.spec.depth, urgent=bool(told))
            interval = await self._interval(charge)
            pause = jittered(interval)
            if outcome.found is Found.RUNNING:
                doubtful = False
                charge.settle(ResourceState.STARTED)
                if good < charge.spec.rise:
                    good += 1
                    self._post(ResourceLooked(group, charge.name, running=True))
                pause = min(pause, SOON) if told else pause
            elif doubtful and misses:
                self._give_up(group, charge)
                return
            elif doubtful:
                misses += 1
            else:
                good = 0
                self._tell_bad(group, charge, outcome, told)
            if told:
                await asyncio.sleep(BREATH_S)

    def _tell_bad(self, group: GroupName, charge: Charge, outcome: Outcome, told: str) -> None:
        fell = outcome.found is Found.STOPPED
        why = "it was found not running" if fell else outcome.reason
        if told:
            why = f"{told}: {why}"
        if (charge.state, charge.reason) != (ResourceState.FAILED, why):
            self._log("ERROR", f"{group}: {charge.name} failed: {why}")
        charge.fail(why)
        charge.bad += 1
        sure = bool(told) and outcome.answered
        self._post(ResourceLooked(group, charge.name, running=False, why=why, sure=sure))

    def _give_up(self, group: GroupName, charge: Charge) -> None:
        charge.interval = charge.next = None
        charge.reason = "its script's status did not say `running` after its start"
        self._log(
            "WARN",
            f"{group}: {charge.name} is not looked at, because {charge.reason}: nobody will notice "
            "when it fails; remedy: a script whose status tells, or another agent",
        )

    async def _interval(self, charge: Charge) -> Duration:
        """Return the interval as configured, or else as the agent advises; 0: never."""
        if charge.spec.monitor is not None:
            return charge.spec.monitor
        try:
            return await charge.agent.interval(charge.spec.depth)
        except Exception as error:
            tell_traceback(self._log, error, f"{charge.name}: ")
            return USUAL_INTERVAL

    async def _pause(self, charge: Charge, interval: Duration, pause: Duration) -> str:
        """Wait until it is time, or the system tells something; return what, or nothing."""
        now = asyncio.get_running_loop().time()
        due = shared(now + pause / SECOND, interval / SECOND)
        charge.next = Instant(clock.now() + round((due - now) * SECOND))
        try:
            async with asyncio.timeout_at(due):
                return await charge.agent.changed()
        except TimeoutError:
            pass
        async with self._door:
            await self._gap()
        return ""


def jittered(interval: Duration) -> Duration:
    """Return an interval that is up to a tenth longer or shorter."""
    return Duration(round(interval * random.uniform(1 - JITTER, 1 + JITTER)))


def shared(due: float, interval: float) -> float:
    """Return when to look that would look at `due`: at an instant that others have as well.

    All in seconds; it comes earlier or later by a twentieth of the interval at most.
    """
    step = min(TOGETHER_S, interval * JITTER)
    return round(due / step) * step


def fault(error: Exception) -> str:
    """Say of an agent that failed in a way that no agent should."""
    return f"a fault in its agent ({type(error).__name__}: {error}), see the log"
