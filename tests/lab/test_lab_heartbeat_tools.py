"""The contract of Heartbeat's tools: the real ones keep it, and so do ours.

`testdata/heartbeat-tools.txt` is what the real tools of Heartbeat 3.0.6 said beside a real daemon;
`--rewrite` writes it anew, from them and never from ours.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from heartbeat_tools import Session, prepare
from lab_cage import in_cage

from twinbeat.lab.contender import Contender
from twinbeat.lab.files import Timing
from twinbeat.lab.heartbeat_daemon import HeartbeatDaemon
from twinbeat.lab.stage import Stage
from twinbeat.lab.topology import Seat
from twinbeat.lab.twinbeat_daemon import TwinbeatDaemon

CONTRACT = Path(__file__).parent / "testdata" / "heartbeat-tools.txt"
TIMING = Timing("tools", 200, 500, 1_500, 4_000)


def session(kind: Callable[[Seat, Timing], Contender], directory: Path) -> str:
    async def body() -> str:
        async with Stage(TIMING, kind) as stage:
            prepare(stage)
            played = Session(stage)
            await played.play()
            return played.text

    return str(in_cage(body, directory))


@pytest.mark.root
def test_the_real_tools_keep_the_contract(tmp_path: Path, rewrite: bool) -> None:
    if os.geteuid() != 0 or HeartbeatDaemon.version() is None:
        pytest.skip("heartbeat is not installed")
    told = session(HeartbeatDaemon, tmp_path)
    if rewrite:
        CONTRACT.write_text(told)
    assert told == CONTRACT.read_text()


@pytest.mark.root
def test_our_tools_keep_the_contract(tmp_path: Path) -> None:
    assert session(TwinbeatDaemon, tmp_path) == CONTRACT.read_text()


PREPARED = """\
set -e
mount -t tmpfs none /var/lib
mount --bind {place.config} /etc/ha.d
hostname {name}
exec "$@"
"""


@pytest.mark.root
def test_heartbeat_starts_our_daemon_in_the_background_and_stops_it(tmp_path: Path) -> None:
    async def body() -> list[list[object]]:
        async with Stage(TIMING, TwinbeatDaemon) as stage:
            place, seat = stage.first.daemon.place, stage.first.seat
            script = PREPARED.format(place=place, name=seat.name)
            shell = await asyncio.create_subprocess_exec(
                *("ip", "netns", "exec", seat.namespace, "unshare", "--uts", "--mount"),
                *("sh", "-c", script, "sh", sys.executable, __file__, str(place.config)),
                stdout=asyncio.subprocess.PIPE,
            )
            out, _ = await shell.communicate()
            told: list[list[object]] = json.loads(out)
            return told

    wrong, nothing, started, running, again, stopped, gone = in_cage(body, tmp_path)
    assert wrong[0] == 6
    assert "nosuchdirective" in wrong[1]
    assert wrong[1].endswith("ERROR: Configuration error, heartbeat not started.\n")
    assert nothing == [3, "heartbeat is stopped. No process\n"]
    assert started == [0, ""]
    assert running[0] == 0
    assert running[1].startswith("heartbeat OK [pid ")
    assert again[0] == 0
    assert "heartbeat: already running [pid " in again[1]
    assert stopped == [0, ""]
    assert gone == [3, "heartbeat is stopped. No process\n"]


def _start_and_stop(config: Path) -> None:
    """Call `heartbeat` where /etc/ha.d is the experiment's; print codes and outputs as JSON."""

    def call(*words: str) -> list[object]:
        program = str(Path(sys.executable).parent / "heartbeat")
        run = subprocess.run([program, *words], capture_output=True, text=True, check=False)
        return [run.returncode, run.stdout + run.stderr]

    ha_cf = config / "ha.cf"
    right = ha_cf.read_text()
    ha_cf.write_text(right + "nosuchdirective\n")
    told = [call()]
    ha_cf.write_text(right)
    told += [call("-s"), call(), call("-s"), call(), call("-k"), call("-s")]
    print(json.dumps(told))


if __name__ == "__main__":
    _start_and_stop(Path(sys.argv[1]))
