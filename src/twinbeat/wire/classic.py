r"""The classic encoding: lines of text, on serial lines and from old Heartbeats.

    packet := ">>>\n" line* "<<<\n" [NUL]
    line   := [ "(" TYPE ")" ] NAME "=" VALUE "\n"

Strings have no type in front, and byte 19 stands for a newline in them; binary is Base64. A
struct is its own packet with every newline replaced by a byte that its depth chooses. No value
can be empty. The signature is one of the lines, `auth`, and is over all the others.
"""

import base64
import re

from .message import (
    MAX_FIELDS,
    Message,
    Reason,
    Value,
    WireError,
    legal_field_name,
    shown,
    to_bytes,
)
from .netstring import read_list, read_string, require_depth, write_list

BEGIN, END = b">>>\n", b"<<<\n"
AUTH = b"auth="
NEWLINE = b"\x13"
"""What stands for a newline in a string."""
NESTED_NEWLINES = tuple(bytes((code,)) for code in (*range(20, 32), *range(15, 19)))
"""What stands for the newlines of a struct, by the number of structs around it."""

_line = re.compile(rb"(?:\(([1-9])\))?([!-<>-~]+)=(.+)", re.DOTALL).fullmatch


def write(message: Message, depth: int = 0) -> bytes:
    """Return the lines between the marks; over the outermost ones goes the signature."""
    lines: list[bytes] = []
    for name, value in message.fields:
        if isinstance(value, str):
            line = b"%b=%b\n" % (name.encode(), to_bytes(value).replace(b"\n", NEWLINE))
        elif isinstance(value, bytes):
            line = b"(1)%b=%b\n" % (name.encode(), base64.b64encode(value))
        elif isinstance(value, Message):
            line = b"(2)%b=%b\n" % (name.encode(), _write_struct(name, value, depth))
        else:
            line = b"(3)%b=%b\n" % (name.encode(), write_list(value))
        lines.append(line)
    return b"".join(lines)


def _write_struct(name: str, struct: Message, depth: int) -> bytes:
    text = BEGIN + write(struct, depth + 1) + END
    if depth >= len(NESTED_NEWLINES) or NESTED_NEWLINES[depth] in text:
        raise ValueError(f"struct {name} cannot be written in the classic encoding")
    return text.replace(b"\n", NESTED_NEWLINES[depth])


def require_writable(message: Message) -> None:
    """Raise ValueError when a value would not survive: empty, or with a byte that is taken."""
    for name, value in message.fields:
        if isinstance(value, Message):
            require_writable(value)
        elif not value:
            raise ValueError(f"field {name} is empty: no line in the classic encoding can be")
        elif isinstance(value, str):
            if "\x13" in value:
                raise ValueError(f"field {name} contains byte 19, which stands for a newline")
        elif isinstance(value, tuple) and any("\n" in text for text in value):
            raise ValueError(f"list {name} has a newline in an element")


def split(packet: bytes) -> tuple[list[bytes], bytes]:
    """Cut a packet into the lines that are signed, without their newlines, and the signature."""
    packet = packet.removesuffix(b"\0")
    if not packet.endswith(b"\n" + END):
        raise WireError(Reason.MALFORMED, f"{len(packet)} bytes without an end mark")
    lines = [line for line in packet[len(BEGIN) : -len(END)].split(b"\n") if line]
    auths = [line for line in lines if line.startswith(AUTH)]
    if not auths:
        raise WireError(Reason.MISSING_SIGNATURE, "no auth line")
    if len(auths) > 1:
        raise WireError(Reason.MALFORMED, f"{len(auths)} auth lines")
    lines.remove(auths[0])
    return lines, auths[0].removeprefix(AUTH)


def signed_text(lines: list[bytes]) -> bytes:
    """Return what the signature is over."""
    return b"".join(line + b"\n" for line in lines)


def read(lines: list[bytes], depth: int = 0) -> Message:
    """Read a message from its lines; `depth` is the number of structs around it."""
    if len(lines) > MAX_FIELDS:
        raise WireError(Reason.TOO_MANY, f"{len(lines)} fields")
    message = Message()
    for line in lines:
        match = _line(line)
        name = match[2].decode() if match is not None else ""
        if match is None or not legal_field_name(name):
            raise WireError(Reason.MALFORMED, f"no field: {shown(line)}")
        message.fields.append((name, _value(match[1], name, match[3], depth)))
    return message


def _value(kind: bytes | None, name: str, text: bytes, depth: int) -> Value:
    if kind is None:
        return read_string(name, text.replace(NEWLINE, b"\n"))
    if kind == b"1":
        try:
            return base64.b64decode(text, validate=True)
        except ValueError:
            raise WireError(Reason.BAD_FIELD, f"no Base64 in {shown(name)}") from None
    if kind == b"2":
        require_depth(name, depth)
        return _read_struct(name, text.replace(NESTED_NEWLINES[depth], b"\n"), depth + 1)
    if kind == b"3":
        return read_list(name, text)
    raise WireError(Reason.UNSUPPORTED_TYPE, f"field {shown(name)} has type {kind.decode()}")


def _read_struct(name: str, text: bytes, depth: int) -> Message:
    if not (text.startswith(BEGIN) and text.endswith(b"\n" + END)):
        raise WireError(Reason.BAD_FIELD, f"struct {shown(name)} without begin or end mark")
    lines = text[len(BEGIN) : -len(END)].split(b"\n")
    return read([line for line in lines if line], depth)
