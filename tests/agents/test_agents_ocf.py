"""The calling of OCF agents: environment, exit codes, times, and what goes wrong."""

import asyncio
import subprocess
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from ocf_bench import METADATA, OcfBench, run

from twinbeat.agents.base import AgentError, Found
from twinbeat.core.units import seconds

SERVICE = """case $1 in
    start) touch $here/up ;;
    stop) rm -f $here/up ;;
    monitor) [ -e $here/up ] || exit 7 ;;
    validate-all) [ "$OCF_RESKEY_count" != 99 ] || { echo too many >&2; exit 6; } ;;
    *) exit 3 ;;
esac
"""


@pytest.fixture
def bench(tmp_path: Path) -> OcfBench:
    return OcfBench(tmp_path)


def failure(step: Coroutine[Any, Any, Any]) -> str:
    with pytest.raises(AgentError) as caught:
        run(step)
    return str(caught.value)


def test_a_resource_is_started_seen_and_stopped(bench: OcfBench) -> None:
    bench.write(SERVICE)
    agent = bench.agent(here="x")
    before, _, while_up, _, after = run(
        agent.monitor(), agent.start(), agent.monitor(), agent.stop(), agent.monitor()
    )
    assert [o.found for o in (before, while_up, after)] == ["stopped", "running", "stopped"]
    assert before.reason == "the resource is not running (OCF_NOT_RUNNING)"
    assert bench.called == ["monitor", "start", "monitor", "stop", "monitor"]


def test_an_agent_finds_in_its_environment_what_the_standard_promises(bench: OcfBench) -> None:
    bench.write(SERVICE)
    agent = bench.agent(environment={"HA_CURHOST": "node1"}, here="a b", count="4", look=7)
    run(agent.start(), agent.monitor(10))
    found = bench.environment
    expected = {
        "OCF_ROOT": str(bench.root),
        "OCF_RA_VERSION_MAJOR": "1",
        "OCF_RA_VERSION_MINOR": "0",
        "OCF_RESOURCE_INSTANCE": "test_Web",
        "OCF_RESOURCE_PROVIDER": "test",
        "OCF_RESOURCE_TYPE": "Web",
        "OCF_CHECK_LEVEL": "10",
        "OCF_RESKEY_here": "a b",
        "OCF_RESKEY_count": "4",
        "HA_CURHOST": "node1",
    }
    assert {name: found.get(name) for name in expected} == expected
    assert 6500 < int(found["OCF_RESKEY_CRM_meta_timeout"]) <= 7000


def test_only_a_look_at_what_nobody_started_is_a_probe(bench: OcfBench) -> None:
    """An interval of 0 means a probe to agents: they answer it more leniently."""
    bench.write(SERVICE)
    agent = bench.agent(here="x")
    run(agent.monitor())
    assert bench.environment["OCF_RESKEY_CRM_meta_interval"] == "0"
    run(agent.start(), agent.monitor())
    assert int(bench.environment["OCF_RESKEY_CRM_meta_interval"]) > 0


@pytest.mark.parametrize(
    ("code", "found", "words"),
    [
        (0, Found.RUNNING, ""),
        (1, Found.FAILED, "a generic error"),
        (2, Found.FAILED, "OCF_ERR_ARGS"),
        (3, Found.FAILED, "does not know this action"),
        (4, Found.FAILED, "OCF_ERR_PERM"),
        (5, Found.STOPPED, "not installed here"),
        (6, Found.FAILED, "OCF_ERR_CONFIGURED"),
        (7, Found.STOPPED, "not running"),
        (8, Found.RUNNING, "promoted"),
        (9, Found.FAILED, "OCF_FAILED_MASTER"),
        (190, Found.RUNNING, "degraded"),
        (77, Found.FAILED, "no standard knows"),
    ],
)
def test_what_the_exit_code_of_a_monitor_means(
    bench: OcfBench, code: int, found: Found, words: str
) -> None:
    bench.write(f"exit {code}")
    (outcome,) = run(bench.agent().monitor())
    assert outcome.found is found
    assert words in outcome.reason


def test_what_was_started_and_is_then_not_installed_has_failed(bench: OcfBench) -> None:
    bench.write("[ $1 = start ] || exit 5")
    agent = bench.agent()
    _, outcome = run(agent.start(), agent.monitor())
    assert outcome.found is Found.FAILED


def test_a_start_that_fails_says_what_the_code_means_and_the_last_words(bench: OcfBench) -> None:
    bench.write("echo no such disk >&2; exit 5")
    assert failure(bench.agent().start()) == (
        "test:Web did not start: start ended with code 5: a program or a file that the agent "
        "needs is not installed here (OCF_ERR_INSTALLED); it said: no such disk"
    )
    assert ("info", "test:Web: no such disk") in bench.logged


def test_an_agent_that_is_not_there_runs_nothing(bench: OcfBench) -> None:
    agent = bench.agent("test:None")
    outcome, _ = run(agent.monitor(), agent.stop())
    assert outcome.found is Found.STOPPED
    assert f"there is no OCF agent {bench.provider}/None" in outcome.reason
    assert "there is no OCF agent" in failure(agent.start())


def test_an_agent_that_vanished_while_held_is_an_error(bench: OcfBench) -> None:
    path = bench.write(SERVICE)
    agent = bench.agent(here="x")
    run(agent.start())
    path.unlink()
    (outcome,) = run(agent.monitor())
    assert outcome.found is Found.FAILED
    assert "cannot be stopped" in failure(agent.stop())


def test_an_agent_that_others_may_write_is_refused(bench: OcfBench) -> None:
    bench.write(SERVICE).chmod(0o757)
    assert "its group or others may write it" in failure(bench.agent().start())


def test_a_stop_is_repeated_until_it_succeeds(bench: OcfBench) -> None:
    bench.write("[ $1 = stop ] && [ $(grep -c stop $here/calls) -lt 2 ] && exit 1; exit 0")
    run(bench.agent().stop())
    assert bench.called == ["stop", "stop"]


def test_a_stop_that_never_succeeds_is_judged_by_a_last_look(bench: OcfBench) -> None:
    bench.write("case $1 in stop) exit 1 ;; esac")
    assert failure(bench.agent(stop=0.5).stop()) == (
        "test:Web did not stop: stop ended with code 1: a generic error and said nothing; it still "
        "runs"
    )
    bench.write("case $1 in stop) exit 1 ;; monitor) exit 7 ;; esac")
    run(bench.agent(stop=0.5).stop())


def test_a_hung_monitor_is_killed_and_a_hung_stop_too(bench: OcfBench) -> None:
    bench.write("exec sleep 60")
    (outcome,) = run(bench.agent(look=0.2).monitor())
    assert outcome.found is Found.FAILED
    assert "monitor was killed after 0.2 s" in outcome.reason
    assert 0.2 <= outcome.seconds < 5
    # The look that decides after it hangs as well: nobody can tell.
    bench.write("case $1 in stop) exec sleep 60 ;; monitor) exit 1 ;; esac")
    assert "stop was killed after 0.2 s" in failure(bench.agent(stop=0.2).stop())


def test_times_that_nobody_set_are_those_that_the_agent_advises(bench: OcfBench) -> None:
    bench.write("exec sleep 60", timeout="300ms")
    assert "start was killed after 0.3 s" in failure(bench.agent().start())
    assert "start was killed after 0.1 s" in failure(bench.agent(start=0.1).start())


@pytest.mark.parametrize("words", ["no XML", "<other/>", "<resource-agent"])
def test_an_agent_without_a_description_has_a_minute(bench: OcfBench, words: str) -> None:
    bench.write(SERVICE, words=words)
    agent = bench.agent(here="x")
    run(agent.start())
    assert 59_000 < int(bench.environment["OCF_RESKEY_CRM_meta_timeout"]) <= 60_000
    assert any(
        level == "WARN" and "does not describe itself" in text for level, text in bench.logged
    )
    assert "does not describe itself" in failure(agent.describe())


def test_an_agent_is_asked_what_it_thinks_of_its_parameters(bench: OcfBench) -> None:
    bench.write(SERVICE)
    good, bad = run(bench.agent(here="x").validate(), bench.agent(count="99").validate())
    assert good is None
    assert bad == (
        "validate-all ended with code 6: the parameters are wrong on every node "
        "(OCF_ERR_CONFIGURED); it said: too many"
    )


def test_an_agent_that_writes_without_end_is_described_by_nothing(bench: OcfBench) -> None:
    bench.write(SERVICE, words="<resource-agent>" + "x" * 70_000)
    assert "does not describe itself" in failure(bench.agent().describe())


def test_a_description_is_read_once(bench: OcfBench) -> None:
    bench.write(SERVICE, timeout="7s")
    agent = bench.agent(here="x")

    async def twice() -> None:
        first, second = await asyncio.gather(agent.describe(), agent.describe())
        assert first == second
        assert first.timeout("start") == seconds(7)
        (bench.provider / "Web").write_text("#!/bin/sh\nexit 0\n")
        assert await agent.describe() == first

    asyncio.run(twice())


@pytest.mark.parametrize(
    ("parameter", "given"),
    [("pidfile", True), ("pid", True), ("pidfile", False)],
)
def test_a_pidfile_is_that_of_the_parameter_or_its_default(
    bench: OcfBench, tmp_path: Path, parameter: str, given: bool
) -> None:
    pidfile = tmp_path / "main.pid"
    metadata = METADATA.format(name="Web", timeout="5s").replace(
        '"count"><content type="integer" default="3"/>',
        f'"{parameter}"><content type="string" default="{"/nowhere" if given else pidfile}"/>',
    )
    bench.write("exit 0", words=metadata)
    agent = bench.agent(given={parameter: str(pidfile)} if given else None)
    with subprocess.Popen(["sleep", "3600"]) as main:
        try:
            pidfile.write_text(str(main.pid))
            run(agent.start())
            assert agent.watched == f"process {main.pid}"
        finally:
            main.kill()


def test_the_interval_is_the_agents_advice_for_the_depth(bench: OcfBench) -> None:
    metadata = METADATA.format(name="Web", timeout="5s").replace(
        'depth="0"/>', 'depth="0" interval="7s"/><action name="monitor" depth="10" interval="90s"/>'
    )
    bench.write("exit 0", words=metadata)
    asked = run(bench.agent().interval(), bench.agent().interval(10), bench.agent().interval(5))
    assert asked == [seconds(7), seconds(90), seconds(7)]
    bench.write("exit 0", words="no meta-data")
    assert run(bench.agent().interval()) == [seconds(10)]


def test_looks_that_answer_the_same_are_logged_once(bench: OcfBench, tmp_path: Path) -> None:
    path = bench.write("cat $here/said; exit 0")
    (tmp_path / "said").write_text("fine")
    agent = bench.agent(look=5)
    run(agent.monitor(), agent.monitor(), agent.monitor())
    (tmp_path / "said").write_text("slow")
    run(agent.monitor())
    assert [text for _, text in bench.logged if "meta-data" not in text] == [
        f"Running {path} monitor", "test:Web: fine", f"Running {path} monitor", "test:Web: slow",
    ]  # fmt: skip
