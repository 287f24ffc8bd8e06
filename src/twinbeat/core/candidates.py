"""What placement is asked with: who owns a group now, and what speaks against each node.

Everything here is read from this node's present beliefs; `placement` itself knows nothing of peers.
"""

from collections.abc import Mapping

from . import orders, ties
from .beat import Bar, Custody, Switch
from .group import Group
from .liveness import Liveness
from .membership import Membership
from .placement import Candidate, Placement, place
from .units import Duration, GroupName, Instant, NodeName, readable
from .value import value

_BARRED_BY = {
    Liveness.UNHEARD: "not heard yet",
    Liveness.DEAF: "deaf: it is heard, but does not hear this node",
    Liveness.SILENT: "dead",
    Liveness.LEFT: "away: it said goodbye",
    Liveness.DOUBTED: "gone, and judged anew since this node stalled",
}


@value()
class Beliefs:
    """What this node believes of the cluster at one instant."""

    members: Membership
    standby: Mapping[NodeName, Switch]
    maintenance: Mapping[NodeName, Switch]
    leaving: bool
    now: Instant
    groups: Mapping[GroupName, Group]


def placed(group: Group, beliefs: Beliefs) -> Placement:
    """Ask placement who should own a group."""
    owner, keeper = _owner(group, beliefs.members), present_owner(group, beliefs.members)
    frozen = orders.frozen(beliefs.maintenance, keeper or group.last_owner)
    candidates = {node: candidate(group, node, beliefs, keeper) for node in group.spec.nodes}
    at = None if keeper is None else candidates.get(keeper)
    if frozen is None and (keeper is None or (at is not None and at.barred is None)):
        waits = ties.waits(group, beliefs.groups, beliefs.members)
        if waits is not None:  # Who found it running is not its owner, and waits as well.
            return place(group.spec, candidates, owner, group.pin, waits)
    return place(group.spec, candidates, keeper, group.pin, frozen)


def present_owner(group: Group, members: Membership) -> NodeName | None:
    """Return the node that starts or serves a group, or else stops it, or else has found it."""
    return _owner(group, members) or _finder(group, members)


def _owner(group: Group, members: Membership) -> NodeName | None:
    if group.custody.owns:
        return members.me
    if (peer := members.owner(group.name)) is not None:
        return peer.node
    if group.custody is Custody.STOPPING:
        return members.me
    for other in members:
        if other.heard and other.custody(group.name) is Custody.STOPPING:
            return other.node
    return None


def _finder(group: Group, members: Membership) -> NodeName | None:
    """Return the node with the strongest claim of those that found the group running."""
    views = {peer.node: view for peer in members if peer.heard and (view := peer.view(group.name))}
    views[members.me] = group.view()
    found = [node for node, view in views.items() if view.custody is Custody.ADOPTING]
    return max(found, key=lambda node: views[node].strength(node), default=None)


def void_pin(group: Group, beliefs: Beliefs) -> str | None:
    """Return why a pin has ended: its node died, left or stands by, or has it by preference."""
    node = group.pin.node
    if not node:
        return None
    peer = beliefs.members.peers.get(node)
    if orders.is_on(beliefs.standby, node):
        return f"{node} is in standby"
    if (bar := bar_of(group, node, beliefs.members)) is not None:
        return f"it failed on {node}: {bar.why}" if bar.why else f"it failed on {node}"
    if peer is not None and peer.gone:
        return f"{node} is {peer.liveness}"
    if node == beliefs.members.me and beliefs.leaving:
        return f"{node} is leaving"
    if node == beliefs.members.me == group.spec.preferred and group.custody is Custody.HELD:
        return "its preferred owner has it"
    return None


def bar_of(group: Group, node: NodeName, members: Membership) -> Bar | None:
    """Return what bars a node for a group that failed there, or None."""
    if node == members.me:
        return group.recovery.bar
    peer = members.peers.get(node)
    view = None if peer is None else peer.view(group.name)
    return None if view is None else view.bar


def candidate(
    group: Group, node: NodeName, beliefs: Beliefs, owner: NodeName | None = None
) -> Candidate:
    """Return what speaks for and against one node, beside the present owner."""
    members = beliefs.members
    if node == members.me:
        barred = _own_bar(group, beliefs)
        since, lost = members.started_at, 0
    else:
        barred = _peer_bar(group, node, members)
        peer = members.peers.get(node)
        since = beliefs.now if peer is None else peer.alive_since or beliefs.now
        lost = 0 if peer is None else peer.losses.count(beliefs.now)
    if orders.is_on(beliefs.standby, node):
        barred = "in standby"
    elif orders.is_on(beliefs.maintenance, node):
        barred = "in maintenance"
    elif barred is None:
        barred = ties.bar(group, node, beliefs.groups, members)
    here_for = Duration(beliefs.now - since)
    outside, unsure = members.connectivity, Duration(0)
    if owner is not None and owner != node:
        unsure = outside.unsure(node, owner, here_for, beliefs.now)
    return Candidate(
        barred=barred,
        unheard_by=members.unheard_by(node, beliefs.now),
        here_for=here_for,
        lost=lost,
        outdone=outside.outdone(node),
        unsure=unsure,
    )


def _own_bar(group: Group, beliefs: Beliefs) -> str | None:
    if beliefs.leaving:
        return "leaving"
    return _barred(group.recovery.bar)


def _peer_bar(group: Group, node: NodeName, members: Membership) -> str | None:
    peer = members.peers.get(node)
    if peer is None:
        return "not configured here"
    if peer.liveness is not Liveness.ALIVE:
        return _BARRED_BY[peer.liveness]
    if peer.beat is not None and peer.beat.leaving:
        return "leaving"
    return _barred(bar_of(group, node, members))


def _barred(bar: Bar | None) -> str | None:
    if bar is None:
        return None
    span = f" for {readable(bar.span)}" if bar.span else ""
    return f"barred{span}: {bar.why}" if bar.why else f"barred{span}, it failed there"
