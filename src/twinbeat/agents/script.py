"""Resource scripts, as Heartbeat's ResourceManager looks them up, calls and understands them.

`SCRIPT [ARGS...] start|stop|status`: the arguments come before the operation (Heartbeat 3.0.6).
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath

from twinbeat.core.model import DEFAULT_TIMEOUT, AgentKind, ResourceSpec
from twinbeat.core.text import printable
from twinbeat.core.units import SECOND

from .base import AgentError, Found, Log, Outcome
from .child import Ended, Hear
from .command import LAST_LOOK, Commands, last_words, now
from .trust import locate
from .turns import Turns


class ScriptAgent:
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
        self.name = spec.name
        self._spec = spec
        self._dirs = searched(spec, dirs)
        self._log = log
        self._environment = environment
        self._turns = turns or Turns()
        self._commands = Commands(spec.name, log, hear)
        self._start_limit = (spec.start_timeout or DEFAULT_TIMEOUT) / SECOND
        self._stop_limit = (spec.stop_timeout or DEFAULT_TIMEOUT) / SECOND
        self._look_limit = (spec.monitor_timeout or spec.start_timeout or DEFAULT_TIMEOUT) / SECOND
        self._may_run = False
        """Whether this life has started it or seen it run, and has not stopped it since."""

    async def start(self) -> None:
        """Start the resource unless its script says that it runs; raises `AgentError`."""
        async with self._turns.orders:
            path = self._find()
            if path is None:
                raise AgentError(
                    f"{self.name} cannot be started: {self._missing}; install it there, executable"
                )
            deadline = now() + self._start_limit
            runs = await self._ask(path, deadline)
            self._may_run = True
            if runs:
                return
            ended = await self._call(path, "start", deadline)
            if ended.code != 0:
                raise AgentError(f"{self.name} did not start: {_failure(path, ended)}")

    async def stop(self) -> None:
        """Stop the resource; a stop that fails is repeated until the stop timeout has passed.

        A script that never succeeds is believed when its status says `not running`. Raises
        `AgentError` when the resource may still be running.
        """
        async with self._turns.orders:
            path = self._find_to_end()
            if path is None:
                if self._may_run:
                    raise AgentError(f"{self.name} cannot be stopped: {self._missing}")
                return
            deadline = now() + self._stop_limit
            failure = await self._commands.stop(
                lambda: self._call(path, "stop", deadline),
                deadline,
                lambda ended: _failure(path, ended),
            )
            if failure is not None:
                await self._judge_failed_stop(path, failure)
            self._may_run = False

    async def monitor(self, depth: int = 0) -> Outcome:
        """Return what the script's status says; a script knows no depth."""
        del depth
        async with self._turns.looks:
            began = now()
            try:
                found, reason = await self._look(began + self._look_limit)
            except AgentError as error:
                found, reason = Found.FAILED, str(error)
            self._may_run = self._may_run or found is Found.RUNNING
            return Outcome(found, reason, now() - began)

    @property
    def last(self) -> Ended | None:
        """How the newest call of the script ended."""
        return self._commands.last

    async def _look(self, deadline: float) -> tuple[Found, str]:
        path = self._find_to_end()
        if path is None:
            if self._may_run:
                return Found.FAILED, f"whether {self.name} runs cannot be told: {self._missing}"
            return Found.STOPPED, self._missing
        runs = await self._ask(path, deadline)
        if runs is None:
            why = f"whether {self.name} runs cannot be told: {path} status is no help"
            return Found.FAILED, why
        return (Found.RUNNING, "") if runs else (Found.STOPPED, f"{path} status says so")

    async def _judge_failed_stop(self, path: str, failure: str) -> None:
        """Ask once more after every stop has failed; raises `AgentError` unless all is well."""
        limit = min(self._stop_limit, LAST_LOOK)
        try:
            runs = await self._ask(path, now() + limit)
        except AgentError as trouble:
            raise AgentError(f"{self.name} did not stop: {failure}; then {trouble}") from None
        if runs is not False:
            state = "it still runs" if runs else "its status does not tell"
            raise AgentError(f"{self.name} did not stop: {failure}; {state}")
        self._log("ERROR", f"Resource script for {self.name} probably not LSB-compliant.")
        self._log("WARN", f"it ({self.name}) MUST succeed on a stop when already stopped")

    async def _ask(self, path: str, deadline: float) -> bool | None:
        """Return whether the resource runs, or None when the script does not tell."""
        ended = await self._call(path, "status", deadline)
        return says_running(self._spec.agent, ended.code, ended.stdout)

    async def _call(self, path: str, operation: str, deadline: float) -> Ended:
        command = [path, *self._spec.args, operation]
        level = "debug" if operation == "status" else "info"
        return await self._commands.call(command, self._environment, deadline, level)

    def _find(self) -> str | None:
        """Return the script's path, or None when there is none; raises `AgentError`."""
        path = locate(self._spec.script, self._dirs)
        if path is None:
            self._log("ERROR", f"Cannot locate resource script {printable(self._spec.script)}")
        return path

    def _find_to_end(self) -> str | None:
        """As `_find`; a script that is refused never ran here, unless this life ran it."""
        try:
            return self._find()
        except AgentError as refusal:
            if self._may_run:
                raise
            self._log("ERROR", f"{refusal}; it is taken as not running")
            return None

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


def _failure(path: str, ended: Ended) -> str:
    return f"{path} ended with code {ended.code}{last_words(ended)}"
