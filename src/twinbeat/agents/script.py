"""Resource scripts, as Heartbeat's ResourceManager looks them up, calls and understands them.

`SCRIPT [ARGS...] start|stop|status`: the arguments come before the operation (Heartbeat 3.0.6).
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath

from twinbeat.core.model import DEFAULT_TIMEOUT, AgentKind, ResourceSpec
from twinbeat.core.text import printable
from twinbeat.core.units import SECOND, Duration

from .base import RARE_INTERVAL, USUAL_INTERVAL, AgentError, Found, Log
from .child import Ended, Hear
from .command import last_words, now
from .pidfile import pidfile_in_header
from .program import Command, ProgramAgent
from .trust import locate
from .turns import Turns


class ScriptAgent(ProgramAgent):
    """One resource that a script starts and stops: `resource.d/NAME` or `/etc/init.d/NAME`.

    `dirs` are searched in order; an LSB resource looks only in those called `init.d`. The
    `environment` is handed to every call, over a PATH and an English locale of ours.
    """

    def __init__(
        self,
        spec: ResourceSpec,
        dirs: Sequence[str],
        log: Log,
        environment: Mapping[str, str],
        turns: Turns | None = None,
        hear: Hear | None = None,
    ) -> None:
        super().__init__(spec, log, environment, turns, hear)
        self._dirs = searched(spec, dirs)
        self.doubtful = spec.agent is AgentKind.SCRIPT and spec.monitor is None
        self._places: tuple[str, ...] | None = None

    async def start(self) -> None:
        """Start the resource unless its script says that it runs; raises `AgentError`."""
        async with self._turns.orders:
            command = self._find()
            if command is None:
                raise AgentError(
                    f"{self.name} cannot be started: {self._missing}; install it there, executable"
                )
            deadline = now() + await self._limit(command, "start")
            if await self._says(command, deadline):
                await self._found_running(command)
                return
            ended = await self._start(command, deadline)
            if ended.code != 0:
                raise AgentError(
                    f"{self.name} did not start: {self._failure(command, 'start', ended)}"
                )

    async def interval(self, depth: int = 0) -> Duration:
        """Return a long one when the main process is known for sure: a status asks for no more."""
        del depth
        return RARE_INTERVAL if self._processes.by_pidfile else USUAL_INTERVAL

    async def _ask(self, command: Command, deadline: float, depth: int = 0) -> tuple[Found, str]:
        """Return what the script's status says; a script knows no depth."""
        del depth
        runs = await self._says(command, deadline)
        if runs is None:
            why = f"whether {self.name} runs cannot be told: {command[0]} status is no help"
            return Found.FAILED, why
        return (Found.RUNNING, "") if runs else (Found.STOPPED, f"{command[0]} status says so")

    async def _says(self, command: Command, deadline: float) -> bool | None:
        """Return whether the resource runs, or None when the script does not tell."""
        ended = await self._call(command, "status", deadline, "debug")
        return says_running(self._spec.agent, ended.code, ended.stdout)

    async def _call(
        self, command: Command, action: str, deadline: float, level: str = "info", depth: int = 0
    ) -> Ended:
        del depth
        return await self._commands.call((*command, action), self._environment, deadline, level)

    def _failure(self, command: Command, action: str, ended: Ended) -> str:
        del action
        return f"{command[0]} ended with code {ended.code}{last_words(ended)}"

    def _excuse(self) -> None:
        self._log("ERROR", f"Resource script for {self.name} probably not LSB-compliant.")
        self._log("WARN", f"it ({self.name}) MUST succeed on a stop when already stopped")

    def _find(self) -> Command | None:
        path = locate(self._spec.script, self._dirs)
        if path is None:
            self._log("ERROR", f"Cannot locate resource script {printable(self._spec.script)}")
            return None
        return (path, *self._spec.args)

    async def _limit(self, command: Command, action: str, depth: int = 0) -> float:
        del command, depth
        spec = self._spec
        start = spec.start_timeout or DEFAULT_TIMEOUT
        limits = {"stop": spec.stop_timeout, "monitor": spec.monitor_timeout or start}
        return (limits.get(action, start) or DEFAULT_TIMEOUT) / SECOND

    async def _pidfiles(self, command: Command) -> Sequence[str]:
        if self._places is None:
            given = self._spec.pidfile or pidfile_in_header(command[0])
            name = self._spec.script
            usual = (f"/run/{name}.pid", f"/run/{name}/{name}.pid")
            self._places = (given,) if given else usual
        return self._places

    @property
    def _missing(self) -> str:
        return f"there is no script {self._spec.script!r} in {' or '.join(self._dirs)}"


def searched(spec: ResourceSpec, dirs: Sequence[str]) -> list[str]:
    """Return the directories where a resource's script is looked for, in their order."""
    lsb = spec.agent is AgentKind.LSB
    return [each for each in dirs if not lsb or PurePath(each).name == "init.d"]


def says_running(agent: AgentKind, code: int | None, text: str) -> bool | None:
    """Return what a status call says: True, False, or None when it says nothing.

    A Heartbeat script is judged by its words alone, as ResourceManager does: `not running` in any
    case means no; else `running`, `Running` or `OK` mean yes; else no. An LSB script is judged by
    its exit code (0 yes, 3 no), by the same words where the code is another one, and without them
    1 and 2 mean no: dead, a pid or lock file left behind.
    """
    if agent is AgentKind.LSB and code in (0, 3):
        return code == 0
    if re.search("not running", text, re.IGNORECASE):
        return False
    if re.search("running|Running|OK", text):
        return True
    return False if agent is AgentKind.SCRIPT or code in (1, 2) else None
