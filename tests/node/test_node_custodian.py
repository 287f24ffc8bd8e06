"""The custodian with real scripts: order, failures, retries, what supersedes what, monitoring."""

import asyncio
from pathlib import Path

import pytest
from custodian_house import WEB, Household

from twinbeat.agents.script import ScriptAgent
from twinbeat.core.events import (
    GroupStarted,
    GroupStartFailed,
    GroupStopFailed,
    GroupStopped,
    ResourceLooked,
)
from twinbeat.node.custodian import Custodian
from twinbeat.node.ward import ResourceState


def test_a_group_starts_left_to_right_and_stops_right_to_left(tmp_path: Path) -> None:
    async def story() -> None:
        house = Household(tmp_path, "disk fs httpd")
        house.custodian.start(1, house.spec)
        assert await house.outcome() == GroupStarted(1, WEB)
        assert set(house.states().values()) == {ResourceState.STARTED}
        house.custodian.stop(2, WEB)
        assert await house.outcome() == GroupStopped(2, WEB)
        assert house.diary() == [
            "disk start", "fs start", "httpd start", "httpd stop", "fs stop", "disk stop",
        ]  # fmt: skip
        assert set(house.states().values()) == {ResourceState.STOPPED}
        assert ("info", "Acquiring resource group: node1 disk fs httpd") in house.log
        assert ("info", "Releasing resource group: node1 disk fs httpd") in house.log

    asyncio.run(story())


def test_clearing_stops_only_what_runs(tmp_path: Path) -> None:
    async def story() -> None:
        house = Household(tmp_path, "disk fs httpd")
        house.mark("fs.runs")
        house.custodian.clear(1, house.spec)
        assert await house.outcome() == GroupStopped(1, WEB)
        assert house.diary() == ["fs stop"]

    asyncio.run(story())


def test_a_start_that_fails_is_told_and_the_rest_is_not_started(tmp_path: Path) -> None:
    async def story() -> None:
        house = Household(tmp_path, "disk fs httpd")
        house.mark("fs.broken")
        house.custodian.start(7, house.spec)
        failed = await house.outcome()
        assert isinstance(failed, GroupStartFailed)
        assert (failed.op, failed.group, failed.resource) == (7, WEB, "fs")
        assert house.diary() == ["disk start", "fs start"]
        assert house.states() == {
            "disk": ResourceState.STARTED,
            "fs": ResourceState.FAILED,
            "httpd": ResourceState.UNKNOWN,
        }

    asyncio.run(story())


def test_a_stop_that_fails_is_told_and_the_others_are_stopped(tmp_path: Path) -> None:
    async def story() -> None:
        house = Household(tmp_path, "disk fs httpd", timeout=0.9)
        house.custodian.start(1, house.spec)
        await house.outcome()
        house.mark("fs.stuck")
        house.custodian.stop(2, WEB)
        failed = await house.outcome()
        assert isinstance(failed, GroupStopFailed)
        assert (failed.op, failed.group, failed.resource) == (2, WEB, "fs")
        assert house.diary()[3:] == ["httpd stop", "fs stop", "disk stop"]
        assert house.states()["fs"] is ResourceState.FAILED
        assert house.states()["disk"] is ResourceState.STOPPED

    asyncio.run(story())


def test_a_stop_during_a_start_waits_for_the_running_script_and_skips_the_rest(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        house = Household(tmp_path, "disk fs httpd")
        hangs = house.mark("fs.hangs")
        house.custodian.start(1, house.spec)
        await house.until(lambda: "fs start" in house.diary())
        house.custodian.stop(2, WEB)
        await asyncio.sleep(0)
        assert house.diary() == ["disk start", "fs start"]
        hangs.unlink()
        assert await house.outcome() == GroupStopped(2, WEB)
        assert house.diary()[2:] == ["httpd stop", "fs stop", "disk stop"]
        assert not list(tmp_path.glob("*.runs"))
        assert house.events == []

    asyncio.run(story())


def test_a_monitored_resource_that_fell_over_is_told(tmp_path: Path) -> None:
    async def story() -> None:
        house = Household(tmp_path, "disk httpd", monitor=20)
        house.custodian.start(1, house.spec)
        await house.outcome()
        (tmp_path / "httpd.runs").unlink()
        assert await house.bad_look() == ResourceLooked(
            WEB, "httpd", running=False, why="it was found not running", sure=False
        )
        assert house.states()["httpd"] is ResourceState.FAILED
        house.custodian.stop(2, WEB)
        await house.until(lambda: GroupStopped(2, WEB) in house.events)

    asyncio.run(story())


def test_a_stopped_group_is_monitored_no_more(tmp_path: Path) -> None:
    async def story() -> None:
        house = Household(tmp_path, "httpd", monitor=5)
        house.custodian.start(1, house.spec)
        await house.outcome()
        assert await house.outcome() == ResourceLooked(WEB, "httpd", running=True)
        house.custodian.stop(2, WEB)
        assert await house.outcome() == GroupStopped(2, WEB)
        assert not [task for task in asyncio.all_tasks() if "looks" in task.get_name()]

    asyncio.run(story())


def test_a_group_that_never_came_into_custody_is_not_claimed_to_be_stopped(tmp_path: Path) -> None:
    house = Household(tmp_path, "httpd")
    house.custodian.stop(3, WEB)
    assert isinstance(house.events[0], GroupStopFailed)


def test_a_script_that_is_missing_is_a_failure_not_a_crash(tmp_path: Path) -> None:
    async def story() -> None:
        house = Household(tmp_path, "httpd")
        (tmp_path / "httpd").unlink()
        house.custodian.start(1, house.spec)
        failed = await house.outcome()
        assert isinstance(failed, GroupStartFailed)
        assert failed.resource == "httpd"

    asyncio.run(story())


def test_a_changed_configuration_stops_what_was_started_by_the_old_one(tmp_path: Path) -> None:
    async def story() -> None:
        house = Household(tmp_path, "disk httpd")
        house.custodian.start(1, house.spec)
        await house.outcome()
        house.custodian.stop(2, WEB)
        await house.outcome()
        smaller = Household(tmp_path, "httpd").spec
        house.custodian.start(3, smaller)
        assert await house.outcome() == GroupStarted(3, WEB)
        assert list(house.states()) == ["httpd"]
        assert house.diary()[-1] == "httpd start"

    asyncio.run(story())


@pytest.mark.parametrize("fault", [RuntimeError("boom"), KeyError("x")])
def test_a_fault_in_an_agent_is_a_failure_with_its_traceback_in_the_log(
    tmp_path: Path, fault: Exception
) -> None:
    class Faulty(ScriptAgent):
        async def start(self) -> None:
            raise fault

    async def story() -> None:
        house = Household(tmp_path, "httpd")
        custodian = Custodian(
            lambda resource: Faulty(resource, (str(tmp_path),), house.write, {}),
            house.events.append,
            house.write,
        )
        custodian.start(1, house.spec)
        failed = await house.outcome()
        assert isinstance(failed, GroupStartFailed)
        assert type(fault).__name__ in failed.why
        assert any("Traceback" in text for _, text in house.log)

    asyncio.run(story())
