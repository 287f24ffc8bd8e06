"""Every verb of the language: its usage, its meaning, and the step that a line of it becomes.

A class is a verb; its docstring is what the manual says of it, its fields are the values of the
line, those that may be left out last.
"""

from dataclasses import dataclass
from typing import ClassVar

from twinbeat.core.model import Failback, Proof
from twinbeat.core.units import Duration, GroupName, NodeName

from .values import Path, Relation

Nodes = tuple[NodeName, ...]
Paths = tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """What one line says."""

    usage: ClassVar[str]


# The cluster and time.


@dataclass(frozen=True, slots=True)
class Cluster(Step):
    """Build a new cluster, in which nothing runs yet.

    What is not said stays as it was; at first: two nodes, one group `web` with the script `httpd`,
    keepalive 200 ms, deadtime 1 s, initdead 2 s, failback on, silence as proof of death. The
    warntime is half the deadtime. Groups prefer `node1`, `node2` ... in turn. With ping nodes,
    `ping1`, `ping2` ..., groups go where more of them answer. The groups of `resources` have
    several, those of `relations` keep to others. The rest is what `cluster.toml` calls so.
    """

    usage = (
        "cluster [nodes=NODES] [groups=GROUPS] [keepalive=SPAN] [deadtime=SPAN] [initdead=SPAN]"
        " [failback=FAILBACK] [script=SCRIPT] [proof=PROOF] [startup-fencing=SWITCH] [pings=PINGS]"
        " [resources=RESOURCES] [relations=RELATIONS] [monitor=SPAN] [fall=NUMBER] [rise=NUMBER]"
        " [restarts=NUMBER] [window=SPAN] [expiry=SPAN] [timeout=SPAN]"
    )
    nodes: int | None = None
    groups: int | None = None
    keepalive: Duration | None = None
    deadtime: Duration | None = None
    initdead: Duration | None = None
    failback: Failback | None = None
    script: str | None = None
    proof: Proof | None = None
    startup_fencing: bool | None = None
    pings: int | None = None
    resources: tuple[str, ...] | None = None
    relations: tuple[Relation, ...] | None = None
    monitor: Duration | None = None
    fall: int | None = None
    rise: int | None = None
    restarts: int | None = None
    window: Duration | None = None
    expiry: Duration | None = None
    timeout: Duration | None = None


@dataclass(frozen=True, slots=True)
class Reload(Step):
    """Have nodes read a changed configuration; the others keep theirs.

    What is not said is as the last `cluster` has it.
    """

    usage = (
        "reload NODE... [groups=GROUPS] [keepalive=SPAN] [deadtime=SPAN] [initdead=SPAN]"
        " [failback=FAILBACK] [script=SCRIPT] [monitor=SPAN] [fall=NUMBER] [rise=NUMBER]"
    )
    nodes: Nodes
    groups: int | None = None
    keepalive: Duration | None = None
    deadtime: Duration | None = None
    initdead: Duration | None = None
    failback: Failback | None = None
    script: str | None = None
    monitor: Duration | None = None
    fall: int | None = None
    rise: int | None = None


@dataclass(frozen=True, slots=True)
class Run(Step):
    """Let time pass."""

    usage = "run SPAN"
    span: Duration


# Nodes and cables.


@dataclass(frozen=True, slots=True)
class ToNodes(Step):
    """What is done to nodes, one after the other."""

    nodes: Nodes


@dataclass(frozen=True, slots=True)
class Boot(ToNodes):
    """Start the daemon, on a machine that gets its power back if it had none."""

    usage = "boot NODE..."


@dataclass(frozen=True, slots=True)
class Shutdown(ToNodes):
    """Ask the daemon to release everything, to say goodbye and to end; nobody waits for it."""

    usage = "shutdown NODE..."


@dataclass(frozen=True, slots=True)
class PowerOff(ToNodes):
    """Take the machine's power: every process, every address, every cable at once."""

    usage = "power-off NODE..."


@dataclass(frozen=True, slots=True)
class Kill(ToNodes):
    """Kill the daemon; what it managed, and the kernel with its leases, live on."""

    usage = "kill NODE..."


@dataclass(frozen=True, slots=True)
class Freeze(ToNodes):
    """Stop the daemon where it stands; what it manages, and the kernel with its leases, live on."""

    usage = "freeze NODE..."


@dataclass(frozen=True, slots=True)
class Thaw(ToNodes):
    """Let a frozen daemon go on."""

    usage = "thaw NODE..."


@dataclass(frozen=True, slots=True)
class Pause(ToNodes):
    """Let the whole machine stand still, its clock and its kernel's timers too."""

    usage = "pause NODE..."


@dataclass(frozen=True, slots=True)
class Resume(ToNodes):
    """Let a paused machine go on, as if no time had passed."""

    usage = "resume NODE..."


@dataclass(frozen=True, slots=True)
class Forget(ToNodes):
    """Lose the file in which a node keeps its generation and its switches."""

    usage = "forget NODE..."


@dataclass(frozen=True, slots=True)
class Install(Step):
    """Have another program as a node's daemon from its next start on, on the same files."""

    usage = "install twinbeat|heartbeat on NODE"
    program: str
    node: NodeName


@dataclass(frozen=True, slots=True)
class PingLost(ToNodes):
    """Let nodes get no answer from any ping node, or from that of this number."""

    usage = "ping-lost NODE... [only=NUMBER]"
    only: int | None = None


@dataclass(frozen=True, slots=True)
class PingBack(ToNodes):
    """Let nodes get the answers of all ping nodes again."""

    usage = "ping-back NODE..."


@dataclass(frozen=True, slots=True)
class Cut(Step):
    """Cut everything between nodes, one way or both: no frame passes on any link."""

    usage = "cut CABLE..."
    cables: tuple[Paths, ...]


@dataclass(frozen=True, slots=True)
class Heal(Step):
    """Mend what was cut; with no word, everything."""

    usage = "heal [CABLE...]"
    cables: tuple[Paths, ...] = ()


@dataclass(frozen=True, slots=True)
class Lose(Step):
    """Lose some of the next heartbeats of one direction; behind the last one all arrive again."""

    usage = "lose PATH LOSSES"
    path: Path
    fates: str


# An operator's commands.


@dataclass(frozen=True, slots=True)
class Command(Step):
    """What an operator asks of a daemon: of `at`, else of the first that runs."""


@dataclass(frozen=True, slots=True)
class Handover(Command):
    """Move a group to a node, or to any other, and pin it there."""

    usage = "handover NAME [to=NAME] [at=NODE]"
    group: GroupName
    to: NodeName | None = None
    at: NodeName | None = None


@dataclass(frozen=True, slots=True)
class FailBack(Command):
    """Lift a group's pin and move it to its preferred owner."""

    usage = "failback NAME [at=NODE]"
    group: GroupName
    at: NodeName | None = None


@dataclass(frozen=True, slots=True)
class Standby(Command):
    """Take a node out of service, or back in."""

    usage = "standby NAME on|off [at=NODE]"
    node: NodeName
    switch: str
    at: NodeName | None = None


@dataclass(frozen=True, slots=True)
class Maintenance(Command):
    """Leave a node's groups alone whatever happens, or no longer; with no node, everybody's."""

    usage = "maintenance on|off [NODE] [at=NODE]"
    switch: str
    node: NodeName | None = None
    at: NodeName | None = None


@dataclass(frozen=True, slots=True)
class Cleanup(Command):
    """Vouch that nothing of a group is left running on a node, so that it may run there again."""

    usage = "cleanup GROUP NODE [at=NODE]"
    group: GroupName
    node: NodeName
    at: NodeName | None = None


@dataclass(frozen=True, slots=True)
class Clear(Command):
    """Have failures and what they led to forgotten on every node, of one group or of all."""

    usage = "clear [NAME] [at=NODE]"
    group: GroupName | None = None
    at: NodeName | None = None


@dataclass(frozen=True, slots=True)
class Confirm(Command):
    """Vouch that a node is off: nothing of any group runs there."""

    usage = "confirm NAME [at=NODE]"
    node: NodeName
    at: NodeName | None = None


# What fences, and what judges.


@dataclass(frozen=True, slots=True)
class Device(Step):
    """Say how a node's fencing device behaves; `lies` confirms what it did not do."""

    usage = "device works|fails|hangs|lies NODE"
    manner: str
    node: NodeName


@dataclass(frozen=True, slots=True)
class Devices(Step):
    """Say whether a fenced node gets its power back at once and boots, or stays off."""

    usage = "devices reboot|stay"
    way: str


@dataclass(frozen=True, slots=True)
class Arbiter(Step):
    """Take the arbiter out of reach of everybody, or bring it back."""

    usage = "arbiter is down|up"
    state: str


@dataclass(frozen=True, slots=True)
class ArbiterSlow(Step):
    """Let every way to the arbiter, and back, take this much longer."""

    usage = "arbiter slow SPAN"
    span: Duration


@dataclass(frozen=True, slots=True)
class ArbiterLoses(Step):
    """Lose a node's requests to the arbiter before they are carried out, or the replies after."""

    usage = "arbiter loses request|reply|nothing NODE"
    what: str
    node: NodeName


@dataclass(frozen=True, slots=True)
class Tell(Step):
    """Tell a daemon the outcome of an order, by the order's number: also one that is too late."""

    usage = "tell NODE OUTCOME NAME [op=NUMBER]"
    node: NodeName
    outcome: str
    group: GroupName
    op: int = 0


# What is printed, in transcripts.


@dataclass(frozen=True, slots=True)
class Matrix(Step):
    """Print what each node says of each group and believes of each peer, a row for a node."""

    usage = "matrix"


@dataclass(frozen=True, slots=True)
class ShowStatus(Step):
    """Print the status that a node would give."""

    usage = "status NODE"
    node: NodeName


@dataclass(frozen=True, slots=True)
class ShowWhy(Step):
    """Print why a group is where it is, as a node would tell it; the world begins at midnight."""

    usage = "why GROUP NODE"
    group: GroupName
    node: NodeName


@dataclass(frozen=True, slots=True)
class Serving(Step):
    """Print who answers for each group, and for how long two nodes did at once."""

    usage = "serving"
