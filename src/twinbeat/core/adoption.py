"""What runs on a node that starts, and is kept: a claim that holds already (protocol.md 2.13)."""

from typing import TYPE_CHECKING

from . import ties
from .beat import Custody
from .effects import Effect, Record, What
from .exclusive import what_is_exclusive
from .grounds import World, not_kept, unclean_elsewhere
from .liveness import PeerWatch
from .model import GroupSpec
from .units import NodeName

if TYPE_CHECKING:
    from .group import Group

FOUND = "all of it but its addresses ran here already; it is kept if nobody else has it"
_STOPPED = {"adopted": False}
CAUSE = "it ran here already when this node's daemon started"


def may_adopt(spec: GroupSpec, me: NodeName) -> bool:
    """Whether what is found of a group may go on running until it is known who owns it.

    Not with a resource that two nodes would damage: a successor may have it by now.
    """
    return me in spec.nodes and not any(map(what_is_exclusive, spec.resources))


def step(group: "Group", world: World) -> list[Effect]:
    """Claim what runs here already; stop it as soon as somebody else has more right to it."""
    proof = world.members.proof
    void = proof.void(group.name) if group.claim_seq else None
    if (why := _ended(group, world) or void) is not None:
        group.waiting = ()
        told = Record(What.GROUP_FOUND, f"it is stopped: {why}", group.name, None, _STOPPED)
        return [*group.clear(), told]
    if (barred := proof.bar(group.name)) is not None:
        group.claim_seq, group.waiting = 0, (barred,)
        return []
    if not group.claim_seq:
        group.begin_claim(world)
    group.waiting = _waited_for(group, world)
    return [] if group.waiting else group.start(world)


def _ended(group: "Group", world: World) -> str | None:
    """Return why what was found must be stopped, or None."""
    if (ending := not_kept(group, world)) is not None:
        return ending
    members = world.members
    for peer in members.holders(group.name):
        if (why := _in_the_way(peer, group, world)) is not None:
            return why
    if (unclean := unclean_elsewhere(group, world)) is not None:
        return unclean
    for peer in members:
        if peer.heard and peer.beat is not None and peer.beat.version == 0:
            return f"{peer.node} speaks Heartbeat only, and takes what starts for empty"
    if (hopeless := _hopeless(group, world)) is not None:
        return hopeless
    elsewhere = world.placement.node != group.me and members.all_known
    if elsewhere and not (
        world.placement.node is None and ties.comes(group, world.groups, members)
    ):
        return world.placement.reasons[0]
    return None


def _hopeless(group: "Group", world: World) -> str | None:
    """Return why this node cannot claim for long what another one perhaps can, or None."""
    proof = world.members.proof
    unclean = [other.name for other in world.groups.values() if other.custody is Custody.UNCLEAN]
    if proof.outlived() is not None and unclean:
        what = ", ".join(unclean)
        return f"the arbiter ended this life, and while {what} is unclean here none follows"
    if not proof.away or group.pin.node == group.me:
        return None
    for node in group.spec.nodes[: group.rank]:
        if (peer := world.members.peers.get(node)) is not None and peer.heard:
            return f"the arbiter does not answer {group.me}, and may answer {node}"
    return None


def _waited_for(group: "Group", world: World) -> tuple[str, ...]:
    """Return what must be over before the claim counts: others that hold it, and will not."""
    holders = world.members.holders(group.name)
    first = tuple(f"{peer.node} says {peer.custody(group.name)}" for peer in holders)
    if world.placement.node != group.me:
        return (*first, world.placement.reasons[0])
    return first


def _in_the_way(peer: PeerWatch, group: "Group", world: World) -> str | None:
    """Return why a peer that holds the group has more right to it than what was found here."""
    custody, view = peer.custody(group.name), peer.view(group.name)
    if custody is Custody.UNKNOWN:
        return None  # It looks for itself, and will say what it found.
    if custody is Custody.ADOPTING and view is not None:
        if view.strength(peer.node) < group.view().strength(world.members.me):
            return None
        return f"{peer.node} found it running too, and its claim is stronger"
    return f"{peer.node} says {custody}"
