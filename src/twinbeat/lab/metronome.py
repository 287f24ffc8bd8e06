"""Ticks, and how late each was: what the machine does to a process that does nothing else.

    python -m twinbeat.lab.metronome SECONDS MILLISECONDS

It is as urgent as a daemon, where that is allowed. Prints the milliseconds of all ticks as JSON.
"""

import json
import os
import sys
import time
from contextlib import suppress

from . import kernel
from .kernel import MS, SECOND


def ticks(seconds: float, period: float) -> list[float]:
    """Return by how many milliseconds each tick came late, one every `period` milliseconds."""
    late: list[float] = []
    due = kernel.now()
    end = due + round(seconds * SECOND)
    while due < end:
        due += round(period * MS)
        time.sleep(max(0, due - kernel.now()) / SECOND)
        came = kernel.now()
        late.append((came - due) / MS)
        due = max(due, came - round(period * MS))  # What was missed is not made up for.
    return late


if __name__ == "__main__":
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    json.dump(ticks(float(sys.argv[1]), float(sys.argv[2])), sys.stdout)
