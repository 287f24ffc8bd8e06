"""Tell systemd how the service fares (sd_notify(3)), without a library for one datagram."""

import os
import socket
from collections.abc import MutableMapping

from twinbeat.core.units import US, Duration


class Notifier:
    """The service manager's socket, or nothing at all when there is none."""

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        """Take the variables out of the environment: no script shall speak in our name."""
        address = environment.pop("NOTIFY_SOCKET", "")
        period = environment.pop("WATCHDOG_USEC", "")
        pid = environment.pop("WATCHDOG_PID", "")
        self.watchdog: Duration | None = None
        """How often the manager wants to hear from us, at the latest; None: it does not."""
        if period.isdigit() and int(period) and pid in ("", str(os.getpid())):
            self.watchdog = Duration(int(period) * US)
        self._socket: socket.socket | None = None
        if address[:1] in ("/", "@"):
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)
            self._address = "\0" + address[1:] if address[0] == "@" else address

    @property
    def listened_to(self) -> bool:
        """Whether there is a service manager at all."""
        return self._socket is not None

    def ready(self, status: str) -> None:
        """The kernel is silent, the links are open: units ordered after this one may start."""
        self._send(f"READY=1\nSTATUS={status}")

    def alive(self, status: str) -> None:
        """Feed the watchdog and say in a line what the node is doing."""
        self._send(f"WATCHDOG=1\nSTATUS={status}")

    def stopping(self) -> None:
        """The release of the resources has begun."""
        self._send("STOPPING=1\nSTATUS=releasing the resources")

    def _send(self, text: str) -> None:
        if self._socket is not None:
            try:
                self._socket.sendto(text.encode(), self._address)
            except OSError:
                pass  # The manager is busy or gone: the next word, a second later, will do.
