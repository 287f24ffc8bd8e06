"""The cluster that a scenario builds: what its `cluster` lines say, and the model that follows."""

from dataclasses import dataclass, fields, replace

from twinbeat.config.times import spell
from twinbeat.core.model import (
    AgentKind,
    ClusterModel,
    Failback,
    GroupSpec,
    LinkKind,
    LinkSpec,
    PingSpec,
    Proof,
    ResourceSpec,
    Timing,
)
from twinbeat.core.units import Duration, LinkName, milliseconds, seconds

from .steps import Cluster, Reload
from .values import Names, group_names, node_names, ping_names

LINK = LinkName("eth1")
"""The one link for heartbeats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a cluster is set to; at first what the manual says of `cluster`."""

    nodes: int = 2
    groups: int = 1
    keepalive: Duration = milliseconds(200)
    deadtime: Duration = seconds(1)
    initdead: Duration = seconds(2)
    failback: Failback = Failback(enabled=True)
    script: str = "httpd"
    proof: Proof = Proof.PEER
    startup_fencing: bool = False
    pings: int = 0

    def changed(self, said: Cluster | Reload) -> "Setting":
        """Return it with what a line says."""
        changes = {
            field.name: value
            for field in fields(self)
            if not (field.name == "nodes" and isinstance(said, Reload))
            and (value := getattr(said, field.name, None)) is not None
        }
        return replace(self, **changes)

    @property
    def names(self) -> Names:
        """The nodes and groups that there are."""
        return Names(node_names(self.nodes), group_names(self.groups))

    @property
    def timing(self) -> Timing:
        """The timers; the warntime is half the deadtime."""
        return Timing(
            keepalive=self.keepalive,
            warntime=Duration(self.deadtime // 2),
            deadtime=self.deadtime,
            initdead=self.initdead,
            deadping=self.deadtime,
        )

    def model(self) -> ClusterModel:
        """Return the model that every node would read from its files."""
        nodes, groups = self.names.nodes, self.names.groups
        script = ResourceSpec(name=self.script, agent=AgentKind.SCRIPT, script=self.script)
        specs = [
            GroupSpec(
                name=name,
                nodes=nodes[index % len(nodes) :] + nodes[: index % len(nodes)],
                resources=(script,),
                failback=self.failback,
            )
            for index, name in enumerate(groups)
        ]
        failback = f"{self.failback.enabled} after {spell(self.failback.after)}"
        return ClusterModel(
            name="scenario",
            nodes=nodes,
            timing=self.timing,
            links=(LinkSpec(name=LINK, kind=LinkKind.BROADCAST, interface=str(LINK)),),
            groups=tuple(specs),
            pings=tuple(PingSpec(name=n, addresses=(n,)) for n in ping_names(self.pings)),
            connectivity=self.pings > 0,
            proof=self.proof,
            startup_fencing=self.startup_fencing,
            digest=f"{len(nodes)} nodes, {len(groups)} groups, {self.script}, {failback}",
        )
