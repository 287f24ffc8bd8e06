"""Read a file that holds a secret, and refuse one that others could read or have written."""

import os
import stat

MAX_BYTES = 64 << 10


class PrivateError(Exception):
    """The file is not to be used; the text says why and what to do, and nothing of its content."""


def read_private(path: str) -> str:
    """Return the text of a private file; raises `PrivateError`."""
    try:
        # O_NONBLOCK: a named pipe of that name must not make anybody wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        raise PrivateError(f"{path} cannot be read: {_why(error)}") from None
    try:
        _require_private(path, os.fstat(descriptor))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(MAX_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(content) > MAX_BYTES:
        raise PrivateError(f"{path} is longer than 64 KiB, which no secret is")
    try:
        text = content.decode().strip()
    except UnicodeDecodeError:
        raise PrivateError(f"{path} is not UTF-8 text") from None
    if not text:
        raise PrivateError(f"{path} is empty")
    return text


def _require_private(path: str, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise PrivateError(f"{path} is no regular file")
    if found.st_uid not in (0, os.geteuid()):
        raise PrivateError(f"{path} is refused: it belongs to uid {found.st_uid}, not to root")
    if found.st_mode & 0o077:
        mode = f"{stat.S_IMODE(found.st_mode):o}"
        raise PrivateError(
            f"{path} is refused: others than its owner may read or write it (mode {mode}); "
            f"remedy: chmod 600 {path}"
        )


def _why(error: Exception) -> str:
    return os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
