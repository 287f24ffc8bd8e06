"""Carry out the core's orders about groups: start left to right, stop right to left, watch.

Each order is an asyncio task that ends in one event with the order's number. Orders for one group
run one after the other: a newer order makes a start end after the resource it is busy with, for a
script that is torn off half-way leaves nobody knows what; the scripts' own timeouts bound the
wait. A stop always runs to its end.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from twinbeat.agents.base import Agent, AgentError, Found, Log, Noticing, Outcome
from twinbeat.core.events import (
    Event,
    GroupStarted,
    GroupStartFailed,
    GroupStopFailed,
    GroupStopped,
    ResourceLooked,
)
from twinbeat.core.model import GroupSpec, ResourceSpec
from twinbeat.core.units import SECOND, Duration, GroupName

from .logs import tell_traceback


class ResourceState(StrEnum):
    """What this node knows of one resource."""

    UNKNOWN = "unknown"
    STOPPED = "stopped"
    STARTING = "starting"
    STARTED = "started"
    STOPPING = "stopping"
    FAILED = "failed"


@dataclass(slots=True)
class Ward:
    """One group in custody: its agents in the order of the configuration, and how they are."""

    spec: GroupSpec
    agents: Sequence[Agent]
    states: list[ResourceState]
    order: int = 0
    """The newest order's number."""
    task: "asyncio.Task[None] | None" = None
    monitors: "list[asyncio.Task[None]]" = field(default_factory=list)


class Custodian:
    """Every group this node ever started or cleared, and the orders under way."""

    def __init__(
        self,
        make_agent: Callable[[ResourceSpec], Agent],
        post: Callable[[Event], None],
        log: Log,
        up: Callable[[GroupName, Agent], None] = lambda _group, _agent: None,
    ) -> None:
        """`up(group, agent)` is called as soon as one resource of a group is started."""
        self._up = up
        self._make_agent = make_agent
        self._post = post
        self._log = log
        self._wards: dict[GroupName, Ward] = {}

    def clear(self, op: int, spec: GroupSpec) -> None:
        """Probe every resource, stop what runs; answered by GroupStopped or GroupStopFailed."""
        ward = self._take(spec)
        self._begin(op, ward, lambda: self._stop(op, ward, probe=True))

    def start(self, op: int, spec: GroupSpec) -> None:
        """Start every resource; answered by GroupStarted or GroupStartFailed."""
        ward = self._take(spec)
        self._begin(op, ward, lambda: self._start(op, ward))

    def stop(self, op: int, group: GroupName) -> None:
        """Stop every resource; answered by GroupStopped or GroupStopFailed."""
        ward = self._wards.get(group)
        if ward is None:
            why = "this node never probed it, so it cannot say what runs"
            self._post(GroupStopFailed(op, group, group, why))
            return
        self._begin(op, ward, lambda: self._stop(op, ward, probe=False))

    def groups(self) -> list[GroupName]:
        """Return every group that ever came into custody."""
        return list(self._wards)

    def agents(self, group: GroupName) -> Sequence[Agent]:
        """Return the agents of a group in custody; none when it never was."""
        ward = self._wards.get(group)
        return ward.agents if ward else ()

    def states(self, group: GroupName) -> dict[str, ResourceState]:
        """Return what is known of each resource of the group, by its name."""
        ward = self._wards.get(group)
        if ward is None:
            return {}
        return {agent.name: state for agent, state in zip(ward.agents, ward.states, strict=True)}

    async def close(self) -> None:
        """End all orders and monitors under way, without touching the resources."""
        tasks = [task for ward in self._wards.values() for task in (ward.task, *ward.monitors)]
        under_way = [task for task in tasks if task is not None]
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    def _take(self, spec: GroupSpec) -> Ward:
        """Return the group's ward, with new agents when its configuration is another one."""
        known = self._wards.get(spec.name)
        if known is not None and known.spec == spec:
            return known
        agents = [self._make_agent(resource) for resource in spec.resources]
        ward = Ward(spec, agents, [ResourceState.UNKNOWN] * len(agents))
        if known is not None:
            ward.task, ward.monitors, known.monitors = known.task, known.monitors, []
            known.order = -1
        self._wards[spec.name] = ward
        return ward

    def _begin(self, op: int, ward: Ward, work: Callable[[], Awaitable[Event | None]]) -> None:
        ward.order = op
        older = [task for task in (ward.task, *ward.monitors) if task is not None]
        for monitor in ward.monitors:
            monitor.cancel()
        ward.monitors = []

        async def carry_out() -> None:
            if older:
                await asyncio.wait(older)
            outcome = await work()
            if outcome is not None:
                self._post(outcome)

        ward.task = asyncio.create_task(carry_out(), name=f"{ward.spec.name}: order {op}")

    async def _start(self, op: int, ward: Ward) -> Event | None:
        group = ward.spec.name
        self._log("info", f"Acquiring resource group: {_line(ward.spec)}")
        for index, agent in enumerate(ward.agents):
            if ward.order != op:
                return None  # A stop is waiting; its answer is the one that counts.
            ward.states[index] = ResourceState.STARTING
            why = await self._attempt(agent, agent.start)
            if why is not None:
                ward.states[index] = ResourceState.FAILED
                self._log("ERROR", f"{group}: {agent.name} did not start: {why}")
                return GroupStartFailed(op, group, agent.name, why)
            ward.states[index] = ResourceState.STARTED
            self._up(group, agent)
        if ward.order == op:
            ward.monitors = [
                asyncio.create_task(self._watch(ward, index), name=f"{group}: monitor {index}")
                for index, resource in enumerate(ward.spec.resources)
                if resource.monitor
            ]
        return GroupStarted(op, group)

    async def _stop(self, op: int, ward: Ward, *, probe: bool) -> Event:
        """Stop right to left, also behind one that does not stop; the first failure is told."""
        group = ward.spec.name
        failure: GroupStopFailed | None = None
        if not probe:
            self._log("info", f"Releasing resource group: {_line(ward.spec)}")
        for index in reversed(range(len(ward.agents))):
            agent = ward.agents[index]
            if probe and not await self._may_run(agent):
                ward.states[index] = ResourceState.STOPPED
                continue
            if probe:
                self._log("WARN", f"{group}: {agent.name} may be running here; stopping it")
            ward.states[index] = ResourceState.STOPPING
            why = await self._attempt(agent, agent.stop)
            ward.states[index] = ResourceState.FAILED if why else ResourceState.STOPPED
            if why:
                self._log("ERROR", f"{group}: {agent.name} did not stop: {why}")
                failure = failure or GroupStopFailed(op, group, agent.name, why)
        return failure or GroupStopped(op, group)

    async def _may_run(self, agent: Agent) -> bool:
        """Whether the resource runs, or nobody can tell."""
        outcome = await self._look(agent)
        if outcome.found is Found.FAILED:
            self._log("WARN", f"{agent.name}: whether it runs cannot be told: {outcome.reason}")
        return outcome.found is not Found.STOPPED

    async def _watch(self, ward: Ward, index: int) -> None:
        """Ask a started resource at its interval whether it runs, until it does not."""
        agent, resource = ward.agents[index], ward.spec.resources[index]
        while True:
            await _pause(agent, resource.monitor or Duration(0))
            outcome = await self._look(agent, resource.depth)
            if outcome.found is not Found.RUNNING:
                break
        fell = outcome.found is Found.STOPPED
        why = "it was found not running" if fell else outcome.reason
        ward.states[index] = ResourceState.FAILED
        self._log("ERROR", f"{ward.spec.name}: {agent.name} failed: {why}")
        self._post(ResourceLooked(ward.spec.name, agent.name, running=False, why=why, sure=True))

    async def _look(self, agent: Agent, depth: int = 0) -> Outcome:
        """Ask an agent once; a fault of its own is an outcome as well."""
        outcome = Outcome(Found.FAILED)

        async def ask() -> None:
            nonlocal outcome
            outcome = await agent.monitor(depth)

        why = await self._attempt(agent, ask)
        return outcome if why is None else Outcome(Found.FAILED, why)

    async def _attempt(self, agent: Agent, verb: Callable[[], Awaitable[None]]) -> str | None:
        """Do something with an agent; return why it failed, or None when it did not."""
        try:
            await verb()
        except AgentError as error:
            return str(error)
        except Exception as error:
            tell_traceback(self._log, error, f"{agent.name}: ")
            return f"a fault in its agent ({type(error).__name__}: {error}), see the log"
        return None


async def _pause(agent: Agent, interval: Duration) -> None:
    """Wait until it is time for the next look, or the agent says that something changed."""
    if not isinstance(agent, Noticing):
        await asyncio.sleep(interval / SECOND)
        return
    try:
        async with asyncio.timeout(interval / SECOND):
            await agent.changed()
    except TimeoutError:
        pass


def _line(spec: GroupSpec) -> str:
    """The group as its line in haresources says it."""
    return " ".join((spec.preferred, *(resource.name for resource in spec.resources)))
