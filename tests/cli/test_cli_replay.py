"""`twinbeat replay`: what it says of a life, and how it ends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli_daemon import Run

from twinbeat.control.protocol import ExitCode

pytest_plugins = ["cli_fixtures"]

KILLED = Path(__file__).parent.parent / "journal" / "incidents" / "daemon-killed.stream"


def doctored(path: Path, before: str, after: str) -> Path:
    text = KILLED.read_text()
    assert text.count(before) == 1
    path.write_text(text.replace(before, after))
    return path


def test_a_life_that_comes_out_the_same_is_exit_0(run: Run) -> None:
    code, out, err = run("replay", str(KILLED))
    assert (code, err) == (0, "")
    first, second, third = out.splitlines()
    assert first.startswith("node2.example.com, generation ")
    assert first.count("recorded by twinbeat 0.1.0") == 1
    assert second == "40 steps in 2.83 s came out the same"
    assert third == "the stream just stops: the daemon was killed, or still runs"


def test_the_first_difference_is_exit_1_and_shown_side_by_side(run: Run, tmp_path: Path) -> None:
    path = doctored(
        tmp_path / "stream", '"until":14396189056704,"create', '"until":14396189056705,"create'
    )
    code, out, err = run("replay", str(path))
    assert (code, err) == (1, "")
    assert (
        out.split("\n", 1)[1]
        == """\
19 steps in 1.16 s came out the same
then one came out otherwise: line 21, 14395.239056704 s after the machine's boot

  TimePassed

            recorded         replayed
  effect    Serve            Serve
    group   "192.168.0.140"  "192.168.0.140"
!   until   14396189056705   14396189056704
    create  true             true
  effect    SendBeat         SendBeat
  effect    StartGroup       StartGroup
  effect    Record           Record
  effect    Record           Record
  effect    Record           Record
  effect    Record           Record
"""
    )


def test_the_event_of_a_difference_is_shown_whole(run: Run, tmp_path: Path) -> None:
    """Also what the line leaves out because an earlier heartbeat said it."""
    path = doctored(tmp_path / "stream", '{"op":2,"group":"192', '{"op":9,"group":"192')
    code, out, _ = run("replay", str(path))
    assert code == 1
    assert '\n  GroupStarted\n    op     9\n    group  "192.168.0.140"\n\n' in out
    assert "! effect" in out


def test_a_stream_of_another_version_is_told(run: Run, tmp_path: Path) -> None:
    path = doctored(tmp_path / "stream", '"program":"0.1.0"', '"program":"0.0.9\\u001b[31m"')
    code, out, _ = run("replay", str(path))
    assert code == 0
    assert "recorded by twinbeat 0.0.9\\x1b[31m; this is 0.1.0, which may decide otherwise" in out


@pytest.mark.parametrize("cut", [1, 100])
def test_an_incomplete_last_line_is_said(run: Run, tmp_path: Path, cut: int) -> None:
    path = tmp_path / "stream"
    path.write_bytes(KILLED.read_bytes()[:-cut])
    code, out, _ = run("replay", str(path))
    assert code == 0
    assert "39 steps in " in out
    assert out.endswith("the last line is incomplete: the daemon or its machine stopped there\n")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "line 1, column 1: it is empty"),
        ("hello\n", "line 1, column 1: this is not JSON"),
        ('{"stream":1,\n', "line 1, column 13: this is not JSON"),
    ],
)
def test_what_is_no_stream_is_exit_2(run: Run, tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "stream"
    path.write_text(text)
    code, out, err = run("replay", str(path))
    assert (code, out) == (ExitCode.USAGE, "")
    assert complaint in err
    assert str(path) in err


def test_a_broken_line_in_the_middle_is_exit_2(run: Run, tmp_path: Path) -> None:
    path = doctored(tmp_path / "stream", '"until":14396189056704,"create', '"until":"soon","create')
    code, out, err = run("replay", str(path))
    assert (code, out) == (ExitCode.USAGE, "")
    assert "line 21, column " in err
    assert "effects.0.Serve.until: a whole number was expected" in err


def test_what_cannot_be_read_is_exit_2(run: Run, tmp_path: Path) -> None:
    for path, why in ((tmp_path / "none", "No such file"), (tmp_path, "Is a directory")):
        code, _, err = run("replay", str(path))
        assert code == ExitCode.USAGE
        assert why in err
    assert run("replay")[0] == ExitCode.USAGE


def test_every_interpreter_comes_to_the_same(tmp_path: Path) -> None:
    """The order of sets differs from process to process; no decision may follow from it."""
    for seed in ("0", "1", "2", "3"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-m", "twinbeat", "replay", str(KILLED)]
        subprocess.run(command, env=environment, check=True, timeout=60, capture_output=True)
