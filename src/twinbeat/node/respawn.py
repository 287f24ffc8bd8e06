"""Programs that run beside the daemon, as Heartbeat's `respawn` and `failfast` lines have them.

Each is `sh -c "exec COMMAND"` under its user, in a process group of its own. They are started when
this node takes part in the cluster, and started again when they end; at the very end, when every
resource is gone, they are ended in reverse order. Log texts, the exit code 100 and the limits of
short lives are Heartbeat 3.0.6's.
"""

import asyncio
import os
import pwd
import signal
from collections.abc import Callable, Iterable, Mapping

from twinbeat.agents.base import Log
from twinbeat.agents.child import Ended, run
from twinbeat.agents.command import ENVIRONMENT, lines
from twinbeat.core.effects import Record, What
from twinbeat.core.model import RespawnSpec

from .scribe import Scribe

FOR_GOOD = 100
"""The exit code of a program that does not want to be started again."""
SHORT_S = 30.0
SHORT_LIVES_MAX = 10
"""After more short lives in a row than these a program is given up."""
PAUSE_S = 1.0
"""How long a program waits to be started again after a short life."""
STOP_S = 2.0
"""How long one program may take to end before it is killed."""
LAST_WORDS = 5
"""Lines of its output that are told when a program ended."""

_SETPRIV = "/usr/bin/setpriv"


class Respawner:
    """Keeps the configured programs running from `begin` to `end`."""

    def __init__(
        self, environment: Callable[[], Mapping[str, str]], scribe: Scribe, log: Log
    ) -> None:
        self._environment = environment
        self._scribe = scribe
        self._log = log
        self._specs: tuple[RespawnSpec, ...] = ()
        self._programs: dict[RespawnSpec, _Program] = {}
        self._stops: set[asyncio.Task[None]] = set()
        self._active = False

    def use(self, specs: tuple[RespawnSpec, ...]) -> None:
        """Run exactly these programs; one that did not change runs on."""
        self._specs = specs
        if self._active:
            self._adjust()

    def heard(self, record: Record) -> None:
        """Begin when this node takes part."""
        if record.what is What.NODE_ACTIVE and not self._active:
            self._active = True
            self._adjust()

    async def end(self) -> None:
        """End all programs, the last one first, and wait for each no longer than it may take."""
        self._active = False
        for spec in reversed(list(self._programs)):
            await self._programs.pop(spec).stop()
        if self._stops:
            await asyncio.wait(self._stops)

    def _adjust(self) -> None:
        for spec in [spec for spec in self._programs if spec not in self._specs]:
            stop = asyncio.get_running_loop().create_task(self._programs.pop(spec).stop())
            self._stops.add(stop)
            stop.add_done_callback(self._stops.discard)
        for spec in self._specs:
            if spec not in self._programs:
                self._programs[spec] = _Program(spec, self._environment, self._scribe, self._log)


class _Program:
    """One program, over all its lives."""

    def __init__(
        self,
        spec: RespawnSpec,
        environment: Callable[[], Mapping[str, str]],
        scribe: Scribe,
        log: Log,
    ) -> None:
        self._spec = spec
        self._environment = environment
        self._scribe = scribe
        self._log = log
        self._pid: int | None = None
        self._born = 0.0
        self._ending = False
        self._task = asyncio.get_running_loop().create_task(self._live())

    async def stop(self) -> None:
        """End it: SIGTERM, and SIGKILL when that is not enough."""
        self._ending = True
        if self._pid is None:
            self._task.cancel()
        else:
            self._log(
                "info",
                f"killing {self._spec.command} process group {self._pid} with signal "
                f"{int(signal.SIGTERM)}",
            )
            _signal_group(self._pid)
        await asyncio.wait([self._task], timeout=STOP_S)
        if not self._task.done():
            self._log("WARN", f"{self._spec.command} does not end and is killed")
            self._task.cancel()  # Which kills the process group.
            await asyncio.wait([self._task], timeout=STOP_S)

    async def _live(self) -> None:
        short_lives = 0
        while not self._ending:
            try:
                ended = await self._one_life(PAUSE_S if short_lives else 0)
            except (KeyError, OSError, ValueError) as error:
                why = "there is no such user" if isinstance(error, KeyError) else str(error)
                self._log(
                    "ERROR", f"{self._spec.command} cannot be run as {self._spec.user}: {why}"
                )
                return
            lived = _now() - self._born
            if self._ending or ended.code == FOR_GOOD:
                return
            short_lives = short_lives + 1 if lived < SHORT_S else 0
            if short_lives > SHORT_LIVES_MAX:
                self._log("ERROR", f'Client {self._spec.command} "respawning too fast"')
                return
            self._log("ERROR", f'Respawning client "{self._spec.command}":')

    async def _one_life(self, pause: float) -> Ended:
        """Start it once and wait for its end; raises `KeyError` or `OSError` when it cannot be."""
        command = self._spec.command
        account = await self._scribe.ask(lambda: _look_up(self._spec))
        uid, gid = account.pw_uid, account.pw_gid
        self._log("info", f'Starting child client "{command}" ({uid},{gid})')
        await asyncio.sleep(pause)
        words = ["/bin/sh", "-c", f"exec {command}"]
        if uid != os.geteuid():
            words = [_SETPRIV, f"--reuid={uid}", f"--regid={gid}", "--init-groups", *words]
        environment = {**ENVIRONMENT, **self._environment()}
        self._born = _now()
        pid = 0

        def born(process: int) -> None:
            nonlocal pid
            self._pid = pid = process
            self._log("info", f'Starting "{command}" as uid {uid}  gid {gid} (pid {process})')

        try:
            ended = await run(words, environment, None, born=born)
        finally:
            self._pid = None
        self._tell(pid, ended)
        return ended

    def _tell(self, pid: int, ended: Ended) -> None:
        for line in _last_words(ended):
            self._log("info", f"{self._spec.command}: {line}")
        code = ended.code or 0
        level = "info" if code == 0 else "WARN"
        said = f"Managed {self._spec.command} process {pid}"
        if code < 0:
            self._log(level, f"{said} killed by signal {-code} [{_signal_name(-code)}].")
        else:
            self._log(level, f"{said} exited with return code {code}.")


def _look_up(spec: RespawnSpec) -> pwd.struct_passwd:
    """Return the user's account; in the scribe's thread, for accounts may be far away."""
    account = pwd.getpwnam(spec.user)
    path = spec.command.split()[0]
    if not os.path.isfile(path) or not os.access(path, os.X_OK):
        raise FileNotFoundError(f"{path} is not an executable file")
    return account


def _last_words(ended: Ended) -> Iterable[str]:
    return lines(ended.stdout + "\n" + ended.stderr)[-LAST_WORDS:]


def _signal_name(number: int) -> str:
    try:
        return f"{signal.Signals(number).name} - {signal.strsignal(number)}"
    except ValueError:
        return "unknown"  # The real-time signals have no names.


def _signal_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGTERM)
    except (ProcessLookupError, PermissionError):
        pass  # It has just ended, or took other rights: the time that it has will tell.


def _now() -> float:
    return asyncio.get_running_loop().time()
