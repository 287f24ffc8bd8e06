"""Events: the facts the core is told. Values, past participles; an illegal one cannot exist."""

from collections.abc import Mapping

from .beat import Beat
from .model import ClusterModel
from .records import Records
from .units import GroupName, LinkName, NodeName
from .value import value


@value()
class Started:
    """The first event of a life: the kernel is silent for every virtual IP, nothing was sent."""


@value()
class BeatReceived:
    """An authenticated heartbeat that is no replay arrived on a link (or its copy on another)."""

    beat: Beat
    link: LinkName


@value()
class MessageReceived:
    """An authenticated message came of a peer that speaks Heartbeat's own protocol and no more.

    Copies and recordings come in as well: whoever talks to that peer keeps track of the numbers.
    """

    node: NodeName
    kind: str
    """Heartbeat's `t`: `status`, `resource`, `NS_ackmsg` ..."""
    generation: int
    seq: int
    """0: it has no number (the `NS_` messages)."""
    fields: Mapping[str, str]
    """The other fields that are texts, by their names."""
    link: LinkName


@value()
class TimePassed:
    """Every packet received so far was handed over: deadlines may lapse now."""


@value()
class LinkChanged:
    """An own link came up or went down."""

    link: LinkName
    up: bool
    why: str


@value()
class PingAnswered:
    """A ping node answered an echo that this life of this node sent it not long ago."""

    node: NodeName


@value()
class GroupStarted:
    """Every resource of the group runs; answers `StartGroup`."""

    op: int
    group: GroupName


@value()
class GroupStartFailed:
    """A resource did not start; the rest may be running; answers `StartGroup`."""

    op: int
    group: GroupName
    resource: str
    why: str


@value()
class GroupStartLate:
    """The start was ordered in time and not begun in time: nothing runs; answers `StartGroup`."""

    op: int
    group: GroupName


@value()
class GroupStopped:
    """Nothing of the group runs here any more; answers `StopGroup` and `ClearGroup`."""

    op: int
    group: GroupName


@value()
class GroupStopFailed:
    """A resource may still be running; answers `StopGroup` and `ClearGroup`."""

    op: int
    group: GroupName
    resource: str
    why: str


@value()
class GroupFound:
    """All of the group but its addresses runs here already; answers `ClearGroup` with `adopt`.

    Nothing was touched. Its addresses are silent.
    """

    op: int
    group: GroupName


@value()
class GroupRestarted:
    """The resources run again; answers `RestartResources`."""

    op: int
    group: GroupName


@value()
class GroupRestartFailed:
    """A resource did not stop, or did not start again; answers `RestartResources`."""

    op: int
    group: GroupName
    resource: str
    why: str
    stuck: bool
    """It did not stop, and may still be running; false: it is stopped, and did not start."""


@value()
class ResourceLooked:
    """A resource of a held group was looked at, and the answer is worth telling.

    Every bad look is, and after a start or a bad look the first `rise` good ones are.
    """

    group: GroupName
    resource: str
    running: bool
    why: str = ""
    """Why it counts as not running, for a person."""
    sure: bool = False
    """The system itself told of its death (a process ended, a unit failed, an address went)."""


@value()
class LeaseLapsed:
    """The kernel no longer holds the lease element, or it could not be written."""

    group: GroupName
    why: str


@value()
class GuardChanged:
    """What holds the lease in this kernel: `nft`, `valid_lft` or `none`."""

    kind: str


@value()
class PeerProvenDead:
    """The fencing device confirmed that the peer was off after the order; answers `ProveDead`."""

    op: int
    node: NodeName


@value()
class ProofFailed:
    """The peer may still be running; answers `ProveDead`."""

    op: int
    node: NodeName
    why: str


@value()
class ArbiterAnswered:
    """The transaction was executed, or refused by its condition; answers `AskArbiter`.

    `records` are those right after it, whether or not it was `done`.
    """

    op: int
    done: bool
    records: Records


@value()
class ArbiterFailed:
    """No reply came: the transaction was executed or was not; answers `AskArbiter`."""

    op: int
    why: str


@value()
class HardwareChanged:
    """The hardware addresses of the interfaces that this node's virtual IPs are on, or come to."""

    macs: frozenset[bytes]


@value()
class HandoverRequested:
    """An operator wants the group on a node (None: on any other candidate), pinned there."""

    request: int
    group: GroupName
    to: NodeName | None


@value()
class FailbackRequested:
    """An operator lifts the pin and wants the group on its preferred owner."""

    request: int
    group: GroupName


@value()
class StandbyRequested:
    """An operator takes a node out of service, or back in; kept over restarts."""

    request: int
    node: NodeName
    on: bool


@value()
class MaintenanceRequested:
    """An operator freezes one node's groups, or all (`beat.CLUSTER`)."""

    request: int
    node: NodeName
    on: bool


@value()
class CleanupRequested:
    """An operator vouches for a group on a node: failed and unclean marks are lifted.

    For this node the group is probed and stopped again; for a silent peer the operator confirms
    that nothing of the group runs there.
    """

    request: int
    group: GroupName
    node: NodeName


@value()
class ClearRequested:
    """An operator has failures forgotten, and bars that they led to: of one group, or of all."""

    request: int
    group: GroupName | None


@value()
class ConfirmRequested:
    """An operator vouches that a node is off: nothing of any group runs there."""

    request: int
    node: NodeName


@value()
class ModelChanged:
    """The configuration was read again and is valid; groups that did not change do not move."""

    model: ClusterModel


@value()
class ShutdownRequested:
    """Release everything, tell the peers, then leave."""


Event = (
    Started | BeatReceived | MessageReceived | TimePassed | LinkChanged | PingAnswered
    | GroupStarted | GroupStartFailed | GroupStartLate | GroupStopped | GroupStopFailed
    | GroupFound | GroupRestarted | GroupRestartFailed | ResourceLooked
    | LeaseLapsed | GuardChanged | HardwareChanged
    | PeerProvenDead | ProofFailed | ArbiterAnswered | ArbiterFailed
    | HandoverRequested | FailbackRequested | StandbyRequested | MaintenanceRequested
    | CleanupRequested | ClearRequested | ConfirmRequested | ModelChanged | ShutdownRequested
)  # fmt: skip
