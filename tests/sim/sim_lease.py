"""The lease beside a peer that is heard anew: schedules for rules that chance hardly breaks."""

from sim_runs import NODE2
from sim_schedules import schedule
from sim_stage import WEB, Stage

from twinbeat.core.events import HandoverRequested


@schedule
def lease_never_cut_short() -> bool:
    """node1 holds node2 for dead; then that one hears node1 no more, and is heard again."""
    stage = Stage()
    stage.run(100)
    stage.cut("21")
    stage.run(850)
    stage.cut("12")
    stage.run(200)
    stage.mend()
    stage.cut("12")
    stage.run(500)
    stage.cut("21")  # What node2 says of its takeover is lost.
    stage.run(400)
    stage.mend()
    stage.run(1000)
    return not stage.said()


@schedule
def new_life_dated_by_hearing() -> bool:
    """node2 begins a life that hears nothing, and is not heard itself for more than a second."""
    stage = Stage()
    stage.node2.kill()
    stage.run(3000)
    stage.cut("12", "21")
    stage.run(100)
    stage.node2.boot()
    stage.run(1200)
    stage.mend()
    stage.cut("12")
    stage.run(750)
    stage.cut("21")  # What node2 says of its takeover is lost.
    stage.run(400)
    stage.mend()
    stage.run(1000)
    return not stage.said()


@schedule
def grace_goes_on() -> bool:
    """All that node1 says in its new life reaches node2 at once, when it hears node2 no more."""
    stage = Stage()
    stage.node1.tell(HandoverRequested(1, WEB, NODE2))
    stage.run(1000)
    stage.node1.power_off()
    stage.cut("12")
    stage.run(2000)
    said = stage.packets_of(stage.node1)
    stage.node1.boot()
    stage.run(100)
    stage.cut("21")
    stage.run(950)
    for packet in said:
        stage.world.network.inject(NODE2, packet)
    stage.run(5)
    silent = not stage.serving()
    stage.run(1500)
    stage.mend()
    stage.run(1000)
    return silent and not stage.said()
