r"""Heartbeats by stencil: what one said as well as the last is neither written nor read again.

Four fields of a heartbeat are new in every one: what was taken in, its number, the time and the
load. All others stay as they are for hours. So a packet is a stencil with four slots:

    ###\n t st dt protocol tb  [tb_ack]  tb_grp ... srcuuid  [seq]  hg  [ts]  [ld]  ttl %%%\n

A writer fills in the slots. A reader compares everything around them, the sizes and names of the
slots' own fields included, with what it knows; if all is the same, the beat is what it was but for
its number and what was taken in. When only the sizes are others, it fills the stencil itself.
Whatever is unusual goes the long way by `heartbeat` and `codec`, and comes out as if there were no
stencils: tests hold the two ways against each other.
"""

import re
from collections.abc import Sequence
from operator import is_
from struct import Struct

from twinbeat.core.beat import Beat
from twinbeat.core.model import Keyring

from . import codec, netstring
from .heartbeat import Envelope, pack, read_acks, write_acks
from .message import MAX_PACKET, Message, WireError, from_bytes, to_bytes
from .words import hexadecimal

SLOTS = ("tb_ack", "seq", "ts", "ld")
"""The fields that are new in every heartbeat, in the order of the wire."""
MAX_STENCILS = 64
"""A receiver forgets its stencils, or the sizes that their slots had, when they become more."""

_guess = re.compile(
    rb":\(0\)tb_ack=(.*?),\d+:\(.*?:\(0\)seq=([^,]*),.*?:\(0\)ts=([^,]*),.*?:\(0\)ld=([^,]*),",
    re.DOTALL,
).search
"""Where the slots seem to be."""


class Writer:
    """Writes the heartbeats of one node. A change of what they tell costs one long way."""

    def __init__(self) -> None:
        self._told: tuple[object, ...] = ()
        self._runs: list[bytes] = []

    def write(self, beat: Beat, envelope: Envelope) -> bytes:
        """Return the message of a beat, unsigned: what `netstring.write` makes of its `pack`.

        What a beat tells must not be changed in place afterwards: it is known by its identity.
        """
        told = (
            beat.groups, beat.life, beat.word, beat.deadtime, beat.lease, beat.leaving, beat.macs,
            beat.standby, beat.maintenance, beat.unclean, beat.digest, beat.pings, beat.age,
            beat.version, beat.node, envelope.uuid, envelope.ttl,
        )  # fmt: skip
        if len(told) != len(self._told) or not all(map(is_, told, self._told)) or not beat.acks:
            message = pack(beat, envelope)
            runs = _runs(message)
            self._told, self._runs = (told, runs) if runs is not None else ((), [])
            return netstring.write(message)
        acks, load = to_bytes(write_acks(beat.acks)), to_bytes(envelope.load)
        seq, wall = b"%x" % beat.seq, b"%x" % envelope.wall_s
        return _filled(self._runs, acks, seq, wall, load)


class Reader:
    """Reads what one receiver hears; it learns from each heartbeat that came the long way."""

    def __init__(self) -> None:
        self._told: dict[tuple[bytes, ...], Beat] = {}
        """The beats by what stands around the slots' fields: the stencils."""
        self._cuts: dict[int, Struct] = {}
        """How the last heartbeat of each length is cut into slots and what stands around them."""
        self._known: dict[tuple[bytes, ...], Beat] = {}
        """The beats by what stands around their slots, the sizes of these included."""

    def read(self, packet: bytes, keyring: Keyring) -> Beat | None:
        """Return the beat of a packet that is like an earlier one; None: read it the long way.

        WireError when the signature, which is over the whole packet, is not genuine.
        """
        if not (self._told and packet.startswith(netstring.BEGIN) and len(packet) <= MAX_PACKET):
            return None
        signed = codec.verified(packet, keyring)
        cut, known = self._cuts.get(len(signed)), None
        if cut is not None:
            start, acks, to_seq, seq, to_ts, wall, to_ld, load, end = cut.unpack(signed)
            known = self._known.get((start, to_seq, to_ts, to_ld, end))
        if known is None:
            if (fit := self._fit(signed)) is None:
                return None
            known, (acks, seq, wall, load) = fit
        if b"\0" in wall or b"\0" in load:
            return None
        try:
            number = hexadecimal(from_bytes(seq), "seq", least=1)
            return known.again(number, read_acks(from_bytes(acks)))
        except WireError:
            return None  # The long way says what is wrong, and in which order.

    def _fit(self, signed: bytes) -> tuple[Beat, tuple[bytes, ...]] | None:
        """Return the beat that a message repeats with slots of other sizes, and these slots.

        Where they are is guessed; if a stencil that is filled with them is the message, they are.
        """
        if (guess := _guess(signed)) is None:
            return None
        slots = guess.groups()
        for runs, beat in self._told.items():
            if signed.startswith(runs[0]) and _filled(runs, *slots) == signed:
                self._keep(runs, slots, beat)
                return beat, slots
        return None

    def learn(self, packet: bytes, message: Message, beat: Beat) -> None:
        """Know a heartbeat again: its packet, the message that this is, and what that says."""
        runs = _runs(message)
        if runs is None or not beat.acks:
            return
        slots = [to_bytes(str(message.text(name))) for name in SLOTS]
        if not packet.startswith(_filled(runs, *slots)):
            return  # It had a field that is no part of a message: the classic signature.
        if len(self._told) >= MAX_STENCILS:
            self._told.clear()
        self._told[tuple(runs)] = beat
        self._keep(runs, slots, beat)

    def _keep(self, runs: Sequence[bytes], slots: Sequence[bytes], beat: Beat) -> None:
        """Know where the slots are when they have the same sizes again."""
        heads = [b"%d:(0)%b=" % (len(name) + 4 + len(slot), name.encode())
                 for name, slot in zip(SLOTS, slots, strict=True)]  # fmt: skip
        around = [run + head for run, head in zip(runs, [*heads, b""], strict=True)]
        around[1:] = [b"," + run for run in around[1:]]
        pieces = [around[0]]
        for slot, run in zip(slots, around[1:], strict=True):
            pieces += [slot, run]
        if len(self._known) >= MAX_STENCILS or len(self._cuts) >= MAX_STENCILS:
            self._known.clear()
            self._cuts.clear()
        cut = Struct("".join(f"{len(piece)}s" for piece in pieces))
        self._cuts[cut.size], self._known[tuple(around)] = cut, beat


def _filled(runs: Sequence[bytes], acks: bytes, seq: bytes, wall: bytes, load: bytes) -> bytes:
    """Return the message that a stencil makes with these slots."""
    start, after_acks, after_seq, after_ts, after_ld = runs
    return b"%b%d:(0)tb_ack=%b,%b%d:(0)seq=%b,%b%d:(0)ts=%b,%b%d:(0)ld=%b,%b" % (
        start, len(acks) + 10, acks, after_acks, len(seq) + 7, seq, after_seq,
        len(wall) + 6, wall, after_ts, len(load) + 6, load, after_ld,
    )  # fmt: skip


def _runs(message: Message) -> list[bytes] | None:
    """Return what stands around the slots, as written; None unless each is there just once."""
    runs, found = [netstring.BEGIN], []
    for name, value in message.fields:
        if isinstance(value, Message):
            return None
        if name in SLOTS and isinstance(value, str):
            found.append(name)
            runs.append(b"")
        elif name in SLOTS:
            return None
        else:
            runs[-1] += netstring.write_field(name, value)
    runs[-1] += netstring.END
    return runs if tuple(found) == SLOTS else None
