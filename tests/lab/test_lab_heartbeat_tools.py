"""The contract of Heartbeat's tools: the real ones keep it, and so do ours.

`testdata/heartbeat-tools.txt` is what the real tools of Heartbeat 3.0.6 said beside a real daemon;
`--rewrite` writes it anew, from them and never from ours.
"""

import os
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
