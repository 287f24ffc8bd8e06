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
    try:
        return b"".join((BEGIN, *map(_write_field, message.fields), END))
    except TypeError:  # A struct is among them: it can change, so it has no hash.
        return b"".join((BEGIN, *map(_write_any_field, message.fields), END))


def _write_any_field(field: Field) -> bytes:
    name, value = field
    if isinstance(value, Message):
        return _netstring(b"(2)%b=%b" % (name.encode(), write(value)))
    return _write_field(field)


@lru_cache(maxsize=256)
def _write_field(field: Field) -> bytes:
    """Write a field that is no struct. Twelve of a heartbeat's fifteen were in the last one too."""
    name, value = field
    assert not isinstance(value, Message)
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
    if depth > 0:
        return Message([field for _, field in _all_fields(data, depth)])
    sample = _sample(len(data), data[_TELLING])
    fields = sample.read(data)
    if fields is None:
        found = _all_fields(data, depth)
        sample.learn(found)
        fields = [field for _, field in found]
    return Message(fields)


def _all_fields(data: bytes, depth: int) -> list[tuple[bytes, Field]]:
    """Read field by field; return how each one is written, and what it says."""
    found: list[tuple[bytes, Field]] = []
    at, end = len(BEGIN), len(data) - len(END)
    while at < end:
        if len(found) == MAX_FIELDS:
            raise WireError(Reason.TOO_MANY, f"more than {MAX_FIELDS} fields")
        found.append(_next_field(data, at, end, depth))
        at += len(found[-1][0])
    return found


def _next_field(data: bytes, at: int, end: int, depth: int) -> tuple[bytes, Field]:
    """Read the field at a place; return how it is written, and what it says."""
    colon = data.find(b":", at, at + LENGTH_DIGITS + 1)
    length = _length(data[at:colon]) if colon > 0 else None
    if length is None:
        raise WireError(Reason.MALFORMED, f"no field at byte {at}: {shown(data[at:end])}")
    start, stop = colon + 1, colon + 1 + length
    if stop >= end or data[stop] != COMMA:
        raise WireError(Reason.MALFORMED, f"wrong length at byte {at}: {shown(data[at:end])}")
    body = data[start:stop]
    return data[at : stop + 1], _field(body) or _struct(body, depth)


# What repeats is read once and then known by its bytes: whole stretches of the last message of the
# same length; else the lengths, most fields of a heartbeat, and the names of the others. It makes
# reading one ten times as fast.

_TELLING = slice(72, 96)
"""Where heartbeats of two nodes differ: the token stands in these bytes. Any others would do."""


class _Sample:
    """The last message of a kind: stretches of fields that stay, and between them what changes."""

    def __init__(self) -> None:
        self._last: list[bytes] = []
        """How each field was written."""
        self._changing: set[int] = set()
        """The fields that are read each time, by their index."""
        self._stretches: list[tuple[bytes, list[Field]] | None] = []
        """What is known by its bytes, and None for one field that is not."""

    def read(self, data: bytes) -> list[Field] | None:
        """Read a message that differs only in what changes; None when it is another one."""
        fields: list[Field] = []
        at, end = len(BEGIN), len(data) - len(END)
        for stretch in self._stretches:
            if stretch is not None:
                written, known = stretch
                if not data.startswith(written, at):
                    return None
                fields += known
            elif at < end:
                written, field = _next_field(data, at, end, 0)
                fields.append(field)
            else:
                return None
            at += len(written)
        return fields if at == end else None

    def learn(self, found: list[tuple[bytes, Field]]) -> None:
        """Take a message for the last one, and what is new in it for what changes.

        A message within one is never known by its bytes: whoever it is given to can change it.
        """
        if len(found) != len(self._last):
            self._changing.clear()
        elif self._last:
            news = enumerate(zip(self._last, found, strict=True))
            self._changing.update(i for i, (before, (now, _)) in news if before != now)
        self._last = [written for written, _ in found]
        self._stretches = []
        for index, (written, field) in enumerate(found):
            if index in self._changing or isinstance(field[1], Message):
                self._stretches.append(None)
            elif self._stretches and (before := self._stretches[-1]) is not None:
                self._stretches[-1] = before[0] + written, [*before[1], field]
            else:
                self._stretches.append((written, [field]))


@lru_cache(maxsize=64)
def _sample(_length_of_message: int, _telling: bytes) -> _Sample:
    """Return the sample of the messages of one length and, most likely, one sender."""
    return _Sample()


@lru_cache(maxsize=256)
def _length(digits: bytes) -> int | None:
    return int(digits) if digits.isdigit() and not digits.startswith(b"0") else None


@lru_cache(maxsize=256)
def _field(body: bytes) -> Field | None:
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
