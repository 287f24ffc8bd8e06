"""What counts as proof that a peer is dead (protocol.md 2.5): one interface, one class a proof.

*Dead* is a judgement, a *proof* is what lets this node start what the peer held. The rule of every
proof comes first: silence beyond the limit, and no node that is heard still hears the peer. For the
proof `peer` that is all, and it is the class here; `fencing` and `arbiter` ask somebody besides.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from .beat import Custody
from .effects import Effect
from .events import ArbiterAnswered, ArbiterFailed, PeerProvenDead, ProofFailed
from .liveness import Liveness, PeerWatch
from .units import NEVER, GroupName, Instant, NodeName
from .value import value

if TYPE_CHECKING:
    from .membership import Membership

Outcome = PeerProvenDead | ProofFailed | ArbiterAnswered | ArbiterFailed


@value()
class Verdict:
    """Whether a peer is proven dead, and the sentence that says why or what is missing."""

    proven: bool
    why: str


@value(kw_only=True)
class Wish:
    """What one group of this node asks of the proof now."""

    group: GroupName
    custody: Custody
    doubts: tuple[NodeName, ...] = ()
    """Silent peers that only a proof of their death takes out of this node's way to the group."""
    ready: bool = False
    """Whether nothing else is missing for the start that this node claims."""


def heard_by(peer: PeerWatch, peers: Iterable[PeerWatch]) -> NodeName | None:
    """Return another peer that is heard and hears this one, or None."""
    for other in peers:
        if other is not peer and other.heard and other.beat is not None:
            ack = other.beat.acks.get(peer.node)
            if ack is not None and ack.hears:
                return other.node
    return None


def silent_everywhere(peer: PeerWatch, peers: Iterable[PeerWatch]) -> Verdict:
    """Judge what every proof needs: silence here, and nobody heard who still hears the peer."""
    if peer.liveness is not Liveness.SILENT:
        return Verdict(False, f"{peer.node} is {peer.liveness}, not silent")
    if (other := heard_by(peer, peers)) is not None:
        return Verdict(False, f"{other} still hears {peer.node}")
    return Verdict(True, f"{peer.node} is silent and nobody hears it")


class PeerProof:
    """`peer`: silence everywhere is proof enough. It cannot tell a cut cable from a dead node.

    It asks nobody, so most of its answers are "nothing": the other proofs replace what they must.
    """

    lit = "the peers acknowledge again"
    """Why a group that was dark is served again."""
    silence_suffices = True
    """Whether a peer may start a group on silence alone, once it no longer hears its owner."""

    def __init__(self, members: "Membership") -> None:
        self._members = members

    def judge(self, peer: PeerWatch, _group: GroupName) -> Verdict:
        """Return whether nothing that a silent peer held of a group stands in the way any more."""
        return silent_everywhere(peer, self._members)

    # What a third party adds to a claim and to a lease.

    def term(self, _group: GroupName) -> int:
        """Return the highest term of a group that is known otherwise than from peers."""
        return 0

    def bar(self, group: GroupName) -> str | None:
        """Return why this node may not claim a group now, or None."""

    def claim(self, group: GroupName, term: int) -> None:
        """Note that this node claims a group from now on, with this term."""

    def void(self, group: GroupName) -> str | None:
        """Return why the claim that was noted can no longer succeed, or None."""

    def refusal(self, group: GroupName) -> str | None:
        """Return what a claim that every peer allows still waits for, or None."""

    def revoked(self, group: GroupName) -> str | None:
        """Return why this node must stop a group that it started by its noted claim, or None."""

    def granted_until(self, group: GroupName) -> Instant | None:
        """Return until when a third party lets this node serve a group; None: there is none."""

    # What is ordered of others, and what comes of it.

    def step(self, wishes: Sequence[Wish], now: Instant, out: list[Effect]) -> None:
        """Order what the groups of this node need."""

    def spoke(self, now: Instant, out: list[Effect]) -> None:
        """A heartbeat leaves now: do what belongs to every one."""

    def time_passed(self, now: Instant, out: list[Effect]) -> None:
        """Let the deadlines of what was asked lapse."""

    def take(self, outcome: Outcome, now: Instant, out: list[Effect]) -> bool | None:
        """Take in what came of an order; return whether it is news, None when it is stale."""

    def vouch(self, peer: PeerWatch, out: list[Effect]) -> None:
        """Take an operator's word that a peer which is not heard is off."""

    def next_deadline(self) -> Instant:
        """Return when time alone changes something here."""
        return NEVER

    @property
    def busy(self) -> bool:
        """Whether the groups are looked at at every event, for time alone may change them."""
        return False

    @property
    def away(self) -> bool:
        """Whether a third party that every claim needs does not answer this node."""
        return False

    def outlived(self) -> int | None:
        """Return the generation that a new life must exceed once this one is over, or None."""

    def flags(self) -> list[str]:
        """Return what an administrator should see of it."""
        return []
