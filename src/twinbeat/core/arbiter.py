"""The proof `arbiter`: a store outside the cluster as the third vote (protocol.md 2.10).

Every node renews its record there with its heartbeats. A claim binds itself to the revision of the
group's record that it knew, and starts only after its own transaction took the group at that very
revision; a silent owner is deposed before, when its record stood still for as long as it was
silent. So one of two nodes that lost each other owns the group, and the other learns it.

Nothing is dated by a reply: a lease counts from the sending of the renewal whose counter a reply
shows; a record's standing still counts from the arrival of the reply that first showed it.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from .beat import Custody
from .effects import AskArbiter, Effect, Record, What
from .events import ArbiterAnswered, ArbiterFailed
from .liveness import Liveness, PeerWatch
from .proofs import Outcome, PeerProof, Verdict, Wish, silent_everywhere
from .records import Depose, GroupRecord, NodeRecord, Records, Release, Renew, Request, Take
from .units import (
    LONG_AGO,
    NEVER,
    Duration,
    GroupName,
    Instant,
    NodeName,
    in_ms,
    readable,
)
from .value import value

if TYPE_CHECKING:
    from .membership import Membership

_Subject = tuple[type[Request], NodeName | GroupName]
"""A kind of request and whom it is about: of each, one is under way at a time."""


@value()
class _Pending:
    """A request whose outcome is not known yet."""

    op: int
    request: Request
    asked_at: Instant


@value()
class _Claim:
    """What a claim bound itself to."""

    revision: int
    """Of the group's record as it was known when the claim began (rev0)."""
    term: int


class Arbitration(PeerProof):
    """This node's requests to the arbiter, and what the newest reply shows."""

    lit = "the arbiter or all peers acknowledge again"

    def __init__(self, members: "Membership") -> None:
        super().__init__(members)
        self._records: Records | None = None
        self._answered_at: Instant = members.started_at
        self._failed_at: Instant = LONG_AGO
        """When the outcome of a request was last lost: nothing is concluded before a new reply."""
        self._away = False
        self._why = "it was not heard yet"
        self._pending: dict[_Subject, _Pending] = {}
        self._unchanged: dict[NodeName, tuple[int, Instant]] = {}
        """Every node's revision, and since when it stands still."""
        self._claims: dict[GroupName, _Claim] = {}
        self._granted: dict[GroupName, Instant] = {}
        self._idle: dict[GroupName, Instant] = {}
        """Since when this node stands in the record of a group that it has stopped."""
        self._unclean: frozenset[GroupName] = frozenset()
        self._review_at: Instant = NEVER
        self._op = 0

    # What follows from the records.

    def judge(self, peer: PeerWatch, group: GroupName) -> Verdict:
        """Judge by silence, and by the records when the peer took the group last."""
        verdict = silent_everywhere(peer, self._members)
        if not verdict.proven:
            return verdict
        if self._records is None:
            return Verdict(False, f"{peer.node} is silent; the arbiter was not heard yet")
        owned, node = self._group_record(group), self._node_record(peer.node)
        if owned is None or owned.owner != peer.node:
            return Verdict(True, f"{peer.node} is silent and does not stand in the record")
        if node is not None and node.deposed:
            return Verdict(True, f"{peer.node} is silent and deposed")
        if node is not None and node.life.generation > owned.life.generation:
            return Verdict(True, f"{peer.node} is silent, and the life that took it is over")
        return Verdict(False, f"{peer.node} is silent, but not deposed yet")

    def term(self, group: GroupName) -> int:
        """Return the term in the group's record."""
        record = self._group_record(group)
        return 0 if record is None else record.term

    def bar(self, group: GroupName) -> str | None:
        """Return why nothing is claimed: only a registered node that is answered may."""
        if self._records is None or self._away:
            return "the arbiter does not answer"
        if self.outlived() is not None:
            return "the arbiter ended this life of the node"
        own = self._own()
        if own is None or own.life != self._members.mine.life:
            return "this node is not registered with the arbiter yet"
        if (Release, group) in self._pending:
            return "it is being given back to the arbiter"
        return None

    def claim(self, group: GroupName, term: int) -> None:
        """Bind a claim to the group's record as it is known now."""
        assert self._records is not None  # Else there was a bar.
        self._claims[group] = _Claim(self._records.revision_of(group), term)
        self._granted.pop(group, None)

    def void(self, group: GroupName) -> str | None:
        """Return who came between: the record has changed since the claim, and not to this one."""
        if self._records is None or self._owns(group):
            return None
        if self._records.revision_of(group) == self._claims[group].revision:
            return None
        return f"the arbiter's record changed since it was claimed: {self._record_of(group)}"

    def refusal(self, group: GroupName) -> str | None:
        """Return what is missing: the transaction that takes the group."""
        return None if self._owns(group) else "the arbiter has not granted it yet"

    def revoked(self, group: GroupName) -> str | None:
        """Return why this node must stop: it was deposed, or the group is another's."""
        if self.outlived() is not None:
            return "the arbiter ended this life of the node"
        if self._owns(group):
            return None
        return f"the arbiter's record is not this node's: {self._record_of(group)}"

    def granted_until(self, group: GroupName) -> Instant | None:
        """Return the lease that the newest reply gives: from the sending of what it shows."""
        return self._granted.get(group, LONG_AGO)

    def outlived(self) -> int | None:
        """Return the generation in the record when this life is over: deposed, or overtaken."""
        own, mine = self._own(), self._members.mine.life
        if own is None or (own.life == mine and not own.deposed):
            return None
        return own.life.generation if own.life.generation >= mine.generation else None

    # What is asked.

    def spoke(self, now: Instant, out: list[Effect]) -> None:
        """Renew with every heartbeat; the counter is the heartbeat's number."""
        mine = self._members.mine
        self._ask(Renew(mine.node, mine.life, mine.seq, mine.lease, self._unclean), now, out)

    def step(self, wishes: Sequence[Wish], now: Instant, out: list[Effect]) -> None:
        """Take what is claimed and ready, depose who is in the way, give back what is stopped."""
        self._unclean = frozenset(w.group for w in wishes if w.custody is Custody.UNCLEAN)
        self._review_at = NEVER
        for wish in wishes:
            if wish.ready:
                self._take(wish.group, now, out)
            for node in wish.doubts if wish.custody.claims else ():
                self._depose(self._members.peers[node], now, out)
            self._give_back(wish, now, out)

    def _take(self, group: GroupName, now: Instant, out: list[Effect]) -> None:
        claim, mine = self._claims[group], self._members.mine
        if self._may_ask(now) and not self._owns(group):
            self._ask(Take(group, claim.revision, mine.node, mine.life, claim.term), now, out)

    def _depose(self, peer: PeerWatch, now: Instant, out: list[Effect]) -> None:
        """Depose an owner whose record stood still for as long as its silence has to last."""
        seen, record = self._unchanged.get(peer.node), self._node_record(peer.node)
        if seen is None or record is None or not self._may_ask(now):
            return
        revision, since = seen
        limit = max(peer.limit, self._members.model.timing.limit(record.lease))
        if now - since >= limit:
            self._ask(Depose(peer.node, revision), now, out)
        else:
            self._review_at = min(self._review_at, Instant(since + limit))

    def _give_back(self, wish: Wish, now: Instant, out: list[Effect]) -> None:
        """Free the record of a group that is stopped, unless a successor overwrites it anyway."""
        mine, record = self._members.mine, self._group_record(wish.group)
        ours = record is not None and (record.owner, record.life) == (mine.node, mine.life)
        if record is None or not ours or wish.custody is not Custody.STOPPED:
            self._idle.pop(wish.group, None)
            return
        since = self._idle.setdefault(wish.group, now)
        heirs = any(peer.liveness is Liveness.ALIVE for peer in self._members)
        due = since + 2 * self._members.model.timing.keepalive if heirs else since
        if now < due:
            self._review_at = min(self._review_at, Instant(due))
        elif self._may_ask(now):
            self._ask(Release(wish.group, mine.node, mine.life, record.term), now, out)

    def _ask(self, request: Request, now: Instant, out: list[Effect]) -> None:
        subject = _subject(request)
        if subject in self._pending:
            return
        self._op += 1
        self._pending[subject] = _Pending(self._op, request, now)
        out.append(AskArbiter(self._op, request))

    def _may_ask(self, now: Instant) -> bool:
        """Whether the arbiter answers, and has answered since an outcome was lost."""
        return self._answered_at > self._failed_at and not self._silent(now)

    def _silent(self, now: Instant) -> bool:
        return now - self._answered_at > self._patience

    @property
    def _patience(self) -> Duration:
        """How long the arbiter may be silent before its silence restarts every clock."""
        return Duration(3 * self._members.model.timing.keepalive)

    @property
    def busy(self) -> bool:
        """Whether time alone may lead to a request."""
        return bool(self._idle)

    @property
    def away(self) -> bool:
        """Whether it has been silent for longer than this node waits for it."""
        return self._away

    def next_deadline(self) -> Instant:
        """Return when a request is given up, a record has stood still for long enough ..."""
        away = NEVER if self._away else self._answered_at + self._patience + 1
        limit = self._members.model.timing.deadtime
        asked = [pending.asked_at + limit for pending in self._pending.values()]
        return Instant(min(away, self._review_at, *asked))

    # What is answered.

    def time_passed(self, now: Instant, out: list[Effect]) -> None:
        """Give up what is not answered, and say when the arbiter is away."""
        limit = self._members.model.timing.deadtime
        for pending in list(self._pending.values()):
            if now - pending.asked_at >= limit:
                self._fail(pending, f"no answer in {readable(limit)}", now, out)
        if self._silent(now) and not self._away:
            self._away = True
            silence = now - self._answered_at
            because = f"no answer for {readable(silence)}: {self._why}"
            evidence = {"silence_ms": in_ms(silence)}
            out.append(Record(What.ARBITER_AWAY, because, evidence=evidence))

    def take(self, outcome: Outcome, now: Instant, out: list[Effect]) -> bool | None:
        """Take in a reply, or that there will be none."""
        if not isinstance(outcome, ArbiterAnswered | ArbiterFailed):
            return None
        pending = next((p for p in self._pending.values() if p.op == outcome.op), None)
        if pending is None:
            return None
        if isinstance(outcome, ArbiterFailed):
            return self._fail(pending, outcome.why, now, out)
        del self._pending[_subject(pending.request)]
        news = not isinstance(pending.request, Renew)
        if self._silent(now):
            self._unchanged.clear()
        self._answered_at, self._why = now, "its last answer was the last that came"
        if self._away:
            self._away, news = False, True
            out.append(Record(What.ARBITER_BACK, "it answers again"))
        if isinstance(pending.request, Depose) and not outcome.done:
            self._tell_refused(pending.request.node, outcome.records, out)
        return self._read(outcome.records, now, out) or news

    def _fail(self, pending: _Pending, why: str, now: Instant, out: list[Effect]) -> bool:
        """Note that an outcome is unknown; return whether more than a renewal was lost."""
        del self._pending[_subject(pending.request)]
        self._failed_at, self._why = now, why
        kind = type(pending.request).__name__.lower()
        because = f"whether it did the {kind} is not known: {why}"
        match pending.request:
            case Renew():
                return False
            case Depose(node):
                out.append(Record(What.ARBITER_FAILED, because, peer=node))
            case Take(group) | Release(group):
                out.append(Record(What.ARBITER_FAILED, because, group))
        return True

    def _read(self, records: Records, now: Instant, out: list[Effect]) -> bool:
        """Take in newer records; return whether anything but counters has changed."""
        before, told, news = self._records or Records(), len(out), False
        if self._records is not None and records.revision < before.revision:
            return False
        self._records = records
        for node, record in records.nodes.items():
            seen = self._unchanged.get(node)
            if seen is None or seen[0] != record.revision:
                self._unchanged[node] = (record.revision, now)
            news |= self._tell_node(node, before.nodes.get(node), record, out)
        for name, group in records.groups.items():
            self._tell_group(name, before.groups.get(name), group, out)
        own = self._own()
        if own is not None and own.life == self._members.mine.life and not own.deposed:
            promise = self._members.mine.promise(own.counter)
            self._granted = {name: promise for name in self._claims if self._owns(name)}
        return self._members.take_hearsay(_unclean(records)) or news or len(out) > told

    # Small things.

    def _own(self) -> NodeRecord | None:
        return self._node_record(self._members.me)

    def _node_record(self, node: NodeName) -> NodeRecord | None:
        return None if self._records is None else self._records.nodes.get(node)

    def _group_record(self, group: GroupName) -> GroupRecord | None:
        return None if self._records is None else self._records.groups.get(group)

    def _owns(self, group: GroupName) -> bool:
        """Whether the record is the one that this node's noted claim puts."""
        record, claim, mine = self._group_record(group), self._claims.get(group), self._members.mine
        if record is None or claim is None:
            return False
        return (record.owner, record.life, record.term) == (mine.node, mine.life, claim.term)

    def _record_of(self, group: GroupName) -> str:
        record = self._group_record(group)
        if record is None:
            return "there is none"
        if record.owner is None:
            return "it is free"
        return f"{record.owner} took it with term {record.term}"

    def flags(self) -> list[str]:
        """Return whether the arbiter answers, and whether it ended this life."""
        away = [f"arbiter away: {self._why}"] if self._away else []
        return away + (["deposed"] if self.outlived() is not None else [])

    def _tell_node(
        self, node: NodeName, before: NodeRecord | None, record: NodeRecord, out: list[Effect]
    ) -> bool:
        """Tell what became of a node's life; return whether it is another, or has ended."""
        same = before is not None and before.life == record.life
        if before is not None and same and before.deposed == record.deposed:
            return False
        evidence = {"generation": record.life.generation, "revision": record.revision}
        if record.deposed:
            mine = node == self._members.me
            what = What.NODE_DEPOSED if mine else What.PEER_DEPOSED
            why = "the arbiter's record says that this life of it is over"
            out.append(Record(what, why, peer=None if mine else node, evidence=evidence))
        elif not same and (node, record.life) == (self._members.me, self._members.mine.life):
            why = "the arbiter has this node's present life"
            out.append(Record(What.NODE_REGISTERED, why, evidence=evidence))
        return True

    @staticmethod
    def _tell_refused(node: NodeName, records: Records, out: list[Effect]) -> None:
        """Tell that a peer could not be deposed, unless another node was first."""
        record = records.nodes.get(node)
        if record is None or not record.deposed:
            why = "the arbiter refused to depose it: it renewed its record meanwhile"
            out.append(Record(What.ARBITER_FAILED, why, peer=node))

    def _tell_group(
        self, name: GroupName, before: GroupRecord | None, record: GroupRecord, out: list[Effect]
    ) -> None:
        if before is not None and before.revision == record.revision:
            return
        evidence = {
            "generation": record.life.generation,
            "term": record.term,
            "revision": record.revision,
        }
        because = f"the arbiter's record: {self._record_of(name)}"
        out.append(Record(What.GROUP_RECORD, because, name, record.owner, evidence))


def _subject(request: Request) -> _Subject:
    match request:
        case Renew(node) | Depose(node):
            return type(request), node
        case Take(group) | Release(group):
            return type(request), group


def _unclean(records: Records) -> Iterator[tuple[GroupName, NodeName]]:
    """Yield what a node left unclean in the life that owns it."""
    for node, record in records.nodes.items():
        for name in record.unclean:
            group = records.groups.get(name)
            if group is not None and (group.owner, group.life) == (node, record.life):
                yield name, node
