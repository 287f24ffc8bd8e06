"""Services whose start has ended come to this daemon as children, not to init.

A process that goes into the background loses its parent. The kernel gives it to the nearest
ancestor that asked for such orphans (prctl(2), PR_SET_CHILD_SUBREAPER), here to the daemon. So what
a start left running is known by a look at one list, whatever session, group or environment it has
made for itself; and its end is taken notice of at once, also where process 1 never does: a dead
process that nobody waits for has a number still, and many a script takes it for alive.
"""

import asyncio
import ctypes
import os
import signal
from pathlib import Path

from . import child
from .base import Log

_PR_SET_CHILD_SUBREAPER = 36


class Orphanage:
    """Takes in orphans from `open` to `close`, and sees each of them off when it has ended."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._is_open = False

    def open(self) -> None:
        """Ask the kernel for the orphans; where it refuses, they go to init as ever."""
        self._is_open = _adopt_orphans(True)
        if self._is_open:
            asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._see_off)
            child.released = self._see_off
        else:
            self._log("WARN", "services in the background are watched by their pidfiles only")

    def close(self) -> None:
        """Leave new orphans to init; those that are here go there when this process ends."""
        if self._is_open:
            self._is_open = False
            child.released = child.nobody
            asyncio.get_running_loop().remove_signal_handler(signal.SIGCHLD)
            _adopt_orphans(False)

    def _see_off(self) -> None:
        """Take the exit codes of ended orphans; a command's is its owner's, who calls again."""
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None or ended.si_pid in child.commands:
                return
            os.waitpid(ended.si_pid, os.WNOHANG)


def orphans() -> list[int]:
    """Return the processes that came to this one; none where the kernel has no such list."""
    me = os.getpid()
    try:
        children = Path(f"/proc/{me}/task/{me}/children").read_text()
    except OSError:
        return []
    return [pid for pid in map(int, children.split()) if pid not in child.commands]


def _adopt_orphans(on: bool) -> bool:
    libc = ctypes.CDLL(None)
    return bool(libc.prctl(_PR_SET_CHILD_SUBREAPER, int(on), 0, 0, 0) == 0)
