"""Small configurations for the tests of this room."""

from twinbeat.config import Loaded, Source, Sources, load

HA_CF = "keepalive 1\ndeadtime 5\ninitdead 12\nauto_failback on\nbcast eth1\nnode node1 node2\n"
HARESOURCES = "node1 192.168.0.140 httpd\n"
AUTHKEYS = "auth 1\n1 sha1 0123456789abcdef\n"


def trio(
    ha_cf: str = HA_CF,
    haresources: str = HARESOURCES,
    authkeys: str = AUTHKEYS,
    *,
    cluster_toml: str | None = None,
    mode: int | None = 0o600,
) -> Sources:
    """The three files of Heartbeat, under short names, perhaps with a cluster.toml beside them."""
    return Sources(
        Source("ha.cf", ha_cf, 0o644),
        Source("haresources", haresources, 0o644),
        Source("authkeys", authkeys, mode),
        None if cluster_toml is None else Source("cluster.toml", cluster_toml, 0o644),
    )


def toml(text: str, authkeys: str = AUTHKEYS) -> Sources:
    """A cluster.toml that is the whole cluster."""
    return Sources(
        authkeys=Source("authkeys", authkeys, 0o600),
        cluster_toml=Source("cluster.toml", text, 0o644),
    )


def errors(loaded: Loaded) -> list[str]:
    """What was refused, each with its place."""
    return [
        f"{d.file}:{d.line}:{d.column} {d.message}"
        for d in loaded.diagnostics
        if d.severity == "error"
    ]


def warnings(loaded: Loaded, line: int | None = None) -> list[str]:
    """What was warned of, perhaps only on one line."""
    return [
        f"{d.file}:{d.line}:{d.column} {d.message}"
        for d in loaded.diagnostics
        if d.severity == "warning" and line in (None, d.line)
    ]


def with_ha_cf(extra: str) -> Loaded:
    """Load the ordinary cluster with more lines in its ha.cf, beginning at line 7."""
    return load(trio(HA_CF + extra))
