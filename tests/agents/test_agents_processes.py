"""Whose process is whose, what is watched, and how soon an end is noticed: real processes."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from orphans_home import tell
from twinbeat.agents.base import Found
from twinbeat.agents.orphans import orphans
from twinbeat.agents.pidfile import named_by, pidfile_in_header, read_process
from twinbeat.agents.processes import MARK
from twinbeat.agents.script import ScriptAgent
from twinbeat.core.model import AgentKind, ResourceSpec
from twinbeat.core.units import seconds

FORKS = "import os,sys,time\nif os.fork(): os._exit(0)\nos.setsid()\nif os.fork(): os._exit(0)\n"
"""What a daemon does to lose its parent and its session."""

INIT = """#!/bin/sh
# description: a service of a test
{header}
case $1 in
start) {start} ;;
stop) kill $(cat {here}/pid); while kill -0 $(cat {here}/pid) 2>/dev/null; do sleep 0.01; done
      rm -f {here}/pid ;;
status) kill -0 $(cat {here}/pid 2>/dev/null) 2>/dev/null && exit 0; exit 3 ;;
esac
"""


class Service:
    """An init script of a test's own, and the agent for it."""

    def __init__(self, directory: Path, *, start: str = "", header: str = "") -> None:
        self.here = directory
        self.script = directory / "init.d" / "service"
        self.script.parent.mkdir()
        program = directory / "program.py"
        program.write_text(
            FORKS + f"open({str(directory / 'pid')!r}, 'w').write(str(os.getpid()))\n"
            "time.sleep(3600)\n"
        )
        wait = f"while ! [ -s {directory}/pid ]; do sleep 0.01; done"
        start = start or f"rm -f {directory}/pid; {sys.executable} {program}; {wait}"
        self.script.write_text(INIT.format(header=header, here=directory, start=start))
        self.script.chmod(0o755)
        self.program = program
        self.log: list[str] = []

    def agent(self, pidfile: str = "") -> ScriptAgent:
        limit = seconds(10)
        spec = ResourceSpec(
            name="service", agent=AgentKind.LSB, script="service", pidfile=pidfile,
            start_timeout=limit, stop_timeout=limit,
        )  # fmt: skip
        dirs = (str(self.script.parent),)
        return ScriptAgent(spec, dirs, lambda _, text: self.log.append(text), {})

    @property
    def pid(self) -> int:
        return int((self.here / "pid").read_text())


def in_a_daemon(story: Callable[[], Awaitable[None]]) -> None:
    """Run a story as in the daemon; nothing of it is worth a line in the log."""
    tell(story, log=lambda _level, text: pytest.fail(text), within_s=20)


async def notice(agent: ScriptAgent, pid: int, blow: signal.Signals = signal.SIGKILL) -> float:
    """Kill a process and return how long it took to be told of it."""
    changed = asyncio.create_task(agent.changed())
    await asyncio.sleep(0)
    began = time.monotonic()
    os.kill(pid, blow)
    assert await changed == f"process {pid} has ended"
    return time.monotonic() - began


def test_what_a_start_leaves_running_is_watched(tmp_path: Path) -> None:
    service = Service(tmp_path)

    async def story() -> None:
        agent = service.agent()
        assert agent.watched == ""
        await agent.start()
        assert agent.watched == f"process {service.pid}"
        assert orphans() == [service.pid]
        assert await notice(agent, service.pid) < 1
        assert (await agent.monitor(urgent=True)).found is Found.STOPPED
        await agent.start()
        assert agent.watched == f"process {service.pid}"
        await agent.stop()
        assert agent.watched == ""
        assert orphans() == []

    in_a_daemon(story)


def test_a_service_without_any_environment_is_known_by_its_time(tmp_path: Path) -> None:
    service = Service(tmp_path)
    text = service.script.read_text()
    service.script.write_text(text.replace(sys.executable, f"env -i {sys.executable}"))

    async def story() -> None:
        agent = service.agent()
        await agent.start()
        assert agent.watched == f"process {service.pid}"

    in_a_daemon(story)


def test_what_bears_another_resources_mark_is_not_taken(tmp_path: Path) -> None:
    service = Service(tmp_path)
    text = service.script.read_text()
    service.script.write_text(text.replace(sys.executable, f"env {MARK}=other {sys.executable}"))

    async def story() -> None:
        agent = service.agent()
        await agent.start()
        assert agent.watched == ""

    in_a_daemon(story)


def test_an_ended_orphan_leaves_no_remains(tmp_path: Path) -> None:
    """Where nobody waits for the dead, `kill -0` finds them alive: so would the script."""
    service = Service(tmp_path)

    async def story() -> None:
        agent = service.agent()
        await agent.start()
        pid = service.pid
        os.kill(pid, signal.SIGKILL)
        while Path(f"/proc/{pid}").exists():
            await asyncio.sleep(0.005)
        assert (await agent.monitor()).found is Found.STOPPED

    in_a_daemon(story)


def test_a_later_life_finds_by_its_mark_what_an_earlier_one_started(tmp_path: Path) -> None:
    service = Service(tmp_path)

    async def story() -> None:
        await service.agent().start()
        later = service.agent()
        assert (await later.monitor()).found is Found.RUNNING
        assert later.watched == ""
        await later.start()
        assert later.watched == f"process {service.pid}"
        await notice(later, service.pid)

    in_a_daemon(story)


def test_a_main_process_that_is_followed_by_another_is_watched_on(tmp_path: Path) -> None:
    """As when a server is exchanged for a newer binary while it serves."""
    service = Service(tmp_path)

    async def story() -> None:
        agent = service.agent(str(tmp_path / "pid"))
        await agent.start()
        first = service.pid
        (tmp_path / "pid").unlink()
        subprocess.run([sys.executable, str(service.program)], check=True)
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            await asyncio.sleep(0.005)
        await notice(agent, first)
        assert (await agent.monitor()).found is Found.RUNNING
        assert agent.watched == f"process {service.pid}"

    in_a_daemon(story)


# Pidfiles.


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(["sleep", "3600"])
    yield process
    process.kill()
    process.wait()


def believed(path: Path) -> int | None:
    found = asyncio.run(named_by(str(path)))
    return found.pid if found else None


def test_a_pidfile_names_a_living_process(
    tmp_path: Path, sleeper: "subprocess.Popen[bytes]"
) -> None:
    pidfile = tmp_path / "pid"
    pidfile.write_text(f" {sleeper.pid}\n/var/lib/more\n")
    assert believed(pidfile) == sleeper.pid
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert believed(pidfile) is None  # Its remains.
    sleeper.wait()
    assert believed(pidfile) is None


@pytest.mark.parametrize("mode", [0o666, 0o664, 0o646])
def test_a_pidfile_that_others_may_write_is_not_believed(
    tmp_path: Path, sleeper: "subprocess.Popen[bytes]", mode: int
) -> None:
    pidfile = tmp_path / "pid"
    pidfile.write_text(str(sleeper.pid))
    pidfile.chmod(mode)
    assert believed(pidfile) is None


def test_a_pidfile_older_than_its_process_is_of_another(
    tmp_path: Path, sleeper: "subprocess.Popen[bytes]"
) -> None:
    pidfile = tmp_path / "pid"
    pidfile.write_text(str(sleeper.pid))
    process = read_process(sleeper.pid)
    assert process is not None
    born = time.time() - (time.clock_gettime(time.CLOCK_BOOTTIME) - process.started)
    os.utime(pidfile, (born - 60, born - 60))
    assert believed(pidfile) is None


@pytest.mark.parametrize(
    "text", ["", "x", "-5", "0", "1", "99999999999999999999", "4194304000", "12 34", "\0" * 5000]
)
def test_a_pidfile_of_nonsense_names_nothing(tmp_path: Path, text: str) -> None:
    pidfile = tmp_path / "pid"
    pidfile.write_text(text.replace("12 34", f"{os.getpid()} 34"))
    assert believed(pidfile) is None


def test_a_fifo_for_a_pidfile_holds_up_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pid")
    began = time.monotonic()
    assert believed(tmp_path / "pid") is None
    assert time.monotonic() - began < 5


def test_the_header_of_an_init_script_says_where_the_pidfile_is(tmp_path: Path) -> None:
    script = tmp_path / "httpd"
    script.write_text("#!/bin/sh\n# chkconfig: - 85 15\n# pidfile: /run/httpd/httpd.pid\n")
    assert pidfile_in_header(str(script)) == "/run/httpd/httpd.pid"
    script.write_text("#!/bin/sh\n# config: /etc/httpd\n# pidfile: relative.pid\n")
    assert pidfile_in_header(str(script)) is None


def test_a_pidfile_that_comes_late_is_found_by_a_later_look(tmp_path: Path) -> None:
    service = Service(tmp_path)

    async def story() -> None:
        late = tmp_path / "late"
        agent = service.agent(str(late))
        text = service.script.read_text()
        service.script.write_text(text.replace(sys.executable, f"env {MARK}=x {sys.executable}"))
        await agent.start()
        await agent.monitor()
        assert agent.watched == ""
        late.write_text(str(service.pid))
        await agent.monitor()
        assert agent.watched == f"process {service.pid}"

    in_a_daemon(story)
