"""Who asks: the credentials that the kernel vouches for, and what they allow."""

import grp
import os
import socket
import struct
from dataclasses import dataclass

ADMIN_GROUP = "haclient"
"""Heartbeat's own group of the programs that may talk to the cluster."""

SO_PEERGROUPS = 59
"""Since Linux 4.13; not among Python's constants."""

GROUPS_MAX = 256
"""As many as Python's `getsockopt` can return; of a process in more only the primary counts."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The process at the other end of a connection, as it was when it connected."""

    pid: int
    uid: int
    gids: frozenset[int]
    """Its primary and its supplementary groups."""


def credentials_of(connection: socket.socket) -> Credentials:
    """Ask the kernel, never the peer and never a name service, who connected."""
    packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, gid = struct.unpack("3i", packed)
    return Credentials(pid, uid, frozenset({gid, *_supplementary(connection)}))


def _supplementary(connection: socket.socket) -> tuple[int, ...]:
    try:
        size = GROUPS_MAX * struct.calcsize("I")
        packed = connection.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, size)
    except OSError:
        return ()  # An older kernel, or too many of them.
    return struct.unpack(f"{len(packed) // 4}I", packed)


def admin_gid() -> int | None:
    """Return the number of the group haclient, or None when this machine has none."""
    try:
        return grp.getgrnam(ADMIN_GROUP).gr_gid
    except KeyError:
        return None


def may_change(who: Credentials, admins: int | None) -> bool:
    """Whether these credentials may move, stop or reconfigure anything."""
    return who.uid in (0, os.geteuid()) or (admins is not None and admins in who.gids)
