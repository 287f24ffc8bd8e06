"""What this node knows of the groups in its custody, resource by resource."""

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum

from twinbeat.agents.base import Agent, Outcome
from twinbeat.core.model import GroupSpec, ResourceSpec
from twinbeat.core.units import Duration, Instant


class ResourceState(StrEnum):
    """What this node knows of one resource."""

    UNKNOWN = "unknown"
    STOPPED = "stopped"
    STARTING = "starting"
    STARTED = "started"
    STOPPING = "stopping"
    FAILED = "failed"


@dataclass(slots=True)
class Charge:
    """One resource in custody."""

    spec: ResourceSpec
    agent: Agent
    state: ResourceState = ResourceState.UNKNOWN
    reason: str = ""
    """Why it is failed, or was when it was looked at last; empty when all is well."""
    last: Outcome | None = None
    """What the newest look found."""
    looked: Instant | None = None
    """When that look ended."""
    interval: Duration | None = None
    """How often it is looked at, more or less; None while it is not."""
    next: Instant | None = None
    """When it is looked at again, if nothing is told before; None while it is not."""
    bad: int = 0
    """Bad looks in a row."""
    looks: "asyncio.Task[None] | None" = None

    @property
    def name(self) -> str:
        """The resource as the administrator wrote it."""
        return self.agent.name

    def fail(self, reason: str) -> None:
        """Note that it is not as it should be."""
        self.state, self.reason = ResourceState.FAILED, reason

    def settle(self, state: ResourceState) -> None:
        """Note that it is as it should be."""
        self.state, self.reason, self.bad = state, "", 0


@dataclass(slots=True)
class Ward:
    """One group in custody: its resources in the order of the configuration."""

    spec: GroupSpec
    charges: list[Charge]
    order: int = 0
    """The newest order's number."""
    task: "asyncio.Task[None] | None" = None
    before: "list[asyncio.Task[None]]" = field(default_factory=list)
    """Looks at the resources as they were configured before; they end with the next order."""

    @property
    def line(self) -> str:
        """The group as its line in haresources says it."""
        return " ".join((self.spec.preferred, *(each.name for each in self.spec.resources)))

    def named(self, names: tuple[str, ...]) -> list[Charge]:
        """Return the resources of these names, in the order of the configuration."""
        return [charge for charge in self.charges if charge.name in names]
