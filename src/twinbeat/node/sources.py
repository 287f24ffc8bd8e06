"""Read the files of a configuration from disk; what they mean is decided in `twinbeat.config`."""

import os
import pwd
import stat
from collections.abc import Callable
from pathlib import Path

from twinbeat.agents.base import AgentError
from twinbeat.config import Machine, Source, Sources

from .courier import mailer, trusted
from .private import PrivateError, read_private

MAX_BYTES = 1 << 20
"""No configuration is a megabyte long; whatever is has been named by mistake."""

_NAMES = ("ha.cf", "haresources", "authkeys", "cluster.toml")


class SourceError(Exception):
    """The files could not be read; the text says which and why, for a person."""


def _has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _may_run(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)


def _refuses_program(path: str) -> str:
    return _objection(lambda: trusted(path))


def _refuses_secret(path: str) -> str:
    return _objection(lambda: read_private(path))


def _refuses_mail() -> str:
    return _objection(mailer)


def _objection(use: Callable[[], object]) -> str:
    try:
        use()
    except (AgentError, PrivateError) as error:
        return str(error)
    except OSError as error:
        return _reason(error)
    return ""


MACHINE = Machine(_has_user, _may_run, _refuses_program, _refuses_secret, _refuses_mail)
"""This one."""


def read_sources(path: Path) -> Sources:
    """Read a directory, or one `cluster.toml` and the `authkeys` beside it.

    A file that is not there is None. Raises `SourceError` when the path does not exist, and when
    something that is there cannot be read.
    """
    path = path.absolute()
    if path.is_dir():
        directory = path
        ha_cf, haresources, authkeys, cluster_toml = (_read(path / name) for name in _NAMES)
        return Sources(ha_cf, haresources, authkeys, cluster_toml, str(directory), MACHINE)
    if path.name in _NAMES[:3]:
        raise SourceError(f"{path} is one file of several: give its directory, {path.parent}.")
    cluster_toml = _read(path)
    if cluster_toml is None:
        raise SourceError(f"{path} does not exist; `twinbeat init DIR` writes a configuration.")
    return Sources(
        authkeys=_read(path.parent / "authkeys"),
        cluster_toml=cluster_toml,
        directory=str(path.parent),
        machine=MACHINE,
    )


def _read(path: Path) -> Source | None:
    try:
        # O_NONBLOCK: a named pipe of that name must not make the daemon wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as why:
        raise SourceError(f"{path} cannot be read: {_reason(why)}.") from why
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise SourceError(f"{path} is no regular file.")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as why:
        raise SourceError(f"{path} cannot be read: {_reason(why)}.") from why
    finally:
        os.close(descriptor)
    if len(content) > MAX_BYTES:
        raise SourceError(f"{path} is longer than 1 MiB, which no configuration is.")
    return Source(str(path), _decoded(path, content), stat.S_IMODE(status.st_mode))


def _decoded(path: Path, content: bytes) -> str:
    """Return the text: UTF-8, or Latin-1 where it is not; the bytes of a key are kept exactly."""
    if path.name == "authkeys":
        return content.decode("utf-8", errors="surrogateescape")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _reason(why: Exception) -> str:
    return os.strerror(why.errno) if isinstance(why, OSError) and why.errno else str(why)
