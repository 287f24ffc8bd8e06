"""`agents`, `try` and `check --resources`, on real agents."""

import json
from pathlib import Path

import pytest
from cli_daemon import Daemon, Run

from twinbeat.core.units import seconds

pytest_plugins = ["cli_fixtures"]

CLUSTER = """\
[cluster]
nodes = ["node1", "node2"]
[[link]]
kind = "broadcast"
interface = "eth1"
[[group]]
name = "web"
[[group.resource]]
agent = "ip"
address = "192.0.2.77"
[[group.resource]]
agent = "ocf"
name = "heartbeat:Dummy"
id = "dummy"
[group.resource.parameters]
state = "{here}/state"
[[group.resource]]
agent = "script"
name = "greeter"
"""
SCRIPT = """#!/bin/sh
case $1 in start) echo "good \033[2Jmorning"; exit 4 ;; status) echo stopped; exit 3 ;; esac
"""


@pytest.fixture
def cluster(tmp_path: Path) -> Path:
    (tmp_path / "authkeys").write_text("auth 1\n1 sha1 a-very-secret-key\n")
    (tmp_path / "authkeys").chmod(0o600)
    (tmp_path / "resource.d").mkdir(mode=0o755)
    script = tmp_path / "resource.d" / "greeter"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    file = tmp_path / "cluster.toml"
    file.write_text(CLUSTER.format(here=tmp_path))
    return file


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No daemon answers."""
    monkeypatch.setenv("TWINBEAT_SOCKET", str(tmp_path / "no.sock"))


# agents


def test_everything_that_is_here_is_listed(run: Run, cluster: Path) -> None:
    code, out, _ = run("agents", "--config", str(cluster))
    assert code == 0
    for words in ('agent = "ip"', "heartbeat: 1", "Filesystem", "greeter", "nginx", "python"):
        assert words in out
    code, out, _ = run("agents", "--config", str(cluster), "--json")
    answer = json.loads(out)
    assert "IPaddr2" in answer["ocf"]["heartbeat"]
    assert answer["script"] == {"greeter": str(cluster.parent / "resource.d" / "greeter")}
    assert answer["lsb"]["nginx"] == "/etc/init.d/nginx"


@pytest.mark.parametrize("name", ["Filesystem", "heartbeat:Filesystem", "ocf:heartbeat:Filesystem"])
def test_an_agent_is_described_like_a_man_page(run: Run, name: str) -> None:
    code, out, _ = run("agents", name)
    assert code == 0
    lines = out.splitlines()
    assert lines[:2] == ["NAME", "    heartbeat:Filesystem: Manages filesystem mounts"]
    assert "    device  (string, required)" in lines
    assert "    fast_stop  (boolean, default 'no')" in lines
    assert "    start          timeout 1 min" in lines
    assert lines[-1] == '    fstype = "..."'
    assert max(map(len, lines)) <= 100


def test_an_agent_is_described_for_programs(run: Run) -> None:
    code, out, _ = run("agents", "Delay", "--json")
    answer = json.loads(out)
    assert (code, answer["agent"], answer["name"]) == (0, "ocf", "heartbeat:Delay")
    parameters = {each["name"]: each for each in answer["parameters"]}
    assert parameters["mondelay"]["kind"] == "integer"
    times = {each["name"]: each["timeout_ms"] for each in answer["actions"]}
    assert times["start"] == seconds(30) / 1e6


def test_an_agent_that_is_not_here_is_refused_with_a_guess(run: Run) -> None:
    code, _, err = run("agents", "Filesytem")
    assert code == 1
    assert "There is no agent Filesytem on this machine. did you mean `Filesystem`?" in err


# try


def test_a_resource_is_started_seen_and_stopped_by_hand(
    run: Run, cluster: Path, nobody: None
) -> None:
    at = ("--config", str(cluster))
    code, out, _ = run("try", "dummy", "monitor", *at)
    assert code == 1
    assert "-- monitor: stopped, after" in out
    assert "(exit code 7: the resource is not running (OCF_NOT_RUNNING))" in out
    code, out, _ = run("try", "web/dummy", "start", *at)
    assert code == 0
    assert "-- start: done in" in out
    assert "(exit code 0: success)" in out
    assert "whether another node runs it, nobody here can tell" in out
    assert (cluster.parent / "state").exists()
    assert run("try", "dummy", "monitor", *at)[0] == 0
    assert run("try", "dummy", "stop", *at)[0] == 0
    assert not (cluster.parent / "state").exists()


def test_what_an_agent_says_is_shown_once_and_drives_no_terminal(
    run: Run, cluster: Path, nobody: None
) -> None:
    code, out, _ = run("try", "greeter", "start", "--config", str(cluster))
    assert code == 1
    assert out.count("\ngood \\x1b[2Jmorning\n") == 1
    assert "-- start FAILED after" in out
    assert "greeter ended with code 4" in out


def test_a_virtual_ip_is_only_looked_at(run: Run, cluster: Path, nobody: None) -> None:
    at = ("--config", str(cluster))
    code, out, _ = run("try", "192.0.2.77", "monitor", *at)
    assert (code, out) == (1, "-- monitor: stopped: the address is not here\n")
    code, out, _ = run("try", "192.0.2.77", "start", *at)
    assert code == 1
    assert "which the daemon itself holds with its lease" in out


def test_what_the_cluster_runs_is_left_to_it_unless_forced(
    run: Run, cluster: Path, daemon: Daemon
) -> None:
    at = ("--config", str(cluster))
    for verb in ("start", "stop"):
        code, _, err = run("try", "dummy", verb, *at)
        assert code == 1
        assert "node1 owns the group web (held): a " in err
    assert not (cluster.parent / "state").exists()
    assert run("try", "dummy", "monitor", *at)[0] == 1
    assert run("try", "dummy", "start", "--force", *at)[0] == 0
    assert (cluster.parent / "state").exists()
    daemon.status["groups"]["web"]["state"] = "stopped"
    assert run("try", "dummy", "stop", *at)[0] == 0


def test_a_name_that_is_not_configured_is_refused(run: Run, cluster: Path, nobody: None) -> None:
    code, _, err = run("try", "dumy", "start", "--config", str(cluster))
    assert code == 2
    assert "No resource is called dumy; did you mean `dummy`?" in err


# check --resources


def test_check_looks_at_the_machine_when_asked(run: Run, cluster: Path) -> None:
    code, out, _ = run("check", str(cluster), "--resources")
    assert code == 0
    assert "web: dummy: /usr/lib/ocf/resource.d/heartbeat/Dummy" in out
    assert f"web: greeter: {cluster.parent}/resource.d/greeter" in out
    assert "Here" not in run("check", str(cluster))[1]
    text = cluster.read_text()
    cluster.write_text(text.replace("state =", "sate =").replace('"greeter"', '"haproxy"'))
    code, out, _ = run("check", str(cluster), "--resources")
    assert code == 6
    assert f"{cluster}:16:1: error: `heartbeat:Dummy` takes no parameter `sate`" in out
    assert "hint: did you mean `state`?" in out
    assert f"{cluster}:17:1: error: `haproxy` cannot start on this machine" in out
    assert "hint: apt-get install haproxy" in out
    assert "web: haproxy: MISSING: there is no script haproxy" in out


def test_check_says_the_same_for_programs(run: Run, cluster: Path) -> None:
    code, out, _ = run("check", str(cluster), "--resources", "--json")
    assert code == 0
    address, dummy, greeter = json.loads(out)["resources"]
    assert address["runs"] == "the daemon itself, with its lease"
    assert (dummy["agent"], dummy["missing"]) == ("ocf", None)
    assert dummy["parameters"] == {"state": f"{cluster.parent}/state"}
    assert greeter["runs"].endswith("resource.d/greeter")
