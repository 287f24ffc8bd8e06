"""Find the programs that run with our rights, and refuse those that somebody else could change."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path, PurePath

from .base import AgentError


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
    real = os.path.realpath(path)
    found = os.stat(real)
    if found.st_uid not in owners:
        raise AgentError(f"{path} is refused: it belongs to uid {found.st_uid}, not to root")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise AgentError(
            f"{path} is refused: its group or others may write it; remedy: chmod go-w {path}"
        )
    if _in_user_namespace():
        owners.add(int(Path("/proc/sys/kernel/overflowuid").read_text()))
    parents = {*PurePath(os.path.abspath(path)).parents, *PurePath(real).parents}
    for directory in sorted(map(str, parents)):
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


def _in_user_namespace() -> bool:
    """Whether some users are not known here; directories of the real root show as nobody's then."""
    return Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]
