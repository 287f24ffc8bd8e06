"""One link over UDP: whatever the interface does, it recovers by itself and says so."""

import errno
import os
import select
import socket
from collections.abc import Callable, Mapping
from contextlib import ExitStack

from twinbeat.core.model import LinkSpec
from twinbeat.wire.codec import Encoding

from .base import MAX_PACKET
from .interface import Interface, LinkError, look
from .paths import Path, path_finder

MAX_PACKETS = 512
"""The most datagrams that one `receive` returns; the rest waits for the next call."""

_RECEIVE_BUFFER = 1 << 20
"""Bytes the kernel may keep for us: hundreds of heartbeats, should this process be held up."""

_SO_RCVBUFFORCE = 33
"""socket(7): as SO_RCVBUF, but past the system's limit; needs CAP_NET_ADMIN."""

_INTERACTIVE = 6
"""The highest SO_PRIORITY that needs no privilege: heartbeats overtake bulk traffic on the way."""

_PASSING = frozenset({errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM, errno.EMSGSIZE})
"""Refusals that concern one packet and say nothing about the link."""


class UdpLink:
    """A receiving socket on the port and a sending one, both bound to one interface.

    The descriptor of `fileno` stays the same from `open` to `close`: it is an epoll instance that
    the receiving sockets, which come and go with the interface, are registered with. So an event
    loop never watches a number that meanwhile means another socket.
    """

    encoding = Encoding.NETSTRING

    def __init__(self, spec: LinkSpec) -> None:
        self.name = spec.name
        self._spec = spec
        self._find_path = path_finder(spec)
        self._changed: Callable[[bool, str], None] | None = None
        self._watch: select.epoll | None = None
        self._asker: socket.socket | None = None
        self._receiver: socket.socket | None = None
        self._sender: socket.socket | None = None
        self._interface_index = 0
        self._path: Path | None = None
        self._refused = False
        self._reported: bool | None = None
        self._buffer = memoryview(bytearray(MAX_PACKET))

    def open(self, changed: Callable[[bool, str], None]) -> None:
        """Try to bring the link up; the first verdict, good or bad, is reported too."""
        self._changed = changed
        self._watch = select.epoll()
        self._asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.retry()

    def retry(self) -> None:
        """Compare the sockets with the interface as it is now, and report what changed.

        An interface that is down or without carrier keeps its sockets, so that packets flow again
        the moment the kernel lets them. One that is gone, or new under its old name, does not.
        """
        if self._watch is None or self._asker is None:
            return
        try:
            interface = look(self._spec.interface, self._asker)
        except LinkError as trouble:
            self._drop_sockets()
            self._report(False, str(trouble))
            return
        if self._receiver is not None and self._interface_index != interface.index:
            self._drop_sockets()
            self._report(False, f"{interface.name} was removed and created again")
        try:
            path = self._find_path(interface)
            if path != self._path:
                self._drop_sockets()
                self._open_sockets(interface, path, self._watch)
            interface.require_traffic()
        except LinkError as trouble:
            self._report(False, str(trouble))
            return
        if not self._refused:
            self._report(True, f"{interface.name} carries packets to {path.to[0]}")

    def fileno(self) -> int:
        """Return the descriptor to watch for reading, or -1 before `open` and after `close`."""
        return -1 if self._watch is None else self._watch.fileno()

    def send(self, packet: bytes) -> bool:
        """Send one datagram without waiting; false when there is no way or the kernel refused."""
        if self._sender is None or self._path is None:
            return False
        try:
            self._sender.sendto(packet, self._path.to)
        except OSError as error:
            if error.errno not in _PASSING and not self._refused:
                self._refused = True
                self.retry()  # It may know a better reason than the kernel gave, or a remedy.
                if self._refused:
                    self._report(False, _explain(error, self._spec))
            return False
        if self._refused:
            self._refused = False
            self.retry()
        return True

    def receive(self) -> list[bytes]:
        """Return all datagrams that wait (at most 512, oldest first), but no own broadcasts."""
        packets: list[bytes] = []
        if self._receiver is None or self._watch is None:
            return packets
        try:
            while len(packets) < MAX_PACKETS and self._watch.poll(0, 1):
                size = self._receiver.recv_into(self._buffer)
                packets.append(bytes(self._buffer[:size]))
        except OSError:
            pass  # An error of the socket is cleared by being read.
        return packets

    def pending(self) -> bool:
        """Return that nothing is: the kernel took each datagram whole, or refused it."""
        return False

    def losses(self) -> Mapping[str, int]:
        """Return nothing: what a network loses, it does not tell."""
        return {}

    def close(self) -> None:
        """Close the sockets; nothing is reported any more."""
        self._changed = None
        self._drop_sockets()
        for opened in (self._watch, self._asker):
            if opened is not None:
                opened.close()
        self._watch = self._asker = None

    def _open_sockets(self, interface: Interface, path: Path, watch: select.epoll) -> None:
        """Open both sockets on the interface; raises `LinkError` and leaves nothing behind."""
        with ExitStack() as undo:
            try:
                receiver = undo.enter_context(_udp_socket(path.family, interface))
                sender = undo.enter_context(_udp_socket(path.family, interface))
                _enlarge(receiver)
                receiver.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                receiver.bind(path.listen)
                for level, option, value in path.receiving:
                    receiver.setsockopt(level, option, value)
                sender.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, _INTERACTIVE)
                for level, option, value in path.sending:
                    sender.setsockopt(level, option, value)
                watch.register(receiver, select.EPOLLIN)
            except OSError as error:
                raise LinkError(_explain(error, self._spec)) from None
            undo.pop_all()
        self._receiver, self._sender = receiver, sender
        self._interface_index, self._path = interface.index, path

    def _drop_sockets(self) -> None:
        """Close both sockets; closing takes the receiver out of the epoll instance by itself."""
        for dropped in (self._receiver, self._sender):
            if dropped is not None:
                dropped.close()
        self._receiver = self._sender = self._path = None
        self._refused = False

    def _report(self, up: bool, why: str) -> None:
        """Tell the owner, once per change."""
        if up != self._reported and self._changed is not None:
            self._reported = up
            self._changed(up, why)


def _udp_socket(family: socket.AddressFamily, interface: Interface) -> socket.socket:
    """Return a non-blocking UDP socket that knows only this interface; raises `OSError`."""
    made = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.name.encode())
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    except OSError:
        made.close()
        raise
    return made


def _enlarge(receiver: socket.socket) -> None:
    """Ask for a generous receive buffer, and take what an unprivileged process gets."""
    try:
        receiver.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
    except PermissionError:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)


def _explain(error: OSError, spec: LinkSpec) -> str:
    """Say what the kernel refused and what can be done about it."""
    where = f"{spec.kind} on {spec.interface}, udp/{spec.port}"
    match error.errno:
        case errno.EACCES if spec.port < 1024:
            return (
                f"{where}: a port below 1024 needs root or CAP_NET_BIND_SERVICE;"
                " start twinbeat as root or set another udpport"
            )
        case errno.EADDRINUSE:
            return f"{where}: another program holds the port for itself; see: ss -ulpn"
        case errno.EPERM:
            return f"{where}: the kernel forbids it; look at the firewall's output rules"
        case number:
            reason = os.strerror(number) if number else str(error)
            return f"{where}: {reason}; it is tried again every second"
