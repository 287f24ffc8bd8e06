"""What is found running at a start is adopted by one node at most, and never beside an owner.

Daemons are killed and started again at once or later, machines lose power, and groups come to run
by themselves where no daemon is: whatever is found then, no two nodes own the group. Nothing is
frozen and nothing cut here, so that not even a short time of two owners is excused.
"""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from core_beats import WEB
from core_models import model
from core_solo import THERE, THIRD, Solo
from core_trial import Step, Trial, Weather, steps
from hypothesis import example, given, settings
from hypothesis import strategies as st

from twinbeat.core.beat import Custody
from twinbeat.core.effects import ClearGroup, Effect, Record, StartGroup, What
from twinbeat.core.events import Event, GroupStartLate, ModelChanged
from twinbeat.core.model import Failback
from twinbeat.core.units import Instant, NodeName
from twinbeat.sim.node import Node
from twinbeat.sim.watch import Watcher
from twinbeat.sim.world import World


class Adoptions(Watcher):
    """Counts the groups that were found and started, and looks for two owners at once."""

    def __init__(self, world: World) -> None:
        self.adopted = 0
        self.given_up = 0
        self.two: list[list[NodeName]] = []
        self._world = world
        self._before: dict[NodeName, Custody] = {}

    def handled(self, node: Node, now: Instant, event: Event, effects: Sequence[Effect]) -> None:
        assert node.engine is not None
        before = self._before.get(node.name)
        if before is Custody.ADOPTING and any(isinstance(e, StartGroup) for e in effects):
            self.adopted += 1
        told = [e for e in effects if isinstance(e, Record) and e.what is What.GROUP_FOUND]
        self.given_up += sum(record.evidence["adopted"] is False for record in told)
        self._before[node.name] = node.engine.groups[WEB].custody
        owners = [
            other.name
            for other in self._world.nodes.values()
            if other.engine is not None and other.engine.groups[WEB].custody.owns
        ]
        if len(owners) > 1:
            self.two.append(owners)


def played(nodes: int, weather: Weather, schedule: Sequence[Step]) -> Adoptions:
    """Play a schedule, then let everything be healed, and see that web runs in one place."""
    trial = Trial(nodes, weather)
    adoptions = Adoptions(trial.world)
    trial.world.watch(adoptions)
    for verb, number, span in schedule:
        trial.play([(verb, number, span)], None, one_owner=True)
    trial.heal()
    assert adoptions.two == []
    return adoptions


FOUND = Custody.ADOPTING


@pytest.mark.parametrize(
    ("script", "adopts"), [("httpd", True), ("Filesystem", False), ("drbddisk", False)]
)
def test_nothing_that_two_nodes_would_damage_is_adopted(script: str, adopts: bool) -> None:
    assert [order.adopt for order in Solo(model(script=script)).ordered(ClearGroup)] == [adopts]


def test_a_node_that_may_not_run_a_group_does_not_adopt_it() -> None:
    cluster = model(3)
    (web,) = cluster.groups
    two = replace(cluster, groups=(replace(web, nodes=(THERE, THIRD)),))
    assert [order.adopt for order in Solo(two).ordered(ClearGroup)] == [False]


def test_a_reload_adopts_nothing() -> None:
    solo = Solo(replace(model(), groups=()))
    solo.tell(ModelChanged(model()))
    assert [order.adopt for order in solo.ordered(ClearGroup)] == [False]


def test_a_claim_on_what_was_found_waits_for_every_answer() -> None:
    solo = Solo(model(failback=Failback(enabled=False)), found=True)
    assert solo.custody() is FOUND
    solo.say(Custody.UNKNOWN)
    solo.say(Custody.UNKNOWN)
    assert solo.custody() is FOUND
    assert "node1 says unknown" in solo.reasons()
    assert solo.ordered(StartGroup) == []
    solo.say(Custody.STOPPED)
    assert len(solo.ordered(StartGroup)) == 1
    assert solo.custody() is Custody.STARTING


@pytest.mark.parametrize(
    "held", [Custody.CLAIMING, Custody.STARTING, Custody.HELD, Custody.STOPPING, Custody.UNCLEAN]
)
def test_whatever_a_peer_holds_ends_it_and_a_claim_does_not(held: Custody) -> None:
    solo = Solo(model(failback=Failback(enabled=False)), found=True)
    solo.say(held)
    assert (solo.custody() is Custody.UNKNOWN) == held.holds
    assert [order.adopt for order in solo.ordered(ClearGroup)] == [True, False][: 1 + held.holds]


def test_beside_a_heartbeat_nothing_is_adopted() -> None:
    solo = Solo(model(failback=Failback(enabled=False)), found=True)
    solo.say(Custody.STOPPED, version=0)
    assert solo.custody() is Custody.UNKNOWN
    because = "it is stopped: node1 speaks Heartbeat only, and takes what starts for empty"
    assert solo.told(What.GROUP_FOUND)[-1] == (0, because)


def test_a_start_that_came_too_late_leaves_nothing_running() -> None:
    solo = Solo(model(), found=True).until(2000)
    (start,) = solo.ordered(StartGroup)
    solo.tell(GroupStartLate(start.op, WEB))
    assert solo.custody() is Custody.UNKNOWN
    assert [order.adopt for order in solo.ordered(ClearGroup)] == [True, False]


VERBS = (
    "kill", "power-off", "boot", "restart", "restart", "shutdown", "revive", "revive",
    "handover", "standby", "active",
)  # fmt: skip

REVIVED_AFTER_A_GOODBYE = [
    ("revive", 0, 93), ("restart", 0, 152), ("shutdown", 0, 93), ("shutdown", 0, 93),
    ("revive", 0, 48), ("kill", 0, 30),
]  # fmt: skip
"""What came to run where no daemon is any more wrongs nobody who starts on its goodbye."""

LOST_OFTEN = [("restart", 0, 31), ("restart", 0, 97), ("restart", 0, 15), ("kill", 0, 1018)]
"""A node that is lost four times gets its group back when somebody clears that, or much later."""


@example(2, 0, 0.0, LOST_OFTEN)
@example(3, 4940, 0.3, REVIVED_AFTER_A_GOODBYE)
@given(st.integers(2, 3), st.integers(0, 1 << 16), st.sampled_from([0.0, 0.1, 0.3]), steps(*VERBS))
@settings(max_examples=60)
def test_what_is_found_is_owned_by_one_node(
    nodes: int, seed: int, loss: float, schedule: list[Step]
) -> None:
    played(nodes, Weather(seed, loss, run=4), schedule)


def test_such_schedules_lead_to_adoption_and_to_its_end() -> None:
    restarted = played(2, Weather(1, 0.0, run=0), [("restart", 0, 500)])
    assert (restarted.adopted, restarted.given_up) == (1, 0)
    taken_over = played(2, Weather(1, 0.0, run=0), [("kill", 0, 2500), ("boot", 0, 2500)])
    assert (taken_over.adopted, taken_over.given_up) == (0, 1)
    both = [("shutdown", 0, 200), ("shutdown", 1, 200), ("revive", 0, 1), ("revive", 1, 1)]
    enabled = played(2, Weather(1, 0.0, run=0), [*both, ("boot", 0, 1), ("boot", 1, 2500)])
    assert (enabled.adopted, enabled.given_up) == (1, 1)
