"""What every agent can do. All verbs are safe to repeat, in any order."""

from collections.abc import Callable
from typing import Protocol

Log = Callable[[str, str], None]
"""`log(level, text)`; levels are Heartbeat's: `CRIT`, `ERROR`, `WARN`, `info`, `debug`."""


class AgentError(Exception):
    """The resource could not be brought to the wanted state; the text says why, for a person."""


class Agent(Protocol):
    """One resource on this node. Every call is bounded by the resource's own timeouts."""

    name: str
    """The resource as the administrator wrote it."""

    async def start(self) -> None:
        """Bring the resource up; raises `AgentError`. A virtual IP stays silent until served."""

    async def stop(self) -> None:
        """Take the resource down, also when it is down already; raises `AgentError`."""

    async def running(self) -> bool:
        """Ask the machine, not the memory; raises `AgentError` when that cannot be told."""
