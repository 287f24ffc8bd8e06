"""What groups ask of each other: `after`, `with` and `not-with` (protocol.md 2.12).

The group that says it gives way; the other one is placed as if nothing had been said. The
configuration has no rings of such sayings, so in the order of `in_order` everything that a group
looks at is settled before it.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .beat import Custody
from .membership import Membership
from .units import GroupName, NodeName

if TYPE_CHECKING:
    from .group import Group

    Groups = Mapping[GroupName, Group]

_ON_THE_WAY = (Custody.UNKNOWN, Custody.ADOPTING, Custody.CLAIMING, Custody.STARTING)
_TO_BE_STOPPED = (Custody.STARTING, Custody.HELD, Custody.STOPPING)


def in_order(groups: "Groups") -> "dict[GroupName, Group]":
    """Return the groups with those that others look at before these, else as they stand."""
    ordered: dict[GroupName, Group] = {}
    entered: set[GroupName] = set()

    def enter(group: "Group") -> None:
        if group.name in entered:
            return
        entered.add(group.name)
        for name in (*group.spec.after, *group.spec.beside, *group.spec.apart):
            if name in groups:
                enter(groups[name])
        ordered[group.name] = group

    for group in groups.values():
        enter(group)
    return ordered


def waits(group: "Group", groups: "Groups", members: Membership) -> str | None:
    """Return which group must run before this one may be started anywhere, or None."""
    for name in group.spec.after:
        if not _is_held(name, groups, members):
            return f"it waits for {name}, after which it starts"
        if _departs(name, groups):
            return f"it waits for {name}, which leaves {members.me}"
    for name in group.spec.beside:
        if _owner(name, groups, members) is None:
            return f"it waits for {name}, with which it runs"
    return None


def bar(group: "Group", node: NodeName, groups: "Groups", members: Membership) -> str | None:
    """Return why another group keeps this one from a node, to be said behind `is`; or None."""
    for name in group.spec.beside:
        owner = _owner(name, groups, members)
        if owner is None:
            return f"no place for it: it runs with {name}, which runs nowhere"
        if owner != node:
            return f"no place for it: it runs with {name}, which is on {owner}"
        if owner == members.me and _departs(name, groups):
            return f"no place for it: it runs with {name}, which leaves"
    for name in group.spec.apart:
        custody = _custody(name, node, groups, members)
        if custody is not Custody.STOPPED:
            return f"no place for it: it never runs beside {name}, which is {custody} there"
    return None


def comes(group: "Group", groups: "Groups", members: Membership) -> bool:
    """Whether a group lacks nothing but others that are on their way to run somewhere."""
    nodes = (members.me, *members.peers)
    lacking = [name for name in group.spec.after if not _is_held(name, groups, members)]
    lacking += [name for name in group.spec.beside if _owner(name, groups, members) is None]
    apart = any(
        _custody(name, members.me, groups, members) is not Custody.STOPPED
        for name in group.spec.apart
    )
    return (
        bool(lacking)
        and not apart
        and all(
            any(
                _custody(name, node, groups, members) in _ON_THE_WAY
                or _wanted(name, node, groups, members)
                for node in nodes
            )
            for name in lacking
        )
    )


def deserted(group: "Group", groups: "Groups") -> str | None:
    """Return why this group is stopped for a while: one that it needs here is released; or None."""
    for name in (*group.spec.after, *group.spec.beside):
        if _departs(name, groups):
            return f"it waits for {name}, which leaves {group.me}"
    return None


def first_to_stop(group: "Group", groups: "Groups") -> list[GroupName]:
    """Return the groups on this node that are to stop before this one is released."""
    return [
        other.name
        for other in groups.values()
        if group.name in (*other.spec.after, *other.spec.beside) and other.custody in _TO_BE_STOPPED
    ]


def first_to_leave(group: "Group", groups: "Groups") -> list[GroupName]:
    """Return the groups that leave this node for this one, and are not stopped yet."""
    return [
        other.name
        for other in groups.values()
        if group.name in other.spec.apart and other.custody in _TO_BE_STOPPED
    ]


def _departs(name: GroupName, groups: "Groups") -> bool:
    return name in groups and groups[name].departing is not None


def _is_held(name: GroupName, groups: "Groups", members: Membership) -> bool:
    custodies = [peer.custody(name) for peer in members if peer.heard]
    if name in groups:
        custodies.append(groups[name].custody)
    return Custody.HELD in custodies


def _owner(name: GroupName, groups: "Groups", members: Membership) -> NodeName | None:
    """Return the node that starts or serves a group; one that stops it has it no longer."""
    if name not in groups:
        return None
    if groups[name].custody.owns:
        return members.me
    peer = members.owner(name)
    return None if peer is None else peer.node


def _custody(name: GroupName, node: NodeName, groups: "Groups", members: Membership) -> Custody:
    if node == members.me:
        return groups[name].custody if name in groups else Custody.STOPPED
    peer = members.peers.get(node)
    return peer.custody(name) if peer is not None and peer.heard else Custody.STOPPED


def _wanted(name: GroupName, node: NodeName, groups: "Groups", members: Membership) -> bool:
    """Whether a node is about to claim a group."""
    if node == members.me:
        return name in groups and groups[name].want
    peer = members.peers.get(node)
    view = None if peer is None or not peer.heard else peer.view(name)
    return view is not None and view.want
