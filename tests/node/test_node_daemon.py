"""The daemon as a process in a network namespace: from its configuration to a clean end."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from twinbeat.control.client import Client
from twinbeat.control.protocol import ExitCode, Refused
from twinbeat.core.beat import Switch
from twinbeat.journal.replay import replay
from twinbeat.node.daemon import run

PROGRAM = """
import sys
from pathlib import Path
from twinbeat.node.daemon import run
sys.exit(run(*(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))))
"""

RECORDED_PROGRAM = """
import sys
from pathlib import Path
from twinbeat.node.daemon import run
from twinbeat.node.recorder import Recording
config, node, state, socket = sys.argv[1:]
recording = Recording(Path(config).parent / "stream")
sys.exit(run(Path(config), node, Path(state), Path(socket), recording))
"""

BROKEN_PROGRAM = (
    """
from twinbeat.core.engine import Engine
from twinbeat.core.events import CleanupRequested
decide = Engine.handle
def handle(self, event, now):
    if isinstance(event, CleanupRequested):
        raise RuntimeError("a decision of ours failed")
    return decide(self, event, now)
Engine.handle = handle
"""
    + PROGRAM
)

HA_CF = """
logfile {log}
keepalive 50ms
warntime 150ms
deadtime 300ms
initdead 600ms
udpport 694
bcast eth1
auto_failback on
node node1 node2
"""

STRANGER = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
for packet in (b"hello", b"###\\n5:(0)t=,%%%\\n", b"###\\n" + bytes(range(256)), b""):
    s.sendto(packet, ("10.9.1.255", 694))
"""

CLIENT = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(1)
s.connect(("10.9.0.140", 9))
try:
    s.send(b"?")
    s.recv(1)
except ConnectionRefusedError:
    print("refused")  # By the port, so the address is there.
except OSError as error:
    print(error)
"""

HTTPD = """#!/bin/sh
case $1 in
start) echo "$HA_CURHOST" > {state}/httpd ;;
stop) rm -f {state}/httpd ;;
status) [ -e {state}/httpd ] && echo running || echo stopped ;;
esac
"""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=10)


class Machine:
    """A namespace with eth0 and eth1, a stranger on eth1's cable, and a node's files."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.name = f"tb{os.getpid()}"
        self.stranger = f"{self.name}x"
        self.config = directory / "ha.d"
        self.log = directory / "log"
        self.socket = directory / "control.sock"
        self.daemon: subprocess.Popen[str] | None = None

    def build(self) -> None:
        for name in (self.name, self.stranger):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        for link in ("eth0", "eth1"):
            peer = ("peer", "name", link, "netns", self.stranger)
            ip("-n", self.name, "link", "add", link, "type", "veth", *peer)
        for name, link, address in (
            (self.name, "eth0", "10.9.0.1/24"),
            (self.stranger, "eth0", "10.9.0.9/24"),
            (self.name, "eth1", "10.9.1.1/24"),
            (self.stranger, "eth1", "10.9.1.9/24"),
        ):
            ip("-n", name, "address", "add", address, "broadcast", "+", "dev", link)
            ip("-n", name, "link", "set", link, "up")
        self.write_files()

    def write_files(self) -> None:
        scripts = self.config / "resource.d"
        scripts.mkdir(parents=True)
        (scripts / "httpd").write_text(HTTPD.format(state=self.directory))
        (scripts / "httpd").chmod(0o755)
        (self.config / "haresources").write_text("node1 10.9.0.140/24/eth0 httpd\n")
        (self.config / "authkeys").write_text("auth 1\n1 sha1 SpecSecret\n")
        (self.config / "authkeys").chmod(0o600)
        self.write_ha_cf()

    def write_ha_cf(self, more: str = "") -> None:
        (self.config / "ha.cf").write_text(HA_CF.format(log=self.log) + more)

    def destroy(self) -> None:
        if self.daemon is not None and self.daemon.poll() is None:
            self.daemon.kill()
            self.daemon.wait(10)
        for name in (self.name, self.stranger):
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)

    def start(self, node: str = "node1", program: str = PROGRAM) -> None:
        self.daemon = subprocess.Popen(
            [
                *("ip", "netns", "exec", self.name, sys.executable, "-c", program),
                *(str(self.config), node, str(self.directory / "state"), str(self.socket)),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def pid(self) -> int:
        """The daemon's own process: `ip netns exec` becomes it."""
        assert self.daemon is not None
        return self.daemon.pid

    def ended(self) -> tuple[int, str]:
        assert self.daemon is not None
        _, errors = self.daemon.communicate(timeout=20)
        return self.daemon.returncode, errors

    def shout(self) -> None:
        command = ["ip", "netns", "exec", self.stranger, sys.executable, "-c", STRANGER]
        subprocess.run(command, check=True, timeout=20)

    def answers(self) -> bool:
        """Whether a client on eth0's cable gets an answer from the virtual IP."""
        command = ["ip", "netns", "exec", self.stranger, sys.executable, "-c", CLIENT]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=20)
        return done.stdout.strip() == "refused"

    def addresses(self) -> str:
        command = ["ip", "-n", self.name, "-4", "address", "show", "dev", "eth0"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def lines(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def ask(self, do: str, **args: object) -> Any:
        async def one() -> Any:
            async with Client(self.socket) as client:
                return await client.request(do, **args)

        return asyncio.run(one())

    def status(self) -> Any:
        return self.ask("status")

    def until(self, condition: Callable[[], bool], what: str, limit_s: float = 15) -> None:
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            assert self.daemon is not None
            if self.daemon.poll() is not None:
                pytest.fail(f"the daemon ended: {self.ended()}\n{self.lines()}")
            try:
                if condition():
                    return
            except Refused:
                pass  # Not there yet, or still starting.
            time.sleep(0.02)
        pytest.fail(f"{what} within {limit_s} s\n{json.dumps(self.status())}\n{self.lines()}")

    def until_held(self) -> None:
        self.until(lambda: self.status()["groups"][self.group()]["owner"] == "node1", "held")

    def group(self) -> str:
        return "10.9.0.140/24/eth0"


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("needs root and iproute2")
    machine = Machine(tmp_path)
    try:
        machine.build()
        yield machine
    finally:
        machine.destroy()


@pytest.mark.root
def test_a_lone_node_takes_its_group_after_initdead_and_gives_it_up_on_term(
    machine: Machine,
) -> None:
    machine.start()
    machine.until_held()
    status = machine.status()
    group = status["groups"][machine.group()]
    assert [resource["state"] for resource in group["resources"]] == ["started", "started"]
    assert status["nodes"]["node2"]["state"] == "dead"
    assert status["nodes"]["node1"]["links"]["eth1"]["state"] == "up"
    assert status["lease"]["kind"] == "nft"
    machine.until(lambda: machine.status()["lease"]["remaining_ms"] is not None, "served")
    assert "10.9.0.140/24" in machine.addresses()
    assert (machine.directory / "httpd").read_text() == "node1\n"
    why = machine.ask("why", group=machine.group())
    assert (why["from"], why["to"]) == (None, "node1")

    os.kill(machine.pid(), signal.SIGTERM)
    code, errors = machine.ended()
    assert (code, errors) == (0, ""), machine.lines()
    assert "10.9.0.140" not in machine.addresses()
    assert not (machine.directory / "httpd").exists()
    lines = machine.lines()
    for text in (
        "info: Configuration validated. Starting heartbeat",
        "info: Heartbeat generation: ",
        "info: Local status now set to: 'up'",
        "info: Link node1:eth1 up.",
        "WARN: node node2: is dead",
        "info: Comm_now_up(): updating status to active",
        "info: Acquiring resource group: node1 10.9.0.140/24/eth0 httpd",
        "info: Local Resource acquisition completed.",
        "info: Heartbeat shutdown in progress. (",
        "info: Releasing resource group: node1 10.9.0.140/24/eth0 httpd",
        "info: All HA resources relinquished.",
        "info: node1 Heartbeat shutdown complete.",
    ):
        assert text in lines, text
    assert "Traceback" not in lines
    assert "SpecSecret" not in lines


COMPANION = """#!/bin/sh
trap 'ls {state} > {state}/companion.end; exit' TERM
echo "$HA_COLOUR $HA_keepalive $HA_CURHOST $HA_warntime" > {state}/companion
while :; do sleep 0.02; done
"""

STATUS_HOOK = """#!/bin/sh
echo "$HA_COLOUR $HA_src $HA_st" >> {state}/statuses
"""


@pytest.mark.root
def test_companions_live_while_the_node_does_and_the_hook_hears_of_its_peers(
    machine: Machine,
) -> None:
    scripts = {"companion": COMPANION, "ha.d/rc.d/status": STATUS_HOOK}
    for name, text in scripts.items():
        path = machine.directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.format(state=machine.directory))
        path.chmod(0o755)
    started, ended = machine.directory / "companion", machine.directory / "companion.end"
    program = started.rename(machine.directory / "program")
    httpd = machine.config / "resource.d" / "httpd"
    httpd.write_text(httpd.read_text().replace("$HA_CURHOST", "$HA_COLOUR"))
    machine.write_ha_cf(f"env COLOUR=green\nrespawn root {program}\n")
    machine.start()
    machine.until(started.exists, "the companion runs")
    assert started.read_text() == "green 50ms node1 150ms\n"
    machine.until_held()
    assert (machine.directory / "httpd").read_text() == "green\n"
    statuses = machine.directory / "statuses"
    machine.until(statuses.exists, "the hook is called")
    os.kill(machine.pid(), signal.SIGTERM)
    code, errors = machine.ended()
    assert (code, errors) == (0, ""), machine.lines()
    assert statuses.read_text() == "green node2 dead\n"
    assert "httpd" not in ended.read_text().split(), "it ends when every resource is gone"


PAGER = """#!/bin/sh
echo "$TWINBEAT_STATE $TWINBEAT_REPEATED $TWINBEAT_NODE $TWINBEAT_OWNER" >> {state}/pages
"""
HOOKS = """
[[hook]]
run = "{state}/pager"
[[hook]]
webhook = "http://127.0.0.1:9/"
on = "held"
"""


@pytest.mark.root
def test_hooks_hear_what_becomes_of_a_group_over_the_lives_of_a_daemon(machine: Machine) -> None:
    pager, pages = machine.directory / "pager", machine.directory / "pages"
    pager.write_text(PAGER.format(state=machine.directory))
    pager.chmod(0o755)
    (machine.config / "cluster.toml").write_text(HOOKS.format(state=machine.directory))
    machine.start()
    machine.until(lambda: pages.exists() and "held 0" in pages.read_text(), "it is told")
    assert pages.read_text() == "held 0 node1 node1\n"
    machine.until(lambda: machine.status()["hooks"]["127.0.0.1"]["failed"] >= 2, "two attempts")
    hooks = machine.status()["hooks"]
    assert (hooks["pager"]["delivered"], hooks["pager"]["waiting"]) == (1, 0)
    queue = hooks["127.0.0.1"]["groups"][machine.group()]
    assert (queue["state"], queue["waiting"]) == ("held", 1)
    assert queue["why"] == "no answer: [Errno 111] Connection refused"
    assert f"hook 127.0.0.1: {machine.group()} held is not delivered" in machine.lines()
    os.kill(machine.pid(), signal.SIGKILL)
    machine.ended()
    pages.unlink()
    machine.start()
    machine.until(lambda: pages.exists() and "held 0" in pages.read_text(), "it holds it again")
    told = pages.read_text().splitlines()
    assert told == ["held 1 node1 node1", "held 0 node1 node1"], "httpd ran on, and was kept"
    os.kill(machine.pid(), signal.SIGTERM)
    code, errors = machine.ended()
    assert (code, errors) == (0, ""), machine.lines()
    assert pages.read_text().splitlines()[-1] == "stopped 0 node1 ", "told before the daemon ends"


@pytest.mark.root
def test_what_strangers_send_is_counted_and_ends_nothing(machine: Machine) -> None:
    machine.start()
    machine.until(lambda: machine.status()["node"] == "node1", "it answers")
    machine.shout()
    machine.until(lambda: sum(machine.status()["drops"].values()) >= 4, "four drops")
    drops = machine.status()["drops"]
    assert drops["unknown encoding"] >= 1
    os.kill(machine.pid(), signal.SIGINT)
    assert machine.ended()[0] == 0


@pytest.mark.root
def test_a_reload_takes_over_what_is_valid_and_keeps_the_old_against_errors(
    machine: Machine,
) -> None:
    machine.start()
    machine.until_held()
    term = machine.status()["groups"][machine.group()]["term"]
    machine.write_ha_cf(f"debugfile {machine.directory}/debug\nbcast eth0\n")
    machine.ask("reload")
    machine.until(lambda: "Link node1:eth0 up." in machine.lines(), "the new link is up")
    assert set(machine.status()["nodes"]["node1"]["links"]) == {"eth0", "eth1"}
    machine.until((machine.directory / "debug").exists, "the debug file is written")
    machine.write_ha_cf("deadtime nonsense\n")
    with pytest.raises(Refused, match=r"ha\.cf") as refused:
        machine.ask("reload")
    assert refused.value.code is ExitCode.CONFIGURATION
    os.kill(machine.pid(), signal.SIGHUP)
    machine.until(
        lambda: machine.lines().count("the old configuration stays in force") == 2,
        "told in the log",
    )
    group = machine.status()["groups"][machine.group()]
    assert (group["owner"], group["term"]) == ("node1", term)
    assert machine.lines().count("Acquiring resource group") == 1
    machine.ask("stop")
    assert machine.ended()[0] == 0


@pytest.mark.root
def test_a_killed_daemons_resources_are_found_and_kept_by_its_next_life(
    machine: Machine,
) -> None:
    machine.start()
    machine.until_held()
    first = machine.status()["generation"]
    os.kill(machine.pid(), signal.SIGKILL)
    assert machine.ended()[0] == -signal.SIGKILL
    assert (machine.directory / "httpd").exists()
    machine.start()
    machine.until_held()
    assert machine.status()["generation"] == first + 1
    assert "found running here: httpd; left as it is" in machine.lines()
    assert "Releasing resource group" not in machine.lines()
    os.kill(machine.pid(), signal.SIGTERM)
    assert machine.ended()[0] == 0


@pytest.mark.root
def test_an_interface_that_goes_and_comes_is_told_and_bears_heartbeats_again(
    machine: Machine,
) -> None:
    machine.start()
    machine.until(lambda: "Link node1:eth1 up." in machine.lines(), "up")
    ip("-n", machine.name, "link", "set", "eth1", "down")
    machine.until(lambda: "Link node1:eth1 dead." in machine.lines(), "dead")
    assert "link down: eth1" in machine.status()["flags"]
    ip("-n", machine.name, "link", "set", "eth1", "up")
    machine.until(lambda: machine.lines().count("Link node1:eth1 up.") == 2, "up again")
    assert "link down: eth1" not in machine.status()["flags"]
    machine.ask("stop")
    assert machine.ended()[0] == 0


@pytest.mark.root
def test_a_failed_decision_silences_the_address_and_ends_the_daemon_with_1(
    machine: Machine,
) -> None:
    machine.start(program=BROKEN_PROGRAM)
    machine.until_held()
    machine.until(machine.answers, "the address answers")
    with pytest.raises(Refused):
        machine.ask("cleanup", group=machine.group())
    assert machine.ended()[0] == 1
    assert not machine.answers()
    assert "CRIT: a decision failed (RuntimeError('a decision of ours failed'))" in machine.lines()
    machine.start()
    machine.until_held()
    machine.until(machine.answers, "the next life serves it")
    machine.ask("stop")
    assert machine.ended()[0] == 0


@pytest.mark.root
def test_recorded_lives_come_out_the_same_and_hold_no_key(machine: Machine) -> None:
    machine.start(program=RECORDED_PROGRAM)
    machine.until_held()
    machine.write_ha_cf("bcast eth0\n")
    machine.ask("reload")
    machine.until(lambda: "Link node1:eth0 up." in machine.lines(), "the new link is up")
    machine.ask("standby", node="node1", on=True)
    machine.until(lambda: machine.status()["flags"] != [], "standby is shown")
    os.kill(machine.pid(), signal.SIGKILL)
    machine.ended()
    machine.start(program=RECORDED_PROGRAM)
    machine.until(lambda: "this life is recorded in" in machine.lines(), "recorded")
    machine.until(lambda: machine.status()["node"] == "node1", "it answers")
    machine.ask("stop")
    assert machine.ended()[0] == 0
    streams = [machine.directory / "stream", machine.directory / "stream.2"]
    first, second = (replay(path.read_bytes().splitlines(keepends=True)) for path in streams)
    assert (first.difference, second.difference) == (None, None)
    assert (first.ends, second.ends) == (None, "the daemon ended")
    assert second.birth.life.generation == first.birth.life.generation + 1
    assert second.birth.standby == {"node1": Switch(1, on=True)}
    assert first.steps > 20
    texts = [path.read_text() for path in streams]
    for event in ("Started", "TimePassed", "GroupStarted", "ModelChanged", "StandbyRequested"):
        assert f'"event":{{"{event}":' in texts[0], event
    assert "SpecSecret" not in "".join(texts)


@pytest.mark.root
def test_a_second_daemon_does_not_start(machine: Machine) -> None:
    machine.start()
    machine.until(lambda: machine.status()["node"] == "node1", "it answers")
    first = machine.daemon
    machine.start()
    code, errors = machine.ended()
    assert code == 1
    assert "another twinbeat already runs" in errors
    machine.daemon = first
    os.kill(machine.pid(), signal.SIGTERM)
    assert machine.ended()[0] == 0


@pytest.mark.parametrize(
    ("node", "files", "text"),
    [
        ("stranger", {}, "not in configuration"),
        ("node1", {"ha.cf": "deadtime nonsense\n"}, "ha.cf:1:"),
        ("node1", {"authkeys": ""}, "authkeys"),
    ],
)
def test_a_configuration_with_errors_is_exit_6_with_the_place_printed(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    node: str,
    files: dict[str, str],
    text: str,
) -> None:
    machine = Machine(tmp_path)
    machine.write_files()
    for name, content in files.items():
        (machine.config / name).write_text(content)
    assert run(machine.config, node, tmp_path / "state", machine.socket) == ExitCode.CONFIGURATION
    errors = capsys.readouterr().err
    assert text in errors
    assert "SpecSecret" not in errors
    assert not (tmp_path / "state").exists()


def test_a_directory_that_is_not_there_is_exit_6(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(tmp_path / "nowhere", "node1", tmp_path / "state", tmp_path / "socket")
    assert code == ExitCode.CONFIGURATION
    assert "nowhere" in capsys.readouterr().err
