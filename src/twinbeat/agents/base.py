"""What every agent can do. All verbs are safe to repeat, in any order."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

Log = Callable[[str, str], None]
"""`log(level, text)`; levels are Heartbeat's: `CRIT`, `ERROR`, `WARN`, `info`, `debug`."""


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


class Agent(Protocol):
    """One resource on this node. Every call is bounded by the resource's own timeouts."""

    name: str
    """The resource as the administrator wrote it."""

    async def start(self) -> None:
        """Bring the resource up; raises `AgentError`. A virtual IP stays silent until served."""

    async def stop(self) -> None:
        """Take the resource down, also when it is down already; raises `AgentError`."""

    async def monitor(self, depth: int = 0) -> Outcome:
        """Ask the machine, not the memory; `depth` 0 is the cheapest look (OCF_CHECK_LEVEL)."""


@runtime_checkable
class Noticing(Protocol):
    """An agent that hears of changes by itself, and so need not be asked at an interval only."""

    async def changed(self) -> None:
        """Return as soon as something says that the resource may have changed."""
