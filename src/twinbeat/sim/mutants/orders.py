"""Broken rules about what operators order, and who is placed (protocol.md 2.8)."""

from collections.abc import Callable, Mapping

from twinbeat.core import candidates, command, facts, orders
from twinbeat.core.beat import Beat, Pin, Switch
from twinbeat.core.connectivity import Connectivity
from twinbeat.core.effects import Effect
from twinbeat.core.engine import Engine
from twinbeat.core.units import Duration, NodeName

from .base import Mutant, Patch, constant

Adopt = Callable[[Engine, Beat], list[Effect]]


def _pins_stay(real: Adopt) -> Adopt:
    def adopt(self: Engine, beat: Beat) -> list[Effect]:
        pins = {name: group.pin for name, group in self.groups.items()}
        effects = real(self, beat)
        for name, pin in pins.items():
            self.groups[name].pin = pin
        return effects

    return adopt


def _nothing_spreads(
    _own: dict[NodeName, Switch], _heard: Mapping[NodeName, Switch]
) -> list[NodeName]:
    return []


MUTANTS = (
    Mutant(
        name="pins-not-merged",
        breaks="an operator's move is known to the node that took the command only",
        patches=(Patch(facts, "adopt", _pins_stay),),
        seeds=0,
    ),
    Mutant(
        name="orders-without-echo",
        breaks="an order is adopted from a beat that does not echo this node, as no recording does",
        patches=(constant(command, "_perhaps_recorded", False),),
        seeds=0,
    ),
    Mutant(
        name="standby-not-spread",
        breaks="standby is known to the node that took the command only",
        patches=(Patch(orders, "merge", lambda _: _nothing_spreads),),
        seeds=0,
    ),
    Mutant(
        name="pin-ignored",
        breaks="placement does not ask where an operator moved a group",
        patches=(
            Patch(
                candidates,
                "place",
                lambda real: (
                    lambda spec, those, owner, _pin, frozen: real(spec, those, owner, Pin(), frozen)
                ),
            ),
        ),
        seeds=0,
    ),
    Mutant(
        name="pin-outlives-its-node",
        breaks="a pin does not end with its node's death, leave or standby",
        patches=(constant(candidates, "void_pin", None),),
        seeds=0,
    ),
    Mutant(
        name="better-connected-node-ignored",
        breaks="placement does not ask who sees more ping nodes",
        patches=(constant(Connectivity, "outdone", {}),),
        seeds=0,
    ),
    Mutant(
        name="difference-does-not-settle",
        breaks="a difference of ping nodes counts at once, not after two keepalives",
        patches=(Patch(Connectivity, "_settling", lambda _: property(lambda _self: 0)),),
        seeds=0,
    ),
    Mutant(
        name="failback-into-the-dark",
        breaks="the preferred owner gets a group back before it has said which ping nodes it sees",
        patches=(constant(Connectivity, "unsure", Duration(0)),),
        seeds=0,
    ),
)
