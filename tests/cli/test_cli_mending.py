"""`confirm` takes an administrator's word, so it makes sure of it; `cleanup` and `clear` are orders
like others, told in test_cli_cluster.py."""

import os
import pty
import subprocess
import sys

import pytest
from cli_daemon import Daemon, Run

from twinbeat.control.protocol import ExitCode, Refused

pytest_plugins = ["cli_fixtures"]

WARNING = "You vouch that node2 is switched off; if it is not, two nodes may run web."
CONFIRMED = ("confirm", {"node": "node2"})


@pytest.fixture
def dead(daemon: Daemon) -> Daemon:
    daemon.status["nodes"]["node2"]["state"] = "dead"
    return daemon


def on_a_terminal(answer: bytes) -> tuple[int, bytes, bytes]:
    """Run `confirm node2` with a terminal to ask on; return exit code, stdout and stderr."""
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "twinbeat", "confirm", "node2"],
        stdin=follower, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as child:  # fmt: skip
        os.close(follower)
        os.write(leader, answer + b"\n")
        out, err = child.communicate(timeout=30)
    os.close(leader)
    return child.returncode, out, err


def test_who_is_sure_confirms(dead: Daemon) -> None:
    code, out, err = on_a_terminal(b"y")
    assert err.decode() == f"{WARNING}\nAre you sure? [y/N] "
    assert (code, out) == (0, b"node2 counts as switched off until it is heard again.\n")
    assert dead.orders == [CONFIRMED]


@pytest.mark.parametrize("answer", [b"n", b"", b"\x04"])
def test_who_is_not_sure_changes_nothing(dead: Daemon, answer: bytes) -> None:
    code, out, err = on_a_terminal(answer)
    assert (code, out, dead.orders) == (1, b"", [])
    assert err.endswith(b"[y/N] twinbeat: Nothing was changed.\n")


def test_without_a_terminal_it_takes_a_yes(dead: Daemon, run: Run) -> None:
    told = f"{WARNING}\ntwinbeat: Nothing was changed: without a terminal, say --yes.\n"
    assert run("confirm", "node2") == (2, "", told)
    assert dead.orders == []
    assert run("confirm", "node2", "--yes")[0] == 0
    assert dead.orders == [CONFIRMED]


@pytest.mark.parametrize(
    ("node", "why"),
    [
        ("node1", "node1 runs and is heard: nobody can vouch that it is switched off."),
        ("node2", "node2 runs and is heard: nobody can vouch that it is switched off."),
        ("node9", "There is no node node9; there are node1, node2."),
        ("gateway", "There is no node gateway; there are node1, node2."),
    ],
)
def test_what_nobody_can_vouch_for_is_not_asked(
    daemon: Daemon, run: Run, node: str, why: str
) -> None:
    daemon.status["nodes"]["gateway"] = {
        "state": "dead", "type": "ping", "late": False, "last_heard_ms": None, "links": {},
    }  # fmt: skip
    assert run("confirm", node, "--yes") == (1, "", f"twinbeat: {why}\n")
    assert daemon.orders == []


def test_the_daemon_has_the_last_word(dead: Daemon, run: Run) -> None:
    dead.refusal = Refused(ExitCode.REFUSED, "node2 is heard again.")
    assert run("confirm", "node2", "--yes") == (1, "", "twinbeat: node2 is heard again.\n")


def test_each_names_the_others(run: Run) -> None:
    helps = {name: run(name, "--help")[1] for name in ("cleanup", "clear", "confirm")}
    assert all(f"twinbeat {name}" in helps["cleanup"] for name in helps)
    assert "twinbeat cleanup" in helps["clear"]
