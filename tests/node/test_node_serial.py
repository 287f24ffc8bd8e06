"""Two daemons whose only link is a serial line: a real socat between two ptys."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from serial_cable import Cable
from twinbeat.control.client import Client
from twinbeat.control.protocol import Refused

PROGRAM = """
import sys
from pathlib import Path
from twinbeat.node.daemon import run
sys.exit(run(*(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))))
"""
HA_CF = """
logfile {log}
keepalive 200ms
deadtime 1
initdead 3
baud 115200
serial {device}
node node1 node2
auto_failback on
"""
HTTPD = """#!/bin/sh
case $1 in
start) touch {mark} ;;
stop) rm -f {mark} ;;
status) [ -e {mark} ] && echo running || echo stopped ;;
esac
"""


class Node:
    """One daemon with its files, in a network namespace of its own without any network."""

    def __init__(self, name: str, directory: Path, device: Path) -> None:
        self.name = name
        self.log, self.socket = directory / "log", directory / "control.sock"
        self.mark = directory / "httpd runs"
        self._namespace = f"tbs{os.getpid()}{name}"
        scripts = directory / "ha.d" / "resource.d"
        scripts.mkdir(parents=True)
        files = {
            "ha.cf": HA_CF.format(log=self.log, device=device),
            "haresources": "node1 httpd\n",
            "authkeys": "auth 1\n1 sha1 SpecSecret\n",
            "resource.d/httpd": HTTPD.format(mark=f"'{self.mark}'"),
        }
        for file, text in files.items():
            (directory / "ha.d" / file).write_text(text)
        self.authkeys = directory / "ha.d" / "authkeys"
        self.authkeys.chmod(0o600)
        (scripts / "httpd").chmod(0o755)
        subprocess.run(["ip", "netns", "add", self._namespace], check=True)
        self._daemon = subprocess.Popen(
            [
                *("ip", "netns", "exec", self._namespace, sys.executable, "-c", PROGRAM),
                *(str(directory / "ha.d"), name, str(directory / "state"), str(self.socket)),
            ]
        )

    def status(self) -> Any:
        async def one() -> Any:
            async with Client(self.socket) as client:
                return await client.request("status")

        return asyncio.run(one())

    def use_keys(self, authkeys: str) -> None:
        """Write the file anew and hang up, as `heartbeat -r` does."""
        self.authkeys.write_text(authkeys)
        self._daemon.send_signal(signal.SIGHUP)

    def takes_over(self, reload: int, nodes: "tuple[Node, Node]") -> None:
        def done() -> bool:
            return self.lines().count("configuration is in force") == reload

        until(done, f"{self.name} takes over reload {reload}", nodes)

    def kill(self) -> None:
        self._daemon.kill()
        self._daemon.wait(10)

    def stop(self) -> int:
        self._daemon.terminate()
        return self._daemon.wait(20)

    def destroy(self) -> None:
        self.kill()
        subprocess.run(["ip", "netns", "delete", self._namespace], check=False)

    def lines(self) -> str:
        return self.log.read_text() if self.log.exists() else ""


@pytest.fixture
def cable(tmp_path: Path) -> Iterator[Cable]:
    made = Cable(tmp_path)
    yield made
    made.unplug()


@pytest.fixture
def nodes(cable: Cable, tmp_path: Path) -> Iterator[tuple[Node, Node]]:
    if os.geteuid() != 0:
        pytest.skip("needs root and iproute2")
    one = Node("node1", tmp_path / "1", cable.ends[0])
    two = Node("node2", tmp_path / "2", cable.ends[1])
    yield one, two
    one.destroy()
    two.destroy()


def until(condition: Callable[[], bool], what: str, nodes: tuple[Node, Node]) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            if condition():
                return
        except Refused:
            pass  # Still starting.
        time.sleep(0.05)
    pytest.fail(f"not within 20 s: {what}\n{nodes[0].lines()}\n{nodes[1].lines()}")


@pytest.mark.root
def test_two_nodes_live_on_a_serial_line_alone(cable: Cable, nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    until(one.mark.exists, "node1 starts its group", nodes)
    until(lambda: bool(two.status()["groups"]["httpd"]["owner"] == "node1"), "node2 knows", nodes)
    link = two.status()["nodes"]["node1"]["links"][str(cable.ends[1])]
    assert link["state"] == "up"
    cable.write(0, b"noise\n>>>\nt=sta\n")
    until(lambda: bool(two.status()["drops"].get("serial line noise")), "noise is counted", nodes)
    assert two.status()["nodes"]["node1"]["state"] == "active"
    assert not two.mark.exists()
    assert one.stop() == 0
    until(two.mark.exists, "node2 takes over from a clean stop", nodes)
    assert not one.mark.exists()
    assert two.status()["drops"].get("serial line too slow", 0) == 0


@pytest.mark.root
def test_the_death_of_a_node_is_seen_over_a_serial_line(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    until(one.mark.exists, "node1 starts its group", nodes)
    one.kill()
    until(two.mark.exists, "node2 takes over", nodes)
    assert "WARN: node node1: is dead" in two.lines()


@pytest.mark.root
def test_keys_are_changed_node_by_node_without_a_lost_heartbeat(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    until(one.mark.exists, "node1 starts its group", nodes)
    until(lambda: bool(two.status()["nodes"]["node1"]["liveness"] == "alive"), "alive", nodes)
    old, new = "1 sha1 SpecSecret\n", "2 sha256 AnotherSecretOfOurs\n"
    steps = (f"auth 1\n{old}{new}", f"auth 2\n{old}{new}", f"auth 2\n{new}")
    for number, authkeys in enumerate(steps, 1):
        for node in nodes:
            node.use_keys(authkeys)
            node.takes_over(number, nodes)
    for node, peer in ((one, "node2"), (two, "node1")):
        fresh = node.status()["nodes"][peer]["last_heard_ms"]
        assert fresh < 1000
        assert node.status()["drops"] == {}
        assert "is dead" not in node.lines()
        assert "Late heartbeat" not in node.lines()
