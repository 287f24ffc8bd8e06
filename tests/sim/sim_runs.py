"""Small runs with the faults that a test names, in calm weather."""

from dataclasses import replace

from twinbeat.core.model import Failback, Proof, Timing
from twinbeat.core.units import MS, SECOND, Duration, NodeName
from twinbeat.sim.care import Care
from twinbeat.sim.faults import Fault, FaultKind
from twinbeat.sim.options import Habits, Options, Skies, draw
from twinbeat.sim.run import Run

NODE1, NODE2, NODE3 = NodeName("node1"), NodeName("node2"), NodeName("node3")


def calm(nodes: int = 2, proof: Proof = Proof.PEER, minutes: int = 1) -> Options:
    """Return options without chance: keepalive 200 ms, deadtime 1 s, initdead 2 s, failback on."""
    return replace(
        draw(1),
        nodes=nodes,
        proof=proof,
        minutes=minutes,
        groups=1,
        timing=Timing(
            keepalive=Duration(200 * MS),
            warntime=Duration(500 * MS),
            deadtime=Duration(SECOND),
            initdead=Duration(2 * SECOND),
            deadping=Duration(SECOND),
        ),
        failback=Failback(enabled=True),
        differing=False,
        neighbours=False,
        skies=Skies(),
        habits=Habits(),
        drift=(0,) * nodes,
        ahead=(Duration(0),) * nodes,
        lasting=False,
        reboots=False,
        care=Care(),
        troubles=(),
    )


def fault(kind: FaultKind, *nodes: NodeName, at: int = 10, span: int = 5, size: int = 0) -> Fault:
    """Return a fault; seconds after the start of the faulty part, and for how many."""
    return Fault(1, kind, Duration(at * SECOND), Duration(span * SECOND), nodes, size)


def played(options: Options, *faults: Fault) -> tuple[Run, list[str]]:
    """Play the faults and return the run, and what every violation says."""
    numbered = tuple(replace(f, number=number) for number, f in enumerate(faults, 1))
    run = Run(options, numbered)
    outcome = run.play()
    return run, [str(violation) for violation in outcome.violations]
