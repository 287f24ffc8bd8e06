"""Where a unicast peer is: its address, or its name on the way to one."""

import socket
import threading
import time
from ipaddress import IPv4Address, IPv6Address, ip_address

from .interface import LinkError

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0
"""Seconds between two questions after a name; the pause doubles with every failure."""


class PeerAddress:
    """A peer's address, numeric at once, or a name that is resolved once and then kept.

    A name server that does not answer would stop every decision of the daemon, so a name is asked
    for in a thread that nothing waits for. What it found holds for the life of the link.
    """

    def __init__(self, written: str, family: socket.AddressFamily = socket.AF_UNSPEC) -> None:
        """Remember what is written, and in which family a name is looked up."""
        self._written = written
        self._family = family
        self._found = _numeric(written)
        self._failure = "it is being looked up"
        self._lookup: threading.Thread | None = None
        self._pause = _FIRST_PAUSE
        self._next_lookup = 0.0

    def get(self) -> IPv4Address | IPv6Address:
        """Return the address without waiting; raises `LinkError` while it is not known."""
        if self._found is None:
            self._look_up()
            raise LinkError(f"the peer's name {self._written!r} has no address: {self._failure}")
        return self._found

    def _look_up(self) -> None:
        """Start a look-up unless one is under way or the last failure is too fresh."""
        if self._lookup is not None and self._lookup.is_alive():
            return
        if time.monotonic() < self._next_lookup:
            return
        self._lookup = threading.Thread(
            target=self._ask, name=f"resolve {self._written}", daemon=True
        )
        self._lookup.start()

    def _ask(self) -> None:
        """In the thread: ask the resolver, and leave the answer or the failure behind."""
        try:
            answers = socket.getaddrinfo(self._written, None, self._family, socket.SOCK_DGRAM)
            self._found = _numeric(str(answers[0][4][0]))
        except (OSError, UnicodeError) as error:
            self._failure = getattr(error, "strerror", None) or str(error)
            self._next_lookup = time.monotonic() + self._pause
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)


def _numeric(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address that is written in figures, its zone left out: the interface is known."""
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None
