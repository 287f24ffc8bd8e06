"""Tell the neighbours where an address is now: gratuitous ARP and unsolicited advertisements."""

import asyncio
import ipaddress
import socket
import struct
from collections.abc import Callable

from .base import Log
from .ip import VirtualIp
from .netlink import IpAddress
from .places import Link

_BROADCAST = b"\xff" * 6
_ALL_NODES = ipaddress.IPv6Address("ff02::1")
_ALL_NODES_MAC = bytes.fromhex("333300000001")
_DELAYS = (0.2, 0.8, 1.0)
"""Seconds between the first repetitions: 0.2, 1 and 2 s after the first frame."""
_OVERRIDE = 0x20000000


def frames(ip: IpAddress, mac: bytes) -> list[bytes]:
    """Return the Ethernet frames that announce an address at a hardware address."""
    if isinstance(ip, ipaddress.IPv6Address):
        return [_advertisement(ip, mac)]
    return [_arp(ip, mac, 1, bytes(6)), _arp(ip, mac, 2, mac)]


def _arp(ip: ipaddress.IPv4Address, mac: bytes, operation: int, target: bytes) -> bytes:
    """Return a gratuitous request or reply; some caches believe only one of the two.

    RFC 5944 section 4.6: both protocol addresses are the announced one, and a reply's target
    hardware address is the one to be remembered. RFC 5227: that of a request is zero.
    """
    header = _BROADCAST + mac + struct.pack(">HHHBBH", 0x0806, 1, 0x0800, 6, 4, operation)
    return header + mac + ip.packed + target + ip.packed


def _advertisement(ip: ipaddress.IPv6Address, mac: bytes) -> bytes:
    """Return an unsolicited neighbour advertisement that overrides caches (RFC 4861 7.2.6)."""
    option = struct.pack(">BB", 2, 1) + mac
    body = struct.pack(">BBHI", 136, 0, 0, _OVERRIDE) + ip.packed + option
    pseudo = ip.packed + _ALL_NODES.packed + struct.pack(">II", len(body), 58)
    total = sum(struct.unpack(f">{len(pseudo + body) // 2}H", pseudo + body))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    body = body[:2] + struct.pack(">H", ~total & 0xFFFF) + body[4:]
    packet = struct.pack(">IHBB", 6 << 28, len(body), 58, 255) + ip.packed + _ALL_NODES.packed
    return _ALL_NODES_MAC + mac + struct.pack(">H", 0x86DD) + packet + body


class Announcer:
    """Announces addresses for as long as they may speak."""

    def __init__(
        self,
        log: Log,
        speaking: Callable[[VirtualIp], bool],
        link: Callable[[VirtualIp], Link | None],
    ) -> None:
        """Open the packet socket; without the right to it, a warning is all that follows."""
        self._log = log
        self._speaking = speaking
        self._link = link
        self._timers: dict[VirtualIp, asyncio.TimerHandle] = {}
        self._known: set[VirtualIp] = set()
        """Those whose first repetitions are over."""
        self._refused: dict[VirtualIp, str] = {}
        self._socket: socket.socket | None = None
        try:
            kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK
            self._socket = socket.socket(socket.AF_PACKET, kind, 0)
        except OSError as error:
            log("WARN", f"Neighbours will not be told of a takeover: {error} (CAP_NET_RAW).")

    def start(self, agent: VirtualIp) -> None:
        """Send the first frames now, the others over the next two seconds."""
        self.stop(agent)
        self._step(agent, 0)

    def refresh(self) -> None:
        """Send a frame again: a machine that was paused must hear one in its queue."""
        for agent in self._known:
            if self._speaking(agent):
                self._send(agent)

    def stop(self, agent: VirtualIp) -> None:
        """Announce the address no more."""
        self._known.discard(agent)
        self._refused.pop(agent, None)
        timer = self._timers.pop(agent, None)
        if timer is not None:
            timer.cancel()

    def close(self) -> None:
        """Stop every announcement and close the socket."""
        for agent in [*self._timers, *self._known]:
            self.stop(agent)
        if self._socket is not None:
            self._socket.close()

    def _step(self, agent: VirtualIp, step: int) -> None:
        self._timers.pop(agent, None)
        if not self._speaking(agent):
            return
        self._send(agent)
        if step == len(_DELAYS):
            self._known.add(agent)
            return
        loop = asyncio.get_running_loop()
        self._timers[agent] = loop.call_later(_DELAYS[step], self._step, agent, step + 1)

    def _send(self, agent: VirtualIp) -> None:
        link = self._link(agent)
        if self._socket is None or link is None or not link.mac:
            return
        refused = ""
        for frame in frames(agent.spec.ip, link.mac):
            try:
                self._socket.sendto(frame, (link.name, int.from_bytes(frame[12:14])))
            except OSError as error:
                refused = error.strerror or str(error)
        if refused and refused != self._refused.get(agent):
            self._log("WARN", f"{agent.name} could not be announced on {link.name}: {refused}.")
        self._refused[agent] = refused
