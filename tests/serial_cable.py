"""A null-modem cable: two ptys with a real socat between them, and its plugs."""

import os
import subprocess
import time
from pathlib import Path

from twinbeat.core.model import LinkKind, LinkSpec
from twinbeat.core.units import LinkName


class Cable:
    """What goes into one end comes out of the other as long as socat runs."""

    def __init__(self, directory: Path) -> None:
        self.ends = (directory / "ttyA", directory / "ttyB")
        self._socat: subprocess.Popen[bytes] | None = None
        self.plug()

    def plug(self) -> None:
        ends = [f"PTY,link={end},raw,echo=0" for end in self.ends]
        self._socat = subprocess.Popen(["socat", *ends])
        limit = time.monotonic() + 10
        while not all(end.exists() for end in self.ends):
            assert time.monotonic() < limit, "socat made no cable"
            time.sleep(0.01)

    def unplug(self) -> None:
        if self._socat is not None:
            self._socat.terminate()
            self._socat.wait(10)

    def stop(self, signal_number: int) -> None:
        """Send socat a signal: SIGSTOP is a reader that reads no more."""
        assert self._socat is not None
        self._socat.send_signal(signal_number)

    def write(self, end: int, data: bytes) -> None:
        """Write on one end as a foreign program would."""
        line = os.open(self.ends[end], os.O_WRONLY | os.O_NOCTTY)
        try:
            while data:
                data = data[os.write(line, data) :]
        finally:
            os.close(line)


def spec(device: Path, baud: int = 19200) -> LinkSpec:
    return LinkSpec(
        name=LinkName(str(device)), kind=LinkKind.SERIAL, interface=str(device), baud=baud
    )
