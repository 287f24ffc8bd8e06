"""Resource scripts: real shell scripts, real processes, Heartbeat's words."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import pytest
from agent_looks import is_running

from twinbeat.agents.base import AgentError, Found
from twinbeat.agents.script import ScriptAgent, says_running
from twinbeat.agents.trust import locate
from twinbeat.agents.turns import Turns
from twinbeat.core.model import AgentKind, ResourceSpec
from twinbeat.core.units import seconds


class Bench:
    """A directory of scripts, an agent on one of them, and all it logged."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.init_d = directory / "init.d"
        self.resource_d = directory / "resource.d"
        for made in (self.init_d, self.resource_d):
            made.mkdir(mode=0o755)
        self.calls = directory / "calls"
        self.logged: list[tuple[str, str]] = []

    def script(self, body: str, *, name: str = "web", where: str = "resource.d") -> Path:
        """Write a script; `$op` is the operation, and every call is written down."""
        path = self.directory / where / name
        path.write_text(
            "#!/bin/bash\nfor op; do :; done\n"
            f'here={self.directory}\necho "$(basename $0) $*" >>$here/calls\n{body}\n'
        )
        path.chmod(0o755)
        return path

    def agent(
        self,
        *args: str,
        kind: AgentKind = AgentKind.SCRIPT,
        script: str = "web",
        start: float = 10,
        stop: float = 10,
        environment: Mapping[str, str] | None = None,
        turns: Turns | None = None,
    ) -> ScriptAgent:
        spec = ResourceSpec(
            name="::".join([script, *args]),
            agent=kind,
            script=script,
            args=args,
            start_timeout=seconds(start),
            stop_timeout=seconds(stop),
        )
        dirs = [str(self.resource_d), str(self.init_d)]
        log = self.logged
        return ScriptAgent(spec, dirs, lambda *line: log.append(line), environment or {}, turns)

    @property
    def called(self) -> list[str]:
        return self.calls.read_text().splitlines() if self.calls.exists() else []

    def read(self, name: str) -> str:
        return (self.directory / name).read_text()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


SERVICE = """
case $op in
    start) touch $here/up ;;
    stop) rm -f $here/up ;;
    status) if [ -e $here/up ]; then echo "web is running"; else echo "web is NOT running"; fi ;;
esac
"""


def run(*steps: Coroutine[Any, Any, Any]) -> list[Any]:
    async def in_turn() -> list[Any]:
        return [await step for step in steps]

    return asyncio.run(asyncio.wait_for(in_turn(), 30))


def failure(step: Coroutine[Any, Any, Any]) -> str:
    with pytest.raises(AgentError) as caught:
        run(step)
    return str(caught.value)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def until(condition: Callable[[], bool], what: str) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)
    assert condition(), what


# Words, order and look-up


def test_a_resource_is_started_seen_and_stopped(bench: Bench) -> None:
    bench.script(SERVICE)
    agent = bench.agent("/dev/sdb1", "/srv")
    assert run(
        is_running(agent), agent.start(), is_running(agent), agent.stop(), is_running(agent)
    ) == [
        False,
        None,
        True,
        None,
        False,
    ]
    asked = "web /dev/sdb1 /srv status"
    assert bench.called == [
        *(asked, asked, "web /dev/sdb1 /srv start"),
        *(asked, "web /dev/sdb1 /srv stop", asked),
    ]
    path = bench.resource_d / "web"
    assert ("info", f"Running {path} /dev/sdb1 /srv start") in bench.logged
    assert ("debug", f"Running {path} /dev/sdb1 /srv status") in bench.logged


def test_a_running_resource_is_not_started_again(bench: Bench) -> None:
    bench.script(SERVICE)
    (bench.directory / "up").touch()
    run(bench.agent().start())
    assert bench.called == ["web status"]


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("web is running", True),
        ("Running", True),
        ("INFO:  Running OK", True),
        ("OK", True),
        ("RUNNING", False),
        ("web is not running", False),
        ("web is Not Running, was running", False),
        ("INFO:  Resource is stopped", False),
        ("not  running", True),
        ("", False),
    ],
)
def test_words_decide_for_a_heartbeat_script_whatever_the_exit_code(text: str, runs: bool) -> None:
    """ResourceManager's test on the status text, Heartbeat 3.0.6."""
    for code in (0, 1, 3, 4):
        assert says_running(AgentKind.SCRIPT, code, text) is runs


@pytest.mark.parametrize(
    ("code", "text", "runs"),
    [
        (0, "", True),
        (0, "not running", True),
        (3, "", False),
        (3, "running", False),
        (1, "dead, but its pid file exists", False),
        (2, "dead, but its lock file exists", False),
        (1, "web is running", True),
        (4, "web is not running", False),
        (4, "", None),
        (150, "", None),
        (-15, "", None),
        (None, "", None),
    ],
)
def test_exit_codes_decide_for_an_lsb_script(
    code: int | None, text: str, runs: bool | None
) -> None:
    assert says_running(AgentKind.LSB, code, text) is runs


def test_only_stdout_counts_as_an_answer(bench: Bench) -> None:
    bench.script("echo running >&2")
    assert run(is_running(bench.agent())) == [False]


def test_an_lsb_script_that_does_not_tell_is_an_error_and_is_started_all_the_same(
    bench: Bench,
) -> None:
    bench.script("[ $op != status ] || exit 4", where="init.d")
    assert "cannot be told" in failure(is_running(bench.agent(kind=AgentKind.LSB)))
    run(bench.agent(kind=AgentKind.LSB).start())
    assert bench.called == ["web status", "web status", "web start"]


def test_the_first_executable_of_the_directories_is_taken(bench: Bench) -> None:
    first = bench.script("echo running", where="resource.d")
    bench.script("echo stopped", where="init.d")
    assert run(is_running(bench.agent())) == [True]
    first.chmod(0o644)
    assert run(is_running(bench.agent())) == [False]


def test_lsb_looks_only_into_init_d(bench: Bench) -> None:
    bench.script("exit 0", where="resource.d")
    agent = bench.agent(kind=AgentKind.LSB)
    assert f"there is no script 'web' in {bench.init_d}; install it" in failure(agent.start())
    bench.script("exit 0", where="init.d")
    assert run(is_running(agent)) == [True]


def test_a_script_that_is_missing_runs_nothing_and_starts_nothing(bench: Bench) -> None:
    agent = bench.agent()
    assert run(is_running(agent), agent.stop()) == [False, None]
    assert ("ERROR", "Cannot locate resource script web") in bench.logged
    assert "cannot be started" in failure(agent.start())


def test_a_script_that_vanished_under_a_running_service_is_an_error(bench: Bench) -> None:
    path = bench.script(SERVICE)
    agent = bench.agent()
    run(agent.start())
    path.unlink()
    assert "web cannot be stopped: there is no script" in failure(agent.stop())
    assert "cannot be told" in failure(is_running(agent))


# Refusals


@pytest.mark.parametrize("name", ["../evil", "/bin/true", "a/b", "", "nul\0"])
def test_a_name_that_is_no_file_name_is_refused(name: str, bench: Bench) -> None:
    agent = bench.agent(script=name)
    assert "must be a file name without '/'" in failure(agent.start())
    assert run(is_running(agent), agent.stop()) == [False, None]


@pytest.mark.parametrize("name", [".", "..", "init.d"])
def test_a_directory_is_no_script(name: str, bench: Bench) -> None:
    assert locate(name, [str(bench.directory)]) is None


@pytest.mark.parametrize("mode", [0o775, 0o757])
def test_a_script_that_others_may_write_is_refused(mode: int, bench: Bench) -> None:
    path = bench.script("echo running")
    path.chmod(mode)
    said = failure(bench.agent().start())
    assert said == (
        f"{path} is refused: its group or others may write it; remedy: chmod go-w {path}"
    )
    assert bench.called == []


@pytest.mark.parametrize("mode", [0o775, 0o757])
def test_a_directory_that_others_may_write_is_refused(mode: int, bench: Bench) -> None:
    bench.script("echo running")
    bench.resource_d.chmod(mode)
    assert f"may write the directory {bench.resource_d}" in failure(bench.agent().start())
    bench.resource_d.chmod(mode | 0o1000)
    assert run(is_running(bench.agent())) == [True]


@pytest.mark.parametrize("opened", ["target", "between"])
def test_every_link_on_the_way_is_judged_with_its_directory(opened: str, bench: Bench) -> None:
    for directory in ("target", "between"):
        (bench.directory / directory).mkdir()
    target = bench.script("echo running", name="real", where="target")
    (bench.directory / "between/link").symlink_to(target)
    (bench.resource_d / "web").symlink_to(bench.directory / "between/link")
    assert run(is_running(bench.agent())) == [True]
    (bench.directory / opened).chmod(0o777)
    said = failure(bench.agent().start())
    assert f"may write the directory {bench.directory / opened}" in said


@pytest.mark.root
def test_a_script_or_directory_of_another_user_is_refused(bench: Bench) -> None:
    path = bench.script("echo running")
    os.chown(bench.resource_d, 65534, -1)
    assert f"{bench.resource_d} belongs to uid 65534" in failure(bench.agent().start())
    os.chown(path, 65534, -1)
    assert f"{path} is refused: it belongs to uid 65534, not to root" in failure(
        bench.agent().start()
    )


def test_a_refused_script_never_ran_here_unless_this_life_ran_it(bench: Bench) -> None:
    path = bench.script("echo running")
    path.chmod(0o775)
    assert run(is_running(bench.agent()), bench.agent().stop()) == [False, None]
    remedy = f"its group or others may write it; remedy: chmod go-w {path}"
    assert ("ERROR", f"{path} is refused: {remedy}; it is taken as not running") in bench.logged
    path.chmod(0o755)
    agent = bench.agent()
    run(agent.start())
    path.chmod(0o775)
    assert f"{path} is refused" in failure(agent.stop())


def test_a_script_without_interpreter_says_so(bench: Bench) -> None:
    path = bench.resource_d / "web"
    path.write_text("echo running\n")
    path.chmod(0o755)
    assert "Exec format error; does its first line name an interpreter" in failure(
        is_running(bench.agent())
    )
    path.write_text("#!/nonexistent/sh\n")
    assert f"{path} cannot be run: No such file or directory" in failure(bench.agent().stop())


# Failures


def test_a_failed_start_tells_the_code_and_the_last_words(bench: Bench) -> None:
    path = bench.script(
        '[ $op != start ] || { echo "starting"; printf "no licence\\033[31m\\n" >&2; exit 7; }'
    )
    said = failure(bench.agent().start())
    assert said == f"web did not start: {path} ended with code 7; it said: no licence\\x1b[31m"
    assert ("ERROR", f"Return code 7 from {path}") in bench.logged
    assert ("info", "web: starting") in bench.logged
    assert ("info", "web: no licence\\x1b[31m") in bench.logged


def test_a_failing_stop_is_repeated(bench: Bench) -> None:
    bench.script('[ $op != stop ] || [ "$(wc -l <$here/calls)" -ge 2 ]')
    run(bench.agent().stop())
    assert bench.called == ["web stop", "web stop"]
    assert ("info", "Retrying failed stop operation [web]") in bench.logged


def test_a_stop_that_keeps_failing_is_an_error_while_the_status_says_running(
    bench: Bench,
) -> None:
    path = bench.script("if [ $op = status ]; then echo running; else echo busy; exit 1; fi")
    said = failure(bench.agent(stop=1.5).stop())
    assert said == (f"web did not stop: {path} ended with code 1; it said: busy; it still runs")
    assert bench.called == ["web stop", "web stop", "web status"]


def test_a_stop_that_keeps_failing_is_believed_when_the_status_says_not_running(
    bench: Bench,
) -> None:
    bench.script("if [ $op = status ]; then echo not running; else exit 1; fi")
    run(bench.agent(stop=0.5).stop())
    assert bench.logged[-2:] == [
        ("ERROR", "Resource script for web probably not LSB-compliant."),
        ("WARN", "it (web) MUST succeed on a stop when already stopped"),
    ]


def test_a_stop_that_fails_with_a_status_that_overruns_is_an_error(bench: Bench) -> None:
    bench.script("if [ $op = status ]; then exec sleep 60; else exit 1; fi")
    said = failure(bench.agent(stop=0.3).stop())
    assert "ended with code 1" in said
    assert "status was killed after 0.3 s" in said


# Time, processes, output


def test_an_overrun_is_killed_with_its_grandchildren(bench: Bench) -> None:
    bench.script(
        """
        [ $op = start ] || exit 0
        (trap '' TERM; echo $BASHPID >$here/stubborn; while :; do sleep 1; done) &
        (echo $BASHPID >$here/mild; exec sleep 60) &
        echo $$ >$here/leader; echo "still at it"; wait
        """
    )
    agent = bench.agent(start=0.7)

    async def overrun() -> str:
        with pytest.raises(AgentError) as caught:
            await agent.start()
        pids = [int(bench.read(name)) for name in ("leader", "mild", "stubborn")]
        await until(lambda: not any(map(alive, pids)), "the whole group is gone")
        return str(caught.value)

    said = asyncio.run(overrun())
    path = bench.resource_d / "web"
    assert said.startswith(f"{path} start was killed after 0.")
    assert said.endswith("it said: still at it")
    assert ("ERROR", f"{path} start overran its time and was killed") in bench.logged


def test_a_script_that_ignores_sigterm_is_killed_after_a_grace(bench: Bench) -> None:
    bench.script("trap '' TERM; echo $$ >$here/leader; while :; do sleep 0.1; done")
    assert "was killed" in failure(is_running(bench.agent(start=0.3)))
    assert not alive(int(bench.read("leader")))


def test_a_cancelled_call_takes_its_process_group_with_it(bench: Bench) -> None:
    bench.script("(echo $BASHPID >$here/child; exec sleep 60) & echo $$ >$here/leader; wait")

    async def cancelled() -> None:
        call = asyncio.create_task(is_running(bench.agent()))
        names = ("leader", "child")
        await until(lambda: all((bench.directory / n).exists() for n in names), "it started")
        await until(lambda: all(bench.read(n) for n in names), "it wrote")
        pids = [int(bench.read(name)) for name in names]
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await until(lambda: not any(map(alive, pids)), "the group is gone")
        await until(lambda: not Path(f"/proc/{pids[0]}").exists(), "no zombie is left")

    asyncio.run(cancelled())


def test_a_service_that_keeps_the_pipe_is_neither_waited_for_nor_hurt(bench: Bench) -> None:
    bench.script(
        """
        [ $op = start ] || exit 0
        (echo $BASHPID >$here/service
         until [ -e $here/go ]; do sleep 0.02; done
         for i in {1..3000}; do echo "a service that chats, line $i, on and on"; done
         touch $here/survived; exec sleep 60) &
        echo started
        """
    )

    async def served() -> None:
        async with asyncio.timeout(5):
            await bench.agent().start()
        assert ("info", "web: started") in bench.logged
        (bench.directory / "go").touch()
        await until((bench.directory / "survived").exists, "more than a pipe holds")

    asyncio.run(served())
    pid = int(bench.read("service"))
    assert alive(pid)
    os.kill(pid, 9)


def test_a_flood_of_output_is_bounded_and_its_end_is_kept(bench: Bench) -> None:
    bench.script(
        "[ $op = start ] || exit 0; yes 'so much to say' | head -n 60000; echo last; exit 1"
    )
    assert failure(bench.agent().start()).endswith(
        "it said: so much to say | so much to say | last"
    )
    said = [text for level, text in bench.logged if text.startswith("web: ")]
    assert len(said) == 100
    assert said[-1] == "web: last"


def test_a_flood_that_never_ends_is_killed_in_time(bench: Bench) -> None:
    bench.script("exec yes")
    assert "was killed after 0.3 s; it said: y | y | y" in failure(
        is_running(bench.agent(start=0.3))
    )


def test_a_long_line_and_odd_bytes_are_made_harmless(bench: Bench) -> None:
    bench.script("head -c 5000 /dev/zero | tr '\\0' x; printf '\\nbad \\377\\000\\a\\n'; echo OK")
    assert run(is_running(bench.agent())) == [True]
    said = [text for _, text in bench.logged if text.startswith("web: ")]
    assert said == ["web: " + "x" * 500, "web: bad \\xff\\x00\\x07", "web: OK"]


# What a child is born with


def test_a_script_gets_no_descriptor_of_ours(bench: Bench) -> None:
    bench.script("readlink /proc/$$/fd/0 >$here/stdin; ls /proc/$$/fd >$here/fds")
    held = os.open("/etc/passwd", os.O_RDONLY)
    os.set_inheritable(held, True)
    try:
        run(is_running(bench.agent()))
    finally:
        os.close(held)
    assert bench.read("stdin") == "/dev/null\n"
    # 255 is bash's own hold on the script it reads.
    assert set(bench.read("fds").split()) - {"255"} <= {"0", "1", "2", "3"}
    assert str(held) not in bench.read("fds").split() or held <= 3


def test_a_script_gets_the_environment_given_and_a_path(bench: Bench) -> None:
    bench.script("env >$here/env; :")
    os.environ["TWINBEAT_TEST_LEAK"] = "1"
    try:
        run(is_running(bench.agent(environment={"HA_DIR": "/etc/ha.d", "PATH": "/bin:/usr/bin"})))
    finally:
        del os.environ["TWINBEAT_TEST_LEAK"]
    environment = dict(line.split("=", 1) for line in bench.read("env").splitlines())
    assert environment["HA_DIR"] == "/etc/ha.d"
    assert environment["PATH"] == "/bin:/usr/bin"
    assert environment["LC_ALL"] == "C.UTF-8"
    assert "TWINBEAT_TEST_LEAK" not in environment


def test_a_script_leads_a_session_with_default_signals(bench: Bench) -> None:
    bench.script(
        """
        grep -E '^Sig(Blk|Ign)' /proc/self/status >$here/signals
        ps -o sid= $$ >$here/session; echo $$ >$here/pid
        """
    )
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    try:
        run(is_running(bench.agent()))
    finally:
        signal.signal(signal.SIGHUP, before)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    blocked, ignored = (int(line.split()[1], 16) for line in bench.read("signals").splitlines())
    of_the_c_library = 1 << 31 | 1 << 32
    assert blocked == 0
    assert ignored & ~of_the_c_library == 0
    assert bench.read("session").split() == bench.read("pid").split()


@pytest.mark.root
@pytest.mark.parametrize("policy", [os.SCHED_RR, os.SCHED_RR | os.SCHED_RESET_ON_FORK])
def test_a_script_of_a_realtime_daemon_runs_as_any_process(policy: int, bench: Bench) -> None:
    bench.script("cut -d' ' -f41 /proc/self/stat >$here/policy")
    try:
        os.sched_setscheduler(0, policy, os.sched_param(1))
    except PermissionError:
        pytest.skip("this machine does not allow SCHED_RR")
    try:
        run(is_running(bench.agent()))
        assert os.sched_getscheduler(0) == policy
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    assert bench.read("policy") == "0\n"


@pytest.mark.root
def test_a_script_is_not_spared_when_memory_ends_as_the_daemon_is(bench: Bench) -> None:
    bench.script("cat /proc/self/oom_score_adj >$here/oom")
    adjustment = Path("/proc/self/oom_score_adj")
    before = adjustment.read_text()
    try:
        adjustment.write_text("-500")
    except PermissionError:
        pass  # Without CAP_SYS_RESOURCE the daemon is not spared, and its scripts are as it is.
    mine = int(adjustment.read_text())
    try:
        run(is_running(bench.agent()))
    finally:
        if mine < int(before):
            adjustment.write_text(before)
    assert bench.read("oom") == f"{max(0, mine)}\n"


def test_nothing_is_left_open(bench: Bench) -> None:
    bench.script(SERVICE)

    async def counted() -> tuple[int, int]:
        agent = bench.agent()
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(5):
            await agent.start()
            await agent.stop()
        return before, len(os.listdir("/proc/self/fd"))

    before, after = asyncio.run(counted())
    assert before == after


# Turns


def test_hanging_looks_hold_up_neither_a_start_nor_the_loop(bench: Bench) -> None:
    bench.script("case $op in status) exec sleep 60 ;; esac", name="hangs")
    bench.script(SERVICE)
    turns = Turns(orders=1, looks=2)
    hanging = [bench.agent(script="hangs", start=1, turns=turns) for _ in range(4)]

    async def story() -> tuple[float, list[float]]:
        loop = asyncio.get_running_loop()
        looks = [asyncio.create_task(agent.monitor()) for agent in hanging]
        await until(lambda: len(bench.called) == 2, "two of four looks are under way")
        before = loop.time()
        await bench.agent(turns=turns).start()
        took = loop.time() - before
        outcomes = await asyncio.gather(*looks)
        assert {outcome.found for outcome in outcomes} == {Found.FAILED}
        assert all("was killed after" in outcome.reason for outcome in outcomes)
        return took, [outcome.seconds for outcome in outcomes]

    took, seconds_each = asyncio.run(story())
    assert (bench.directory / "up").exists()
    assert took < 0.9, "the start waited for a look that hung"
    # Each had its second from its own turn on, the two that had to wait for one as well.
    assert all(0.9 < each < 1.9 for each in seconds_each)
