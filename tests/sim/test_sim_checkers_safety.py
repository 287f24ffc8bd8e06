"""The checkers of safety complain when they must, keep still when they must not, and count apart.

A checker that cannot fail is worthless: in every other test here something is done to a world that
no daemon does, or a rule of the core is broken.
"""

from dataclasses import replace

import pytest
from sim_runs import NODE1, NODE2, fault
from sim_stage import WEB, Stage

from twinbeat.core.effects import StartGroup
from twinbeat.core.events import CleanupRequested, HandoverRequested, LeaseLapsed, StandbyRequested
from twinbeat.core.model import Proof
from twinbeat.core.units import SECOND, Duration, milliseconds
from twinbeat.sim.agents import Conduct
from twinbeat.sim.checkers import one_owner, right, unclean
from twinbeat.sim.checkers.one_owner import OneOwner
from twinbeat.sim.checkers.right import Right
from twinbeat.sim.checkers.unclean import Unclean
from twinbeat.sim.devices import Manner
from twinbeat.sim.faults import FaultKind
from twinbeat.sim.mutants import MUTANTS

PROOFS = list(Proof)


# S1: one owner.


@pytest.mark.parametrize("proof", PROOFS)
def test_one_owner_is_no_complaint(proof: Proof) -> None:
    stage = Stage(proof)
    stage.run(5000)
    assert stage.serving() == [NODE1]
    assert stage.said() == []


@pytest.mark.parametrize("proof", PROOFS)
def test_two_kernels_that_answer_are_one_complaint(proof: Proof) -> None:
    stage = Stage(proof)
    stage.serve_at(stage.node2)
    stage.run(10)
    assert [line.partition(" ms ")[2] for line in stage.said()] == [
        "S1 one owner: web is served by node1 and node2"
    ]


def test_what_lasts_no_time_is_no_complaint() -> None:
    stage = Stage()
    stage.serve_at(stage.node2)
    stage.node2.kernel.delete_lease(WEB)
    stage.run(10)
    assert stage.said() == []


def test_a_partition_is_counted_apart_with_the_proof_peer() -> None:
    stage = Stage()
    stage.cut("12", "21")
    stage.run(5000)
    assert stage.serving() == [NODE1, NODE2]
    stage.mend()
    stage.run(210)
    assert stage.serving() == [NODE2]
    assert stage.said() == []
    # node2 starts a deadtime after the cut and node1 hears it within a keepalive of its end.
    span = stage.apart(OneOwner)[one_owner.CUT]
    assert 3.7 * SECOND < span < 4.3 * SECOND


@pytest.mark.parametrize("proof", [Proof.FENCE, Proof.ARBITER])
def test_a_partition_gives_no_two_owners_with_the_other_proofs(proof: Proof) -> None:
    stage = Stage(proof)
    stage.cut("12", "21")
    stage.run(10_000)
    assert len(stage.serving()) == 1
    stage.mend()
    stage.run(5000)
    assert stage.said() == []
    assert stage.apart(OneOwner) == {}


@pytest.mark.parametrize("direction", ["12", "21"])
def test_one_direction_alone_excuses_nobody(direction: str) -> None:
    stage = Stage()
    stage.cut(direction)
    stage.run(3000)
    stage.serve_at(stage.node2 if stage.serving() == [NODE1] else stage.node1)
    stage.run(10)
    assert len(stage.said()) == 1


def test_a_partition_excuses_nobody_once_the_weaker_heard_the_stronger() -> None:
    with MUTANTS["no-tie-break"].applied(), MUTANTS["lease-never-cut-short"].applied():
        stage = Stage()
        stage.cut("12", "21")
        stage.run(3000)
        assert stage.said() == []
        stage.mend()
        stage.run(1000)
    assert "web is served by node1 and node2" in stage.said()[0]


def test_a_daemon_that_is_stopped_for_a_while_in_a_partition_is_excused_still() -> None:
    stage = Stage()
    stage.cut("12", "21")
    stage.run(3000)
    stage.node2.freeze()
    stage.run(400)
    stage.node2.thaw()
    stage.run(1000)
    stage.node1.kernel.lose_leases()
    stage.node1.tell(LeaseLapsed(WEB, "it was flushed"))
    stage.run(1000)
    assert stage.serving() == [NODE1, NODE2]
    assert stage.said() == []


def test_who_was_alone_in_a_partition_is_so_with_longer_timers_as_well() -> None:
    """node1 has judged node2 when the cut becomes whole; then it reads timers that make it slow."""
    stage = Stage()
    stage.cut("21")
    stage.run(1200)
    stage.cut("12")
    stage.run(300)
    longer = replace(stage.node1.model.timing, deadtime=Duration(9 * SECOND))
    stage.node1.reload(replace(stage.node1.model, timing=longer))
    stage.run(2000)
    assert stage.serving() == [NODE1, NODE2]
    assert stage.said() == []


def test_who_judged_its_peer_in_a_partition_has_lost_it_with_longer_timers_as_well() -> None:
    """node2 has judged node1 when it reads longer timers, and is a candidate only then."""
    stage = Stage()
    stage.node2.tell(StandbyRequested(1, NODE2, on=True))
    stage.run(500)
    stage.cut("12", "21")
    stage.run(1500)
    assert stage.serving() == [NODE1]
    longer = replace(stage.node2.model.timing, deadtime=Duration(9 * SECOND))
    stage.node2.reload(replace(stage.node2.model, timing=longer))
    stage.node2.tell(StandbyRequested(2, NODE2, on=False))
    stage.run(500)
    assert stage.serving() == [NODE1, NODE2]
    assert stage.said() == []


def test_a_machine_put_back_that_hears_nobody_is_as_in_a_partition() -> None:
    stage = Stage()
    stage.node2.kill()
    stage.node2.boot()
    stage.run(500)
    stage.node2.kill()
    stage.node2.forget()
    stage.cut("12")
    stage.node2.boot()
    stage.run(3000)
    assert stage.serving() == [NODE1, NODE2]
    assert stage.said() == []
    assert list(stage.apart(OneOwner)) == [one_owner.CUT]


def test_a_dead_daemon_leaves_its_lease_in_a_partition_and_no_more() -> None:
    stage = Stage()
    stage.cut("12", "21")
    stage.run(3000)
    stage.node1.kill()
    stage.run(3000)
    assert stage.said() == []


def test_a_dead_daemon_whose_lease_outlasts_its_length_is_a_complaint() -> None:
    stage = Stage()
    stage.cut("12", "21")
    stage.run(3000)
    stage.node1.kernel.write_lease(WEB, milliseconds(3000), create=False)
    stage.node1.kill()
    stage.run(3500)
    assert len(stage.said()) == 1


def test_lost_beats_excuse_no_lease_that_counts_from_them() -> None:
    """The first finding of the protocol: loss, no partition, and then the daemon is killed."""

    def play() -> list[str]:
        stage = Stage()
        stage.cut("12")
        stage.run(700)
        stage.node1.kill()
        stage.run(2000)
        assert stage.serving() == [NODE2]
        return stage.said()

    assert play() == []
    with MUTANTS["every-beat-counts"].applied():
        assert len(play()) == 1


@pytest.mark.parametrize("proof", [Proof.PEER, Proof.ARBITER])
def test_a_machine_whose_clock_stood_still_is_excused_for_a_lease(proof: Proof) -> None:
    stage = Stage(proof)
    stage.cut("21")  # What waits in its socket would silence it at once.
    stage.node1.pause()
    stage.run(4000)
    assert stage.serving() == [NODE2]
    stage.mend()
    stage.node1.resume()
    stage.run(3000)
    assert stage.said() == []
    assert 0 < stage.apart(OneOwner)[one_owner.RESUMED] <= 950 * SECOND // 1000


def test_the_longer_of_two_pauses_excuses() -> None:
    """node2 stood still for long; then node1, which has taken over, for a moment."""
    stage = Stage(Proof.ARBITER)
    stage.node1.tell(HandoverRequested(1, WEB, NODE2))
    stage.run(2000)
    stage.cut("12")
    stage.node2.pause()
    stage.run(4000)
    assert stage.serving() == [NODE1]
    stage.node1.pause()
    stage.run(50)
    stage.node1.resume()
    stage.node2.resume()
    stage.run(100)
    assert stage.serving() == [NODE1, NODE2]
    stage.mend()
    stage.run(1000)
    assert stage.serving() == [NODE1]
    assert stage.said() == []


def test_after_that_lease_it_is_not_excused() -> None:
    stage = Stage(Proof.ARBITER)
    stage.cut("21")
    stage.node1.pause()
    stage.run(4000)
    stage.node1.kernel.write_lease(WEB, milliseconds(9000), create=False)
    stage.node1.freeze()
    stage.node1.resume()
    stage.run(500)
    assert stage.said() == []
    stage.run(1000)
    assert len(stage.said()) == 1


def test_a_frozen_daemon_is_not_a_clock_that_stood_still() -> None:
    stage = Stage()
    stage.node1.freeze()
    stage.run(3000)
    stage.node1.thaw()
    stage.serve_at(stage.node1)
    stage.run(10)
    assert len(stage.said()) == 1


def test_a_device_that_lied_is_counted_apart() -> None:
    stage = Stage(Proof.FENCE)
    lie = fault(FaultKind.FENCING_LIES)
    stage.world.devices.manners[NODE1] = Manner.LIES
    stage.world.tell_injected(lie)
    stage.cut("12", "21")
    stage.run(6000)
    assert stage.said() == []
    assert stage.apart(OneOwner)[one_owner.DECEIVED] > 0
    assert stage.apart_count(Right)[right.DECEIVED] == 1


def test_a_lie_is_believed_until_a_new_life_is_heard() -> None:
    stage = Stage(Proof.FENCE)
    stage.world.devices.manners |= {NODE1: Manner.LIES, NODE2: Manner.HANGS}
    stage.world.tell_injected(fault(FaultKind.FENCING_LIES))
    stage.cut("12", "21")
    stage.run(3000)
    stage.node1.kill()
    stage.run(100)
    stage.node1.boot()
    stage.run(3000)
    assert stage.running() == [NODE1, NODE2]
    stage.decide_start(stage.node2)
    assert stage.said() == []
    stage.mend()
    stage.run(1000)
    assert stage.running() == [NODE1]
    stage.decide_start(stage.node2)
    assert ["it was not fenced" in line for line in stage.said()] == [True]


def test_a_device_that_is_believed_and_did_not_lie_excuses_nobody() -> None:
    with MUTANTS["failure-confirms"].applied():
        stage = Stage(Proof.FENCE)
        stage.world.devices.manners[NODE1] = Manner.FAILS
        stage.cut("12", "21")
        stage.run(6000)
    assert {line.partition(" ms ")[2].split(":")[0] for line in stage.said()} == {
        "S1 one owner", "S2 right",
    }  # fmt: skip


# S2: the right.


@pytest.mark.parametrize("proof", PROOFS)
def test_a_start_while_another_runs_it_is_a_complaint(proof: Proof) -> None:
    stage = Stage(proof)
    stage.decide_start(stage.node2)
    assert [line for line in stage.said() if "node2 starts web while node1 runs it" in line]


def test_a_start_when_nothing_runs_elsewhere_is_none() -> None:
    stage = Stage()
    stage.decide_start(stage.node1)
    assert stage.said() == []


@pytest.mark.parametrize(("silence", "complaints"), [(900, 1), (1300, 0)])
def test_silence_entitles_from_the_deadtime_on(silence: float, complaints: int) -> None:
    stage = Stage()
    stage.node2.freeze()  # It must not start by itself; frozen, it is silent for as long.
    stage.node2.thaw()
    stage.cut("12")
    stage.run(silence)
    before = len(stage.said())
    stage.decide_start(stage.node2)
    assert len(stage.said()) - before == complaints


def test_the_silence_of_a_stall_entitles_to_nothing() -> None:
    stage = Stage()
    stage.cut("12")
    stage.run(10)
    stage.node2.freeze()
    stage.run(3000)
    stage.node2.thaw()
    stage.decide_start(stage.node2)
    assert len(stage.said()) == 1


def test_silence_alone_entitles_nobody_to_anything_with_fencing() -> None:
    stage = Stage(Proof.FENCE)
    stage.world.devices.manners[NODE1] = Manner.HANGS
    stage.cut("12", "21")
    stage.run(5000)
    assert stage.said() == []
    stage.decide_start(stage.node2)
    assert "it was not fenced" in stage.said()[0]


def test_silence_does_not_entitle_while_a_third_node_hears_the_silent_one() -> None:
    stage = Stage(nodes=3)
    stage.cut("12", "21")
    stage.run(5000)
    assert stage.said() == []
    stage.decide_start(stage.node2)
    assert "node3 still heard it" in stage.said()[0]


def test_a_start_without_the_arbiters_record_is_a_complaint() -> None:
    stage = Stage(Proof.ARBITER)
    stage.node1.power_off()
    stage.decide_start(stage.node2)
    assert "the arbiter's record names node1" in stage.said()[0]


def stopped_between_decision_and_deed() -> Stage:
    """node2 decides to start, is stopped before it does, and goes on when node1 has it again."""
    stage = Stage()
    stage.node2.trap(StartGroup, stage.node2.freeze, before=True)
    stage.node1.power_off()
    stage.run(2000)
    assert stage.node2.frozen
    stage.node1.boot()
    stage.run(6000)
    assert stage.serving() == [NODE1]
    stage.node2.thaw()
    stage.run(2000)
    assert stage.serving() == [NODE1]
    return stage


def test_a_daemon_stopped_between_decision_and_deed_starts_nothing_any_more() -> None:
    stage = stopped_between_decision_and_deed()
    assert stage.said() == []
    assert not stage.node2.kernel.runs(WEB)


def test_a_start_a_lease_after_its_decision_is_a_complaint() -> None:
    with MUTANTS["starts-however-late"].applied():
        stage = stopped_between_decision_and_deed()
    assert "after it was decided, while node1 runs it" in stage.said()[0]


# S3: unclean.


def unclean_node1(stage: Stage) -> None:
    """Let node1 stop web by half."""
    stage.node1.agents.stops[None] = Conduct.FAILS
    stage.die(stage.node1)
    stage.run(500)


def test_a_start_while_a_node_is_known_unclean_is_a_complaint() -> None:
    stage = Stage()
    unclean_node1(stage)
    stage.node1.power_off()
    stage.run(5000)
    assert stage.said() == []
    stage.decide_start(stage.node2)
    assert "node2 starts web, known to be unclean on node1" in stage.said()[0]


def test_it_is_none_after_the_operator_vouched() -> None:
    stage = Stage()
    unclean_node1(stage)
    stage.node1.power_off()
    stage.run(5000)
    stage.node2.tell(CleanupRequested(2, WEB, NODE1))
    stage.run(1000)
    assert stage.serving() == [NODE2]
    assert stage.said() == []


def test_hearsay_of_a_silent_node_is_knowledge() -> None:
    stage = Stage(nodes=3)
    stage.cut("12")
    unclean_node1(stage)
    stage.node1.power_off()
    stage.run(5000)
    assert stage.said() == []
    stage.decide_start(stage.node2)
    assert "known to be unclean on node1" in stage.said()[0]


def test_what_the_starter_could_not_know_is_counted_apart() -> None:
    stage = Stage()
    stage.cut("12")
    unclean_node1(stage)
    stage.run(5000)
    assert stage.said() == []
    assert stage.apart_count(Unclean)[unclean.UNKNOWN] == 1
