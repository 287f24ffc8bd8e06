"""What a node sees of the world outside: which ping nodes answer, and who sees more of them.

It is ipfail's decision (Heartbeat 3.0.6), taken by everybody from what everybody publishes. A node
is better connected than another when it has seen more ping nodes for two keepalives on end: when a
ping node dies, the nodes notice it up to a keepalive apart, and that must move nothing. Until such
a difference has settled, the last settled one stands.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from .effects import Effect, Record, What
from .model import ClusterModel
from .units import LONG_AGO, NEVER, Duration, Instant, LinkName, NodeName, in_ms, readable


@dataclass(slots=True)
class PingWatch:
    """One ping node, as this node sees it."""

    since: Instant
    """When the newest answer came; before the first one, from when on it is waited for."""
    heard: bool = False
    """Whether it has ever answered in this life."""
    answers: bool | None = None
    """None: not known yet."""
    blind: bool = False
    """Whether this node cannot ask at all, which says nothing of the network."""


@dataclass(slots=True)
class _Pair:
    """Two nodes compared: 1 when the first sees more, -1 when the second does, else 0."""

    ahead: int
    since: Instant
    """For how long it has been so."""
    settled: int = 0
    """What it was when it had last stood for two keepalives."""
    saw: tuple[int, int] = (0, 0)
    """The scores that settled it."""


class Connectivity:
    """The ping nodes of this node, and the comparison of all nodes' scores."""

    def __init__(self, model: ClusterModel, now: Instant) -> None:
        self.watches: dict[NodeName, PingWatch] = {}
        self.scores: dict[NodeName, int] = {}
        """How many ping nodes each node sees, as far as it has said so."""
        self._pairs: dict[tuple[NodeName, NodeName], _Pair] = {}
        self._awake: Instant = LONG_AGO
        self.adopt(model, now)

    def adopt(self, model: ClusterModel, now: Instant) -> None:
        """Take over a new configuration; a ping node that stays keeps its history."""
        self._model = model
        known = self.watches
        self.watches = {p.name: known.get(p.name) or PingWatch(now) for p in model.pings}

    @property
    def statement(self) -> int | None:
        """How many ping nodes answer; None while one is not judged yet, or if nobody asks."""
        known = all(w.answers is not None and not w.blind for w in self.watches.values())
        if not self._model.connectivity or not self.watches or not known:
            return None
        return sum(w.answers is True for w in self.watches.values())

    # What happens.

    def answered(self, node: NodeName, now: Instant, out: list[Effect]) -> bool:
        """Take in an answer of a ping node and return whether it was news."""
        watch = self.watches.get(node)
        if watch is None:
            return False
        before, interval = watch.answers, now - watch.since
        watch.since, watch.heard, watch.answers = now, True, True
        if before is not True:
            evidence = {"interval_ms": in_ms(interval)} if before is False else {}
            out.append(Record(What.PING_ANSWERS, "it answers", peer=node, evidence=evidence))
        return before is not True

    def link_changed(self, link: LinkName, up: bool) -> None:
        """A link of that name can, or cannot, be used by this node; it may be a ping node's."""
        watch = self.watches.get(NodeName(link))
        if watch is not None:
            watch.blind = not up

    def time_passed(self, now: Instant, out: list[Effect]) -> None:
        """Judge the ping nodes that have not answered for the deadping."""
        for node, watch in self.watches.items():
            silence = Duration(now - max(watch.since, self._awake))
            if watch.answers is not False and silence >= self._model.timing.deadping:
                watch.answers = False
                said = "has not answered" if watch.heard else "never answered"
                why = f"it {said} for {readable(silence)}, the deadping"
                evidence = {"silence_ms": in_ms(silence)}
                out.append(Record(What.PING_DEAD, why, peer=node, evidence=evidence))

    def stalled(self, now: Instant) -> None:
        """This node was away: silence and differences are counted anew."""
        self._awake = now
        for pair in self._pairs.values():
            pair.since = now

    def next_deadline(self) -> Instant:
        """Return when silence or a difference next means something."""
        if not self.watches and not self._pairs:
            return NEVER  # It is asked after every event, and most clusters have no ping nodes.
        deadping, settling = self._model.timing.deadping, self._settling
        silent = [
            max(watch.since, self._awake) + deadping
            for watch in self.watches.values()
            if watch.answers is not False
        ]
        unsettled = [p.since + settling for p in self._pairs.values() if p.ahead != p.settled]
        return Instant(min([NEVER, *silent, *unsettled]))

    # Who sees more.

    @property
    def _settling(self) -> int:
        return 2 * self._model.timing.keepalive

    def compare(self, scores: Mapping[NodeName, int | None], now: Instant) -> None:
        """Compare what the nodes say now; None: it says nothing, and is compared with nobody."""
        told = scores.items() if self._model.connectivity else ()
        self.scores = {node: score for node, score in told if score is not None}
        pairs: dict[tuple[NodeName, NodeName], _Pair] = {}
        for one, other in combinations(sorted(self.scores), 2):
            saw = self.scores[one], self.scores[other]
            ahead = (saw[0] > saw[1]) - (saw[0] < saw[1])
            pair = self._pairs.get((one, other)) or _Pair(ahead, now)
            if pair.ahead != ahead:
                pair.ahead, pair.since = ahead, now
            if now - pair.since >= self._settling:
                pair.settled, pair.saw = ahead, saw
            pairs[one, other] = pair
        self._pairs = pairs

    def outdone(self, node: NodeName) -> dict[NodeName, str]:
        """Return who has seen more ping nodes than a node for long enough, each in a sentence."""
        if not self._pairs:
            return {}
        of = f"of {len(self.watches)}"
        return {
            other: f"{other} sees {pair.saw[1]} {of} ping nodes, {node} {pair.saw[0]} {of}"
            for other in self.scores
            if (pair := self._pair(node, other)) is not None and pair.settled < 0
        }

    def unsure(self, node: NodeName, owner: NodeName, here_for: Duration, now: Instant) -> Duration:
        """Return for how long a node must not be preferred to an owner that may see more.

        It has just come and not said what it sees (one that never will is not waited for longer
        than a ping node may be silent), or it sees less now, and that has to settle first.
        """
        if owner not in self.scores:
            return Duration(0)
        if node not in self.scores:
            patience = self._model.timing.deadping + self._settling
            return Duration(max(0, patience - here_for))
        pair = self._pair(node, owner)
        if pair is None or pair.ahead >= 0:
            return Duration(0)
        return Duration(max(0, pair.since + self._settling - now))

    def _pair(self, one: NodeName, other: NodeName) -> _Pair | None:
        """Return the comparison of two nodes, as the first one sees it."""
        pair = self._pairs.get((one, other))
        if pair is not None:
            return pair
        mirrored = self._pairs.get((other, one))
        if mirrored is None:
            return None
        first, second = mirrored.saw
        return _Pair(-mirrored.ahead, mirrored.since, -mirrored.settled, (second, first))
