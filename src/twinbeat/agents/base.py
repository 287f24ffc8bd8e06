"""What every agent can do. All verbs are safe to repeat, in any order."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from twinbeat.core.units import SECOND, Duration

Log = Callable[[str, str], None]
"""`log(level, text)`; levels are Heartbeat's: `CRIT`, `ERROR`, `WARN`, `info`, `debug`."""

USUAL_INTERVAL = Duration(10 * SECOND)
"""Between two looks, where neither the configuration nor the agent says another."""

RARE_INTERVAL = Duration(60 * SECOND)
"""The same, where the system tells of an end by itself and a look would find nothing more."""


class AgentError(Exception):
    """The resource could not be brought to the wanted state; the text says why, for a person."""


class Found(StrEnum):
    """What a look at a resource found."""

    RUNNING = "running"
    STOPPED = "stopped"
    FAILED = "failed"
    """It is there and broken, or nobody can tell: it may hold what another node needs."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to one look."""

    found: Found
    reason: str = ""
    """Why it failed, or how it is known to be stopped, for a person."""
    seconds: float = 0.0
    """How long the look took, without the wait for its turn."""
    answered: bool = True
    """Whether there was an answer: a look that overran, or could not be made, confirms nothing."""


class Agent(Protocol):
    """One resource on this node. Every call is bounded by the resource's own timeouts."""

    name: str
    """The resource as the administrator wrote it."""

    async def start(self) -> None:
        """Bring the resource up; raises `AgentError`. A virtual IP stays silent until served."""

    async def stop(self) -> None:
        """Take the resource down, also when it is down already; raises `AgentError`."""

    async def monitor(self, depth: int = 0, *, urgent: bool = False) -> Outcome:
        """Ask the machine, not the memory; `depth` 0 is the cheapest look (OCF_CHECK_LEVEL).

        One that is `urgent`, because something happened, does not queue behind those that are not.
        """

    async def changed(self) -> str:
        """Return as soon as the system tells that the resource may have died, and say what it told.

        The system need not tell of everything, and where it tells of nothing this never returns.
        """

    async def interval(self, depth: int = 0) -> Duration:
        """Return how often to look at that depth, where the configuration does not say it."""

    @property
    def watched(self) -> str:
        """How the system tells of a change: `process 4711`, `D-Bus`; empty while it does not."""

    @property
    def doubtful(self) -> bool:
        """Whether its looks count only once one has said, after a start, that it runs."""
