"""Run an agent's program: bounded, its words logged, its stops repeated."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from twinbeat.core.text import printable

from .base import AgentError, Log
from .child import Ended, Hear, run

_STOP_ATTEMPTS = 11
"""One and Heartbeat's ten repetitions (HA_STOPRETRYMAX)."""
_STOP_PAUSE = 1.0
"""Seconds between two attempts to stop."""
LAST_LOOK = 10.0
"""Seconds at most for the look that decides after a stop has failed."""

_LOGGED_LINES = 100
_LINE_LENGTH = 500

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",  # The status words decide, and they are English.
}


class OverrunError(AgentError):
    """A call used up its time and was killed."""


class Commands:
    """The calls of one resource's program. `hear` is told its words at once, as they come."""

    def __init__(self, name: str, log: Log, hear: Hear | None = None) -> None:
        self._name = name
        self._log = log
        self._hear = hear
        self.last: Ended | None = None
        """How the newest call ended."""
        self._told: tuple[str, int | None, str, str] | None = None
        """What the newest call that only looks has put into the log."""

    async def call(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        deadline: float,
        level: str = "info",
    ) -> Ended:
        """Run the program once, until `deadline` at most; raises `AgentError`.

        Its words go to the log at `level`: `debug` for what only looks, and of such a call nothing
        that the one before it has told already.
        """
        path, spoken = command[0], " ".join(map(printable, command))
        if level != "debug":
            self._log(level, f"Running {spoken}")
        limit = max(deadline - now(), 0.0)
        try:
            ended = await run(command, {**ENVIRONMENT, **environment}, limit, self._hear)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise AgentError(
                f"{path} cannot be run: {why}; does its first line name an interpreter that exists,"
                " as #!/bin/sh does?"
            ) from None
        self.last = ended
        answer = (spoken, ended.code, ended.stdout, ended.stderr)
        news = level != "debug" or answer != self._told
        if level == "debug" and news:
            self._told = answer
            self._log(level, f"Running {spoken}")
        if news and (ended.stdout or ended.stderr):
            for line in lines(ended.stdout + "\n" + ended.stderr)[-_LOGGED_LINES:]:
                self._log(level, f"{self._name}: {line}")
        if ended.overran:
            self._log("ERROR", f"{spoken} overran its time and was killed")
            rest = "" if ended.code is not None else ", and it hangs in the kernel all the same"
            raise OverrunError(f"{spoken} was killed after {limit:.1f} s{rest}{last_words(ended)}")
        if ended.code != 0 and level != "debug":
            self._log("ERROR", f"Return code {ended.code} from {path}")
        return ended

    async def stop(
        self,
        once: Callable[[], Awaitable[Ended]],
        deadline: float,
        failure: Callable[[Ended], str],
    ) -> str | None:
        """Stop until it succeeds or the deadline comes; return None, or why it never did."""
        why = ""
        for attempt in range(_STOP_ATTEMPTS):
            if attempt:
                await asyncio.sleep(_STOP_PAUSE)
                self._log("info", f"Retrying failed stop operation [{self._name}]")
            try:
                ended = await once()
            except OverrunError as overrun:
                return str(overrun)
            if ended.code == 0:
                return None
            why = failure(ended)
            if now() + _STOP_PAUSE >= deadline:
                break
        return why


def last_words(ended: Ended) -> str:
    """Return the last lines of the errors, or else of the output, as the end of a sentence."""
    said = lines(ended.stderr) or lines(ended.stdout)
    return f"; it said: {' | '.join(said[-3:])}" if said else " and said nothing"


def lines(text: str) -> list[str]:
    """Return the lines that are not blank, safe to print and bounded."""
    return [
        printable(line.expandtabs().rstrip())[:_LINE_LENGTH]
        for line in text.splitlines()
        if line.strip()
    ]


def now() -> float:
    """Return the time of the event loop, in seconds: what deadlines are compared with."""
    return asyncio.get_running_loop().time()
