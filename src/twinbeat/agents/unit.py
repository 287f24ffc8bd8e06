"""A unit of systemd as a resource."""

import asyncio
import os

from twinbeat.core.model import DEFAULT_TIMEOUT, ResourceSpec
from twinbeat.core.units import SECOND, Duration

from .asked import AskedAgent
from .base import RARE_INTERVAL, AgentError, Found, Log
from .command import now
from .systemd import RESULTS, BusError, Systemd, UnitState
from .turns import Turns

_UP = frozenset({"active", "reloading", "refreshing"})
_DOWN = frozenset({"inactive", "failed"})
_LOOK_AGAIN = 0.25
"""Seconds between two readings of a unit whose job's end was lost."""
_BOOTED = "/run/systemd/system"
"""Where this directory is, systemd runs the machine (sd_booted(3))."""


class UnitAgent(AskedAgent):
    """Starts and stops a unit as jobs of systemd, and hears of its changes."""

    watched = "D-Bus"

    def __init__(self, spec: ResourceSpec, systemd: Systemd, log: Log, turns: Turns) -> None:
        super().__init__(spec, log, turns)
        self._unit = spec.script
        self._systemd = systemd
        self._start_limit = (spec.start_timeout or DEFAULT_TIMEOUT) / SECOND
        self._stop_limit = (spec.stop_timeout or DEFAULT_TIMEOUT) / SECOND
        self._held = ""
        """The run that was started here or found; a restart by somebody else is another one."""

    async def start(self) -> None:
        """Start the unit and wait for its job; raises `AgentError`."""
        async with self._turns.orders:
            state = await self._systemd.state(self._unit)
            if state.load != "loaded":
                raise AgentError(f"{self.name} cannot be started: {self._no_unit(state)}")
            self._may_run = True
            result, state = await self._job("StartUnit", self._start_limit)
            if state.active not in _UP:
                raise AgentError(f"{self.name} did not start: {await self._why(result, state)}")
            self._held = state.run

    async def stop(self) -> None:
        """Stop the unit and wait for its job; raises `AgentError` when it may still run."""
        async with self._turns.orders:
            if not self._may_run and not os.path.isdir(_BOOTED) and not await self._reachable():
                return
            state = await self._systemd.state(self._unit)
            if state.active not in _DOWN:
                result, state = await self._job("StopUnit", self._stop_limit)
                if state.active not in _DOWN:
                    raise AgentError(f"{self.name} did not stop: {await self._why(result, state)}")
            self._may_run, self._held = False, ""

    async def changed(self) -> str:
        """Return when systemd tells a change of the unit."""
        await self._systemd.changed(self._unit)
        return "systemd told of a change"

    async def interval(self, depth: int = 0) -> Duration:
        """Return a long one: systemd tells of what happens to the unit."""
        del depth
        return RARE_INTERVAL

    async def _look(self, depth: int) -> tuple[Found, str]:
        """Ask systemd what the unit is now; there is no deeper look."""
        del depth
        try:
            state = await self._systemd.state(self._unit)
        except BusError as error:
            if self._may_run or os.path.isdir(_BOOTED):
                raise
            return Found.STOPPED, f"no systemd runs here: {error}"
        found, reason = self._judge(state)
        if found is Found.FAILED and state.active == "failed":
            reason += f": {await self._systemd.result(self._unit)}"
        return found, reason

    def _judge(self, state: UnitState) -> tuple[Found, str]:
        if state.active in _UP:
            self._held = self._held or state.run
            if state.run != self._held:
                return Found.FAILED, f"{state}, but another run than the one that was held"
            return Found.RUNNING, ""
        if state.load != "loaded" and state.active == "inactive":
            found = Found.FAILED if self._may_run else Found.STOPPED
            return found, self._no_unit(state)
        if state.active == "inactive" or (state.active == "failed" and not self._may_run):
            return Found.STOPPED, f"systemd says {state}"
        return Found.FAILED, str(state)

    async def _job(self, verb: str, limit: float) -> tuple[str | None, UnitState]:
        """Carry out a job and read the unit after it; raises `AgentError` when its time is up."""
        deadline = now() + limit
        self._log("info", f"Running systemd {verb} {self._unit}")
        try:
            result = await self._systemd.job(verb, self._unit, limit)
        except TimeoutError:
            raise AgentError(
                f"systemd did not finish {verb} {self._unit} within {limit:.1f} s; the job was "
                "cancelled"
            ) from None
        if result is not None:
            return result, await self._systemd.state(self._unit)
        self._log("WARN", f"{self.name}: the bus was lost; reading the unit again")
        return None, await self._settled(deadline)

    async def _settled(self, deadline: float) -> UnitState:
        """Read the unit until it is neither on its way up nor down, or the time is up."""
        while True:
            try:
                state = await self._systemd.state(self._unit)
                if state.active not in ("activating", "deactivating"):
                    return state
            except BusError:
                if now() >= deadline:
                    raise
            else:
                if now() >= deadline:
                    return state
            await asyncio.sleep(_LOOK_AGAIN)

    async def _reachable(self) -> bool:
        try:
            await self._systemd.state(self._unit)
        except BusError:
            return False
        return True

    async def _why(self, result: str | None, state: UnitState) -> str:
        """Say how a job ended and what the unit is, for a person."""
        ended = "the end of its job was lost with the bus"
        if result is not None:
            ended = f"its job ended as {result!r}: {RESULTS.get(result, 'an unknown result')}"
        if result == "done":
            ended = "its job was carried out"  # And the unit ended at once, or had a condition.
        cause = await self._systemd.result(self._unit) if state.active == "failed" else ""
        told = f"; systemd says {state}{f', {cause}' if cause else ''}"
        return f"{ended}{told}; see journalctl -u {self._unit}"

    def _no_unit(self, state: UnitState) -> str:
        if state.load == "masked":
            return f"{self._unit} is masked; systemctl unmask {self._unit}"
        return f"there is no unit {self._unit} ({state.load}) on this node"
