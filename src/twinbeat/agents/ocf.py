"""Agents of the Open Cluster Framework, version 1.0 and 1.1 of its resource agent API.

`AGENT start|stop|monitor|validate-all|meta-data`, with each parameter in the environment as
`OCF_RESKEY_name`. An agent is judged by its exit code alone.
"""

import re
from collections.abc import Mapping, Sequence

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

from .base import USUAL_INTERVAL, AgentError, Found, Log
from .child import Ended, Hear
from .command import Commands, last_words, lines, now
from .metadata import MetadataError, parse
from .program import Command, ProgramAgent
from .programs import Program
from .turns import Turns

DESCRIBE_LIMIT = 10.0
"""Seconds for meta-data and validate-all."""

_PIDFILES = ("pidfile", "pid")
"""Parameters by which agents are told where a pidfile is, or say where they put it."""
_REASON = "ocf-exit-reason:"
_ELSEWHERE = frozenset({"HA_LOGFILE", "HA_DEBUGLOG", "HA_LOGFACILITY"})
"""Variables by which Heartbeat's scripts find the log. The package's agents that find them write
there what went wrong, and say nothing to whoever called."""
_RUNNING = frozenset({0, RUNNING_PROMOTED, 190, 191})
_ANY_INTERVAL = Duration(10 * SECOND)
"""An interval of zero tells an agent that it is probed, so a held resource is told another."""


class OcfAgent(ProgramAgent):
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
        heard = {name: value for name, value in environment.items() if name not in _ELSEWHERE}
        environment = {**heard, **program.environment, **_variables(spec)}
        super().__init__(spec, log, environment, turns, hear)
        self._program = program
        self._least = least
        self._description: Description | None = None
        self._advised: Duration | None = None
        self._places: list[str] | None = None

    async def start(self) -> None:
        """Start the resource; an agent succeeds where it runs already. Raises `AgentError`."""
        async with self._turns.orders:
            command = self._program.command()
            if command is None:
                raise AgentError(f"{self.name} cannot be started: {self._program.missing}")
            limit = await self._limit(command, "start")
            ended = await self._start(command, now() + limit)
            if ended.code != 0:
                raise AgentError(
                    f"{self.name} did not start: {self._failure(command, 'start', ended)}"
                )

    async def interval(self, depth: int = 0) -> Duration:
        """Return what the agent advises for a monitor of that depth, or else the usual one.

        It is asked once: whoever waits for the next look must not wait for an agent that hangs.
        """
        if self._advised is None:
            try:
                advised = (await self.describe()).interval("monitor", depth)
            except AgentError:
                advised = None
            self._advised = advised or USUAL_INTERVAL
        return self._advised

    @property
    def absent(self) -> bool:
        """Whether there is no such agent here; one that is refused is there."""
        try:
            return self._program.command() is None
        except AgentError:
            return False

    def command(self) -> Command | None:
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
            return None if fine else self._failure(command, "validate-all", ended)

    async def _ask(self, command: Command, deadline: float, depth: int = 0) -> tuple[Found, str]:
        ended = await self._call(command, "monitor", deadline, "debug", depth)
        if ended.code in _RUNNING:
            return Found.RUNNING, "" if ended.code == 0 else meaning(ended.code)
        if ended.code == NOT_RUNNING:
            return Found.STOPPED, meaning(NOT_RUNNING)
        if ended.code == NOT_INSTALLED and not self._may_run:
            return Found.STOPPED, _failure(ended, "monitor")  # What is not here never ran here.
        return Found.FAILED, _failure(ended, "monitor")

    def _failure(self, command: Command, action: str, ended: Ended) -> str:
        del command
        return _failure(ended, action)

    def _excuse(self) -> None:
        self._log("WARN", f"{self.name} says that it failed to stop, and is not running")

    @property
    def _missing(self) -> str:
        return self._program.missing

    def _find(self) -> Command | None:
        return self._program.command()

    async def _pidfiles(self, command: Command) -> Sequence[str]:
        """Return the resource's own, or else what the agent takes as one, by its own default."""
        if self._places is None:
            given = dict(self._spec.parameters)
            named = [self._spec.pidfile, *(given.get(name, "") for name in _PIDFILES)]
            if not any(named):
                named = await self._default_pidfiles(command)
            self._places = [place for place in filter(None, named) if place.startswith("/")][:1]
        return self._places

    async def _default_pidfiles(self, command: Command) -> list[str]:
        try:
            description = await self._describe(command)
        except AgentError:
            return []
        defaults = (description.parameter(name) for name in _PIDFILES)
        return [found.default for found in defaults if found and found.default]

    async def _limit(self, command: Command, action: str, depth: int = 0) -> float:
        """Return the seconds for an action: as configured, else as the agent advises."""
        spec = self._spec
        given = {
            "start": spec.start_timeout,
            "stop": spec.stop_timeout,
            "monitor": spec.monitor_timeout,
        }[action]
        if given is None:
            try:
                given = (await self._describe(command)).timeout(action, depth)
            except AgentError as error:
                self._log("WARN", f"{self.name}: {error}")
            given = Duration(max(given or DEFAULT_TIMEOUT, self._least))
        return given / SECOND

    async def _describe(self, command: Command) -> Description:
        if self._description is None:
            deadline = now() + DESCRIBE_LIMIT
            # Pages of XML are of no use in a log.
            quiet = Commands(self.name, lambda _level, _text: None)
            environment = {**self._environment, "OCF_CHECK_LEVEL": "0"}
            ended = await quiet.call((*command, "meta-data"), environment, deadline, "debug")
            if ended.code != 0:
                raise AgentError(f"{command[-1]} does not describe itself: {_failure(ended)}")
            try:
                self._description = parse(ended.stdout)
            except MetadataError as error:
                raise AgentError(f"{command[-1]} does not describe itself: {error}") from None
        return self._description

    async def _call(
        self,
        command: Command,
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


def _failure(ended: Ended, action: str = "") -> str:
    what = f"{action} ended" if action else "it ended"
    # Agents that follow version 1.1 mark the one line that says why.
    reasons = [x.removeprefix(_REASON) for x in lines(ended.stderr) if x.startswith(_REASON)]
    said = f"; it said: {reasons[-1]}" if reasons else last_words(ended)
    return f"{what} with code {ended.code}: {meaning(ended.code, OCF_CODES)}{said}"
