"""The fixtures of this room: a plugin, because the one conftest.py belongs to all tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_daemon import Daemon, Run, serving

from twinbeat.cli.main import main


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    """A served daemon that every command of the test finds by TWINBEAT_SOCKET."""
    path = tmp_path / "control.sock"
    monkeypatch.setenv("TWINBEAT_SOCKET", str(path))
    with serving(Daemon(path)) as served:
        yield served


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Carry out one command line and return its exit code, stdout and stderr."""

    def carry_out(*words: str) -> tuple[int, str, str]:
        code = main(list(words))
        out, err = capsys.readouterr()
        return code, out, err

    return carry_out
