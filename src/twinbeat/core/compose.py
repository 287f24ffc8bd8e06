"""Draw up the next heartbeat from what the engine believes (protocol.md 2.2)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .beat import Beat, Custody, GroupView, Life, Switch
from .units import Duration, GroupName, Instant, NodeName
from .value import value

if TYPE_CHECKING:
    from .engine import Engine


@value(kw_only=True)
class Public:
    """The part of a beat whose change is told at once; it changes only when something is new."""

    life: Life
    word: str
    hears: tuple[bool, ...]
    groups: Mapping[GroupName, GroupView]
    standby: Mapping[NodeName, Switch]
    maintenance: Mapping[NodeName, Switch]
    unclean: frozenset[tuple[GroupName, NodeName]]
    leaving: bool
    macs: frozenset[bytes]
    pings: int | None


def public(engine: "Engine") -> Public:
    """Return what the next beat tells of this node, drawn up whenever something is new."""
    own = {(g.name, engine.me) for g in engine.groups.values() if g.custody is Custody.UNCLEAN}
    return Public(
        life=engine.mine.life,
        word=engine.word,
        hears=tuple(peer.heard for peer in engine.members),
        groups={name: group.view() for name, group in engine.groups.items()},
        standby=dict(engine.standby),
        maintenance=dict(engine.maintenance),
        unclean=frozenset(engine.members.unclean | own),
        leaving=engine.leaving,
        macs=engine.macs,
        pings=engine.members.connectivity.statement,
    )


def compose(engine: "Engine", said: Public, now: Instant) -> Beat:
    """Return the heartbeat that leaves now: what is public, and what was taken in until now."""
    timing = engine.model.timing
    seq = engine.mine.sending(now, timing.lease)
    return Beat(
        node=engine.me,
        seq=seq,
        life=said.life,
        word=said.word,
        deadtime=timing.deadtime,
        lease=engine.mine.lease,
        acks=engine.members.acks(now),
        groups=said.groups,
        standby=said.standby,
        maintenance=said.maintenance,
        unclean=said.unclean,
        leaving=said.leaving,
        digest=engine.model.digest,
        macs=said.macs,
        age=None if said.word == "active" else Duration(now - engine.members.started_at),
        pings=said.pings,
    )
