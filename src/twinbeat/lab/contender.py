"""What can be put on a node: the daemon of a cluster program, twinbeat's own or a peer's.

The steps play the same with every contender: it is started, stopped, asked to move the group,
killed, frozen. Whoever owns the address is seen by the client and asked of the kernels; a contender
only adds what it says itself.
"""

import asyncio
import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from twinbeat.control.shapes import MoveShape

from .files import Place, Timing
from .topology import SEATS, BuildError, Seat


class Contender(ABC):
    """The daemon of one cluster program on one node; not running at first."""

    title: ClassVar[str]
    packages: ClassVar[Sequence[str]] = ()
    """The Debian packages that it comes from."""
    patience: ClassVar[float] = 10.0
    """Seconds that it may need beyond its timers until a move is complete."""

    def __init__(self, seat: Seat, timing: Timing) -> None:
        self.seat = seat
        self.other = next(other for other in SEATS if other != seat)
        self.timing = timing
        self.place = Place(seat)
        self.process: asyncio.subprocess.Process | None = None
        self.frozen = False

    @classmethod
    @abstractmethod
    def version(cls) -> str | None:
        """Return the version that is installed, or None where it cannot run here."""

    @property
    @abstractmethod
    def detection(self) -> float:
        """After how many milliseconds of silence the other node counts as dead."""

    @property
    @abstractmethod
    def settings(self) -> str:
        """What it is set to, in a few words."""

    @abstractmethod
    def furnish(self) -> None:
        """Add to the experiment's files what this program wants beside them."""

    @abstractmethod
    def boot(self) -> None:
        """Remove what does not survive a power failure."""

    @abstractmethod
    def command(self) -> Sequence[str]:
        """Return how it is started in the foreground of its namespace."""

    @abstractmethod
    async def owner(self) -> str | None:
        """Return the owner as this daemon tells it, None while it moves or says nothing."""

    @abstractmethod
    async def handover(self) -> None:
        """Move the group from here to the other node, as an operator would.

        Raises `BuildError` or `Refused`; so does `failback`.
        """

    @abstractmethod
    async def failback(self) -> None:
        """Move the group back to this preferred node."""

    @property
    def gone(self) -> bool:
        """Whether a daemon was started and has ended by now."""
        return self.process is not None and self.process.returncode is not None

    @property
    def running(self) -> bool:
        """Whether the daemon lives and is not frozen."""
        return self.process is not None and not self.gone and not self.frozen

    @property
    def pid(self) -> int:
        """The process that was started; raises `BuildError` when there is none."""
        if self.process is None:
            raise BuildError(f"{self.seat.name} has no daemon")
        return self.process.pid

    def pids(self) -> list[int]:
        """Return all processes of the daemon: the one that was started, then those under it.

        Only those that run its own program: a web server may well descend from it, too.
        """
        ours = _program(self.pid)
        return [self.pid, *(pid for pid in descendants(self.pid) if _program(pid) == ours)]

    async def start(self) -> None:
        """Start it as an administrator would, without waiting for it to be ready."""
        with self.place.output.open("ab") as output:
            self.process = await asyncio.create_subprocess_exec(
                *("ip", "netns", "exec", self.seat.namespace),
                *self.command(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    async def stop(self, within: float) -> int:
        """Send SIGTERM and return the exit code; raises `TimeoutError` after `within` seconds."""
        os.kill(self.pid, signal.SIGTERM)
        async with asyncio.timeout(within):
            return await self.ended()

    async def kill(self) -> None:
        """Kill every process of the daemon with SIGKILL, and nothing that it manages."""
        self.freeze()  # So that none can act on the death of another.
        self._signal(signal.SIGKILL)
        await self.ended()

    def freeze(self) -> None:
        """Stop every process of the daemon where it stands."""
        self.frozen = True
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen daemon go on."""
        self.frozen = False
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    async def ended(self) -> int:
        """Wait for the end of the process that was started and return its exit code."""
        if self.process is None:
            return 0
        code = await self.process.wait()
        self.process, self.frozen = None, False
        return code

    async def says(self) -> str:
        """Tell what this daemon says of the owner, for a person."""
        if not self.running:
            return f"{self.seat.name} does not answer"
        return f"{self.seat.name} says {await self.owner() or 'nobody'}"

    async def noticed(self, since: int) -> int | None:
        """Return when it noticed that httpd had ended here, nanoseconds since boot; most never do.

        Only what it noticed after `since` counts.
        """
        del since
        return None

    async def why(self) -> MoveShape | None:
        """Return the last move of the group as this daemon tells it; most cannot."""
        return None


def _program(pid: int) -> tuple[int, int] | None:
    try:
        found = os.stat(f"/proc/{pid}/exe")
    except OSError:
        return None  # It has ended.
    return found.st_dev, found.st_ino


def descendants(ancestor: int) -> list[int]:
    """Return the processes that descend from another one, parents first."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                # The name, in parentheses, may hold anything; the parent follows the state.
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue  # It has ended meanwhile.
            children.setdefault(parent, []).append(int(entry.name))
    found = list(children.get(ancestor, ()))
    for pid in found:  # The list grows while it is walked.
        found += children.get(pid, ())
    return found
