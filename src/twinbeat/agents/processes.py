"""Notice the end of the processes that a resource lives in, the moment the kernel knows it.

Its main process is known by a pidfile, or else it is what a start left running: an orphan that came
to this daemon (`orphans`). Every process that such a start began has a mark in its environment, by
which those of two starts at one time are told apart, and by which a later life of the daemon finds
them again. One too many is watched without harm: an end is a reason to look, and the look decides.
"""

import asyncio
import os
import time
from collections.abc import Iterable, Sequence

from .orphans import orphans, see_off
from .pidfile import Process, named_by, read_process

MARK = "TWINBEAT_RESOURCE"
"""The variable that says of a process which resource's agent it comes from."""

_MOST = 16
"""Processes of one resource that are watched."""
_SEARCHES = 3
"""So many looks after a start search for what it left; some services take their time."""
_SLICE = 50
"""Processes whose environment is read in one turn of the loop: about a millisecond."""
_TICK = 0.02
"""Seconds by which the start of a process may be told too early."""


class Processes:
    """The processes of one resource."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._ended = asyncio.Event()
        self._watched: dict[int, int] = {}  # and their pidfds
        self._newest_end = 0
        self._began: float | None = None
        self._searches = 0
        self._by_pidfile = False

    @property
    def by_pidfile(self) -> bool:
        """Whether the main process is watched, and not only what a start left running."""
        return self._by_pidfile and bool(self._watched)

    @property
    def watched(self) -> str:
        """Which of them are watched, for a person; empty when none is."""
        first = next(iter(self._watched), None)
        if first is None:
            return ""
        more = len(self._watched) - 1
        return f"process {first}" + (f" and {more} more" if more else "")

    def expect(self, *, fresh: bool) -> None:
        """A start begins; `fresh` unless the resource was seen running before."""
        self._began = time.clock_gettime(time.CLOCK_BOOTTIME) if fresh else None
        self._searches = _SEARCHES

    async def changed(self) -> str:
        """Return when one that is watched has ended, and say which."""
        await self._ended.wait()
        self._ended.clear()
        return f"process {self._newest_end} has ended"

    async def look_for(self, pidfiles: Sequence[str]) -> None:
        """Find what to watch, unless something is: the resource was just started or seen running.

        A pidfile is tried every time, for it may come late; the rest costs more and is not.
        """
        if self._watched:
            return
        for path in pidfiles:
            main = await named_by(path)
            if main is not None and self._watch([main]):
                self._by_pidfile = True
                return
        self._by_pidfile = False
        if self._searches:
            self._searches -= 1
            self._watch(self._left() if self._began is not None else await self._marked())

    def forget(self) -> None:
        """Watch none of them any more: the resource was stopped."""
        for pid in list(self._watched):
            self._drop(pid)
        self._ended.clear()
        self._searches = 0

    def _left(self) -> list[Process]:
        """Return the orphans that come from the newest start, or may do."""
        found = [process for pid in orphans() if (process := read_process(pid))]
        first = self._searches == _SEARCHES - 1
        began = (self._began or 0.0) - _TICK
        marks = {process.pid: mark_of(process.pid) for process in found}
        # Some overwrite their environment with a title; those of another start tell that they are.
        return [
            process
            for process in found
            if marks[process.pid] == self._name
            or (first and marks[process.pid] is None and process.started >= began)
        ]

    async def _marked(self) -> list[Process]:
        """Return those processes of this machine with this mark whose parent has another."""
        self._searches = 0
        found: dict[int, Process] = {}
        for number, entry in enumerate(os.listdir("/proc")):
            if number % _SLICE == 0:
                await asyncio.sleep(0)
            if entry.isdecimal() and mark_of(int(entry)) == self._name:
                process = read_process(int(entry))
                if process is not None:
                    found[process.pid] = process
        return [process for process in found.values() if process.parent not in found]

    def _watch(self, processes: Iterable[Process]) -> bool:
        """Watch these, and return whether any is watched now."""
        loop = asyncio.get_running_loop()
        for process in processes:
            if len(self._watched) == _MOST:
                break
            try:
                pidfd = os.pidfd_open(process.pid)
            except OSError:
                continue  # It has ended.
            # The number may have become another's before it was opened, and cannot afterwards.
            if read_process(process.pid) != process:
                os.close(pidfd)
                continue
            self._watched[process.pid] = pidfd
            loop.add_reader(pidfd, self._note_end, process.pid)
        return bool(self._watched)

    def _note_end(self, pid: int) -> None:
        self._drop(pid)
        see_off()
        self._newest_end = pid
        self._searches = max(self._searches, 1)
        self._ended.set()

    def _drop(self, pid: int) -> None:
        pidfd = self._watched.pop(pid)
        asyncio.get_running_loop().remove_reader(pidfd)
        os.close(pidfd)


def mark_of(pid: int) -> str | None:
    """Return the resource whose agent a process comes from, or None when it does not say."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            variables = file.read().split(b"\0")
    except OSError:
        return None
    prefix = MARK.encode() + b"="
    mark = next((each for each in variables if each.startswith(prefix)), None)
    return None if mark is None else mark.removeprefix(prefix).decode(errors="replace")
