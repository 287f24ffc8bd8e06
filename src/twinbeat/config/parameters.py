"""The directives of ha.cf as Heartbeat's tools ask for them: by name, in the words of the file.

Names, defaults and descriptions are what Heartbeat 3.0.6 itself answers (`heartbeat -D`, and
`cl_status hbparameter` beside a running one); scripts compare them as text.
"""

from collections.abc import Mapping

from twinbeat import __version__
from twinbeat.core.model import ClusterModel
from twinbeat.core.units import MS, Duration

from .draft import Draft

HBVERSION = f"3.0.6 (twinbeat {__version__})"
"""The version whose tools, files and packets these are, and what answers in truth."""

DEFAULTS: tuple[tuple[str, str, str], ...] = (
    ("cluster", "linux-ha", "the name of cluster"),
    ("hopfudge", "1", "# of hops above cluster size"),
    ("keepalive", "1000ms", "keepalive time"),
    ("deadtime", "30000ms", "node deadtime"),
    ("baud", "19200", "baud rate"),
    ("auto_failback", "legacy", "auto failback"),
    ("hbgenmethod", "file", "protocol generation computation method"),
    ("realtime", "true", "enable realtime behavior?"),
    ("msgfmt", "classic", "message format in the wire"),
    ("conn_logd_time", "60", "the interval to reconnect to logd"),
    ("log_badpack", "true", "warn about bad packets"),
    ("syslogmsgfmt", "true", "log to files in syslog format"),
    ("coredumps", "true", "enable Linux-HA core dumps"),
    ("pacemaker", "false", "enable Pacemaker resource management"),
    ("autojoin", "none", "set automatic join mode/style"),
    ("uuidfrom", "file", "set the source for uuid"),
    ("compression", "zlib", "set compression module"),
    ("compression_threshold", "2", "set compression threshold"),
    ("traditional_compression", "no", "set traditional_compression"),
    ("max_rexmit_delay", "250", "set the maximum rexmit delay time"),
    (
        "record_config_changes",
        "on",
        "record changes to the cib (valid only with: pacemaker on)",
    ),
    (
        "record_pengine_inputs",
        "on",
        "record the input used by the policy engine (valid only with: pacemaker on)",
    ),
    (
        "enable_config_writes",
        "on",
        "write configuration changes to disk (valid only with: pacemaker on)",
    ),
    ("memreserve", "6500", "number of kbytes to preallocate in heartbeat"),
)
"""Directive, default and description, in the order of `heartbeat -D`."""

_WITHOUT_DEFAULT = (
    *("deadping", "debug", "debugfile", "initdead", "logfacility", "logfile", "rtprio"),
    *("udpport", "use_logd", "warntime", "watchdog"),
)
"""Answered too, when the file says them or when they follow from what it says."""


def parameters(draft: Draft, model: ClusterModel) -> dict[str, str]:
    """Return every parameter that has a value: as ha.cf spells it, else as Heartbeat would."""
    values = {name: default for name, default, _ in DEFAULTS}
    values |= {"debug": "0", "udpport": "694", "hbversion": HBVERSION}
    timing = model.timing
    values["warntime"] = _ms(timing.warntime)
    values["initdead"] = _ms(timing.initdead)
    values["deadping"] = _ms(timing.deadping)
    values |= {name: draft.words[name] for name in values if name in draft.words}
    values |= {name: draft.words[name] for name in _WITHOUT_DEFAULT if name in draft.words}
    if "crm" in draft.words:
        values["pacemaker"] = draft.words["crm"]
    values["crm"] = values["pacemaker"]
    if not draft.words:
        values |= _of_cluster_toml(model)
    return values


def _of_cluster_toml(model: ClusterModel) -> Mapping[str, str]:
    """Spell out in Heartbeat's words what a cluster.toml alone says."""
    log = model.log
    failback = any(group.failback.enabled for group in model.groups)
    said = {
        "cluster": model.name,
        "keepalive": _ms(model.timing.keepalive),
        "deadtime": _ms(model.timing.deadtime),
        "auto_failback": "on" if failback else "off",
        "realtime": "true" if model.realtime else "false",
        "logfile": log.logfile,
        "debugfile": log.debugfile,
        "logfacility": log.facility,
    }
    return {name: value for name, value in said.items() if value}


def _ms(span: Duration) -> str:
    return f"{span // MS}ms"
