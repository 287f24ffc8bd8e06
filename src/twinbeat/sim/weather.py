"""The nature of a run: chance in everything that takes time or may be lost, within the options.

Every path and every node has streams of its own, and what a fault adds to a path is drawn from
another one: a fault that is left out changes as little else as can be.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from twinbeat.core.units import SECOND, US, Duration, Instant, LinkName, NodeName

from .chance import Chance
from .nature import ADDRESS, Nature
from .options import LINK, Options

LATE_COPY = 3 * SECOND
"""A second copy of a packet comes at most so much later."""
SLOW_WRITES = 200
"""One write of a lease in so many is slow."""


@dataclass(slots=True)
class PathWeather:
    """One direction between two nodes: its chance, and what the faults make of it now."""

    everyday: Random
    faulty: Random
    lost_in_a_row: int = 0
    loss: int = 0
    """Per cent, on top of the everyday loss and in runs of any length."""
    late: Duration = Duration(0)
    """A packet comes up to so much later."""
    twice: int = 0
    """Per cent of the packets come again."""
    clogged_until: Instant = Instant(0)
    """True time until which everything is held back."""


class Weather(Nature):
    """Chance, from the seed of the options."""

    def __init__(self, options: Options, chance: Chance) -> None:
        self.calm = False
        """Nothing is lost, nothing overtakes, nobody sleeps too long: the faults are over."""
        self.clock: Callable[[], Instant] = lambda: Instant(0)
        """True time, once there is a world."""
        self.neighbours = options.neighbours
        self._chance = chance
        self._skies = options.skies
        self._habits = options.habits
        self._margin = options.timing.margin
        self._ahead = dict(zip(options.names, options.ahead, strict=True))
        self.paths = {
            (sender, receiver, LINK): PathWeather(
                chance.stream(f"path {sender} {receiver}"),
                chance.stream(f"faults of path {sender} {receiver}"),
            )
            for sender in options.names
            for receiver in options.names
            if sender != receiver
        }
        self._agents = {name: chance.stream(f"agents of {name}") for name in options.names}
        self._looks = {name: chance.stream(f"looks of {name}") for name in options.names}
        self._daemons = {name: chance.stream(f"daemon of {name}") for name in options.names}

    def ahead(self, node: NodeName) -> Duration:
        """Return by how much a node's clock is ahead of true time when the world begins."""
        return self._ahead[node]

    def packet(self, sender: NodeName, receiver: NodeName, link: LinkName) -> Sequence[Duration]:
        """Return the delay of each copy that arrives."""
        path, skies = self.paths[sender, receiver, link], self._skies
        delay = skies.delay
        if self.calm:
            return (delay,)
        chance = path.everyday
        if skies.loss:
            if path.lost_in_a_row < skies.run and chance.randrange(100) < skies.loss:
                path.lost_in_a_row += 1
                return ()
            path.lost_in_a_row = 0
        if path.loss and path.faulty.randrange(100) < path.loss:
            return ()
        if skies.jitter:
            delay = Duration(delay + chance.randrange(skies.jitter))
        if path.late:
            delay = Duration(delay + path.faulty.randrange(path.late))
        if path.clogged_until:
            delay = Duration(max(delay, path.clogged_until - self.clock()))
        if skies.duplicates and chance.randrange(100) < skies.duplicates:
            return (delay, Duration(delay + chance.randrange(LATE_COPY)))
        if path.twice and path.faulty.randrange(100) < path.twice:
            return (delay, Duration(delay + path.faulty.randrange(LATE_COPY)))
        return (delay,)

    def address(self, node: NodeName) -> Duration:
        """Return how long it takes until an address is up."""
        return Duration(US + self._agents[node].randrange(2 * ADDRESS))

    def start(self, node: NodeName) -> Duration:
        """Return how long a start takes."""
        return self._about(self._habits.start, node)

    def stop(self, node: NodeName) -> Duration:
        """Return how long a stop takes."""
        return self._about(self._habits.stop, node)

    def look(self, node: NodeName, interval: Duration, first: bool) -> Duration:
        """Return the time until the next look at a resource: checks do not beat together."""
        tenth = interval // 10
        least = 0 if first else interval - tenth
        return Duration(least + self._looks[node].randrange(interval if first else 2 * tenth))

    def _about(self, usual: Duration, node: NodeName) -> Duration:
        least = usual // 4
        return Duration(least + self._agents[node].randrange(2 * usual - least))

    def oversleep(self, node: NodeName) -> Duration:
        """Return how much too late a daemon wakes."""
        most = self._habits.oversleep
        if self.calm or not most:
            return Duration(0)
        return Duration(self._daemons[node].randrange(most))

    def writing(self, node: NodeName) -> Duration:
        """Return how long it takes to write a lease: now and then too long."""
        daemon = self._daemons[node]
        if self.calm or daemon.randrange(SLOW_WRITES):
            return Duration(0)
        return Duration(daemon.randrange(self._margin))

    def stream(self, name: str) -> Random:
        """Return the chance in something else."""
        return self._chance.stream(name)
