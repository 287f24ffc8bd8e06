"""Units of systemd, over a real D-Bus daemon: jobs, their results, changes, a lost bus."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from systemd_bus import FakeSystemd, Unit, private_bus, until

from twinbeat.agents.base import AgentError, Found
from twinbeat.agents.systemd import Systemd
from twinbeat.agents.turns import Turns
from twinbeat.agents.unit import UnitAgent
from twinbeat.config import Placed, judge
from twinbeat.config.diagnostics import Mark
from twinbeat.core.description import Finding
from twinbeat.core.events import Event, GroupStarted, ResourceLooked
from twinbeat.core.model import AgentKind, ClusterModel, GroupSpec, ResourceSpec, Timing
from twinbeat.core.units import SECOND, Duration, GroupName, NodeName, seconds
from twinbeat.node.agency import Agency
from twinbeat.node.atboot import AtBoot
from twinbeat.node.custodian import Custodian
from twinbeat.node.survey import Surveyor

TIME = seconds(1)
MODEL = ClusterModel(
    name="c",
    nodes=(NodeName("a"), NodeName("b")),
    timing=Timing(keepalive=TIME, warntime=TIME, deadtime=TIME, initdead=TIME, deadping=TIME),
    links=(),
    groups=(),
)
Story = Callable[[FakeSystemd, UnitAgent], Awaitable[None]]
WEB = "web.service"


def play(directory: Path, unit: Unit, story: Story, *, limit: float = 5) -> None:
    """Tell a story of one unit, on a bus of its own."""

    async def tell(address: str) -> None:
        there = FakeSystemd({WEB: unit})
        await there.serve(address)
        here = Systemd(lambda level, text: None, address)
        spec = ResourceSpec(
            name="web",
            agent=AgentKind.SYSTEMD,
            script=WEB,
            start_timeout=seconds(limit),
            stop_timeout=seconds(limit),
        )
        agent = UnitAgent(spec, here, lambda level, text: None, Turns())
        try:
            async with asyncio.timeout(20):
                await story(there, agent)
        finally:
            here.close()
            there.leave()

    with private_bus(directory) as address:
        asyncio.run(tell(address))


def test_a_unit_is_started_seen_and_stopped(tmp_path: Path) -> None:
    async def story(there: FakeSystemd, agent: UnitAgent) -> None:
        assert (await agent.monitor()).found is Found.STOPPED
        await agent.start()
        assert (await agent.monitor()).found is Found.RUNNING
        await agent.stop()
        assert (await agent.monitor()).found is Found.STOPPED
        assert there.calls.index("Subscribe") < there.calls.index(f"StartUnit {WEB}")
        assert f"StopUnit {WEB}" in there.calls

    play(tmp_path, Unit(), story)


def test_the_end_of_a_job_may_come_before_its_name(tmp_path: Path) -> None:
    async def story(there: FakeSystemd, agent: UnitAgent) -> None:
        await agent.start()
        await agent.stop()
        assert there.units[WEB].active == "inactive"

    play(tmp_path, Unit(early=True), story)


def test_the_end_of_another_job_is_not_taken_for_ours(tmp_path: Path) -> None:
    async def story(there: FakeSystemd, agent: UnitAgent) -> None:
        start = asyncio.create_task(agent.start())
        await until(lambda: there.units[WEB].active == "activating", "the job is under way")
        there.end("other.service", "failed", "/org/freedesktop/systemd1/job/77")
        there.become(WEB, "active", "running")
        assert not start.done()
        there.end(WEB, "done")
        await start

    play(tmp_path, Unit(starts="never"), story)


@pytest.mark.parametrize(
    ("result", "after", "words"),
    [
        ("failed", ("failed", "failed"), "'failed': the unit failed; systemd says failed (failed)"),
        ("dependency", ("inactive", "dead"), "another unit that this one needs did not start"),
        ("timeout", ("failed", "failed"), "it took longer than the unit itself allows"),
        ("canceled", ("inactive", "dead"), "somebody cancelled it"),
        ("skipped", ("inactive", "dead"), "it does not apply to the unit"),
        ("done", ("inactive", "dead"), "its job was carried out; systemd says inactive (dead)"),
    ],
)
def test_what_the_result_of_a_job_means(
    tmp_path: Path, result: str, after: tuple[str, str], words: str
) -> None:
    async def story(there: FakeSystemd, agent: UnitAgent) -> None:
        with pytest.raises(AgentError) as caught:
            await agent.start()
        assert words in str(caught.value)
        assert "see journalctl -u web.service" in str(caught.value)

    play(tmp_path, Unit(starts=result, after_start=after, result="exit-code"), story)


def test_a_job_that_never_ends_is_cancelled(tmp_path: Path) -> None:
    async def story(there: FakeSystemd, agent: UnitAgent) -> None:
        with pytest.raises(
            AgentError, match=r"did not finish StartUnit web\.service within 0\.3 s"
        ):
            await agent.start()
        await until(lambda: "Cancel" in there.calls, "the job was cancelled")

    play(tmp_path, Unit(starts="never"), story, limit=0.3)


def test_a_unit_that_does_not_stop_is_an_error(tmp_path: Path) -> None:
    async def story(there: FakeSystemd, agent: UnitAgent) -> None:
        await agent.start()
        with pytest.raises(AgentError, match="web did not stop: its job ended as 'canceled'"):
            await agent.stop()

    play(tmp_path, Unit(stops="canceled"), story)


def test_a_unit_that_does_not_exist_runs_nothing(tmp_path: Path) -> None:
    async def story(there: FakeSystemd, agent: UnitAgent) -> None:
        outcome = await agent.monitor()
        assert outcome.found is Found.STOPPED
        assert outcome.reason == "there is no unit web.service (not-found) on this node"
        await agent.stop()
        with pytest.raises(AgentError, match="cannot be started: there is no unit"):
            await agent.start()

    play(tmp_path, Unit(load="not-found"), story)


def test_a_masked_unit_is_told_with_the_remedy(tmp_path: Path) -> None:
    async def story(there: FakeSystemd, agent: UnitAgent) -> None:
        with pytest.raises(AgentError, match=r"is masked; systemctl unmask web\.service"):
            await agent.start()

    play(tmp_path, Unit(load="masked"), story)


@pytest.mark.parametrize(
    ("state", "probed", "held"),
    [
        (("active", "running"), Found.RUNNING, Found.RUNNING),
        (("reloading", "reload"), Found.RUNNING, Found.RUNNING),
        (("inactive", "dead"), Found.STOPPED, Found.STOPPED),
        (("failed", "failed"), Found.STOPPED, Found.FAILED),
        (("activating", "auto-restart"), Found.FAILED, Found.FAILED),
        (("deactivating", "stop-sigterm"), Found.FAILED, Found.FAILED),
    ],
)
def test_what_a_state_means_before_and_after_a_start(
    tmp_path: Path, state: tuple[str, str], probed: Found, held: Found
) -> None:
    async def story(there: FakeSystemd, agent: UnitAgent) -> None:
        there.units[WEB].active, there.units[WEB].sub = state
        assert (await agent.monitor()).found is probed
        there.units[WEB].active = "inactive"
        await agent.start()
        there.units[WEB].active, there.units[WEB].sub = state
        outcome = await agent.monitor()
        assert outcome.found is held
        if state[0] == "failed":
            assert outcome.reason == "failed (failed): exit-code"

    play(tmp_path, Unit(result="exit-code"), story)


def test_a_change_is_noticed_before_the_next_look(tmp_path: Path) -> None:
    async def story(there: FakeSystemd, agent: UnitAgent) -> None:
        await agent.start()
        noticed = asyncio.create_task(agent.changed())
        await asyncio.sleep(0)
        await agent.monitor()
        assert not noticed.done()
        there.become(WEB, "failed", "failed")
        await noticed
        assert (await agent.monitor()).found is Found.FAILED

    play(tmp_path, Unit(), story)


def test_a_held_unit_that_fails_is_told_long_before_the_next_look(tmp_path: Path) -> None:
    async def story(there: FakeSystemd, agent: UnitAgent) -> None:
        told: list[Event] = []
        hour = Duration(3600 * SECOND)
        unit = ResourceSpec(name="web", agent=AgentKind.SYSTEMD, script=WEB, monitor=hour)
        nodes = (NodeName("a"), NodeName("b"))
        group = GroupSpec(name=GroupName("g"), nodes=nodes, resources=(unit,))
        custodian = Custodian(lambda _: agent, told.append, lambda level, text: None)
        custodian.start(1, group)
        await until(lambda: told == [GroupStarted(1, group.name)], "the group is started")
        looked = there.calls.count("LoadUnit web.service")
        there.become(WEB, "active", "reloading")
        await until(lambda: there.calls[-1] == "GetAll org.freedesktop.systemd1.Unit", "a look")
        there.become(WEB, "failed", "failed")
        why = "systemd told of a change: failed (failed): exit-code"
        bad = ResourceLooked(group.name, "web", running=False, why=why, sure=True)
        await until(lambda: bad in told, "the failure is told")
        assert there.calls.count("LoadUnit web.service") == looked
        await custodian.close()

    play(tmp_path, Unit(result="exit-code"), story)


def test_a_lost_bus_makes_the_unit_be_read_again(tmp_path: Path) -> None:
    """The end of the job is lost with the connection; what the unit is can still be read."""

    async def story() -> None:
        there = FakeSystemd({WEB: Unit(starts="never")})
        spec = ResourceSpec(name="web", agent=AgentKind.SYSTEMD, script=WEB)
        with private_bus(tmp_path) as address:
            await there.serve(address)
            here = Systemd(lambda level, text: None, address)
            agent = UnitAgent(spec, here, lambda level, text: None, Turns())
            start = asyncio.create_task(agent.start())
            await until(lambda: there.units[WEB].active == "activating", "the job is under way")
            there.leave()
        # The bus is gone; a new one comes under the same address, with the unit up by now.
        there.units[WEB].active, there.subscribed = "active", False
        (tmp_path / "bus").unlink(missing_ok=True)
        with private_bus(tmp_path) as address:
            await there.serve(address)
            async with asyncio.timeout(15):
                await start
                assert (await agent.monitor()).found is Found.RUNNING
                assert there.subscribed, "signals come again"
            here.close()
            there.leave()

    asyncio.run(story())


def test_without_a_bus_nothing_is_known_of_what_was_started(tmp_path: Path) -> None:
    async def story(there: FakeSystemd, agent: UnitAgent) -> None:
        await agent.start()
        there.leave()
        outcome = await agent.monitor()
        assert outcome.found is Found.FAILED
        assert "systemd" in outcome.reason

    play(tmp_path, Unit(), story)


@pytest.mark.parametrize(
    ("unit", "found"),
    [
        (Unit(), []),
        (Unit(enabled="static"), []),
        (
            Unit(enabled="enabled"),
            [
                "warning: `web` is started at boot by systemd (enabled); "
                "systemctl disable web.service"
            ],
        ),
        (
            Unit(load="masked"),
            [
                "error: `web` cannot start on this machine: systemd has no unit web.service "
                "(masked); systemctl unmask web"
            ],
        ),
    ],
)
def test_a_unit_is_looked_at_before_it_is_trusted(
    tmp_path: Path, unit: Unit, found: list[str]
) -> None:
    spec = ResourceSpec(name="web", agent=AgentKind.SYSTEMD, script=WEB)

    async def look(address: str) -> Finding:
        there = FakeSystemd({WEB: unit})
        await there.serve(address)
        agency = Agency(MODEL, NodeName("a"), tmp_path, None, lambda *_: None, bus=address)
        try:
            return await Surveyor(agency).look(spec)
        finally:
            agency.close()
            there.leave()

    with private_bus(tmp_path) as address:
        finding = asyncio.run(look(address))
    placed = Placed("g", spec, Mark("f", 1, 1), {})
    told = judge([(placed, finding)])
    assert [f"{each.severity}: {each.message}; {each.hint}" for each in told] == found


def test_a_unit_that_boots_beside_the_cluster_is_warned_of_and_flagged(tmp_path: Path) -> None:
    names = ("both.service", "ours.service", "gone.service")
    resources = tuple(
        ResourceSpec(name=name, agent=AgentKind.SYSTEMD, script=name) for name in names
    )
    group = GroupSpec(name=GroupName("g"), nodes=MODEL.nodes, resources=resources)
    log: list[tuple[str, str]] = []

    async def look(address: str) -> list[str]:
        there = FakeSystemd({names[0]: Unit(enabled="enabled"), names[1]: Unit()})
        await there.serve(address)
        agency = Agency(
            MODEL, NodeName("a"), tmp_path, None, lambda *line: log.append(line), bus=address
        )
        at_boot = AtBoot(agency, lambda *line: log.append(line))
        try:
            await at_boot.look(dataclasses.replace(MODEL, groups=(group,)))
            return at_boot.flags
        finally:
            agency.close()
            there.leave()

    with private_bus(tmp_path) as address:
        flags = asyncio.run(look(address))
    assert flags == ["both.service is started at boot by systemd (enabled) as well"]
    assert [(level, text.rpartition("remedy: ")[2]) for level, text in log] == [
        ("WARN", "systemctl disable both.service")
    ]


def test_all_services_are_listed_with_what_starts_them(tmp_path: Path) -> None:
    async def story() -> None:
        with private_bus(tmp_path) as address:
            there = FakeSystemd(
                {WEB: Unit(enabled="enabled"), "a.service": Unit(), "b.mount": Unit()}
            )
            await there.serve(address)
            here = Systemd(lambda level, text: None, address)
            assert await here.names() == {"a.service": "disabled", WEB: "enabled"}
            assert (await here.state(WEB)).enabled == "enabled"
            here.close()
            there.leave()

    asyncio.run(story())
