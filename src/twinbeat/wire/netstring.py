r"""The netstring encoding, in which Heartbeat 3.0.6 sends everything over UDP.

    packet   := message signature
    message  := "###\n" field* "%%%\n"
    field    := LENGTH ":(" TYPE ")" NAME "=" VALUE ","
    signature := LENGTH ":" KEYNUMBER " " HEXDIGEST ","

LENGTH counts all bytes between its colon and the closing comma. Values are raw bytes. A struct
is a message within a field. The signature is over the whole message, its last newline included.
"""

import re

from .message import (
    MAX_DEPTH,
    MAX_FIELDS,
    NAME,
    Field,
    Message,
    Reason,
    Value,
    WireError,
    from_bytes,
    shown,
    to_bytes,
)
from .signing import Signature

BEGIN, END = b"###\n", b"%%%\n"
COMMA = ord(",")

_field_head = re.compile(rb"([1-9][0-9]{0,4}):\(([0-9])\)(%b)=" % NAME.encode()).match
_element_head = re.compile(rb"(0|[1-9][0-9]{0,4}):").match
_trailer = re.compile(rb"([1-9][0-9]?):([^,]*),").fullmatch


def write(message: Message) -> bytes:
    """Return the message without a signature."""
    parts = [BEGIN]
    for name, value in message.fields:
        if isinstance(value, str):
            body = b"(0)%b=%b" % (name.encode(), to_bytes(value))
        elif isinstance(value, bytes):
            body = b"(1)%b=%b" % (name.encode(), value)
        elif isinstance(value, Message):
            body = b"(2)%b=%b" % (name.encode(), write(value))
        else:
            body = b"(3)%b=%b" % (name.encode(), write_list(value))
        parts.append(b"%d:%b," % (len(body), body))
    parts.append(END)
    return b"".join(parts)


def write_list(texts: tuple[str, ...]) -> bytes:
    """Return a list's value, `LENGTH:ELEMENT,` each; the same in both encodings."""
    elements = [to_bytes(text) for text in texts]
    return b"".join(b"%d:%b," % (len(element), element) for element in elements)


def seal(signature: bytes) -> bytes:
    """Return the trailer that carries the signature."""
    return b"%d:%b," % (len(signature), signature)


def split(packet: bytes) -> tuple[bytes, Signature]:
    """Cut a packet into its message and its signature.

    No digest contains an end mark, so the last one ends the message: what is signed is found, and
    verified, before a single field is read.
    """
    end = packet.rfind(END)
    if end < 0:
        raise WireError(Reason.MALFORMED, f"{len(packet)} bytes without an end mark")
    end += len(END)
    trailer = packet[end:]
    if not trailer:
        raise WireError(Reason.MISSING_SIGNATURE, "nothing follows the message")
    match = _trailer(trailer)
    if match is None or int(match[1]) != len(match[2]):
        raise WireError(Reason.BAD_SIGNATURE, f"unreadable signature {shown(trailer)}")
    return packet[:end], Signature.read(match[2])


def read(data: bytes, depth: int = 0) -> Message:
    """Read a message without its signature; `depth` is the number of structs around it."""
    if not (data.startswith(BEGIN) and data.endswith(END)):
        raise WireError(Reason.MALFORMED, "a message without its begin or end mark")
    fields: list[Field] = []
    at, end = len(BEGIN), len(data) - len(END)
    while at < end:
        head = _field_head(data, at, end)
        if head is None:
            raise WireError(Reason.MALFORMED, f"no field at byte {at}: {shown(data[at:end])}")
        length, kind, name = head.groups()
        start, stop = head.end(), at + len(length) + 1 + int(length)
        if not (start <= stop < end and data[stop] == COMMA):
            raise WireError(Reason.MALFORMED, f"wrong length of field {shown(name)}")
        if len(fields) == MAX_FIELDS:
            raise WireError(Reason.TOO_MANY, f"more than {MAX_FIELDS} fields")
        fields.append((name.decode(), _value(kind, name, data[start:stop], depth)))
        at = stop + 1
    return Message(fields)


def _value(kind: bytes, name: bytes, raw: bytes, depth: int) -> Value:
    if kind == b"0":
        return read_string(name, raw)
    if kind == b"1":
        return raw
    if kind == b"2":
        require_depth(name, depth)
        return read(raw, depth + 1)
    if kind == b"3":
        return read_list(name, raw)
    raise WireError(Reason.UNSUPPORTED_TYPE, f"field {shown(name)} has type {kind.decode()}")


def read_string(name: bytes, raw: bytes) -> str:
    """Return a string field's value."""
    if b"\0" in raw:
        raise WireError(Reason.BAD_FIELD, f"a NUL byte in string {shown(name)}")
    return from_bytes(raw)


def read_list(name: bytes, raw: bytes) -> tuple[str, ...]:
    """Return a list field's value."""
    elements: list[str] = []
    at = 0
    while at < len(raw):
        head = _element_head(raw, at)
        stop = head.end() + int(head[1]) if head else len(raw)
        if head is None or stop >= len(raw) or raw[stop] != COMMA:
            raise WireError(Reason.BAD_FIELD, f"list {shown(name)} breaks off at byte {at}")
        if len(elements) == MAX_FIELDS:
            raise WireError(Reason.TOO_MANY, f"more than {MAX_FIELDS} elements in {shown(name)}")
        elements.append(read_string(name, raw[head.end() : stop]))
        at = stop + 1
    return tuple(elements)


def require_depth(name: bytes, depth: int) -> None:
    """Raise WireError for a struct inside as many structs as Heartbeat would open."""
    if depth >= MAX_DEPTH:
        raise WireError(Reason.TOO_DEEP, f"field {shown(name)} is struct number {depth + 1}")
