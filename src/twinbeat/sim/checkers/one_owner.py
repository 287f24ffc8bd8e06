"""S1: never do two kernels answer for one group, but for the limits that protocol.md 3 states.

* `fence`: never.
* `arbiter`: never, but for at most one lease after the resume of a machine whose clock stood still.
* `peer`: that, and a partition: the one that started last had lost every beat of the other for a
  deadtime, though some were sent; the other had lost every beat of the starter, though both ran,
  for the quiet time, and its last lease still counts from then; and nobody whom the starter heard
  still heard the other. The limit ends when the weaker of the two takes in that the stronger owns
  the group, and one lease after the daemon of either ceased to run.

What a device brought about that confirmed what it had not done is counted apart as well.
"""

from dataclasses import dataclass
from typing import ClassVar

from twinbeat.core.beat import Beat, GroupView
from twinbeat.core.model import Proof
from twinbeat.core.units import MS, NEVER, GroupName, Instant, NodeName, readable
from twinbeat.sim.node import Node
from twinbeat.sim.world import World

from .base import Checker
from .hearing import Hearing
from .trust import Trust

RESUMED = "two serving after a pause"
CUT = "two serving in a partition"
DECEIVED = "two serving after a false confirmation"

_Pair = tuple[GroupName, NodeName, NodeName]


@dataclass(slots=True)
class _Dual:
    """Two kernels that answer for one group."""

    since: Instant
    limit: str | None
    """The stated limit that covers it now; None: it must not last."""
    limit_from: Instant
    until: Instant
    """When that limit ends at the latest."""


class OneOwner(Checker):
    """Watches who answers."""

    name: ClassVar[str] = "S1 one owner"

    def __init__(self, world: World, hearing: Hearing, trust: Trust) -> None:
        super().__init__(world, hearing)
        self._trust = trust
        self._serving: dict[GroupName, frozenset[NodeName]] = {}
        self._duals: dict[_Pair, _Dual] = {}
        self._last_start: dict[GroupName, list[NodeName]] = {}
        """Who started a group, the latest last."""
        self._last_joined: dict[GroupName, NodeName] = {}
        """Who began to answer again last while another did, having started before it."""
        self._lost_all: set[tuple[NodeName, GroupName, NodeName]] = set()
        """Who had lost every beat of whom when it started a group last, or began to answer."""

    # What is seen.

    def started(self, node: Node, group: GroupName) -> None:
        """Note what the starter had lost by then."""
        order = self._last_start.setdefault(group, [])
        if node.name in order:
            order.remove(node.name)
        order.append(node.name)
        self._note_lost(node, group)

    def _note_lost(self, node: Node, group: GroupName) -> None:
        for other in node.model.peers(node.name):
            mark = (node.name, group, other)
            self._lost_all.discard(mark)
            if self._lost(node, other):
                self._lost_all.add(mark)

    def _lost(self, node: Node, other: NodeName) -> bool:
        hearing, speaker = self.hearing, self.world.nodes[other]
        long = hearing.silence(node, other) >= node.model.timing.deadtime
        if not (long or hearing.silent(node, other)):  # It may have judged it by shorter timers.
            return False
        sent = hearing.lost(node, other) or hearing.stood_still(speaker)[0] > 0
        return (sent or speaker.paused) and not any(hearing.vetoes(node, other))

    def kernel_changed(self, node: Node) -> None:
        """See whether a second kernel answers, or ceased to."""
        for group, before in list(self._serving.items()):
            if node.name in before and not node.kernel.serves(group):
                self._leave(group, node.name)
        for group in node.kernel.serving():
            if node.name not in self._serving.get(group, frozenset()):
                self._join(group, node.name)

    def heard(self, node: Node, beat: Beat) -> None:
        """End the limit of a partition when the weaker hears the stronger own the group."""
        for (group, one, two), dual in self._duals.items():
            if dual.limit == CUT and {one, two} == {node.name, beat.node}:
                theirs, ours = beat.groups.get(group), self._view(node.name, group)
                if theirs is None or not theirs.custody.owns or not node.running:
                    continue
                if ours is None or _strength(theirs, beat.node) < _strength(ours, node.name):
                    self._expire((group, one, two), self.world.now)

    def lived(self, node: Node, what: str) -> None:
        """Give the lease of a daemon that ceased to run its time, and no more until it goes on."""
        lease = node.model.timing.lease * 102 // 100 + MS
        for pair, dual in self._duals.items():
            if dual.limit != CUT or node.name not in pair[1:]:
                continue
            if node.running:
                dual.until = NEVER
            elif what != "pause":
                self._expire(pair, Instant(self.world.now + lease))

    def finish(self) -> None:
        """Count what still lasts."""
        for pair in list(self._duals):
            self._close(pair)

    # How it is judged.

    def _view(self, node: NodeName, group: GroupName) -> GroupView | None:
        beat = self.hearing.sent_by(node)
        return None if beat is None else beat.groups.get(group)

    def _join(self, group: GroupName, name: NodeName) -> None:
        others = self._serving.get(group, frozenset())
        self._serving[group] = others | {name}
        if others and self._last_start.get(group, [name])[-1] != name:
            self._last_joined[group] = name
            self._note_lost(self.world.nodes[name], group)
        elif others:  # Its lease may have lapsed since it started, and it lost the other meanwhile.
            node = self.world.nodes[name]
            lost = {(name, group, other) for other in others if self._lost(node, other)}
            self._lost_all |= lost
        for other in sorted(others):
            one, two = sorted((name, other))
            self._judge((group, one, two), self.world.now)

    def _leave(self, group: GroupName, name: NodeName) -> None:
        self._serving[group] -= {name}
        for pair in [p for p in self._duals if p[0] == group and name in p[1:]]:
            self._close(pair)

    def _judge(self, pair: _Pair, since: Instant) -> None:
        """Find the limit that covers two that serve now; without one, see if it lasts at all."""
        limit, until = self._covered(pair) or (None, self.world.now)
        self._duals[pair] = _Dual(since, limit, self.world.now, NEVER)
        self._expire(pair, until)

    def _covered(self, pair: _Pair) -> tuple[str, Instant] | None:
        """Return the limit that covers a pair now, and until when it can at most."""
        group, *names = pair
        nodes = [self.world.nodes[name] for name in names]
        proof = nodes[0].model.proof
        if any(self._trust.deceived(node.name) for node in nodes):
            return DECEIVED, NEVER
        if proof is Proof.FENCE:
            return None
        if proof is Proof.PEER and self._parted(group, nodes):
            return CUT, NEVER
        if (span := max(min(self.hearing.stood_still(node)) for node in nodes)) > 0:
            # A fast clock would end it sooner, a slow one later.
            return RESUMED, Instant(self.world.now + span * 102 // 100)
        return None

    def _parted(self, group: GroupName, nodes: list[Node]) -> bool:
        """Whether a partition entitled the later one, and the earlier one, to go on.

        The later one is who started last; or who let its lease lapse, and answers again.
        """
        order = self._last_start.get(group, [])
        earlier, later = sorted(nodes, key=lambda n: order.index(n.name) if n.name in order else -1)
        return self._entitled(group, earlier, later) or (
            self._last_joined.get(group) == earlier.name and self._entitled(group, later, earlier)
        )

    def _entitled(self, group: GroupName, earlier: Node, later: Node) -> bool:
        """Whether both had lost each other; the earlier one has, until it hears the later again.

        Then its lease is cut short to what the later acknowledged, and that had lost everything.
        """
        if (later.name, group, earlier.name) not in self._lost_all:
            return False
        alone = self.hearing.alone_at(earlier, later.name)
        if self.hearing.last_of(earlier.name, later.name) > alone:
            return False
        return self.world.now - alone <= earlier.model.timing.lease * 102 // 100

    def _expire(self, pair: _Pair, at: Instant) -> None:
        """Look again when a limit ends: a moment later, so that what happens then is done."""
        dual = self._duals[pair]
        if at >= dual.until:
            return
        dual.until = at

        def look() -> None:
            if self._duals.get(pair) is dual and self.world.now > dual.until:
                self._close(pair)
                self._judge_again(pair, dual)

        self.world.at(Instant(at + 1), look)

    def _judge_again(self, pair: _Pair, dual: _Dual) -> None:
        """Judge two that still serve when their limit has ended: it covers nothing more."""
        found = self._covered(pair)
        if dual.limit is not None and found is not None and found[0] != dual.limit:
            self._judge(pair, dual.since)
            return
        group, one, two = pair
        lasted = self.world.now - dual.since
        covered = f", {readable(lasted)} of it: {dual.limit}" if dual.limit else ""
        self.complain(f"{group} is served by {one} and {two}{covered}")

    def _close(self, pair: _Pair) -> None:
        dual = self._duals.pop(pair)
        if dual.limit is not None:
            self.set_apart(dual.limit, self.world.now - dual.limit_from)


def _strength(view: GroupView, node: NodeName) -> tuple[int, int, NodeName]:
    """Return what sorts claims as they were published, the strongest first (protocol.md 2.4)."""
    return (-view.term, view.rank, node)
