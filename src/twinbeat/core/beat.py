"""What a heartbeat says: the sender's whole public state, every time (protocol.md 2.2)."""

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum

from .units import Duration, GroupName, NodeName
from .value import value

PROTOCOL_VERSION = 1
CLUSTER = NodeName("*")
"""In the maintenance switches: the whole cluster."""


class Custody(StrEnum):
    """A node's relation to one group (protocol.md 2.9)."""

    UNKNOWN = "unknown"
    STOPPED = "stopped"
    CLAIMING = "claiming"
    ADOPTING = "adopting"
    """It ran here when this life began, and is claimed while it runs on, its addresses silent."""
    STARTING = "starting"
    HELD = "held"
    STOPPING = "stopping"
    UNCLEAN = "unclean"

    def __init__(self, word: str) -> None:
        self.holds = word not in ("stopped", "claiming")
        """Whether anything of the group may be running there: nobody else may start it."""
        self.claims = word in ("claiming", "adopting")
        """Whether the node asks its peers to let it start the group."""
        self.owns = word in ("starting", "held")
        """Whether the node starts or serves the group (what two owners compare when they meet)."""
        self.answers = self.owns or word == "stopping"
        """Whether its kernel may answer for the group: a planned stop is served until its end."""


@value(order=True)
class Life:
    """One life of a node's daemon: Heartbeat's counter and 64 random bits."""

    generation: int
    token: int


@value()
class Ack:
    """What the sender has taken in from one peer."""

    life: Life
    """The peer's life as heard; generation 0 when it was never heard."""
    seq: int
    """The highest sequence number taken in of that life."""
    hears: bool
    """Whether the sender judges that peer alive or deaf, that is: not silent."""
    age_ms: int = 0
    """How long ago it was last heard: for people only, never for a decision."""


@value(order=True)
class Pin:
    """An operator's move: the highest (counter, node) wins everywhere; an empty node is no pin."""

    counter: int = 0
    node: NodeName = NodeName("")


@value(order=True)
class Switch:
    """An operator's on or off: the highest counter wins everywhere."""

    counter: int = 0
    on: bool = False


@value()
class Bar:
    """A group failed on its sender, which is no candidate for a while."""

    span: Duration = Duration(0)
    """For how long in all; 0: until an operator lifts it, or not said."""
    why: str = ""


@value()
class GroupView:
    """One group as its sender publishes it."""

    custody: Custody
    term: int
    rank: int
    """The sender's place in its configured order of nodes for the group; 0 is preferred."""
    want: bool = False
    """Whether the sender's own placement names the sender and it could start the group now."""
    bar: Bar | None = None
    """Why the sender is no candidate for now, when the group failed there."""
    pin: Pin = Pin()
    cleared: int = 0
    """How often operators had failures forgotten: the highest counter wins everywhere."""

    @property
    def failed(self) -> bool:
        """Whether the group failed on the sender of late."""
        return self.bar is not None

    def strength(self, node: NodeName) -> tuple[int, int, tuple[int, ...]]:
        """Return what decides between two claims or owners: term, then rank, then lower name."""
        return (self.term, -self.rank, (*(-ord(c) for c in node), 1))


@value(kw_only=True)
class Beat:
    """One heartbeat. A peer that speaks only Heartbeat 3.0.6 has version 0 and echoes nobody."""

    node: NodeName
    life: Life
    seq: int
    word: str = "active"
    """Heartbeat's own status word: `init`, `up` or `active`."""
    deadtime: Duration
    lease: Duration
    version: int = PROTOCOL_VERSION
    acks: Mapping[NodeName, Ack] = field(default_factory=dict)
    groups: Mapping[GroupName, GroupView] = field(default_factory=dict)
    standby: Mapping[NodeName, Switch] = field(default_factory=dict)
    maintenance: Mapping[NodeName, Switch] = field(default_factory=dict)
    """By node, or `CLUSTER` for all."""
    unclean: frozenset[tuple[GroupName, NodeName]] = frozenset()
    """Which nodes are known to hold which groups unclean, the sender's own included."""
    leaving: bool = False
    digest: str = ""
    macs: frozenset[bytes] = frozenset()
    """Hardware addresses of the interfaces that the sender's virtual IPs are on, or come to."""
    age: Duration | None = None
    """How long ago the sender's life began, while it has not heard or judged every peer yet."""
    pings: int | None = None
    """How many ping nodes answer the sender; None: it makes no statement."""

    def again(self, seq: int, acks: Mapping[NodeName, Ack]) -> "Beat":
        """Return a later beat that says the same, but for what was taken in until then."""
        return Beat(
            node=self.node,
            life=self.life,
            seq=seq,
            word=self.word,
            deadtime=self.deadtime,
            lease=self.lease,
            version=self.version,
            acks=acks,
            groups=self.groups,
            standby=self.standby,
            maintenance=self.maintenance,
            unclean=self.unclean,
            leaving=self.leaving,
            digest=self.digest,
            macs=self.macs,
            age=self.age,
            pings=self.pings,
        )

    def repeats(self, earlier: "Beat") -> bool:
        """Whether it says what an earlier one of its sender said, but for what it has taken in."""
        if self._lasting() != earlier._lasting() or len(self.acks) != len(earlier.acks):
            return False
        for node, ack in self.acks.items():
            before = earlier.acks.get(node)
            if before is None or (before.hears, before.life) != (ack.hears, ack.life):
                return False
        return True

    def _lasting(self) -> tuple[object, ...]:
        """Return what is the same in most beats; a tuple compares what is identical at once."""
        return (
            self.groups,
            self.life,
            self.word,
            self.lease,
            self.version,
            self.leaving,
            self.digest,
            self.macs,
            self.pings,
            self.standby,
            self.maintenance,
            self.unclean,
        )
