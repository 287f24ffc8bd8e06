"""A mutant: one rule of the core, broken from outside for the time of a run."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from twinbeat.core.model import Proof
from twinbeat.core.units import MS, Duration
from twinbeat.sim.care import Care
from twinbeat.sim.faults import FaultKind
from twinbeat.sim.options import Options, scaled

_MISSING = object()

HASTE = 100 * MS
"""The keepalive of a hasty run."""


@dataclass(frozen=True, slots=True)
class Patch:
    """One attribute of a class or module, and what it becomes."""

    owner: object
    name: str
    make: Callable[[Any], Any]
    """Is given the rule as it stands and returns the broken one."""

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the broken rule in place, and the real one back."""
        own = vars(self.owner).get(self.name, _MISSING)
        setattr(self.owner, self.name, self.make(getattr(self.owner, self.name)))
        try:
            yield
        finally:
            if own is _MISSING:
                delattr(self.owner, self.name)
            else:
                setattr(self.owner, self.name, own)


def constant(owner: object, name: str, value: object) -> Patch:
    """Have a function return always the same."""
    return Patch(owner, name, lambda _: lambda *_args, **_words: value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One broken rule."""

    name: str
    breaks: str
    """The broken rule in a sentence."""
    patches: tuple[Patch, ...]
    proof: Proof = Proof.PEER
    nodes: int = 2
    faults: tuple[FaultKind, ...] = ()
    """The faults that find it, when there are few; empty: all that a seed draws."""
    care: Care | None = None
    """How resources must be looked after, when it takes more than what a seed draws."""
    differing: bool = False
    """Whether it takes nodes whose configurations name different preferred owners."""
    hasty: bool = False
    """Whether it takes a keepalive that is not long beside the delays of the network."""
    first: int = 1
    """The first of the seeds that are tried."""
    seeds: int = 40
    """Within how many seeds the checkers complain; 0: only a directed schedule catches it."""

    def tuned(self, options: Options) -> Options:
        """Return drawn options with what it takes to find this mutant soon."""
        if self.hasty:
            timing = scaled(options.timing, HASTE, options.timing.keepalive)
            options = replace(options, timing=timing)
        if self.faults:
            mix = tuple((kind, 1) for kind in self.faults)
            gap = Duration(3 * options.timing.deadtime)
            options = replace(options, mix=mix, gap=gap, troubles=())
        if self.care is not None:
            options = replace(options, care=self.care)
        return replace(options, differing=options.differing or self.differing)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Break the rule for as long as this lasts."""
        with ExitStack() as patches:
            for patch in self.patches:
                patches.enter_context(patch.applied())
            yield
