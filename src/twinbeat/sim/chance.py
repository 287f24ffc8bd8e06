"""All chance of a run, from one seed: a stream for each purpose, so that none disturbs another."""

from random import Random


class Chance:
    """The streams of one seed.

    Whoever draws asks for whole numbers (`randrange`, `choice`), so that a run is the same on every
    machine.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def stream(self, name: str) -> Random:
        """Return a fresh stream: the same seed and name give the same numbers, in any process."""
        return Random(f"{self.seed} {name}")
