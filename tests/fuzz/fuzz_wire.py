"""Coverage-guided fuzzing of everything that reads a peer's bytes.

    .venv/bin/python tests/fuzz/fuzz_wire.py -max_total_time=20 [CORPUS]

The first byte of an input says where the rest goes: onto the wire as it is; under a good
signature in either encoding, because nothing is read before it is verified; or, as lines of
NAME=VALUE, into the fields of a good heartbeat. Whatever comes in must be rejected with WireError
or come out again the same; any other exception is a crash and is reported with its input.
"""

import sys
from contextlib import suppress

import atheris

with atheris.instrument_imports(include=["twinbeat.wire"]):
    from twinbeat.wire import classic, codec, heartbeat, netstring
    from twinbeat.wire.message import Message, WireError
    from twinbeat.wire.signing import sign

from twinbeat.core.beat import Beat, Life
from twinbeat.core.model import Key, Keyring
from twinbeat.core.units import NodeName, seconds

KEYS = Keyring(1, {1: Key(1, "sha1", b"SpecSecret")})
LONGEST = 8_000
"""Bytes of an input that are used: longer ones teach nothing and would not fit once signed."""

ENVELOPE = heartbeat.Envelope(bytes(16), 1, "n/a", 3)
BEAT = Beat(
    node=NodeName("node1"), life=Life(1, 2), seq=3, deadtime=seconds(1), lease=seconds(1)
)  # fmt: skip


def as_packet(data: bytes) -> bytes:
    """Turn an input into a packet by its first byte."""
    kind, rest = data[:1], data[1:LONGEST]
    if kind == b"n":
        body = netstring.BEGIN + rest + netstring.END
        return body + netstring.seal(sign(KEYS, body))
    if kind == b"c":
        return b"%b%bauth=%b\n%b" % (classic.BEGIN, rest, sign(KEYS, rest), classic.END)
    if kind == b"h":
        return codec.encode(with_fields(rest.decode("utf-8", "surrogateescape")), KEYS)
    return rest


def with_fields(lines: str) -> Message:
    """Return a good heartbeat with the fields of `lines` in front, where they count."""
    message = Message()
    for line in lines.split("\n")[:200]:
        name, _, value = line.partition("=")
        with suppress(ValueError):  # what no sender can write
            message.add(name, value)
    message.fields = [field for field in message.fields if field[0] != codec.AUTH]
    message.fields += heartbeat.pack(BEAT, ENVELOPE).fields
    return message


def one_input(data: bytes) -> None:
    """Read one packet, and write again what could be read."""
    try:
        message = codec.decode(as_packet(data), KEYS)
    except WireError:
        return
    if codec.decode(codec.encode(message, KEYS), KEYS) != message:
        raise AssertionError("a message changed on its way")
    try:
        beat = heartbeat.unpack(message)
    except WireError:
        return
    if heartbeat.unpack(heartbeat.pack(beat, ENVELOPE)) != beat:
        raise AssertionError("a beat changed on its way")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
