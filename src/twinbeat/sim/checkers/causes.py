"""L2: nothing moves in a quiet cluster, and every move has one cause, used once, and its failback.

A move is a start; its reason is in the journal's record of the claim before it, and says what must
have befallen whom (`blame`). A fault or command may cause one start of a group, and one failback of
it. Faults that last may silence a node more than once: then each silence counts, told apart by the
last beat taken in before it; or let a group fail more than once: then each failure counts. What a
fencing device does is a deed of its own. A cause is void for a claim when it had ended, and the
group had run in one place ever since, for longer than any consequence takes; the claim itself may
wait for its proof as long as it must.
"""

from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

from twinbeat.core import losses
from twinbeat.core.beat import Custody
from twinbeat.core.effects import Record, What
from twinbeat.core.model import GroupSpec
from twinbeat.core.units import MS, NEVER, Duration, GroupName, Instant, NodeName
from twinbeat.sim.faults import Fault, FaultKind
from twinbeat.sim.node import Node
from twinbeat.sim.world import World

from .bars import Bars
from .base import Checker, Phase
from .blame import FAILURES, REPEATING, Move
from .hearing import Hearing

DIFFERING = "moves while configurations differed"


@dataclass(slots=True)
class _Cause:
    """A fault or a command."""

    fault: Fault | None
    """None: the tidying up, which ends everything at once."""
    ended_at: Instant = NEVER


@dataclass(frozen=True, slots=True)
class _Claim:
    """How a node came to claim a group last, or found it."""

    at: Instant
    because: str = "no claim is in the journal"
    named: NodeName | None = None
    """From whom it came by the node's journal."""
    unknown: NodeName | None = None
    """Who had started it last by then, if the node never heard that one own it."""


_Use = tuple[object, ...]
"""What a cause may be used for once; the number of the cause comes first."""


class Causes(Checker):
    """Matches every start with a cause."""

    name: ClassVar[str] = "L2 causes"

    def __init__(self, world: World, hearing: Hearing, bars: Bars) -> None:
        super().__init__(world, hearing)
        self._bars = bars
        self._phase = Phase.SETTLING
        self._causes: list[_Cause] = []
        self._possible: list[list[_Use]] = []
        """By start: what it can be a use of, the newest causes first."""
        self._used: dict[_Use, int] = {}
        """Which start has which use."""
        self._claims: dict[tuple[NodeName, GroupName], _Claim] = {}
        self._fencing: dict[NodeName, set[NodeName]] = {}
        """Who ordered whose fencing since a device cut that one's power last."""
        self._struck: dict[NodeName, Instant] = {}
        """When a fault hit a machine last."""
        self._turns = Counter[GroupName]()
        """How often a group was claimed or started."""
        self._started_by: dict[GroupName, NodeName] = {}
        """Who started a group last."""
        self._failed = Counter[GroupName]()
        """How often a group failed."""
        self._failed_on: dict[GroupName, NodeName] = {}
        """Where it failed since it was started last."""
        self._terms: dict[GroupName, int] = {}
        """With which term."""
        self._released_to: dict[GroupName, object] = {}
        """For whom a group was stopped since."""
        self._unsettled_at: dict[GroupName, Instant] = {}
        """When the group last did not run in exactly one place."""
        self._running: dict[GroupName, set[NodeName]] = {}

    # What is seen.

    def enter(self, phase: Phase) -> None:
        """Learn how far the run is; that everything ends at once is a cause of its own."""
        self._phase = phase
        if phase is Phase.TIDYING:
            self._causes.append(_Cause(None))

    def injected(self, fault: Fault) -> None:
        """Take in a cause."""
        self._causes.append(_Cause(fault))
        self._struck.update(dict.fromkeys(fault.nodes, self.world.now))

    def lived(self, node: Node, what: str) -> None:
        """Take in what a device did: it is a deed of its own, beside the fault that led to it."""
        if what != "power-off" or self._struck.get(node.name) == self.world.now:
            return
        if self._fencing.pop(node.name, None):
            off = Fault(0, FaultKind.POWER_OFF, Duration(0), Duration(0), (node.name,))
            self._causes.append(_Cause(off))

    def healed(self, fault: Fault) -> None:
        """Note that a cause has ended."""
        for cause in self._causes:
            if cause.fault is fault:
                cause.ended_at = self.world.now

    def told(self, node: Node, record: Record) -> None:
        """Find the cause of a start by the reason for the claim before it."""
        if record.what is What.FENCING_ORDERED and record.peer is not None:
            self._fencing.setdefault(record.peer, set()).add(node.name)
        if record.group is None:
            return
        if record.what is What.GROUP_CLAIMING:
            former = record.evidence.get("from")
            named = NodeName(former) if isinstance(former, str) else None
            unknown = self._unknown(node, record.group, named)
            self._turns[record.group] += 1
            self._claims[node.name, record.group] = _Claim(
                self.world.now, record.because, named, unknown
            )
        elif record.what is What.GROUP_FOUND:
            self._claims[node.name, record.group] = _Claim(
                self.world.now, record.because, node.name
            )
        elif record.what is What.GROUP_STARTING:
            if self._phase is not Phase.SETTLING:
                self._judge(node, record.group)
            term = record.evidence.get("term")
            self._started_by[record.group] = node.name
            self._terms[record.group] = term if isinstance(term, int) else 0
            self._turns[record.group] += 1
            self._released_to.pop(record.group, None)
            self._failed_on.pop(record.group, None)
        elif record.what is What.GROUP_FAILED:
            self._failed[record.group] += 1
            self._failed_on[record.group] = node.name
        elif record.what is What.GROUP_STOPPING:
            self._released_to[record.group] = record.evidence.get("to")

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
        claim = self._claims.get((node.name, group), _Claim(self.world.now))
        move = f"{node.name} starts {group}: {claim.because}"
        if self._phase is Phase.QUIET:
            self.complain(f"{move}; the cluster is quiet")
        elif len({other.model.digest for other in self.world.nodes.values()}) > 1:
            self.set_apart(DIFFERING)
        elif not self._spend(node, self._move(node, group, claim), claim.at):
            self.complain(f"{move}; no fault or command is left that caused it")

    def _unknown(self, node: Node, group: GroupName, named: NodeName | None) -> NodeName | None:
        """Return who started a group last, if a node has not heard of that, or only of its end."""
        last = self._started_by.get(group)
        if last is None or last == node.name:
            return None
        if named is not None and named != last:
            return last
        beat = self.hearing.beat(node.name, last)
        view = None if beat is None else beat.groups.get(group)
        if view is None or view.custody is Custody.CLAIMING or view.term < self._terms[group]:
            return last
        return None

    def _move(self, node: Node, group: GroupName, claim: _Claim) -> Move:
        names = [spec.name for spec in node.model.groups]
        spec = node.model.group(group)
        related = (group, *spec.after, *spec.beside, *spec.apart) if spec else ()
        indices = frozenset(names.index(name) for name in related if name in names)
        to = self._released_to.get(group)
        taker = NodeName(to) if isinstance(to, str) else None
        former = frozenset(filter(None, (claim.named, self._started_by.get(group), taker)))
        judges = frozenset({node.name}.union(*self._fencing.values()))
        peers, again = node.model.peers(node.name), self._started_by.get(group) == node.name
        failed = self._failed_on.get(group) == node.name
        return Move(
            group, indices, node.name, peers, claim.because, former, judges, claim.unknown, again,
            failed,
        )  # fmt: skip

    def _spend(self, node: Node, move: Move, claimed_at: Instant) -> bool:
        """Use up a cause of a start, if all starts so far can have one of their own."""
        possible: list[_Use] = []
        for number, cause in reversed(list(enumerate(self._causes))):
            fits = cause.fault is None or move.fits(cause.fault)
            if fits and not self._void(cause, node, move.group, claimed_at):
                possible += [(number, *use) for use in self._uses(cause, node, move)]
        spec = node.model.group(move.group)
        # It goes along with another group, or gives way to it.
        for other in (*spec.after, *spec.beside, *spec.apart) if spec else ():
            possible.append((-1, move.group, other, self._turns[other]))
        self._possible.append(possible)
        return self._find_use(len(self._possible) - 1, set())

    def _find_use(self, start: int, tried: set[_Use]) -> bool:
        """Find a use for a start that is free, or whose start can take another one."""
        for use in self._possible[start]:
            if use in tried:
                continue
            tried.add(use)
            if use not in self._used or self._find_use(self._used[use], tried):
                self._used[use] = start
                return True
        return False

    def _uses(self, cause: _Cause, node: Node, move: Move) -> list[_Use]:
        """Return what one cause may be used for by this start."""
        kind = None if cause.fault is None else cause.fault.kind
        once = (move.group, "failback" if move.failback else "move")
        uses: list[_Use] = [once]
        if move.homeward:
            uses.append((move.group, "failback"))
        if kind is FaultKind.RELOAD_RESOURCES:  # They change, and change back at its end.
            uses.append((*once, "back"))
        if kind is None:  # It ends many things, for every node.
            uses.append((*once, move.node))
        if kind in REPEATING and kind in FAILURES:
            uses.append((*once, move.node, self._failed[move.group]))
        elif kind in REPEATING:
            silences = (self.hearing.last_of(node.name, peer) for peer in node.model.nodes)
            uses.append((*once, move.node, *silences))
        return uses

    def _void(self, cause: _Cause, node: Node, group: GroupName, at: Instant) -> bool:
        """Whether a cause was over and done with when the group was claimed."""
        if cause.ended_at == NEVER or len(self._running.get(group, ())) != 1:
            return False
        settled = self._unsettled_at.get(group, Instant(0))
        return at - max(cause.ended_at, settled) > self._tail(node, group)

    def _tail(self, node: Node, group: GroupName) -> Duration:
        """Return how long after its end, and in one place, a fault may still move a group."""
        timing, spec = node.model.timing, node.model.group(group)
        wait = 0 if spec is None else max(spec.failback.after, self._held_down(spec))
        agents = 1000 * MS
        barred = self._bars.longest(group)
        return Duration(timing.initdead + 4 * timing.deadtime + wait + barred + agents)

    def _held_down(self, spec: GroupSpec) -> Duration:
        """Return for how long a failback may be held down by what befell its node so far."""
        faults = [cause.fault for cause in self._causes if cause.fault is not None]
        befell = [fault for fault in faults if spec.preferred in fault.nodes]
        often = len(befell) > losses.MOST_FREE or any(f.kind in REPEATING for f in befell)
        return losses.WITHIN if often else Duration(0)
