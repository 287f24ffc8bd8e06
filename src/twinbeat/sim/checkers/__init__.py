"""The checkers: what the cluster promises, held against what its kernels do."""

from twinbeat.sim.watch import Watcher
from twinbeat.sim.world import World

from .bars import Bars
from .base import Checker, Phase, Violation
from .causes import Causes
from .copies import Copies
from .hearing import Hearing
from .in_place import InPlace
from .one_owner import OneOwner
from .placed import Placed
from .right import Right
from .ties import Ties
from .trust import Trust
from .unclean import Unclean

__all__ = ["Checker", "Phase", "Violation", "all_checkers"]


def all_checkers(world: World) -> tuple[list[Watcher], list[Checker]]:
    """Return everybody who has to look on, in this order, and the checkers among them.

    What the checkers share, they learn first: who heard what, and about whom a device lied.
    """
    hearing, trust = Hearing(world), Trust(world)
    bars = Bars(world, hearing)
    checkers: list[Checker] = [
        OneOwner(world, hearing, trust),
        Right(world, hearing, trust),
        Unclean(world, hearing),
        Copies(world, hearing),
        InPlace(world, hearing),
        bars,
        Ties(world, hearing),
        Placed(world, hearing),
        Causes(world, hearing, bars),
    ]
    return [hearing, trust, *checkers], checkers
