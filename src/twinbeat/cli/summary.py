"""What a configuration means, for `check`: the cluster as it will behave."""

from collections.abc import Iterator

from twinbeat.core.hook import HookSpec
from twinbeat.core.model import ClusterModel, GroupSpec, LinkKind, LinkSpec
from twinbeat.core.units import Duration, in_ms, readable


def takeover(model: ClusterModel) -> Duration:
    """Return the silence after which a dead owner is replaced, the start of resources apart."""
    return model.timing.limit(model.timing.lease)


def as_lines(model: ClusterModel) -> Iterator[str]:
    """Yield the explanation as a person reads it, line by line."""
    timing = model.timing
    decide = "groups go where more of them answer" if model.connectivity else "only shown"
    yield f"Cluster   {model.name}: {', '.join(model.nodes)}"
    for number, link in enumerate(model.links):
        yield f"{'' if number else 'Links':<8}  {_link(link)}"
    for number, ping in enumerate(model.pings):
        of = f" of {', '.join(ping.addresses)}" if ping.group else ""
        yield f"{'' if number else 'Pings':<8}  {ping.name}{of}; {decide}"
    yield (
        f"Timing    a heartbeat every {readable(timing.keepalive)}; a silent peer is late after "
        f"{readable(timing.warntime)}, dead after {readable(timing.deadtime)};"
    )
    yield f"          after its start a node waits up to {readable(timing.initdead)} for its peers"
    yield (
        f"Lease     {readable(timing.lease)}: without an acknowledged heartbeat for so long an "
        "owner's addresses fall silent"
    )
    yield (
        f"Takeover  {readable(takeover(model))} after the last heartbeat of a dead owner, plus "
        "what its resources need to start"
    )
    yield f"Proof     {model.proof}: a peer is dead when nobody alive has heard it for the deadtime"
    for number, group in enumerate(model.groups):
        yield f"{'' if number else 'Groups':<8}  {_group(group)}"
        for place, resource in enumerate(group.resources, 1):
            yield f"            {place}. {resource.agent:<6}  {resource.name}"
    for number, hook in enumerate(model.hooks):
        yield f"{'' if number else 'Hooks':<8}  {_hook(hook)}"
    yield ""


def as_dict(model: ClusterModel) -> dict[str, object]:
    """Return the same for `check --json`; times are milliseconds."""
    timing = model.timing
    return {
        "name": model.name,
        "nodes": list(model.nodes),
        "proof": str(model.proof),
        "timing": {
            "keepalive_ms": in_ms(timing.keepalive),
            "warntime_ms": in_ms(timing.warntime),
            "deadtime_ms": in_ms(timing.deadtime),
            "initdead_ms": in_ms(timing.initdead),
            "lease_ms": in_ms(timing.lease),
            "takeover_ms": in_ms(takeover(model)),
        },
        "links": [
            {
                "name": link.name,
                "kind": str(link.kind),
                "interface": link.interface,
                "address": link.address or None,
                **({"baud": link.baud} if _serial(link) else {"port": link.port}),
            }
            for link in model.links
        ],
        "pings": [{"name": ping.name, "addresses": list(ping.addresses)} for ping in model.pings],
        "connectivity": model.connectivity,
        "groups": [
            {
                "name": group.name,
                "nodes": list(group.nodes),
                "failback": _failback(group),
                "resources": [
                    {"name": resource.name, "agent": str(resource.agent)}
                    for resource in group.resources
                ],
            }
            for group in model.groups
        ],
        "hooks": [
            {
                "name": hook.name,
                "kind": str(hook.kind),
                "target": hook.target,
                "groups": list(hook.groups),
                "on": list(hook.on),
            }
            for hook in model.hooks
        ],
    }


def _hook(hook: HookSpec) -> str:
    groups = ", ".join(hook.groups) or "all groups"
    return f"{hook.name}: {hook.kind} {hook.target}; {groups}; {', '.join(hook.on)}"


def _serial(link: LinkSpec) -> bool:
    return link.kind is LinkKind.SERIAL


def _link(link: LinkSpec) -> str:
    if _serial(link):
        return f"{link.kind} on {link.interface}, {link.baud} baud"
    to = f" to {link.address}" if link.kind is not LinkKind.BROADCAST else ""
    return f"{link.kind} on {link.interface}{to}, udp port {link.port}"


def _group(group: GroupSpec) -> str:
    others = f", then {', '.join(group.nodes[1:])}" if len(group.nodes) > 1 else ""
    return f"{group.name}: {group.preferred}{others}; failback {_failback(group)}"


def _failback(group: GroupSpec) -> str:
    if group.failback.enabled and group.failback.after:
        return f"after {readable(group.failback.after)}"
    return "on" if group.failback.enabled else "off"
