"""`status --json`: what the core believes, and what only the shell knows."""

from collections.abc import Mapping, Sequence

from twinbeat.core.model import ClusterModel
from twinbeat.core.status import GroupStatus, NodeStatus, RestartStatus, Status
from twinbeat.core.units import Duration, Instant, in_ms, readable

from . import clock
from .custodian import Custodian
from .ward import Charge, ResourceState

SCHEMA = 1


def draw(
    status: Status,
    model: ClusterModel,
    custodian: Custodian,
    drops: Mapping[str, int],
    flags: Sequence[str] = (),
) -> dict[str, object]:
    """Return the answer to `status`; `drops`, by reason, and `flags` are those of the shell."""
    return {
        "schema": SCHEMA,
        "node": status.node,
        "cluster": model.name,
        "generation": status.generation,
        "proof": status.proof,
        "nodes": {name: _node(node) for name, node in status.nodes.items()},
        "groups": {
            name: _group(group) | {"resources": _resources(model, custodian, name, group.failures)}
            for name, group in status.groups.items()
        },
        "lease": _lease(status),
        "drops": _sum(status.drops, drops),
        "flags": [*status.flags, *flags],
    }


def summary(status: Status) -> str:
    """Say in a line how a node fares, as `systemctl status` shows it."""
    nodes = [node for node in status.nodes.values() if node.liveness != "ping"]
    alive = sum(node.liveness in ("self", "alive") for node in nodes)
    held = [name for name, group in status.groups.items() if group.owner == status.node]
    groups = f"holds {', '.join(held)}" if held else "holds no group"
    nowhere = [name for name, group in status.groups.items() if group.nowhere]
    trouble = f"; NOWHERE: {', '.join(nowhere)}" if nowhere else ""
    return f"{alive} of {len(nodes)} nodes alive; {groups}{trouble}"


def _node(node: NodeStatus) -> dict[str, object]:
    return {
        "state": node.state,
        "type": "ping" if node.liveness == "ping" else "normal",
        "liveness": node.liveness,
        "late": node.late,
        "last_heard_ms": _ms(node.last_heard),
        "generation": node.generation,
        "links": {
            name: {"state": "up" if link.up else "dead", "last_heard_ms": _ms(link.last_heard)}
            for name, link in node.links.items()
        },
    }


def _group(group: GroupStatus) -> dict[str, object]:
    return {
        "owner": group.owner,
        "state": group.state,
        "custody": str(group.custody),
        "term": group.term,
        "preferred": group.preferred,
        "placed": group.placed,
        "pinned": group.pinned,
        "reasons": list(group.reasons),
        "lease_remaining_ms": _ms(group.lease_remaining),
        "restarts": _restarts(group.restarts),
        "bars": {
            node: {"left_ms": _ms(bar.left), "why": bar.why} for node, bar in group.bars.items()
        },
        "nowhere": group.nowhere or None,
        "unproven": group.unproven,
    }


def _restarts(restarts: RestartStatus | None) -> dict[str, object] | None:
    if restarts is None or not (restarts.tried or restarts.under_way):
        return None
    return {
        "tried": restarts.tried,
        "of": restarts.allowed,
        "window_ms": in_ms(restarts.window),
        "under_way": list(restarts.under_way),
    }


def _resources(
    model: ClusterModel, custodian: Custodian, name: str, failures: Mapping[str, int]
) -> list[dict[str, object]]:
    """The group's resources as configured, with what this node knows of them."""
    spec = next((group for group in model.groups if group.name == name), None)
    if spec is None:
        return []
    now = clock.now()
    known = {charge.name: charge for charge in custodian.charges(spec.name)}
    return [
        {"name": resource.name, "agent": str(resource.agent)}
        | _charge(known.get(resource.name), now)
        | {"failures": failures.get(resource.name, 0)}
        for resource in spec.resources
    ]


def _charge(charge: Charge | None, now: Instant) -> dict[str, object]:
    if charge is None:
        return {"state": str(ResourceState.UNKNOWN)}
    return {
        "state": str(charge.state),
        "reason": charge.reason,
        "watched": _watched(charge),
        "looked": _looked(charge, now),
        "next_look_ms": None if charge.next is None else in_ms(max(0, charge.next - now)),
        "bad": charge.bad,
        "fall": charge.spec.fall,
    }


def _watched(charge: Charge) -> str:
    """Say who tells of its end, and how often somebody looks."""
    if charge.interval is None:
        return ""
    often = f"every {readable(charge.interval).replace('.00 s', ' s')}"
    return ", ".join(filter(None, (charge.agent.watched, often)))


def _looked(charge: Charge, now: Instant) -> dict[str, object] | None:
    if charge.last is None or charge.looked is None:
        return None
    return {
        "ago_ms": in_ms(now - charge.looked),
        "took_ms": round(charge.last.seconds * 1000, 3),
        "found": str(charge.last.found),
        "why": charge.last.reason,
    }


def _lease(status: Status) -> dict[str, object]:
    """What the kernel holds; of several served groups the one that ends first."""
    left = [g.lease_remaining for g in status.groups.values() if g.lease_remaining is not None]
    return {
        "kind": status.guard,
        "length_ms": in_ms(status.lease_length),
        "remaining_ms": _ms(min(left, default=None)),
    }


def _sum(*counts: Mapping[str, int]) -> dict[str, int]:
    total: dict[str, int] = {}
    for count in counts:
        for reason, times in count.items():
            total[reason] = total.get(reason, 0) + times
    return total


def _ms(span: Duration | None) -> float | None:
    return None if span is None else in_ms(span)
