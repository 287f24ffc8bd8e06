"""L2: nothing moves in a quiet cluster, and every move has one cause, used once, and its failback.

A move is a start; its reason is in the journal's record of the claim before it. A fault or command
may cause one start of a group by each node, and one failback of the group. Faults that last may
silence a node more than once: then each silence counts, told apart by the last beat taken in before
it. A cause is void when it has ended and the group has run in one place ever since for longer than
any consequence takes to come.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from twinbeat.core.effects import Record, What
from twinbeat.core.units import MS, NEVER, Duration, GroupName, Instant, NodeName
from twinbeat.sim.faults import Fault, FaultKind
from twinbeat.sim.node import Node
from twinbeat.sim.world import World

from .base import Checker, Phase
from .hearing import Hearing

DIFFERING = "moves while configurations differed"

_MOVES_NOTHING = frozenset({FaultKind.FORGERY, FaultKind.REPLAY, FaultKind.DUPLICATES})
_ORDERS = frozenset({FaultKind.HANDOVER, FaultKind.FAILBACK})
_GOODBYES = frozenset({FaultKind.RESTART})
_AGENTS = frozenset({
    FaultKind.SLOW_AGENTS, FaultKind.START_FAILS, FaultKind.START_HANGS, FaultKind.STOP_FAILS,
    FaultKind.STOP_HANGS, FaultKind.MONITOR_FAILS,
})  # fmt: skip
_SILENCES = frozenset(FaultKind) - _MOVES_NOTHING - _ORDERS - _AGENTS - {
    FaultKind.DRIFT, FaultKind.LEASE_LOST, FaultKind.CLEANUP, FaultKind.MAINTENANCE,
}  # fmt: skip

_REPEATING = frozenset({
    FaultKind.LOSS, FaultKind.DELAY, FaultKind.CLOG, FaultKind.CUT_PATH, FaultKind.CUT_PAIR,
    FaultKind.ISOLATE, FaultKind.MUTE, FaultKind.DEAFEN, FaultKind.SPLIT, FaultKind.SPLIT_ONE_WAY,
    FaultKind.ARBITER_SLOW, FaultKind.ARBITER_DOWN, FaultKind.ARBITER_CUT, FaultKind.FENCING_FAILS,
    FaultKind.FENCING_HANGS, FaultKind.FENCING_LIES, FaultKind.SLOW_AGENTS,
})  # fmt: skip
"""What goes on for a while, and may silence a node more than once in it."""

_REASONS = (
    ("failback to", frozenset(FaultKind) - _MOVES_NOTHING),
    ("an operator moved it", frozenset(FaultKind) - _MOVES_NOTHING),
    (" left the cluster", _GOODBYES),
    (" is dead", _SILENCES),
)
"""What a reason in the journal says, and the kinds of faults that bring it about.

A preference and a pin say only where a group goes; anything may have made it go there once more.
"""


@dataclass(slots=True)
class _Cause:
    """A fault or a command, and what it was used for."""

    number: int
    kind: FaultKind | None
    """None: the tidying up, which ends everything at once."""
    ended_at: Instant = NEVER
    used: set[object] = field(default_factory=set)


class Causes(Checker):
    """Matches every start with a cause."""

    name: ClassVar[str] = "L2 causes"

    def __init__(self, world: World, hearing: Hearing) -> None:
        super().__init__(world, hearing)
        self._phase = Phase.SETTLING
        self._causes: list[_Cause] = []
        self._claims: dict[tuple[NodeName, GroupName], str] = {}
        """Why a node claimed a group last."""
        self._unsettled_at: dict[GroupName, Instant] = {}
        """When the group last did not run in exactly one place."""
        self._running: dict[GroupName, set[NodeName]] = {}

    # What is seen.

    def enter(self, phase: Phase) -> None:
        """Learn how far the run is; that everything ends at once is a cause of its own."""
        self._phase = phase
        if phase is Phase.TIDYING:
            self._causes.append(_Cause(0, None))

    def injected(self, fault: Fault) -> None:
        """Take in a cause."""
        if fault.kind not in _MOVES_NOTHING:
            self._causes.append(_Cause(fault.number, fault.kind))

    def healed(self, fault: Fault) -> None:
        """Note that a cause has ended."""
        for cause in self._causes:
            if cause.number == fault.number:
                cause.ended_at = self.world.now

    def told(self, node: Node, record: Record) -> None:
        """Find the cause of a start by the reason for the claim before it."""
        if record.group is None:
            return
        if record.what is What.GROUP_CLAIMING:
            self._claims[node.name, record.group] = record.because
        elif record.what is What.GROUP_STARTING and self._phase is not Phase.SETTLING:
            self._judge(node, record.group)

    def kernel_changed(self, node: Node) -> None:
        """See where groups run."""
        for spec in node.model.groups:
            running = self._running.setdefault(spec.name, set())
            if node.kernel.runs(spec.name) == (node.name in running):
                continue
            if len(running) != 1:
                self._unsettled_at[spec.name] = self.world.now
            running ^= {node.name}

    # How it is judged.

    def _judge(self, node: Node, group: GroupName) -> None:
        because = self._claims.get((node.name, group), "no claim is in the journal")
        move = f"{node.name} starts {group}: {because}"
        if self._phase is Phase.QUIET:
            self.complain(f"{move}; the cluster is quiet")
        elif len({other.model.digest for other in self.world.nodes.values()}) > 1:
            self.set_apart(DIFFERING)
        elif not self._spend(node, group, because):
            self.complain(f"{move}; no fault or command is left that caused it")

    def _spend(self, node: Node, group: GroupName, because: str) -> bool:
        """Use up a cause of a start; the newest first, for the others may still be needed."""
        failback = "failback to" in because
        kinds = next((kinds for words, kinds in _REASONS if words in because), None)
        for cause in reversed(self._causes):
            if kinds is not None and cause.kind is not None and cause.kind not in kinds:
                continue
            if self._void(cause, node, group):
                continue
            for use in self._uses(cause, node, group, failback):
                if use not in cause.used:
                    cause.used.add(use)
                    return True
        return False

    def _uses(
        self, cause: _Cause, node: Node, group: GroupName, failback: bool
    ) -> list[tuple[object, ...]]:
        """Return what one cause may be used for by this start."""
        once = (group, "failback") if failback else (group, node.name)
        uses: list[tuple[object, ...]] = [once]
        if cause.kind is FaultKind.RELOAD_RESOURCES:  # They change, and change back at its end.
            uses.append((*once, "back"))
        if cause.kind in _REPEATING:
            silences = (self.hearing.last_of(node.name, peer) for peer in node.model.nodes)
            uses.append((group, failback, node.name, *silences))
        return uses

    def _void(self, cause: _Cause, node: Node, group: GroupName) -> bool:
        if cause.ended_at == NEVER:
            return False
        running = self._running.get(group, set())
        settled = self._unsettled_at.get(group, Instant(0)) if len(running) == 1 else self.world.now
        return self.world.now - max(cause.ended_at, settled) > self._tail(node, group)

    def _tail(self, node: Node, group: GroupName) -> Duration:
        """Return how long after its end, and in one place, a fault may still move a group."""
        timing, spec = node.model.timing, node.model.group(group)
        wait = 0 if spec is None else spec.failback.after
        agents = 1000 * MS
        return Duration(timing.initdead + 4 * timing.deadtime + wait + agents)
