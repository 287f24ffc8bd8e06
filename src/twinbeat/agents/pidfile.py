"""Find a service's main process by the file in which it wrote its number, if that can be believed.

A number is not a process: it may be left over from before, and another's by now. So a file counts
only when the process was there before the file was written. Nobody may have written it but root,
this daemon's user, or the user that the process itself runs as.
"""

import asyncio
import os
import re
import stat
import threading
import time
from dataclasses import dataclass

_LONGEST = 4096
_IN_MEMORY = ("/run/", "/var/run/")
_PATIENCE = 2.0
"""Seconds that a disk may take for a pidfile."""
_SLACK = 1.0
"""Seconds by which a clock may have been set between the two."""
_HEADER = re.compile(rb"^#\s*pidfile:\s*(/\S+)\s*$", re.MULTILINE)
_hanging: set[str] = set()
"""The files that are being read by a thread: never two by one path."""
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Process:
    """A process and what tells it from another one of the same number."""

    pid: int
    started: float
    """Seconds since boot (CLOCK_BOOTTIME), in steps of a clock tick."""
    parent: int


def read_process(pid: int) -> Process | None:
    """Return the process of that number, or None when there is none, or only its remains."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name is in parentheses, and may itself contain some.
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    if fields[0] in (b"Z", b"X"):
        return None
    return Process(pid, int(fields[19]) / _TICKS, int(fields[1]))


async def named_by(path: str) -> Process | None:
    """Return the living process that a pidfile names, or None when it is not to be believed."""
    if os.path.normpath(path).startswith(_IN_MEMORY):
        return _named_by(path)
    return None if path in _hanging else await _aside(path)


def pidfile_in_header(script: str) -> str | None:
    """Return what the header of an init script says of its pidfile (`# pidfile: /run/x.pid`)."""
    try:
        with open(script, "rb") as file:
            found = _HEADER.search(file.read(_LONGEST))
    except OSError:
        return None
    return found[1].decode(errors="replace") if found else None


def _named_by(path: str) -> Process | None:
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            about = os.fstat(file.fileno())
            words = file.read(_LONGEST).split() if stat.S_ISREG(about.st_mode) else []
        if not words or not words[0].isdigit() or len(words[0]) > 9:
            return None
        process = read_process(int(words[0]))
        if process is None or process.pid in (1, os.getpid()):
            return None
        owners = {0, os.geteuid(), os.stat(f"/proc/{process.pid}").st_uid}
    except OSError:
        return None
    if about.st_uid not in owners or about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return None
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - process.started
    return process if time.time() - age <= about.st_mtime + _SLACK else None


async def _aside(path: str) -> Process | None:
    """Read in a thread what a broken disk may hold up for ever; None when it takes too long."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Process | None] = loop.create_future()

    def tell(result: Process | None) -> None:
        if not done.done():
            done.set_result(result)

    def carry_out() -> None:
        result = _named_by(path)
        _hanging.discard(path)
        try:
            loop.call_soon_threadsafe(tell, result)
        except RuntimeError:
            pass  # The daemon has ended meanwhile.

    _hanging.add(path)
    threading.Thread(target=carry_out, daemon=True).start()
    try:
        return await asyncio.wait_for(done, _PATIENCE)
    except TimeoutError:
        return None
