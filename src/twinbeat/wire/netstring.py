r"""The netstring encoding, in which Heartbeat 3.0.6 sends everything over UDP.

    packet   := message signature
    message  := "###\n" field* "%%%\n"
    field    := LENGTH ":(" TYPE ")" NAME "=" VALUE ","
    signature := LENGTH ":" KEYNUMBER " " HEXDIGEST ","

LENGTH counts all bytes between its colon and the closing comma. Values are raw bytes. A struct
is a message within a field. The signature is over the whole message, its last newline included.
"""

import re
from functools import lru_cache

from .message import (
    MAX_DEPTH,
    MAX_FIELDS,
    Field,
    Message,
    Reason,
    WireError,
    from_bytes,
    legal_field_name,
    shown,
    to_bytes,
)

BEGIN, END = b"###\n", b"%%%\n"
COMMA = ord(",")
LENGTH_DIGITS = 5

_element_head = re.compile(rb"(0|[1-9][0-9]{0,4}):").match


def write(message: Message) -> bytes:
    """Return the message without a signature."""
    written = [
        _netstring(b"(2)%b=%b" % (name.encode(), write(value)))
        if isinstance(value, Message)
        else write_field(name, value)
        for name, value in message.fields
    ]
    return b"%b%b%b" % (BEGIN, b"".join(written), END)


@lru_cache(maxsize=256)
def write_field(name: str, value: str | bytes | tuple[str, ...]) -> bytes:
    """Write a field that is no struct. Twelve of a heartbeat's fifteen were in the last one too."""
    if isinstance(value, str):
        return _netstring(to_bytes(f"(0){name}={value}"))
    if isinstance(value, bytes):
        return _netstring(b"(1)%b=%b" % (name.encode(), value))
    return _netstring(b"(3)%b=%b" % (name.encode(), write_list(value)))


def _netstring(body: bytes) -> bytes:
    return b"%d:%b," % (len(body), body)


def write_list(texts: tuple[str, ...]) -> bytes:
    """Return a list's value, `LENGTH:ELEMENT,` each; the same in both encodings."""
    elements = [to_bytes(text) for text in texts]
    return b"".join(b"%d:%b," % (len(element), element) for element in elements)


def seal(signature: bytes) -> bytes:
    """Return the trailer that carries the signature."""
    return _netstring(signature)


def split(packet: bytes) -> tuple[bytes, bytes]:
    """Cut a packet into its message and its signature, `KEYNUMBER HEXDIGEST`.

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
    length, _, text = trailer.partition(b":")
    if text[-1:] != b"," or length != b"%d" % (len(text) - 1):
        raise WireError(Reason.BAD_SIGNATURE, f"unreadable signature {shown(trailer)}")
    return packet[:end], text[:-1]


def read(data: bytes, depth: int = 0) -> Message:
    """Read a message without its signature; `depth` is the number of structs around it."""
    if not (data.startswith(BEGIN) and data.endswith(END)):
        raise WireError(Reason.MALFORMED, "a message without its begin or end mark")
    return Message(_walk(data, depth))


def _walk(data: bytes, depth: int) -> list[Field]:
    """Read the fields one after the other, each where the last one ends."""
    fields: list[Field] = []
    at, end = len(BEGIN), len(data) - len(END)
    while at < end:
        if len(fields) == MAX_FIELDS:
            raise WireError(Reason.TOO_MANY, f"more than {MAX_FIELDS} fields")
        start = data.find(b":", at, at + LENGTH_DIGITS + 1) + 1
        length = _length(data[at : start - 1]) if start else None
        if length is None:
            raise WireError(Reason.MALFORMED, f"no field at byte {at}: {shown(data[at:end])}")
        stop = start + length
        if stop >= end or data[stop] != COMMA:
            raise WireError(Reason.MALFORMED, f"wrong length at byte {at}: {shown(data[at:end])}")
        body = data[start:stop]
        fields.append(_plain(body) or _struct(body, depth))
        at = stop + 1
    return fields


def _length(digits: bytes) -> int | None:
    legal = digits.isdigit() and len(digits) <= LENGTH_DIGITS and not digits.startswith(b"0")
    return int(digits) if legal else None


def _plain(body: bytes) -> Field | None:
    """Read a field; None for a struct, whose depth decides whether it is read."""
    kind, name, raw = _cut(body)
    if kind == b"0":
        return name, read_string(name, raw)
    if kind == b"1":
        return name, raw
    if kind == b"2":
        return None
    if kind == b"3":
        return name, read_list(name, raw)
    raise WireError(Reason.UNSUPPORTED_TYPE, f"field {shown(name)} has type {kind.decode()}")


def _struct(body: bytes, depth: int) -> Field:
    _, name, raw = _cut(body)
    require_depth(name, depth)
    return name, read(raw, depth + 1)


def _cut(body: bytes) -> tuple[bytes, str, bytes]:
    """Cut a field into the digit of its type, its name and its value."""
    head, equals, raw = body.partition(b"=")
    typed_name = _typed_name(head) if equals else None
    if typed_name is None:
        raise WireError(Reason.MALFORMED, f"no field: {shown(body)}")
    return *typed_name, raw


@lru_cache(maxsize=256)
def _typed_name(head: bytes) -> tuple[bytes, str] | None:
    kind, name = head[1:2], head[3:].decode("ascii", "replace")
    typed = head[:1] == b"(" and kind.isdigit() and head[2:3] == b")"
    return (kind, name) if typed and legal_field_name(name) else None


def read_string(name: str, raw: bytes) -> str:
    """Return a string field's value."""
    if b"\0" in raw:
        raise WireError(Reason.BAD_FIELD, f"a NUL byte in string {shown(name)}")
    return from_bytes(raw)


def read_list(name: str, raw: bytes) -> tuple[str, ...]:
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


def require_depth(name: str, depth: int) -> None:
    """Raise WireError for a struct inside as many structs as Heartbeat would open."""
    if depth >= MAX_DEPTH:
        raise WireError(Reason.TOO_DEEP, f"field {shown(name)} is struct number {depth + 1}")
