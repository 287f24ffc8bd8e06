"""The configured cluster as the core sees it: one model, whatever files it was read from."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from .hook import HookSpec
from .units import MS, Duration, GroupName, LinkName, NodeName


class Proof(StrEnum):
    """What counts as proof that a peer is dead (protocol.md 2.5)."""

    PEER = "peer"
    """Silence everywhere."""
    FENCE = "fence"
    """A fencing device confirmed that the peer is off."""
    ARBITER = "arbiter"
    """A store outside let this node depose the peer."""


class LinkKind(StrEnum):
    """How a link carries heartbeats."""

    BROADCAST = "broadcast"
    MULTICAST = "multicast"
    UNICAST = "unicast"
    SERIAL = "serial"


class AgentKind(StrEnum):
    """Which agent starts and stops a resource."""

    IP = "ip"
    """A virtual IP, kept in-process over netlink with its kernel-held lease."""
    SCRIPT = "script"
    """A Heartbeat resource script: `resource.d/NAME` or `/etc/init.d/NAME`, arguments first."""
    LSB = "lsb"
    """An init script, looked up in `/etc/init.d` only."""
    OCF = "ocf"
    """An agent of the Open Cluster Framework, `PROVIDER:TYPE`, with named parameters."""
    SYSTEMD = "systemd"
    """A unit of systemd, over D-Bus."""
    PYTHON = "python"
    """An agent that a Python package offers as an entry point, run in a process of its own."""


DEFAULT_TIMEOUT = Duration(60_000 * MS)
"""For a start, a stop or a look, where neither the configuration nor the agent says another."""


def lease_of(deadtime: Duration) -> Duration:
    """Return the lease that belongs to a deadtime: shorter by the margin of protocol.md 2.1."""
    return Duration(deadtime - min(20 * MS, deadtime // 10) - deadtime * 3 // 100)


@dataclass(frozen=True, kw_only=True)
class Timing:
    """The timers of one cluster; every limit of protocol.md 2.1 follows from these five."""

    keepalive: Duration
    warntime: Duration
    deadtime: Duration
    initdead: Duration
    deadping: Duration

    @cached_property
    def margin(self) -> Duration:
        """What a lease is shorter than the deadtime: writing time and one per cent clock drift."""
        return Duration(self.deadtime - lease_of(self.deadtime))

    @cached_property
    def lease(self) -> Duration:
        """How long an acknowledged heartbeat lets its sender serve (L in protocol.md)."""
        return lease_of(self.deadtime)

    @cached_property
    def quiet(self) -> Duration:
        """Silence after which the owner no longer waits for a peer's acknowledgements."""
        spare = min(60 * MS, self.deadtime // 16)
        return Duration(max(self.keepalive * 3 // 2, self.lease - 2 * self.keepalive - spare))

    @cached_property
    def stall(self) -> Duration:
        """A gap between two events longer than this means that this node itself was away."""
        return Duration(self.keepalive + min(20 * MS, self.deadtime // 10))

    def limit(self, peer_lease: Duration) -> Duration:
        """Return the silence after which a peer with this published lease may be judged dead."""
        drift = min(10 * MS, self.deadtime // 50)
        return Duration(max(self.deadtime, peer_lease * 1025 // 1000 + drift))


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSpec:
    """One path for heartbeats, as configured."""

    name: LinkName
    """The interface for Heartbeat's own link kinds, so that `eth1` is what status shows."""
    kind: LinkKind
    interface: str
    """The network interface; of a serial link the device, `/dev/ttyS0`."""
    address: str = ""
    """Unicast: the peer's address or name. Multicast: the group. Else empty."""
    port: int = 694
    ttl: int = 1
    loop: bool = False
    baud: int = 19200
    """Bits per second of a serial line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PingSpec:
    """A ping node: something outside the cluster whose answers show that this node gets out."""

    name: NodeName
    """The address as configured, or the name of a group; its one link is called the same."""
    addresses: tuple[str, ...]
    """Numeric, or names that are looked up once; any answer of a group's counts for the group."""
    version: int = 4
    """The version of IP in which names are looked up; a numeric address has its own."""

    @property
    def group(self) -> bool:
        """Whether it is several addresses, or one, under a name of its own."""
        return self.addresses != (self.name,)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressSpec:
    """A virtual IP as configured; what is None is found from the routes at start (IPaddr's way)."""

    ip: ipaddress.IPv4Address | ipaddress.IPv6Address
    prefix: int | None = None
    interface: str | None = None
    broadcast: ipaddress.IPv4Address | None = None
    label: str | None = None
    """The full label, `eth0:0`; at most 15 bytes; IPv4 only."""
    alias: bool = False
    """True: with no label given, take the first free `IF:N`, as Heartbeat's IPaddr does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceSpec:
    """One resource of a group."""

    name: str
    """As the administrator wrote it: `192.168.0.140`, `httpd`, `Filesystem::/dev/sdb1::/srv`."""
    agent: AgentKind
    script: str = ""
    """SCRIPT and LSB: the file name of the script, without a slash. OCF: `PROVIDER:TYPE`. SYSTEMD:
    the unit, with its suffix. PYTHON: the entry point's name."""
    args: tuple[str, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    """OCF and PYTHON: names and values, in the order of the file."""
    address: AddressSpec | None = None
    start_timeout: Duration | None = None
    stop_timeout: Duration | None = None
    """None: what the agent's own description advises, or else `DEFAULT_TIMEOUT`."""
    monitor: Duration | None = None
    """Interval between two looks while held; 0: never; None: what its agent advises."""
    monitor_timeout: Duration | None = None
    """None: as above; a script's look has the time of its start."""
    depth: int = 0
    """How closely a monitor looks (OCF_CHECK_LEVEL); 0 is the cheapest look."""
    fall: int = 1
    """So many bad looks in a row make it failed; a death that the system itself tells of needs none
    beside it."""
    rise: int = 1
    """So many good looks in a row make it sound again after a bad one or a start; until then one
    bad look is enough."""
    pidfile: str = ""
    """Where its main process writes its number, to be watched; empty: where the agent says."""

    @property
    def run(self) -> tuple[object, ...]:
        """What its agent starts; the rest says how it is looked after."""
        return self.name, self.agent, self.script, self.args, self.parameters, self.address


@dataclass(frozen=True, slots=True, kw_only=True)
class Failback:
    """Whether the preferred owner gets its group back, and after how long a stable presence."""

    enabled: bool = False
    after: Duration = Duration(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What is done about a resource that fails, before and after the group leaves the node."""

    restarts: int = 3
    """How often it is restarted where it runs, within `window`, before the group moves."""
    window: Duration = Duration(600_000 * MS)
    expiry: Duration = Duration(600_000 * MS)
    """How long the node is barred for the group then; each time it happens again, twice as long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSpec:
    """An ordered list of resources that move together."""

    name: GroupName
    nodes: tuple[NodeName, ...]
    """Every node that may run it, the preferred owner first; the order is the rank."""
    resources: tuple[ResourceSpec, ...]
    failback: Failback = Failback()
    recovery: Recovery = Recovery()
    after: tuple[GroupName, ...] = ()
    """Groups that must be held, on whatever node, before this one starts."""
    beside: tuple[GroupName, ...] = ()
    """Groups whose node this one runs on, and nowhere else (`with`)."""
    apart: tuple[GroupName, ...] = ()
    """Groups on whose node this one never runs (`not-with`)."""

    @property
    def preferred(self) -> NodeName:
        """The node that the configuration names first."""
        return self.nodes[0]

    def runs_as(self, other: "GroupSpec") -> bool:
        """Whether the same would be started of both."""
        return [each.run for each in self.resources] == [each.run for each in other.resources]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSpec:
    """Where log lines go, as ha.cf says."""

    logfile: str | None = None
    debugfile: str | None = None
    facility: str | None = None
    """A syslog facility's name (`local0`), or None."""
    syslog_format: bool = True
    """Heartbeat's `syslogmsgfmt`: the line format of the files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RespawnSpec:
    """A program that is started with the daemon, and again whenever it ends."""

    user: str
    command: str
    """As a shell reads it; the first word is the full path of a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterModel:
    """Everything that was configured, secrets excepted (they live in `Keyring`)."""

    name: str
    nodes: tuple[NodeName, ...]
    timing: Timing
    links: tuple[LinkSpec, ...]
    groups: tuple[GroupSpec, ...]
    pings: tuple[PingSpec, ...] = ()
    connectivity: bool = False
    """Whether groups move to where more ping nodes answer, as with Heartbeat's ipfail."""
    proof: Proof = Proof.PEER
    legacy: bool = False
    """Whether `auto_failback legacy` holds towards a Heartbeat peer: its oldest resource protocol,
    in which a node that returns takes its groups back."""
    startup_fencing: bool = False
    """Whether a node that has heard no peer since its start may have a peer fenced."""
    log: LogSpec = LogSpec()
    script_dirs: tuple[str, ...] = ("/etc/ha.d/resource.d", "/etc/init.d")
    realtime: bool = True
    rtprio: int = 1
    respawn: tuple[RespawnSpec, ...] = ()
    """In the order of their start."""
    hooks: tuple[HookSpec, ...] = ()
    """Who is told of what becomes of the groups."""
    variables: tuple[tuple[str, str], ...] = ()
    """Names and values that scripts and programs find in their environment, as `HA_NAME`."""
    digest: str = ""
    """Short digest of what all nodes must share; a mismatch between peers is shown by status."""

    def group(self, name: GroupName) -> GroupSpec | None:
        """Return the group of that name, or None."""
        return next((g for g in self.groups if g.name == name), None)

    def peers(self, me: NodeName) -> tuple[NodeName, ...]:
        """Return every configured node but `me`, in configured order."""
        return tuple(n for n in self.nodes if n != me)


@dataclass(frozen=True, slots=True)
class Key:
    """One key of authkeys; the secret never shows in a repr, a log or a traceback."""

    number: int
    method: str
    """`crc`, `md5`, `sha1` or `sha256`."""
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys this node accepts and the number of the one it signs with."""

    active: int
    keys: Mapping[int, Key]
