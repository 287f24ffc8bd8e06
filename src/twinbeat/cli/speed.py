"""How fast the simulator is: the cluster-hours that one processor plays in a minute."""

import statistics
import time
from dataclasses import replace

from twinbeat.core.model import Proof, Timing
from twinbeat.core.units import SECOND, Duration
from twinbeat.sim.faults import Fault
from twinbeat.sim.options import Calm, Given, Options, draw
from twinbeat.sim.outcome import HOUR
from twinbeat.sim.run import Run
from twinbeat.sim.schedule import draw_schedule

from .simulation import seldom_collected

RUNS = 5
"""So often each calm hour is played."""
SEEDS = 20
"""So many runs are played as they are drawn."""


def tell_speed() -> None:
    """Play calm hours of two nodes, and some runs as they are drawn, and print the rates."""
    print("cluster-hours per core-minute, every packet encoded, signed, verified and decoded:")
    for proof in Proof:
        rates = [_rate([(calm_hour(proof), ())]) for _ in range(RUNS)]
        spread = f"[{min(rates):.0f}..{max(rates):.0f}]"
        print(
            f"{statistics.median(rates):5.0f} {spread:<11} {proof}: "
            f"two nodes, keepalive 1 s, one calm hour, {RUNS} times"
        )
    for proof in Proof:
        drawn = [draw(seed, Given(proof=proof)) for seed in range(SEEDS)]
        rate = _rate([(options, draw_schedule(options)) for options in drawn])
        print(f"{rate:5.0f} {'':<11} {proof}: seeds 0 to {SEEDS - 1} as they are drawn")


def calm_hour(proof: Proof) -> Options:
    """Return an hour of two nodes in which nothing happens."""
    drawn = draw(0, Given(nodes=2, proof=proof, minutes=60, calm=tuple(Calm)))
    timing = Timing(
        keepalive=Duration(SECOND),
        warntime=Duration(5 * SECOND),
        deadtime=Duration(10 * SECOND),
        initdead=Duration(20 * SECOND),
        deadping=Duration(10 * SECOND),
    )
    return replace(drawn, groups=1, timing=timing, differing=False, neighbours=True)


def _rate(runs: list[tuple[Options, tuple[Fault, ...]]]) -> float:
    """Play some runs; return the hours of virtual time by the minutes of processor time."""
    began = time.process_time()
    with seldom_collected():
        span = sum(Run(options, schedule).play().span for options, schedule in runs)
    return span / HOUR / ((time.process_time() - began) / 60)
