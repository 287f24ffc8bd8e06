"""nfnetlink: tables, device hooks and elements of sets, as one batch (a transaction) in one write.

A batch takes effect as a whole or not at all. `DELSETELEM` and `NEWSETELEM` of one element in a
batch renew it, and fail with ENOENT, changing nothing, when it had already run out: a
compare-and-set. A re-adding renews nothing, an update would revive what a successor counts on
being gone.
"""

import socket
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from .netlink import ACK, CREATE, DUMP, EXCL, REQUEST, attribute, attributes, message, nested, text

_BATCH_BEGIN = 0x10
_BATCH_END = 0x11
_SUBSYSTEM = 10
_NEWTABLE = _SUBSYSTEM << 8 | 0
_GETTABLE = _SUBSYSTEM << 8 | 1
_DELTABLE = _SUBSYSTEM << 8 | 2
_NEWCHAIN = _SUBSYSTEM << 8 | 3
_DELCHAIN = _SUBSYSTEM << 8 | 5
_NEWRULE = _SUBSYSTEM << 8 | 6
_NEWSETELEM = _SUBSYSTEM << 8 | 12
_GETSETELEM = _SUBSYSTEM << 8 | 13
_DELSETELEM = _SUBSYSTEM << 8 | 14

OWNER_PERSIST = 0x2 | 0x4
"""Table flags: only the socket that made the table may change it; it outlives that socket."""

_VERDICT_REGISTER = 0
_JUMP = -3
_ACCEPT = 1
_APPEND = 0x800

_GENERIC = struct.Struct("=BBH")
_NUMBER = struct.Struct(">i")
_TIMEOUT = struct.Struct(">Q")


class Family(IntEnum):
    """The protocol families a table can belong to (linux/netfilter.h)."""

    INET = 1
    ARP = 3
    NETDEV = 5


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a set, the key in network order."""

    family: Family
    table: str
    set: str
    key: bytes


@dataclass(frozen=True, slots=True)
class Hook:
    """A chain of a `netdev` table, and where in a device's path it is called."""

    table: str
    chain: str
    number: int
    """0 ingress, 1 egress (linux/netfilter.h)."""
    priority: int


def _netfilter(kind: int, flags: int, family: int, body: bytes, resource: int = 0) -> bytes:
    return message(kind, flags, _GENERIC.pack(family, 0, socket.htons(resource)) + body)


_BEGIN = _netfilter(_BATCH_BEGIN, REQUEST, 0, b"", _SUBSYSTEM)
_END = _netfilter(_BATCH_END, REQUEST, 0, b"", _SUBSYSTEM)


def _number(kind: int, value: int) -> bytes:
    return attribute(kind, _NUMBER.pack(value))


def _element(kind: int, flags: int, element: Element, timeout: bool = False) -> bytes:
    """Return the message for one element; a timeout, still zero, takes its last eight bytes."""
    key = nested(1, attribute(1, element.key))
    limit = attribute(4, _TIMEOUT.pack(0)) if timeout else b""
    elements = nested(3, nested(1, key, limit))
    body = text(1, element.table) + text(2, element.set) + elements
    return _netfilter(kind, REQUEST | flags, element.family, body)


def _table(kind: int, flags: int, family: Family, name: str, table_flags: int | None) -> bytes:
    wanted = b"" if table_flags is None else _number(2, table_flags)
    return _netfilter(kind, REQUEST | flags, family, text(1, name) + wanted)


def new_tables(families: Sequence[Family], name: str, flags: int) -> bytes:
    """Return the batch that makes one table per family, or adopts an orphan of those flags."""
    parts = [_table(_NEWTABLE, 0, family, name, flags) for family in families[:-1]]
    return b"".join([_BEGIN, *parts, _table(_NEWTABLE, ACK, families[-1], name, flags), _END])


def delete_table(family: Family, name: str) -> bytes:
    """Return the batch that deletes one table with all it holds."""
    return _BEGIN + _table(_DELTABLE, ACK, family, name, None) + _END


def get_table(family: Family, name: str) -> bytes:
    """Return the question whether a table exists; the errno is ENOENT when it does not."""
    return _table(_GETTABLE, 0, family, name, None)


def get_elements(family: Family, table: str, name: str) -> bytes:
    """Return the request for a dump of a set."""
    return _netfilter(_GETSETELEM, REQUEST | DUMP, family, text(1, table) + text(2, name))


def element_keys(bodies: Iterable[bytes]) -> list[bytes]:
    """Return the keys in the answers to `get_elements`."""
    keys = []
    for body in bodies:
        top = dict(attributes(body[_GENERIC.size :]))
        for _, element in attributes(top.get(3, b"")):
            key = dict(attributes(dict(attributes(element)).get(1, b""))).get(1)
            if key is not None:
                keys.append(key)
    return keys


class Batch:
    """A batch of element changes, packed once; only the timeouts are written at each sending."""

    def __init__(self) -> None:
        self._packed = bytearray(_BEGIN)
        self._last = 0
        self._timeouts: list[int] = []

    def __bool__(self) -> bool:
        return bool(self._last)

    def delete(self, element: Element) -> "Batch":
        """Add the deletion of an element; the batch fails with ENOENT when it is not there."""
        return self._append(_element(_DELSETELEM, 0, element))

    def add(self, element: Element, *, exclusive: bool = False, timed: bool = True) -> "Batch":
        """Add an element; `exclusive` makes the batch fail with EEXIST when it is there."""
        flags = CREATE | (EXCL if exclusive else 0)
        self._append(_element(_NEWSETELEM, flags, element, timed))
        if timed:
            self._timeouts.append(len(self._packed) - _TIMEOUT.size)
        return self

    def renew(self, element: Element) -> "Batch":
        """Add the compare-and-set: out and in again, or ENOENT when it has run out."""
        return self.delete(element).add(element)

    def packed(self, timeout_ms: int = 0) -> bytearray:
        """Return the bytes to send; the timeout, in milliseconds, is that of every timed element.

        Zero would mean an element that never runs out: only a batch without timeouts may have it.
        """
        if self._timeouts and timeout_ms < 1:
            raise ValueError("a lease needs a timeout of at least one millisecond")
        for at in self._timeouts:
            _TIMEOUT.pack_into(self._packed, at, timeout_ms)
        return self._packed + _END

    def remove(self, element: Element) -> "Batch":
        """Add the removal of an element, whether it is there or not.

        It is added first, so that there is one to delete; as both happen at once, no packet ever
        finds it. To let the kernel fail instead would cost 10 ms: that is how long it takes to
        undo a batch.
        """
        return self.add(element).delete(element)

    def hook(self, hook: Hook, device: str, target: str) -> "Batch":
        """Add a chain that a device calls for every packet, and its one rule: a jump."""
        names = text(1, hook.table)
        where = nested(4, _number(1, hook.number), _number(2, hook.priority), text(3, device))
        chain = names + text(3, hook.chain) + where + _number(5, _ACCEPT) + text(7, "filter")
        self._append(_netfilter(_NEWCHAIN, REQUEST | CREATE, Family.NETDEV, chain))
        verdict = nested(2, nested(2, _number(1, _JUMP), text(2, target)))
        jump = nested(1, text(1, "immediate"), nested(2, _number(1, _VERDICT_REGISTER), verdict))
        rule = names + text(2, hook.chain) + nested(4, jump)
        flags = REQUEST | CREATE | _APPEND
        return self._append(_netfilter(_NEWRULE, flags, Family.NETDEV, rule))

    def unhook(self, hook: Hook) -> "Batch":
        """Delete such a chain with its rule; the batch fails with ENOENT when it is not there."""
        body = text(1, hook.table) + text(3, hook.chain)
        return self._append(_netfilter(_DELCHAIN, REQUEST, Family.NETDEV, body))

    def _append(self, packed: bytes) -> "Batch":
        """Append a message and make it the one that is acknowledged, so one answer comes back."""
        if self._last:
            self._packed[self._last + 6] &= ~ACK & 0xFF
        self._last = len(self._packed)
        self._packed += packed
        self._packed[self._last + 6] |= ACK
        return self
