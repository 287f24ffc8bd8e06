"""Services whose start has ended come to this daemon as children, not to init.

A process that goes into the background loses its parent. The kernel gives it to the nearest
ancestor that asked for such orphans (prctl(2), PR_SET_CHILD_SUBREAPER), here to the daemon. So what
a start left running is known by a look at one list, whatever session, group or environment it has
made for itself; and what remains of it when it ends is cleared away, also where process 1 never
does that: a dead process that nobody waits for has a number still, and many a script takes it for
alive.

This is a property of the process, as its children are; so it is one of this module.
"""

import ctypes
import os

from . import child
from .base import Log

_PR_SET_CHILD_SUBREAPER = 36


def take_in(log: Log) -> None:
    """Ask the kernel for orphans, and see each off that has ended.

    That happens whenever a command or a watched process ends, and when `see_off` is called: a
    signal for every child would cost more than all the rest of a look.
    """
    if _ask_for_orphans(True):
        child.released = see_off
    else:
        log("WARN", "services in the background are watched by their pidfiles only")


def leave() -> None:
    """Let new orphans go to init; those that are here go there when this process ends."""
    child.released = child.nobody
    _ask_for_orphans(False)


def see_off() -> None:
    """Take the exit codes of ended orphans; those of commands are taken by whoever runs them."""
    while child.released is see_off:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None:
            return
        if ended.si_pid in child.commands:  # Whatever has ended since is hidden behind it.
            for pid in orphans():
                os.waitpid(pid, os.WNOHANG)
            return
        os.waitpid(ended.si_pid, os.WNOHANG)


def orphans() -> list[int]:
    """Return the processes that came to this one; none where the kernel has no such list."""
    me = os.getpid()
    try:
        with open(f"/proc/{me}/task/{me}/children", "rb") as file:
            children = file.read()
    except OSError:
        return []
    return [pid for pid in map(int, children.split()) if pid not in child.commands]


def _ask_for_orphans(on: bool) -> bool:
    libc = ctypes.CDLL(None)
    return bool(libc.prctl(_PR_SET_CHILD_SUBREAPER, int(on), 0, 0, 0) == 0)
