"""twinbeat's own unit under a real systemd: cases that are played in the guest.

The node has no peer that answers, so it owns its group once the peer's silence proves it dead. The
group is a resource script, whose sleeper lives in the unit's own control group, and a unit.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

SERVICE = "twinbeat.service"
LOG = Path("/var/log/ha-log")
UNIT, PID = "steady.service", Path("/run/sleeper.pid")
CONFIG = "/etc/ha.d/cluster.toml"
FILES = {
    CONFIG: f"""\
[cluster]
name = "guest"
nodes = ["guest", "away"]

[timing]
keepalive = "500ms"
deadtime = "3s"
initdead = "4s"

[log]
logfile = "{LOG}"

[[link]]
kind = "unicast"
interface = "lo"
address = "127.0.0.2"

[[group]]
name = "sleepers"

[[group.resource]]
agent = "script"
name = "sleeper"

[[group.resource]]
agent = "systemd"
name = "{UNIT}"
""",
    "/etc/ha.d/authkeys": "auth 1\n1 sha1 a-key-of-the-guest\n",
    "/etc/ha.d/resource.d/sleeper": f"""\
#!/bin/sh
pid=$(cat {PID} 2>/dev/null)
case $1 in
    start) kill -0 "$pid" 2>/dev/null || {{ sleep infinity & echo $! >{PID}; }} ;;
    stop) [ -z "$pid" ] || kill "$pid"; rm -f {PID} ;;
    status) if kill -0 "$pid" 2>/dev/null; then echo running; else echo stopped; fi ;;
esac
""",
}
PATIENCE = 120.0

CASES: dict[str, Callable[[], None]] = {}


def case(function: Callable[[], None]) -> Callable[[], None]:
    CASES[function.__name__] = function
    return function


def run(*command: str, code: int | None = 0) -> str:
    """Run a program, which shall end with this code if one is given; return what it prints."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert code in (None, done.returncode), (command, done.returncode, done.stdout, done.stderr)
    return done.stdout.strip()


def show(unit: str, *names: str) -> list[str]:
    """Return these properties of a unit, in their order."""
    lines = run("systemctl", "show", *(f"--property={name}" for name in names), unit).splitlines()
    values = dict(line.split("=", 1) for line in lines)
    return [values[name] for name in names]


def until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {PATIENCE:.0f} s"
        time.sleep(0.3)


def sleeper() -> int:
    """Return the process that the resource script has started; 0: none."""
    try:
        pid = int(PID.read_text())
        return pid if Path(f"/proc/{pid}/comm").read_text() == "sleep\n" else 0
    except (OSError, ValueError):
        return 0


def main_pid() -> int:
    return int(show(SERVICE, "MainPID")[0])


def this_life() -> str:
    """Return what the daemon has logged since it was started last."""
    return LOG.read_text().rpartition("a new life begins")[2] if LOG.exists() else ""


def settled() -> int:
    """Start the daemon unless it runs, wait until it holds its group, and return its pid."""
    run("systemctl", "start", SERVICE)
    until(lambda: "group sleepers is held" in this_life(), "the node holds its group")
    assert show(SERVICE, "ActiveState", "SubState") == ["active", "running"]
    assert sleeper() != 0
    assert show(UNIT, "ActiveState") == ["active"]
    return main_pid()


@case
def starts_and_says_when_it_is_ready() -> None:
    run("systemctl", "start", SERVICE)
    assert show(SERVICE, "ActiveState", "SubState") == ["active", "running"]
    assert sleeper() == 0, "it is ready before any resource is started"
    assert show(SERVICE, "StatusText") != [""]
    pid = settled()
    assert show(SERVICE, "NRestarts") == ["0"]
    with Path(f"/proc/{sleeper()}/cgroup").open() as groups:
        assert groups.read() == f"0::/system.slice/{SERVICE}\n"
    run("systemctl", "reload", SERVICE)
    assert main_pid() == pid


@case
def mends_a_unit_that_dies() -> None:
    pid = settled()
    (before,) = show(UNIT, "InvocationID")
    run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", UNIT)
    until(lambda: "steady.service runs again" in this_life(), "the unit is started again")
    (after,) = show(UNIT, "InvocationID")
    assert after != before
    assert main_pid() == pid


def succeeded(kind: signal.Signals) -> None:
    """Send a signal that ends the daemon, see what outlives it, and that the next life has it."""
    first, served = settled(), sleeper()
    (unit,), (restarts,) = show(UNIT, "InvocationID"), show(SERVICE, "NRestarts")
    os.kill(first, kind)
    until(lambda: not Path(f"/proc/{first}").exists(), "the daemon is gone")
    assert sleeper() == served
    assert settled() != first
    assert show(SERVICE, "NRestarts") == [str(int(restarts) + 1)]
    assert sleeper() == served, "all of the group runs, and nobody else has it: it is kept"
    assert show(UNIT, "InvocationID") == [unit]


@case
def is_restarted_when_it_is_killed_and_its_services_outlive_it() -> None:
    succeeded(signal.SIGKILL)


@case
def is_replaced_when_it_hangs() -> None:
    """The watchdog's own signal does not reach a stopped process; the one after it does."""
    succeeded(signal.SIGSTOP)


@case
def stops_what_it_holds_when_it_is_stopped() -> None:
    settled()
    served = sleeper()
    run("systemctl", "stop", SERVICE)
    assert show(SERVICE, "ActiveState", "SubState", "Result", "ExecMainStatus") == [
        "inactive", "dead", "success", "0",
    ]  # fmt: skip
    assert sleeper() == 0
    assert not Path(f"/proc/{served}").exists()
    assert show(UNIT, "ActiveState") == ["inactive"]


@case
def is_not_restarted_with_files_that_have_an_error() -> None:
    good = Path(CONFIG).read_text()
    try:
        Path(CONFIG).write_text("[cluster]\nnodes = 7\n")
        run("systemctl", "start", SERVICE, code=1)
        assert show(SERVICE, "ActiveState", "SubState", "Result", "ExecMainStatus") == [
            "failed", "failed", "exit-code", "6",
        ]  # fmt: skip
    finally:
        Path(CONFIG).write_text(good)
