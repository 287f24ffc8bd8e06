"""Schedules for the rules about ping nodes; `test_sim_directed` plays them with the others."""

from dataclasses import replace

from sim_runs import NODE1, NODE2, calm
from sim_schedules import schedule
from sim_stage import Stage

from twinbeat.core.units import GroupName, NodeName
from twinbeat.sim.node import Node
from twinbeat.sim.watch import Watcher


def seeing() -> Stage:
    return Stage(options=replace(calm(), pings=1))


@schedule
def better_connected_node_ignored() -> bool:
    """node1 alone loses the ping node: node2 serves instead."""
    stage = seeing()
    stage.node1.unseen = {NodeName("ping1")}
    stage.run(3000)
    return stage.serving() == [NODE2] and not stage.said()


@schedule
def difference_does_not_settle() -> bool:
    """The ping node dies, and node2 notices it a keepalive later: that moves nothing."""
    stage = seeing()
    moves = Moves(stage)
    stage.node1.unseen = {NodeName("ping1")}
    stage.run(250)
    stage.node2.unseen = {NodeName("ping1")}
    stage.run(4000)
    return moves.counted == 0 and stage.serving() == [NODE1]


@schedule
def failback_into_the_dark() -> bool:
    """node1 comes back and sees no ping node: it does not get the group for a moment."""
    stage = seeing()
    stage.node1.power_off()
    stage.run(3000)
    moves = Moves(stage)
    stage.node1.unseen = {NodeName("ping1")}
    stage.node1.boot()
    stage.run(6000)
    return moves.counted == 0 and stage.serving() == [NODE2]


class Moves(Watcher):
    """Counts the starts of groups from now on."""

    def __init__(self, stage: Stage) -> None:
        self.counted = 0
        stage.world.watch(self)

    def started(self, _node: Node, _group: GroupName) -> None:
        self.counted += 1
