"""What a seed draws: the same everywhere, within its bounds, and nothing else than was given."""

import subprocess
import sys

import pytest

from twinbeat.core.model import Proof
from twinbeat.core.units import MS, SECOND
from twinbeat.sim.faults import FaultKind
from twinbeat.sim.options import Calm, Given, Revision, Skies, draw, model_of
from twinbeat.sim.schedule import command, draw_schedule

SEEDS = range(150)


def test_a_seed_is_the_same_in_every_process() -> None:
    program = (
        "from twinbeat.sim.options import draw\n"
        "from twinbeat.sim.schedule import draw_schedule\n"
        "for seed in (1, 2, 3): print(draw(seed)); print(draw_schedule(draw(seed)))"
    )

    def drawn(hash_seed: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert len(drawn("1")) > 1000
    assert drawn("1") == drawn("2")


def test_two_seeds_differ() -> None:
    assert len({draw(seed).lines()[2] for seed in SEEDS}) > 50


def test_timers_fit_the_protocol() -> None:
    for options in map(draw, SEEDS):
        timing = options.timing
        assert 100 * MS <= timing.keepalive <= 2 * SECOND
        assert 5 <= timing.deadtime // timing.keepalive <= 12
        # A judge that has forgotten its promises waits for every lease that may be out: 2.1.
        assert timing.initdead >= timing.lease * 1025 // 1000 + 10 * MS
        assert all(abs(ppm) <= 10_000 for ppm in options.drift)
        assert options.skies.run * timing.keepalive < timing.deadtime - timing.keepalive


def test_most_clusters_have_two_nodes_and_some_have_more() -> None:
    sizes = [draw(seed).nodes for seed in SEEDS]
    assert sizes.count(2) > len(sizes) // 3
    assert {3, 4} <= set(sizes) <= {2, 3, 4, 5}


def test_what_is_given_is_taken_and_changes_no_other_draw() -> None:
    free = draw(5)
    given = draw(5, Given(nodes=7, proof=Proof.ARBITER, minutes=9))
    assert (given.nodes, given.proof, given.minutes) == (7, Proof.ARBITER, 9)
    assert len(given.drift) == 7
    assert (given.timing, given.skies, given.habits) == (free.timing, free.skies, free.habits)


def test_devices_and_the_store_fail_only_where_they_are_asked() -> None:
    for seed in SEEDS:
        for proof in Proof:
            kinds = {kind for kind, _ in draw(seed, Given(proof=proof)).mix}
            assert proof == Proof.FENCE or FaultKind.FENCING_LIES not in kinds
            assert proof == Proof.ARBITER or FaultKind.ARBITER_DOWN not in kinds


def test_every_kind_of_fault_is_drawn_by_some_seed_and_none_by_all() -> None:
    schedules = [draw_schedule(draw(s, Given(proof=p, nodes=3))) for s in SEEDS for p in Proof]
    drawn = [{fault.kind for fault in schedule} for schedule in schedules]
    assert set.union(*drawn) == set(FaultKind)
    assert set.intersection(*drawn) == set()


def test_a_schedule_has_at_least_three_faults_in_at_least_five_minutes() -> None:
    for options in map(draw, SEEDS):
        schedule = draw_schedule(options)
        assert options.minutes >= 5
        assert len(schedule) >= 3
        assert [f.at for f in schedule] == sorted(f.at for f in schedule)
        assert all(0 <= fault.at < options.span for fault in schedule)
        assert len({fault.number for fault in schedule}) == len(schedule)


def test_a_shorter_run_has_the_same_faults_as_far_as_it_goes() -> None:
    for seed in SEEDS:
        long = draw_schedule(draw(seed, Given(minutes=5)))
        short = draw_schedule(draw(seed, Given(minutes=2)))
        assert short == tuple(fault for fault in long if fault.at < 120 * SECOND)


def test_calm_takes_chance_out_and_is_in_the_command() -> None:
    options = draw(3, Given(nodes=2, proof=Proof.PEER, calm=(Calm.WEATHER, Calm.CLOCKS)))
    assert options.skies == Skies()
    assert options.drift == (0, 0)
    schedule = draw_schedule(options)
    assert command(options, schedule) == (
        "twinbeat sim --seed 3 --nodes 2 --proof peer --minutes 5 --calm weather --calm clocks"
    )
    assert " --only 2 " in command(options, schedule[1:2])
    assert " --only none " in command(options, ())


@pytest.mark.parametrize("per_cent", [25, 50, 200, 400])
def test_reloaded_timers_keep_initdead_above_every_lease(per_cent: int) -> None:
    for options in map(draw, SEEDS):
        before = model_of(options).timing
        after = model_of(options, revision=Revision(timers=per_cent)).timing
        longest = max(before.lease, after.lease) * 1025 // 1000
        assert min(before.initdead, after.initdead) >= longest
        assert after.deadtime >= 4 * after.keepalive
        assert (after.deadtime < before.deadtime) == (per_cent < 100)


def test_configurations_that_differ_have_digests_that_differ() -> None:
    options = draw(1)
    revisions = [
        Revision(),
        Revision(timers=50),
        Revision(extra=True),
        Revision(resources=frozenset({0})),
    ]
    models = [model_of(options, turn, revision) for turn in (0, 1) for revision in revisions]
    assert len({model.digest for model in models}) == len(models)
