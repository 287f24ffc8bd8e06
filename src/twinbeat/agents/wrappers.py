"""Tell an administrator's own resource.d script from Heartbeat's wrapper of an OCF agent."""

from collections.abc import Sequence
from pathlib import PurePath

from .trust import locate

_MARK = b"ra_execocf"
"""Heartbeat's wrappers end in a call of this function of theirs (hto-mapfuncs)."""
_READ = 16 * 1024


def own_script(name: str, dirs: Sequence[str]) -> str | None:
    """Return the resource.d script of that name unless it is one of Heartbeat's wrappers.

    Raises `AgentError` when there is one that is refused.
    """
    path = locate(name, [each for each in dirs if PurePath(each).name != "init.d"])
    return None if path is None or _wraps(path) else path


def _wraps(path: str) -> bool:
    try:
        with open(path, "rb") as script:
            return _MARK in script.read(_READ)
    except OSError:
        return False
