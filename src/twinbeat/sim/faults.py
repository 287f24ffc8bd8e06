"""Everything that may go wrong in a run: the kinds of faults, and one fault as data.

A fault is drawn before the run begins (`schedule`) and done to the world by `injector`. Being
data, it can be printed, left out and played again: that is all that shrinking needs.
"""

from dataclasses import dataclass
from enum import StrEnum

from twinbeat.core.units import MS, SECOND, Duration, NodeName


class FaultKind(StrEnum):
    """What goes wrong; the value is what people read. After the colon: what `size` means."""

    # The wires. `nodes` is the path (sender, receiver), or the nodes that are cut off.
    LOSS = "loss"
    """Packets of a path are lost: in per cent."""
    DELAY = "delay"
    """Packets of a path come late: by up to so many milliseconds, so that they overtake."""
    DUPLICATES = "duplicates"
    """Packets of a path arrive again, up to seconds later: in per cent."""
    CLOG = "clog"
    """A path holds everything back and lets it go at once at the end."""
    CUT_PATH = "cut path"
    """One direction between two nodes is cut."""
    CUT_PAIR = "cut pair"
    """Both directions between two nodes are cut."""
    ISOLATE = "isolate"
    """One node is cut from all others, both ways."""
    MUTE = "mute"
    """One node is heard by nobody, but hears."""
    DEAFEN = "deafen"
    """One node hears nobody, but is heard."""
    SPLIT = "split"
    """`nodes` and the rest are cut from each other."""
    SPLIT_ONE_WAY = "split one way"
    """The rest does not hear `nodes`, which hear the rest."""

    # The machines.
    POWER_OFF = "power off"
    """The machine is dark for the span, then boots."""
    KILL = "kill"
    """The daemon is killed; the kernel lives on; a new daemon comes after the span."""
    RESTART = "restart"
    """The daemon is shut down cleanly, and comes again after the span."""
    FREEZE = "freeze"
    """The daemon gets no processor time for the span."""
    FREEZE_BEFORE_RENEWAL = "freeze before renewal"
    """It freezes just after its heartbeat went out, before the lease is renewed."""
    FREEZE_BEFORE_WRITE = "freeze before write"
    """It freezes when a lease is reckoned and not yet written into the kernel."""
    PAUSE = "pause"
    """The whole machine stands still, its clock and its kernel's timers too."""
    DRIFT = "drift"
    """The clock's rate changes: in parts per million, of either sign."""
    FORGET = "forget"
    """The daemon is killed and its kept state is lost."""
    SNAPSHOT = "snapshot"
    """The machine is put back to what it kept at the start of the faulty part, and boots."""

    # The agents.
    SLOW_AGENTS = "slow agents"
    """Starts and stops take longer: so many times."""
    START_FAILS = "start fails"
    """No group starts on the node."""
    START_HANGS = "start hangs"
    """A start gives no answer while it lasts."""
    STOP_FAILS = "stop fails"
    """A group on the node stops by half."""
    STOP_HANGS = "stop hangs"
    """A stop gives no answer while it lasts."""
    RESOURCE_DIES = "resource dies"
    """A resource of every group ends, and it is noticed at once; `size` counts from the right."""
    LEASE_LOST = "lease lost"
    """The kernel loses the lease elements, as when somebody flushes its rules."""

    # Fencing and the arbiter.
    FENCING_FAILS = "fencing fails"
    """The device says that it could not."""
    FENCING_HANGS = "fencing hangs"
    """The device says nothing."""
    FENCING_HANGS_LATE = "fencing hangs late"
    """The device cuts the power and says nothing."""
    FENCING_LIES = "fencing lies"
    """The device says `off` and has done nothing."""
    ARBITER_SLOW = "arbiter slow"
    """The store answers late: by up to so many milliseconds."""
    ARBITER_DOWN = "arbiter down"
    """The store answers nobody."""
    ARBITER_CUT = "arbiter cut"
    """The node's requests may be carried out, their answers are lost."""

    # The people.
    HANDOVER = "handover"
    """A handover is ordered; `size` counts the groups."""
    FAILBACK = "failback"
    """A failback is ordered; `size` counts the groups."""
    STANDBY = "standby"
    """A node is in standby for the span."""
    MAINTENANCE = "maintenance"
    """A node, or with no node the cluster, is in maintenance for the span."""
    CLEANUP = "cleanup"
    """A cleanup is ordered for every group on the node."""
    RELOAD_TIMERS = "reload timers"
    """Node by node, the timers change: to so many per cent."""
    RELOAD_GROUPS = "reload groups"
    """Node by node, a group is added."""
    RELOAD_RESOURCES = "reload resources"
    """Node by node, the resources of a group change; `size` counts the groups."""

    # The attacker on the wire, who has no key.
    FORGERY = "forgery"
    """Packets with flipped bits, cut short, of garbage or with a wrong key: so many."""
    REPLAY = "replay"
    """Recorded packets of the node, of this life and of earlier ones: so many."""

    # The world outside. It stands here, so that what a seed draws of the others is as it was.
    PING_LOST = "ping lost"
    """The answers of a ping node, or of all (0), do not reach the node: the number of it."""

    # More of the agents, and of the people (`care`).
    RESOURCE_DIES_UNSEEN = "resource dies unseen"
    """A resource of every group ends, and the next look finds it; `size` counts from the right."""
    RESOURCE_LOOKS_BAD = "resource looks bad"
    """Looks at a running resource are bad for the span; `size` counts from the right."""
    RESOURCE_DIES_AGAIN = "resource dies again"
    """Resources end now, and for the span again after every start: in so many milliseconds."""
    RESOURCE_COMES_BACK = "resource comes back"
    """A resource ends unseen, and runs again by itself; `size` counts from the right."""
    RESTART_FAILS = "restart fails"
    """A resource ends, and so many restarts in place of it fail."""
    RESTART_HANGS = "restart hangs"
    """A resource ends, and starts give no answer for the span."""
    RESTART_STOP_FAILS = "restart's stop fails"
    """A resource ends, and stops fail for the span."""
    ENABLED_AT_BOOT = "enabled at boot"
    """The machine is dark for the span; what its groups consist of runs when it boots."""
    CLEAR = "clear"
    """An operator has failures forgotten; `size` counts the groups, one more is all of them."""
    CONFIRM = "confirm"
    """An operator confirms at the first node that the second is off, if it is off or heard."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a schedule."""

    number: int
    """Unique within the schedule, from 1; it stays when other faults are left out."""
    kind: FaultKind
    at: Duration
    """From the start of the faulty part."""
    span: Duration
    """How long it lasts; 0 for what happens at once."""
    nodes: tuple[NodeName, ...]
    size: int = 0

    def __str__(self) -> str:
        """Return `#3 at 12.500 s freeze node1 for 2.1 s`."""
        where = " ".join([str(self.kind), *self.nodes])
        size = f" ({self.size})" if self.size else ""
        span = f" for {self.span // MS / 1000:g} s" if self.span else ""
        return f"#{self.number} at {self.at / SECOND:.3f} s {where}{size}{span}"
