"""The arbiter's rules that random schedules hardly ever break: a schedule for each of them."""

from collections.abc import Sequence

from sim_runs import NODE1, NODE2
from sim_schedules import schedule
from sim_stage import WEB, Stage

from twinbeat.core.effects import AskArbiter, Effect, SendBeat
from twinbeat.core.events import (
    Event,
    HandoverRequested,
)
from twinbeat.core.model import Proof
from twinbeat.core.records import Depose
from twinbeat.core.units import MS, Duration, Instant
from twinbeat.sim.agents import Conduct
from twinbeat.sim.node import Node
from twinbeat.sim.store import Loss
from twinbeat.sim.watch import Watcher


def arbitrated() -> Stage:
    return Stage(Proof.ARBITER)


def taken_meanwhile() -> bool:
    """node2 claims, and stands still while node1 takes the group anew; return whose it is then."""
    stage = arbitrated()
    stage.node1.tell(HandoverRequested(1, WEB, NODE2))
    stage.run(12)
    stage.node2.trap(SendBeat, stage.node2.pause)
    stage.run(5)  # The answer to its claim waits in its socket.
    stage.cut("12")
    stage.run(5000)
    assert stage.serving() == [NODE1]
    record = stage.world.arbiter.store.groups[WEB]
    stage.node2.resume()
    stage.run(500)
    return stage.world.arbiter.store.groups[WEB] == record


@schedule
def claim_not_bound() -> bool:
    """A claim from before a pause must not take what was taken in it."""
    return taken_meanwhile()


@schedule
def takes_what_it_reads() -> bool:
    """Nor must it when the owner would not notice."""
    return taken_meanwhile()


@schedule
def acks_of_the_living() -> bool:
    """node1 reaches neither the arbiter nor node2, which it judges dead: it must stay dark."""
    stage = arbitrated()
    stage.cut("12", "21")
    stage.world.arbiter.losses[NODE1] = Loss.REQUEST
    stage.run(4000)
    return stage.serving() == [NODE2] and not stage.said()


@schedule
def granted_from_the_reply() -> bool:
    """The reply to node1's renewal is slow, and node1 does not live to hear of the next one."""
    stage = arbitrated()
    arbiter = stage.world.arbiter

    def slow_reply() -> None:
        arbiter.slow = Duration(600 * MS)
        stage.world.at(stage.after(1.1), usual)

    def usual() -> None:
        arbiter.slow = Duration(0)

    stage.cut("12", "21")
    stage.run(180)
    stage.node2.freeze()
    stage.run(70)  # Now the nodes are out of step.
    stage.node2.thaw()
    stage.node1.trap(AskArbiter, lambda: stage.world.at(stage.after(0.5), slow_reply))
    stage.run(850)
    stage.node1.kill()
    stage.run(3000)
    return stage.serving() == [NODE2] and not stage.said()


@schedule
def record_not_looked_at() -> bool:
    """node1 lost the group to node2, hears the arbiter and not node2: its resources must stop."""
    stage = arbitrated()
    stage.cut("12", "21")
    stage.world.arbiter.losses[NODE1] = Loss.REQUEST
    stage.run(4000)
    assert stage.serving() == [NODE2]
    stage.world.arbiter.losses.clear()
    stage.run(2000)
    return stage.running() == [NODE2] and not stage.said()


@schedule
def still_from_the_request() -> bool:
    """A reply to node2 is slow, and node1 renews between the request and its execution."""
    stage = arbitrated()
    arbiter = stage.world.arbiter

    def usual() -> None:
        arbiter.slow = Duration(0)

    def slow() -> None:
        arbiter.slow = Duration(700 * MS)
        stage.node2.trap(AskArbiter, usual)

    stage.run(100)
    stage.cut("12", "21")
    stage.node2.trap(AskArbiter, slow, before=True)
    stage.run(710)  # node1 has just renewed, and node2's request is still on its way.
    stage.node1.kill()
    stage.run(4000)
    return stage.serving() == [NODE2] and not stage.said()


@schedule
def old_record_is_enough() -> bool:
    """node1 restarts and owns the group anew; its record must be of the life that serves it."""
    stage = arbitrated()
    stage.node1.kill()
    stage.node1.boot()
    stage.run(3000)
    assert stage.serving() == [NODE1]
    stage.cut("12", "21")
    stage.run(5000)
    return stage.serving() == [NODE1] and not stage.said()


@schedule
def record_without_life() -> bool:
    """node1 dies and comes back, and is not heard: the life that took the group is over."""
    stage = arbitrated()
    stage.cut("12")
    stage.node1.power_off()
    stage.run(100)
    stage.node1.boot()
    stage.run(5000)
    return stage.serving() == [NODE2] and not stage.said()


@schedule
def deposes_without_compare() -> bool:
    """node2's order to depose node1 is slow, and node1 is back at the arbiter before it arrives."""
    stage = arbitrated()
    arbiter = stage.world.arbiter

    def usual() -> None:
        arbiter.slow = Duration(0)
        arbiter.losses.clear()

    class Deposing(Watcher):
        def handled(
            self, node: Node, now: Instant, event: Event, effects: Sequence[Effect]
        ) -> None:
            for effect in effects:
                if isinstance(effect, AskArbiter) and isinstance(effect.request, Depose):
                    arbiter.slow = Duration(300 * MS)
                    stage.world.at(stage.world.now, usual)

    stage.world.watch(Deposing())
    stage.cut("12", "21")
    stage.run(180)
    stage.node2.freeze()
    stage.run(70)  # Now the nodes are out of step.
    stage.node2.thaw()
    arbiter.losses[NODE1] = Loss.REQUEST
    stage.run(4000)
    return stage.serving() == [NODE1] and stage.running() == [NODE1] and not stage.said()


@schedule
def outage_is_silence() -> bool:
    """The arbiter was away, the nodes do not hear each other: nobody is deposed on its return."""
    stage = arbitrated()
    stage.cut("12", "21")
    stage.run(500)
    stage.world.arbiter.down = True
    stage.run(5000)
    life = stage.world.arbiter.store.nodes[NODE1].life
    stage.world.arbiter.down = False
    stage.world.arbiter.losses[NODE1] = Loss.REQUEST
    stage.run(350)  # node2 is answered again, and node1 not yet.
    stage.world.arbiter.losses.clear()
    stage.run(5000)
    node1 = stage.world.arbiter.store.nodes[NODE1]
    return stage.running() == [NODE1] and node1.life == life and not node1.deposed


@schedule
def no_keeping_by_acks() -> bool:
    """The arbiter is away and all nodes hear each other: the owner serves on."""
    stage = arbitrated()
    stage.world.arbiter.down = True
    stage.run(5000)
    return stage.serving() == [NODE1] and not stage.said()


@schedule
def record_without_unclean() -> bool:
    """node1 could not stop, which only the arbiter hears, and dies: nobody may start the group."""
    stage = arbitrated()
    stage.cut("12", "21")
    stage.node1.agents.stops[None] = Conduct.FAILS
    stage.die(stage.node1)
    stage.run(600)
    stage.node1.kill()
    stage.run(6000)
    return stage.running() == [NODE1] and not stage.said()
