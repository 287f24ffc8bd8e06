"""Schedules for rules about failed resources that random ones hardly ever break."""

from dataclasses import replace

from sim_runs import NODE1, NODE2, calm
from sim_schedules import schedule
from sim_stage import WEB, Stage

from twinbeat.core.events import (
    ClearRequested,
    ConfirmRequested,
    StandbyRequested,
)
from twinbeat.core.model import Proof
from twinbeat.core.units import GroupName
from twinbeat.sim.agents import Conduct
from twinbeat.sim.care import Care
from twinbeat.sim.devices import Manner

WEB2 = GroupName("web2")


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


@schedule
def adopter_ignores_holder() -> bool:
    """node2 boots, and httpd runs there already: node1 has the group, so it is stopped."""
    stage = Stage()
    stage.node2.power_off()
    stage.run(3000)
    stage.node2.enabled_at_boot = True
    stage.node2.boot()
    stage.run(5000)
    return stage.running() == [NODE1] and not stage.said()


def keeping(how: str) -> Stage:
    """Return a cluster of two groups, the second of which keeps to the first, or from it."""
    options = replace(calm(), groups=2, care=Care(relation=how))
    return Stage(options=options)


@schedule
def after_ignored() -> bool:
    """web runs nowhere, and web2 comes after it."""
    stage = keeping("after")
    for number, name in enumerate((NODE1, NODE2)):
        stage.node1.tell(StandbyRequested(number, name, True))
    stage.run(1000)
    for node in stage.world.nodes.values():
        node.agents.starts[WEB] = Conduct.FAILS
    for number, name in enumerate((NODE1, NODE2)):
        stage.node1.tell(StandbyRequested(number + 2, name, False))
    stage.run(3000)
    return not stage.world.serving(WEB2) and not stage.said()


@schedule
def neighbours_ignored() -> bool:
    """node2 dies, and web2 never runs beside web, which node1 has."""
    stage = keeping("not-with")
    assert stage.world.serving(WEB2) == [NODE2]
    stage.node2.power_off()
    stage.run(3000)
    return not stage.world.serving(WEB2) and stage.serving() == [NODE1] and not stage.said()
