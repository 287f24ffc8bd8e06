import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from twinbeat.lab import cage

pytestmark = pytest.mark.root


def test_the_exit_code_comes_out() -> None:
    assert cage.run(lambda _outer: 7) == 7


def test_an_exception_inside_is_a_failure_outside(capfd: pytest.CaptureFixture[str]) -> None:
    def body(_outer: int) -> int:
        raise RuntimeError("inside")

    assert cage.run(body) == 1
    assert "RuntimeError: inside" in capfd.readouterr().err


def test_nothing_made_in_run_is_left_on_the_machine() -> None:
    before = sorted(os.listdir("/run"))

    def body(_outer: int) -> int:
        Path("/run/netns/left-behind").touch()
        return len(os.listdir("/run"))

    assert cage.run(body) == 1, "the cage's /run holds nothing but netns"
    assert sorted(os.listdir("/run")) == before


def test_the_lab_has_a_network_of_its_own() -> None:
    ours = os.stat("/proc/self/ns/net").st_ino
    assert cage.run(lambda _outer: int(os.stat("/proc/self/ns/net").st_ino != ours)) == 1
    assert os.stat("/proc/self/ns/net").st_ino == ours


def test_orphans_are_buried() -> None:
    def body(_outer: int) -> int:
        # The shell leaves a child behind; when that ends, only the init can bury it.
        script = "sleep 0.05 & echo $!"
        pid = int(subprocess.run(["sh", "-c", script], capture_output=True, check=True).stdout)
        deadline = time.monotonic() + 5
        while Path(f"/proc/{pid}").exists():
            if time.monotonic() > deadline:
                return 1
            os.sched_yield()
        return 0

    assert cage.run(body) == 0


def test_everything_dies_when_the_lab_is_killed(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    program = (
        "import os, subprocess, sys\n"
        "from pathlib import Path\n"
        "from twinbeat.lab import cage\n"
        "def body(outer):\n"
        "    subprocess.Popen(['setsid', 'sleep', '1000'])\n"
        f"    Path({str(told)!r}).write_text(str(outer))\n"
        "    os.read(0, 1)\n"
        "    return 0\n"
        "sys.exit(cage.run(body))\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE) as process:
        deadline = time.monotonic() + 10
        while not told.exists() or not told.read_text():
            assert time.monotonic() < deadline
        init = Path("/proc") / told.read_text()
        sleeper = next(pid for pid in pids_in_namespace_of(init) if "sleep" in command_of(pid))
        process.send_signal(signal.SIGKILL)
        process.wait()
        while init.exists() or Path(f"/proc/{sleeper}").exists():
            assert time.monotonic() < deadline, "the cage outlived its keeper"


def pids_in_namespace_of(init: Path) -> list[int]:
    wanted = os.readlink(init / "ns" / "pid")
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry != init:
            try:
                if os.readlink(entry / "ns" / "pid") == wanted:
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cage, "NEEDED", ("ip", "no-such-program"))
    with pytest.raises(cage.CageError, match="no-such-program not found"):
        cage.run(lambda _outer: 0)
