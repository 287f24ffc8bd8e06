"""What counts as proof that a peer is dead (protocol.md 2.5): one interface, one rule a proof.

*Dead* is a judgement, a *proof* is what lets this node start what the peer held. The rule of every
proof comes first: silence beyond the limit, and no node that is heard still hears the peer.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from .liveness import Liveness, PeerWatch
from .model import Proof


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a peer is proven dead, and the sentence that says why or what is missing."""

    proven: bool
    why: str


class ProofRule(Protocol):
    """One kind of proof."""

    def judge(self, peer: PeerWatch, others: Iterable[PeerWatch]) -> Verdict:
        """Judge a peer; `others` are the remaining peers, whose hearing may veto."""


def silent_everywhere(peer: PeerWatch, others: Iterable[PeerWatch]) -> Verdict:
    """Judge what every proof needs: silence here, and nobody heard who still hears the peer."""
    if peer.liveness is not Liveness.SILENT:
        return Verdict(False, f"{peer.node} is {peer.liveness}, not silent")
    for other in others:
        if other.heard and other.beat is not None:
            ack = other.beat.acks.get(peer.node)
            if ack is not None and ack.hears:
                return Verdict(False, f"{other.node} still hears {peer.node}")
    return Verdict(True, f"{peer.node} is silent and nobody hears it")


class PeerProof:
    """`peer`: silence everywhere is proof enough. It cannot tell a cut cable from a dead node."""

    def judge(self, peer: PeerWatch, others: Iterable[PeerWatch]) -> Verdict:
        """Judge by silence alone."""
        return silent_everywhere(peer, others)


RULES: dict[Proof, ProofRule] = {Proof.PEER: PeerProof()}
