"""Models for the tests of the core: two nodes and one group, unless a test wants others."""

from twinbeat.core.model import ClusterModel, Failback, Proof, Timing
from twinbeat.core.units import milliseconds
from twinbeat.scenario.setting import LINK, Setting

__all__ = ["LINK", "model", "timing"]


def timing(keepalive: float, deadtime: float, initdead: float) -> Timing:
    """Return timers from milliseconds."""
    return Setting(
        keepalive=milliseconds(keepalive),
        deadtime=milliseconds(deadtime),
        initdead=milliseconds(initdead),
    ).timing


def model(
    count: int = 2,
    timers: Timing | None = None,
    failback: Failback | None = None,
    groups: int = 1,
    script: str = "httpd",
    proof: Proof = Proof.PEER,
    startup_fencing: bool = False,
) -> ClusterModel:
    """Return node1, node2 ... and groups web, web2 ... preferred on node1, node2 ... in turn."""
    timers = timers or timing(200, 1000, 2000)
    return Setting(
        nodes=count,
        groups=groups,
        keepalive=timers.keepalive,
        deadtime=timers.deadtime,
        initdead=timers.initdead,
        failback=failback or Failback(enabled=True),
        script=script,
        proof=proof,
        startup_fencing=startup_fencing,
    ).model()
