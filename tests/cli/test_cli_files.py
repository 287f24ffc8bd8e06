"""check, convert and init on real files."""

import json
import stat
from pathlib import Path

import pytest
from cli_daemon import Run

pytest_plugins = ["cli_fixtures"]

HA_CF = """\
keepalive 200ms
warntime 500ms
deadtime 1
initdead 12
udpport 694
bcast eth1
auto_failback on
node node1.example.com node2.example.com
"""
HARESOURCES = "node1.example.com 192.168.0.140/24/eth0:0 httpd\n"


@pytest.fixture
def ha_d(tmp_path: Path) -> Path:
    directory = tmp_path / "ha.d"
    directory.mkdir()
    (directory / "ha.cf").write_text(HA_CF)
    (directory / "haresources").write_text(HARESOURCES)
    keys = directory / "authkeys"
    keys.write_text("auth 1\n1 sha1 a-very-secret-key\n")
    keys.chmod(0o600)
    return directory


MEANING = """\
Cluster   linux-ha: node1.example.com, node2.example.com
Links     broadcast on eth1, udp port 694
Timing    a heartbeat every 200 ms; a silent peer is late after 500 ms, dead after 1.00 s;
          after its start a node waits up to 12.00 s for its peers
Lease     950 ms: without an acknowledged heartbeat for so long an owner's addresses fall silent
Takeover  1.00 s after the last heartbeat of a dead owner, plus what its resources need to start
Proof     peer: a peer is dead when nobody alive has heard it for the deadtime
Groups    192.168.0.140/24/eth0:0: node1.example.com, then node2.example.com; failback on
            1. ip      192.168.0.140/24/eth0:0
            2. script  httpd
"""


def test_check_explains_what_the_configuration_means(ha_d: Path, run: Run) -> None:
    code, out, err = run("check", str(ha_d))
    assert (code, err) == (0, "")
    for line in MEANING.splitlines()[1:]:
        assert line in out.splitlines()


def test_check_counts_warnings_only_when_strict(ha_d: Path, run: Run) -> None:
    code, out, _ = run("check", str(ha_d))
    assert code == 0
    assert f"{ha_d}/ha.cf:6:7: warning: all heartbeats travel over" in out
    assert out.endswith("No errors, 1 warning.\n")
    assert run("check", str(ha_d), "--strict")[0] == 1
    assert run("check", str(ha_d), "--strict", "--json")[0] == 1


def test_check_names_the_place_of_an_error(ha_d: Path, run: Run) -> None:
    (ha_d / "ha.cf").write_text(HA_CF.replace("udpport 694", "udpport soon"))
    code, out, _ = run("check", str(ha_d))
    assert code == 6
    assert f"{ha_d}/ha.cf:5:9: error" in out
    assert out.endswith("1 error, no warnings.\n")
    code, out, _ = run("check", str(ha_d), "--json")
    told = json.loads(out)
    assert (code, told["errors"], told["cluster"]) == (6, 1, None)
    assert told["diagnostics"][0]["line"] == 5


def test_check_json_says_the_times(ha_d: Path, run: Run) -> None:
    told = json.loads(run("check", str(ha_d), "--json")[1])
    assert told["cluster"]["timing"] == {
        "keepalive_ms": 200,
        "warntime_ms": 500,
        "deadtime_ms": 1000,
        "initdead_ms": 12000,
        "lease_ms": 950,
        "takeover_ms": 1000,
    }
    assert told["cluster"]["groups"][0]["nodes"] == ["node1.example.com", "node2.example.com"]


def test_a_directory_that_is_not_there_is_a_configuration_error(tmp_path: Path, run: Run) -> None:
    for command in ("check", "convert"):
        code, _, err = run(command, str(tmp_path / "none"))
        assert code == 6
        assert "does not exist" in err


def test_convert_prints_the_same_cluster_without_its_secret(ha_d: Path, run: Run) -> None:
    code, out, _ = run("convert", str(ha_d))
    assert code == 0
    assert "secret" not in out.replace("authkeys", "")
    one = ha_d.parent / "one"
    one.mkdir()
    (one / "cluster.toml").write_text(out)
    (ha_d / "authkeys").rename(one / "authkeys")
    again = run("check", str(one / "cluster.toml"), "--json")
    assert again[0] == 0
    assert json.loads(again[1])["cluster"]["groups"][0]["resources"] == [
        {"name": "192.168.0.140/24/eth0:0", "agent": "ip"},
        {"name": "httpd", "agent": "script"},
    ]


def test_convert_refuses_errors(ha_d: Path, run: Run) -> None:
    (ha_d / "haresources").write_text("nobody 10.0.0.1\n")
    code, out, err = run("convert", str(ha_d))
    assert (code, out) == (6, "")
    assert "haresources:1:" in err


def test_init_writes_a_configuration_that_check_accepts(tmp_path: Path, run: Run) -> None:
    directory = tmp_path / "new" / "ha.d"
    words = ["--node", "node1", "--node", "node2", "--interface", "eth1", "--interface", "eth2"]
    words += ["--resource", "192.168.0.140/24/eth0", "--resource", "httpd"]
    code, out, _ = run("init", str(directory), *words)
    assert code == 0
    assert str(directory / "authkeys") in out
    assert stat.S_IMODE((directory / "authkeys").stat().st_mode) == 0o600
    code, out, _ = run("check", str(directory), "--json")
    told = json.loads(out)
    assert (code, told["errors"]) == (0, 0)
    assert [link["interface"] for link in told["cluster"]["links"]] == ["eth1", "eth2"]
    assert told["cluster"]["groups"][0]["name"] == "192.168.0.140/24/eth0"


def test_two_inits_have_different_keys_and_print_none(tmp_path: Path, run: Run) -> None:
    keys = []
    for name in ("a", "b"):
        out = run("init", str(tmp_path / name))[1]
        key = (tmp_path / name / "authkeys").read_text().split()[-1]
        assert len(key) == 48
        assert key not in out
        keys.append(key)
    assert keys[0] != keys[1]


def test_init_overwrites_nothing(tmp_path: Path, run: Run) -> None:
    (tmp_path / "haresources").write_text("precious\n")
    code, out, err = run("init", str(tmp_path))
    assert (code, out) == (1, "")
    assert f"{tmp_path}/haresources exists: nothing was written" in err
    assert [file.name for file in tmp_path.iterdir()] == ["haresources"]


def test_init_says_what_it_cannot_do(tmp_path: Path, run: Run) -> None:
    (tmp_path / "file").write_text("")
    assert run("init", str(tmp_path / "file" / "ha.d"))[0] == 1
    assert run("init", str(tmp_path / "x"), *["--interface", "e"] * 3)[0] == 2
