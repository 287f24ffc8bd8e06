"""Find the programs that run with our rights, and refuse those that somebody else could change."""

import errno
import os
import stat
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from .base import AgentError

MOST_LINKS = 40
"""So many symbolic links the kernel follows in one path."""


def locate(script: str, dirs: Sequence[str]) -> str | None:
    """Return the first regular, executable file of that name in `dirs`, or None.

    Raises `AgentError` for a name that is no file name, and for a file that anyone but root (or,
    where we are not root, ourselves) could change or exchange: it would run with our rights.
    """
    if not script or "/" in script or "\0" in script:
        raise AgentError(f"{script!r} is no script's name: it must be a file name without '/'")
    for directory in dirs:
        path = os.path.join(directory, script)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            try:
                require_safe(path)
            except OSError as error:
                raise AgentError(f"{path} is refused: {error}") from None
            return path
    return None


def require_safe(path: str) -> None:
    """Raise `AgentError` when somebody else could have put or changed what is at `path`."""
    owners = {0, os.geteuid()}
    found, directories = os.stat(path), _on_the_way(path)
    if found.st_uid not in owners:
        raise AgentError(f"{path} is refused: it belongs to uid {found.st_uid}, not to root")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise AgentError(
            f"{path} is refused: its group or others may write it; remedy: chmod go-w {path}"
        )
    owners |= _strangers()
    for directory in directories:
        found = os.stat(directory)
        if found.st_uid not in owners:
            raise AgentError(
                f"{path} is refused: the directory {directory} belongs to uid {found.st_uid},"
                " who could exchange it"
            )
        # In a sticky directory, as /tmp is, nobody can exchange what belongs to another.
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not found.st_mode & stat.S_ISVTX:
            raise AgentError(
                f"{path} is refused: its group or others may write the directory {directory};"
                f" remedy: chmod go-w {directory}"
            )


def _on_the_way(path: str) -> list[str]:
    """Return every directory in which a name is looked up to find a path, those of links included.

    Raises `OSError` for more than `MOST_LINKS` of them.
    """
    here, names = "/", str(Path(path).absolute()).split("/")[::-1]
    directories: dict[str, None] = {}
    links = 0
    while names:
        name = names.pop()
        if name in ("", "."):
            continue
        if name == "..":
            here = os.path.dirname(here)
            continue
        directories[here] = None
        there = os.path.join(here, name)
        try:
            target = os.readlink(there)
        except OSError:  # It is no link; if it is nothing at all, who asks for it says so.
            here = there
            continue
        links += 1
        if links > MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
        names += target.split("/")[::-1]
        if target.startswith("/"):
            here = "/"
    return list(directories)


@cache
def _strangers() -> set[int]:
    """Return whom files of users belong to that are not known here: the real root is one then."""
    if not _in_user_namespace():
        return set()
    return {int(Path("/proc/sys/kernel/overflowuid").read_text())}


def _in_user_namespace() -> bool:
    """Whether some users are not known here, and show as nobody."""
    return Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]
