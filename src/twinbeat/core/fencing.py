"""The proof `fence`: a peer is dead when a device confirmed that it is off (protocol.md 2.5).

A device is asked only for a peer that stands between this node and a group it is placed for, one
order at a time, and again after a pause when it fails. What it confirms holds for the life that was
known at the order, and only until the peer is heard again: a later life needs a new order, and a
beat of the same life shows that the device was wrong, or was very late itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .beat import Custody, Life
from .effects import Effect, ProveDead, Record, What
from .events import PeerProvenDead, ProofFailed
from .liveness import PeerWatch
from .model import ClusterModel
from .proofs import Outcome, PeerProof, Verdict, Wish, silent_everywhere
from .text import times
from .units import NEVER, SECOND, Duration, GroupName, Instant, NodeName, in_ms, readable

if TYPE_CHECKING:
    from .membership import Membership

PATIENCE = Duration(60 * SECOND)
"""An order that is not answered for so long has failed."""
LONGEST_PAUSE = Duration(60 * SECOND)
"""Pauses between orders double from one deadtime up to this (or to one deadtime if longer)."""


@dataclass(slots=True)
class _Case:
    """One peer that has to be proven dead."""

    life: Life
    """The life that has to end."""
    due: Instant
    """When the next order is given."""
    op: int = 0
    """Of the order that is under way; 0: none is."""
    ordered_at: Instant = NEVER
    failures: int = 0
    why: str = ""

    @property
    def state(self) -> str:
        """What becomes of it, as the end of a sentence."""
        failed = f"failed {times(self.failures)} ({self.why})" if self.failures else ""
        if self.op:
            return f"its fencing is under way{failed and ', it ' + failed}"
        return f"its fencing {failed or 'waits for the node that is preferred'}"


class Fencing(PeerProof):
    """The orders to fencing devices, and what they confirmed."""

    silence_suffices = False

    def __init__(self, members: "Membership") -> None:
        super().__init__(members)
        self._cases: dict[NodeName, _Case] = {}
        self._confirmed: dict[NodeName, tuple[Life, int]] = {}
        """The life that was ended, and the last beat of it that was taken in."""
        self._barred: set[NodeName] = set()
        """Peers that are in the way and may not be fenced, for none was heard in this life."""
        self._op = 0

    def judge(self, peer: PeerWatch, _group: GroupName) -> Verdict:
        """Judge by silence and a device's word for this very life."""
        verdict = silent_everywhere(peer, self._members)
        if not verdict.proven:
            return verdict
        if self._is_confirmed(peer):
            return Verdict(True, f"{peer.node} is silent and was confirmed off")
        if (case := self._cases.get(peer.node)) is not None:
            return Verdict(False, f"{peer.node} is silent; {case.state}")
        return Verdict(False, f"{peer.node} is silent and not confirmed off{self._bar()}")

    def step(self, wishes: Sequence[Wish], now: Instant, out: list[Effect]) -> None:
        """Order the fencing of every peer that is in the way and is not dealt with yet."""
        self._revise(out)
        wanted = {node for wish in wishes for node in wish.doubts}
        for node in [n for n, case in self._cases.items() if n not in wanted and not case.op]:
            del self._cases[node]
        self._barred &= wanted
        for node in sorted(wanted):
            peer = self._members.peers[node]
            if not self._may_order():
                self._tell_barred(node, out)
                continue
            if node not in self._cases:
                self._cases[node] = _Case(peer.life, Instant(now + self._head_start(peer)))
            case = self._cases[node]
            if not case.op and now >= case.due:
                self._order(peer, case, now, out)

    def time_passed(self, now: Instant, out: list[Effect]) -> None:
        """Give up orders that nobody answers."""
        for node, case in self._cases.items():
            if case.op and now - case.ordered_at >= PATIENCE:
                self._fail(node, case, f"no answer in {readable(PATIENCE)}", now, out)

    def take(self, outcome: Outcome, now: Instant, out: list[Effect]) -> bool | None:
        """Take in a device's answer."""
        if not isinstance(outcome, PeerProvenDead | ProofFailed):
            return None
        case, peer = self._cases.get(outcome.node), self._members.peers.get(outcome.node)
        if case is None or peer is None or case.op != outcome.op:
            return None
        if isinstance(outcome, ProofFailed):
            self._fail(outcome.node, case, outcome.why, now, out)
        else:
            del self._cases[outcome.node]
            self._confirm(peer, case, now, out)
        return True

    def vouch(self, peer: PeerWatch, out: list[Effect]) -> None:
        """An operator says what the device would: an order that is under way is not needed."""
        self._cases.pop(peer.node, None)
        self._barred.discard(peer.node)
        self._confirmed[peer.node] = (peer.life, peer.seq)
        evidence = {"generation": peer.life.generation}
        why = "an operator confirmed that it is off"
        out.append(Record(What.FENCING_CONFIRMED, why, peer=peer.node, evidence=evidence))

    def next_deadline(self) -> Instant:
        """Return when the next order is due, or one that is under way is given up."""
        deadlines = (
            Instant(case.ordered_at + PATIENCE) if case.op else case.due
            for case in self._cases.values()
        )
        return min(deadlines, default=NEVER)

    @property
    def busy(self) -> bool:
        """Whether a peer is being dealt with."""
        return bool(self._cases)

    def flags(self) -> list[str]:
        """Return the peers that are not proven dead, and why."""
        cases = [f"unfenced: {node}: {case.state}" for node, case in self._cases.items()]
        return cases + [f"unfenced: {node}{self._bar()}" for node in sorted(self._barred)]

    # How it is done.

    def _is_confirmed(self, peer: PeerWatch) -> bool:
        return self._confirmed.get(peer.node) == (peer.life, peer.seq)

    def _may_order(self) -> bool:
        """Whether a peer may be fenced: who never heard anybody may itself be the one cut off."""
        heard = any(peer.beat is not None for peer in self._members)
        return heard or self._members.model.startup_fencing

    def _bar(self) -> str:
        if self._may_order():
            return ""
        return "; no peer was heard since this node started, so none is fenced"

    def _head_start(self, peer: PeerWatch) -> Duration:
        """Return how long the order waits: of two nodes that would fence each other, one does.

        Two nodes that lose each other judge it within a keepalive and the quiet time of each other,
        which is less than a deadtime. Who comes later in the order of preference waits that long:
        the rest of it is what the other's device has to cut this node off. A peer that owned
        everything it may run, or cannot start it, has nobody to fence and is not waited for.
        """
        members = self._members
        rivals = [g for g in members.model.groups if peer.node in g.nodes]
        settled = (Custody.STARTING, Custody.HELD, Custody.UNCLEAN)
        if all(peer.custody(group.name) in settled for group in rivals):
            return Duration(0)
        order = _preference(members.model, members.me, peer.node)
        first = order.index(members.me) < order.index(peer.node)
        return Duration(0) if first else members.model.timing.deadtime

    def _order(self, peer: PeerWatch, case: _Case, now: Instant, out: list[Effect]) -> None:
        self._op += 1
        case.op, case.ordered_at, case.life = self._op, now, peer.life
        why = "it is silent, and what it may hold is needed here"
        evidence = {"generation": case.life.generation, "attempt": case.failures + 1}
        out.append(ProveDead(case.op, peer.node, case.life))
        out.append(Record(What.FENCING_ORDERED, why, peer=peer.node, evidence=evidence))

    def _confirm(self, peer: PeerWatch, case: _Case, now: Instant, out: list[Effect]) -> None:
        took = now - case.ordered_at
        evidence: dict[str, object] = {
            "generation": case.life.generation,
            "took_ms": in_ms(took),
            "attempt": case.failures + 1,
        }
        if case.life != peer.life:
            why = f"generation {case.life.generation} is off, but a later life was heard meanwhile"
            out.append(Record(What.FENCING_VOID, why, peer=peer.node, evidence=evidence))
            return
        self._confirmed[peer.node] = (peer.life, peer.seq)
        for group in self._members.model.groups:
            self._members.vouch(group.name, peer.node)
        why = f"the device confirmed after {readable(took)} that it is off"
        out.append(Record(What.FENCING_CONFIRMED, why, peer=peer.node, evidence=evidence))

    def _fail(self, node: NodeName, case: _Case, why: str, now: Instant, out: list[Effect]) -> None:
        deadtime = self._members.model.timing.deadtime
        pause = min(deadtime << min(case.failures, 32), max(deadtime, LONGEST_PAUSE))
        case.op, case.due = 0, Instant(now + pause)
        case.failures, case.why = case.failures + 1, why
        evidence = {
            "took_ms": in_ms(now - case.ordered_at),
            "attempt": case.failures,
            "pause_ms": in_ms(pause),
        }
        out.append(Record(What.FENCING_FAILED, why, peer=node, evidence=evidence))

    def _revise(self, out: list[Effect]) -> None:
        """Forget what a newer beat has made void, and who is configured no more."""
        peers = self._members.peers
        for node in [n for n in self._cases if n not in peers]:
            del self._cases[node]
        for node in list(self._confirmed):
            peer = peers.get(node)
            if peer is not None and self._is_confirmed(peer):
                continue
            life, _ = self._confirmed.pop(node)
            if peer is None:
                continue
            why = "it is heard in a later life"
            if peer.life == life:
                why = "it is heard although it was confirmed off: look at its fencing device"
            out.append(Record(What.FENCING_VOID, why, peer=node))

    def _tell_barred(self, node: NodeName, out: list[Effect]) -> None:
        if node in self._barred:
            return
        self._barred.add(node)
        why = "no peer was heard since this node started: it may be this node that is cut off"
        out.append(Record(What.FENCING_BARRED, why, peer=node))


def _preference(model: ClusterModel, one: NodeName, other: NodeName) -> tuple[NodeName, ...]:
    """Return the order of the first group that both may run, or of the cluster."""
    orders = (group.nodes for group in model.groups)
    shared = (nodes for nodes in orders if one in nodes and other in nodes)
    return next(shared, model.nodes)
