"""One journal entry, and its form as one bounded line of JSON."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from twinbeat.core.effects import Record, What
from twinbeat.core.text import shortened
from twinbeat.core.units import GroupName, Instant, NodeName

LINE_MAX = 8192
"""Bytes of `Entry.to_json`; evidence that would make it longer is left out."""

BECAUSE_MAX = 400
NAME_MAX = 255
TEXT_MAX = 256
ITEMS_MAX = 24
DEPTH_MAX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A decision of one node, with its cause and the numbers it rests on."""

    at: Instant
    """When, for differences: nanoseconds since that node's boot."""
    wall_ns: int
    """When, for people: nanoseconds since 1970 by that node's wall clock."""
    node: NodeName
    """The node that decided, whose journal this is."""
    what: What
    because: str
    group: GroupName | None = None
    peer: NodeName | None = None
    evidence: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def of(cls, record: Record, *, at: Instant, wall_ns: int, node: NodeName) -> "Entry":
        """Stamp what the core recorded."""
        return cls(
            at=at,
            wall_ns=wall_ns,
            node=node,
            what=record.what,
            because=record.because,
            group=record.group,
            peer=record.peer,
            evidence=record.evidence,
        )

    def to_dict(self) -> dict[str, object]:
        """Return it as plain JSON types, every text and collection cut to its bound."""
        plain: dict[str, object] = {
            "at": self.at,
            "wall_ns": self.wall_ns,
            "node": self.node[:NAME_MAX],
            "what": str(self.what),
            "because": shortened(self.because, BECAUSE_MAX),
        }
        if self.group is not None:
            plain["group"] = self.group[:NAME_MAX]
        if self.peer is not None:
            plain["peer"] = self.peer[:NAME_MAX]
        if self.evidence:
            plain["evidence"] = _plain(self.evidence, DEPTH_MAX)
        return plain

    def to_json(self) -> str:
        """Return it as one line of ASCII without its newline, at most `LINE_MAX` bytes."""
        plain = self.to_dict()
        line = json.dumps(plain, separators=(",", ":"))
        if len(line) > LINE_MAX:
            plain["evidence"] = {"left_out": "it was too long"}
            line = json.dumps(plain, separators=(",", ":"))
        return line

    @classmethod
    def from_dict(cls, plain: Mapping[str, object]) -> "Entry":
        """Read what `to_dict` gave; raises `ValueError` that names the member that is wrong."""
        evidence = plain.get("evidence", {})
        if not isinstance(evidence, dict):
            raise ValueError("a journal entry's 'evidence' is not an object")
        group, peer = _optional_text(plain, "group"), _optional_text(plain, "peer")
        return cls(
            at=Instant(_whole(plain, "at")),
            wall_ns=_whole(plain, "wall_ns"),
            node=NodeName(_text(plain, "node")),
            what=What(_text(plain, "what")),
            because=_text(plain, "because"),
            group=None if group is None else GroupName(group),
            peer=None if peer is None else NodeName(peer),
            evidence=evidence,
        )

    @classmethod
    def from_json(cls, line: str | bytes) -> "Entry":
        """Read what `to_json` gave; raises `ValueError` for anything else."""
        try:
            plain = json.loads(line)
        except RecursionError:
            raise ValueError("a journal entry is nested too deeply") from None
        if not isinstance(plain, dict):
            raise ValueError("a journal entry is not an object")
        return cls.from_dict(plain)


def wall_time(wall_ns: int) -> datetime:
    """Return a wall-clock count as a time in UTC; beyond what a calendar holds, its ends."""
    try:
        return datetime.fromtimestamp(wall_ns // 1000 / 1e6, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.max.replace(tzinfo=UTC) if wall_ns > 0 else datetime.min.replace(tzinfo=UTC)


def _plain(value: object, depth: int) -> object:
    """Return a value as JSON types; what JSON cannot say becomes text."""
    if isinstance(value, str):
        return str(value)[:TEXT_MAX]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth > 0 and isinstance(value, Mapping):
        items = list(value.items())[:ITEMS_MAX]
        return {str(key)[:NAME_MAX]: _plain(inner, depth - 1) for key, inner in items}
    if depth > 0 and isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner, depth - 1) for inner in list(value)[:ITEMS_MAX]]
    return str(value)[:TEXT_MAX]


def _text(plain: Mapping[str, object], name: str) -> str:
    value = plain.get(name)
    if not isinstance(value, str):
        raise ValueError(f"a journal entry's {name!r} is not a text")
    return value


def _optional_text(plain: Mapping[str, object], name: str) -> str | None:
    return None if plain.get(name) is None else _text(plain, name)


def _whole(plain: Mapping[str, object], name: str) -> int:
    value = plain.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"a journal entry's {name!r} is not a whole number")
    return value
