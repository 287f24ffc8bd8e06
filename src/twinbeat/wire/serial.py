r"""Find packets in a stream of bytes: the classic encoding as it comes over a serial line.

A packet runs from a line `>>>` to a line `<<<` and arrives in pieces, or not whole. What belongs to
none is skipped and counted, and the next begin mark is a new start, so that no noise costs more
than the packets that it hit. Whether a packet is genuine is not for this module to say.
"""

from .classic import BEGIN, END
from .message import MAX_PACKET


class PacketFinder:
    """Takes in the bytes of one line in order; keeps at most one unfinished packet."""

    def __init__(self) -> None:
        self.dropped = 0
        """Runs of noise that were skipped, and packets that broke off or grew too long."""
        self._packet: bytearray | None = None
        """The lines of a packet that has begun; None outside of packets."""
        self._line = bytearray()
        """What has come of the present line."""
        self._noisy = False
        """Whether what is being skipped is counted already."""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the packets that these bytes complete, marks included, oldest first."""
        packets: list[bytes] = []
        *ended, rest = data.split(b"\n")
        for piece in ended:
            self._take(piece)
            packet = self._end_line(bytes(self._line) + b"\n")
            self._line.clear()
            if packet is not None:
                packets.append(packet)
        self._take(rest)
        return packets

    def _take(self, piece: bytes) -> None:
        """Add to the present line; one that is too long is noise, and so is its packet."""
        held = len(self._packet or b"") + len(self._line)
        if held + len(piece) < MAX_PACKET:
            self._line += piece
            return
        self._skip()
        self._packet = None
        self._line[:] = piece[-len(BEGIN) :]

    def _end_line(self, line: bytes) -> bytes | None:
        """Take in a whole line; return the packet if it ends one."""
        if line == BEGIN or (self._packet is None and line.endswith(BEGIN)):
            if self._packet is not None or line != BEGIN:
                self._skip()
            self._packet, self._noisy = bytearray(BEGIN), False
        elif self._packet is None:
            if line != b"\n":
                self._skip()
        else:
            self._packet += line
            if line == END:
                packet, self._packet = bytes(self._packet), None
                return packet
        return None

    def _skip(self) -> None:
        """Count what is skipped: once for each run of it."""
        if not self._noisy:
            self.dropped += 1
            self._noisy = True
