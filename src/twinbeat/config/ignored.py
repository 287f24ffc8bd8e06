"""The directives of ha.cf that mean nothing in twinbeat, and what follows from leaving them out.

Their values are checked as Heartbeat 3.0.6 checks them: a file keeps its verdict here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .times import boolean, heartbeat_time, number


@dataclass(frozen=True, slots=True)
class Ignored:
    """One directive without effect."""

    consequence: str
    expected: str = ""
    """What its values must be, for a sentence; empty: anything."""
    accepts: Callable[[str], bool] = lambda _value: True
    whole_line: bool = False
    """Whether Heartbeat takes the rest of the line as one value."""


def _is_time(value: str) -> bool:
    try:
        heartbeat_time(value)
    except ValueError:
        return False
    return True


def _boolean(consequence: str) -> Ignored:
    return Ignored(consequence, "a truth value (on or off)", lambda v: boolean(v) is not None)


def _number(consequence: str, high: int) -> Ignored:
    return Ignored(
        consequence, f"a number from 0 to {high}", lambda v: number(v, 0, high) is not None
    )


def _one_of(consequence: str, *words: str) -> Ignored:
    return Ignored(consequence, " or ".join(words), lambda v: v in words)


_HBA = "Losing the storage network moves no group: nobody asks a fibre channel device."
_FENCING = (
    "No peer is switched off before its groups are taken over: its silence is the only proof of "
    "its death."
)
_MEDIUM = "Heartbeats are not carried that way: at least one other link is needed."
_COMPRESSION = "A heartbeat is small and travels as it is."
_PACEMAKER = "There is no Pacemaker here to configure."
_CORES = "Core dumps are the service manager's affair (LimitCORE=)."
_LOGD = "There is no log daemon: lines go where logfile, debugfile and logfacility say."

IGNORED: Mapping[str, Ignored] = {
    "hbaping": Ignored(_HBA, whole_line=True),
    "rds": Ignored(_MEDIUM, whole_line=True),
    "tipc": Ignored(_MEDIUM, whole_line=True),
    "stonith": Ignored(_FENCING, whole_line=True),
    "stonith_host": Ignored(_FENCING, whole_line=True),
    "apiauth": Ignored(
        "Who may command the daemon is decided by its socket's group, haclient.", whole_line=True
    ),
    "watchdog": Ignored(
        "A hung daemon falls silent for its addresses by the kernel's lease; the machine itself "
        "is not reset."
    ),
    "compression": _one_of(_COMPRESSION, "zlib", "bz2"),
    "compression_threshold": _number(_COMPRESSION, 999_999_999),
    "traditional_compression": _boolean(_COMPRESSION),
    "msgfmt": _one_of(
        "Heartbeats are always signed netstrings, as Heartbeat's own are on Debian; both "
        "encodings are understood.",
        "classic",
        "netstring",
    ),
    "debug": _number("Debug lines go to debugfile whenever one is named.", 255),
    "log_badpack": _boolean(
        "Rejected packets are always counted, and logged at most once a minute for each reason."
    ),
    "hopfudge": _number("Heartbeats are not relayed, so nothing counts their hops.", 255),
    "hbgenmethod": _one_of(
        "The generation is always kept in a file and only grows.", "file", "time"
    ),
    "uuidfrom": _one_of("Nodes are known by their names.", "file", "nodename"),
    "max_rexmit_delay": _number(
        "Nothing is sent again: the next heartbeat says it all.", 999_999_999
    ),
    "memreserve": _number("All memory is locked after start-up.", 999_999_999),
    "coredumps": _boolean(_CORES),
    "coreroot": Ignored(_CORES),
    "use_apphbd": _boolean("The service manager watches the daemon (WatchdogSec=)."),
    "use_logd": _boolean(_LOGD),
    "conn_logd_time": Ignored(_LOGD, "a time in seconds, or with ms", _is_time),
    "quorum_server": Ignored("There is no quorum server: see `proof` in cluster.toml."),
    "normalpoll": Ignored("It meant something on old systems only."),
    "crm_daemon_dir": Ignored(_PACEMAKER),
    "crmd_spawns_pengine": Ignored(_PACEMAKER),
    "record_config_changes": Ignored(_PACEMAKER),
    "record_pengine_inputs": Ignored(_PACEMAKER),
    "enable_config_writes": Ignored(_PACEMAKER),
}
