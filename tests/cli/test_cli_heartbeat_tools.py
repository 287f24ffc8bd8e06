"""Heartbeat's tools where no real Heartbeat can show the way: refusals, and states of our own."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_daemon import Daemon, web

from twinbeat.cli.heartbeat import cl_status, hb_standby, hb_takeover, heartbeat
from twinbeat.cli.heartbeat.holdings import held
from twinbeat.control.protocol import ExitCode, Refused
from twinbeat.control.shapes import GroupShape, StatusShape

pytest_plugins = ["cli_fixtures"]

Main = Callable[[list[str]], int]


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A socket on which nobody answers."""
    path = tmp_path / "control.sock"
    monkeypatch.setenv("TWINBEAT_SOCKET", str(path))
    return path


def group(owner: str | None, preferred: str, state: str = "held") -> GroupShape:
    return {**web(owner, state), "preferred": preferred, "placed": owner}


def seen(status: StatusShape, **groups: GroupShape) -> StatusShape:
    return {**status, "groups": groups}


# What a node holds.


def test_a_node_holds_what_it_owns_by_the_preferred_owner(daemon: Daemon) -> None:
    ours, theirs = group("node1", "node1"), group("node2", "node2")
    away, taken = group("node2", "node1"), group("node1", "node2")
    assert held(seen(daemon.status, a=ours, b=theirs)) == "local"
    assert held(seen(daemon.status, a=ours, b=taken)) == "all"
    assert held(seen(daemon.status, a=away, b=taken)) == "foreign"
    assert held(seen(daemon.status, a=away, b=theirs)) == "none"


def test_one_group_of_a_kind_is_enough(daemon: Daemon) -> None:
    ours, away = group("node1", "node1"), group("node2", "node1")
    assert held(seen(daemon.status, a=ours, b=away, c=group("node2", "node2"))) == "local"


def test_of_a_kind_without_groups_its_node_answers_or_whoever_is_left(daemon: Daemon) -> None:
    # The reference experiment beside Heartbeat 3.0.6: node2 prefers nothing, and says `local`.
    assert held({**seen(daemon.status, a=group("node1", "node1")), "node": "node2"}) == "local"
    assert held({**seen(daemon.status, a=group("node2", "node1")), "node": "node2"}) == "all"
    alone = seen(daemon.status, a=group("node1", "node1"))
    assert held(alone) == "local"
    alone["nodes"]["node2"]["state"] = "dead"
    assert held(alone) == "all"


@pytest.mark.parametrize("state", ["unknown", "claiming", "starting", "stopping", "unclean"])
def test_a_group_on_its_way_is_a_transition(daemon: Daemon, state: str) -> None:
    assert held(seen(daemon.status, a=group(None, "node1", state))) == "transition"


def test_a_group_that_shall_move_is_a_transition_and_one_that_cannot_run_is_none(
    daemon: Daemon,
) -> None:
    moving = group("node1", "node1")
    moving["placed"] = "node2"
    assert held(seen(daemon.status, a=moving)) == "transition"
    assert held(seen(daemon.status, a=group(None, "node1", "stopped"))) == "none"


def test_a_node_that_is_not_yet_active_is_in_transition(daemon: Daemon) -> None:
    daemon.status["nodes"]["node1"]["state"] = "up"
    assert held(daemon.status) == "transition"


# cl_status.


def test_a_ping_node_is_listed_as_one(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.status["nodes"]["192.168.0.1"] = {
        "state": "ping", "type": "ping", "late": False, "last_heard_ms": 3.0, "links": {},
    }  # fmt: skip
    assert cl_status.main(["listnodes", "-p"]) == 0
    assert cl_status.main(["listnodes", "-n"]) == 0
    assert cl_status.main(["nodestatus", "192.168.0.1"]) == 0
    assert cl_status.main(["nodetype", "192.168.0.1"]) == 0
    assert capsys.readouterr().out.split() == ["192.168.0.1", "node2", "node1", "ping", "ping"]


def test_a_daemon_that_may_not_be_asked_is_not_called_stopped(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.looks_refused = Refused(ExitCode.NOT_ALLOWED, "That is for the group haclient.")
    assert cl_status.main(["hbstatus"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "ERROR: REASON: That is for the group haclient." in err


def test_a_daemon_that_does_not_answer_is_given_up_on(nobody: Path) -> None:
    silent = socket.socket(socket.AF_UNIX)
    silent.bind(str(nobody))
    silent.listen()
    child = os.fork()
    if child == 0:
        os._exit(cl_status.main(["rscstatus"]))
    # The alarm ends the process after 5 s with the code of Heartbeat's own tool.
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 12
    silent.close()


# hb_standby and hb_takeover.


def test_standby_moves_what_this_node_owns_of_the_set(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.status = seen(
        daemon.status,
        ours=group("node1", "node1"),
        away=group("node2", "node1"),
        taken=group("node1", "node2"),
    )
    assert hb_standby.main(["local"]) == 0
    assert daemon.orders == [("handover", {"group": "ours", "to": None})]
    assert capsys.readouterr().err.endswith(" Going standby [local].\n")
    daemon.orders.clear()
    assert hb_standby.main(["failback"]) == 0
    assert daemon.orders == [("handover", {"group": "taken", "to": None})]


def test_takeover_moves_here_what_this_node_does_not_own_of_the_set(daemon: Daemon) -> None:
    daemon.status = seen(
        daemon.status,
        ours=group("node1", "node1"),
        away=group("node2", "node1"),
        theirs=group("node2", "node2"),
    )
    assert hb_takeover.main(["foreign"]) == 0
    assert daemon.orders == [("handover", {"group": "theirs", "to": "node1"})]
    daemon.orders.clear()
    assert hb_takeover.main([]) == 0
    assert {order[1]["group"] for order in daemon.orders} == {"away", "theirs"}


def test_a_refused_move_is_told_and_does_not_hinder_the_others(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.status = seen(daemon.status, a=group("node1", "node1"), b=group("node1", "node2"))
    daemon.refusal = Refused(ExitCode.REFUSED, "no other node can run it")
    assert hb_standby.main([]) == 1
    told = capsys.readouterr().err
    assert "a: no other node can run it" in told
    assert "b: no other node can run it" in told


@pytest.mark.parametrize("main", [hb_standby.main, hb_takeover.main])
def test_an_order_that_reaches_nobody_is_an_error(
    main: Main, nobody: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([]) == 2
    assert f"No daemon on {nobody}" in capsys.readouterr().err


def test_whoever_may_not_order_gets_heartbeats_code(daemon: Daemon) -> None:
    daemon.refusal = Refused(ExitCode.NOT_ALLOWED, "You may look.")
    assert hb_standby.main([]) == 2


# heartbeat.


def test_what_a_dead_daemon_left_is_told_from_one_that_was_stopped(nobody: Path) -> None:
    assert heartbeat.main(["-s"]) == 3
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(nobody))
    left.close()
    assert heartbeat.main(["-s"]) == 1


def test_a_configuration_with_errors_is_not_reloaded(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.refusal = Refused(ExitCode.CONFIGURATION, "ha.cf:3: error: odd\n  hint")
    assert heartbeat.main(["-r"]) == 6
    told = capsys.readouterr().err
    assert "ERROR: ha.cf:3: error: odd\n" in told
    assert told.endswith(f"info: Config errors: Heartbeat pid {os.getpid()} NOT restarted\n")


def test_who_may_not_stop_it_is_told(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.refusal = Refused(ExitCode.NOT_ALLOWED, "You may look.")
    assert heartbeat.main(["-k"]) == 4
    assert capsys.readouterr().err == "ERROR: You may look.\n"


@pytest.mark.parametrize("flags", ["-R", "-rR", "-Clocal", "-M"])
def test_what_only_heartbeat_itself_can_do_starts_nothing(daemon: Daemon, flags: str) -> None:
    assert heartbeat.main([flags]) == 2
    assert daemon.orders == []
