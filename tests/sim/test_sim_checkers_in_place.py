"""The checker of restarts judges what runs, by the order that was given last."""

import pytest
from sim_runs import calm
from sim_stage import WEB, Stage

from twinbeat.core.effects import Record, StartGroup, StopGroup, What
from twinbeat.core.events import GroupStartFailed, ResourceLooked
from twinbeat.core.units import NEVER
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
