"""Who plays a round of the bench: one program on both nodes, or one on each."""

from dataclasses import dataclass
from typing import Protocol

from .contender import Contender
from .files import Timing
from .heartbeat_daemon import HeartbeatDaemon
from .topology import SEATS, Seat
from .twinbeat_daemon import TwinbeatDaemon


class Kind(Protocol):
    """Makes the daemon of a seat; every kind of contender does, for both."""

    @property
    def title(self) -> str:
        """What it is called in tables."""

    def __call__(self, seat: Seat, timing: Timing) -> Contender:
        """Return the daemon of that seat, not running."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One program on node1, another one on node2."""

    first: type[Contender]
    second: type[Contender]

    @property
    def title(self) -> str:
        """Both names, node1's first."""
        return f"{self.first.title}, {self.second.title}"

    def __call__(self, seat: Seat, timing: Timing) -> Contender:
        """Return the daemon of that seat."""
        return (self.first if seat == SEATS[0] else self.second)(seat, timing)


MIGRATION: tuple[Kind, ...] = (
    HeartbeatDaemon,
    Pair(HeartbeatDaemon, TwinbeatDaemon),
    Pair(TwinbeatDaemon, HeartbeatDaemon),
    TwinbeatDaemon,
)
"""What a cluster is while it is moved from Heartbeat to twinbeat, or back."""
