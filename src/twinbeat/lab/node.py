"""One node of the laboratory: its power, its daemon, its log."""

import os
import re
import shutil
import signal
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from twinbeat.scenario import Unmet

from . import kernel, topology
from .contender import Contender
from .files import Place
from .topology import Seat
from .view import Span

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
    """A node: powered or not, with a contender that runs or not."""

    def __init__(self, seat: Seat, daemon: Contender) -> None:
        self.seat = seat
        self.name = seat.name
        self.place = Place(seat)
        self.powered = False
        self.daemon = daemon
        self.lines: deque[LogLine] = deque(maxlen=LINES_KEPT)
        self._read = 0

    async def power_on(self) -> None:
        """Lay its cables and give it an empty `/run`; its disk is as it was."""
        for leftover in self.place.web.glob("*.pid"):
            leftover.unlink()
        self.daemon.boot()
        self.read_log()
        await topology.build_node(self.seat)
        self.powered = True

    async def power_off(self) -> None:
        """Destroy its namespace with every process, both cables first and at once."""
        self.read_log()
        self.powered = False
        await topology.destroy_node(self.seat)
        await self.daemon.ended()

    def fail(self) -> None:
        """Kill the web server of this node; raises `Unmet` when it has none."""
        try:
            os.kill(int(self.place.httpd.read_text()), signal.SIGKILL)
        except (OSError, ValueError):
            raise Unmet(f"no httpd runs on {self.name}") from None

    def mend(self) -> None:
        """Let every verb of httpd's script succeed again."""
        for mark in self.place.web.glob("broken-*"):
            mark.unlink()

    def read_log(self) -> None:
        """Take in the lines that were written to the log since the last call.

        What a node writes that has no power is what its last instant looks like here, where its
        interfaces go before its processes: a machine that loses power writes no such thing.
        """
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
        if not self.powered:
            return
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
        """Copy its log, its output and the streams of its lives into a directory."""
        place = self.place
        streams = place.stream.parent.glob(f"{place.stream.name}*")
        for path in (place.log, place.output, place.web / "error.log", *streams):
            if path.exists():
                shutil.copy(path, directory / f"{self.seat.namespace}-{path.name}")
