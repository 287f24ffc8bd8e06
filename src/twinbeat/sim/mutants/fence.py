"""Broken rules of the proof `fence` (protocol.md 2.5)."""

from collections.abc import Callable

from twinbeat.core.effects import Effect, ProveDead
from twinbeat.core.events import PeerProvenDead
from twinbeat.core.fencing import Fencing
from twinbeat.core.liveness import PeerWatch
from twinbeat.core.model import Proof
from twinbeat.core.proofs import Outcome, PeerProof
from twinbeat.core.units import Instant

from .base import Mutant, Patch, constant

Take = Callable[[Fencing, Outcome, Instant, list[Effect]], bool | None]


def _confirmed_once(self: Fencing, peer: PeerWatch) -> bool:
    return peer.node in self._confirmed


def _failure_confirms(real: Take) -> Take:
    def take(self: Fencing, outcome: Outcome, now: Instant, out: list[Effect]) -> bool | None:
        if not isinstance(outcome, PeerProvenDead) and hasattr(outcome, "node"):
            outcome = PeerProvenDead(outcome.op, outcome.node)
        return real(self, outcome, now, out)

    return take


def _ordered_is_confirmed(
    real: Callable[..., None],
) -> Callable[..., None]:
    def order(self: Fencing, peer: PeerWatch, *rest: object) -> None:
        real(self, peer, *rest)
        self._confirmed[peer.node] = (peer.life, peer.seq)

    return order


def _orders_nothing(real: Callable[..., None]) -> Callable[..., None]:
    def step(self: Fencing, wishes: object, now: Instant, out: list[Effect]) -> None:
        real(self, wishes, now, out)
        out[:] = [effect for effect in out if not isinstance(effect, ProveDead)]

    return step


MUTANTS = (
    Mutant(
        name="silence-is-enough",
        breaks="a silent peer is dead without the word of a device",
        patches=(Patch(Fencing, "judge", lambda _: PeerProof.judge),),
        proof=Proof.FENCE,
    ),
    Mutant(
        name="confirmed-for-ever",
        breaks="a confirmation is not tied to the life that was known at the order",
        patches=(
            Patch(Fencing, "_is_confirmed", lambda _: _confirmed_once),
            constant(Fencing, "_revise", None),
        ),
        proof=Proof.FENCE,
    ),
    Mutant(
        name="failure-confirms",
        breaks="a device that says it could not is believed to have done it",
        patches=(Patch(Fencing, "take", _failure_confirms),),
        proof=Proof.FENCE,
        seeds=0,
    ),
    Mutant(
        name="ordered-is-confirmed",
        breaks="a peer is dead as soon as its fencing is ordered",
        patches=(Patch(Fencing, "_order", _ordered_is_confirmed),),
        proof=Proof.FENCE,
    ),
    Mutant(
        name="never-fences",
        breaks="no fencing is ever ordered",
        patches=(Patch(Fencing, "step", _orders_nothing),),
        proof=Proof.FENCE,
        seeds=0,
    ),
)
