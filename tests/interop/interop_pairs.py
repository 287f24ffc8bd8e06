"""Which programs make a pair, and how both are set up: ordinary files that both read alike."""

from dataclasses import dataclass
from pathlib import Path

from twinbeat.lab.contender import Contender
from twinbeat.lab.files import Timing
from twinbeat.lab.heartbeat_daemon import HeartbeatDaemon
from twinbeat.lab.topology import SEATS
from twinbeat.lab.twinbeat_daemon import RecordedDaemon

Pair = str
"""Node1's program and node2's: C is Heartbeat, the daemon in C, and T is twinbeat."""
KINDS: dict[str, type[Contender]] = {"C": HeartbeatDaemon, "T": RecordedDaemon}
MIXED: tuple[Pair, ...] = ("CT", "TC")
PAIRS: tuple[Pair, ...] = ("CC", *MIXED)

SETTLE_S = 1.5
"""After a move Heartbeat refuses another one until its scripts have ended."""
QUICK = Timing("interop", keepalive=250, warntime=1_000, deadtime=2_000, initdead=30_000)
"""The fastest that a pair of Heartbeats does reliably here while four pairs run side by side."""

LATE = Timing("late", keepalive=250, warntime=1_000, deadtime=2_000, initdead=8_000)
"""Where one of the two is started so late that the other must not have waited for it."""

BCAST = "bcast eth1"


@dataclass(frozen=True)
class Setup:
    """What stands in the files of both nodes."""

    failback: str = "on"
    auth: str = "sha1"
    key: str = ""
    """The secret of key 1, by chance when empty."""
    medium: str = BCAST
    """Lines of ha.cf; {n} is the node's number."""
    more: str = ""
    """Further lines of ha.cf, in front of all others."""
    timing: Timing = QUICK


def ha_cf(setup: Setup, log: Path, number: int) -> str:
    """Return a node's ha.cf."""
    timing = setup.timing
    return "\n".join(
        [
            setup.more,
            f"logfile {log}",
            f"keepalive {timing.keepalive}ms",
            f"warntime {timing.warntime}ms",
            f"deadtime {timing.deadtime}ms",
            f"initdead {timing.initdead}ms",
            "udpport 694",
            setup.medium.format(n=number),
            f"auto_failback {setup.failback}",
            *(f"node {seat.name}" for seat in SEATS),
            "",
        ]
    )
