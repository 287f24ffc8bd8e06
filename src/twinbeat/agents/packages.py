"""What to install when a resource's program is missing; for Debian, where names are known."""

import re
from pathlib import Path

AGENTS_PACKAGE = "resource-agents"

_PACKAGES = {
    "apache2": "apache2", "asterisk": "asterisk", "drbd": "drbd-utils", "drbddisk": "drbd-utils",
    "drbdupper": "drbd-utils", "haproxy": "haproxy", "hylafax": "hylafax-server",
    "irqbalance": "irqbalance", "ldirectord": "ldirectord", "mariadb": "mariadb-server",
    "named": "bind9", "nfs-common": "nfs-common", "nfs-kernel-server": "nfs-kernel-server",
    "nginx": "nginx", "openvpn": "openvpn", "postfix": "postfix", "postgresql": "postgresql",
    "rpcbind": "rpcbind", "slapd": "slapd", "squid": "squid", "ssh": "openssh-server",
    "tgt": "tgt", "varnish": "varnish", "vsftpd": "vsftpd", "xinetd": "xinetd",
}  # fmt: skip
"""The init script of a Debian package, and the package."""

_OTHER_NAMES = {
    "bind9": "named", "httpd": "apache2", "mysql": "mariadb", "mysqld": "mariadb",
    "nfs": "nfs-kernel-server", "nfslock": "nfs-common", "portmap": "rpcbind", "sshd": "ssh",
    "tgtd": "tgt",
}  # fmt: skip
"""Names of other distributions and times, and what Debian calls the same service now."""

_GONE = {
    "LVSSyncDaemonSwap": "Debian ships it no more; ipvsadm's own service synchronises connections",
    "iscsitarget": "Debian ships it no more; tgt is its successor",
    "cluster": "",
}

_UNITS = ("/etc/systemd/system", "/lib/systemd/system", "/usr/lib/systemd/system")
_NUMBER = re.compile(r"(?<=[a-z])\d+$")


def remedy_for_script(name: str) -> str:
    """Return what would bring a script of that name, as a command where one is known."""
    if _GONE.get(name):
        return _GONE[name]
    if any(Path(each, f"{name}.service").exists() for each in _UNITS):
        return (
            f'systemd has a unit of this name: `agent = "systemd"`, `name = "{name}"` in a '
            "cluster.toml that is the whole cluster"
        )
    here = _OTHER_NAMES.get(name)
    if here is not None:
        return f"Debian calls it {here}: write {here}, and apt-get install {_PACKAGES[here]}"
    package = _PACKAGES.get(name)
    if package is not None:
        return f"apt-get install {package}"
    return "no package known here has it: copy it from the node that does, into resource.d"


def remedy_for_agent(provider: str, kind: str) -> str:
    """Return what would bring an OCF agent."""
    if provider == "heartbeat" and not Path("/usr/lib/ocf/resource.d/heartbeat").is_dir():
        return f"apt-get install {AGENTS_PACKAGE}"
    if provider == "linbit":
        return "apt-get install drbd-utils"
    if kind == "ldirectord":
        return "apt-get install ldirectord"
    return "`twinbeat agents` lists those that are here"
