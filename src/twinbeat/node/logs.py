"""Log lines in Heartbeat's formats, to the log file, the debug file, syslog and the terminal.

Formats are those of Heartbeat 3.0.6, so that what watches its logs goes on working. A line is
only queued by the loop; the scribe opens, appends and closes, so that a rotated file needs no
signal. Text that came from elsewhere is escaped here, in one place: no packet can forge a line.
"""

import os
import socket
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable
from pathlib import Path

from twinbeat.agents.base import Log
from twinbeat.core.model import LogSpec
from twinbeat.core.text import printable

from .clock import wall
from .scribe import Errand, Scribe

LINES_MAX = 10_000
SYSLOG_SOCKET = Path("/dev/log")

SEVERITY = {
    "EMERG": 0,
    "ALERT": 1,
    "CRIT": 2,
    "ERROR": 3,
    "WARN": 4,
    "notice": 5,
    "info": 6,
    "debug": 7,
}
FACILITY = {
    "kern": 0,
    "user": 1,
    "mail": 2,
    "daemon": 3,
    "auth": 4,
    "syslog": 5,
    "lpr": 6,
    "news": 7,
    "uucp": 8,
    "cron": 9,
    "authpriv": 10,
    "ftp": 11,
    **{f"local{number}": 16 + number for number in range(8)},
}
"""RFC 3164 section 4.1.1, by the names of syslog.conf(5)."""


def file_line(when: float, node: str, pid: int, level: str, text: str) -> str:
    """Return a line as Heartbeat writes it with `syslogmsgfmt true`, the default."""
    stamp = time.strftime("%b %d %H:%M:%S", time.localtime(when))
    return f"{stamp} {node} heartbeat: [{pid}]: {level}: {text}"


def plain_line(when: float, pid: int, level: str, text: str) -> str:
    """Return a line as Heartbeat writes it with `syslogmsgfmt false`."""
    stamp = time.strftime("%Y/%m/%d_%H:%M:%S", time.localtime(when))
    return f"heartbeat[{pid}]: {stamp} {level}: {text}"


def syslog_packet(when: float, facility: int, pid: int, level: str, text: str) -> bytes:
    """Return a local syslog datagram (RFC 3164): tag `heartbeat`, message `[PID]: LEVEL: text`."""
    stamp = time.strftime("%b %e %H:%M:%S", time.localtime(when))
    priority = facility * 8 + SEVERITY[level]
    return f"<{priority}>{stamp} heartbeat: [{pid}]: {level}: {text}".encode()


def tell_traceback(log: Log, error: BaseException, prefix: str = "") -> None:
    """Log where a fault happened, a line for each line of its traceback."""
    for part in traceback.format_exception(error):
        for line in part.rstrip().split("\n"):
            log("ERROR", prefix + line)


class Logs:
    """Where `log(level, text)` goes. Levels are Heartbeat's; never blocks and never raises."""

    def __init__(self, spec: LogSpec, node: str, scribe: Scribe) -> None:
        self._spec = spec
        self._node = printable(node)
        self._writing = Errand(scribe, self.write)
        self._pid = os.getpid()
        self._lines: deque[tuple[float, str, str]] = deque()
        self._dropped = 0
        self._complained: set[str] = set()
        self._syslog: socket.socket | None = None
        self._journal = "JOURNAL_STREAM" in os.environ
        self._terminal = sys.stderr.isatty()

    def __call__(self, level: str, text: str) -> None:
        """Queue one line; a line too many is counted, and the count is logged."""
        if len(self._lines) >= LINES_MAX:
            self._dropped += 1
            return
        self._lines.append((wall(), level, printable(text)))
        self._writing.call()

    def configure(self, spec: LogSpec) -> None:
        """Log elsewhere from the next line on."""
        self._spec = spec
        self._complained.clear()

    def write(self) -> None:
        """Write what is queued; called in the scribe's thread, and once more at the very end."""
        batch = []
        while self._lines:
            batch.append(self._lines.popleft())
        if self._dropped:
            lost, self._dropped = self._dropped, 0
            text = f"{lost} log line(s) were dropped here: they came faster than they were written"
            batch.append((wall(), "WARN", text))
        if batch:
            spec = self._spec
            self._to_file(spec.debugfile, batch)
            worth = [line for line in batch if line[1] != "debug"]
            self._to_file(spec.logfile, worth)
            self._to_syslog(spec.facility, worth)
            self._to_stderr(worth if spec.debugfile else batch)

    def _to_file(self, name: str | None, batch: list[tuple[float, str, str]]) -> None:
        if name is None or not batch:
            return
        if self._spec.syslog_format:
            lines = [file_line(when, self._node, self._pid, level, t) for when, level, t in batch]
        else:
            lines = [plain_line(when, self._pid, level, t) for when, level, t in batch]

        def append() -> None:
            with open(name, "a", encoding="utf-8") as stream:
                stream.write("\n".join(lines) + "\n")

        self._attempt(name, append)

    def _to_syslog(self, facility: str | None, batch: list[tuple[float, str, str]]) -> None:
        code = FACILITY.get(facility or "")
        if code is None:
            return

        def send() -> None:
            if self._syslog is None:
                self._syslog = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                self._syslog.connect(str(SYSLOG_SOCKET))
            for when, level, text in batch:
                self._syslog.send(syslog_packet(when, code, self._pid, level, text))

        if not self._attempt(str(SYSLOG_SOCKET), send) and self._syslog is not None:
            self._syslog.close()
            self._syslog = None

    def _to_stderr(self, batch: list[tuple[float, str, str]]) -> None:
        spec = self._spec
        if self._journal:
            lines = [f"<{SEVERITY[level]}>{level}: {text}" for _, level, text in batch]
        elif self._terminal:
            lines = [
                f"{time.strftime('%H:%M:%S', time.localtime(when))} {level}: {text}"
                for when, level, text in batch
            ]
        elif spec.logfile is None and spec.debugfile is None and spec.facility is None:
            lines = [file_line(when, self._node, self._pid, level, t) for when, level, t in batch]
        else:
            return
        if lines:
            self._attempt("", lambda: print("\n".join(lines), file=sys.stderr, flush=True))

    def _attempt(self, place: str, write: Callable[[], None]) -> bool:
        """Write; say once per place and configuration that it cannot be written."""
        try:
            write()
        except OSError as error:
            if place and place not in self._complained:
                self._complained.add(place)
                self("WARN", f"{place} cannot be written ({error.strerror}): its lines are lost")
            return False
        return True
