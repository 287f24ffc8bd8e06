"""Restarts in place among a node's entries: what was repaired without a move.

They are the story before a move, when it was a failure too many that drove the group away, and the
story since the last one, when nothing moved. Only the node that holds a group restarts it, so its
own journal alone tells of them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from twinbeat.core.effects import What
from twinbeat.core.units import GroupName, NodeName, in_ms

from .entry import Entry, wall_time

RESTARTS_MAX = 12
"""Of more the newest are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """A resource failed, and was restarted where the group is."""

    at: datetime
    """When the restart was ordered, in UTC."""
    node: NodeName
    resource: str
    because: str
    attempt: int | None
    of: int | None
    """So many attempts there are within `window_ms`; None: the entry does not say."""
    window_ms: float | None
    ms: float | None
    """Until all of it ran again; None: it did not, or has not yet."""
    over: bool
    """Whether it has ended, well or not."""

    def to_dict(self) -> dict[str, object]:
        """Return it as `why --json` shows it."""
        return {
            "at": self.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "node": self.node,
            "resource": self.resource,
            "because": self.because,
            "attempt": self.attempt,
            "of": self.of,
            "window_ms": self.window_ms,
            "ms": self.ms,
            "over": self.over,
        }

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> "Restart":
        """Read what `to_dict` gave; raises `ValueError` for a time that is none."""
        return cls(
            at=datetime.fromisoformat(told["at"]),
            node=NodeName(told["node"]),
            resource=told["resource"],
            because=told["because"],
            attempt=told["attempt"],
            of=told["of"],
            window_ms=told["window_ms"],
            ms=told["ms"],
            over=told["over"],
        )


def restarts(entries: Iterable[Entry], group: GroupName) -> tuple[Restart, ...]:
    """Return the newest restarts of a group that these entries tell of, oldest first."""
    found: list[Restart] = []
    begun: Entry | None = None
    for entry in entries:
        if entry.group != group:
            continue
        if entry.what is What.GROUP_RESTARTING:
            if begun is not None:
                found.append(_restart(begun, entry))
            begun = entry
        elif begun is not None and entry.what in _ENDS:
            found.append(_restart(begun, entry))
            begun = None
    if begun is not None:
        found.append(_restart(begun, None))
    return tuple(found[-RESTARTS_MAX:])


_ENDS = {
    What.GROUP_RESTARTED,
    What.GROUP_FAILED,
    What.GROUP_STOPPING,
    What.GROUP_STOPPED,
    What.GROUP_FOUND,
}
"""The last two: another life of this daemon has begun meanwhile."""


def before(entries: Iterable[Entry], group: GroupName) -> tuple[Restart, ...]:
    """Return those of an owner's restarts that led to its last failure: as many as still counted.

    They are the newest: the number of the last attempt is how many there were within the window.
    """
    found = restarts(entries, group)
    counted = found[-1].attempt if found else None
    return found if counted is None else found[-counted:]


def _restart(begun: Entry, end: Entry | None) -> Restart:
    evidence = begun.evidence
    whole = end if end is not None and end.what is What.GROUP_RESTARTED else None
    return Restart(
        at=wall_time(begun.wall_ns),
        node=begun.node,
        resource=str(evidence.get("resource") or begun.group),
        because=begun.because,
        attempt=_count(evidence.get("attempt")),
        of=_count(evidence.get("of")),
        window_ms=_number(evidence.get("window_ms")),
        ms=None if whole is None else in_ms(max(0, whole.at - begun.at)),
        over=end is not None,
    )


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
