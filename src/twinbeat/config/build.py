"""Make the model from what was said, or report why there is none."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence

from twinbeat.core.model import (
    AgentKind,
    ClusterModel,
    GroupSpec,
    LinkSpec,
    PingSpec,
    Proof,
    Recovery,
    Timing,
)
from twinbeat.core.units import GroupName, LinkName, NodeName

from .diagnostics import Mark, Report, did_you_mean, listed, quote
from .draft import Draft, GroupDraft, Said, fits
from .hooks import settle_hooks
from .relations import check_relations
from .text import lower

MAX_GROUPS = 256
MAX_GROUP_NAME = 255
"""A heartbeat carries the state of every group under its name, in bytes."""
DEFAULT_NAME = "linux-ha"
"""Heartbeat's own default of `cluster`."""


def build(draft: Draft, directory: str, report: Report) -> ClusterModel | None:
    """Compose the cluster; None when its parts do not fit, and then the report says why."""
    sound = not report.failed
    nodes = tuple(NodeName(node.value) for node in draft.nodes)
    if not nodes and sound:
        report.error(
            draft.whole,
            "no nodes are named",
            "A cluster is the nodes that are listed.",
            "name each node as `uname -n` prints it there, `node node1 node2` in ha.cf",
        )
    links = named_links([said.value for said in draft.links])
    if not links and len(nodes) > 1 and sound:
        report.error(
            draft.whole,
            "there is no link that heartbeats could travel over",
            "Every node would believe the others dead.",
            "for example `bcast eth1` in ha.cf",
        )
    groups = _groups(draft, nodes, report)
    hooks = settle_hooks(draft, report)
    if report.failed or draft.timing is None:
        return None
    proof = draft.proof.value if draft.proof else Proof.PEER
    pings = tuple(said.value for said in draft.pings if lower(said.value.name) not in nodes)
    connectivity = bool(pings and draft.connectivity and draft.connectivity.value)
    return ClusterModel(
        name=draft.name.value if draft.name else DEFAULT_NAME,
        nodes=nodes,
        timing=draft.timing,
        links=links,
        groups=groups,
        pings=pings,
        connectivity=connectivity,
        proof=proof,
        legacy=draft.legacy,
        log=draft.log,
        script_dirs=(f"{directory.rstrip('/')}/resource.d", "/etc/init.d"),
        realtime=draft.realtime,
        rtprio=draft.rtprio,
        respawn=tuple(said.value for said in draft.respawn),
        hooks=hooks,
        variables=tuple(draft.variables.items()),
        digest=digest(nodes, draft.timing, groups, proof, pings if connectivity else ()),
    )


def named_links(links: Sequence[LinkSpec]) -> tuple[LinkSpec, ...]:
    """Name each link by its interface; a further link on it also by its address, port or number."""
    taken: set[str] = set()
    result = []
    for link in links:
        detail = link.address or link.kind.value
        candidates = [
            link.interface,
            f"{link.interface}/{detail}",
            f"{link.interface}/{detail}:{link.port}",
            *(f"{link.interface}/{detail}:{link.port}#{n}" for n in range(2, len(links) + 2)),
        ]
        name = next(candidate for candidate in candidates if candidate not in taken)
        taken.add(name)
        result.append(dataclasses.replace(link, name=LinkName(name)))
    return tuple(result)


def digest(
    nodes: Sequence[NodeName],
    timing: Timing,
    groups: Sequence[GroupSpec],
    proof: Proof,
    pings: Sequence[PingSpec] = (),
) -> str:
    """Return 12 hexadecimal digits of what all nodes must share: not links, secrets or logs.

    `pings` are those whose answers decide; nodes that count other ones compare nothing.
    """
    shared = [
        list(nodes),
        dataclasses.asdict(timing),
        [dataclasses.asdict(group) for group in groups],
        proof.value,
        *([ping.name for ping in pings]),
    ]
    text = json.dumps(shared, sort_keys=True, default=str)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:12]


def _groups(draft: Draft, nodes: tuple[NodeName, ...], report: Report) -> tuple[GroupSpec, ...]:
    names: dict[str, Mark] = {}
    addresses: dict[str, Mark] = {}
    instances: dict[str, Mark] = {}
    result: list[GroupSpec] = []
    for group in draft.groups:
        name, mark = group.name.value, group.name.mark
        if len(result) == MAX_GROUPS:
            report.error(mark, f"more than {MAX_GROUPS} groups")
            break
        if not fits(name, MAX_GROUP_NAME):
            report.error(
                mark,
                f"{quote(name)} cannot travel in a heartbeat as a group's name",
                f"A name has at most {MAX_GROUP_NAME} bytes, all of them printable.",
                "let the group begin with a shorter resource word",
            )
        if name in names:
            report.error(
                mark,
                f"two groups are called {quote(name)}: the other is at {names[name]}",
                "Commands and heartbeats name a group by its first resource word; two of one name "
                "cannot be told apart.",
                "let one of them begin with another resource",
            )
        names.setdefault(name, mark)
        _addresses_once(group, addresses, report)
        _instances_once(group, instances, report)
        ranked = _ranked(group, nodes, report)
        if not group.resources and not report.failed:
            report.error(mark, f"the group {quote(name)} has no resources")
        result.append(
            GroupSpec(
                name=GroupName(name),
                nodes=ranked,
                resources=tuple(said.value for said in group.resources),
                failback=group.failback.value if group.failback else draft.failback,
                recovery=group.recovery.value if group.recovery else Recovery(),
                after=_names(group.after),
                beside=_names(group.beside),
                apart=_names(group.apart),
            )
        )
    check_relations(draft.groups, result, report)
    return tuple(result)


def _names(said: Sequence[Said[str]]) -> tuple[GroupName, ...]:
    return tuple(dict.fromkeys(GroupName(each.value) for each in said))


def _addresses_once(group: GroupDraft, known: dict[str, Mark], report: Report) -> None:
    for said in group.resources:
        spec = said.value
        if spec.agent is AgentKind.IP and spec.address:
            ip = str(spec.address.ip)
            if ip in known:
                report.error(
                    said.mark,
                    f"the address {ip} is configured twice: the other is at {known[ip]}",
                    "Two groups can be on two nodes, and both would answer for it.",
                    "give it to one group, and let what needs it be in that group",
                )
            known.setdefault(ip, said.mark)


def _instances_once(group: GroupDraft, known: dict[str, Mark], report: Report) -> None:
    """Report two resources of one name where an agent tells its instances apart by it."""
    for said in group.resources:
        name = said.value.name
        if said.value.agent in (AgentKind.OCF, AgentKind.SYSTEMD, AgentKind.PYTHON):
            if name in known:
                report.error(
                    said.mark,
                    f"two resources are called {quote(name)}: the other is at {known[name]}",
                    "Its agent could not tell one from the other.",
                    'give one of them a name of its own: `id = "..."`',
                )
            known.setdefault(name, said.mark)


def _ranked(group: GroupDraft, nodes: tuple[NodeName, ...], report: Report) -> tuple[NodeName, ...]:
    """Return who may run the group, the preferred node first; report names that are no nodes."""
    named = [NodeName(lower(said.value)) for said in group.nodes]
    for said in [*group.nodes, *([group.preferred] if group.preferred else [])]:
        if nodes and lower(said.value) not in nodes:
            report.error(
                said.mark,
                f"{quote(said.value)} is not a node of this cluster",
                "A group must name the node it belongs on; Heartbeat says `Bad nodename`.",
                did_you_mean(said.value, nodes) or f"the nodes are {listed(nodes, 'and')}",
            )
            return nodes
    if not group.preferred:
        return tuple(dict.fromkeys(named)) or nodes
    preferred = NodeName(lower(group.preferred.value))
    if named and named[0] != preferred:
        report.error(
            group.preferred.mark,
            f"preferred is {quote(preferred)}, but nodes begins with {quote(named[0])}",
            hint="give only one of the two: the first in nodes is the preferred one",
        )
    return tuple(dict.fromkeys([preferred, *(named or nodes)]))
