"""One thread for everything that may wait for a disk: log lines, journal, state, configuration.

The decision loop only hands jobs over. There is one thread, not a pool, so that what is written
is written in order, and so that it can be given the loop's own scheduling class: a thread of
ordinary priority that is held up among busy processes while it owns the interpreter would hold
up the loop with it.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

JOBS_MAX = 1024
STACK_BYTES = 512 * 1024
"""Locked memory counts: the usual 8 MiB of stack are not needed to write files."""


class Scribe:
    """Runs jobs one after the other in its own thread; a job that fails is reported, not fatal."""

    def __init__(self, failed: Callable[[BaseException], None]) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._failed = failed
        self.dropped = 0
        """Jobs refused because `JOBS_MAX` were waiting already."""
        usual = threading.stack_size(STACK_BYTES)
        try:
            self._thread = threading.Thread(target=self._work, name="scribe", daemon=True)
            self._thread.start()
        finally:
            threading.stack_size(usual)

    def put(self, job: Callable[[], object]) -> bool:
        """Hand a job over and return at once; false (and counted) when too many are waiting."""
        if self._jobs.qsize() >= JOBS_MAX:
            self.dropped += 1
            return False
        self._jobs.put(job)
        return True

    async def ask(self, job: Callable[[], T]) -> T:
        """Hand a job over and wait for what it returns or raises."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def work() -> None:
            try:
                result = job()
            except Exception as error:
                loop.call_soon_threadsafe(_fail, answer, error)
            else:
                loop.call_soon_threadsafe(_succeed, answer, result)

        self._jobs.put(work)
        return await answer

    def close(self, timeout_s: float) -> bool:
        """Finish what was handed over; false when that took longer than `timeout_s`."""
        self._jobs.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception as error:
                self._failed(error)


class Errand:
    """A job that waits at most once, however often it is called for before it begins."""

    def __init__(self, scribe: Scribe, job: Callable[[], object]) -> None:
        self._scribe = scribe
        self._job = job
        self._waiting = False

    def call(self) -> None:
        """See to it that the job begins once more; when too many are waiting, the next call may."""
        if not self._waiting:
            self._waiting = True  # Said first: the job may begin before `put` returns.
            if not self._scribe.put(self._run):
                self._waiting = False

    def _run(self) -> None:
        self._waiting = False
        self._job()


def _succeed(answer: "asyncio.Future[T]", result: T) -> None:
    if not answer.cancelled():
        answer.set_result(result)


def _fail(answer: "asyncio.Future[T]", error: Exception) -> None:
    if not answer.cancelled():
        answer.set_exception(error)
