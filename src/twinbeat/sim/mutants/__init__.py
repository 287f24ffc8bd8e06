"""Mutants: broken rules, each of which the checkers must catch. They live beside the simulator.

Nothing in the product knows of them. `twinbeat sim --mutant NAME` plays one.
"""

from . import adoption, arbiter, custody, fence, orders, recovery, serving, silence
from .base import Mutant

_ALL = (
    *silence.MUTANTS, *custody.MUTANTS, *serving.MUTANTS, *orders.MUTANTS, *fence.MUTANTS,
    *arbiter.MUTANTS, *recovery.MUTANTS, *adoption.MUTANTS,
)  # fmt: skip

MUTANTS: dict[str, Mutant] = {mutant.name: mutant for mutant in _ALL}
"""By name, in the order of protocol.md's sections."""

__all__ = ["MUTANTS", "Mutant"]
