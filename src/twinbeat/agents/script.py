"""Resource scripts, as Heartbeat's ResourceManager looks them up, calls and understands them.

`SCRIPT [ARGS...] start|stop|status`: the arguments come before the operation (Heartbeat 3.0.6).
"""

import asyncio
import os
import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

from twinbeat.core.model import AgentKind, ResourceSpec
from twinbeat.core.text import printable
from twinbeat.core.units import SECOND

from .base import AgentError, Log
from .child import Ended, run

_STOP_ATTEMPTS = 11
"""One and Heartbeat's ten repetitions (HA_STOPRETRYMAX)."""
_STOP_PAUSE = 1.0
"""Seconds between two attempts to stop."""
_LAST_TEST = 10.0
"""Seconds at most for the question that decides after a stop has failed."""

_LOGGED_LINES = 100
_LINE_LENGTH = 500

_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",  # The status words decide, and they are English.
}


class _OverrunError(AgentError):
    """A call used up its time and was killed."""


class ScriptAgent:
    """One resource that a script starts and stops: `resource.d/NAME` or `/etc/init.d/NAME`.

    `dirs` are searched in order; an LSB resource looks only in those called `init.d`. The
    `environment` is handed to every call, over a PATH and an English locale of ours.
    """

    def __init__(
        self, spec: ResourceSpec, dirs: Sequence[str], log: Log, environment: Mapping[str, str]
    ) -> None:
        self.name = spec.name
        self._spec = spec
        lsb = spec.agent is AgentKind.LSB
        self._dirs = [d for d in dirs if not lsb or PurePath(d).name == "init.d"]
        self._log = log
        self._environment = {**_ENVIRONMENT, **environment}
        self._may_run = False
        """Whether this life has started it or seen it run, and has not stopped it since."""

    async def start(self) -> None:
        """Start the resource unless its script says that it runs; raises `AgentError`."""
        path = self._find()
        if path is None:
            raise AgentError(
                f"{self.name} cannot be started: {self._missing}; install it there, executable"
            )
        deadline = _now() + self._spec.start_timeout / SECOND
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
        path = self._find_to_end()
        if path is None:
            if self._may_run:
                raise AgentError(f"{self.name} cannot be stopped: {self._missing}")
            return
        deadline = _now() + self._spec.stop_timeout / SECOND
        for attempt in range(_STOP_ATTEMPTS):
            if attempt:
                await asyncio.sleep(_STOP_PAUSE)
                self._log("info", f"Retrying failed stop operation [{self.name}]")
            try:
                ended = await self._call(path, "stop", deadline)
            except _OverrunError as overrun:
                failure = str(overrun)
                break
            if ended.code == 0:
                self._may_run = False
                return
            failure = _failure(path, ended)
            if _now() + _STOP_PAUSE >= deadline:
                break
        await self._judge_failed_stop(path, failure)
        self._may_run = False

    async def running(self) -> bool:
        """Return what the script's status says; raises `AgentError` when that cannot be told."""
        path = self._find_to_end()
        if path is None:
            if self._may_run:
                raise AgentError(f"whether {self.name} runs cannot be told: {self._missing}")
            return False
        runs = await self._ask(path, _now() + self._spec.start_timeout / SECOND)
        if runs is None:
            raise AgentError(f"whether {self.name} runs cannot be told: {path} status is no help")
        self._may_run = self._may_run or runs
        return runs

    async def _judge_failed_stop(self, path: str, failure: str) -> None:
        """Ask once more after every stop has failed; raises `AgentError` unless all is well."""
        limit = min(self._spec.stop_timeout / SECOND, _LAST_TEST)
        try:
            runs = await self._ask(path, _now() + limit)
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
        """Run the script once; its words go to the log. Raises `AgentError`."""
        command = [path, *self._spec.args, operation]
        spoken = " ".join(map(printable, command))
        level = "debug" if operation == "status" else "info"
        self._log(level, f"Running {spoken}")
        limit = max(deadline - _now(), 0.0)
        try:
            ended = await run(command, self._environment, limit)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise AgentError(
                f"{path} cannot be run: {why}; does its first line name an interpreter that exists,"
                " as #!/bin/sh does?"
            ) from None
        for line in _lines(ended.stdout + "\n" + ended.stderr)[-_LOGGED_LINES:]:
            self._log(level, f"{self.name}: {line}")
        if ended.overran:
            self._log("ERROR", f"{spoken} overran its time and was killed")
            rest = "" if ended.code is not None else ", and it hangs in the kernel all the same"
            raise _OverrunError(
                f"{spoken} was killed after {limit:.1f} s{rest}{_last_words(ended)}"
            )
        if ended.code != 0 and operation != "status":
            self._log("ERROR", f"Return code {ended.code} from {path}")
        return ended

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


def locate(script: str, dirs: Sequence[str]) -> str | None:
    """Return the first regular, executable file of that name in `dirs`, or None.

    Raises `AgentError` for a name that is no file name, and for a file that anyone but root (or,
    where we are not root, ourselves) could change or exchange: it would run with our rights.
    """
    if not script or "/" in script or "\0" in script:
        raise AgentError(f"{script!r} is no script's name: it must be a file name without '/'")
    for directory in dirs:
        path = os.path.join(directory, script)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            try:
                _require_safe(path)
            except OSError as error:
                raise AgentError(f"{path} is refused: {error}") from None
            return path
    return None


def _require_safe(path: str) -> None:
    """Raise `AgentError` when somebody else could have put or changed what is at `path`."""
    owners = {0, os.geteuid()}
    real = os.path.realpath(path)
    found = os.stat(real)
    if found.st_uid not in owners:
        raise AgentError(f"{path} is refused: it belongs to uid {found.st_uid}, not to root")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise AgentError(
            f"{path} is refused: its group or others may write it; remedy: chmod go-w {path}"
        )
    if _in_user_namespace():
        owners.add(int(Path("/proc/sys/kernel/overflowuid").read_text()))
    parents = {*PurePath(os.path.abspath(path)).parents, *PurePath(real).parents}
    for directory in sorted(map(str, parents)):
        found = os.stat(directory)
        if found.st_uid not in owners:
            raise AgentError(
                f"{path} is refused: the directory {directory} belongs to uid {found.st_uid},"
                " who could exchange it"
            )
        # In a sticky directory, as /tmp is, nobody can exchange what belongs to another.
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not found.st_mode & stat.S_ISVTX:
            raise AgentError(
                f"{path} is refused: its group or others may write the directory {directory};"
                f" remedy: chmod go-w {directory}"
            )


def _in_user_namespace() -> bool:
    """Whether some users are not known here; directories of the real root show as nobody's then."""
    return Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]


def _failure(path: str, ended: Ended) -> str:
    return f"{path} ended with code {ended.code}{_last_words(ended)}"


def _last_words(ended: Ended) -> str:
    """Return the last lines of the errors, or else of the output, as the end of a sentence."""
    lines = _lines(ended.stderr) or _lines(ended.stdout)
    return f"; it said: {' | '.join(lines[-3:])}" if lines else " and said nothing"


def _lines(text: str) -> list[str]:
    """Return the lines that are not blank, safe to print and bounded."""
    return [
        printable(line.expandtabs().rstrip())[:_LINE_LENGTH]
        for line in text.splitlines()
        if line.strip()
    ]


def _now() -> float:
    return asyncio.get_running_loop().time()
