"""Resources that two nodes would damage: a lease silences addresses, it unmounts nothing."""

import re
from collections.abc import Iterable

from .model import AgentKind, Proof, ResourceSpec

_FILE_SYSTEM = "a file system"
_DRBD = "a DRBD device"
_VOLUMES = "volumes of a shared disk"
_ARRAY = "a disk array"
_DATABASE = "a database"
_MACHINE = "a virtual machine"
_TARGET = "a disk that is exported"

_WHAT = {
    "filesystem": _FILE_SYSTEM, "zfs": "a pool of disks", "crypt": "an encrypted disk",
    "drbd": _DRBD, "drbddisk": _DRBD, "drbdupper": _DRBD,
    "lvm": _VOLUMES, "lvm-activate": _VOLUMES, "evmsd": _VOLUMES, "evmsscc": _VOLUMES,
    "vdo-vol": _VOLUMES,
    "raid1": _ARRAY, "mdraid": _ARRAY, "manageraid": _ARRAY, "serveraid": _ARRAY, "icp": _ARRAY,
    "linuxscsi": "a SCSI disk",
    "mysql": _DATABASE, "mysqld": _DATABASE, "mariadb": _DATABASE, "pgsql": _DATABASE,
    "postgresql": _DATABASE, "postgres": _DATABASE, "oracle": _DATABASE, "db2": _DATABASE,
    "ids": _DATABASE, "sybasease": _DATABASE, "sapdatabase": _DATABASE, "mongod": _DATABASE,
    "mongodb": _DATABASE, "slapd": _DATABASE, "redis": _DATABASE,
    "virtualdomain": _MACHINE, "xen": _MACHINE, "vmware": _MACHINE, "managexen": _MACHINE,
    "iscsitarget": _TARGET, "iscsilogicalunit": _TARGET,
}  # fmt: skip
"""By the agent's name in lower case, whoever's agent it is."""

_DECORATION = re.compile(r"(@.*)?\.service$|(?<=[a-z])[0-9.-]+$|-server$|-mysql-server$")


def what_is_exclusive(resource: ResourceSpec) -> str | None:
    """Return what of this resource must never be used by two nodes, or None."""
    if resource.agent is AgentKind.IP:
        return None
    name = resource.script.rpartition(":")[2].lower()
    if resource.agent is AgentKind.SYSTEMD and name.endswith((".mount", ".automount", ".swap")):
        return _FILE_SYSTEM
    return _WHAT.get(name) or _WHAT.get(_DECORATION.sub("", _DECORATION.sub("", name)))


def unproven(resources: Iterable[ResourceSpec], proof: Proof) -> str | None:
    """Return what a takeover of these resources risks under this proof of death, or None.

    Only fencing ends what runs on a node that nobody hears. The arbiter deposes an owner, but
    nothing here makes the deposed node let go of what is no address.
    """
    if proof is Proof.FENCE:
        return None
    risks = ((each.name, what_is_exclusive(each)) for each in resources)
    found = [f"{name} is {what}" for name, what in risks if what]
    if not found:
        return None
    return (
        f"{' and '.join(found)}: when the links are cut while both nodes live, both would use it "
        "at once; silence is no proof that the other node let go, only fencing is"
    )
