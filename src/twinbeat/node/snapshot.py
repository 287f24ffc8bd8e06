"""`status --json`: what the core believes, and what only the shell knows."""

from collections.abc import Mapping

from twinbeat.core.model import ClusterModel
from twinbeat.core.status import GroupStatus, NodeStatus, Status
from twinbeat.core.units import Duration, in_ms

from .custodian import Custodian, ResourceState

SCHEMA = 1


def draw(
    status: Status, model: ClusterModel, custodian: Custodian, drops: Mapping[str, int]
) -> dict[str, object]:
    """Return the answer to `status`; `drops` are those of the shell, by reason."""
    return {
        "schema": SCHEMA,
        "node": status.node,
        "cluster": model.name,
        "generation": status.generation,
        "proof": status.proof,
        "nodes": {name: _node(node) for name, node in status.nodes.items()},
        "groups": {
            name: _group(group) | {"resources": _resources(model, custodian, name)}
            for name, group in status.groups.items()
        },
        "lease": _lease(status),
        "drops": _sum(status.drops, drops),
        "flags": list(status.flags),
    }


def summary(status: Status) -> str:
    """Say in a line how a node fares, as `systemctl status` shows it."""
    nodes = [node for node in status.nodes.values() if node.liveness != "ping"]
    alive = sum(node.liveness in ("self", "alive") for node in nodes)
    held = [name for name, group in status.groups.items() if group.owner == status.node]
    groups = f"holds {', '.join(held)}" if held else "holds no group"
    return f"{alive} of {len(nodes)} nodes alive; {groups}"


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
        "unproven": group.unproven,
    }


def _resources(model: ClusterModel, custodian: Custodian, name: str) -> list[dict[str, str]]:
    """The group's resources as configured, with their state on this node."""
    spec = next((group for group in model.groups if group.name == name), None)
    if spec is None:
        return []
    states = custodian.states(spec.name)
    return [
        {
            "name": resource.name,
            "agent": str(resource.agent),
            "state": str(states.get(resource.name, ResourceState.UNKNOWN)),
        }
        for resource in spec.resources
    ]


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
