"""Two nodes in network namespaces of their own, joined by veth cables, for the links' tests."""

import ctypes
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from select import poll
from time import monotonic

from twinbeat.core.model import LinkSpec
from twinbeat.links import Link, build

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


def until(condition: Callable[[], bool], what: str, limit: float = 5.0) -> None:
    """Wait for a condition that other threads or the kernel bring about."""
    end = monotonic() + limit
    while not condition():
        assert monotonic() < end, f"waited {limit} s in vain: {what}"
        poll().poll(5)


class Node:
    """A network namespace; the calling thread is inside while it acts for the node."""

    def __init__(self, name: str) -> None:
        self.name = name
        ip("netns", "add", name)
        self.ip("link", "set", "lo", "up")

    def ip(self, *arguments: str) -> None:
        ip("-n", self.name, *arguments)

    @contextmanager
    def inside(self) -> Iterator[None]:
        with (
            Path("/proc/thread-self/ns/net").open() as home,
            Path("/run/netns", self.name).open() as there,
        ):
            _enter(there.fileno())
            try:
                yield
            finally:
                _enter(home.fileno())

    def remove(self) -> None:
        ip("netns", "delete", self.name)


def _enter(namespace: int) -> None:
    if _libc.setns(namespace, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


class End:
    """One node's end of a link, with everything it reported."""

    def __init__(self, spec: LinkSpec, node: Node | None = None) -> None:
        self.node = node
        self.link: Link = build(spec)
        self.reports: list[tuple[bool, str]] = []
        with self._inside():
            self.link.open(lambda up, why: self.reports.append((up, why)))

    @contextmanager
    def _inside(self) -> Iterator[None]:
        if self.node is None:
            yield
        else:
            with self.node.inside():
                yield

    @property
    def up(self) -> bool:
        return bool(self.reports) and self.reports[-1][0]

    @property
    def why(self) -> str:
        return self.reports[-1][1]

    def retry(self) -> bool:
        """Look once, as the daemon does every second, and return whether the link is up."""
        with self._inside():
            self.link.retry()
        return self.up

    def send(self, packet: bytes) -> bool:
        with self._inside():
            return self.link.send(packet)

    def comes_up(self) -> None:
        """Retry, as the daemon does once a second, until the link reports that it is up."""
        until(self.retry, f"{self.link.name} comes up: {self.reports}")

    def hears(self, packet: bytes) -> None:
        """Wait for the descriptor, as the daemon does, until this packet has arrived."""
        heard: list[bytes] = []
        readable = poll()
        readable.register(self.link.fileno(), 1)

        def arrived() -> bool:
            readable.poll(50)
            heard.extend(self.link.receive())
            return packet in heard

        until(arrived, f"{packet!r} arrives; heard {heard}")

    def receive_now(self) -> list[bytes]:
        """Return what waits now."""
        return self.link.receive()

    def is_silent(self) -> bool:
        """Whether nothing waits now."""
        readable = poll()
        readable.register(self.link.fileno(), 1)
        return not readable.poll(0) and not self.link.receive()


class Cables:
    """Two nodes joined by eth1 (192.168.10.0/24) and eth2 (192.168.11.0/24), IPv6 as well."""

    def __init__(self) -> None:
        self.one = Node(f"tb-links-{os.getpid()}-1")
        self.two = Node(f"tb-links-{os.getpid()}-2")
        self._ends: list[End] = []
        self._index = 10
        for number in (1, 2):
            self.plug(number)

    def plug(self, number: int) -> None:
        """Lay the cable between both nodes' interfaces of that number, with addresses.

        The kernel tells a veth's carrier at once only when both ends differ in index; equal ones
        would wait for its once-a-second round.
        """
        name = f"eth{number}"
        self._index += 2
        ip(
            *("link", "add", name, "index", str(self._index), "netns", self.one.name),
            *("type", "veth", "peer", "name", name, "index", str(self._index + 1)),
            *("netns", self.two.name),
        )
        for node, last in ((self.one, 43), (self.two, 45)):
            network = f"192.168.{9 + number}"
            node.ip("address", "add", f"{network}.{last}/24", "brd", f"{network}.255", "dev", name)
            node.ip("address", "add", f"fd00:{number}::{last}/64", "dev", name, "nodad")
            node.ip("link", "set", name, "up")

    def ends(self, one: LinkSpec, two: LinkSpec) -> tuple[End, End]:
        """Open a link on both nodes and wait until both are up."""
        pair = (End(one, self.one), End(two, self.two))
        self._ends.extend(pair)
        for end in pair:
            end.comes_up()
        return pair

    def close(self) -> None:
        """Close every link that was opened here."""
        while self._ends:
            self._ends.pop().link.close()

    def remove(self) -> None:
        self.close()
        self.one.remove()
        self.two.remove()
