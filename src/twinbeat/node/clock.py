"""The two clocks of the shell: one that decisions rest on, one that is only shown."""

import time

from twinbeat.core.units import Instant


def now() -> Instant:
    """Return nanoseconds since boot, counted also while the machine is suspended."""
    return Instant(time.clock_gettime_ns(time.CLOCK_BOOTTIME))


def wall() -> float:
    """Return seconds since 1970, for people; no decision reads it."""
    return time.time()
