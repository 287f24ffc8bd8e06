"""The client: what somebody on the network sees of the virtual IP, written down as it happens.

    python -m twinbeat.lab.client --address IP --interface IF --node NAME=MAC [--node NAME=MAC]

One loop on a grid of 5 ms. Every tick sends an ordinary echo request to the address. Every second
tick fetches the page over a new connection; the ticks between send *witness* requests: an echo
request for the address put into a frame for each node's own hardware address, so that every node
that would answer does, whatever the neighbour caches say. Two answers to one witness are two
owners.

It writes one record a line to standard output; times are nanoseconds since boot, `-` is nobody:

    ping SENT RECEIVED NODE      an echo request and its reply, or `0 -` when it was lost
    page SENT RECEIVED NODE      a page, or `0 REASON` (timeout, econnrefused, broken ...)
    witness SENT NODE            this node answered a witness of that tick
    arp AT NODE                  this node announced the address (gratuitous ARP)
    late AT BY                   the client itself was not scheduled for so long
    upto T                       everything sent before T has been told
"""

import argparse
import errno
import os
import select
import signal
import socket
import struct
import sys
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TextIO

from .kernel import MS, attach_filter, die_with_parent, now

TICK = 5 * MS
PATIENCE = 250 * MS
"""How long a reply or a page may take before it counts as lost."""
STALL = 15 * MS
"""A tick that is this late is the client's own fault, and reported as such."""
WATERMARK_EVERY = 10
"""Ticks between two `upto` records."""

ETH_IP, ETH_ARP, ICMP = 0x0800, 0x0806, 1
ECHO, ECHO_REPLY = 8, 0
PING_ID, WITNESS_ID = 0x7462, 0x7700
"""The identifier of ordinary requests; a witness adds the node's number to its own."""

ONLY_ICMP = [
    (0x30, 0, 0, 23),  # load the byte at 23, the IP protocol
    (0x15, 0, 1, ICMP),  # if it is not ICMP, skip one
    (0x06, 0, 0, 65535),  # take the packet
    (0x06, 0, 0, 0),  # drop it
]
NOTHING = [(0x06, 0, 0, 0)]


def checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def echo_request(identifier: int, sent: int) -> bytes:
    """Return an ICMP echo request that carries the time it was sent."""
    body = struct.pack("!Q", sent)
    blank = struct.pack("!BBHHH", ECHO, 0, 0, identifier, sent // TICK & 0xFFFF)
    return blank[:2] + struct.pack("!H", checksum(blank + body)) + blank[4:] + body


def ip_packet(source: str, target: str, payload: bytes) -> bytes:
    """Return an IPv4 packet with an ICMP payload."""
    addresses = socket.inet_aton(source) + socket.inet_aton(target)
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, ICMP, 0)
    return head[:10] + struct.pack("!H", checksum(head + addresses)) + addresses + payload


def read_reply(frame: bytes, address: bytes) -> tuple[int, int] | None:
    """Return (identifier, time sent) of an echo reply from `address`, or None if it is none."""
    ip = frame[14:]
    if len(ip) < 20 or ip[12:16] != address:
        return None
    icmp = ip[(ip[0] & 0xF) * 4 :]
    if len(icmp) < 16 or icmp[0] != ECHO_REPLY:
        return None
    identifier, _sequence, sent = struct.unpack("!HHQ", icmp[4:16])
    return identifier, sent


def mac_bytes(text: str) -> bytes:
    """Return the six bytes of a hardware address."""
    return bytes.fromhex(text.replace(":", ""))


@dataclass(slots=True)
class Fetch:
    """One HTTP request under way."""

    sock: socket.socket
    sent: int
    request: bytes | None
    received: bytearray = field(default_factory=bytearray)


class Client:
    """Everything the client does, in one loop."""

    def __init__(self, address: str, interface: str, nodes: dict[str, str], out: TextIO) -> None:
        self.address, self.packed = address, socket.inet_aton(address)
        self.names = list(nodes)
        self.by_mac = {mac_bytes(mac): name for name, mac in nodes.items()}
        self.witness_ids = {name: WITNESS_ID + n for n, name in enumerate(nodes)}
        self.out = out
        self.pings: OrderedDict[int, None] = OrderedDict()
        self.fetches: dict[int, Fetch] = {}
        self.poll = select.epoll()
        self.echo = socket.socket(socket.AF_INET, socket.SOCK_RAW, ICMP)
        # Replies are read from the frames, which name the sender; this socket only sends.
        attach_filter(self.echo, NOTHING)
        self.echo.setblocking(False)
        self.frames = self._listen(interface, ETH_IP)
        attach_filter(self.frames, ONLY_ICMP)
        self.arps = self._listen(interface, ETH_ARP)
        self.mac: bytes = self.frames.getsockname()[4]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route:
            route.connect((address, 9))
            self.source: str = route.getsockname()[0]

    def _listen(self, interface: str, ethertype: int) -> socket.socket:
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ethertype))
        sock.bind((interface, ethertype))
        sock.setblocking(False)
        self.poll.register(sock, select.EPOLLIN)
        return sock

    def run(self) -> None:
        """Probe until killed, or until nobody reads the records."""
        tick, count = now(), 0
        while True:
            self._receive(max(0.0, (tick - now()) / 1e9))
            present = now()
            if present < tick:
                continue
            if present - tick > STALL:
                self._tell(f"late {present} {present - tick}")
                tick = present
            self._probe(present, count)
            self._give_up(present - PATIENCE)
            count += 1
            tick += TICK
            if count % WATERMARK_EVERY == 0:
                self._tell(f"upto {self._told_before(present)}")
            self.out.flush()

    def _probe(self, present: int, count: int) -> None:
        self.pings[present] = None
        try:
            self.echo.sendto(echo_request(PING_ID, present), (self.address, 0))
        except OSError:
            pass  # No route, or nobody answers ARP: it counts as lost when its time is over.
        if count % 2:
            self._fetch(present)
            return
        everyone = list(self.by_mac.items())
        for target, node in [*everyone, *everyone[:1]]:
            packet = echo_request(self.witness_ids[node], present)
            frame = target + self.mac + struct.pack("!H", ETH_IP)
            try:
                self.frames.send(frame + ip_packet(self.source, self.address, packet))
            except OSError:
                pass  # The cable is out: then nobody is witnessed.

    def _fetch(self, present: int) -> None:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        # What is given up is reset at once: thousands of half-closed connections help nobody.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.connect_ex((self.address, 80))
        request = f"GET / HTTP/1.0\r\nHost: {self.address}\r\n\r\n".encode()
        self.fetches[sock.fileno()] = Fetch(sock, present, request)
        self.poll.register(sock, select.EPOLLOUT)

    def _receive(self, seconds: float) -> None:
        for number, _events in self.poll.poll(seconds):
            if number == self.frames.fileno():
                self._replies()
            elif number == self.arps.fileno():
                self._announcements()
            elif fetch := self.fetches.get(number):
                self._progress(fetch)

    def _replies(self) -> None:
        for frame, present in self._drain(self.frames):
            node = self.by_mac.get(frame[6:12], "-")
            reply = read_reply(frame, self.packed)
            if reply is None:
                continue
            identifier, sent = reply
            if identifier == PING_ID and sent in self.pings:
                del self.pings[sent]
                self._tell(f"ping {sent} {present} {node}")
            elif identifier == self.witness_ids.get(node):
                self._tell(f"witness {sent} {node}")

    def _announcements(self) -> None:
        for frame, present in self._drain(self.arps):
            # Sender and target protocol address are both the virtual IP.
            if frame[28:32] == self.packed and frame[38:42] == self.packed:
                self._tell(f"arp {present} {self.by_mac.get(frame[22:28], '-')}")

    def _drain(self, sock: socket.socket) -> Iterator[tuple[bytes, int]]:
        for _ in range(512):
            try:
                frame = sock.recv(2048)
            except OSError:
                return
            yield frame, now()

    def _progress(self, fetch: Fetch) -> None:
        try:
            if fetch.request is not None:
                fetch.sock.send(fetch.request)
                fetch.request = None
                self.poll.modify(fetch.sock, select.EPOLLIN)
                return
            data = fetch.sock.recv(4096)
        except BlockingIOError:
            return
        except OSError as error:
            self._fetched(fetch, errno.errorcode.get(error.errno or 0, "broken").lower())
            return
        fetch.received += data
        if not data or len(fetch.received) > 65_536:
            self._fetched(fetch, "broken")

    def _fetched(self, fetch: Fetch, otherwise: str) -> None:
        """Close a fetch and tell its outcome: whose page it was, or what went wrong."""
        self.poll.unregister(fetch.sock)
        del self.fetches[fetch.sock.fileno()]
        fetch.sock.close()
        page = bytes(fetch.received)
        node = next((n for n in self.names if page.find(n.encode()) >= 0), None)
        if node is not None and page.startswith(b"HTTP/1.") and b" 200 " in page[:16]:
            self._tell(f"page {fetch.sent} {now()} {node}")
        else:
            self._tell(f"page {fetch.sent} 0 {otherwise}")

    def _give_up(self, before: int) -> None:
        while self.pings and (oldest := next(iter(self.pings))) < before:
            del self.pings[oldest]
            self._tell(f"ping {oldest} 0 -")
        for fetch in [f for f in self.fetches.values() if f.sent < before]:
            self._fetched(fetch, "timeout")

    def _told_before(self, present: int) -> int:
        """Return the time up to which nothing is still under way."""
        pending = [next(iter(self.pings), present)]
        pending += [fetch.sent for fetch in self.fetches.values()]
        return min(pending)

    def _tell(self, record: str) -> None:
        self.out.write(record + "\n")


def main(argv: list[str]) -> int:
    """Run the client as a program."""
    parser = argparse.ArgumentParser(prog="twinbeat.lab.client", description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--interface", default="eth0")
    parser.add_argument("--node", action="append", default=[], metavar="NAME=MAC")
    options = parser.parse_args(argv)
    nodes = dict(pair.split("=", 1) for pair in options.node)
    die_with_parent(signal.SIGKILL)
    try:
        Client(options.address, options.interface, nodes, sys.stdout).run()
    except (BrokenPipeError, KeyboardInterrupt):
        # Nobody listens any more; the interpreter must not flush into the closed pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
