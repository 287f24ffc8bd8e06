"""Beats by hand, for tests of one small machine."""

from collections.abc import Mapping

from twinbeat.core.beat import Ack, Beat, Custody, GroupView, Life
from twinbeat.core.units import Duration, GroupName, NodeName, milliseconds

ME, PEER, OTHER = NodeName("node1"), NodeName("node2"), NodeName("node3")
WEB = GroupName("web")
MY_LIFE, PEERS_LIFE = Life(5, 55), Life(1, 11)


def beat(
    seq: int,
    acked: int = 0,
    *,
    node: NodeName = PEER,
    life: Life = PEERS_LIFE,
    acked_life: Life = MY_LIFE,
    lease: Duration = milliseconds(950),
    groups: Mapping[GroupName, GroupView] | None = None,
    acks: Mapping[NodeName, Ack] | None = None,
    leaving: bool = False,
    word: str = "active",
    age: Duration | None = None,
) -> Beat:
    """Return a beat that acknowledges this node's beat `acked`, or nothing of it when 0."""
    mine = {ME: Ack(acked_life, acked, hears=True)} if acked else {}
    return Beat(
        node=node,
        life=life,
        seq=seq,
        deadtime=milliseconds(1000),
        lease=lease,
        acks={**mine, **(acks or {})},
        groups=groups or {},
        leaving=leaving,
        word=word,
        age=age,
    )


def says(custody: Custody, term: int = 1, rank: int = 1) -> dict[GroupName, GroupView]:
    """Return what a beat says of web."""
    return {WEB: GroupView(custody, term, rank)}
