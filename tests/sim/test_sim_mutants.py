"""Every mutant that random schedules can catch is caught by them, within the stated block of seeds.

The others are caught by schedules of their own (`test_sim_directed`).
"""

import pytest

from twinbeat.sim.mutants import MUTANTS
from twinbeat.sim.options import Given, draw
from twinbeat.sim.run import Run
from twinbeat.sim.schedule import draw_schedule

RANDOM = [name for name, mutant in MUTANTS.items() if mutant.seeds]


@pytest.mark.parametrize("name", RANDOM)
def test_the_checkers_catch_it(name: str) -> None:
    mutant = MUTANTS[name]
    for seed in range(mutant.first, mutant.first + mutant.seeds):
        drawn = draw(seed, Given(nodes=mutant.nodes, proof=mutant.proof))
        options = mutant.tuned(drawn)
        with mutant.applied():
            outcome = Run(options, draw_schedule(options)).play()
        if outcome.violations:
            return
    pytest.fail(f"{name}: {mutant.seeds} seeds from {mutant.first} on, and nobody complains")


def test_there_are_at_least_twenty_five() -> None:
    assert len(MUTANTS) >= 25


def test_the_real_rules_are_back_afterwards() -> None:
    before = {
        (id(patch.owner), patch.name): getattr(patch.owner, patch.name)
        for mutant in MUTANTS.values()
        for patch in mutant.patches
    }
    for mutant in MUTANTS.values():
        with mutant.applied():
            pass
        for patch in mutant.patches:
            assert getattr(patch.owner, patch.name) is before[id(patch.owner), patch.name]
