"""One engine, told by hand what its peers say; times in milliseconds since its start.

Keepalive 200, deadtime 1000, initdead 2000: lease 950, quiet after 490. The peer node1 says what a
test wants every 200 ms, until the test falls silent; every beat acknowledges all that was said.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Self, TypeVar

from core_beats import WEB
from core_models import LINK, model

from twinbeat.core.beat import PROTOCOL_VERSION, Ack, Beat, Custody, GroupView, Life
from twinbeat.core.effects import ClearGroup, Effect, Record, What
from twinbeat.core.engine import Engine
from twinbeat.core.events import (
    BeatReceived,
    Event,
    GroupFound,
    GroupStopped,
    Started,
    TimePassed,
)
from twinbeat.core.model import ClusterModel, Proof
from twinbeat.core.units import MS, SECOND, GroupName, Instant, NodeName

T = TypeVar("T")

HERE, THERE, THIRD = NodeName("node2"), NodeName("node1"), NodeName("node3")
MINE, THEIRS = Life(5, 55), Life(1, 11)
START = 10 * SECOND


def configured(
    proof: Proof, nodes: int = 2, groups: int = 1, startup_fencing: bool = False
) -> ClusterModel:
    """Return a model with a proof."""
    base = model(nodes, groups=groups)
    return replace(base, proof=proof, startup_fencing=startup_fencing)


class Solo:
    """An engine, the clock it is told, and everything it has ordered.

    At its start nothing of a group is found running, or, with `found`, all of it.
    """

    def __init__(
        self, cluster: ClusterModel, node: NodeName = HERE, *, found: bool = False
    ) -> None:
        self.now = 0
        self.engine = Engine(cluster, node, MINE, Instant(START))
        self.effects: list[tuple[int, Effect]] = []
        self._seqs: dict[tuple[NodeName, Life], int] = {}
        self.tell(Started())
        for clear in self.ordered(ClearGroup):
            outcome = GroupFound if found and clear.adopt else GroupStopped
            self.tell(outcome(clear.op, clear.spec.name))

    def tell(self, event: Event) -> list[Effect]:
        """Tell a fact now and return what is ordered."""
        effects = self.engine.handle(event, Instant(START + self.now * MS))
        self.effects += [(self.now, effect) for effect in effects]
        return effects

    def say(
        self,
        custody: Custody | Mapping[GroupName, GroupView] = Custody.STOPPED,
        *,
        node: NodeName = THERE,
        life: Life = THEIRS,
        hears: tuple[NodeName, ...] = (),
        unclean: frozenset[tuple[GroupName, NodeName]] = frozenset(),
        leaving: bool = False,
        version: int = PROTOCOL_VERSION,
    ) -> list[Effect]:
        """Let a peer say its custody of web, in its next beat."""
        seq = self._seqs[node, life] = self._seqs.get((node, life), 0) + 1
        acks = {self.engine.me: Ack(self.engine.mine.life, self.engine.mine.seq, hears=True)}
        acks |= {other: Ack(THEIRS, 1, hears=True) for other in hears}
        views = {WEB: GroupView(custody, 1, 0)} if isinstance(custody, Custody) else custody
        timing = self.engine.model.timing
        beat = Beat(
            node=node, life=life, seq=seq, deadtime=timing.deadtime, lease=timing.lease,
            acks=acks, groups=views, unclean=unclean, leaving=leaving,
            digest=self.engine.model.digest, version=version,
        )  # fmt: skip
        return self.tell(BeatReceived(beat, LINK))

    def until(self, end: int, said: Custody | None = None, node: NodeName = THERE) -> Self:
        """Let time pass as a daemon does; the peer speaks every 200 ms if it says anything."""
        speaks_at = self.now if said is not None else end + 1
        while True:
            due = -((START - self.engine.next_deadline()) // MS)  # The next whole millisecond.
            step = self.next_step()
            at = max(self.now, min(due, speaks_at, due if step is None else step))
            if at > end:
                self.now = end
                return self
            self.now = at
            if step is not None and at == step:
                self.take_step()
            elif at == speaks_at and said is not None:
                self.say(said, node=node)
                speaks_at += 200
            else:
                self.tell(TimePassed())

    def next_step(self) -> int | None:
        """Return when something else than the peer and the clock is due; None: never."""
        return None

    def take_step(self) -> None:
        """Let that happen."""

    def ordered(self, kind: type[T]) -> list[T]:
        """Return every order of a kind so far."""
        return [effect for _, effect in self.effects if isinstance(effect, kind)]

    def at(self, kind: type[Effect]) -> list[int]:
        """Return when orders of a kind were given."""
        return [at for at, effect in self.effects if isinstance(effect, kind)]

    def told(self, what: What) -> list[tuple[int, str]]:
        """Return when a kind of entry was written, and its sentence."""
        records = [(at, e) for at, e in self.effects if isinstance(e, Record)]
        return [(at, record.because) for at, record in records if record.what is what]

    def custody(self, group: GroupName = WEB) -> Custody:
        """Return the engine's own custody."""
        return self.engine.groups[group].custody

    def reasons(self) -> tuple[str, ...]:
        """Return what status says of web."""
        return self.engine.status(Instant(START + self.now * MS)).groups[WEB].reasons

    def flags(self) -> tuple[str, ...]:
        """Return the flags of status."""
        return self.engine.status(Instant(START + self.now * MS)).flags
