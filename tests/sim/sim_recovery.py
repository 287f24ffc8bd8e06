"""Schedules for rules about failed resources that random ones hardly ever break."""

from sim_runs import NODE1, NODE2
from sim_schedules import schedule
from sim_stage import WEB, Stage

from twinbeat.core.events import ClearRequested, ConfirmRequested
from twinbeat.core.model import Proof
from twinbeat.sim.devices import Manner


@schedule
def clear_stays_here() -> bool:
    """httpd failed on node1, and an operator has it forgotten by a command at node2."""
    stage = Stage()
    stage.die(stage.node1)
    stage.run(1000)
    assert stage.serving() == [NODE2]
    stage.node2.tell(ClearRequested(1, WEB))
    stage.run(3000)
    return stage.serving() == [NODE1] and not stage.said()


@schedule
def confirms_the_living() -> bool:
    """An operator mistakes node1 for a node that is off, and later the cable breaks."""
    stage = Stage(Proof.FENCE)
    stage.world.devices.manners[NODE1] = Manner.FAILS
    stage.run(50)
    stage.node2.tell(ConfirmRequested(1, NODE1))
    stage.cut("12", "21")
    stage.run(6000)
    return stage.running() != [NODE1, NODE2] and not stage.said()
