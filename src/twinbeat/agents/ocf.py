"""Agents of the Open Cluster Framework, version 1.0 and 1.1 of its resource agent API.

`AGENT start|stop|monitor|validate-all|meta-data`, with each parameter in the environment as
`OCF_RESKEY_name`. An agent is judged by its exit code alone.
"""

import re
from collections.abc import Mapping

from twinbeat.core.description import (
    NOT_INSTALLED,
    NOT_RUNNING,
    OCF_CODES,
    RUNNING_PROMOTED,
    Description,
    meaning,
)
from twinbeat.core.model import DEFAULT_TIMEOUT, ResourceSpec
from twinbeat.core.units import MS, SECOND, Duration

from .base import AgentError, Found, Log, Outcome
from .child import Ended, Hear
from .command import LAST_LOOK, Commands, last_words, lines, now
from .metadata import MetadataError, parse
from .programs import Program
from .turns import Turns

DESCRIBE_LIMIT = 10.0
"""Seconds for meta-data and validate-all."""

_REASON = "ocf-exit-reason:"
_RUNNING = frozenset({0, RUNNING_PROMOTED, 190, 191})
_ANY_INTERVAL = Duration(10 * SECOND)
"""An interval of zero tells an agent that it is probed, so a held resource is told another."""


class OcfAgent:
    """One resource that an agent with named parameters starts, stops and looks at."""

    def __init__(
        self,
        spec: ResourceSpec,
        program: Program,
        log: Log,
        environment: Mapping[str, str],
        turns: Turns | None = None,
        hear: Hear | None = None,
        least: Duration = Duration(0),
    ) -> None:
        """`least` is the shortest time for an action where the configuration says none."""
        self.name = spec.name
        self._spec = spec
        self._program = program
        self._log = log
        self._environment = {**environment, **program.environment, **_variables(spec)}
        self._turns = turns or Turns()
        self._commands = Commands(spec.name, log, hear)
        self._least = least
        self._description: Description | None = None
        self._may_run = False
        """Whether this life has started it or seen it run, and has not stopped it since."""

    async def start(self) -> None:
        """Start the resource; an agent succeeds where it runs already. Raises `AgentError`."""
        async with self._turns.orders:
            command = self._program.command()
            if command is None:
                raise AgentError(f"{self.name} cannot be started: {self._program.missing}")
            limit = await self._limit(command, "start", self._spec.start_timeout)
            self._may_run = True
            ended = await self._call(command, "start", now() + limit)
            if ended.code != 0:
                raise AgentError(f"{self.name} did not start: {_failure('start', ended)}")

    async def stop(self) -> None:
        """Stop the resource, if need be again and again until the stop timeout has passed.

        Raises `AgentError` when it may still be running.
        """
        async with self._turns.orders:
            command = self._find_to_end()
            if command is None:
                if self._may_run:
                    raise AgentError(f"{self.name} cannot be stopped: {self._program.missing}")
                return
            deadline = now() + await self._limit(command, "stop", self._spec.stop_timeout)
            failure = await self._commands.stop(
                lambda: self._call(command, "stop", deadline),
                deadline,
                lambda ended: _failure("stop", ended),
            )
            if failure is not None:
                await self._judge_failed_stop(command, failure)
            self._may_run = False

    async def monitor(self, depth: int = 0) -> Outcome:
        """Return what the agent's monitor says, at this depth (OCF_CHECK_LEVEL)."""
        async with self._turns.looks:
            began = now()
            try:
                found, reason = await self._look(depth)
            except AgentError as error:
                found, reason = Found.FAILED, str(error)
            self._may_run = self._may_run or found is Found.RUNNING
            return Outcome(found, reason, now() - began)

    @property
    def last(self) -> Ended | None:
        """How the newest call of the agent ended."""
        return self._commands.last

    @property
    def absent(self) -> bool:
        """Whether there is no such agent here; one that is refused is there."""
        try:
            return self._program.command() is None
        except AgentError:
            return False

    def command(self) -> tuple[str, ...] | None:
        """Return the words that run the agent, or None; raises `AgentError` when it is refused."""
        return self._program.command()

    async def describe(self) -> Description:
        """Return the agent's own description; raises `AgentError` when it gives none."""
        async with self._turns.looks:
            command = self._program.command()
            if command is None:
                raise AgentError(self._program.missing)
            return await self._describe(command)

    async def validate(self) -> str | None:
        """Ask the agent itself what it thinks of its parameters here; None when all is well.

        Raises `AgentError` when it cannot be asked.
        """
        async with self._turns.looks:
            command = self._program.command()
            if command is None:
                raise AgentError(self._program.missing)
            ended = await self._call(command, "validate-all", now() + DESCRIBE_LIMIT, "debug")
            fine = ended.code == 0 or ended.code == 3  # It need not know the action.
            return None if fine else _failure("validate-all", ended)

    async def _look(self, depth: int) -> tuple[Found, str]:
        command = self._find_to_end()
        if command is None:
            why = self._program.missing
            if self._may_run:
                return Found.FAILED, f"whether {self.name} runs cannot be told: {why}"
            return Found.STOPPED, why
        limit = await self._limit(command, "monitor", self._spec.monitor_timeout, depth)
        return await self._ask(command, now() + limit, depth)

    async def _ask(
        self, command: tuple[str, ...], deadline: float, depth: int = 0
    ) -> tuple[Found, str]:
        ended = await self._call(command, "monitor", deadline, "debug", depth)
        if ended.code in _RUNNING:
            return Found.RUNNING, "" if ended.code == 0 else meaning(ended.code)
        if ended.code == NOT_RUNNING:
            return Found.STOPPED, meaning(NOT_RUNNING)
        if ended.code == NOT_INSTALLED and not self._may_run:
            return Found.STOPPED, _failure("monitor", ended)  # What is not here never ran here.
        return Found.FAILED, _failure("monitor", ended)

    async def _judge_failed_stop(self, command: tuple[str, ...], failure: str) -> None:
        """Ask once more after every stop has failed; raises `AgentError` unless all is well."""
        try:
            found, why = await self._ask(command, now() + LAST_LOOK)
        except AgentError as trouble:
            raise AgentError(f"{self.name} did not stop: {failure}; then {trouble}") from None
        if found is not Found.STOPPED:
            state = "it still runs" if found is Found.RUNNING else why
            raise AgentError(f"{self.name} did not stop: {failure}; {state}")
        self._log("WARN", f"{self.name} says that it failed to stop, and is not running")

    async def _limit(
        self, command: tuple[str, ...], action: str, given: Duration | None, depth: int = 0
    ) -> float:
        """Return the seconds for an action: as configured, else as the agent advises."""
        if given is None:
            try:
                given = (await self._describe(command)).timeout(action, depth)
            except AgentError as error:
                self._log("WARN", f"{self.name}: {error}")
            given = Duration(max(given or DEFAULT_TIMEOUT, self._least))
        return given / SECOND

    async def _describe(self, command: tuple[str, ...]) -> Description:
        if self._description is None:
            deadline = now() + DESCRIBE_LIMIT
            # Pages of XML are of no use in a log.
            quiet = Commands(self.name, lambda _level, _text: None)
            environment = {**self._environment, "OCF_CHECK_LEVEL": "0"}
            ended = await quiet.call((*command, "meta-data"), environment, deadline, "debug")
            if ended.code != 0:
                raise AgentError(f"{command[-1]} does not describe itself: {_failure('', ended)}")
            try:
                self._description = parse(ended.stdout)
            except MetadataError as error:
                raise AgentError(f"{command[-1]} does not describe itself: {error}") from None
        return self._description

    async def _call(
        self,
        command: tuple[str, ...],
        action: str,
        deadline: float,
        level: str = "info",
        depth: int = 0,
    ) -> Ended:
        left = max(deadline - now(), 0.0)
        interval = (self._spec.monitor or _ANY_INTERVAL) if self._may_run else Duration(0)
        environment = {
            **self._environment,
            "OCF_CHECK_LEVEL": str(depth),
            "OCF_RESKEY_CRM_meta_timeout": str(round(left * 1000)),
            "OCF_RESKEY_CRM_meta_interval": str(interval // MS if action == "monitor" else 0),
            "OCF_RESKEY_CRM_meta_name": action,
        }
        return await self._commands.call((*command, action), environment, deadline, level)

    def _find_to_end(self) -> tuple[str, ...] | None:
        """Return the command; an agent that is refused never ran here, unless this life ran it."""
        try:
            return self._program.command()
        except AgentError as refusal:
            if self._may_run:
                raise
            self._log("ERROR", f"{refusal}; it is taken as not running")
            return None


def _variables(spec: ResourceSpec) -> dict[str, str]:
    """Return what every call of an agent finds in its environment."""
    return {
        "OCF_RA_VERSION_MAJOR": "1",
        "OCF_RA_VERSION_MINOR": "0",
        "OCF_RESOURCE_INSTANCE": instance(spec),
        **{f"OCF_RESKEY_{name}": value for name, value in spec.parameters},
    }


def instance(spec: ResourceSpec) -> str:
    """Return the name of a resource for an agent, which may make a file of that name."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", spec.name).strip(".") or "resource"


def _failure(action: str, ended: Ended) -> str:
    what = f"{action} ended" if action else "it ended"
    # Agents that follow version 1.1 mark the one line that says why.
    reasons = [x.removeprefix(_REASON) for x in lines(ended.stderr) if x.startswith(_REASON)]
    said = f"; it said: {reasons[-1]}" if reasons else last_words(ended)
    return f"{what} with code {ended.code}: {meaning(ended.code, OCF_CODES)}{said}"
