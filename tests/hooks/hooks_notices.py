"""Notices and journal entries for the tests of this room."""

from twinbeat.core.effects import What
from twinbeat.core.hook import HookKind, HookSpec, State
from twinbeat.core.units import SECOND, GroupName, Instant, NodeName
from twinbeat.hooks import Notice
from twinbeat.journal import Entry

NODE1, NODE2, NODE3 = NodeName("node1"), NodeName("node2"), NodeName("node3")
WEB, MAIL = GroupName("web"), GroupName("mail")
WALL_NS = 1_780_000_000 * SECOND
"""2026-05-28 20:26:40 UTC."""


def entry(
    what: What,
    because: str = "because",
    group: GroupName | None = WEB,
    peer: NodeName | None = None,
    giver: NodeName | None = None,
    **evidence: object,
) -> Entry:
    """An entry of node1's journal; `giver` is its evidence `from`."""
    if giver is not None:
        evidence["from"] = giver
    at = Instant(5 * SECOND)
    return Entry(at=at, wall_ns=WALL_NS, node=NODE1, what=what, because=because, group=group,
                 peer=peer, evidence=evidence)  # fmt: skip


def notice(reason: str = "because", group: GroupName = WEB, state: State = State.HELD) -> Notice:
    """A notice that is told from others by its reason."""
    return Notice(
        group=group,
        state=state,
        previous=None,
        reason=reason,
        term=3,
        owner=NODE1,
        entry=entry(What.GROUP_HELD if state is State.HELD else What.GROUP_STOPPED, group=group),
    )


def hook(name: str = "pager", kind: HookKind = HookKind.RUN, **keys: object) -> HookSpec:
    """A hook with its defaults."""
    return HookSpec(name=name, kind=kind, target="/bin/pager", **keys)  # type: ignore[arg-type]
