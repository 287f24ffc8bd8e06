"""Lines of level ERROR and worse that a Heartbeat may write, and why.

Two Heartbeats write the same in the same row; whatever stands here was seen there.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from twinbeat.lab.node import LogLine


@dataclass(frozen=True)
class Noise:
    """Lines that are usual."""

    pattern: str
    reason: str
    rows: str = ""
    """In which rows, as a pattern for their names; everywhere when empty."""

    def covers(self, row: str, text: str) -> bool:
        """Tell whether a line of a row is one of these."""
        return bool(re.search(self.rows, row) and re.search(self.pattern, text))


NOISE: Sequence[Noise] = (
    Noise(
        "^Both machines own ",
        "What twinbeat finds when it was parted from a Heartbeat, which holds everything by then.",
        "^(partition|frozen|one-way)",
    ),
    Noise(
        "^Cannot lock ourselves into memory",
        "Where memory may not be locked it says so, at each start.",
    ),
    Noise(
        "bcast_write: Unable to send|write_child: write failure",
        "A node that loses power loses its cables a moment before its processes.",
        "crash|restart|dies|replay-to-survivor|recording",
    ),
    Noise(
        "^No one owns our local resources",
        "twinbeat says at once that a start failed; two Heartbeats take it for running for 30 s.",
        "^start-fails",
    ),
    Noise(
        "httpd (did not start|ended)|httpd$|due to failure of httpd",
        "What twinbeat says of a script that fails.",
        "^start-fails",
    ),
    Noise(
        "msg2string: Message with zero fields", "Its FIFO loses an order of its own tools at times."
    ),
    Noise(
        "^(authtoken does not match|netstring authentication failed|MSG)",
        "While the nodes sign with different keys, it checks with the wrong one.",
        "^rotation",
    ),
    Noise(
        "^Cluster node .* returning after partition",
        "That is what happened.",
        "^(partition|frozen|one-way)",
    ),
    Noise(
        "^Late heartbeat: Node .* deadtime",
        "The first heartbeat, or echo, after a partition is later than the deadtime.",
        "^(partition|frozen|one-way|ping-lost)",
    ),
)


def unusual(row: str, lines: Iterable[LogLine]) -> list[str]:
    """Return the lines that two Heartbeats would not have written."""
    return [
        f"{line.node}: {line.level}: {line.text}"
        for line in lines
        if not any(noise.covers(row, line.text) for noise in NOISE)
    ]
