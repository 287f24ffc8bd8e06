"""The one snapshot of what a node believes; `status --json` is this plus the shell's own facts."""

from dataclasses import dataclass, field

from .beat import Custody
from .units import Duration, GroupName, LinkName, NodeName


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkStatus:
    """One path from one peer."""

    up: bool
    last_heard: Duration | None
    """Silence on it, or None when nothing was ever heard there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStatus:
    """One node of the cluster, this one included."""

    state: str
    """Heartbeat's word: `init`, `up`, `active` or `dead`; `ping` for a ping node that answers."""
    liveness: str
    """`self`, `unheard`, `alive`, `deaf`, `silent` or `left`; `ping` for every ping node."""
    late: bool
    last_heard: Duration | None
    generation: int
    links: dict[LinkName, LinkStatus] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BarStatus:
    """A node on which a group failed, and which is no candidate for a while."""

    why: str
    """Empty: that node does not say."""
    left: Duration | None
    """How much longer at most; None: that node does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartStatus:
    """How a group that this node holds is kept running here."""

    under_way: tuple[str, ...]
    """The resources that are being restarted."""
    tried: int
    """How many restarts count at present ..."""
    allowed: int
    """... of so many ..."""
    window: Duration
    """... within this time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupStatus:
    """One group, as this node sees it."""

    owner: NodeName | None
    custody: Custody
    """This node's own custody."""
    state: str
    """Of the group in the whole cluster: the owner's custody, or `stopped`, or `unclean`."""
    term: int
    preferred: NodeName
    placed: NodeName | None
    pinned: NodeName | None
    reasons: tuple[str, ...]
    lease_remaining: Duration | None
    """What is left of this node's own lease; None when it serves nothing of the group."""
    bars: dict[NodeName, BarStatus] = field(default_factory=dict)
    nowhere: dict[NodeName, str] = field(default_factory=dict)
    """When no node can run it: of each what speaks against it; else empty."""
    restarts: RestartStatus | None = None
    """None: this node does not hold it."""
    failures: dict[str, int] = field(default_factory=dict)
    """How often resources failed here, or did not start or stop, since that was last cleared; those
    that did alone."""
    unproven: str | None
    """What a takeover of its resources risks under this proof of death; None: nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What `Engine.status(now)` returns."""

    node: NodeName
    generation: int
    proof: str
    nodes: dict[NodeName, NodeStatus]
    groups: dict[GroupName, GroupStatus]
    guard: str
    lease_length: Duration
    flags: tuple[str, ...]
    """Things an administrator should see: `standby`, `maintenance`, `config differs: node2` ..."""
    drops: dict[str, int]
    """Stale events and beats the core itself put aside, by reason."""
