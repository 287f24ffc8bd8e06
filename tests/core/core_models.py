"""Models for the tests of the core: two nodes and one group, unless a test wants others."""

from twinbeat.core.model import (
    AgentKind,
    ClusterModel,
    Failback,
    GroupSpec,
    LinkKind,
    LinkSpec,
    Proof,
    ResourceSpec,
    Timing,
)
from twinbeat.core.units import GroupName, LinkName, NodeName, milliseconds

LINK = LinkName("eth1")


def timing(keepalive: float, deadtime: float, initdead: float) -> Timing:
    """Return timers from milliseconds."""
    return Timing(
        keepalive=milliseconds(keepalive),
        warntime=milliseconds(deadtime / 2),
        deadtime=milliseconds(deadtime),
        initdead=milliseconds(initdead),
        deadping=milliseconds(deadtime),
    )


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
    nodes = tuple(NodeName(f"node{i}") for i in range(1, count + 1))
    specs = []
    for index in range(groups):
        order = nodes[index % count :] + nodes[: index % count]
        specs.append(
            GroupSpec(
                name=GroupName("web" if index == 0 else f"web{index + 1}"),
                nodes=order,
                resources=(ResourceSpec(name=script, agent=AgentKind.SCRIPT, script=script),),
                failback=failback or Failback(enabled=True),
            )
        )
    return ClusterModel(
        name="test",
        nodes=nodes,
        timing=timers or timing(200, 1000, 2000),
        links=(LinkSpec(name=LINK, kind=LinkKind.BROADCAST, interface="eth1"),),
        groups=tuple(specs),
        proof=proof,
        startup_fencing=startup_fencing,
        digest=f"{count} nodes, {groups} groups, {script}, {_spell(failback)}",
    )


def _spell(failback: Failback | None) -> str:
    return "" if failback is None else f"{failback.enabled} {failback.after}"
