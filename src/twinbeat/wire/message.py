"""A message of Heartbeat: an ordered list of typed fields; and every reason to reject a packet.

The Python type of a value is its type on the wire: `str` is a string (0), `bytes` is binary (1),
`Message` is a struct (2) and a tuple of `str` is a list (3). A string holds whatever bytes the
sender put there but NUL; what is not UTF-8 survives as surrogates (PEP 383), so that every
message that was taken in can be written again byte for byte.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Union

MAX_PACKET = 65_507
"""Bytes of the largest UDP payload; Heartbeat itself would take 256 KiB from a serial line."""
MAX_FIELDS = 256
"""Fields of one message; a Heartbeat status has 12, one of ours at most 23."""
MAX_DEPTH = 16
"""Structs within structs, as in Heartbeat 3.0.6."""

MAX_FIELD_NAME = 128
"""Characters of a field's name."""


class Reason(StrEnum):
    """Why a packet was rejected; the shell counts by it and names it in logs and `status`."""

    TOO_LONG = "too long"
    UNKNOWN_ENCODING = "unknown encoding"
    MALFORMED = "malformed"
    MISSING_SIGNATURE = "missing signature"
    UNKNOWN_KEY = "unknown key"
    METHOD_REFUSED = "method not accepted"
    BAD_SIGNATURE = "bad signature"
    UNSUPPORTED_TYPE = "unsupported type"
    TOO_DEEP = "too deeply nested"
    TOO_MANY = "too many"
    BAD_FIELD = "bad field"
    MISSING_FIELD = "missing field"
    NOT_A_HEARTBEAT = "not a heartbeat"
    BAD_NUMBER = "bad number"
    BAD_NAME = "bad name"
    BAD_TIME = "time out of bounds"


class WireError(Exception):
    """A packet was rejected; the detail is safe to log: peer text is escaped and short."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


def legal_field_name(name: str) -> bool:
    """Whether a field can have that name: graphic ASCII without `=`, and no `(` in front."""
    graphic = name.isascii() and name.isprintable() and " " not in name and "=" not in name
    return graphic and 0 < len(name) <= MAX_FIELD_NAME and name[0] != "("


def shown(peer_text: str | bytes, limit: int = 40) -> str:
    """Return what a peer wrote in quotes, printable ASCII only, cut after `limit` characters."""
    text = peer_text.decode("latin-1") if isinstance(peer_text, bytes) else peer_text
    more = f"... ({len(text)} in all)" if len(text) > limit else ""
    return ascii(text[:limit]) + more


Value = Union[str, bytes, "Message", tuple[str, ...]]
Field = tuple[str, Value]


@dataclass(slots=True)
class Message:
    """Fields in the order of the wire, which is part of what is signed."""

    fields: list[Field] = field(default_factory=list)

    def add(self, name: str, value: Value) -> None:
        """Append a field; ValueError when the name or a string in it cannot be written at all."""
        if not legal_field_name(name):
            raise ValueError(f"no field can be called {shown(name)}")
        strings = (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ()
        if any("\0" in text for text in strings):
            raise ValueError(f"the value of field {name} contains a NUL byte")
        self.fields.append((name, value))

    def get(self, name: str) -> Value | None:
        """Return the first field of that name, whatever its type, or None."""
        for field_name, value in self.fields:
            if field_name == name:
                return value
        return None

    def text(self, name: str) -> str | None:
        """Return the first field of that name if it is a string, else None."""
        value = self.get(name)
        return value if isinstance(value, str) else None

    def binary(self, name: str) -> bytes | None:
        """Return the first field of that name if it is binary, else None."""
        value = self.get(name)
        return value if isinstance(value, bytes) else None

    def __iter__(self) -> Iterator[Field]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)


def to_bytes(text: str) -> bytes:
    """Return the bytes of a string field; those that were not UTF-8 come back as they were."""
    return text.encode("utf-8", "surrogateescape")


def from_bytes(raw: bytes) -> str:
    """Return the string of a field's bytes; never fails."""
    return raw.decode("utf-8", "surrogateescape")
