"""The checkers of liveness complain when they must: a group is nowhere, a move has no cause."""

from dataclasses import replace

import pytest
from sim_runs import NODE1, NODE2, NODE3, calm, fault, played
from sim_stage import WEB, Stage

from twinbeat.core import group
from twinbeat.core.effects import Record, What
from twinbeat.core.events import (
    HandoverRequested,
    MaintenanceRequested,
    StandbyRequested,
)
from twinbeat.core.model import Proof
from twinbeat.core.units import NodeName
from twinbeat.sim.agents import Conduct
from twinbeat.sim.care import Care
from twinbeat.sim.checkers import Phase, causes, placed
from twinbeat.sim.checkers.causes import Causes
from twinbeat.sim.checkers.placed import Placed
from twinbeat.sim.faults import Fault, FaultKind
from twinbeat.sim.mutants import MUTANTS
from twinbeat.sim.mutants.base import Patch
from twinbeat.sim.nature import Nature

DEAD = "node1 is dead: nothing was heard of it for 1.00 s"
FOUND = "all of it but its addresses ran here already; it is kept if nobody else has it"
BACK = "node2 released it: failback to node1, the preferred owner"


class Restless(Nature):
    """What is served may be dark for a moment."""

    calm = False


def judged(stage: Stage) -> list[str]:
    """Let the bound pass by decree."""
    stage.enter(Phase.QUIET)
    return [line.partition(" ms ")[2] for line in stage.said()]


# L1: placed.


def test_a_group_where_it_belongs_is_no_complaint() -> None:
    assert judged(Stage()) == []


def test_a_group_that_nobody_serves_is_a_complaint_with_the_reasons() -> None:
    stage = Stage()
    stage.node1.kernel.lose_leases()
    assert judged(stage) == [
        "L1 placed: web is served by nobody and belongs on node1; "
        "node1 held: node1 owns it and nothing prefers another | "
        "node2 stopped: node1 owns it and nothing prefers another"
    ]


def test_groups_that_are_dark_for_a_moment_in_bad_weather_are_looked_at_again() -> None:
    """web2 comes after web, and both owners' leases lapse just when the bound has passed."""
    options = replace(calm(), groups=2, care=Care(relation="after"))
    stage = Stage(nature=Restless(), options=options)
    for node in stage.world.nodes.values():
        node.kernel.lose_leases()
    assert judged(stage) == []
    assert stage.apart_count(Placed) == {placed.DARK: 2}
    stage.run(1000)
    assert stage.said() == []


def test_a_group_that_two_serve_is_a_complaint() -> None:
    stage = Stage()
    stage.serve_at(stage.node2)
    assert "web is served by node1, node2 and belongs on node1" in judged(stage)[0]


def test_a_group_elsewhere_than_an_operator_wants_it_is_a_complaint() -> None:
    stage = Stage()
    with MUTANTS["pin-ignored"].applied():
        stage.node1.tell(HandoverRequested(1, WEB, NODE2))
        stage.run(2000)
    assert "web is served by node1 and belongs on node2" in judged(stage)[0]


def test_a_group_that_no_node_can_run_is_counted_apart() -> None:
    stage = Stage()
    for number, node in enumerate((NODE1, NODE2)):
        stage.node1.tell(StandbyRequested(number, node, True))
    stage.run(2000)
    assert judged(stage) == []
    assert stage.apart_count(Placed) == {placed.UNABLE: 1}


def test_a_group_that_is_unclean_is_counted_apart() -> None:
    stage = Stage()
    stage.node1.agents.stops[None] = Conduct.FAILS
    stage.die(stage.node1)
    stage.run(2000)
    assert judged(stage) == []
    assert stage.apart_count(Placed) == {placed.UNCLEAN: 1}


def test_a_group_in_maintenance_is_counted_apart() -> None:
    stage = Stage()
    stage.node1.tell(MaintenanceRequested(1, NODE1, True))
    stage.run(1000)
    assert judged(stage) == []
    assert stage.apart_count(Placed) == {placed.FROZEN: 1}


def test_nodes_that_are_configured_differently_are_not_judged() -> None:
    stage = Stage(turns=(0, 1))
    stage.node1.kernel.lose_leases()
    assert judged(stage) == []
    assert stage.apart_count(Placed) == {placed.DIFFERING: 1}


# L2: causes.


def faulty(nodes: int = 2) -> Stage:
    stage = Stage(nodes=nodes)
    stage.enter(Phase.FAULTY)
    return stage


@pytest.mark.parametrize("proof", list(Proof))
def test_a_kill_causes_one_takeover_and_one_failback(proof: Proof) -> None:
    _, said = played(calm(proof=proof), fault(FaultKind.KILL, NODE1))
    assert said == []


def test_a_move_in_a_quiet_cluster_is_a_complaint() -> None:
    stage = faulty()
    kill = fault(FaultKind.KILL, NODE1)
    stage.world.tell_injected(kill)
    stage.enter(Phase.QUIET)
    stage.tell_start(stage.node2, DEAD)
    assert "the cluster is quiet" in stage.said()[0]


def test_a_move_without_any_fault_is_a_complaint() -> None:
    stage = faulty()
    stage.tell_start(stage.node2, DEAD)
    assert "no fault or command is left that caused it" in stage.said()[0]


def test_a_fault_is_used_for_one_takeover_and_one_failback() -> None:
    stage = faulty()
    stage.world.tell_injected(fault(FaultKind.KILL, NODE1))
    stage.tell_start(stage.node2, DEAD)
    stage.tell_start(stage.node1, BACK)
    assert stage.said() == []
    stage.tell_start(stage.node2, DEAD)
    stage.tell_start(stage.node1, BACK)
    assert len(stage.said()) == 2


def test_a_fault_that_lasts_is_used_for_every_silence() -> None:
    stage = faulty()
    stage.world.tell_injected(fault(FaultKind.LOSS, NODE1, NODE2))
    stage.tell_start(stage.node2, DEAD)
    stage.tell_start(stage.node2, DEAD)
    assert stage.said() == []
    stage.tell_start(stage.node2, DEAD)
    assert len(stage.said()) == 1  # Nothing was heard since the last one: it is the same silence.
    stage.run(500)
    stage.tell_start(stage.node2, DEAD)
    assert len(stage.said()) == 1


@pytest.mark.parametrize(
    ("kind", "because", "complaints"),
    [
        (FaultKind.HANDOVER, "node1 released it: an operator moved it to node2", 0),
        (FaultKind.KILL, "node1 released it: an operator moved it to node2", 1),
        (FaultKind.STANDBY, "node1 released it: node1 is in standby", 0),
        (FaultKind.KILL, "node1 released it: node1 is in standby", 1),
        (FaultKind.DRIFT, "node1 released it: node2 is next", 1),
        (FaultKind.MUTE, "node1 released it: node2 is next", 0),
        (FaultKind.KILL, "it felt like it", 1),
        (FaultKind.FORGERY, "node1 released it: an operator moved it to node2", 1),
        (FaultKind.RESTART, "node1 left the cluster", 0),
        (FaultKind.HANDOVER, "node1 left the cluster", 1),
        (FaultKind.HANDOVER, DEAD, 1),
        (FaultKind.FORGERY, DEAD, 1),
        (FaultKind.RESOURCE_DIES, "it failed on node1", 0),
    ],
)
def test_a_cause_is_of_a_kind_with_the_reason(
    kind: FaultKind, because: str, complaints: int
) -> None:
    stage = faulty()
    stage.world.tell_injected(fault(kind, NODE1))
    stage.tell_start(stage.node2, because)
    assert len(stage.said()) == complaints


@pytest.mark.parametrize(
    ("kind", "nodes", "because", "complaints"),
    [
        # Of three nodes node1 owned the group; node2 starts it.
        (FaultKind.KILL, (NODE1,), DEAD, 0),
        (FaultKind.KILL, (NODE2,), DEAD, 1),
        (FaultKind.KILL, (NODE3,), DEAD, 1),
        (FaultKind.FREEZE, (NODE3,), DEAD, 1),
        (FaultKind.CUT_PATH, (NODE1, NODE2), DEAD, 0),
        (FaultKind.CUT_PATH, (NODE2, NODE1), DEAD, 1),
        (FaultKind.CUT_PATH, (NODE1, NODE3), DEAD, 1),
        (FaultKind.MUTE, (NODE1,), DEAD, 0),
        (FaultKind.MUTE, (NODE2,), DEAD, 1),
        (FaultKind.DEAFEN, (NODE2,), DEAD, 0),
        (FaultKind.DEAFEN, (NODE1,), DEAD, 1),
        (FaultKind.SPLIT, (NODE1, NODE3), DEAD, 0),
        (FaultKind.SPLIT, (NODE1, NODE2), DEAD, 1),
        (FaultKind.SPLIT_ONE_WAY, (NODE1,), DEAD, 0),
        (FaultKind.SPLIT_ONE_WAY, (NODE2,), DEAD, 1),
        (FaultKind.RESTART, (NODE3,), "node1 left the cluster", 1),
        (FaultKind.RESOURCE_DIES, (NODE2,), "it failed on node1", 1),
        (FaultKind.STANDBY, (NODE3,), "node1 released it: node1 is in standby", 1),
        (FaultKind.POWER_OFF, (NODE3,), "nobody owns it; node2 is next", 1),
        (FaultKind.POWER_OFF, (NODE2,), "nobody owns it; node2 is next", 0),
    ],
)
def test_a_cause_has_befallen_the_nodes_that_the_journal_names(
    kind: FaultKind, nodes: tuple[NodeName, ...], because: str, complaints: int
) -> None:
    stage = faulty(nodes=3)
    stage.world.tell_injected(fault(kind, *nodes))
    stage.tell_start(stage.node2, because)
    assert len(stage.said()) == complaints


@pytest.mark.parametrize(
    "lie",
    [
        "node1 left the cluster",
        "it failed on node1",
        "node1 released it: an operator moved it to node2",
        "node1 released it: node1 is in standby",
    ],
)
def test_a_daemon_that_writes_a_wrong_journal_is_found(lie: str) -> None:
    """node1's daemon is killed, and node2 says that something else was the matter."""
    with Patch(group, "why_claimed", lambda real: lambda *_: lie).applied():
        run, said = played(calm(), fault(FaultKind.KILL, NODE1, span=20))
    first = run.checkers[-1].violations[0]
    assert (first.checker, len(said)) == ("L2 causes", 2)
    assert first.says.startswith(f"node2 starts web: {lie}")


def test_an_order_of_another_group_is_no_cause() -> None:
    stage = faulty()
    stage.world.tell_injected(fault(FaultKind.HANDOVER, NODE1, size=1))
    stage.tell_start(stage.node2, "node1 released it: an operator moved it to node2")
    assert len(stage.said()) == 1


def test_an_order_brings_a_group_back_once_from_who_did_not_know_of_it() -> None:
    ordered = "node1 released it: an operator moved it to node2"
    stage = faulty()
    stage.world.tell_injected(fault(FaultKind.HANDOVER, NODE2))
    stage.tell_start(stage.node2, ordered)
    stage.world.tell_injected(fault(FaultKind.PAUSE, NODE2))
    stage.tell_start(stage.node1, "node2 is dead: nothing was heard of it for 1.00 s")
    stage.tell_start(stage.node2, ordered)
    assert stage.said() == []
    stage.tell_start(stage.node2, ordered)
    assert len(stage.said()) == 1


@pytest.mark.parametrize("said", ["node2 released it: ", "nobody owns it; "])
def test_a_preferred_owner_that_takes_a_group_back_is_a_failback(said: str) -> None:
    """Nobody owns it when it has not heard yet who took it over."""
    stage = faulty()
    stage.world.tell_injected(fault(FaultKind.KILL, NODE1))
    stage.tell_start(stage.node2, DEAD)
    stage.tell_start(stage.node1, f"{said}node1 is the preferred owner")
    assert stage.said() == []
    stage.tell_start(stage.node2, "node1 released it: node2 is next")
    assert len(stage.said()) == 1


@pytest.mark.parametrize(
    ("kind", "nodes", "complaints"),
    [
        (FaultKind.POWER_OFF, (NODE2,), 0),
        (FaultKind.RESOURCE_DIES, (NODE2,), 0),
        (FaultKind.CUT_PAIR, (NODE1, NODE2), 0),
        (FaultKind.RESOURCE_DIES, (NODE1,), 1),
        (FaultKind.LEASE_LOST, (NODE2,), 1),
    ],
)
def test_what_is_found_is_kept_only_when_who_took_it_over_lost_it(
    kind: FaultKind, nodes: tuple[NodeName, ...], complaints: int
) -> None:
    stage = faulty()
    stage.world.tell_injected(fault(FaultKind.KILL, NODE1))
    stage.tell_start(stage.node2, DEAD)
    stage.world.tell_injected(fault(kind, *nodes))
    stage.tell_start(stage.node1, FOUND)
    assert len(stage.said()) == complaints


@pytest.mark.parametrize(
    ("kind", "node", "term", "former", "complaints"),
    [
        (FaultKind.RESOURCE_DIES, NODE3, 9, NODE3, 0),
        (FaultKind.DEAFEN, NODE2, 9, NODE3, 0),
        (FaultKind.DEAFEN, NODE1, 9, NODE3, 1),
        (FaultKind.RESOURCE_DIES, NODE3, 0, NODE3, 1),
        (FaultKind.DEAFEN, NODE2, 0, NODE3, 1),
        (FaultKind.RESOURCE_DIES, NODE3, 0, NODE1, 0),
    ],
)
def test_who_has_not_heard_of_the_last_start_names_a_failure_before_it(
    kind: FaultKind, node: NodeName, term: int, former: NodeName, complaints: int
) -> None:
    """No beat of node3 shows a start with term 9; one with term 0 is no news to anybody.

    But who names node1 as the owner before has heard of node3's start only when it had failed.
    """
    stage = faulty(nodes=3)
    stage.world.tell_injected(fault(FaultKind.RESOURCE_DIES, NODE1))
    stage.tell_start(stage.node3, "it failed on node1", term)
    stage.world.tell_injected(fault(kind, node))
    stage.tell_start(stage.node2, "it failed on node1", former=former)
    assert len(stage.said()) == complaints


@pytest.mark.parametrize(
    ("kind", "because"),
    [(FaultKind.POWER_OFF, DEAD), (FaultKind.RESTART, "node1 left the cluster")],
)
@pytest.mark.parametrize(("cut", "complaints"), [((NODE2, NODE3), 0), ((NODE3, NODE2), 1)])
def test_in_a_cut_both_sides_take_over_what_a_third_node_had(
    kind: FaultKind, because: str, cut: tuple[NodeName, NodeName], complaints: int
) -> None:
    """node3 does not hear that node2 has taken over already, or would hear it."""
    stage = faulty(nodes=3)
    stage.world.tell_injected(fault(kind, NODE1))
    stage.tell_start(stage.node2, because, 9)
    stage.world.tell_injected(fault(FaultKind.CUT_PATH, *cut))
    stage.tell_start(stage.world.nodes[NODE3], because)
    assert len(stage.said()) == complaints


@pytest.mark.parametrize(("off", "complaints"), [(NODE2, 0), (NODE3, 1)])
def test_who_claims_for_a_death_may_start_when_another_taker_is_dead_too(
    off: NodeName, complaints: int
) -> None:
    stage = faulty(nodes=3)
    stage.world.tell_injected(fault(FaultKind.POWER_OFF, NODE1))
    stage.tell_start(stage.node2, DEAD)
    stage.world.tell_injected(fault(FaultKind.POWER_OFF, off))
    stage.tell_start(stage.world.nodes[NODE3], DEAD)
    assert len(stage.said()) == complaints


@pytest.mark.parametrize(
    ("kind", "because"),
    [
        (FaultKind.POWER_OFF, "node3 is dead: nothing was heard of it for 1.00 s"),
        (FaultKind.RESOURCE_DIES, "it failed on node3"),
    ],
)
@pytest.mark.parametrize(("starter", "complaints"), [(NODE2, 0), (NODE1, 1)])
def test_who_starts_again_for_what_befell_a_peer_may_have_been_stopped(
    kind: FaultKind, because: str, starter: NodeName, complaints: int
) -> None:
    """It has failed there still; or a recording of the dead one came, and is waited for anew."""
    stage = faulty(nodes=3)
    stage.world.tell_injected(fault(kind, NODE3))
    stage.tell_start(stage.node2, because)
    stage.world.tell_injected(fault(FaultKind.POWER_OFF, starter))
    stage.tell_start(stage.world.nodes[starter], because)
    assert len(stage.said()) == complaints


@pytest.mark.parametrize(
    ("failed", "hangs", "complaints"), [(True, NODE2, 0), (False, NODE2, 1), (True, NODE1, 1)]
)
def test_who_starts_again_although_its_peer_is_away_failed_there(
    failed: bool, hangs: NodeName, complaints: int
) -> None:
    """Its bar has ended; what lasts may let it fail as often as it is tried."""
    stage = faulty()
    stage.world.tell_injected(fault(FaultKind.RESTART, NODE1))
    stage.tell_start(stage.node2, "node1 left the cluster")
    stage.world.tell_injected(fault(FaultKind.START_HANGS, hangs))
    for _ in range(3):
        if failed:
            checker = next(c for c in stage.checkers if isinstance(c, Causes))
            checker.told(stage.node2, Record(What.GROUP_FAILED, "it did not start", WEB))
        stage.tell_start(stage.node2, "node1 left the cluster")
    assert len(stage.said()) == 3 * complaints


@pytest.mark.parametrize(("frozen", "complaints"), [(NODE2, 0), (NODE3, 1)])
def test_who_was_to_take_a_group_is_concerned(frozen: NodeName, complaints: int) -> None:
    stage = faulty(nodes=3)
    stage.world.tell_injected(fault(FaultKind.FREEZE, frozen))
    released = Record(What.GROUP_STOPPING, "failback", WEB, evidence={"to": NODE2})
    for checker in stage.checkers:
        checker.told(stage.node1, released)
    stage.tell_start(stage.node1, "nobody owns it; node1 is next")
    assert len(stage.said()) == complaints


def test_what_a_device_did_is_a_deed_of_its_own() -> None:
    stage = Stage(Proof.FENCE)
    stage.enter(Phase.FAULTY)
    stage.world.tell_injected(fault(FaultKind.KILL, NODE1))
    stage.tell_start(stage.node1, "nobody owns it; node1 is next")
    stage.tell_start(stage.node2, DEAD)
    assert len(stage.said()) == 1
    for checker in stage.checkers:
        checker.told(stage.node2, Record(What.FENCING_ORDERED, DEAD, peer=NODE1))
    stage.run(1)
    stage.node1.kill()
    stage.node1.boot()  # The order is on its way, whatever becomes of the daemon.
    stage.node1.power_off()
    stage.tell_start(stage.node2, DEAD)
    assert len(stage.said()) == 1


def test_a_cause_is_void_when_all_has_been_well_for_long() -> None:
    stage = faulty()
    kill: Fault = fault(FaultKind.KILL, NODE1)
    stage.world.tell_injected(kill)
    stage.world.tell_healed(kill)
    stage.run(6000)  # Less than initdead, four deadtimes and a second.
    stage.tell_start(stage.node2, DEAD)
    assert stage.said() == []
    stage.world.tell_injected(kill)
    stage.world.tell_healed(kill)
    stage.run(8000)
    stage.tell_start(stage.node1, DEAD)
    assert len(stage.said()) == 1


def test_a_claim_may_wait_long_for_its_proof() -> None:
    stage = faulty()
    kill: Fault = fault(FaultKind.KILL, NODE1)
    stage.world.tell_injected(kill)
    stage.world.tell_healed(kill)
    for checker in stage.checkers:
        checker.told(stage.node2, Record(What.GROUP_CLAIMING, DEAD, WEB))
    stage.run(20000)
    for checker in stage.checkers:
        checker.told(stage.node2, Record(What.GROUP_STARTING, "every peer answered", WEB))
    assert stage.said() == []


def test_the_reason_is_that_of_the_newest_claim() -> None:
    stage = faulty()
    stage.world.tell_injected(fault(FaultKind.RESTART, NODE1))
    for checker in stage.checkers:
        checker.told(stage.node2, Record(What.GROUP_CLAIMING, DEAD, WEB))
    stage.tell_start(stage.node2, "node1 left the cluster")
    assert stage.said() == []


def test_moves_are_counted_apart_while_configurations_differ() -> None:
    stage = Stage(turns=(0, 1))
    stage.enter(Phase.FAULTY)
    stage.tell_start(stage.node2, DEAD)
    assert stage.said() == []
    assert stage.apart_count(Causes) == {causes.DIFFERING: 1}


def test_tidying_up_is_a_cause() -> None:
    stage = faulty()
    stage.enter(Phase.TIDYING)
    stage.tell_start(stage.node2, "nobody owns it; node2 is next")
    assert stage.said() == []
