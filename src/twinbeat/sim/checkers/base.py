"""What every checker is: one who looks on, complains, and counts apart what a limit covers."""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from twinbeat.core.units import MS, Duration, Instant
from twinbeat.sim.watch import Watcher
from twinbeat.sim.world import World

from .hearing import Hearing

MOST_COMPLAINTS = 20
"""A rule that is broken at every step is told often enough by these."""


class Phase(StrEnum):
    """The parts of a run, in their order."""

    SETTLING = "settling"
    """The nodes boot, and the groups start for the first time."""
    FAULTY = "faulty"
    """Anything may happen."""
    TIDYING = "tidying"
    """Every fault is ended; an operator lifts what is left of them."""
    HEALING = "healing"
    """Nothing is left; the bound of L1 runs."""
    QUIET = "quiet"
    """The bound has passed: nothing may move any more."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken promise."""

    checker: str
    at: Instant
    """True time in the world."""
    says: str

    def __str__(self) -> str:
        """Return it as one line."""
        return f"{self.at / MS:.3f} ms {self.checker}: {self.says}"


class Checker(Watcher):
    """Holds the cluster to one promise (protocol.md 3).

    It looks at what the kernels answer for and run, and at which beats came in; never at what a
    node believes.
    """

    name: ClassVar[str]

    def __init__(self, world: World, hearing: Hearing) -> None:
        self.world = world
        self.hearing = hearing
        self.violations: list[Violation] = []
        self.apart: dict[str, Duration] = {}
        """How long, by stated limit, the promise did not hold where it was not given."""
        self.apart_count: Counter[str] = Counter()
        """How often that was."""

    def enter(self, phase: Phase) -> None:
        """Learn that a part of the run begins."""

    def finish(self) -> None:
        """Judge what is still open at the end of the run."""

    def complain(self, says: str) -> None:
        """Note a broken promise."""
        if len(self.violations) < MOST_COMPLAINTS:
            self.violations.append(Violation(self.name, self.world.now, says))

    def set_apart(self, limit: str, span: int = 0) -> None:
        """Count what a stated limit covers, so that it is reported and not forgotten."""
        self.apart[limit] = Duration(self.apart.get(limit, 0) + span)
        self.apart_count[limit] += 1
