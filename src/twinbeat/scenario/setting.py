"""The cluster that a scenario builds: what its `cluster` lines say, and the model that follows."""

import ipaddress
from dataclasses import dataclass, fields, replace

from twinbeat.config.times import spell
from twinbeat.core.model import (
    AddressSpec,
    AgentKind,
    ClusterModel,
    Failback,
    GroupSpec,
    LinkKind,
    LinkSpec,
    PingSpec,
    Proof,
    Recovery,
    ResourceSpec,
    Timing,
)
from twinbeat.core.units import Duration, GroupName, LinkName, milliseconds, seconds

from .steps import Cluster, Reload
from .values import Names, Relation, group_names, node_names, ping_names

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
    resources: tuple[str, ...] = ()
    """Empty: the script alone."""
    relations: tuple[Relation, ...] = ()
    monitor: Duration | None = None
    fall: int = 1
    rise: int = 1
    restarts: int = Recovery().restarts
    window: Duration = Recovery().window
    expiry: Duration = Recovery().expiry
    timeout: Duration | None = None
    """Of starts and of stops."""

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
        resources = tuple(map(self._resource, self.resources or (self.script,)))
        recovery = Recovery(restarts=self.restarts, window=self.window, expiry=self.expiry)
        specs = [
            GroupSpec(
                name=name,
                nodes=nodes[index % len(nodes) :] + nodes[: index % len(nodes)],
                resources=resources,
                failback=self.failback,
                recovery=recovery,
                after=self._related(name, "after"),
                beside=self._related(name, "with"),
                apart=self._related(name, "not-with"),
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

    def _resource(self, name: str) -> ResourceSpec:
        """Return a resource by its name; an IP address is a virtual IP."""
        try:
            address = AddressSpec(ip=ipaddress.ip_address(name))
        except ValueError:
            address = None
        return ResourceSpec(
            name=name,
            agent=AgentKind.SCRIPT if address is None else AgentKind.IP,
            script=name if address is None else "",
            address=address,
            start_timeout=self.timeout,
            stop_timeout=self.timeout,
            monitor=self.monitor,
            fall=self.fall,
            rise=self.rise,
        )

    def _related(self, group: GroupName, how: str) -> tuple[GroupName, ...]:
        return tuple(other for one, way, other in self.relations if (one, way) == (group, how))
