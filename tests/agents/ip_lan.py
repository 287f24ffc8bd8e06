"""A small network in namespaces: a switch, a client and two nodes, for tests with a real kernel."""

import asyncio
import contextlib
import ctypes
import ipaddress
import itertools
import json
import os
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")
CLIENT_IP = ipaddress.IPv4Address("10.9.0.2")
VIP = ipaddress.IPv4Address("10.9.0.100")
VIP6 = ipaddress.IPv6Address("fd09::100")
_CLONE_NEWNET = 0x40000000
_NEW, _DELETED = 20, 21
_ADDRESS_GROUPS = 0x10 | 0x100
_libc = ctypes.CDLL(None, use_errno=True)


def ip(*words: str) -> str:
    """Run iproute2 and return what it printed."""
    done = subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
    return done.stdout


def inside(namespace: str, work: Callable[[], T]) -> T:
    """Run `work` in a thread that is in the namespace; return its value or raise its error."""
    outcome: dict[str, Any] = {}

    def run() -> None:
        try:
            with open(f"/run/netns/{namespace}") as there:
                if _libc.setns(there.fileno(), _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            outcome["value"] = work()
        except BaseException as error:
            outcome["error"] = error

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if "error" in outcome:
        raise outcome["error"]
    value: T = outcome["value"]
    return value


def play(namespace: str, scenario: Callable[[], Awaitable[T]]) -> T:
    """Run an asyncio scenario in the namespace."""

    async def main() -> T:
        return await scenario()

    return inside(namespace, lambda: asyncio.run(main()))


async def until(condition: Callable[[], bool], limit: float = 3.0) -> float:
    """Wait for a condition; return how long it took in seconds, or fail."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < limit, "waited in vain"
        await asyncio.sleep(0.001)
    return time.monotonic() - start


@dataclass(frozen=True)
class Frame:
    """A frame that carried a virtual IP as its source."""

    at: float
    """`time.monotonic()` when it was read."""
    kind: str
    """`garp-request`, `garp-reply` (both to everybody), `arp`, `advertisement` or `packet`."""
    mac: bytes


def _frame(data: bytes) -> Frame | None:
    kind, mac = data[12:14], data[6:12]
    now = time.monotonic()
    if kind == b"\x08\x06" and data[28:32] == VIP.packed:
        to_all = "garp-request" if data[21] == 1 else "garp-reply"
        return Frame(now, to_all if data[:6] == b"\xff" * 6 else "arp", mac)
    if kind == b"\x08\x00" and data[26:30] == VIP.packed:
        return Frame(now, "packet", mac)
    if kind == b"\x86\xdd" and data[22:38] == VIP6.packed:
        return Frame(now, "advertisement" if data[54] == 136 else "packet", mac)
    return None


class Client:
    """Asks for the virtual IPs all the time and notes every frame that comes from them."""

    def __init__(self, namespace: str) -> None:
        self.frames: list[Frame] = []
        self._stop = threading.Event()

        def sockets() -> list[socket.socket]:
            sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            sniffer.bind(("eth0", 0))
            sniffer.settimeout(0.05)
            four = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
            six = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
            return [sniffer, four, six]

        self._sockets = inside(namespace, sockets)
        self._threads = [threading.Thread(target=self._listen), threading.Thread(target=self._ask)]
        for thread in self._threads:
            thread.start()

    def count(self, *kinds: str) -> int:
        """Return how many frames of these kinds (all, when none is named) were seen."""
        return sum(1 for frame in list(self.frames) if not kinds or frame.kind in kinds)

    def last(self) -> float:
        """Return when the last frame was seen."""
        return self.frames[-1].at

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        for one in self._sockets:
            one.close()

    def _listen(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                frame = _frame(self._sockets[0].recv(2048))
                if frame is not None:
                    self.frames.append(frame)

    def _ask(self) -> None:
        """Ask by ARP, by ping and by IPv6 ping every 4 ms."""
        sniffer, four, six = self._sockets
        mac = sniffer.getsockname()[4]
        arp = b"\xff" * 6 + mac + struct.pack(">HHHBBH", 0x0806, 1, 0x0800, 6, 4, 1)
        arp += mac + CLIENT_IP.packed + bytes(6) + VIP.packed
        echo = struct.pack(">BBHHH", 8, 0, 0xFFFF - 0x0800, 0, 0)
        while not self._stop.wait(0.004):
            for one, data, target in (
                (sniffer, arp, ("eth0", 0)),
                (four, echo, (str(VIP), 0)),
                (six, struct.pack(">BBHHH", 128, 0, 0, 0, 0), (str(VIP6), 0)),
            ):
                with contextlib.suppress(OSError):
                    one.sendto(data, target)


class AddressNews:
    """Notes when the kernel tells of a deleted or a new address, by a socket of its own."""

    def __init__(self, namespace: str) -> None:
        self._told: list[tuple[float, int, bytes]] = []
        self._stop = threading.Event()
        self._socket = inside(namespace, self._open)
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def gaps(self, address: bytes) -> list[float]:
        """Return for how many seconds the address was away, each time it came back."""
        told = [(at, kind) for at, kind, message in list(self._told) if address in message]
        pairs = itertools.pairwise(told)
        return [b - a for (a, gone), (b, back) in pairs if (gone, back) == (_DELETED, _NEW)]

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()

    @staticmethod
    def _open() -> socket.socket:
        news = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        news.bind((0, _ADDRESS_GROUPS))
        news.settimeout(0.05)
        return news

    def _listen(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                message = self._socket.recv(1 << 16)
                self._told.append((time.monotonic(), message[4], message))


class Lan:
    """Namespaces `client`, `a` and `b`, each with an `eth0` on one switch."""

    def __init__(self) -> None:
        mark = f"tbt{os.getpid()}"
        self.switch, self.client, self.a, self.b = (f"{mark}{name}" for name in "scab")
        for namespace in (self.switch, self.client, self.a, self.b):
            ip("netns", "add", namespace)
            ip("-n", namespace, "link", "set", "lo", "up")
        ip("-n", self.switch, "link", "add", "br0", "type", "bridge")
        ip("-n", self.switch, "link", "set", "br0", "up")
        for namespace, number in ((self.client, 2), (self.a, 11), (self.b, 12)):
            self.cable(namespace, "eth0", f"10.9.0.{number}/24", f"fd09::{number}/64")

    def cable(self, namespace: str, name: str, *addresses: str) -> None:
        """Lay a cable from the switch to an interface with addresses."""
        port = f"{name}{namespace[-1]}"
        ip(
            *("-n", namespace, "link", "add", name, "type", "veth"),
            *("peer", "name", port, "netns", self.switch),
        )
        ip("-n", self.switch, "link", "set", port, "master", "br0", "up")
        ip("-n", namespace, "link", "set", name, "up")
        for address in addresses:
            nodad = ["nodad"] if ":" in address else []
            ip("-n", namespace, "addr", "add", address, "dev", name, *nodad)

    def addresses(self, namespace: str, interface: str = "eth0") -> list[dict[str, Any]]:
        """Return the addresses of an interface as `ip -j` tells them."""
        shown = json.loads(ip("-n", namespace, "-j", "addr", "show", "dev", interface))
        found: list[dict[str, Any]] = shown[0]["addr_info"]
        return found

    def has(self, namespace: str, address: object, interface: str = "eth0") -> bool:
        """Return whether the interface has the address."""
        return any(a["local"] == str(address) for a in self.addresses(namespace, interface))

    def rules(self, namespace: str) -> str:
        """Return the whole nftables rule set of a namespace."""
        done = subprocess.run(
            ["ip", "netns", "exec", namespace, "nft", "list", "ruleset"],
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def mac(self, namespace: str) -> bytes:
        """Return the hardware address of the namespace's eth0."""
        shown = json.loads(ip("-n", namespace, "-j", "link", "show", "dev", "eth0"))
        return bytes.fromhex(shown[0]["address"].replace(":", ""))

    def close(self) -> None:
        """Delete everything that was made."""
        for namespace in (self.client, self.a, self.b, self.switch):
            subprocess.run(["ip", "netns", "delete", namespace], check=False, capture_output=True)


@contextlib.contextmanager
def client_of(lan: Lan) -> Iterator[Client]:
    """Have a client ask for the virtual IPs meanwhile."""
    client = Client(lan.client)
    try:
        yield client
    finally:
        client.close()
