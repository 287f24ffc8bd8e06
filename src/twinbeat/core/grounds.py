"""Why a group may not be claimed now, and why one that is held is let go: in sentences."""

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from . import ties
from .beat import Custody
from .effects import Effect, Record, What
from .liveness import Liveness
from .membership import Membership
from .placement import Placement
from .proofs import Wish
from .units import GroupName, Instant
from .value import value

if TYPE_CHECKING:
    from .group import Group


@value()
class World:
    """What a step looks at."""

    now: Instant
    members: Membership
    placement: Placement
    leaving: bool
    next_seq: int
    """The sequence number of the beat that will tell of this step."""
    groups: "Mapping[GroupName, Group]" = field(default_factory=dict)
    """All groups of this node, in the order in which they are looked at."""


def bar(group: "Group", world: World) -> str | None:
    """Return why this node may not claim the group now, or None."""
    if (here := bar_here(group, world)) is not None:
        return here
    return unclean_elsewhere(group, world)


def unclean_elsewhere(group: "Group", world: World) -> str | None:
    """Return which nodes may still run what they could not stop, or None."""
    unclean = world.members.unclean_nodes(group.name)
    return f"{', '.join(unclean)} may still run it (unclean)" if unclean else None


def bar_here(group: "Group", world: World) -> str | None:
    """Return a bar that no proof of a death would lift, or None."""
    if world.leaving:
        return "this node is leaving"
    if group.removed:
        return "the configuration no longer has it"
    if world.placement.node != group.me:
        return world.placement.reasons[0]
    if (holder := world.members.holder(group.name)) is not None:
        return f"{holder.node} says {holder.custody(group.name)}"
    return world.members.proof.bar(group.name)


def wish(group: "Group", world: World, *, ready: bool) -> Wish:
    """Return what the group asks of the proof of death: who is in its way to this node."""
    concerned = world.placement.node == group.me and (
        group.custody is Custody.ADOPTING
        or (not group.custody.holds and bar_here(group, world) is None)
    )
    doubts = world.members.in_doubt(group.name) if concerned else []
    return Wish(
        group=group.name,
        custody=group.custody,
        doubts=tuple(peer.node for peer in doubts),
        ready=ready,
    )


def not_kept(group: "Group", world: World) -> str | None:
    """Return why what runs of the group stops here whoever else wants it, or None."""
    if world.leaving:
        return "this node is leaving"
    if group.removed:
        return "the configuration no longer has it"
    return "its resources changed in the configuration" if group.changed else None


def release_reason(group: "Group", world: World) -> str | None:
    """Return why the group is released now; another node must want it before it is let go."""
    placement = world.placement
    if (ending := not_kept(group, world)) is not None:
        return ending
    if (deserted := ties.deserted(group, world.groups)) is not None:
        return deserted
    if placement.node == group.me:
        return None
    if (driven_out := ties.bar(group, group.me, world.groups, world.members)) is not None:
        return f"{group.me} is {driven_out}"
    if placement.node is None:
        return "; ".join(placement.reasons)
    target = world.members.peers.get(placement.node)
    if target is None or target.liveness is not Liveness.ALIVE:
        return None
    view = target.view(group.name)
    return placement.reasons[0] if view is not None and view.want else None


def homeless(group: "Group", world: World) -> list[Effect]:
    """Tell once that no node can run a group, when nobody has anything left of it."""
    if not world.placement.nowhere:
        group.homeless = False
        return []
    held = group.custody.holds or world.members.holder(group.name) is not None
    if group.homeless or held or world.leaving:
        return []
    group.homeless = True
    return [Record(What.GROUP_NOWHERE, "; ".join(world.placement.reasons), group.name)]
