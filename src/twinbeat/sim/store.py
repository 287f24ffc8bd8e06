"""The arbiter's store: records with revisions, one transaction at a time, and bad ways to reach it.

It does what an etcd would do with the transactions of protocol.md 2.10: compare, put, show all
records, every put at a revision of its own. It never errs and never forgets; what is unkind lies
on the way there and back.
"""

from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from random import Random

from twinbeat.core.beat import Life
from twinbeat.core.effects import AskArbiter
from twinbeat.core.events import ArbiterAnswered, ArbiterFailed
from twinbeat.core.records import (
    Depose,
    GroupRecord,
    NodeRecord,
    Records,
    Release,
    Renew,
    Request,
    Take,
)
from twinbeat.core.units import MS, Duration, GroupName, Instant, NodeName

WAY = Duration(1 * MS)
"""To the store, and back, when nothing is unkind."""


class Store:
    """The records."""

    def __init__(self) -> None:
        self.revision = 0
        self.nodes: dict[NodeName, NodeRecord] = {}
        self.groups: dict[GroupName, GroupRecord] = {}

    def execute(self, request: Request) -> tuple[bool, Records]:
        """Execute a transaction; return whether its condition held, and all records after it."""
        done = self._allows(request)
        if done:
            self.revision += 1
            self._put(request)
        return done, Records(self.revision, dict(self.nodes), dict(self.groups))

    def _allows(self, request: Request) -> bool:
        match request:
            case Renew(node, life, counter):
                old = self.nodes.get(node)
                if old is None or old.life.generation < life.generation:
                    return True
                return old.life == life and not old.deposed and old.counter < counter
            case Depose(node, revision):
                old = self.nodes.get(node)
                return old is not None and old.revision == revision
            case Take(group, revision, node, life):
                taken, me = self.groups.get(group), self.nodes.get(node)
                known = 0 if taken is None else taken.revision
                return known == revision and me is not None and me.life == life and not me.deposed
            case Release(group, node, life, term):
                taken = self.groups.get(group)
                named = None if taken is None else (taken.owner, taken.life, taken.term)
                return named == (node, life, term)

    def _put(self, request: Request) -> None:
        now = self.revision
        match request:
            case Renew(node, life, counter, lease, unclean):
                self.nodes[node] = NodeRecord(
                    revision=now, life=life, counter=counter, lease=lease, unclean=unclean
                )
            case Depose(node):
                self.nodes[node] = replace(self.nodes[node], revision=now, deposed=True)
            case Take(group, _, node, life, term):
                self.groups[group] = GroupRecord(revision=now, owner=node, life=life, term=term)
            case Release(group, _, _, term):
                self.groups[group] = GroupRecord(
                    revision=now, owner=None, life=Life(0, 0), term=term
                )


class Loss(StrEnum):
    """What becomes of the requests of a node whose connection breaks in mid-request."""

    REQUEST = "request"
    """They are lost before they are executed."""
    REPLY = "reply"
    """They are executed, and their replies are lost."""
    EITHER = "either"
    """One or the other, by chance."""


class Arbiter:
    """The store, and every node's way to it."""

    def __init__(
        self,
        at: Callable[[Instant, Callable[[], object]], object],
        clock: Callable[[], Instant],
        random: Random | None = None,
    ) -> None:
        """Be reached by `at(instant, action)` in the time of `clock`; no `random`: a fixed way."""
        self.store = Store()
        self.down = False
        """Nobody is answered: refused at once, or by chance after the longest of waits, never."""
        self.slow = Duration(0)
        """By how much every way may take longer; without chance it takes that much."""
        self.losses: dict[NodeName, Loss] = {}
        self._at = at
        self._clock = clock
        self._random = random

    def ask(
        self,
        node: NodeName,
        order: AskArbiter,
        answer: Callable[[ArbiterAnswered | ArbiterFailed], object],
    ) -> None:
        """Carry a node's order to the store and what comes of it back to `answer`."""
        self._at(Instant(self._clock() + self._way()), lambda: self._arrive(node, order, answer))

    def _arrive(
        self,
        node: NodeName,
        order: AskArbiter,
        answer: Callable[[ArbiterAnswered | ArbiterFailed], object],
    ) -> None:
        loss = self._loss(node)
        outcome: ArbiterAnswered | ArbiterFailed
        if self.down:
            if self._random is not None and self._random.randrange(2):
                return
            outcome = ArbiterFailed(order.op, "the connection was refused")
        elif loss is Loss.REQUEST:
            outcome = ArbiterFailed(order.op, "the connection was lost")
        else:
            done, records = self.store.execute(order.request)
            outcome = ArbiterAnswered(order.op, done, records)
            if loss is Loss.REPLY:
                outcome = ArbiterFailed(order.op, "the connection was lost")
        self._at(Instant(self._clock() + self._way()), lambda: answer(outcome))

    def _loss(self, node: NodeName) -> Loss | None:
        loss = self.losses.get(node)
        if loss is Loss.EITHER and self._random is not None:
            return self._random.choice((Loss.REQUEST, Loss.REPLY))
        return loss

    def _way(self) -> Duration:
        if self._random is None:
            return Duration(WAY + self.slow)
        return Duration(WAY // 4 + self._random.randrange(4 * WAY + self.slow))
