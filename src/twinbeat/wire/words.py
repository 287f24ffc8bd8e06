"""The short texts inside our fields: numbers, names, and lists of items.

Items are separated by spaces and their parts by commas, so that a packet reads well in tcpdump.
A name may contain anything printable; space, comma and percent sign are written `%20`, `%2c` and
`%25`.
"""

import re
from collections.abc import Callable, Sized
from functools import lru_cache
from typing import TypeVar

from twinbeat.core.units import NodeName

from .message import Reason, WireError, shown

MAX_NODE_NAME = 100
"""Bytes, as in Heartbeat 3.0.6."""
MAX_GROUP_NAME = 255
"""Bytes: a group can be called by a long resource word of haresources."""

K = TypeVar("K")
V = TypeVar("V")

_HEX_DIGITS = "0123456789abcdef"
_MAX_HEX, _MAX_DECIMAL = 16, 18
_escape = re.compile(r"%(?:20|2c|25)")

_ESCAPES = str.maketrans({" ": "%20", ",": "%2c", "%": "%25"})
_UNESCAPES = {"%20": " ", "%2c": ",", "%25": "%"}


def hexadecimal(text: str, what: str, least: int = 0) -> int:
    """Read a number of up to 64 bits as Heartbeat writes it: lower case, nothing in front."""
    legal = 0 < len(text) <= _MAX_HEX and not text.strip(_HEX_DIGITS)
    if not legal or (number := int(text, 16)) < least:
        raise WireError(Reason.BAD_NUMBER, f"{what} is {shown(text)}")
    return number


def decimal(text: str, what: str, most: int = 10**18 - 1) -> int:
    """Read a decimal number."""
    legal = len(text) <= _MAX_DECIMAL and text.isascii() and text.isdigit()
    if not legal or (number := int(text)) > most:
        raise WireError(Reason.BAD_NUMBER, f"{what} is {shown(text)}")
    return number


def flag(text: str, yes: str, no: str, what: str) -> bool:
    """Read one of two words."""
    if text not in (yes, no):
        raise WireError(Reason.BAD_FIELD, f"{what} is {shown(text)}, not {yes} or {no}")
    return text == yes


def legal_name(name: str, most: int) -> str:
    """Return the name if it has 1 to `most` bytes, all printable; WireError otherwise."""
    if not name.isprintable() or not 0 < len(name.encode()) <= most:
        raise WireError(Reason.BAD_NAME, f"no name of 1 to {most} bytes: {shown(name)}")
    return name


@lru_cache(maxsize=256)
def node_name(name: str) -> NodeName:
    """Return a node's name in lower case, which Heartbeat forces on ASCII letters only."""
    return NodeName(legal_name(name, MAX_NODE_NAME).encode().lower().decode())


@lru_cache(maxsize=256)
def write_name(name: str) -> str:
    """Return the name as it stands in an item."""
    return name.translate(_ESCAPES)


def read_name(text: str) -> str:
    """Return the name that stands in an item."""
    return _escape.sub(lambda match: _UNESCAPES[match[0]], text) if "%" in text else text


def read_items(text: str, parts: int, most: int, what: str) -> list[list[str]]:
    """Read a list of items, each of the same number of parts; an absent field is no items."""
    if not text:
        return []
    items = text.split(" ", most)
    if len(items) > most:
        raise WireError(Reason.TOO_MANY, f"{what} has more than {most} items")
    split = [item.split(",") for item in items]
    for found in split:
        if len(found) != parts:
            raise WireError(Reason.BAD_FIELD, f"{what} has an item {shown(','.join(found))}")
    return split


def read_table(
    items: list[list[str]], key: Callable[[str], K], value: Callable[[list[str]], V], what: str
) -> dict[K, V]:
    """Read items as a table whose keys are their first parts; none may come twice."""
    table = {key(read_name(item[0])): value(item) for item in items}
    require_single(items, table, what)
    return table


def require_single(items: Sized, table: Sized, what: str) -> None:
    """Raise WireError unless a table has an entry for every item it was read from."""
    if len(table) != len(items):
        raise WireError(Reason.BAD_FIELD, f"{what} has one name twice")
