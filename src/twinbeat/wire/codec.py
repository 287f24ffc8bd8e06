"""Signed packets to messages and back, in either of Heartbeat's two encodings.

Both directions follow Heartbeat 3.0.6. A packet is verified before it is read: whoever does not
hold a key reaches no further than the search for the signature.
"""

from enum import StrEnum

from twinbeat.core.model import Keyring

from . import classic, netstring
from .message import MAX_PACKET, Message, Reason, WireError, shown
from .signing import sign, verify

AUTH = "auth"
"""The field of the classic signature: added and taken off here, never part of a message."""
COMPRESSED = "_compressed_payload"
"""The field that marks a message which is only the wrapper of a compressed one."""


class Encoding(StrEnum):
    """How a link wants its packets written."""

    NETSTRING = "netstring"
    """Any bytes, in datagrams."""
    CLASSIC = "classic"
    """Lines of text, which a stream is cut into again."""


def encode(message: Message, keyring: Keyring) -> bytes:
    """Return the packet as a Heartbeat 3.0.6 sends it over UDP.

    Netstring encoding, with the classic signature as an inner field unless the message contains
    a struct, and the trailing signature over all of it. ValueError when it is too long.
    """
    _require_unsigned(message)
    if not any(isinstance(value, Message) for _, value in message):
        signature = sign(keyring, classic.write(message)).decode()
        message = Message([*message.fields, (AUTH, signature)])
    return sealed(netstring.write(message), keyring)


def encode_netstring(message: Message, keyring: Keyring) -> bytes:
    """Return the packet as a Heartbeat 3.0.6 with `msgfmt netstring` sends it over UDP.

    It has the trailing signature only, the one that is verified. ValueError when it is too long.
    """
    _require_unsigned(message)
    return sealed(netstring.write(message), keyring)


def encode_classic(message: Message, keyring: Keyring) -> bytes:
    """Return the packet in the classic encoding, without the NUL that some senders append.

    ValueError when it is too long, or when a value cannot be written so: an empty one, a string
    with byte 19, a list with a newline.
    """
    _require_unsigned(message)
    classic.require_writable(message)
    signed = classic.write(message)
    signature = classic.AUTH + sign(keyring, signed) + b"\n"
    return _bounded(classic.BEGIN + signed + signature + classic.END)


def decode(packet: bytes, keyring: Keyring) -> Message:
    """Verify and read a packet in either encoding; WireError, and nothing else, says why not.

    The inner signature of a netstring packet is not looked at (the trailing one covers it), and
    the message comes without it.
    """
    if len(packet) > MAX_PACKET:
        raise WireError(Reason.TOO_LONG, f"{len(packet)} bytes, at most {MAX_PACKET} are read")
    if packet.startswith(netstring.BEGIN):
        message = netstring.read(verified(packet, keyring))
    elif packet.startswith(classic.BEGIN):
        lines, signature = classic.split(packet)
        verify(keyring, signature, classic.signed_text(lines))
        message = classic.read(lines)
    else:
        raise WireError(Reason.UNKNOWN_ENCODING, f"begins with {shown(packet[:16])}")
    names = dict(message.fields)
    if COMPRESSED in names:
        raise WireError(Reason.UNSUPPORTED_TYPE, "a compressed message")
    if AUTH in names:
        message.fields = [field for field in message.fields if field[0] != AUTH]
    return message


def verified(packet: bytes, keyring: Keyring) -> bytes:
    """Return the signed part of a packet in netstring encoding; WireError if it is not genuine."""
    signed, signature = netstring.split(packet)
    verify(keyring, signature, signed)
    return signed


def sealed(signed: bytes, keyring: Keyring) -> bytes:
    """Return a message in netstring encoding with its trailing signature; ValueError: too long."""
    return _bounded(signed + netstring.seal(sign(keyring, signed)))


def _require_unsigned(message: Message) -> None:
    if AUTH in dict(message.fields):
        raise ValueError(f"a message cannot bring its own {AUTH} field")


def _bounded(packet: bytes) -> bytes:
    if len(packet) > MAX_PACKET:
        raise ValueError(f"a packet of {len(packet)} bytes: at most {MAX_PACKET} can be sent")
    return packet
