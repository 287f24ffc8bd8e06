"""Which fault or command can have brought about a move, by the sentence that the journal gives.

The journal says why a node claimed a group. Each sentence names what must have happened, and to
whom: who *is dead* must have been stopped, or not been heard; who *left* was restarted; and so on.
Here the sentence is read again, and held against the kind of a fault and the nodes that it hit.
"""

from collections.abc import Set
from dataclasses import dataclass

from twinbeat.core.units import GroupName, NodeName
from twinbeat.sim.faults import Fault, FaultKind

MOVES_NOTHING = frozenset({
    FaultKind.FORGERY, FaultKind.REPLAY, FaultKind.DUPLICATES, FaultKind.DRIFT,
    FaultKind.RELOAD_TIMERS,
})  # fmt: skip
"""What no move may ever come from."""

REPEATING = frozenset({
    FaultKind.LOSS, FaultKind.DELAY, FaultKind.CLOG, FaultKind.CUT_PATH, FaultKind.CUT_PAIR,
    FaultKind.ISOLATE, FaultKind.MUTE, FaultKind.DEAFEN, FaultKind.SPLIT, FaultKind.SPLIT_ONE_WAY,
    FaultKind.ARBITER_SLOW, FaultKind.ARBITER_DOWN, FaultKind.ARBITER_CUT, FaultKind.FENCING_FAILS,
    FaultKind.FENCING_HANGS, FaultKind.FENCING_HANGS_LATE, FaultKind.FENCING_LIES,
    FaultKind.SLOW_AGENTS, FaultKind.PING_LOST, FaultKind.RESOURCE_LOOKS_BAD,
    FaultKind.RESOURCE_DIES_AGAIN, FaultKind.RESTART_HANGS, FaultKind.START_FAILS,
    FaultKind.START_HANGS,
})  # fmt: skip
"""What goes on for a while, and may drive a group away more than once in it."""

FOUND = "all of it but its addresses ran here already"
"""How a journal tells of what a new daemon found running."""

_STOPS = frozenset({
    FaultKind.POWER_OFF, FaultKind.KILL, FaultKind.RESTART, FaultKind.FREEZE,
    FaultKind.FREEZE_BEFORE_RENEWAL, FaultKind.FREEZE_BEFORE_WRITE, FaultKind.PAUSE,
    FaultKind.FORGET, FaultKind.SNAPSHOT, FaultKind.ENABLED_AT_BOOT,
})  # fmt: skip
"""What stops a daemon, for a while at least."""

_ON_A_PATH = frozenset({FaultKind.LOSS, FaultKind.DELAY, FaultKind.CLOG, FaultKind.CUT_PATH})
_BETWEEN_ALL = frozenset({
    FaultKind.ISOLATE, FaultKind.MUTE, FaultKind.DEAFEN, FaultKind.SPLIT, FaultKind.SPLIT_ONE_WAY,
})  # fmt: skip
"""What comes between a node and every other: who is not heard by one releases to another."""
_COMMANDS = frozenset({FaultKind.HANDOVER, FaultKind.FAILBACK, FaultKind.MAINTENANCE})
"""What an operator moves a group by; a move that waited for the end of maintenance comes then."""
FAILURES = frozenset({
    FaultKind.START_FAILS, FaultKind.START_HANGS, FaultKind.RESOURCE_DIES,
    FaultKind.RESOURCE_DIES_UNSEEN, FaultKind.RESOURCE_LOOKS_BAD, FaultKind.RESOURCE_DIES_AGAIN,
    FaultKind.RESOURCE_COMES_BACK, FaultKind.RESTART_FAILS, FaultKind.RESTART_HANGS,
    FaultKind.RESTART_STOP_FAILS,
})  # fmt: skip
"""What makes a group fail where it runs or starts."""
_OF_ONE_GROUP = frozenset({FaultKind.HANDOVER, FaultKind.FAILBACK, FaultKind.RELOAD_RESOURCES})
"""What concerns the group of the index `size` alone."""


@dataclass(frozen=True, slots=True)
class Move:
    """A start, as the starter's journal explains it."""

    group: GroupName
    indices: frozenset[int]
    """The group's place in the configuration, and those of the groups that it keeps to."""
    node: NodeName
    """Who starts it."""
    peers: tuple[NodeName, ...]
    """Its peers, one of which the sentence may name."""
    because: str
    former: frozenset[NodeName]
    """Who owned it before, by the starter's journal; who started it last, and gave it to whom."""
    judges: frozenset[NodeName]
    """Whose not hearing counts: the starter, and who had somebody fenced."""
    unknown: NodeName | None
    """Who had started it last, when the starter claimed it and never heard that one own it."""
    again: bool
    """Whether who starts it was the last to start it as well."""
    failed: bool
    """Whether it failed there since."""

    @property
    def failback(self) -> bool:
        """Whether it only follows from an earlier move."""
        back = (f"failback to {self.node}, ", f"{self.node} is the preferred owner")
        return any(f" released it: {why}" in self.because for why in back)

    @property
    def homeward(self) -> bool:
        """Whether it may follow from an earlier move: somebody had not heard of what came before.

        The preferred owner claims a group, and did not know who has it; or an operator's order
        brings it back, of which who took it over did not know.
        """
        ordered = f" released it: an operator moved it to {self.node}" in self.because
        return ordered or self.because == f"nobody owns it; {self.node} is the preferred owner"

    def fits(self, fault: Fault) -> bool:
        """Whether a fault or command can have brought it about."""
        if fault.kind in MOVES_NOTHING:
            return False
        if fault.kind in _OF_ONE_GROUP and fault.size not in self.indices:
            return False
        if fault.kind is FaultKind.CLEANUP:  # It lifts a bar, whatever was said before.
            return self.node in fault.nodes
        if fault.kind is FaultKind.CLEAR:  # The same, on every node.
            return any(fault.size >= index for index in self.indices)
        if self.failed and fault.kind in FAILURES and self.node in fault.nodes:
            return True  # Its bar has ended: it is tried again, whatever was said of others.
        if self.because.startswith(FOUND):
            return self._leaves(fault)
        for peer in self.peers:
            if self.because.startswith(f"{peer} is dead"):
                return self._lost_it(fault) or self._unheard(self.former | {peer}, fault)
            if self.because.startswith(f"{peer} left the cluster"):
                left = fault.kind is FaultKind.RESTART and peer in fault.nodes
                return left or self._unheard(self.former - {peer}, fault)
            if self.because.startswith(f"it failed on {peer}"):
                failed = fault.kind in FAILURES and peer in fault.nodes
                return failed or self._ended_unknown(fault) or self._lost_it(fault)
            if self.because == f"{peer} released it: {peer} is in standby":
                return fault.kind is FaultKind.STANDBY and peer in fault.nodes
            if self.because == f"{peer} released it: {peer} is leaving":
                return fault.kind is FaultKind.RESTART and peer in fault.nodes
            if self.because.startswith(f"{peer} released it: an operator moved it"):
                return fault.kind in _COMMANDS
            if self.because.startswith(f"{peer} released it: {self.node} sees "):
                return fault.kind is FaultKind.PING_LOST
        told = ("nobody owns it; ", *(f"{peer} released it: " for peer in self.peers))
        return self.because.startswith(told) and self._concerns(fault)

    def _ended_unknown(self, fault: Fault) -> bool:
        """Whether it failed where the starter had not heard of it, or that node was not heard."""
        if self.unknown is None:
            return False
        failed = fault.kind in FAILURES and self.unknown in fault.nodes
        return failed or silences(fault, self.unknown, self.node)

    def _lost_it(self, fault: Fault) -> bool:
        """Whether its last starter was stopped, and starts it again: what was said is true still.

        Its new life may wait for a dead one's silence all the same, when it heard a recording.
        """
        return self.again and fault.kind in _STOPS and self.node in fault.nodes

    def _unheard(self, owners: Set[NodeName], fault: Fault) -> bool:
        """Whether another that had it is not heard, by who starts it or had somebody fenced.

        In a cut both sides take it over; and a claim may wait long for its proof.
        """
        others = owners - {self.node}
        return any(silences(fault, other, judge) for other in others for judge in self.judges)

    def _leaves(self, fault: Fault) -> bool:
        """Whether it left what was found to its finder: that restarted, or the owner lost it."""
        if fault.kind in _STOPS and self.node in fault.nodes:
            return True
        others = self.former - {self.node}
        if fault.kind in FAILURES or fault.kind is FaultKind.STANDBY:
            return not others.isdisjoint(fault.nodes)
        return any(silences(fault, other, self.node) for other in others)

    def _concerns(self, fault: Fault) -> bool:
        """Whether it hit who starts the group or who had it; some hit everybody."""
        if not fault.nodes or fault.kind in _COMMANDS or fault.kind in _BETWEEN_ALL:
            return True
        if fault.kind in FAILURES:  # They drive a group away; once it is cleaned up it comes back.
            away = self.node not in fault.nodes and not self.former.isdisjoint(fault.nodes)
            # Or it failed everywhere, and the bar of this node was the first to end.
            anew = self.node in fault.nodes and self.because.startswith("nobody owns it; ")
            return self.failback or away or anew
        return not (self.former | {self.node}).isdisjoint(fault.nodes)


def silences(fault: Fault, peer: NodeName, judge: NodeName) -> bool:
    """Whether a fault can keep a judge from hearing a peer."""
    kind, nodes = fault.kind, fault.nodes
    if kind in _STOPS or kind is FaultKind.MUTE:
        return peer in nodes
    if kind in _ON_A_PATH:
        return nodes == (peer, judge)
    if kind is FaultKind.CUT_PAIR:
        return set(nodes) == {peer, judge}
    if kind is FaultKind.ISOLATE:
        return peer in nodes or judge in nodes
    if kind is FaultKind.DEAFEN:
        return judge in nodes
    if kind is FaultKind.SPLIT:
        return (peer in nodes) != (judge in nodes)
    if kind is FaultKind.SPLIT_ONE_WAY:
        return peer in nodes and judge not in nodes
    return False
