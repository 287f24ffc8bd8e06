"""The checkers of recovery judge what runs by the order that was given last, and count bars."""

from dataclasses import replace

import pytest
from sim_runs import NODE1, calm
from sim_stage import WEB, Stage

from twinbeat.core.effects import Record, RestartResources, StartGroup, StopGroup, What
from twinbeat.core.events import (
    GroupRestarted,
    GroupStartFailed,
    MaintenanceRequested,
    ResourceLooked,
)
from twinbeat.core.units import NEVER
from twinbeat.sim.care import Care
from twinbeat.sim.checkers.bars import Bars
from twinbeat.sim.checkers.in_place import InPlace
from twinbeat.sim.options import Revision, model_of

HTTPD = "httpd"


def started(stage: Stage) -> InPlace:
    """Tell the checker of restarts that node1 starts web by order 7."""
    checker = next(checker for checker in stage.checkers if isinstance(checker, InPlace))
    spec = stage.node1.model.group(WEB)
    assert spec is not None
    checker.decided(stage.node1, stage.node1.clock.now, [StartGroup(7, spec, NEVER)])
    return checker


@pytest.mark.parametrize(("op", "complaints"), [(6, 0), (7, 1)])
def test_only_what_became_of_the_newest_order_must_be_answered(op: int, complaints: int) -> None:
    stage = Stage()
    checker = started(stage)
    checker.outcome(stage.node1, GroupStartFailed(op, WEB, HTTPD, "exit code 1"))
    checker.decided(stage.node1, stage.node1.clock.now, [StopGroup(8, WEB)])
    assert len(stage.said()) == complaints


@pytest.mark.parametrize(("bad", "complaints"), [(True, 0), (False, 1)])
def test_what_runs_fails_although_it_is_configured_no_more(bad: bool, complaints: int) -> None:
    stage = Stage()
    checker = started(stage)
    checker.decided(stage.node1, stage.node1.clock.now, [Record(What.GROUP_HELD, "", WEB)])
    stage.node1.model = model_of(calm(), revision=Revision(resources=frozenset({0})))
    checker.decided(stage.node1, stage.node1.clock.now, [Record(What.CONFIG_CHANGED, "")])
    looked = ResourceLooked(WEB, HTTPD, running=not bad, why="it does not run", sure=bad)
    checker.outcome(stage.node1, looked)
    checker.decided(stage.node1, stage.node1.clock.now, [Record(What.GROUP_FAILED, "", WEB)])
    assert len(stage.said()) == complaints


def test_what_fails_although_its_group_was_removed_makes_the_next_bar_longer() -> None:
    stage = Stage()
    bars = next(checker for checker in stage.checkers if isinstance(checker, Bars))
    model, spec, now = stage.node1.model, stage.node1.model.group(WEB), stage.node1.clock.now
    assert spec is not None
    failed = Record(What.GROUP_FAILED, "", WEB)
    bars.decided(stage.node1, now, [StartGroup(7, spec, NEVER)])
    stage.node1.model = replace(model, groups=())
    bars.decided(stage.node1, now, [failed])
    stage.node1.model = model
    bars.decided(stage.node1, now, [failed])
    assert bars.left(stage.node1, WEB) == 2 * spec.recovery.expiry


@pytest.mark.parametrize(("frozen", "complaints"), [(True, 0), (False, 1)])
def test_a_bad_look_of_maintenance_is_remembered_when_another_resource_is_restarted(
    frozen: bool, complaints: int
) -> None:
    """What is before httpd looked bad when nothing may be done; then httpd alone is restarted."""
    stage = Stage(options=replace(calm(), care=Care(resources=("app", HTTPD))))
    checker = started(stage)
    checker.decided(stage.node1, stage.node1.clock.now, [Record(What.GROUP_HELD, "", WEB)])
    if frozen:
        stage.node1.tell(MaintenanceRequested(1, NODE1, True))
        stage.run(200)
        checker.outcome(stage.node1, ResourceLooked(WEB, "app", running=False, why="it is gone"))
        stage.node1.tell(MaintenanceRequested(2, NODE1, False))
        stage.run(200)
    checker.outcome(stage.node1, ResourceLooked(WEB, HTTPD, running=False, why="it is", sure=True))
    restart = RestartResources(9, WEB, (HTTPD,))
    checker.decided(stage.node1, stage.node1.clock.now, [restart])
    checker.outcome(stage.node1, GroupRestarted(9, WEB))
    checker.decided(stage.node1, stage.node1.clock.now, [Record(What.GROUP_FAILED, "", WEB)])
    assert sum("nothing has failed there" in line for line in stage.said()) == complaints
