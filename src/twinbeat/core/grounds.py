"""Why a group may not be claimed now, and why one that is held is let go: in sentences."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .effects import Effect, Record, What
from .liveness import Liveness
from .membership import Membership
from .placement import Placement
from .units import Instant

if TYPE_CHECKING:
    from .group import Group


@dataclass(frozen=True, slots=True)
class World:
    """What a step looks at."""

    now: Instant
    members: Membership
    placement: Placement
    leaving: bool
    next_seq: int
    """The sequence number of the beat that will tell of this step."""


def bar(group: "Group", world: World) -> str | None:
    """Return why this node may not claim the group now, or None."""
    if (here := bar_here(group, world)) is not None:
        return here
    if unclean := world.members.unclean_nodes(group.name):
        return f"{', '.join(unclean)} may still run it (unclean)"
    return None


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
    return world.members.proof.bar(group.name, world.now)


def release_reason(group: "Group", world: World) -> str | None:
    """Return why the group is released now; another node must want it before it is let go."""
    placement = world.placement
    if world.leaving:
        return "this node is leaving"
    if group.removed:
        return "the configuration no longer has it"
    if group.changed:
        return "its resources changed in the configuration"
    if placement.node == group.me:
        return None
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
