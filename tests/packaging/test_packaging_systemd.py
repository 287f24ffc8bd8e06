"""The systemd unit: what it promises, and that systemd itself understands it."""

import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).parents[2] / "packaging" / "systemd"
UNIT = SYSTEMD / "twinbeat.service"


@pytest.fixture
def unit() -> ConfigParser:
    """Read the unit; no key is given twice in it, so that this grammar is enough."""
    parser = ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = lambda optionstr: optionstr  # type: ignore[method-assign]
    parser.read_string(UNIT.read_text())
    return parser


def test_services_outlive_the_daemon(unit: ConfigParser) -> None:
    assert unit["Service"]["KillMode"] == "process"
    assert unit["Service"]["OOMPolicy"] == "continue"


def test_systemd_watches_a_daemon_that_reports(unit: ConfigParser) -> None:
    service = unit["Service"]
    assert service["Type"] == "notify"
    assert service["ExecStart"] == "/usr/bin/twinbeat run"
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert service["WatchdogSec"] == "10s"
    assert service["Restart"] == "on-failure"
    assert service["RestartPreventExitStatus"] == "6"


def test_directories_are_those_of_the_daemon_s_defaults(unit: ConfigParser) -> None:
    assert unit["Service"]["RuntimeDirectory"] == "twinbeat"
    assert unit["Service"]["StateDirectory"] == "twinbeat"
    assert unit["Service"]["LimitMEMLOCK"] == "infinity"


def test_the_node_does_not_wait_for_its_network(unit: ConfigParser) -> None:
    assert unit["Unit"]["After"].split() == ["network.target", "dbus.service"]
    assert "Wants" not in unit["Unit"]
    assert "Requires" not in unit["Unit"]


def test_nothing_is_forbidden_that_a_service_may_need(unit: ConfigParser) -> None:
    """Each of these is inherited by every script, or hides its mounts from the machine."""
    inherited = {
        *("ProtectSystem", "ProtectHome", "PrivateTmp", "PrivateDevices", "PrivateNetwork"),
        *("ReadOnlyPaths", "InaccessiblePaths", "NoNewPrivileges", "SystemCallFilter"),
        *("CapabilityBoundingSet", "RestrictAddressFamilies", "RestrictRealtime", "User"),
    }
    assert inherited.isdisjoint(unit["Service"])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_systemd_finds_no_fault(tmp_path: Path) -> None:
    """The program is not installed here: an executable that exists stands in for it."""
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/usr/bin/twinbeat", sys.executable))
    verdict = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(copy)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (verdict.returncode, verdict.stderr) == (0, "")


def test_the_control_group_of_users_is_made() -> None:
    lines = (SYSTEMD / "twinbeat.sysusers").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == ["g haclient -"]
