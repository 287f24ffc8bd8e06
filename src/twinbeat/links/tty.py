"""A serial device: locked against other programs, and set up as Heartbeat sets up its own."""

import contextlib
import os
import stat
import termios
from pathlib import Path

from .interface import LinkError

LOCK_DIR = Path("/var/lock")
"""Where programs that use serial lines leave their marks, in the way of UUCP."""
_LOCK_ATTEMPTS = 3

SPEEDS = {
    9600: termios.B9600,
    19200: termios.B19200,
    38400: termios.B38400,
    57600: termios.B57600,
    115200: termios.B115200,
    230400: termios.B230400,
    460800: termios.B460800,
}
"""Bits per second that Heartbeat knows, and the kernel's names for them."""


def open_line(device: str, baud: int) -> int:
    """Return a descriptor that never waits, for a raw line of 8 data bits; raises `LinkError`."""
    try:
        line = os.open(device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise LinkError(
            f"{device} cannot be opened: {why}; it is tried again every second"
        ) from None
    try:
        if not stat.S_ISCHR(os.fstat(line).st_mode) or not os.isatty(line):
            raise LinkError(f"{device} is no serial line; see: ls -l {device}")
        _make_raw(line, baud)
        termios.tcflush(line, termios.TCIOFLUSH)
    except termios.error as error:
        os.close(line)
        raise LinkError(f"{device} cannot be set to {baud} baud: {error.args[-1]}") from None
    except LinkError:
        os.close(line)
        raise
    return line


def _make_raw(line: int, baud: int) -> None:
    """Let bytes pass as they are, the eighth bit and carriage returns apart.

    The handshake is RTS and CTS where the device has these wires. A BREAK, which Heartbeat sends
    when it opens its end, is ignored: it says nothing, and must not throw away what waits.
    """
    attributes = termios.tcgetattr(line)
    attributes[0] = termios.ISTRIP | termios.IGNCR | termios.IGNBRK | termios.IGNPAR
    attributes[1] = attributes[3] = 0
    attributes[4] = attributes[5] = SPEEDS[baud]
    attributes[6][termios.VMIN], attributes[6][termios.VTIME] = 1, 0
    plain = termios.CS8 | termios.CREAD | termios.CLOCAL
    try:
        attributes[2] = plain | termios.CRTSCTS
        termios.tcsetattr(line, termios.TCSANOW, attributes)
    except termios.error:
        attributes[2] = plain
        termios.tcsetattr(line, termios.TCSANOW, attributes)


class LineLock:
    """The file that tells other programs to leave a device alone: `LCK..ttyS0`, with our pid."""

    def __init__(self, device: str, directory: Path = LOCK_DIR) -> None:
        """Take the lock; raises `LinkError` when a living process has it, or it cannot be made."""
        self._device = device
        self._place = directory / f"LCK..{os.path.basename(os.path.realpath(device))}"
        mine = directory / f".LCK.{os.getpid()}.{self._place.name}"
        try:
            mine.write_bytes(b"%10d\n" % os.getpid())
            try:
                self._take(mine)
            finally:
                mine.unlink()
        except OSError as error:
            raise LinkError(
                f"{device} cannot be locked ({self._place}: {os.strerror(error.errno or 0)})"
            ) from None

    def release(self) -> None:
        """Let other programs have the device, unless one has taken the lock away already."""
        with contextlib.suppress(OSError):
            if _owner(self._place) == os.getpid():
                self._place.unlink()

    def _take(self, mine: Path) -> None:
        for _ in range(_LOCK_ATTEMPTS):
            try:
                os.link(mine, self._place)
                return
            except FileExistsError:
                owner = _owner(self._place)
                if owner is not None and owner != os.getpid() and _lives(owner):
                    raise LinkError(
                        f"{self._device} is used by process {owner}, says {self._place}; stop that "
                        "program, or remove the file if it is wrong"
                    ) from None
                self._place.unlink(missing_ok=True)
        raise LinkError(
            f"{self._device} cannot be locked: others take {self._place} again and again"
        )


def _owner(place: Path) -> int | None:
    """Return the process that a lock file names; None when it names none, or is gone."""
    try:
        text = place.read_bytes()[:64].strip()
    except FileNotFoundError:
        return None
    return int(text) if text.isdigit() and 0 < int(text) < 1 << 31 else None


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
