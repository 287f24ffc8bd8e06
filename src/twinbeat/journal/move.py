"""A group's way from one owner to the next, as `why` tells it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from twinbeat.core.units import GroupName, NodeName

from .restarts import Restart


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One step of a move."""

    what: str
    """The entry's kind; of a peer's part `peer stopping`, `peer held` ..."""
    ms: float
    """From this step to the next; 0 for the last."""
    because: str
    evidence: Mapping[str, object] = field(default_factory=dict)
    """The entry's own; as `node` the node that the step is about, and as `group` the group, where
    it is another one than that which moved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A group's way from one owner to the next."""

    group: GroupName
    from_: NodeName | None
    """None: nobody owned it, or nobody knows who did."""
    to: NodeName | None
    """None: nobody owns it yet."""
    at: datetime
    """When the first phase began, in UTC."""
    cause: str
    phases: tuple[Phase, ...]
    """Empty when no move is on record, only restarts since."""
    restarts: tuple[Restart, ...] = ()
    """Those in place that led to it."""
    since: tuple[Restart, ...] = ()
    """Those in place after it."""

    @property
    def ms(self) -> float:
        """From the first phase to the last."""
        return round(sum(phase.ms for phase in self.phases), 3)

    def to_dict(self) -> dict[str, object]:
        """Return it as `why --json` shows it."""
        return {
            "group": self.group,
            "from": self.from_,
            "to": self.to,
            "at": self.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "cause": self.cause,
            "phases": [
                {"what": p.what, "ms": p.ms, "because": p.because, "evidence": dict(p.evidence)}
                for p in self.phases
            ],
            "restarts": [restart.to_dict() for restart in self.restarts],
            "since": [restart.to_dict() for restart in self.since],
        }

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> "Move":
        """Read what `to_dict` gave; raises `ValueError` for a time that is none."""
        giver, taker = told["from"], told["to"]
        return cls(
            group=GroupName(told["group"]),
            from_=None if giver is None else NodeName(giver),
            to=None if taker is None else NodeName(taker),
            at=datetime.fromisoformat(told["at"]),
            cause=told["cause"],
            phases=tuple(
                Phase(what=p["what"], ms=p["ms"], because=p["because"], evidence=p["evidence"])
                for p in told["phases"]
            ),
            restarts=tuple(map(Restart.from_dict, told.get("restarts", ()))),
            since=tuple(map(Restart.from_dict, told.get("since", ()))),
        )
