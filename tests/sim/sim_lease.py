"""The lease beside a peer that is heard anew: schedules for rules that chance hardly breaks."""

from sim_schedules import schedule
from sim_stage import Stage


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
