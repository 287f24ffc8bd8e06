"""Draw up the next heartbeat from what the engine believes (protocol.md 2.2)."""

from typing import TYPE_CHECKING

from .beat import Beat, Custody
from .units import Instant

if TYPE_CHECKING:
    from .engine import Engine


def public(engine: "Engine") -> object:
    """Return the part of a beat whose change is told at once."""
    hears = tuple(peer.heard for peer in engine.members)
    switches = (dict(engine.standby), dict(engine.maintenance))
    unclean = frozenset(engine.members.unclean)
    words = (engine.leaving, engine.word, engine.mine.life, engine.macs)
    return hears, engine.views, switches, unclean, words


def compose(engine: "Engine", now: Instant) -> Beat:
    """Return the heartbeat that leaves now."""
    timing, me = engine.model.timing, engine.me
    own = {(g.name, me) for g in engine.groups.values() if g.custody is Custody.UNCLEAN}
    return Beat(
        node=me,
        seq=engine.mine.sending(now, timing.lease),
        life=engine.mine.life,
        word=engine.word,
        deadtime=timing.deadtime,
        lease=timing.lease,
        acks=engine.members.acks(now),
        groups=engine.views,
        standby=dict(engine.standby),
        maintenance=dict(engine.maintenance),
        unclean=frozenset(engine.members.unclean | own),
        leaving=engine.leaving,
        digest=engine.model.digest,
        macs=engine.macs,
    )
