"""Broken rules about what a new daemon finds running, and about groups that keep to others."""

from twinbeat.core import adoption, ties
from twinbeat.core.beat import Custody
from twinbeat.core.model import Proof
from twinbeat.sim.faults import FaultKind

from .base import Mutant, Patch, constant

MUTANTS = (
    Mutant(
        name="adopter-holds-nothing",
        breaks="who has found a group running tells the others that they may start it",
        patches=(Patch(Custody.ADOPTING, "holds", lambda _: False),),
        proof=Proof.FENCE,
        faults=(FaultKind.KILL, FaultKind.HANDOVER, FaultKind.FAILBACK, FaultKind.ENABLED_AT_BOOT),
        differing=True,
        seeds=20,
    ),
    Mutant(
        name="adopter-ignores-holder",
        breaks="what was found running is kept though another node has the group",
        patches=(constant(adoption, "_in_the_way", None), constant(adoption, "_ended", None)),
        seeds=0,
    ),
    Mutant(
        name="after-ignored",
        breaks="a group starts before the one that it comes after",
        patches=(constant(ties, "waits", None),),
        seeds=0,
    ),
    Mutant(
        name="neighbours-ignored",
        breaks="a group runs beside the one that it must not run beside",
        patches=(constant(ties, "bar", None),),
        seeds=0,
    ),
)
