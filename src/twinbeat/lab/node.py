"""One node of the laboratory: its power, its daemon, and what it says of the cluster."""

import asyncio
import os
import re
import shutil
import signal
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from twinbeat.control.client import Client
from twinbeat.control.protocol import Refused
from twinbeat.control.shapes import MoveShape, StatusShape

from . import kernel, topology
from .files import Place
from .topology import BuildError, Seat
from .view import Span

ANSWER_S = 2.0
"""How long a daemon may take to answer a question."""
LINES_KEPT = 20_000
LINE = re.compile(r"(?:\w{3} [\d ]\d \d\d:\d\d:\d\d )?\S+ heartbeat: \[\d+\]: (\w+): (.*)")


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a node's log, stamped when it was read; its own stamp has only seconds."""

    at: int
    node: str
    level: str
    text: str


class Node:
    """A node: powered or not, with a daemon running or not."""

    def __init__(self, seat: Seat) -> None:
        self.seat = seat
        self.name = seat.name
        self.place = Place(seat)
        self.powered = False
        self.process: asyncio.subprocess.Process | None = None
        self.frozen = False
        self.lines: deque[LogLine] = deque(maxlen=LINES_KEPT)
        self._read = 0

    @property
    def running(self) -> bool:
        """Whether its daemon lives and is not frozen."""
        return self.process is not None and self.process.returncode is None and not self.frozen

    @property
    def pid(self) -> int:
        """The daemon's process number."""
        if self.process is None:
            raise BuildError(f"{self.name} has no daemon")
        return self.process.pid

    async def power_on(self) -> None:
        """Lay its cables and give it an empty `/run`; its disk is as it was."""
        for leftover in self.place.web.glob("*.pid"):
            leftover.unlink()
        self.place.socket.unlink(missing_ok=True)
        await topology.build_node(self.seat)
        self.powered = True

    async def power_off(self) -> None:
        """Destroy its namespace with every process, both cables first and at once."""
        self.powered = False
        await topology.destroy_node(self.seat)
        if self.process is not None:
            await self.process.wait()
            self.process, self.frozen = None, False

    async def start_daemon(self) -> None:
        """Start the real program as an administrator would, without waiting for it to be ready."""
        with self.place.output.open("ab") as output:
            self.process = await asyncio.create_subprocess_exec(
                *("ip", "netns", "exec", self.seat.namespace),
                *(sys.executable, "-m", "twinbeat", "run"),
                *("--config", str(self.place.config), "--node", self.name),
                *("--state-dir", str(self.place.state), "--socket", str(self.place.socket)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    async def stop_daemon(self, within: float) -> int:
        """Send SIGTERM and return the exit code; raises `TimeoutError` after `within` seconds."""
        process = self.process
        if process is None:
            raise BuildError(f"{self.name} has no daemon")
        self.signal(signal.SIGTERM)
        async with asyncio.timeout(within):
            code = await process.wait()
        self.process = None
        return code

    async def kill_daemon(self) -> None:
        """Kill the daemon, and only the daemon, with SIGKILL."""
        process = self.process
        self.signal(signal.SIGKILL)
        if process is not None:
            await process.wait()
        self.process, self.frozen = None, False

    def freeze(self) -> None:
        """Stop the daemon where it stands."""
        self.signal(signal.SIGSTOP)
        self.frozen = True

    def thaw(self) -> None:
        """Let a frozen daemon go on."""
        self.frozen = False
        self.signal(signal.SIGCONT)

    def signal(self, number: int) -> None:
        """Send the daemon a signal."""
        os.kill(self.pid, number)

    async def status(self) -> StatusShape | None:
        """Return the daemon's status, or None while it does not answer."""
        if not self.running:
            return None
        try:
            async with Client(self.place.socket, ANSWER_S) as client:
                return await client.status()
        except Refused:
            return None

    async def why(self, group: str) -> MoveShape | None:
        """Return the last move of the group as this node tells it, or None."""
        if not self.running:
            return None
        try:
            async with Client(self.place.socket, ANSWER_S) as client:
                return await client.why(group)
        except Refused:
            return None

    async def handover(self, group: str, to: str) -> None:
        """Ask the daemon to hand a group over; raises `Refused`."""
        async with Client(self.place.socket, ANSWER_S) as client:
            await client.handover(group, to)

    async def failback(self, group: str) -> None:
        """Ask the daemon to fail a group back; raises `Refused`."""
        async with Client(self.place.socket, ANSWER_S) as client:
            await client.failback(group)

    def read_log(self) -> None:
        """Take in the lines that were written to the log since the last call."""
        try:
            if self.place.log.stat().st_size == self._read:
                return
            with self.place.log.open("rb") as log:
                log.seek(self._read)
                data = log.read()
        except FileNotFoundError:
            return
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.decode(errors="backslashreplace").splitlines():
            found = LINE.match(line)
            level, text = found.groups() if found else ("", line)
            self.lines.append(LogLine(kernel.now(), self.name, level, text))

    def lines_within(self, window: Span) -> list[LogLine]:
        """Return the lines read within the window."""
        return [line for line in self.lines if window.holds(line.at)]

    def last_words(self) -> str:
        """Return what the daemon said of its end, in its log or on its output."""
        self.read_log()
        for line in reversed(self.lines):
            if line.level == "CRIT":
                return line.text
        try:
            words = self.place.output.read_text(errors="backslashreplace").split("\n")
        except FileNotFoundError:
            words = []
        return next((word.strip() for word in reversed(words) if word.strip()), "it said nothing")

    def keep_logs(self, directory: Path) -> None:
        """Copy its log and its output into a directory."""
        for path in (self.place.log, self.place.output, self.place.web / "error.log"):
            if path.exists():
                shutil.copy(path, directory / f"{self.seat.namespace}-{path.name}")
