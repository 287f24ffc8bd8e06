"""Agents of real services, each of which dies: apache, nginx, PostgreSQL, a file system."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from ocf_bench import OcfBench, run

from real_services import Database, apache, children, free_port, nginx, page
from twinbeat.agents.base import AgentError, Found
from twinbeat.agents.ocf import OcfAgent

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="services that change users, and mounts"),
]


@pytest.fixture
def here() -> Iterator[Path]:
    """A directory that every user may enter."""
    with tempfile.TemporaryDirectory(prefix="twinbeat-") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@pytest.fixture
def bench(here: Path) -> OcfBench:
    return OcfBench(here)


def until(condition: Callable[[], bool], within: float = 10) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def gone(pid: int) -> bool:
    """Whether a process has ended and was buried: to these agents one that was not still runs."""
    return not Path(f"/proc/{pid}").exists()


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    until(lambda: gone(pid))


def found(agent: OcfAgent, depth: int = 0) -> Found:
    (outcome,) = run(agent.monitor(depth))
    answer: Found = outcome.found
    return answer


def test_apache_lives_without_a_worker_and_not_without_its_parent(
    bench: OcfBench, here: Path
) -> None:
    page(here, "here")
    agent = bench.agent("heartbeat:apache", given=apache(here, f"127.0.0.1:{free_port()}"))
    assert found(agent) is Found.STOPPED
    try:
        run(agent.start())
        main = int((here / "apache.pid").read_text())
        assert (found(agent), found(agent, 10)) == (Found.RUNNING, Found.RUNNING)
        kill(children(main)[0])
        until(lambda: bool(children(main)))
        assert found(agent, 10) is Found.RUNNING, "the parent has started another worker"
        workers = children(main)
        kill(main)
        assert found(agent) is Found.STOPPED
        run(agent.stop())
        until(lambda: all(map(gone, workers)))
        run(agent.start())
        assert found(agent) is Found.RUNNING, "the port is free and the old pid file no obstacle"
    finally:
        run(agent.stop(), agent.stop())
    assert found(agent) is Found.STOPPED


def test_apache_with_a_broken_configuration_waits_for_ever_and_is_killed(
    bench: OcfBench, here: Path
) -> None:
    page(here, "here")
    parameters = apache(here, f"127.0.0.1:{free_port()}")
    agent = bench.agent("heartbeat:apache", start=2.5, given=parameters)
    with (here / "apache.conf").open("a") as file:
        file.write("Nonsense on\n")
    with pytest.raises(AgentError, match=r"start was killed after 2\.5 s.*waiting for apache"):
        run(agent.start())
    assert any("Nonsense" in text for _, text in bench.logged), "the log has apache's own words"
    assert found(agent) is Found.STOPPED


def test_nginx_lives_without_a_worker_and_not_without_its_master(
    bench: OcfBench, here: Path
) -> None:
    agent = bench.agent("heartbeat:nginx", given=nginx(here, f"127.0.0.1:{free_port()}"))
    try:
        run(agent.start())
        main = int((here / "nginx.pid").read_text())
        kill(children(main)[0])
        until(lambda: bool(children(main)))
        assert found(agent) is Found.RUNNING, "the master has started another worker"
        kill(main)
        assert found(agent) is Found.STOPPED
    finally:
        run(agent.stop())


def test_an_agent_tells_its_reasons_to_its_caller_and_to_no_log_file(
    bench: OcfBench, here: Path
) -> None:
    variables = {"HA_LOGFILE": str(here / "log"), "HA_LOGFACILITY": "local0"}
    given = nginx(here, "127.0.0.1:nonsense")
    agent = bench.agent("heartbeat:nginx", variables, given=given)
    with pytest.raises(AgentError, match=r"did not start: .*127\.0\.0\.1:nonsense"):
        run(agent.start())
    assert not (here / "log").exists()


@pytest.fixture
def database(here: Path) -> Iterator[Database]:
    made = Database(here / "data")
    made.create()
    yield made
    if not gone_by_its_file(made):
        os.kill(made.pid, signal.SIGQUIT)


def gone_by_its_file(database: Database) -> bool:
    return not (database.data / "postmaster.pid").exists() or gone(database.pid)


def test_postgresql_is_started_asked_killed_and_started_again(
    bench: OcfBench, database: Database
) -> None:
    agent = bench.agent("heartbeat:pgsql", given=database.parameters)
    assert found(agent) is Found.STOPPED
    run(agent.start())
    database.ask("create table kept (number int); insert into kept values (42)")
    assert found(agent) is Found.RUNNING
    first = database.pid
    kill(first)
    assert found(agent) is Found.STOPPED
    run(agent.stop(), agent.start())
    assert database.pid != first
    assert database.ask("select number from kept") == "42", "the log was played again"
    run(agent.stop(), agent.stop())
    assert found(agent) is Found.STOPPED
    assert gone_by_its_file(database)


def test_a_frozen_postgresql_is_found_by_a_look_that_overruns(
    bench: OcfBench, database: Database
) -> None:
    agent = bench.agent("heartbeat:pgsql", look=1.0, given=database.parameters)
    run(agent.start())
    os.kill(database.pid, signal.SIGSTOP)
    try:
        (outcome,) = run(agent.monitor())
    finally:
        os.kill(database.pid, signal.SIGCONT)
    assert outcome.found is Found.FAILED
    assert "monitor was killed after 1.0 s" in outcome.reason
    run(agent.stop())


def test_postgresql_does_not_start_on_a_data_directory_that_is_none(
    bench: OcfBench, here: Path
) -> None:
    database = Database(here / "data")
    agent = bench.agent("heartbeat:pgsql", given=database.parameters)
    assert found(agent) is Found.STOPPED
    with pytest.raises(AgentError, match=r"did not start: .*data"):
        run(agent.start())


@pytest.fixture
def image(here: Path) -> Path:
    """A small file system in a file."""
    file = here / "disk"
    with file.open("wb") as disk:
        disk.truncate(4 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", file], check=True)
    return file


def fill(point: Path) -> None:
    """Write until not one block more can be had."""
    for size in (1 << 16, 1):
        with suppress(OSError):
            for number in range(1000):
                (point / f"full-{size}-{number}").write_bytes(bytes(size))


def test_a_loop_device_is_mounted_by_nobody_but_its_owner_and_keeps_what_was_written(
    bench: OcfBench, here: Path, image: Path
) -> None:
    point = here / "mnt"
    point.mkdir()
    agent = bench.agent(
        "heartbeat:Filesystem",
        device=str(image),
        directory=str(point),
        fstype="ext4",
        options="loop",
    )
    try:
        assert found(agent) is Found.STOPPED
        run(agent.start())
        assert os.path.ismount(point)
        assert found(agent) is Found.RUNNING
        (point / "kept").write_text("42")
        run(agent.stop())
        assert not os.path.ismount(point)
        assert found(agent) is Found.STOPPED
        devices = subprocess.check_output(["losetup", "--associated", image])
        assert not devices, "the device is free for another node"
        run(agent.start())
        assert (point / "kept").read_text() == "42"
        fill(point)
        assert found(agent) is Found.RUNNING
        assert found(agent, 20) is Found.FAILED, "a full disk is seen by a deep look"
        for each in point.glob("full-*"):
            each.unlink()
        assert found(agent, 20) is Found.RUNNING
    finally:
        run(agent.stop())
