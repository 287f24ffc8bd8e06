"""Read a `cluster.toml` beside ha.cf: only what Heartbeat's own files cannot say.

Saying a thing in both would leave open which one counts, so it is an error that names both places.
"""

from collections.abc import Mapping

from .clustertoml import read_proof
from .diagnostics import did_you_mean, quote
from .draft import Draft, GroupDraft, Said
from .hooks import read_hooks
from .policy import read_policy
from .resources import read_watching
from .tables import Table

_LINKS = ("bcast", "udp", "mcast", "mcast6", "ucast", "ucast6", "serial", "baud")
_PINGS = ("ping", "ping6", "ping_group")
_DIRECTIVES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "cluster": {
        "name": ("cluster",),
        "nodes": ("node",),
        "realtime": ("realtime",),
        "rtprio": ("rtprio",),
        "connectivity": ("respawn",),
    },
    "timing": {
        "preset": ("keepalive", "deadtime"),
        "keepalive": ("keepalive",),
        "deadtime": ("deadtime",),
        "warntime": ("warntime",),
        "initdead": ("initdead",),
        "deadping": ("deadping",),
    },
    "log": {
        "logfile": ("logfile",),
        "debugfile": ("debugfile",),
        "facility": ("logfacility",),
        "syslog_format": ("syslogmsgfmt",),
    },
}
"""What both can say: the keys here, and the directives of ha.cf that say the same."""


def read_additions(root: Table, draft: Draft) -> None:
    """Read the file into the draft that ha.cf and haresources gave."""
    for name, keys in _DIRECTIVES.items():
        table = root.table(name)
        if table:
            for key, directives in keys.items():
                _refuse(table, f"{name}.{key}", key, directives, draft)
            if name == "cluster":
                read_proof(table, draft)
            table.close()
    _refuse(root, "link", "link", _LINKS, draft)
    _refuse(root, "respawn", "respawn", ("respawn", "failfast"), draft)
    _refuse(root, "env", "env", ("env",), draft)
    _refuse(root, "ping", "ping", _PINGS, draft)
    for table in root.tables("group"):
        _group(table, draft)
    read_hooks(root, draft)
    root.close()


def _refuse(table: Table, spelt: str, key: str, directives: tuple[str, ...], draft: Draft) -> None:
    """Report a key that ha.cf says, or could say."""
    if not table.set_aside(key):
        return
    there = next((draft.said[name] for name in directives if name in draft.said), None)
    if there:
        table.error(
            key,
            f"{quote(spelt)} is said here and at {there}",
            "keep the line in ha.cf and take this one out",
        )
    else:
        table.error(
            key,
            f"{quote(spelt)} belongs into ha.cf, which says it with {quote(directives[0])}",
            "beside ha.cf this file holds only what Heartbeat's files cannot say",
        )


def _group(table: Table, draft: Draft) -> None:
    name = table.text("name")
    entries = table.tables("resource")
    if not name:
        if "name" not in table:
            table.missing("name", "the first resource word of the group in haresources")
        return
    group = next((g for g in draft.groups if g.name.value == name.value), None)
    if not group:
        names = [g.name.value for g in draft.groups]
        table.error(
            "name",
            f"haresources has no group {quote(name.value)}",
            did_you_mean(name.value, names) or "a group is called by its first resource word",
        )
        return
    for key in ("preferred", "nodes"):
        if table.set_aside(key):
            there = group.preferred.mark if group.preferred else group.name.mark
            table.error(key, f"{quote(key)} is said here and at {there}")
    for entry in entries:
        _resource(entry, group)
    read_policy(table, group)
    table.close()


def _resource(table: Table, group: GroupDraft) -> None:
    name = table.text("name")
    if not name:
        if "name" not in table:
            table.missing("name", "the word in haresources")
        return
    index = next((i for i, r in enumerate(group.resources) if r.value.name == name.value), None)
    if index is None:
        table.error(
            "name",
            f"the group {quote(group.name.value)} has no resource {quote(name.value)}",
            did_you_mean(name.value, [said.value.name for said in group.resources]),
        )
        return
    said = group.resources[index]
    for key in ("agent", "id", "address", "interface", "label", "broadcast", "alias", "args"):
        if table.set_aside(key):
            table.error(key, f"{quote(key)} is said here and at {said.mark}")
    group.resources[index] = Said(read_watching(table, said.value), said.mark)
    table.close()
