"""Run one command of the machine: bounded in time and output, with no thread and no waiting.

`posix_spawn` starts the child without copying the daemon's locked memory. The child gets an
ordinary life whatever the daemon's is: default signals, SCHED_OTHER, no descriptor but 0, 1 and 2,
a session and so a process group of its own. A pidfd tells its end, whoever keeps its pipes open.
"""

import asyncio
import ctypes
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

KEPT_OUTPUT = 64 * 1024
"""Bytes of each stream that are kept, the last ones."""

TERM_GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL, and again for the killed to be gone."""

Hear = Callable[[bytes], None]
"""Told each piece of what a command writes, as it comes, in bounded pieces."""

_SIGNALS = signal.valid_signals()
_libc = ctypes.CDLL(None)
_CLOSE_RANGE = 436
"""The number of close_range(2), the same on every architecture."""
_CLOSE_RANGE_CLOEXEC = 4
_LAST_DESCRIPTOR = ctypes.c_uint(-1)

_READ_PAUSE = 0.01
"""Seconds between two reads of one stream: a flood of output must not keep the daemon busy."""
_FIRST_READ = 0.1
"""Seconds until a stream is read that nobody hears while the command runs: most commands end
before, with so little to say that the pipe keeps it for the end."""

commands: set[int] = set()
"""The children of this process that are waited for here, by whoever called `run`."""


def nobody() -> None:
    """Tell nobody that a command is waited for no more."""


released: Callable[[], None] = nobody
"""Called whenever the exit code of a command was taken: others may have waited behind it."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int | None
    """The exit code, minus the signal's number, or None when not even SIGKILL ended it."""
    overran: bool
    """Whether it ran out of time and its process group was killed."""
    stdout: str
    stderr: str


async def run(
    command: Sequence[str],
    environment: Mapping[str, str],
    limit: float | None,
    hear: Hear | None = None,
    born: Callable[[int], None] = lambda _: None,
    text: bytes = b"",
) -> Ended:
    """Run a command for at most `limit` seconds (None: for ever) and return how it ended.

    `born` is told its process id, which is its process group's too. `text` is what it reads from
    its standard input; it lies in memory, so nobody waits for it to be read.

    One that overruns has its process group ended by SIGTERM, after a grace by SIGKILL; so has one
    whose caller is cancelled, at once. Background children of a command that ends in time live on.
    Raises `OSError` when the command cannot be started.
    """
    with _Capture(hear) as stdout, _Capture(hear) as stderr:
        child = _Child(_spawn(command, environment, text, stdout.far_end, stderr.far_end))
        try:
            born(child.pid)
            stdout.close_far_end()
            stderr.close_far_end()
            overran = not await _ends_within(limit, child, (stdout, stderr))
            if overran:
                child.signal_group(signal.SIGTERM)
                await child.ends_within(TERM_GRACE)
                child.signal_group(signal.SIGKILL)
                await child.ends_within(TERM_GRACE)
            return Ended(child.release(), overran, stdout.finish(), stderr.finish())
        except asyncio.CancelledError:
            child.signal_group(signal.SIGKILL)
            raise
        finally:
            child.release()


async def _ends_within(limit: float | None, child: "_Child", streams: Sequence["_Capture"]) -> bool:
    """Wait for the end, and return whether it came in time; only a long wait needs its streams."""
    first = _FIRST_READ if limit is None else min(limit, _FIRST_READ)
    if await child.ends_within(first):
        return True
    for stream in streams:
        stream.listen()
    return await child.ends_within(None if limit is None else limit - first)


def _spawn(
    command: Sequence[str], environment: Mapping[str, str], text: bytes, out: int, err: int
) -> int:
    """Start the command and return its process id; raises `OSError`."""
    source = _laid_ready(text) if text else None
    try:
        _keep_descriptors()
        with _urgent_birth():
            pid = os.posix_spawn(
                command[0],
                list(command),
                environment,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
                    if source is None
                    else (os.POSIX_SPAWN_DUP2, source, 0),
                    (os.POSIX_SPAWN_DUP2, out, 1),
                    (os.POSIX_SPAWN_DUP2, err, 2),
                ],
                setsid=True,
                setsigmask=(),
                setsigdef=_SIGNALS,
            )
            _make_ordinary(pid)
    finally:
        if source is not None:
            os.close(source)
    return pid


def _laid_ready(text: bytes) -> int:
    """Return a descriptor from which a child reads this; raises `OSError`."""
    descriptor = os.memfd_create("stdin", os.MFD_CLOEXEC)
    os.write(descriptor, text)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


@contextmanager
def _urgent_birth() -> Iterator[None]:
    """Let children inherit the daemon's real-time class while inside.

    posix_spawn suspends the daemon until the child has become the command. A child of the ordinary
    class takes its turn for that behind every busy process: up to 35 ms beside eight loops on two
    cores, where an urgent one took 1 ms.
    """
    policy = os.sched_getscheduler(0)
    urgent = policy & ~os.SCHED_RESET_ON_FORK
    if policy == urgent:
        yield
        return
    parameter = os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, urgent, parameter)
    except PermissionError:
        pass  # Only a privileged process may take the flag back; the child starts slowly then.
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameter)


def _make_ordinary(pid: int) -> None:
    """Take from the child what the daemon has for itself: real-time class and memory protection.

    A script needs longer to start processes of its own than this needs to reach it.
    """
    try:
        if os.sched_getscheduler(pid) != os.SCHED_OTHER:
            os.sched_setscheduler(pid, os.SCHED_OTHER, os.sched_param(0))
        if _protected():
            Path(f"/proc/{pid}/oom_score_adj").write_text("0")
    except OSError:
        pass  # It is gone already, or /proc is read-only: the child runs all the same.


def _protected() -> bool:
    """Whether the kernel would rather kill others when memory runs out; raises `OSError`."""
    descriptor = os.open("/proc/self/oom_score_adj", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 1) == b"-"
    finally:
        os.close(descriptor)


def _keep_descriptors() -> None:
    """Have every descriptor but 0, 1 and 2 close itself in a child.

    Python's own do; a C library's may not. One call for all of them, before each child, costs
    less than to ask after each: a daemon that watches 200 services has so many of them.
    """
    if _libc.syscall(_CLOSE_RANGE, 3, _LAST_DESCRIPTOR, _CLOSE_RANGE_CLOEXEC):
        for name in os.listdir("/proc/self/fd"):  # Before Linux 5.11.
            try:
                if int(name) > 2:
                    os.set_inheritable(int(name), False)
            except OSError:
                pass  # It was open for listing them.


class _Child:
    """A child process. Until it is released it keeps its process group's number its own."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._loop = asyncio.get_running_loop()
        self._ended = False
        self._waiter: asyncio.Future[None] | None = None
        self._released = False
        self._code: int | None = None
        commands.add(pid)
        try:
            self._pidfd = os.pidfd_open(pid)
        except OSError:
            self.signal_group(signal.SIGKILL)
            self._reap()
            raise
        self._loop.add_reader(self._pidfd, self._note_end)

    async def ends_within(self, seconds: float | None) -> bool:
        """Wait for the end, and return whether it came in time."""
        if not self._ended:
            self._waiter = self._loop.create_future()
            alarm = None if seconds is None else self._loop.call_later(seconds, self._wake)
            try:
                await self._waiter
            finally:
                if alarm is not None:
                    alarm.cancel()
        return self._ended

    def signal_group(self, number: signal.Signals) -> None:
        """Send a signal to the child and everything it started in its group."""
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            pass  # Nobody is left, or only processes that took other rights.

    def release(self) -> int | None:
        """Return the exit code, and let go of the child: one still alive is reaped at its end."""
        if not self._released:
            self._released = True
            if self._ended:
                self._reap()
        return self._code

    def _note_end(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._ended = True
        self._wake()
        if self._released:
            self._reap()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _reap(self) -> None:
        """Take the exit code of the ended child; from now on its number may be another's."""
        self._code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        commands.discard(self.pid)
        released()


class _Capture:
    """The near end of a pipe: keeps the last 64 KiB of what a child writes, and never waits.

    A service that was started in the background may hold the far end for as long as it runs. It
    is read on, for nothing, so that the service never meets a full or a broken pipe.
    """

    def __init__(self, hear: Hear | None) -> None:
        self._hear = hear
        self._loop = asyncio.get_running_loop()
        self._near_end, self.far_end = os.pipe()
        os.set_blocking(self._near_end, False)
        self._far_end_open = True
        self._at_end = False
        self._abandoned = False
        self._kept = bytearray()
        self._pause: asyncio.TimerHandle | None = None
        self._listening = False
        if hear is not None:
            self.listen()

    def __enter__(self) -> "_Capture":
        return self

    def __exit__(self, *_: object) -> None:
        self.close_far_end()
        self._abandoned = True
        if self._at_end:
            self._close()
        else:
            self.listen()

    def close_far_end(self) -> None:
        """Leave the far end to the child."""
        if self._far_end_open:
            self._far_end_open = False
            os.close(self.far_end)

    def finish(self) -> str:
        """Return what was kept, with what still stands in the pipe."""
        unread = KEPT_OUTPUT
        while unread > 0 and (size := self._read()):
            unread -= size
        return self._kept.decode("utf-8", "backslashreplace")

    def listen(self) -> None:
        """Read from now on what comes."""
        if not self._listening:
            self._listening = True
            self._listen()

    def _listen(self) -> None:
        self._loop.add_reader(self._near_end, self._take)

    def _take(self) -> None:
        """Read once, then look away for a moment."""
        self._loop.remove_reader(self._near_end)
        self._read()
        if not self._at_end:
            self._pause = self._loop.call_later(_READ_PAUSE, self._listen)
        elif self._abandoned:
            self._close()

    def _read(self) -> int:
        """Take what stands in the pipe, and return how much it was."""
        try:
            piece = os.read(self._near_end, KEPT_OUTPUT)
        except BlockingIOError:
            return 0
        self._at_end = not piece
        if self._hear is not None and piece and not self._abandoned:
            self._hear(piece)
        self._kept += piece
        del self._kept[:-KEPT_OUTPUT]
        return len(piece)

    def _close(self) -> None:
        if self._listening:
            self._loop.remove_reader(self._near_end)
        if self._pause is not None:
            self._pause.cancel()
        os.close(self._near_end)
