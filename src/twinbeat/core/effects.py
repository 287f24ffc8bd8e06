"""Effects: the orders the core gives. The shell performs them in the order of the list."""

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum

from .beat import Beat, Life, Switch
from .model import GroupSpec
from .records import Request
from .units import GroupName, Instant, NodeName
from .value import value


@value()
class SendBeat:
    """Send this heartbeat on every link, now."""

    beat: Beat


@value()
class SendMessage:
    """Send a message of Heartbeat's own protocol on every link, now."""

    fields: tuple[tuple[str, str], ...]
    """What is particular to it, in order, the type `t` included."""
    seq: int
    """Its place among this node's beats and messages; 0: it has none (the `NS_` messages)."""
    generation: int
    """Of this node's present life."""


@value()
class SendAgain:
    """Send the beat or message of that number once more, as it was."""

    seq: int


@value()
class ClearGroup:
    """Probe every resource of the group and stop what runs; answered like `StopGroup`.

    With `adopt`, and when all of it but the addresses is found running, nothing is stopped and the
    answer is `GroupFound`.
    """

    op: int
    spec: GroupSpec
    adopt: bool = False


@value()
class StartGroup:
    """Start the resources left to right; an address speaks from its start on, under `Serve`."""

    op: int
    spec: GroupSpec
    until: Instant
    """What the peers said lets it begin before this instant only; then it is `GroupStartLate`."""


@value()
class StopGroup:
    """Stop the resources right to left, an address's lease element first of its own steps."""

    op: int
    group: GroupName


@value()
class RestartResources:
    """Stop these resources of a held group right to left, then start them left to right.

    The others stay as they are, and the group's addresses speak on. Answered by `GroupRestarted`
    or `GroupRestartFailed`; a newer order for the group makes it end early, without an answer.
    """

    op: int
    group: GroupName
    resources: tuple[str, ...]
    """In the order of the configuration."""


@value()
class Serve:
    """Let the group's addresses speak until an instant: the lease (protocol.md 2.6).

    It holds for the addresses that are up, and for those that come up before that instant.

    `create` false is a renewal and must fail on a lapsed element; true is the first write, or the
    first after a lapse. The timeout is computed from the clock at the write; a write that took
    longer than half the margin is undone at once. Failure comes back as `LeaseLapsed`.
    """

    group: GroupName
    until: Instant
    create: bool


@value()
class Silence:
    """Delete the group's lease elements at once; the addresses may stay for a moment."""

    group: GroupName


@value()
class Announce:
    """Tell the neighbours' caches again where the group's addresses are."""

    group: GroupName


@value()
class Obey:
    """Let the kernel end a lease when one of these hardware addresses announces its address.

    They are the peers': a successor's announcement silences a machine whose clock stood still.
    """

    macs: frozenset[bytes]


@value()
class ProveDead:
    """Have a peer's machine cut off by its fencing device, and make sure that it is.

    Answered by `PeerProvenDead` only when the device has confirmed that the machine was off after
    this order was given, else by `ProofFailed`; an order that is never answered counts as failed
    after `fencing.PATIENCE`. `life` is the one that is to end, for people and for tests: the proof
    is void when a later one is heard.
    """

    op: int
    node: NodeName
    life: Life


@value()
class AskArbiter:
    """Have the arbiter execute one transaction, at most once.

    Answered by `ArbiterAnswered`, or by `ArbiterFailed` when its outcome is not known.
    """

    op: int
    request: Request


@value()
class Remember:
    """Write what must survive this life: the switches, and the least generation of the next."""

    standby: Mapping[NodeName, Switch]
    maintenance: Mapping[NodeName, Switch]
    generation: int


@value()
class Reply:
    """Answer an operator's request; `refused` is the reason, or None when it was taken."""

    request: int
    refused: str | None = None


@value()
class Leave:
    """Everything is told: end the daemon. `clean` false: something could not be stopped."""

    clean: bool


class What(StrEnum):
    """The kinds of journal entries."""

    NODE_STARTED = "node started"
    NODE_ACTIVE = "node active"
    NODE_LEAVING = "node leaving"
    NODE_LEFT = "node left"
    NODE_STALLED = "node stalled"
    PEER_HEARD = "peer heard"
    PEER_STATUS = "peer status"
    PEER_ALIVE = "peer alive"
    PEER_DEAF = "peer deaf"
    PEER_LATE = "peer late"
    PEER_LATE_BEAT = "peer late beat"
    PEER_DEAD = "peer dead"
    PEER_RETURNED = "peer returned"
    PEER_RESTARTED = "peer restarted"
    PEER_LEFT = "peer left"
    LINK_UP = "link up"
    LINK_DEAD = "link dead"
    PING_ANSWERS = "ping node answers"
    PING_DEAD = "ping node dead"
    PEER_CONNECTIVITY = "peer connectivity"
    OWN_LINK_UP = "own link up"
    OWN_LINK_DOWN = "own link down"
    GROUP_PLACED = "group placed"
    GROUP_CLAIMING = "group claiming"
    GROUP_CLAIM_ENDED = "group claim ended"
    GROUP_STARTING = "group starting"
    GROUP_HELD = "group held"
    GROUP_STOPPING = "group stopping"
    GROUP_STOPPED = "group stopped"
    GROUP_UNCLEAN = "group unclean"
    GROUP_FAILED = "group failed"
    """Evidence: `resource`; `barred_ms`, how long this node is barred, and `times`, how often it
    was so far without a long good time in between."""
    GROUP_RESTARTING = "group restarting"
    """Evidence: `resource`, that failed; `attempt`, `of`, `window_ms`; and `restarts`, those that
    are restarted."""
    GROUP_RESTARTED = "group restarted"
    """Evidence: `restarts`, and `took_ms`."""
    GROUP_FOUND = "group found"
    """Evidence: `adopted`, whether it is kept."""
    GROUP_NOWHERE = "group runs nowhere"
    RESOURCE_LOOKED = "resource looked at"
    """A bad look that is not a failure yet; evidence: `resource`."""
    RESOURCE_SOUND = "resource sound"
    """After bad looks; evidence: `resource`."""
    BAR_ENDED = "bar ended"
    FAILURES_CLEARED = "failures cleared"
    """Evidence: `barred`, whether this node was, and `failures`, how often by resource."""
    GROUP_MET = "group met"
    GROUP_DARK = "group dark"
    GROUP_LIT = "group lit"
    PEER_GROUP = "peer group"
    PIN_CHANGED = "pin changed"
    STANDBY_CHANGED = "standby changed"
    MAINTENANCE_CHANGED = "maintenance changed"
    CLEANED_UP = "cleaned up"
    CONVERSATION = "conversation"
    CONFIG_DIFFERS = "config differs"
    CONFIG_CHANGED = "config changed"
    FENCING_BARRED = "fencing barred"
    FENCING_ORDERED = "fencing ordered"
    FENCING_CONFIRMED = "fencing confirmed"
    FENCING_FAILED = "fencing failed"
    FENCING_VOID = "fencing void"
    ARBITER_BACK = "arbiter back"
    ARBITER_AWAY = "arbiter away"
    ARBITER_FAILED = "arbiter failed"
    NODE_REGISTERED = "node registered"
    NODE_DEPOSED = "node deposed"
    NODE_REBORN = "node reborn"
    PEER_DEPOSED = "peer deposed"
    GROUP_RECORD = "group record"


@value()
class Record:
    """Put a decision into the journal, with its cause and the numbers it rests on.

    The shell adds the instant, the wall-clock time and the node's name.
    """

    what: What
    because: str
    group: GroupName | None = None
    peer: NodeName | None = None
    evidence: Mapping[str, object] = field(default_factory=dict)


Effect = (
    SendBeat | SendMessage | SendAgain | ClearGroup | StartGroup | StopGroup | RestartResources
    | Serve | Silence | Announce | Obey | ProveDead | AskArbiter | Remember | Reply | Leave | Record
)  # fmt: skip

_FIRST_TO_LAST: tuple[type, ...] = (
    Silence, Serve, SendBeat, SendMessage, SendAgain, AskArbiter, Announce, RestartResources,
    StopGroup, StartGroup, ProveDead, ClearGroup, Obey, Remember, Reply, Record, Leave,
)  # fmt: skip
_ORDER = {kind: rank for rank, kind in enumerate(_FIRST_TO_LAST)}


def rank(effect: Effect) -> int:
    """Return the place of an order among those of one event: by this they are sorted.

    What silences comes first, then what serves, then what is said, then all that may take long.
    """
    return _ORDER[type(effect)]
