"""Draw up the status of a node from what its engine believes; it changes nothing."""

from typing import TYPE_CHECKING

from . import orders
from .beat import CLUSTER, Custody
from .candidates import bar_of, present_owner
from .connectivity import PingWatch
from .exclusive import unproven
from .group import Group
from .liveness import Liveness, PeerWatch
from .membership import Membership
from .status import BarStatus, GroupStatus, LinkStatus, NodeStatus, RestartStatus, Status
from .units import Duration, Instant, LinkName, NodeName

if TYPE_CHECKING:
    from .engine import Engine


def snapshot(engine: "Engine", now: Instant) -> Status:
    """Return what the engine believes now."""
    nodes = {n: _node(engine, n, now) for n in engine.model.nodes}
    nodes |= {n: _ping(n, watch, now) for n, watch in engine.members.connectivity.watches.items()}
    groups = {name: _group(engine, group, now) for name, group in engine.groups.items()}
    return Status(
        node=engine.me,
        generation=engine.mine.life.generation,
        proof=str(engine.model.proof),
        nodes=nodes,
        groups=groups,
        guard=engine.guard,
        lease_length=engine.model.timing.lease,
        flags=tuple(_flags(engine)),
        drops=dict(engine.drops),
    )


def _node(engine: "Engine", node: NodeName, now: Instant) -> NodeStatus:
    peer = engine.members.peers.get(node)
    if peer is None:
        links = {
            name: LinkStatus(up=up, last_heard=None)
            for name, up in engine.members.own_links.items()
        }
        return NodeStatus(
            state=engine.word,
            liveness="self",
            late=False,
            last_heard=Duration(0),
            generation=engine.mine.life.generation,
            links=links,
        )
    return NodeStatus(
        state=_word(peer),
        liveness=str(peer.liveness),
        late=peer.late,
        last_heard=peer.last_heard(now),
        generation=peer.life.generation,
        links=_links(engine, peer, now),
    )


def _ping(node: NodeName, watch: PingWatch, now: Instant) -> NodeStatus:
    heard = Duration(now - watch.since) if watch.heard else None
    up = watch.answers is True
    return NodeStatus(
        state="ping" if up else "init" if watch.answers is None else "dead",
        liveness="ping",
        late=False,
        last_heard=heard,
        generation=0,
        links={LinkName(node): LinkStatus(up=up, last_heard=heard)},
    )


def _word(peer: PeerWatch) -> str:
    """Return Heartbeat's word for a peer."""
    if peer.liveness is Liveness.UNHEARD:
        return "init"
    if not peer.heard or peer.beat is None:
        return "dead"
    return peer.beat.word


def _links(engine: "Engine", peer: PeerWatch, now: Instant) -> dict[LinkName, LinkStatus]:
    links = {spec.name: LinkStatus(up=False, last_heard=None) for spec in engine.model.links}
    for name, watch in peer.links.items():
        age = Duration(now - watch.heard_at)
        links[name] = LinkStatus(up=watch.up and peer.heard, last_heard=age)
    return links


def _group(engine: "Engine", group: Group, now: Instant) -> GroupStatus:
    placement = engine.placements.get(group.name)
    left = group.serving.until - now
    return GroupStatus(
        owner=_serving_owner(group, engine.members),
        custody=group.custody,
        state=_state(group, engine.members),
        term=_term(group, engine.members),
        preferred=group.spec.preferred,
        placed=None if placement is None else placement.node,
        pinned=group.pin.node or None,
        reasons=(() if placement is None else placement.reasons) + group.waiting,
        lease_remaining=Duration(left) if left > 0 else None,
        bars=_bars(group, engine.members, now),
        nowhere={} if placement is None else dict(placement.nowhere),
        restarts=_restarts(group, now) if group.custody is Custody.HELD else None,
        failures={n: h.failures for n, h in group.recovery.health.items() if h.failures},
        unproven=unproven(group.spec.resources, engine.model.proof),
    )


def _bars(group: Group, members: Membership, now: Instant) -> dict[NodeName, BarStatus]:
    bars = {}
    for node in group.spec.nodes:
        bar = bar_of(group, node, members)
        if bar is not None:
            until = group.recovery.until
            if node != members.me:
                until = Instant(group.bars_heard.get(node, now) + bar.span)
            left = Duration(max(0, until - now)) if bar.span else None
            bars[node] = BarStatus(why=bar.why, left=left)
    return bars


def _restarts(group: Group, now: Instant) -> RestartStatus:
    rules = group.spec.recovery
    return RestartStatus(
        under_way=group.recovery.restarting,
        tried=group.recovery.attempts(now),
        allowed=rules.restarts,
        window=rules.window,
    )


def _serving_owner(group: Group, members: Membership) -> NodeName | None:
    """Return the node that holds the group whole; while it moves there is none."""
    if group.custody is Custody.HELD:
        return members.me
    owner = members.owner(group.name)
    if owner is not None and owner.custody(group.name) is Custody.HELD:
        return owner.node
    return None


def _state(group: Group, members: Membership) -> str:
    if group.custody is Custody.UNCLEAN or members.unclean_nodes(group.name):
        return str(Custody.UNCLEAN)
    owner = present_owner(group, members)
    if owner == members.me or (owner is None and group.custody is not Custody.STOPPED):
        return str(group.custody)
    return str(Custody.STOPPED if owner is None else members.peers[owner].custody(group.name))


def _term(group: Group, members: Membership) -> int:
    owner = members.owner(group.name)
    view = None if owner is None else owner.view(group.name)
    return group.term if view is None else max(view.term, group.term)


def _flags(engine: "Engine") -> list[str]:
    flags = []
    if engine.leaving:
        flags.append("leaving")
    flags.extend(f"standby: {n}" for n in engine.model.nodes if orders.is_on(engine.standby, n))
    for node in (CLUSTER, *engine.model.nodes):
        if orders.is_on(engine.maintenance, node):
            flags.append("maintenance" if node == CLUSTER else f"maintenance: {node}")
    for peer in engine.members:
        if peer.beat is not None and peer.heard:
            if peer.beat.version == 0:
                flags.append(f"speaks Heartbeat only: {peer.node}")
            elif peer.beat.digest != engine.model.digest:
                flags.append(f"config differs: {peer.node}")
        if peer.liveness is Liveness.DEAF:
            flags.append(f"deaf: {peer.node}")
    for name, group in engine.groups.items():
        if group.recovery.bar is not None:
            flags.append(f"failed: {name}")
        nodes = engine.members.unclean_nodes(name)
        own = [engine.me] if group.custody is Custody.UNCLEAN else []
        flags.extend(f"unclean: {name} on {node}" for node in [*own, *nodes])
        if unproven(group.spec.resources, engine.model.proof):
            flags.append(f"unproven: {name}")
    flags.extend(engine.members.proof.flags())
    flags.extend(f"link down: {link}" for link, up in engine.members.own_links.items() if not up)
    return flags
