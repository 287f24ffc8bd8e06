"""How Heartbeat's programs speak on standard error."""

import os
import sys
import time

from twinbeat.core.text import printable


def log(program: str, level: str, text: str) -> None:
    """Print a line as Heartbeat's log writes it to a terminal."""
    node = os.uname().nodename
    line = f"{stamp()} {node} {program}: [{os.getpid()}]: {level}: {printable(text)}"
    print(line, file=sys.stderr)


def stamp() -> str:
    """Return the time of a log line, without a year: `Nov 28 12:55:18`."""
    return time.strftime("%b %d %H:%M:%S")
