"""Carry out the core's orders about groups: start left to right, stop right to left, watch.

Each order is an asyncio task that ends in one event with the order's number. Orders for one group
run one after the other: a newer order makes a start end after the resource it is busy with, for a
script that is torn off half-way leaves nobody knows what; the scripts' own timeouts bound the
wait. A stop always runs to its end.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

from twinbeat.agents.base import Agent, AgentError, Found, Log
from twinbeat.core.events import (
    Event,
    GroupFound,
    GroupRestarted,
    GroupRestartFailed,
    GroupStarted,
    GroupStartFailed,
    GroupStopFailed,
    GroupStopped,
)
from twinbeat.core.model import AgentKind, GroupSpec, ResourceSpec
from twinbeat.core.units import GroupName

from .logs import tell_traceback
from .looks import Gap, Looks, fault, no_gap
from .ward import Charge, ResourceState, Ward

_NEVER_PROBED = "this node never probed it, so it cannot say what runs"


class Custodian:
    """Every group this node ever started or cleared, and the orders under way."""

    def __init__(
        self,
        make_agent: Callable[[ResourceSpec], Agent],
        post: Callable[[Event], None],
        log: Log,
        gap: Gap = no_gap,
    ) -> None:
        self.up: Callable[[GroupName, Agent], None] = lambda _group, _agent: None
        """Called as soon as one resource of a group is started."""
        self._make_agent = make_agent
        self._post = post
        self._log = log
        self._looks = Looks(post, log, gap)
        self._wards: dict[GroupName, Ward] = {}

    def clear(self, op: int, spec: GroupSpec, *, adopt: bool = False) -> None:
        """Probe every resource, stop what runs; answered by GroupStopped or GroupStopFailed.

        With `adopt` a group that runs but for its addresses is left as it is: GroupFound.
        """
        ward = self._take(spec)
        self._begin(op, ward, ward.charges, lambda: self._clear(op, ward, adopt))

    def start(self, op: int, spec: GroupSpec) -> None:
        """Start every resource; answered by GroupStarted or GroupStartFailed."""
        ward = self._take(spec)
        self._begin(op, ward, ward.charges, lambda: self._start(op, ward))

    def stop(self, op: int, group: GroupName) -> None:
        """Stop every resource; answered by GroupStopped or GroupStopFailed."""
        ward = self._wards.get(group)
        if ward is None:
            self._post(GroupStopFailed(op, group, group, _NEVER_PROBED))
            return
        self._begin(op, ward, ward.charges, lambda: self._stop(op, ward))

    def restart(self, op: int, group: GroupName, names: tuple[str, ...]) -> None:
        """Stop these resources and start them again; GroupRestarted or GroupRestartFailed."""
        ward = self._wards.get(group)
        if ward is None:
            self._post(GroupRestartFailed(op, group, group, _NEVER_PROBED, stuck=True))
            return
        charges = ward.named(names)
        self._begin(op, ward, charges, lambda: self._restart(op, ward, charges))

    def look_after(self, specs: Iterable[GroupSpec]) -> None:
        """Look at what runs as it is configured now, from each one's next look on.

        An agent keeps its timeouts and its pidfile until it is made anew, by the next start.
        """
        for spec in specs:
            ward = self._wards.get(spec.name)
            if ward is None or not spec.runs_as(ward.spec):
                continue
            for charge, resource in zip(ward.charges, spec.resources, strict=True):
                before, charge.spec = charge.spec.monitor, resource
                ended = charge.looks is not None and charge.looks.done()
                if ended and resource.monitor != before:
                    self._attend(ward, [charge])

    def groups(self) -> list[GroupName]:
        """Return every group that ever came into custody."""
        return list(self._wards)

    def agents(self, group: GroupName) -> Sequence[Agent]:
        """Return the agents of a group in custody; none when it never was."""
        return [charge.agent for charge in self.charges(group)]

    def charges(self, group: GroupName) -> Sequence[Charge]:
        """Return what is known of each resource of a group; nothing when it never was here."""
        ward = self._wards.get(group)
        return ward.charges if ward else ()

    async def close(self) -> None:
        """End all orders and looks under way, without touching the resources."""
        wards = self._wards.values()
        tasks = [*(ward.task for ward in wards), *(c.looks for w in wards for c in w.charges)]
        under_way = [task for task in tasks if task is not None]
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    def _take(self, spec: GroupSpec) -> Ward:
        """Return the group's ward, with new agents when its configuration is another one."""
        known = self._wards.get(spec.name)
        if known is not None and known.spec == spec:
            return known
        ward = Ward(spec, [Charge(each, self._make_agent(each)) for each in spec.resources])
        if known is not None:
            ward.task = known.task
            ward.before = [charge.looks for charge in known.charges if charge.looks is not None]
            known.order = -1
        self._wards[spec.name] = ward
        return ward

    def _begin(
        self,
        op: int,
        ward: Ward,
        charges: Iterable[Charge],
        work: Callable[[], Awaitable[Event | None]],
    ) -> None:
        """Let an order begin when the one before it has ended; nobody looks at these meanwhile."""
        ward.order = op
        looks = [*ward.before, *(each.looks for each in charges if each.looks is not None)]
        ward.before = []
        for charge in charges:
            charge.looks = charge.interval = charge.next = None
        for task in looks:
            task.cancel()
        older = looks if ward.task is None else [ward.task, *looks]

        async def carry_out() -> None:
            if older:
                await asyncio.wait(older)
            outcome = await work()
            if outcome is not None:
                self._post(outcome)

        ward.task = asyncio.create_task(carry_out(), name=f"{ward.spec.name}: order {op}")

    async def _start(self, op: int, ward: Ward) -> Event | None:
        group = ward.spec.name
        self._log("info", f"Acquiring resource group: {ward.line}")
        for charge in ward.charges:
            if ward.order != op:
                return None  # A stop is waiting; its answer is the one that counts.
            why = await self._bring_up(group, charge)
            if why is not None:
                return GroupStartFailed(op, group, charge.name, why)
        if ward.order == op:
            self._attend(ward, ward.charges)
        return GroupStarted(op, group)

    async def _stop(self, op: int, ward: Ward) -> Event:
        self._log("info", f"Releasing resource group: {ward.line}")
        return await self._stop_these(op, ward, ward.charges)

    async def _stop_these(self, op: int, ward: Ward, charges: Sequence[Charge]) -> Event:
        """Stop right to left, also behind one that does not stop; the first failure is told."""
        group = ward.spec.name
        failure: GroupStopFailed | None = None
        for charge in reversed(charges):
            why = await self._take_down(group, charge)
            if why is not None:
                failure = failure or GroupStopFailed(op, group, charge.name, why)
        return failure or GroupStopped(op, group)

    async def _restart(self, op: int, ward: Ward, charges: Sequence[Charge]) -> Event | None:
        """Stop and start; the first failure ends it, and so does an order that waits."""
        group = ward.spec.name
        self._log("info", f"{group}: restarting {' '.join(charge.name for charge in charges)}")
        for charge in reversed(charges):
            if ward.order != op:
                return None
            why = await self._take_down(group, charge)
            if why is not None:
                return GroupRestartFailed(op, group, charge.name, why, stuck=True)
        for charge in charges:
            if ward.order != op:
                return None
            why = await self._bring_up(group, charge)
            if why is not None:
                return GroupRestartFailed(op, group, charge.name, why, stuck=False)
        if ward.order == op:
            self._attend(ward, charges)
        return GroupRestarted(op, group)

    async def _clear(self, op: int, ward: Ward, adopt: bool) -> Event:
        """See what runs; leave a group that runs as a whole, if that is allowed, or stop it."""
        group = ward.spec.name
        running: list[Charge] = []
        for charge in reversed(ward.charges):
            outcome = await self._looks.look(charge)
            if outcome.found is Found.FAILED:
                why = f"whether it runs cannot be told: {outcome.reason}"
                self._log("WARN", f"{charge.name}: {why}")
            if outcome.found is Found.STOPPED:
                charge.settle(ResourceState.STOPPED)
            else:
                running.insert(0, charge)
        if adopt and _whole(ward):
            for charge in running:
                charge.settle(ResourceState.STARTED)
            self._log("info", f"{group}: found running here: {_names(running)}; left as it is")
            return GroupFound(op, group)
        for charge in running:
            self._log("WARN", f"{group}: {charge.name} may be running here; stopping it")
        return await self._stop_these(op, ward, running)

    def _attend(self, ward: Ward, charges: Iterable[Charge]) -> None:
        for charge in charges:
            work = self._looks.attend(ward.spec.name, charge)
            charge.looks = asyncio.create_task(work, name=f"{ward.spec.name}: {charge.name} looks")

    async def _bring_up(self, group: GroupName, charge: Charge) -> str | None:
        """Start one resource; return why that failed, or None when it did not."""
        charge.state = ResourceState.STARTING
        why = await self._attempt(charge.agent, charge.agent.start)
        if why is not None:
            charge.fail(why)
            self._log("ERROR", f"{group}: {charge.name} did not start: {why}")
            return why
        charge.settle(ResourceState.STARTED)
        self.up(group, charge.agent)
        return None

    async def _take_down(self, group: GroupName, charge: Charge) -> str | None:
        """Stop one resource; return why that failed, or None when it did not."""
        charge.state = ResourceState.STOPPING
        why = await self._attempt(charge.agent, charge.agent.stop)
        if why is not None:
            charge.fail(why)
            self._log("ERROR", f"{group}: {charge.name} did not stop: {why}")
            return why
        charge.settle(ResourceState.STOPPED)
        charge.last = charge.looked = None
        return None

    async def _attempt(self, agent: Agent, verb: Callable[[], Awaitable[None]]) -> str | None:
        """Do something with an agent; return why it failed, or None when it did not."""
        try:
            await verb()
        except AgentError as error:
            # Whoever tells of it says this much by himself.
            return str(error).removeprefix(f"{agent.name} did not {verb.__name__}: ")
        except Exception as error:
            tell_traceback(self._log, error, f"{agent.name}: ")
            return fault(error)
        return None


def _whole(ward: Ward) -> bool:
    """Whether all of a group but its addresses was just found running, and there is such a part."""
    found = [
        charge.last.found
        for charge in ward.charges
        if charge.spec.agent is not AgentKind.IP and charge.last is not None
    ]
    return bool(found) and set(found) == {Found.RUNNING}


def _names(charges: Iterable[Charge]) -> str:
    return ", ".join(charge.name for charge in charges)
