"""Rules that random schedules hardly ever break: each has a schedule of its own here.

Every one is played twice. With the rules as they stand nobody complains, and what the last line
asks for is so; with the mutant of the test's name it is not. A `bool` says whether all was well.
"""

from dataclasses import replace

import pytest
import sim_arbiter
import sim_lease
import sim_outside
import sim_recovery
from sim_runs import NODE1, NODE2, calm
from sim_schedules import SCHEDULES, schedule
from sim_stage import WEB, Script, Stage

from twinbeat.core.effects import SendBeat, StartGroup
from twinbeat.core.events import (
    FailbackRequested,
    GroupStopped,
    HandoverRequested,
    StandbyRequested,
)
from twinbeat.core.model import Failback, Proof
from twinbeat.core.units import MS, Duration, Instant
from twinbeat.sim.agents import Conduct
from twinbeat.sim.checkers import Phase
from twinbeat.sim.devices import Manner
from twinbeat.sim.hands import WriteLease
from twinbeat.sim.mutants import MUTANTS
from twinbeat.sim.options import model_of

OTHERS = (sim_arbiter, sim_lease, sim_outside, sim_recovery)
"""Modules with further schedules."""

# Silence.


@schedule
def asleep_is_silence() -> bool:
    """node2 sleeps for less than a deadtime; the beats of that time and one more are lost."""
    stage = Stage()
    stage.run(5)
    stage.cut("12")
    stage.node2.freeze()
    stage.run(900)
    stage.node2.thaw()
    stage.run(150)
    stage.mend()
    stage.run(1000)
    return stage.serving() == [NODE1] and not stage.said()


@schedule
def goodbye_without_echo() -> bool:
    """node1 starts anew, hears nothing of node2 but a recording of its earlier goodbye."""
    stage = Stage()
    said = stage.packets_of(stage.node2)
    stage.node2.shutdown()
    stage.run(500)
    goodbye = said[-1]
    stage.node2.boot()
    stage.run(1000)
    stage.node1.tell(HandoverRequested(1, WEB, NODE2))
    stage.run(3000)
    stage.cut("21")
    stage.node1.kill()
    stage.run(5)
    stage.node1.boot()
    stage.world.network.inject(NODE1, goodbye)
    stage.run(300)
    return NODE1 not in stage.serving() and not stage.said()


@schedule
def orders_without_echo() -> bool:
    """Both nodes start anew; node1 hears nothing of node2 but a recording with an old order."""
    stage = Stage()
    said = stage.packets_of(stage.node2)
    stage.node1.tell(HandoverRequested(1, WEB, NODE2))
    stage.run(3000)
    order = said[-1]
    stage.node2.power_off()
    stage.node1.power_off()
    stage.run(3000)
    stage.node1.boot()
    stage.world.network.inject(NODE1, order)
    stage.run(500)
    stage.node2.boot()
    stage.run(3000)
    return stage.serving() == [NODE1] and not stage.said()


@schedule
def goodbye_from_before() -> bool:
    """node1 sleeps while node2 leaves, comes back and takes over; only the goodbye reaches it."""
    stage = Stage()
    stage.node1.freeze()
    stage.node2.shutdown()
    stage.run(1500)
    stage.cut("21")
    stage.node2.boot()
    stage.run(5000)
    assert stage.serving() == [NODE2]
    stage.node1.thaw()
    stage.run(300)
    return not stage.said()


@schedule
def no_doubt() -> bool:
    """node1 knows that node2 is dead, and sleeps while it comes back and takes over, unheard."""
    stage = Stage()
    stage.node2.power_off()
    stage.run(3000)
    stage.node1.freeze()
    stage.run(100)
    stage.cut("21")
    stage.node2.boot()
    stage.run(3000)
    assert stage.serving() == [NODE2]
    stage.node1.thaw()
    stage.run(300)
    return not stage.said()


@schedule
def first_beat_acknowledges() -> bool:
    """node1 sleeps nearly a lease, hears node2 of before, and then neither hears the other."""
    stage = Stage()
    stage.run(5)
    stage.cut("12")
    stage.node1.freeze()
    stage.run(920)
    stage.cut("21")
    stage.node1.thaw()
    stage.run(1000)
    return not stage.said()


@schedule
def any_life_acknowledges() -> bool:
    """node1 restarts, and an old beat of node2 comes late: it acknowledges the life before."""
    script = Script()
    stage = Stage(nature=script, booted=False)
    stage.node1.boot()
    stage.node2.boot()
    stage.run(5)
    stage.cut("21")
    stage.run(850)
    stage.mend()
    script.late["21"] = Duration(3000 * MS)
    stage.run(100)  # node2 has said that it does not hold the group.
    stage.node1.kill()
    stage.run(1300)
    assert stage.serving() == [NODE2]
    script.late["21"] = Duration(60_000 * MS)
    stage.node1.boot()
    stage.run(2000)
    return not stage.said()


@schedule
def generation_not_outgrown() -> bool:
    """node1 has lived three times and forgets it: it must be heard all the same."""
    stage = Stage()
    for _ in range(3):
        stage.node1.kill()
        stage.node1.boot()
        stage.run(3000)
    stage.node1.kill()
    stage.node1.forget()
    stage.node1.boot()
    stage.run(6000)
    return stage.serving() == [NODE1] and not stage.said()


@schedule
def time_before_packets() -> bool:
    """node2 sleeps for less than a stall; when it wakes, a beat waits, and so does a deadline."""
    stage = Stage(options=replace(calm(), failback=Failback()))
    stage.node1.trap(SendBeat, lambda: stage.world.at(stage.after(3), lambda: stage.cut("12")))
    stage.run(300)
    heard_at = stage.hearing.last_of(NODE2, NODE1)
    stage.world.run(Instant(heard_at + 790 * MS))
    stage.node2.trap(SendBeat, stage.node2.freeze)
    stage.world.run(Instant(heard_at + 900 * MS))
    assert stage.node2.frozen
    stage.mend()
    stage.world.run(Instant(heard_at + 1010 * MS))
    stage.node2.thaw()
    stage.run(1000)
    return stage.serving() == [NODE1] and not stage.said()


@schedule
def stale_is_newer() -> bool:
    """node1 dies, and a stranger goes on sending its last beats to node2, one after the other."""
    stage = Stage()
    packets = stage.packets_of(stage.node1)
    stage.run(2000)
    stage.node1.power_off()
    for packet in packets[-9:-1]:
        stage.run(300)
        stage.world.network.inject(NODE2, packet)
    return stage.serving() == [NODE2] and not stage.said()


# Claims and custody.


@schedule
def answers_never_expire() -> bool:
    """node2 is frozen with an answer to its claim in its socket, and node1 takes over meanwhile."""
    stage = Stage()
    stage.node1.tell(HandoverRequested(1, WEB, NODE2))
    stage.run(12)  # node1 has stopped.
    stage.node2.trap(SendBeat, stage.node2.freeze)
    stage.run(5000)
    assert stage.node2.frozen
    assert stage.serving() == [NODE1]
    stage.node2.thaw()
    stage.run(1000)
    return not stage.said()


@schedule
def terms_ignored() -> bool:
    """node1 stood still while node2 was given the group: the arbiter's owner must not yield."""
    stage = Stage(Proof.ARBITER, options=replace(calm(proof=Proof.ARBITER), failback=Failback()))
    stage.cut("21")
    stage.node1.pause()
    stage.run(5000)
    assert stage.serving() == [NODE2]
    stage.mend()
    stage.node1.resume()
    stage.run(1000)
    return stage.serving() == [NODE2] and stage.running() == [NODE2] and not stage.said()


@schedule
def released_unasked() -> bool:
    """node1 has read a configuration that prefers node2, which has not: node1 must keep it."""
    stage = Stage()
    stage.node1.reload(model_of(calm(), turn=1))
    stage.run(5000)
    return stage.serving() == [NODE1] and not stage.said()


@schedule
def stale_outcomes() -> bool:
    """The outcome of an earlier stop is told while the present one still goes on."""
    stage = Stage()
    stage.node1.agents.slowness = 100
    stage.node1.tell(HandoverRequested(1, WEB, NODE2))
    stage.run(100)
    stage.node1.tell(GroupStopped(1, WEB))
    stage.run(500)
    return not stage.said()


@schedule
def starts_however_late() -> bool:
    """node2 is stopped between decision and deed; when it goes on, node1 has the group again."""
    stage = Stage()
    stage.node2.trap(StartGroup, stage.node2.freeze, before=True)
    stage.node1.power_off()
    stage.run(2000)
    stage.node1.boot()
    stage.run(6000)
    stage.node2.thaw()
    stage.run(2000)
    return stage.serving() == [NODE1] and not stage.said()


@schedule
def stops_aloud() -> bool:
    """A cut is mended while the weaker owner's agents are slow to stop."""
    stage = Stage()
    stage.cut("12", "21")
    stage.run(3000)
    stage.node1.agents.slowness = 100
    stage.mend()
    stage.run(2000)
    return not stage.said()


@schedule
def stopping_is_silent() -> bool:
    """A cut is mended in the moment in which the stronger owner begins a planned stop."""
    stage = Stage()
    stage.cut("12", "21")
    stage.run(3000)
    stage.node2.agents.slowness = 10
    stage.mend()
    stage.node2.tell(StandbyRequested(1, NODE2, True))
    stage.run(2000)
    return stage.serving() == [NODE1] and not stage.said()


@schedule
def unclean_ignored() -> bool:
    """node1 could not stop the group and dies: nobody may start it."""
    stage = Stage()
    stage.node1.agents.stops[None] = Conduct.FAILS
    stage.die(stage.node1)
    stage.run(500)
    stage.node1.power_off()
    stage.run(3000)
    return not stage.running() and not stage.said()


def both_at_once(stage: Stage) -> bool:
    """Let both nodes come back into service at one instant, and each claim the group."""
    for number, node in enumerate((NODE1, NODE2)):
        stage.node1.tell(StandbyRequested(number, node, True))
    stage.run(1000)
    assert not stage.running()
    stage.node1.tell(StandbyRequested(3, NODE1, False))
    stage.node2.tell(StandbyRequested(4, NODE2, False))
    stage.run(1000)
    return len(stage.running()) == 1 and not stage.said()


@schedule
def any_acknowledgement() -> bool:
    """Both nodes claim at one instant; what each knows of the other is from before."""
    return both_at_once(Stage())


@schedule
def strength_from_a_view() -> bool:
    """Both nodes claim at one instant, and each is preferred by its own configuration."""
    return both_at_once(Stage(turns=(0, 1)))


def restarted_owner() -> bool:
    """node2 owns the group; its daemon is killed and comes back at once, its scripts are slow."""
    stage = Stage(options=replace(calm(), failback=Failback()))
    stage.node1.tell(HandoverRequested(1, WEB, NODE2))
    stage.run(1000)
    assert stage.serving() == [NODE2]
    stage.node1.tell(FailbackRequested(2, WEB))
    stage.node2.kill()
    stage.node2.agents.slowness = 100
    stage.node2.boot()
    stage.run(3000)
    return not stage.said()


@schedule
def says_stopped_unprobed() -> bool:
    """A new daemon has not looked yet what the one before it left running."""
    return restarted_owner()


@schedule
def unknown_holds_nothing() -> bool:
    """A new daemon says that it does not know yet."""
    return restarted_owner()


@schedule
def stop_failure_forgotten() -> bool:
    """node1 is to hand over, and cannot stop."""
    stage = Stage()
    stage.node1.agents.stops[None] = Conduct.FAILS
    stage.node1.tell(HandoverRequested(1, WEB, NODE2))
    stage.run(2000)
    return stage.running() == [NODE1] and not stage.said()


@schedule
def failure_forgotten() -> bool:
    """A resource ends on node1 and does not start there again: another node is tried then."""
    stage = Stage()
    stage.node1.agents.starts[None] = Conduct.FAILS
    stage.die(stage.node1)
    stage.run(1000)
    return stage.serving() == [NODE2] and not stage.said()


# What operators order.


def placed(stage: Stage) -> bool:
    """Return whether the group is where it belongs when all has had its time."""
    stage.run(3000)
    stage.enter(Phase.QUIET)
    return not stage.said()


@schedule
def pins_not_merged() -> bool:
    """A handover is ordered at the node that is to take the group."""
    stage = Stage()
    stage.node2.tell(HandoverRequested(1, WEB, NODE2))
    return placed(stage)


@schedule
def pin_ignored() -> bool:
    """A handover is ordered at the owner."""
    stage = Stage()
    stage.node1.tell(HandoverRequested(1, WEB, NODE2))
    return placed(stage)


@schedule
def standby_not_spread() -> bool:
    """node1 is sent to standby by a command at node2."""
    stage = Stage()
    stage.node2.tell(StandbyRequested(1, NODE1, True))
    return placed(stage)


@schedule
def pin_outlives_its_node() -> bool:
    """A group was moved to node2, which dies and comes back: it is no longer wanted there."""
    stage = Stage()
    stage.node1.tell(HandoverRequested(1, WEB, NODE2))
    stage.run(1000)
    stage.node2.power_off()
    stage.run(3000)
    stage.node2.boot()
    stage.run(3000)
    return stage.serving() == [NODE1] and not stage.said()


# The lease.


@schedule
def no_margin() -> bool:
    """node1's clock runs slow and node2's fast, and node1's daemon is killed."""
    stage = Stage()
    stage.node1.clock.set_rate(-10_000)
    stage.node2.clock.set_rate(10_000)
    stage.run(1000)
    stage.node1.trap(SendBeat, lambda: stage.world.at(stage.after(5), stage.node1.kill))
    stage.run(3000)
    return stage.serving() == [NODE2] and not stage.said()


@schedule
def renewal_creates() -> bool:
    """node1 is stopped between the reckoning of a renewal's timeout and its writing."""
    stage = Stage()
    stage.node1.trap(WriteLease, stage.node1.freeze, before=True)
    stage.run(900)
    stage.cut("21")
    stage.run(2000)
    assert stage.serving() == [NODE2]
    stage.node1.thaw()
    stage.run(300)
    return not stage.said()


@schedule
def unacknowledged_is_quiet() -> bool:
    """node2 does not hear node1, which hears node2, a little late."""
    script = Script()
    stage = Stage(nature=script)
    script.late["21"] = Duration(100 * MS)
    stage.run(1000)
    stage.cut("12")
    stage.run(3000)
    return not stage.said()


# Fencing.


@schedule
def failure_confirms() -> bool:
    """The device says that it could not."""
    stage = Stage(Proof.FENCE)
    stage.world.devices.manners[NODE1] = Manner.FAILS
    stage.cut("12", "21")
    stage.run(6000)
    return not stage.said()


@schedule
def never_fences() -> bool:
    """The owner's daemon is killed: it has to be fenced, or nobody ever takes over."""
    stage = Stage(Proof.FENCE)
    stage.node1.kill()
    stage.run(6000)
    return stage.serving() == [NODE2] and not stage.said()


@pytest.mark.parametrize("name", SCHEDULES)
def test_all_is_well_by_the_rules(name: str) -> None:
    assert SCHEDULES[name]()


@pytest.mark.parametrize("name", SCHEDULES)
def test_it_is_not_when_the_rule_is_broken(name: str) -> None:
    with MUTANTS[name].applied():
        assert not SCHEDULES[name]()


def test_the_other_modules_have_theirs() -> None:
    kept = {play.__module__ for play in SCHEDULES.values()}
    assert kept == {__name__, *(module.__name__ for module in OTHERS)}


def test_every_mutant_that_no_seed_catches_has_a_schedule() -> None:
    assert {name for name, mutant in MUTANTS.items() if not mutant.seeds} <= SCHEDULES.keys()
