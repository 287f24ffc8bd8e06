"""The shell around `twinbeat.hooks`: hears the journal, runs what is due, keeps what was told last.

A hook never holds anything up: its queue is bounded, its child is, and nobody waits for either.
"""

import asyncio
import json
from collections import deque
from pathlib import Path

from twinbeat.agents.base import AgentError, Log
from twinbeat.core.model import ClusterModel
from twinbeat.core.units import NEVER, SECOND
from twinbeat.hooks import Deliver, Dispatch, Effect, Kept, Notice, Tell, Teller
from twinbeat.journal import Entry

from . import clock
from .chronicle import Chronicle
from .courier import Courier
from .logs import tell_traceback
from .scribe import Errand, Scribe
from .state import replace_file

HOOKS_FILE = "hooks.json"
FILE_BYTES = 64 << 20
"""More than every group of the largest cluster, for every hook that is allowed."""
END_S = 5.0
"""How long the last deliveries may take when the daemon ends; the next life repeats the others."""


class Herald:
    """All hooks of the daemon."""

    def __init__(self, state: Path, chronicle: Chronicle, scribe: Scribe, log: Log) -> None:
        self._file = state / HOOKS_FILE
        self._log = log
        self._scribe = scribe
        self._teller = Teller()
        self._dispatch = Dispatch()
        self._courier = Courier("", chronicle.tale, scribe.ask, log)
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._notices: deque[Notice] = deque()
        self._turn_waits = False
        self._kept: list[Kept] = []
        self._keeping = Errand(scribe, self._keep)
        self._complained = False
        self._recalled: list[object] | None = self._read()
        self._ended = False

    def use(self, model: ClusterModel) -> None:
        """Take over a configuration; at the first one, tell again what was last told before it."""
        self._courier.cluster = model.name
        self._dispatch.use(model.hooks)
        if self._recalled is not None:
            broken = self._dispatch.recall(self._recalled)
            self._recalled = None
            if broken:
                self._log("WARN", f"{self._file}: {broken} state(s) cannot be read: not repeated")
        self._soon()

    def heard(self, entry: Entry) -> None:
        """Take note of a journal entry; nothing here waits, nor takes long."""
        notice = self._teller.heard(entry)
        if notice is not None:
            self._notices.append(notice)
            self._soon()

    def status(self) -> dict[str, object]:
        """Return every hook with its counters and what waits."""
        return self._dispatch.status(clock.now())

    async def end(self) -> None:
        """Let what is due be delivered, for a moment; what fails now is for the next life."""
        self._ended = True
        self._turn()
        try:
            async with asyncio.timeout(END_S):
                while self._tasks:
                    await asyncio.wait(self._tasks)
                    self._turn()
        except TimeoutError:
            self._log("WARN", f"{len(self._tasks)} hook(s) did not end within {END_S:g} s and are "
                      "killed: the next start tells the last states again")  # fmt: skip
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _soon(self) -> None:
        """Take a turn behind all that happens now: a decision does not wait for it."""
        if not self._turn_waits:
            self._turn_waits = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._turn_waits = False
        now = clock.now()
        while self._notices:
            self._perform(self._dispatch.notice(self._notices.popleft(), now))
        self._perform(self._dispatch.wake(now))
        self._remember()
        self._set_timer()

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Tell):
                self._log(effect.level, effect.text)
            else:
                self._spawn(effect)

    def _spawn(self, delivery: Deliver) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(delivery))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, delivery: Deliver) -> None:
        why: str | None = None
        try:
            await self._courier.deliver(delivery)
        except (AgentError, OSError, ValueError) as error:
            why = str(error) or repr(error)
        except Exception as error:  # A fault of ours must not hold up a queue for ever.
            why = repr(error)
            tell_traceback(self._log, error)
        self._perform(self._dispatch.done(delivery.op, why, clock.now()))
        self._soon()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self._dispatch.next_deadline()
        if deadline != NEVER and not self._ended:
            delay = max(0, deadline - clock.now()) / SECOND
            self._timer = asyncio.get_running_loop().call_later(delay, self._turn)

    # What outlives the daemon.

    def _remember(self) -> None:
        kept = self._dispatch.kept()
        if kept != self._kept:
            self._kept = kept
            self._keeping.call()

    def _read(self) -> list[object]:
        try:
            with self._file.open("rb") as stream:
                document = json.loads(stream.read(FILE_BYTES))
            if isinstance(document, list):
                return document
            why = "it is no list"
        except FileNotFoundError:
            return []
        except (OSError, ValueError, RecursionError) as error:
            why = str(error)
        self._log("WARN", f"{self._file} is BROKEN ({why}): no hook is told again what was last")
        return []

    def _keep(self) -> None:
        """Write what was told last; in the scribe's thread."""
        try:
            document = [kept.to_dict() for kept in self._kept]
            replace_file(self._file, json.dumps(document).encode() + b"\n")
            self._complained = False
        except OSError as error:
            if not self._complained:
                self._complained = True
                self._log("WARN", f"{self._file} cannot be written ({error.strerror}): the next "
                          "start of this daemon may not tell the last states again")  # fmt: skip
