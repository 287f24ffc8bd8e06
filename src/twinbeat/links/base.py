"""What every link can do: send to all peers, and be drained dry."""

from collections.abc import Callable, Mapping
from typing import Protocol

from twinbeat.core.units import LinkName
from twinbeat.wire.codec import Encoding

MAX_PACKET = 65_507
"""The largest UDP payload; whatever is longer cannot have come from a peer."""


class Link(Protocol):
    """One path for heartbeats. It never raises for the network's sake: it reports and retries."""

    name: LinkName
    encoding: Encoding
    """What `send` is to be given."""

    def open(self, changed: Callable[[bool, str], None]) -> None:
        """Try to bring the link up; `changed(up, why)` tells the first verdict and every change."""

    def retry(self) -> None:
        """Called about once a second: bring up what is down, notice what went down."""

    def fileno(self) -> int:
        """Return the descriptor to watch for reading: the same from `open` to `close`, else -1."""

    def send(self, packet: bytes) -> bool:
        """Send one packet without waiting; false when the link is down or the kernel refused."""

    def receive(self) -> list[bytes]:
        """Return all packets that wait (at most 512 a call, oldest first); never waits."""

    def pending(self) -> bool:
        """Whether something that was sent has not left this node yet; never waits."""

    def losses(self) -> Mapping[str, int]:
        """Return what the link itself lost since this was last asked, by reason."""

    def close(self) -> None:
        """Close what is open."""
