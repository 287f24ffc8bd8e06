"""One link over a serial line: a stream in both directions, slow, and never waited for.

Packets are cut out of what arrives, and handed to the kernel one at a time: the next one follows
when the one before has all but left. So what waits for a slow line waits here, where an old packet
gives way to a newer one (each says all there is to say), and not in the kernel's buffer.
"""

import fcntl
import os
import select
import struct
import termios
import time
from collections import deque
from collections.abc import Callable, Mapping

from twinbeat.core.model import LinkSpec
from twinbeat.wire.codec import Encoding
from twinbeat.wire.serial import PacketFinder

from .interface import LinkError
from .tty import LineLock, open_line

MAX_PACKETS = 512
"""The most packets that one `receive` returns; the rest waits for the next call."""
WAITING_MAX = 2
"""Packets that wait for the line, the one that is being written apart."""
STALLED_S = 5.0
"""A line that takes nothing for so long is reported: its other end holds it up, or is not there."""

_PIECE = 4096
"""Bytes of one read: what the kernel keeps of a line, and less than `MAX_PACKETS` packets."""
_PIECES = 16
"""Reads of one `receive`."""

TOO_SLOW = "serial line too slow"
NOISE = "serial line noise"


class SerialLink:
    """A raw tty of 8 data bits that is opened again whenever it comes back.

    The descriptor of `fileno` is an epoll instance, the same from `open` to `close`; it is readable
    when bytes have arrived, and when the line takes more of what waits.
    """

    encoding = Encoding.CLASSIC

    def __init__(self, spec: LinkSpec) -> None:
        self.name = spec.name
        self._spec = spec
        self._changed: Callable[[bool, str], None] | None = None
        self._reported: bool | None = None
        self._watch: select.epoll | None = None
        self._line: int | None = None
        self._lock: LineLock | None = None
        self._finder = PacketFinder()
        self._found: deque[bytes] = deque()
        self._waiting: deque[bytes] = deque()
        self._writing = b""
        """What is left of the packet that is being written."""
        self._moved_at = 0.0
        """When the line last took something, or had nothing to take."""
        self._too_slow = 0
        self._noise_told = 0

    def open(self, changed: Callable[[bool, str], None]) -> None:
        """Try to bring the link up; the first verdict, good or bad, is reported too."""
        self._changed = changed
        self._watch = select.epoll()
        self.retry()

    def retry(self) -> None:
        """Open what is not open, and report a line that takes nothing."""
        if self._watch is None:
            return
        device = self._spec.interface
        if self._line is None:
            try:
                self._open_line(self._watch)
            except LinkError as trouble:
                self._report(False, str(trouble))
                return
        self._push()
        if self._line is not None and time.monotonic() - self._moved_at > STALLED_S:
            self._report(
                False,
                f"{device} takes nothing any more: is its other end there, and does the cable "
                "connect RTS with CTS?",
            )
        elif self._line is not None:
            self._report(True, f"{device} carries packets at {self._spec.baud} baud")

    def fileno(self) -> int:
        """Return the descriptor to watch for reading, or -1 before `open` and after `close`."""
        return -1 if self._watch is None else self._watch.fileno()

    def send(self, packet: bytes) -> bool:
        """Queue one packet, an older one giving way to it; false when the line is not open."""
        if self._line is None:
            return False
        self._waiting.append(packet)
        self._push()
        while len(self._waiting) > WAITING_MAX:
            self._waiting.popleft()
            self._too_slow += 1
        return True

    def receive(self) -> list[bytes]:
        """Return all packets that have arrived whole (at most 512, oldest first)."""
        self._push()
        for _ in range(_PIECES):
            if len(self._found) >= MAX_PACKETS or not (piece := self._read()):
                break
            self._found += self._finder.feed(piece)
        return [self._found.popleft() for _ in range(min(len(self._found), MAX_PACKETS))]

    def pending(self) -> bool:
        """Whether the line has not taken everything, or the wire not what the line has."""
        self._push()
        if self._line is None:
            return False
        left = struct.unpack("i", fcntl.ioctl(self._line, termios.TIOCOUTQ, bytes(4)))[0]
        return bool(self._writing or self._waiting or left)

    def losses(self) -> Mapping[str, int]:
        """Return how many packets found no room on the line, and how often there was noise."""
        lost = {TOO_SLOW: self._too_slow, NOISE: self._finder.dropped - self._noise_told}
        self._too_slow, self._noise_told = 0, self._finder.dropped
        return lost

    def close(self) -> None:
        """Close the line, waiting for nothing; nothing is reported any more."""
        self._changed = None
        self._drop_line()
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def _open_line(self, watch: select.epoll) -> None:
        """Lock, open and set up the device; raises `LinkError` and leaves nothing behind."""
        lock = LineLock(self._spec.interface)
        try:
            line = open_line(self._spec.interface, self._spec.baud)
        except LinkError:
            lock.release()
            raise
        watch.register(line, select.EPOLLIN)
        self._line, self._lock = line, lock
        self._moved_at = time.monotonic()
        # Ends what an earlier life may have left half written.
        self._writing = b"\n"

    def _drop_line(self) -> None:
        if self._line is not None:
            try:
                # What the other end does not take would hold up the closing for half a minute.
                termios.tcflush(self._line, termios.TCOFLUSH)
            except termios.error:
                pass
            os.close(self._line)  # Which takes it out of the epoll instance as well.
        if self._lock is not None:
            self._lock.release()
        self._line = self._lock = None
        self._waiting.clear()
        self._writing = b""

    def _read(self) -> bytes:
        """Return what has arrived; nothing when nothing has, or when the line is lost."""
        if self._line is None:
            return b""
        try:
            piece = os.read(self._line, _PIECE)
        except BlockingIOError:
            return b""
        except OSError as error:
            self._lose(error)
            return b""
        if not piece:
            self._lose(OSError(0, "it was hung up"))
        return piece

    def _push(self) -> None:
        """Give the line as much as it takes, and have it call back while something is left."""
        try:
            while self._line is not None and self._ready():
                if not self._writing:
                    if not self._waiting:
                        break
                    self._writing = self._waiting.popleft()
                self._writing = self._writing[os.write(self._line, self._writing) :]
                self._moved_at = time.monotonic()
        except BlockingIOError:
            pass
        except OSError as error:
            self._lose(error)
        if self._line is None or self._watch is None:
            return
        left = bool(self._writing or self._waiting)
        if not left:
            self._moved_at = time.monotonic()
        self._watch.modify(self._line, select.EPOLLIN | (select.EPOLLOUT if left else 0))

    def _ready(self) -> bool:
        """Whether the line takes more: the kernel says so when little of the last one is left."""
        ready = select.poll()
        ready.register(self._line or 0, select.POLLOUT)
        return bool(ready.poll(0))

    def _lose(self, error: OSError) -> None:
        """Give up a line that failed: its device is gone, or the driver reports a fault."""
        self._drop_line()
        why = error.strerror or str(error)
        self._report(False, f"{self._spec.interface} failed: {why}; it is tried again every second")

    def _report(self, up: bool, why: str) -> None:
        """Tell the owner, once per change."""
        if up != self._reported and self._changed is not None:
            self._reported = up
            self._changed(up, why)
