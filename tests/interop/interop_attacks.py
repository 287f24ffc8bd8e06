"""What somebody on the network without the key can send: recordings, forgeries, rubbish."""

import asyncio
import random
import socket
import struct
from pathlib import Path
from weakref import WeakKeyDictionary

from interop_deeds import Deed
from interop_rig import Rig

from twinbeat.core.model import Key, Keyring
from twinbeat.lab import kernel
from twinbeat.lab.capture import BRIDGE, ETH_IP, read
from twinbeat.lab.topology import SEATS, SWITCH
from twinbeat.wire.codec import decode, encode
from twinbeat.wire.message import Field, Message, Value, WireError

ETHERNET, HEADERS = 14, 28
"""Bytes of a frame's own header, and of the IP and UDP headers behind it."""
BROADCAST = "192.168.10.255"
BETWEEN_S = 0.005
CAPTURES = Path(__file__).parents[1] / "wire" / "testdata" / "captures"
CAPTURED = Keyring(1, {1: Key(1, "sha1", b"SpecSecret")})
"""The key of the recordings that come with the specification."""
RUBBISH = 300


class Tap:
    """A socket on the switch that carries heartbeats: it keeps whole frames, and sends some."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        with kernel.inside(SWITCH):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_IP))
            self.socket.bind((BRIDGE, ETH_IP))
        self.socket.setblocking(False)
        asyncio.get_running_loop().add_reader(self.socket, self._take)

    def _take(self) -> None:
        frame = self.socket.recv(65536)
        if read(frame[ETHERNET:]) is not None:
            self.frames.append(frame)

    async def send(self, frame: bytes) -> None:
        """Send a frame to every node."""
        self.socket.send(frame)
        await asyncio.sleep(BETWEEN_S)

    async def say(self, payload: bytes, to: int) -> None:
        """Send a datagram to one node as the other would."""
        target, source = SEATS[to - 1], SEATS[2 - to]
        macs = bytes.fromhex(f"0200000001{target.last}0200000001{source.last}")
        addresses = socket.inet_aton(f"192.168.10.{source.last}") + socket.inet_aton(BROADCAST)
        await self.send(macs + struct.pack("!H", ETH_IP) + _datagram(addresses, payload))

    def close(self) -> None:
        """Take nothing more in."""
        asyncio.get_running_loop().remove_reader(self.socket)
        self.socket.close()


TAPS: WeakKeyDictionary[Rig, Tap] = WeakKeyDictionary()
"""The recording of each laboratory."""


def _datagram(addresses: bytes, payload: bytes) -> bytes:
    udp = struct.pack("!HHHH", 694, 694, 8 + len(payload), 0)
    head = struct.pack("!BBHHHBBH", 0x45, 0, HEADERS + len(payload), 1, 0, 64, 17, 0)
    words = struct.unpack("!10H", head + addresses)
    total = sum(words)
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return head[:10] + struct.pack("!H", ~total & 0xFFFF) + addresses + udp + payload


def record() -> Deed:
    """Begin to keep every heartbeat that passes."""

    async def play(rig: Rig) -> None:
        TAPS[rig] = tap = Tap()
        rig.undo.callback(tap.close)

    return Deed("record every heartbeat", play)


def replay(number: int, *kinds: str) -> Deed:
    """Send what a node said since the recording began once more, unchanged: these types."""

    async def play(rig: Rig) -> None:
        source = rig.node(number).name
        kept = list(TAPS[rig].frames)
        said = [(frame, read(frame[ETHERNET:])) for frame in kept]
        chosen = [
            frame
            for frame, heard in said
            if heard and heard.fields.get("src") == source and heard.fields.get("t") in kinds
        ]
        assert chosen, f"{source} never said {' or '.join(kinds)}"
        for frame in chosen:
            await TAPS[rig].send(frame)

    return Deed(f"replay what node{number} said of {', '.join(kinds)}", play)


def recording(name: str) -> Deed:
    """Play node2 of a recording of real Heartbeats, under the names and the key of this pair.

    It stands for an earlier life of node2, whose heartbeats somebody kept.
    """

    async def play(rig: Rig) -> None:
        key = (rig.node(1).place.config / "authkeys").read_text().split()[-1].encode()
        keyring = Keyring(1, {1: Key(1, "sha1", key)})
        for payload in _payloads((CAPTURES / f"{name}.pcap").read_bytes()):
            try:
                message = decode(payload, CAPTURED)
            except WireError:
                continue
            if message.text("src") != "node2":
                continue
            renamed = Message([_renamed(*field) for field in message.fields])
            await TAPS[rig].say(encode(renamed, keyring), 1)

    return Deed(f"play the recording {name}", play)


def _renamed(name: str, value: Value) -> Field:
    named = {seat.namespace: seat.name for seat in SEATS}
    if name in ("src", "dest", "node") and isinstance(value, str):
        return name, named.get(value, value)
    if name == "nodelist" and isinstance(value, str):
        return name, "".join(f"{named.get(word, word)} " for word in value.split())
    return name, value


def _payloads(pcap: bytes) -> list[bytes]:
    """Return the UDP payloads of a capture file (Ethernet, IPv4, either byte order)."""
    order = "<" if pcap[:4] == b"\xd4\xc3\xb2\xa1" else ">"
    at, found = 24, []
    while at + 16 <= len(pcap):
        (length,) = struct.unpack_from(f"{order}I", pcap, at + 8)
        packet = pcap[at + 16 : at + 16 + length]
        if packet[12:14] == b"\x08\x00" and packet[23] == socket.IPPROTO_UDP:
            found.append(packet[ETHERNET + HEADERS :])
        at += 16 + length
    return found


def forge(to: int) -> Deed:
    """Send one node orders and goodbyes of the other with wrong keys, torn packets and rubbish."""

    async def play(rig: Rig) -> None:
        chance = random.Random(1)
        wrong = Keyring(1, {1: Key(1, "sha1", b"guessed")})
        unknown = Keyring(7, {7: Key(7, "crc", b"")})
        orders = (
            ("resource", ("rsc_hold", "none"), ("rtype", "full"), ("isstable", "1")),
            ("hb_takeover", ("rsc_hold", "all")),
            ("ask_resources", ("rsc_hold", "all"), ("info", "me")),
            ("shutdone", ("st", "dead")),
            ("status", ("st", "active"), ("dt", "ffffffff"), ("protocol", "1")),
        )
        genuine = TAPS[rig].frames[-1][ETHERNET + HEADERS :]
        for kind, *fields in orders:
            tail = [("src", SEATS[2 - to].name), ("seq", "ffff"), ("hg", "7fffffff"), ("ts", "1")]
            message = Message([("t", kind), *fields, *tail])
            for keyring in (wrong, unknown):
                await TAPS[rig].say(encode(message, keyring), to)
        for _ in range(RUBBISH):
            torn = bytearray(genuine[: chance.randrange(1, len(genuine))])
            torn[chance.randrange(len(torn))] ^= 1 << chance.randrange(8)
            await TAPS[rig].say(bytes(torn), to)
        for rubbish in (b"", b"\0", b">>>\n", b"###\n%%%\n", b"###\n99999999:", b"x" * 1400):
            await TAPS[rig].say(rubbish, to)

    return Deed(f"send forgeries and rubbish to node{to}", play)
