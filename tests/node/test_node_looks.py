"""What is looked at, when, and what is told of it: real scripts, real processes."""

import asyncio
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
from custodian_house import SERVER, WEB, Household, in_a_daemon
from looks_cost import measure

from twinbeat.agents.base import Found, Outcome
from twinbeat.agents.orphans import orphans, see_off
from twinbeat.agents.script import ScriptAgent
from twinbeat.core.events import (
    GroupFound,
    GroupRestarted,
    GroupRestartFailed,
    GroupStarted,
    GroupStopped,
    ResourceLooked,
)
from twinbeat.core.model import AgentKind, ResourceSpec
from twinbeat.core.units import Duration, milliseconds, seconds
from twinbeat.node.looks import Looks, jittered, shared
from twinbeat.node.ward import Charge, ResourceState

HOUR = 3_600_000


def server(directory: Path, monitor: float | None = HOUR, timeout: float = 10) -> Household:
    """A service with a pidfile, which nobody would ask after for an hour."""
    house = Household(
        directory, "server", monitor, timeout, SERVER,
        agent=AgentKind.LSB, pidfile=str(directory / "server.pid"),
    )  # fmt: skip
    (directory / "init.d").symlink_to(directory)
    house.directory = directory / "init.d"
    return house


async def started(house: Household) -> None:
    house.custodian.start(1, house.spec)
    assert await house.outcome() == GroupStarted(1, WEB)


def pid_of(directory: Path) -> int:
    return int((directory / "server.pid").read_text())


# What is told.


def test_good_looks_are_told_until_it_has_risen_and_bad_ones_always(tmp_path: Path) -> None:
    async def story() -> None:
        house = Household(tmp_path, "httpd", monitor=10, rise=2)
        await started(house)
        good = ResourceLooked(WEB, "httpd", running=True)
        assert [await house.outcome(), await house.outcome()] == [good, good]
        looked = house.looks("httpd")
        await house.until(lambda: house.looks("httpd") > looked + 3)
        assert house.events == []
        runs = tmp_path / "httpd.runs"
        runs.unlink()
        for _ in range(3):
            bad = await house.outcome()
            assert isinstance(bad, ResourceLooked)
            assert (bad.running, bad.sure) == (False, False)
        charge = house.charge("httpd")
        assert (charge.state, charge.bad >= 3) == (ResourceState.FAILED, True)
        runs.touch()
        await house.until(lambda: house.events[-2:] == [good, good])
        assert (charge.state, charge.reason, charge.bad) == (ResourceState.STARTED, "", 0)
        await house.custodian.close()

    asyncio.run(story())


def test_intervals_differ_by_a_tenth() -> None:
    spans = [jittered(seconds(10)) for _ in range(500)]
    assert min(spans) >= seconds(9)
    assert max(spans) <= seconds(11)
    assert max(spans) - min(spans) > seconds(1)


@pytest.mark.parametrize(
    ("due", "interval", "then"),
    [(100.07, 10, 100.0), (100.13, 10, 100.2), (100.13, 3600, 100.2), (100.13, 1, 100.1)],
)
def test_looks_are_made_at_instants_that_others_have_too(
    due: float, interval: float, then: float
) -> None:
    assert shared(due, interval) == pytest.approx(then)


class CountingAgent:
    """Runs, and notes in which turn of the loop it was looked at."""

    name, watched, doubtful = "counting", "", False
    turn = 0

    def __init__(self, looked: list[int]) -> None:
        self.looked = looked

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def monitor(self, depth: int = 0, *, urgent: bool = False) -> Outcome:
        self.looked.append(CountingAgent.turn)
        return Outcome(Found.RUNNING)

    async def changed(self) -> str:
        await asyncio.Event().wait()
        return ""

    async def interval(self, depth: int = 0) -> Duration:
        return seconds(1)


def test_looks_of_one_instant_leave_each_other_a_turn_of_the_loop() -> None:
    async def story() -> list[int]:
        def count() -> None:
            CountingAgent.turn += 1
            asyncio.get_running_loop().call_soon(count)

        count()
        looked: list[int] = []
        looks = Looks(lambda event: None, lambda level, text: None)
        spec = ResourceSpec(name="counting", agent=AgentKind.SCRIPT, script="counting")
        charges = [Charge(spec, CountingAgent(looked)) for _ in range(60)]
        tasks = [asyncio.create_task(looks.attend(WEB, charge)) for charge in charges]
        while len(looked) < 60:
            await asyncio.sleep(0.05)
        for task in tasks:
            task.cancel()
        return looked

    looked = asyncio.run(story())
    assert len(set(looked)) == len(looked)


def test_a_look_that_hangs_is_a_bad_one_and_holds_up_no_other(tmp_path: Path) -> None:
    async def story() -> None:
        house = Household(tmp_path, "disk httpd", monitor=10, monitor_timeout=milliseconds(300))
        await started(house)
        house.mark("disk.deaf")
        bad = await house.bad_look()
        assert (bad.resource, bad.sure) == ("disk", False)
        assert bad.why.startswith(f"{tmp_path}/disk status was killed after 0.3 s")
        looked = house.looks("httpd")
        await house.until(lambda: house.looks("httpd") > looked + 2)
        assert house.states()["httpd"] is ResourceState.STARTED
        await house.custodian.close()

    asyncio.run(story())


def test_an_agent_that_went_away_is_a_bad_look_that_says_so(tmp_path: Path) -> None:
    async def story() -> None:
        house = Household(tmp_path, "httpd", monitor=10)
        await started(house)
        (tmp_path / "httpd").unlink()
        await house.bad_look()  # A look that was under way may have met the script half gone.
        bad = await house.bad_look()
        assert bad.why.startswith(
            "whether httpd runs cannot be told: there is no script 'httpd' in"
        )
        await house.custodian.close()

    asyncio.run(story())


class EagerAgent(ScriptAgent):
    """Advises to look every 20 ms, where the configuration says nothing."""

    async def interval(self, depth: int = 0) -> Duration:
        return milliseconds(20)


class Eager(Household):
    """A Heartbeat script without an interval."""

    def agent(self, resource: ResourceSpec) -> ScriptAgent:
        return EagerAgent(resource, (str(self.directory),), self.write, {}, self.turns)


def test_a_script_whose_status_tells_nothing_is_not_looked_at(tmp_path: Path) -> None:
    async def story() -> None:
        house = Eager(tmp_path, "backup", monitor=None)
        house.mark("backup.mute")
        await started(house)
        await house.until(lambda: any("is not looked at" in text for _, text in house.log))
        assert house.looks("backup") == 3  # One before the start, and two after it.
        assert house.charge("backup").interval is None
        assert house.states()["backup"] is ResourceState.STARTED
        assert house.events == []

    asyncio.run(story())


def test_a_script_whose_status_told_once_is_believed(tmp_path: Path) -> None:
    async def story() -> None:
        house = Eager(tmp_path, "httpd", monitor=None)
        await started(house)
        assert await house.outcome() == ResourceLooked(WEB, "httpd", running=True)
        house.mark("httpd.mute")
        assert (await house.bad_look()).why == "it was found not running"
        await house.custodian.close()

    asyncio.run(story())


def test_nobody_looks_where_the_interval_is_zero(tmp_path: Path) -> None:
    async def story() -> None:
        house = Household(tmp_path, "httpd", monitor=0)
        await started(house)
        looks = house.charge("httpd").looks
        await house.until(lambda: looks is not None and looks.done())
        assert house.looks("httpd") == 1
        assert house.charge("httpd").interval is None

    asyncio.run(story())


def test_what_runs_is_looked_at_as_it_is_configured_now(tmp_path: Path) -> None:
    async def story() -> None:
        house = Household(tmp_path, "httpd", monitor=0)
        await started(house)
        charge = house.charge("httpd")
        await house.until(lambda: charge.looks is not None and charge.looks.done())
        [resource] = house.spec.resources
        often = replace(resource, monitor=milliseconds(10), rise=2)
        house.custodian.look_after([replace(house.spec, resources=(often,))])
        good = ResourceLooked(WEB, "httpd", running=True)
        assert [await house.outcome(), await house.outcome()] == [good, good]
        never = replace(house.spec, resources=(resource,))
        house.custodian.look_after([never])
        await house.until(lambda: charge.looks is not None and charge.looks.done())
        other = replace(often, script="nginx")
        house.custodian.look_after([replace(house.spec, resources=(other,))])
        assert charge.looks is not None
        assert charge.looks.done()
        assert charge.spec is resource

    asyncio.run(story())


# What the system tells of.


def test_a_killed_process_is_told_at_once_and_for_sure(tmp_path: Path) -> None:
    async def story() -> None:
        house = server(tmp_path)
        await started(house)
        pid = pid_of(tmp_path)
        assert house.charge("server").agent.watched == f"process {pid}"
        began = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        bad = await house.bad_look()
        assert time.monotonic() - began < 5  # An hour is what it would take otherwise.
        why = f"process {pid} has ended: it was found not running"
        assert bad == ResourceLooked(WEB, "server", running=False, why=why, sure=True)
        await house.custodian.close()

    in_a_daemon(story)


def test_what_is_watched_costs_nothing_while_nothing_happens(tmp_path: Path) -> None:
    place = tmp_path / "init.d"
    place.mkdir()
    mine, theirs = asyncio.run(measure(place, "watched", span=1, count=40))
    assert (mine < 2, theirs) == (True, 0)  # Per cent of one core; the children are none.


def test_looks_that_hang_do_not_hold_up_what_is_told(tmp_path: Path) -> None:
    async def story() -> None:
        house = server(tmp_path)
        await started(house)
        names = " ".join(f"deaf{number}" for number in range(9))
        others = Household(tmp_path, names, monitor=1, monitor_timeout=seconds(30))
        others.turns = house.turns
        others.custodian.start(1, others.spec)
        assert await others.outcome() == GroupStarted(1, WEB)
        for name in names.split():
            others.mark(f"{name}.deaf")
        await others.until(house.turns.looks.locked)
        os.kill(pid_of(tmp_path), signal.SIGKILL)
        assert (await house.bad_look()).sure
        await others.custodian.close()
        await house.custodian.close()

    in_a_daemon(story)


def test_a_worker_that_is_killed_says_nothing_of_its_service(tmp_path: Path) -> None:
    """What has a pidfile is its main process; the death of any other is its own affair."""

    async def story() -> None:
        house = server(tmp_path)
        script = house.directory / "server"
        worker = "sleep 3601 </dev/null >/dev/null 2>&1 & echo $! > worker; sleep 3600 <"
        script.write_text(SERVER.replace("sleep 3600 <", worker))
        await started(house)
        worker_pid = int((tmp_path / "worker").read_text())
        os.kill(worker_pid, signal.SIGKILL)
        while worker_pid in orphans():
            see_off()
            await asyncio.sleep(0.005)
        assert house.charge("server").agent.watched == f"process {pid_of(tmp_path)}"
        assert house.events == []
        await house.custodian.close()

    in_a_daemon(story)


# Restarts in place.


def test_a_restart_stops_right_to_left_and_leaves_the_rest_alone(tmp_path: Path) -> None:
    async def story() -> None:
        house = Household(tmp_path, "disk fs httpd", monitor=10)
        await started(house)
        looked = house.looks("disk")
        house.custodian.restart(2, WEB, ("fs", "httpd"))
        assert await house.answer() == GroupRestarted(2, WEB)
        assert house.diary()[3:] == ["httpd stop", "fs stop", "fs start", "httpd start"]
        await house.until(lambda: house.looks("disk") > looked + 2)
        looked = house.looks("httpd")
        await house.until(lambda: house.looks("httpd") > looked + 2)
        assert set(house.states().values()) == {ResourceState.STARTED}
        await house.custodian.close()

    asyncio.run(story())


def test_the_others_are_looked_at_while_one_is_restarted(tmp_path: Path) -> None:
    async def story() -> None:
        house = Household(tmp_path, "disk httpd", monitor=10)
        await started(house)
        hangs = house.mark("httpd.hangs")
        house.custodian.restart(2, WEB, ("httpd",))
        await house.until(lambda: house.diary()[2:] == ["httpd stop", "httpd start"])
        mine, others = house.looks("httpd"), house.looks("disk")
        await house.until(lambda: house.looks("disk") > others + 2)
        assert house.looks("httpd") == mine
        hangs.unlink()
        assert await house.answer() == GroupRestarted(2, WEB)
        await house.custodian.close()

    asyncio.run(story())


def test_a_restart_on_a_full_disk_is_told_as_stopped(tmp_path: Path) -> None:
    async def story() -> None:
        house = server(tmp_path)
        await started(house)
        house.mark("full")  # The disk with its pidfile.
        house.custodian.restart(2, WEB, ("server",))
        failed = await house.answer()
        assert isinstance(failed, GroupRestartFailed)
        assert (failed.op, failed.resource, failed.stuck) == (2, "server", False)
        assert "ended with code 1; it said: " in failed.why
        assert failed.why.endswith("I/O error")  # What the shell says of a full disk.
        assert house.charge("server").reason == failed.why

    in_a_daemon(story)


def test_a_restart_that_does_not_stop_is_stuck(tmp_path: Path) -> None:
    async def story() -> None:
        house = server(tmp_path, timeout=0.5)
        await started(house)
        house.mark("stuck")
        house.custodian.restart(2, WEB, ("server",))
        failed = await house.answer()
        assert isinstance(failed, GroupRestartFailed)
        assert (failed.resource, failed.stuck) == ("server", True)
        assert "it still runs" in failed.why
        assert house.diary() == ["start", "stop"]

    in_a_daemon(story)


def test_a_stop_overtakes_a_restart(tmp_path: Path) -> None:
    async def story() -> None:
        house = Household(tmp_path, "disk httpd")
        await started(house)
        hangs = house.mark("disk.hangs")
        house.custodian.restart(2, WEB, ("disk", "httpd"))
        await house.until(lambda: house.diary()[-1] == "disk start")
        house.custodian.stop(3, WEB)
        hangs.unlink()
        assert await house.answer() == GroupStopped(3, WEB)
        assert house.diary()[-2:] == ["httpd stop", "disk stop"]
        assert "httpd start" not in house.diary()[3:]
        assert house.events == []

    asyncio.run(story())


def test_what_never_was_here_is_stuck(tmp_path: Path) -> None:
    house = Household(tmp_path, "httpd")
    house.custodian.restart(2, WEB, ("httpd",))
    (failed,) = house.events
    assert isinstance(failed, GroupRestartFailed)
    assert failed.stuck


# What is found at start.


def test_a_group_that_runs_as_a_whole_is_found_and_not_touched(tmp_path: Path) -> None:
    async def story() -> None:
        house = Household(tmp_path, "disk httpd")
        house.mark("disk.runs")
        house.mark("httpd.runs")
        house.custodian.clear(1, house.spec, adopt=True)
        assert await house.outcome() == GroupFound(1, WEB)
        assert house.diary() == []
        assert ("info", "web: found running here: disk, httpd; left as it is") in house.log
        house.custodian.start(2, house.spec)
        assert await house.outcome() == GroupStarted(2, WEB)
        assert house.diary() == []

    asyncio.run(story())


def test_what_runs_in_part_is_stopped(tmp_path: Path) -> None:
    async def story() -> None:
        house = Household(tmp_path, "disk httpd")
        house.mark("httpd.runs")
        house.custodian.clear(1, house.spec, adopt=True)
        assert await house.outcome() == GroupStopped(1, WEB)
        assert house.diary() == ["httpd stop"]

    asyncio.run(story())


def test_a_service_that_is_found_is_watched_from_then_on(tmp_path: Path) -> None:
    async def story() -> None:
        first = server(tmp_path)
        await started(first)
        await first.custodian.close()
        (tmp_path / "init.d").unlink()
        second = server(tmp_path)
        second.custodian.clear(1, second.spec, adopt=True)
        assert await second.outcome() == GroupFound(1, WEB)
        second.custodian.start(2, second.spec)
        assert await second.outcome() == GroupStarted(2, WEB)
        os.kill(pid_of(tmp_path), signal.SIGKILL)
        assert (await second.bad_look()).sure
        assert second.diary() == ["start"]
        await second.custodian.close()

    in_a_daemon(story)
