"""The program itself: usage, help, what it loads, and the rooms it opens."""

import subprocess
import sys

import pytest
from cli_daemon import Daemon, Run

pytest_plugins = ["cli_fixtures"]

COMMANDS = [
    *("run", "check", "convert", "init", "status", "why", "history", "handover", "failback"),
    *(
        "standby",
        "maintenance",
        "cleanup",
        "clear",
        "confirm",
        "reload",
        "stop",
        "hooks",
        "sim",
        "lab",
    ),
]


def test_help_names_every_command_and_exit_code(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    for command in COMMANDS:
        assert f"\n  {command} " in out
    for number in range(7):
        assert f"\n    {number}  " in out


@pytest.mark.parametrize("command", [c for c in COMMANDS if c != "lab"])
def test_every_command_explains_itself(run: Run, command: str) -> None:
    code, out, _ = run(command, "--help")
    assert code == 0
    assert out.startswith(f"Usage: twinbeat {command}")
    assert len(out.splitlines()) > 8
    assert max(map(len, out.splitlines())) <= 100


def test_version(run: Run) -> None:
    code, out, _ = run("--version")
    assert code == 0
    assert out.startswith("twinbeat 0.")


@pytest.mark.parametrize(
    "words",
    [
        ["dance"],
        ["status", "--loud"],
        ["status", "extra"],
        ["standby"],
        ["standby", "maybe"],
        ["cleanup"],
        ["clear", "web", "db"],
        ["confirm"],
        ["init"],
        ["handover", "--timeout", "-1"],
        ["handover", "--timeout", "soon"],
    ],
)
def test_what_is_not_understood_is_2(run: Run, words: list[str]) -> None:
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert "Error:" in err


def test_the_lab_parses_its_own_options(run: Run) -> None:
    code, out, _ = run("lab", "--help")
    assert code == 0
    assert "--scenario" in out


def test_a_command_loads_only_its_room(daemon: Daemon) -> None:
    script = (
        "import sys; from twinbeat.cli.main import main\n"
        "code = main(['status'])\n"
        "rooms = ('rich', 'pyroute2', 'twinbeat.node', 'twinbeat.lab', 'twinbeat.config',"
        " 'twinbeat.agents', 'twinbeat.journal')\n"
        "print(code, [room for room in rooms if room in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert ended.stdout.splitlines()[-1] == "0 []"
