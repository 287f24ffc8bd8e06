"""A run: its parts, its verdict, its numbers, and that it is the same run every time."""

import subprocess
import sys
from collections import Counter

import pytest
from sim_runs import NODE1, NODE2, calm, fault, played

from twinbeat.core.model import Proof
from twinbeat.core.units import MS, SECOND
from twinbeat.sim.checkers import Phase
from twinbeat.sim.faults import FaultKind
from twinbeat.sim.options import Given, draw
from twinbeat.sim.run import Run
from twinbeat.sim.schedule import draw_schedule
from twinbeat.sim.story import Story

PROGRAM = """
from twinbeat.sim.options import draw
from twinbeat.sim.run import Run
from twinbeat.sim.schedule import draw_schedule
from twinbeat.sim.story import Story
options = draw({seed})
run = Run(options, draw_schedule(options))
run.watch(Story(run.world, print))
print(run.play())
"""


@pytest.mark.parametrize("seed", [3, 8])
def test_a_seed_is_the_same_run_in_every_process(seed: int) -> None:
    def told(hash_seed: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", PROGRAM.format(seed=seed)],
            env={"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    first = told("1")
    assert first.count("\n") > 30
    assert told("2") == first


def test_a_run_without_faults_starts_every_group_once_and_moves_nothing() -> None:
    outcome = Run(calm(), ()).play()
    assert outcome.violations == ()
    assert (outcome.starts, outcome.moves, outcome.longest_without_owner) == (1, 0, 0)
    assert outcome.injected == Counter()
    assert outcome.span > 60 * SECOND


def test_a_dead_owner_is_taken_over_from_and_failed_back_to() -> None:
    outcome = Run(calm(), (fault(FaultKind.POWER_OFF, NODE1, span=20),)).play()
    assert outcome.violations == ()
    assert outcome.moves == 2
    # The dead owner's last beat is up to a keepalive old, the deadtime runs from it, then a start.
    assert 800 * MS < outcome.longest_without_owner < 1200 * MS
    assert outcome.injected == Counter({FaultKind.POWER_OFF: 1})


def test_the_parts_come_in_their_order() -> None:
    run, parts = Run(calm(), ()), list[Phase]()
    run.entering.append(parts.append)
    run.play()
    assert parts == list(Phase)


def test_whatever_is_left_over_is_tidied_up_before_the_cluster_is_judged() -> None:
    options = calm(minutes=1)
    faults = (
        fault(FaultKind.STOP_FAILS, NODE1, at=20, span=39),
        fault(FaultKind.STANDBY, NODE1, at=30, span=20),
        fault(FaultKind.MAINTENANCE, at=55, span=90),
        fault(FaultKind.POWER_OFF, NODE2, at=58, span=90),
        fault(FaultKind.PAUSE, NODE1, at=59, span=90),
    )
    run, violations = played(options, *faults)
    assert violations == []
    assert run.world.serving(run.world.nodes[NODE1].model.groups[0].name) == [NODE1]


def test_a_drawn_run_of_every_proof_is_clean() -> None:
    for proof in Proof:
        options = draw(2, Given(proof=proof, nodes=2))
        outcome = Run(options, draw_schedule(options)).play()
        assert outcome.violations == ()
        assert outcome.injected.total() >= 3


def test_a_violation_is_in_the_story_of_a_broken_run() -> None:
    """Two fail to hear each other: what `peer` permits; the story says who answers."""
    run, lines = Run(calm(), (fault(FaultKind.ISOLATE, NODE2),)), list[str]()
    run.watch(Story(run.world, lines.append))
    run.play()
    answering = [line.split()[1] for line in lines if "kernel answers" in line]
    assert answering[:2] == [NODE1, NODE2]
