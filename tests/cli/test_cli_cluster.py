"""The commands that talk to a daemon: what they say, what they ask for, and how they end."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_daemon import MOVE, Daemon, Run, web

from twinbeat.control.protocol import ExitCode, Refused

pytest_plugins = ["cli_fixtures"]

PLAIN_STATUS = """\
node1  generation 12  proof peer
! maintenance of node2

NODE   STATE         LAST HEARD  LINKS
node1  active        this node   -
node2  active, late  620 ms      eth1 up, eth0 dead

GROUP  OWNER  STATE  TERM  PREFERRED  PINNED
web    node1  held   3     node1      -
    because node1 owns it and nothing prefers another
    RESOURCE       AGENT   STATE
    192.168.0.140  ip      started
    httpd          script  started

LEASE  nft, 950 ms; 871 ms left; nftables silences the addresses by itself when the daemon no \
longer runs
DROPS  bad signature 3
"""


def test_status_in_a_pipe_is_aligned_text(daemon: Daemon, run: Run) -> None:
    assert run("status") == (0, PLAIN_STATUS, "")


def test_status_json_is_the_daemon_s_answer_as_it_came(daemon: Daemon, run: Run) -> None:
    code, out, _ = run("status", "--json")
    assert code == 0
    assert json.loads(out) == daemon.status
    assert out.count("\n") == 1


def test_status_shows_what_is_wrong(daemon: Daemon, run: Run) -> None:
    daemon.status["groups"]["web"] = web(None, "unclean")
    daemon.status["lease"] = {"kind": "none", "length_ms": 950, "remaining_ms": None}
    daemon.status["flags"] = ["unclean: \x1b[31mweb"]
    _, out, _ = run("status")
    assert "web    nobody  unclean" in out
    assert "none, 950 ms; NOTHING silences the addresses" in out
    assert "! unclean: \\x1b[31mweb" in out


def test_status_says_what_is_not_proven(daemon: Daemon, run: Run) -> None:
    daemon.status["groups"]["web"]["unproven"] = "data is a file system: \x1b[31mboth would use it"
    _, out, _ = run("status")
    assert "    unproven: data is a file system: \\x1b[31mboth would use it\n" in out


def test_status_on_a_terminal_is_in_colour(daemon: Daemon) -> None:
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    environment.pop("NO_COLOR", None)
    child = subprocess.run(
        [sys.executable, "-m", "twinbeat", "status"],
        stdout=follower, env=environment, check=False, timeout=30,
    )  # fmt: skip
    os.close(follower)
    shown = b""
    while b"DROPS" not in shown:
        shown += os.read(leader, 65536)
    os.close(leader)
    assert child.returncode == 0
    assert b"\x1b[32mheld" in shown
    assert b"because node1 owns it" in shown
    assert b"maintenance of node2" in shown


def test_watching_shows_every_change_until_interrupted(daemon: Daemon) -> None:
    # A shell lets what runs in the background ignore interrupts, and that is handed down.
    child = subprocess.Popen(
        ["env", "--default-signal=INT",
         sys.executable, "-m", "twinbeat", "status", "--watch", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert json.loads(child.stdout.readline())["generation"] == 12
        daemon.status["generation"] = 13
        seen = {json.loads(child.stdout.readline())["generation"] for _ in range(2)}
        assert 13 in seen
        child.send_signal(signal.SIGINT)
        assert child.wait(20) == 0
        assert child.stderr.read() == ""


def test_watching_nobody_ends_at_once(tmp_path: Path, run: Run) -> None:
    code, _, err = run("status", "--watch", "--socket", str(tmp_path / "none"))
    assert code == 3
    assert "No daemon on" in err


def test_why_tells_the_last_move(daemon: Daemon, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    code, out, _ = run("why")
    assert code == 0
    assert out.splitlines()[:4] == [
        "web moved from node2 to node1 on 2026-11-23 at 10:15:02 UTC, in 80 ms: node2 is dead: "
        "nothing was",
        "heard of it for 1.00 s.",
        "",
        "10:15:02.481                node2 is dead",
    ]
    assert json.loads(run("why", "web", "--json")[1]) == MOVE
    daemon.move = None
    assert run("why", "web") == (1, "", "twinbeat: It never moved.\n")


def test_what_peers_say_cannot_drive_a_terminal(daemon: Daemon, run: Run) -> None:
    daemon.move = {**MOVE, "cause": "it says \x1b[2J"}
    assert "it says \\x1b[2J." in run("why")[1]
    daemon.because = "it says \x1b[2J\n"
    assert run("history", "--limit", "2")[1].splitlines()[2].endswith("it says \\x1b[2J\\n")


def test_history_lists_entries_and_what_did_not_fit(daemon: Daemon, run: Run) -> None:
    code, out, _ = run("history", "--limit", "3")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "(7 older entries did not fit the answer)"
    assert "a kind of tomorrow" in lines[1]
    assert lines[2].endswith("group held           web: every resource is started")
    assert len(json.loads(run("history", "--json", "--limit", "3")[1])["entries"]) == 3
    assert run("history", "--limit", "0")[0] == 2


@pytest.mark.parametrize(
    ("words", "order"),
    [
        (["handover"], ("handover", {"group": "web", "to": None})),
        (["handover", "web", "--to", "node2"], ("handover", {"group": "web", "to": "node2"})),
        (["failback"], ("failback", {"group": "web"})),
        (["standby", "on"], ("standby", {"on": True, "node": None})),
        (["standby", "off", "--node", "node2"], ("standby", {"on": False, "node": "node2"})),
        (["maintenance", "on"], ("maintenance", {"on": True, "node": "*"})),
        (["maintenance", "off", "--node", "n"], ("maintenance", {"on": False, "node": "n"})),
        (["cleanup", "web"], ("cleanup", {"group": "web", "node": None})),
        (["clear"], ("clear", {"group": None})),
        (["clear", "web"], ("clear", {"group": "web"})),
        (["reload"], ("reload", {})),
        (["stop"], ("stop", {})),
    ],
)
def test_an_order_reaches_the_daemon(
    daemon: Daemon, run: Run, words: list[str], order: tuple[str, dict[str, object]]
) -> None:
    code, out, _ = run(*words)
    assert code == 0
    assert out != ""
    assert daemon.orders == [order]


@pytest.mark.parametrize("code", [ExitCode.REFUSED, ExitCode.NOT_ALLOWED, ExitCode.CONFIGURATION])
def test_a_refusal_is_told_and_is_the_exit_code(daemon: Daemon, run: Run, code: ExitCode) -> None:
    daemon.refusal = Refused(code, "Because of something.")
    assert run("reload") == (int(code), "", "twinbeat: Because of something.\n")


def test_a_reason_of_several_lines_is_told_line_by_line(daemon: Daemon, run: Run) -> None:
    daemon.refusal = Refused(ExitCode.CONFIGURATION, "ha.cf:1: odd\n    hint: \x1b[2Jno")
    assert run("reload")[2] == "twinbeat: ha.cf:1: odd\n    hint: \\x1b[2Jno\n"


def test_reload_passes_warnings_on(daemon: Daemon, run: Run) -> None:
    assert run("reload") == (
        0,
        "The configuration was read again.\n",
        "ha.cf:3: warning: odd\n",
    )


def test_waiting_for_a_handover_ends_when_it_arrived(daemon: Daemon, run: Run) -> None:
    code, out, _ = run("handover", "--wait")
    assert code == 0
    assert out.startswith("node2 holds web after ")


def test_waiting_for_a_handover_has_an_end(daemon: Daemon, run: Run) -> None:
    daemon.arrives_after = 1_000_000
    code, _, err = run("handover", "web", "--to", "node2", "--wait", "--timeout", "0.3")
    assert (code, err) == (4, "twinbeat: web has not arrived within 0.3 s; it may still do.\n")


def test_waiting_ends_when_the_group_cannot_be_stopped(daemon: Daemon, run: Run) -> None:
    daemon.spoilt_by = {**web(None, "unclean"), "reasons": ["httpd did not stop"]}
    assert run("handover", "web", "--to", "node2", "--wait") == (
        1,
        "",
        "twinbeat: web does not move: it could not be stopped; httpd did not stop.\n",
    )


def test_waiting_ends_when_another_order_overtakes(daemon: Daemon, run: Run) -> None:
    daemon.spoilt_by = web("node1")
    code, _, err = run("handover", "web", "--to", "node2", "--wait")
    assert code == 1
    assert "web does not move: it is not bound for node2 any more; node1 owns it" in err


def test_a_group_must_be_named_when_there_are_several(daemon: Daemon, run: Run) -> None:
    daemon.status["groups"]["db"] = web()
    code, _, err = run("handover")
    assert (code, err) == (2, "twinbeat: Which group? There are 2: name one of db, web.\n")
    daemon.status["groups"].clear()
    assert run("failback")[2] == "twinbeat: Which group? There are 0: none is configured.\n"
    assert daemon.orders == []


@pytest.mark.parametrize(
    "words", [["status"], ["why"], ["stop"], ["handover", "x"], ["history"], ["reload"]]
)
def test_without_a_daemon_the_exit_code_is_3(tmp_path: Path, run: Run, words: list[str]) -> None:
    code, out, err = run(*words, "--socket", str(tmp_path / "none"))
    assert (code, out) == (3, "")
    assert err == f"twinbeat: No daemon on {tmp_path}/none: No such file or directory.\n"


def test_the_shell_completes_groups_and_nodes(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    from twinbeat.cli.options import complete_group, complete_node, complete_silent

    assert complete_group("w") == ["web"]
    assert complete_node("") == ["node1", "node2"]
    assert complete_node("x") == []
    assert complete_silent("") == []
    daemon.status["nodes"]["node2"]["state"] = "dead"
    assert complete_silent("n") == ["node2"]
    monkeypatch.setenv("TWINBEAT_SOCKET", "/nowhere")
    assert complete_group("") == []
