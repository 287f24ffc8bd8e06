"""Scenarios in the laboratory: the same files with the same expectations, against the real program.

The laboratory sleeps most of the time, so a few of them work side by side.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from scenario_files import FILES, script

from twinbeat.lab.heartbeat_daemon import HeartbeatDaemon
from twinbeat.lab.playable import check, timing_of
from twinbeat.scenario import ScriptError, parse

PLAYED = [f for f in FILES if f.stem != "migrate-from-heartbeat" or HeartbeatDaemon.version()]
SIDE_BY_SIDE = 4
PATIENCE_S = 120

Played = dict[Path, "Future[subprocess.CompletedProcess[str]]"]


def lab(path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "twinbeat", "lab", "--scenario", str(path), "--json", "-"]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE_S)


@pytest.fixture(scope="module")
def played() -> Iterator[Played]:
    if os.geteuid() != 0:
        pytest.skip("needs root and network namespaces")
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        yield {path: pool.submit(lab, path) for path in PLAYED}


@pytest.mark.root
@pytest.mark.parametrize("path", PLAYED, ids=lambda path: path.stem)
def test_a_scenario_goes_as_it_expects(path: Path, played: Played) -> None:
    run = played[path].result()
    assert run.returncode == 0, run.stdout + run.stderr
    told = json.loads(run.stdout)
    assert told["problems"] == []
    names = [f"{path.stem}:{paragraph.number}" for paragraph in script(path).paragraphs]
    assert [step["name"] for step in told["steps"]] == names


def test_the_laboratory_can_play_every_scenario() -> None:
    for path in PLAYED:
        check(script(path))


def test_the_laboratory_is_set_up_as_the_scenario_says() -> None:
    first = "cluster keepalive=100ms deadtime=600ms initdead=1.5s failback=off"
    timing = timing_of(parse(f"{first}\nboot node1\n", "somewhere/short.txt"))
    assert (timing.name, timing.failback) == ("short", False)
    timers = (timing.keepalive, timing.warntime, timing.deadtime, timing.initdead)
    assert timers == (100, 300, 600, 1500)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("cluster nodes=3", "two nodes and one group"),
        ("cluster groups=2", "two nodes and one group"),
        ("cluster failback=after-5s", "no failback after a time"),
        ("cluster proof=fence", "the proof of death in the laboratory is `peer`"),
        ("cluster script=nginx", "the script of the laboratory's group is `httpd`"),
        ("cluster keepalive=0.5ms", "whole milliseconds"),
        ("boot node1\ncluster", "one cluster, before everything else"),
        ("kernel drops web on node1", "the laboratory cannot play `kernel`"),
        ("status node1", "the laboratory cannot play `status`"),
    ],
)
def test_a_line_that_the_laboratory_cannot_play_is_named(lines: str, reason: str) -> None:
    with pytest.raises(ScriptError) as caught:
        check(parse(lines + "\nboot node1\n", "a.txt"))
    (found,) = caught.value.diagnostics
    assert reason in found.message
    assert found.line == len(lines.splitlines())
    assert found.consequence == "nothing of the scenario is played"
