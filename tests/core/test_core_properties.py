"""Random schedules: safety under any fault of a kind, then heal, then liveness with a bound.

What is promised is protocol 3. One owner: never do two kernels answer for a group, unless both
directions between two nodes fail; so each search keeps to faults that leave one direction whole:

* crashes: daemons killed and frozen, nodes losing power, restarts; beats lost in runs of up to
  four, delayed by up to 40 ms, doubled, and late in a second copy by up to three seconds;
* one-way: the same, and one direction cut for as long as the schedule likes; nothing else lost.

The third search cuts anything. There one owner is not judged, but this is, as everywhere: no start
while another node runs the group and was heard of late; and after healing, web runs where it is
placed within the bound and stays there; and a run that is lived again gives the same orders.

With `fence` and `arbiter` one owner is judged under any cut, and devices and store misbehave too.
"""

from core_trial import Step, Trial, Weather, steps
from hypothesis import example, given, settings
from hypothesis import strategies as st

from twinbeat.core.model import Proof
from twinbeat.core.units import NodeName

CRASHES = (
    "kill", "power-off", "boot", "restart", "freeze", "thaw", "shutdown",
    "handover", "standby", "active",
)  # fmt: skip
NODES, SEEDS = st.integers(2, 3), st.integers(0, 1 << 16)
LOSSES = st.sampled_from([0.0, 0.1, 0.3])


@given(NODES, SEEDS, LOSSES, steps(*CRASHES))
@settings(max_examples=200)
def test_one_owner_under_crashes_and_loss(
    nodes: int, seed: int, loss: float, schedule: list[Step]
) -> None:
    trial = Trial(nodes, Weather(seed, loss, run=4))
    trial.play(schedule, None, one_owner=True)


@given(NODES, SEEDS, st.booleans(), steps(*CRASHES, "cut", "cut", "heal"))
@settings(max_examples=200)
def test_one_owner_under_a_one_way_cut(
    nodes: int, seed: int, away: bool, schedule: list[Step]
) -> None:
    trial = Trial(nodes, Weather(seed, loss=0.0, run=0))
    owner, other = NodeName("node1"), NodeName("node2")
    trial.play(schedule, (other, owner) if away else (owner, other), one_owner=True)


@given(NODES, SEEDS, LOSSES, steps(*CRASHES, "cut", "cut both", "heal"))
@settings(max_examples=50)
def test_everything_heals(nodes: int, seed: int, loss: float, schedule: list[Step]) -> None:
    trial = Trial(nodes, Weather(seed, loss, run=20))
    trial.play(schedule, None, one_owner=False)
    trial.heal()
    trial.relive()


ANYTHING = (*CRASHES, "cut", "cut", "cut both", "cut both", "heal")
DEVICES = ("works", "works", "fails", "hangs", "hangs late", "reboots")
STORE = ("arbiter down", "arbiter up", "arbiter slow", "request", "reply", "arbiter found")


@given(NODES, SEEDS, LOSSES, steps(*ANYTHING, *DEVICES))
@settings(max_examples=15)
def test_one_owner_with_fencing_under_anything(
    nodes: int, seed: int, loss: float, schedule: list[Step]
) -> None:
    trial = Trial(nodes, Weather(seed, loss, run=20), Proof.FENCE)
    trial.play(schedule, None, one_owner=True)
    trial.heal()
    trial.relive()


ARBITER_FALLS_SILENT = [("cut both", 0, 262), ("arbiter slow", 0, 1677)]
"""A beat comes in between the end of what the arbiter is granted and the turn that notices it."""


@example(3, 1456, 0.0, ARBITER_FALLS_SILENT)
@given(NODES, SEEDS, LOSSES, steps(*ANYTHING, *STORE))
@settings(max_examples=15)
def test_one_owner_with_an_arbiter_under_anything(
    nodes: int, seed: int, loss: float, schedule: list[Step]
) -> None:
    trial = Trial(nodes, Weather(seed, loss, run=20), Proof.ARBITER)
    trial.play(schedule, None, one_owner=True)
    trial.heal()
    trial.relive()
