"""What units of systemd do and what is made of it: cases for a real systemd and for the stand-in.

Each case is played over both, so that neither the agent nor the stand-in believes of systemd what
is not so. What the units do stands in `UNITS`, in systemd's own words.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Protocol

from twinbeat.agents.base import AgentError, Found
from twinbeat.agents.systemd import Systemd
from twinbeat.agents.turns import Turns
from twinbeat.agents.unit import UnitAgent
from twinbeat.core.model import AgentKind, ClusterModel, GroupSpec, ResourceSpec, Timing
from twinbeat.core.units import GroupName, NodeName, seconds
from twinbeat.node.agency import Agency
from twinbeat.node.atboot import AtBoot

UNITS = {
    "steady": "Type=exec\nExecStart=/bin/sleep infinity",
    "broken": "Type=oneshot\nExecStart=/bin/false",
    "hasty": "Type=simple\nExecStart=/bin/false",
    "late": "Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sleep 4",
    "hanging": "Type=notify\nExecStart=/bin/sleep infinity\nTimeoutStartSec=infinity",
    "slow": "Type=notify\nExecStart=/bin/sleep infinity\nTimeoutStartSec=1",
    "needy": "Type=exec\nExecStart=/bin/sleep infinity",
    "picky": "Type=exec\nExecStart=/bin/sleep infinity",
    "eager": "Type=exec\nExecStart=/bin/sleep infinity\nRestart=always",
    # sleep ignores SIGWINCH.
    "stubborn": "Type=exec\nExecStart=/bin/sleep infinity\nKillSignal=SIGWINCH\n"
    "TimeoutStopSec=infinity",
    "reluctant": "Type=exec\nExecStart=/bin/sleep infinity\nKillSignal=SIGWINCH\nTimeoutStopSec=1",
    "early": "Type=exec\nExecStart=/bin/sleep infinity",
}
"""What stands in section [Service] of each unit."""
CONDITIONS = {
    "needy": "Requires=broken.service\nAfter=broken.service",
    "picky": "ConditionPathExists=/nowhere",
}
"""What stands in section [Unit]."""
ENABLED, MASKED, MISSING = "early", "masked", "missing"

TIME = seconds(1)
PATIENCE = 60.0
"""Seconds that a change may take to be told: an emulated machine is some twenty times slower."""


class Place(Protocol):
    """Where the units are: in a systemd, whichever."""

    @property
    def address(self) -> str | None:
        """Return the address of its bus; None: the system's."""

    async def kill(self, unit: str) -> None:
        """Kill the unit's main process."""

    async def restarts(self, unit: str) -> int:
        """Return how often systemd has restarted the unit by itself."""

    async def lose_bus(self) -> None:
        """Kill the D-Bus daemon; another one comes."""

    async def reexecute(self) -> None:
        """Let systemd execute itself anew, as an upgrade of its package does."""


Case = Callable[[Place], Awaitable[None]]
CASES: dict[str, Case] = {}


def case(function: Case) -> Case:
    CASES[function.__name__] = function
    return function


@asynccontextmanager
async def agent(
    place: Place, name: str, *, start: float = PATIENCE, stop: float = PATIENCE
) -> AsyncIterator[UnitAgent]:
    """Give the agent of a unit, with so many seconds for each, on a connection of its own."""
    here = Systemd(lambda level, text: None, place.address)
    spec = ResourceSpec(
        name=name, agent=AgentKind.SYSTEMD, script=f"{name}.service",
        start_timeout=seconds(start), stop_timeout=seconds(stop),
    )  # fmt: skip
    try:
        yield UnitAgent(spec, here, lambda level, text: None, Turns())
    finally:
        here.close()


async def found(unit: UnitAgent) -> tuple[Found, str]:
    outcome = await unit.monitor()
    return outcome.found, outcome.reason


async def refused(verb: Awaitable[None]) -> str:
    """Return what the agent says of a verb that it cannot carry out."""
    try:
        await verb
    except AgentError as error:
        return str(error)
    raise AssertionError("it was carried out")


async def noticed(unit: UnitAgent) -> tuple[Found, str]:
    """Wait until a look that a change has caused finds the unit not running."""
    async with asyncio.timeout(PATIENCE):
        while True:
            await unit.changed()
            outcome = await unit.monitor()
            if outcome.found is not Found.RUNNING and outcome.answered:
                return outcome.found, outcome.reason


async def until_running(unit: UnitAgent) -> None:
    """Wait until systemd can be asked again and says that the unit runs."""
    async with asyncio.timeout(PATIENCE):
        while (await unit.monitor()).found is not Found.RUNNING:
            await asyncio.sleep(0.1)


@case
async def starts_and_stops(place: Place) -> None:
    async with agent(place, "steady") as unit:
        assert await found(unit) == (Found.STOPPED, "systemd says inactive (dead)")
        await unit.start()
        assert await found(unit) == (Found.RUNNING, "")
        await unit.start()
        await unit.stop()
        assert await found(unit) == (Found.STOPPED, "systemd says inactive (dead)")
        await unit.stop()


@case
async def fails_at_its_start(place: Place) -> None:
    async with agent(place, "broken") as unit:
        assert await refused(unit.start()) == (
            "broken did not start: its job ended as 'failed': the unit failed; "
            "systemd says failed (failed), exit-code; see journalctl -u broken.service"
        )
        assert await found(unit) == (Found.FAILED, "failed (failed): exit-code")
        await unit.stop()
        assert await found(unit) == (Found.STOPPED, "systemd says failed (failed)")


@case
async def ends_as_soon_as_it_is_started(place: Place) -> None:
    """Its start may be over before it ends, so either the start or a look tells."""
    async with agent(place, "hasty") as unit:
        with suppress(AgentError):
            await unit.start()
            assert await noticed(unit) == (Found.FAILED, "failed (failed): exit-code")
        assert await found(unit) == (Found.FAILED, "failed (failed): exit-code")


@case
async def overruns_the_limit_of_the_cluster(place: Place) -> None:
    """The cancelled job is gone, and the unit is still on its way: only a stop ends that."""
    async with agent(place, "hanging", start=1) as unit:
        assert await refused(unit.start()) == (
            "systemd did not finish StartUnit hanging.service within 1.0 s; the job was cancelled"
        )
        assert await found(unit) == (Found.FAILED, "activating (start)")
    async with agent(place, "hanging") as unit:
        assert await found(unit) == (Found.FAILED, "activating (start)")
        await unit.stop()
        assert await found(unit) == (Found.STOPPED, "systemd says inactive (dead)")


@case
async def overruns_its_own_limit(place: Place) -> None:
    async with agent(place, "slow") as unit:
        assert await refused(unit.start()) == (
            "slow did not start: its job ended as 'failed': the unit failed; "
            "systemd says failed (failed), timeout; see journalctl -u slow.service"
        )


@case
async def needs_a_unit_that_fails(place: Place) -> None:
    async with agent(place, "needy") as unit:
        assert await refused(unit.start()) == (
            "needy did not start: its job ended as 'dependency': another unit that this one needs "
            "did not start; systemd says inactive (dead); see journalctl -u needy.service"
        )


@case
async def has_a_condition_that_is_not_met(place: Place) -> None:
    async with agent(place, "picky") as unit:
        assert await refused(unit.start()) == (
            "picky did not start: its job was carried out; systemd says inactive (dead); "
            "see journalctl -u picky.service"
        )


@case
async def dies_and_that_is_noticed(place: Place) -> None:
    async with agent(place, "steady") as unit:
        await unit.start()
        await place.kill("steady.service")
        assert await noticed(unit) == (Found.FAILED, "failed (failed): signal")
        await unit.stop()


@case
async def is_restarted_by_systemd(place: Place) -> None:
    """It has failed, also for who looks when it runs again."""
    async with agent(place, "eager") as unit:
        await unit.start()
        await place.kill("eager.service")
        async with asyncio.timeout(PATIENCE):
            while not await place.restarts("eager.service"):
                await asyncio.sleep(0.1)
            while (await unit.monitor()).reason.startswith("activating"):
                await asyncio.sleep(0.1)
        why = "active (running), but another run than the one that was held"
        assert await found(unit) == (Found.FAILED, why)
        await unit.stop()
        await unit.start()
        assert await found(unit) == (Found.RUNNING, "")
        await unit.stop()


@case
async def does_not_stop(place: Place) -> None:
    async with agent(place, "stubborn", stop=1) as unit:
        await unit.start()
        assert await refused(unit.stop()) == (
            "systemd did not finish StopUnit stubborn.service within 1.0 s; the job was cancelled"
        )
        assert await found(unit) == (Found.FAILED, "deactivating (stop-sigterm)")
        await place.kill("stubborn.service")
        assert await noticed(unit) == (Found.FAILED, "failed (failed): signal")
        await unit.stop()


@case
async def is_killed_when_it_does_not_stop(place: Place) -> None:
    """systemd calls the unit failed, yet nothing of it runs: that is a stop."""
    async with agent(place, "reluctant") as unit:
        await unit.start()
        await unit.stop()
        assert await found(unit) == (Found.STOPPED, "systemd says failed (failed)")


@case
async def does_not_exist(place: Place) -> None:
    why = "there is no unit missing.service (not-found) on this node"
    async with agent(place, MISSING) as unit:
        assert await found(unit) == (Found.STOPPED, why)
        await unit.stop()
        assert await refused(unit.start()) == f"missing cannot be started: {why}"


@case
async def is_masked(place: Place) -> None:
    why = "masked.service is masked; systemctl unmask masked.service"
    async with agent(place, MASKED) as unit:
        assert await found(unit) == (Found.STOPPED, why)
        await unit.stop()
        assert await refused(unit.start()) == f"masked cannot be started: {why}"


@case
async def is_started_at_boot_as_well(place: Place) -> None:
    resources = tuple(
        ResourceSpec(name=name, agent=AgentKind.SYSTEMD, script=f"{name}.service")
        for name in (ENABLED, "steady", MASKED, MISSING)
    )
    group = GroupSpec(name=GroupName("g"), nodes=(NodeName("a"),), resources=resources)
    model = ClusterModel(
        name="c", nodes=(NodeName("a"),), links=(), groups=(group,),
        timing=Timing(keepalive=TIME, warntime=TIME, deadtime=TIME, initdead=TIME, deadping=TIME),
    )  # fmt: skip
    told: list[str] = []
    agency = Agency(
        model, NodeName("a"), Path("/nowhere"), None, lambda *_: None, bus=place.address
    )
    at_boot = AtBoot(agency, lambda level, text: told.append(f"{level}: {text}"))
    try:
        await at_boot.look(model)
    finally:
        agency.close()
    assert at_boot.flags == ["early is started at boot by systemd (enabled) as well"]
    (line,) = told
    assert re.fullmatch(r"WARN: early is .*; remedy: systemctl disable early\.service", line), line


@case
async def all_units_are_listed(place: Place) -> None:
    here = Systemd(lambda level, text: None, place.address)
    try:
        names = await here.names()
    finally:
        here.close()
    assert names["early.service"] == "enabled"
    assert names["steady.service"] == "static"
    assert names["masked.service"] == "masked"
    assert "missing.service" not in names


@case
async def the_bus_is_lost_while_it_is_held(place: Place) -> None:
    async with agent(place, "steady") as unit:
        await unit.start()
        await place.lose_bus()
        await until_running(unit)
        await place.kill("steady.service")
        assert await noticed(unit) == (Found.FAILED, "failed (failed): signal")
        await unit.stop()


@case
async def the_bus_is_lost_while_it_starts(place: Place) -> None:
    """The end of the job is lost with the connection; what the unit is can still be read."""
    async with agent(place, "late") as unit:
        start = asyncio.create_task(unit.start())
        async with asyncio.timeout(PATIENCE):
            async with agent(place, "late") as other:
                while (await found(other))[1] != "activating (start)":
                    await asyncio.sleep(0.1)
            await place.lose_bus()
            await start
        assert await found(unit) == (Found.RUNNING, "")
        await unit.stop()


@case
async def systemd_is_upgraded_while_it_is_held(place: Place) -> None:
    async with agent(place, "steady") as unit:
        await unit.start()
        await place.reexecute()
        await until_running(unit)
        await place.kill("steady.service")
        assert await noticed(unit) == (Found.FAILED, "failed (failed): signal")
        await unit.stop()


@case
async def systemd_is_upgraded_while_it_starts(place: Place) -> None:
    async with agent(place, "late") as unit:
        start = asyncio.create_task(unit.start())
        async with asyncio.timeout(PATIENCE):
            async with agent(place, "late") as other:
                while (await found(other))[1] != "activating (start)":
                    await asyncio.sleep(0.1)
            await place.reexecute()
            await start
        assert await found(unit) == (Found.RUNNING, "")
        await unit.stop()
