"""Broken rules of the proof `arbiter` (protocol.md 2.6 and 2.7)."""

from collections.abc import Callable, Iterable

from twinbeat.core import arbiter, lease
from twinbeat.core.arbiter import Arbitration
from twinbeat.core.beat import GroupView
from twinbeat.core.effects import Effect
from twinbeat.core.liveness import OwnBeats, PeerWatch
from twinbeat.core.model import Proof
from twinbeat.core.proofs import Outcome, Verdict
from twinbeat.core.records import Depose, Records, Request, Take
from twinbeat.core.units import LONG_AGO, GroupName, Instant
from twinbeat.sim.store import Store

from .base import Mutant, Patch, constant


def _owned_by_name(self: Arbitration, group: GroupName) -> bool:
    record = self._group_record(group)
    return record is not None and record.owner == self._members.mine.node


def _takes_what_it_reads(
    self: Arbitration, group: GroupName, now: Instant, out: list[Effect]
) -> None:
    claim, mine = self._claims[group], self._members.mine
    revision = 0 if self._records is None else self._records.revision_of(group)
    if self._may_ask(now) and not self._owns(group):
        self._ask(Take(group, revision, mine.node, mine.life, claim.term), now, out)


def _whatever_life_took_it(
    real: Callable[[Arbitration, PeerWatch, GroupName], Verdict],
) -> Callable[[Arbitration, PeerWatch, GroupName], Verdict]:
    def judge(self: Arbitration, peer: PeerWatch, group: GroupName) -> Verdict:
        owned, node = self._group_record(group), self._node_record(peer.node)
        stands = owned is not None and owned.owner == peer.node
        if stands and node is not None and not node.deposed:
            return Verdict(False, f"{peer.node} stands in the record")
        return real(self, peer, group)

    return judge


def _depose_without_waiting(
    real: Callable[[Arbitration, PeerWatch, Instant, list[Effect]], None],
) -> Callable[[Arbitration, PeerWatch, Instant, list[Effect]], None]:
    def depose(self: Arbitration, peer: PeerWatch, now: Instant, out: list[Effect]) -> None:
        seen = self._unchanged.get(peer.node)
        if seen is not None:
            self._unchanged[peer.node] = (seen[0], LONG_AGO)
        real(self, peer, now, out)

    return depose


def _deposes_whom_it_likes(
    real: Callable[[Store, Request], bool],
) -> Callable[[Store, Request], bool]:
    def allows(self: Store, request: Request) -> bool:
        return isinstance(request, Depose) or real(self, request)

    return allows


def _acks_of_the_living(
    real: Callable[[Iterable[PeerWatch], GroupName, OwnBeats, GroupView], Instant],
) -> Callable[[Iterable[PeerWatch], GroupName, OwnBeats, GroupView], Instant]:
    def promised_by_all(
        peers: Iterable[PeerWatch], group: GroupName, own: OwnBeats, mine: GroupView
    ) -> Instant:
        return real([peer for peer in peers if not peer.gone], group, own, mine)

    return promised_by_all


def _granted_from_the_reply(
    real: Callable[[Arbitration, Records, Instant, list[Effect]], bool],
) -> Callable[[Arbitration, Records, Instant, list[Effect]], bool]:
    def read(self: Arbitration, records: Records, now: Instant, out: list[Effect]) -> bool:
        news = real(self, records, now, out)
        promise = Instant(now + self._members.model.timing.lease)
        self._granted = dict.fromkeys(self._granted, promise)
        return news

    return read


def _stands_still_from_the_request(
    real: Callable[[Arbitration, Outcome, Instant, list[Effect]], bool | None],
) -> Callable[[Arbitration, Outcome, Instant, list[Effect]], bool | None]:
    def take(self: Arbitration, outcome: Outcome, now: Instant, out: list[Effect]) -> bool | None:
        asked = {pending.op: pending.asked_at for pending in self._pending.values()}
        before = dict(self._unchanged)
        news = real(self, outcome, now, out)
        for node, seen in self._unchanged.items():
            if before.get(node) != seen:
                self._unchanged[node] = (seen[0], asked.get(outcome.op, seen[1]))
        return news

    return take


def _outage_is_silence(
    real: Callable[[Arbitration, Outcome, Instant, list[Effect]], bool | None],
) -> Callable[[Arbitration, Outcome, Instant, list[Effect]], bool | None]:
    def take(self: Arbitration, outcome: Outcome, now: Instant, out: list[Effect]) -> bool | None:
        before = dict(self._unchanged)
        news = real(self, outcome, now, out)
        for node, (revision, since) in self._unchanged.items():
            if node in before and before[node][0] == revision:
                self._unchanged[node] = (revision, min(since, before[node][1]))
        return news

    return take


MUTANTS = (
    Mutant(
        name="started-untaken",
        breaks="a group is started without its record at the arbiter",
        patches=(constant(Arbitration, "refusal", None), constant(Arbitration, "revoked", None)),
        proof=Proof.ARBITER,
    ),
    Mutant(
        name="old-record-is-enough",
        breaks="a group is started on a record that an earlier claim put",
        patches=(Patch(Arbitration, "_owns", lambda _: _owned_by_name),),
        proof=Proof.ARBITER,
        seeds=0,
    ),
    Mutant(
        name="takes-what-it-reads",
        breaks="the record is taken at the revision just read, and its owner never looks again",
        patches=(
            Patch(Arbitration, "_take", lambda _: _takes_what_it_reads),
            constant(Arbitration, "void", None),
            constant(Arbitration, "revoked", None),
        ),
        proof=Proof.ARBITER,
        seeds=0,
    ),
    Mutant(
        name="claim-not-bound",
        breaks="the record is taken at the revision just read, not at the claim's",
        patches=(
            Patch(Arbitration, "_take", lambda _: _takes_what_it_reads),
            constant(Arbitration, "void", None),
        ),
        proof=Proof.ARBITER,
        seeds=0,
    ),
    Mutant(
        name="record-not-looked-at",
        breaks="an owner does not stop when the record names another",
        patches=(constant(Arbitration, "revoked", None),),
        proof=Proof.ARBITER,
        seeds=0,
    ),
    Mutant(
        name="record-without-life",
        breaks="a group's record names its owner, and not the life that took it",
        patches=(Patch(Arbitration, "judge", _whatever_life_took_it),),
        proof=Proof.ARBITER,
        seeds=0,
    ),
    Mutant(
        name="deposes-without-compare",
        breaks="an owner is deposed though it renewed its record after it was seen standing still",
        patches=(Patch(Store, "_allows", _deposes_whom_it_likes),),
        proof=Proof.ARBITER,
        seeds=0,
    ),
    Mutant(
        name="challenges-at-once",
        breaks="an owner is deposed however short its record has stood still",
        patches=(Patch(Arbitration, "_depose", _depose_without_waiting),),
        proof=Proof.ARBITER,
    ),
    Mutant(
        name="acks-of-the-living",
        breaks="without the arbiter an owner goes on by the word of those that it believes alive",
        patches=(Patch(lease, "promised_by_all", _acks_of_the_living),),
        proof=Proof.ARBITER,
        seeds=0,
    ),
    Mutant(
        name="granted-from-the-reply",
        breaks="the arbiter's lease counts from the reply, not from the sending of the renewal",
        patches=(Patch(Arbitration, "_read", _granted_from_the_reply),),
        proof=Proof.ARBITER,
        seeds=0,
    ),
    Mutant(
        name="still-from-the-request",
        breaks="a record stands still from the request that showed it, not from the reply",
        patches=(Patch(Arbitration, "take", _stands_still_from_the_request),),
        proof=Proof.ARBITER,
        seeds=0,
    ),
    Mutant(
        name="outage-is-silence",
        breaks="a record stood still also while the arbiter answered nobody",
        patches=(Patch(Arbitration, "take", _outage_is_silence),),
        proof=Proof.ARBITER,
        seeds=0,
    ),
    Mutant(
        name="no-keeping-by-acks",
        breaks="without the arbiter an owner falls dark although every peer acknowledges",
        patches=(constant(lease, "promised_by_all", LONG_AGO),),
        proof=Proof.ARBITER,
        seeds=0,
    ),
    Mutant(
        name="record-without-unclean",
        breaks="what a node left unclean does not stand in its record",
        patches=(constant(arbiter, "_unclean", ()),),
        proof=Proof.ARBITER,
        seeds=0,
    ),
)
