"""Verbs for what befalls resources, their agents and a kernel, and for an attacker on the wire.

Like in `steps`, a class is a verb.
"""

from dataclasses import dataclass

from twinbeat.core.units import GroupName, NodeName

from .steps import Step
from .values import Path


@dataclass(frozen=True, slots=True)
class Break(Step):
    """Let every start, or every stop, of a group fail on a node."""

    usage = "break start|stop GROUP on NODE"
    verb: str
    group: GroupName
    node: NodeName


@dataclass(frozen=True, slots=True)
class Hang(Step):
    """Let every start, or every stop, of a group hang on a node, until its timeout or `mend`."""

    usage = "hang start|stop GROUP on NODE"
    verb: str
    group: GroupName
    node: NodeName


@dataclass(frozen=True, slots=True)
class BreakRestarts(Step):
    """Let so many restarts in place find on a node that the last resource does not start."""

    usage = "break-restarts NUMBER on NODE"
    times: int
    node: NodeName


@dataclass(frozen=True, slots=True)
class Mend(Step):
    """Let every start, stop, restart and look succeed again, everywhere."""

    usage = "mend"


@dataclass(frozen=True, slots=True)
class Fail(Step):
    """Let a resource of the group end on a node, the last one if none is named.

    The system itself tells of it, unless it is `unseen`: then the next look finds it. In the
    laboratory httpd is killed.
    """

    usage = "fail GROUP on NODE [resource=TEXT] [unseen=SWITCH]"
    group: GroupName
    node: NodeName
    resource: str = ""
    unseen: bool = False


@dataclass(frozen=True, slots=True)
class Revive(Step):
    """Let a group's resources, but for addresses, come to run by themselves on a node.

    As those do that are enabled at boot, or that something else has started.
    """

    usage = "revive GROUP on NODE"
    group: GroupName
    node: NodeName


@dataclass(frozen=True, slots=True)
class Looks(Step):
    """Let looks at a group's last resource be bad on a node although it runs, or good again."""

    usage = "looks bad|good GROUP on NODE"
    verb: str
    group: GroupName
    node: NodeName


@dataclass(frozen=True, slots=True)
class Kernel(Step):
    """Let a node's kernel drop the group's lease, or refuse it from now on, or accept it again."""

    usage = "kernel drops|refuses|accepts GROUP on NODE"
    verb: str
    group: GroupName
    node: NodeName


@dataclass(frozen=True, slots=True)
class RecordBeat(Step):
    """Record the heartbeat that a node sent last, as anybody on the wire can.

    The recording outlasts the node's life, and takes the place of an earlier one.
    """

    usage = "record NODE"
    node: NodeName


@dataclass(frozen=True, slots=True)
class ReplayBeat(Step):
    """Play the recording of the first node to the second: no cut keeps it away."""

    usage = "replay PATH"
    path: Path
