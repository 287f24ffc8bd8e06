"""What follows from a configuration that is correct: the warnings that syntax does not show."""

from collections.abc import Callable

from twinbeat.core.exclusive import what_is_exclusive
from twinbeat.core.model import (
    AgentKind,
    ClusterModel,
    GroupSpec,
    LinkKind,
    Proof,
    ResourceSpec,
)
from twinbeat.core.units import SECOND, Duration, GroupName

from .diagnostics import Mark, Report, listed, quote
from .draft import Draft, GroupDraft
from .lines import carry
from .relations import company, meeting_nodes
from .text import lower
from .times import spoken

Resolves = Callable[[str, int], bool]
"""Whether a name has an address of a version of IP, 4 or 6; a numeric one always has."""

GOOD_BEATS = 5
"""Keepalives per deadtime: with five, two beats in a row may be lost and nothing goes dark."""
FEW_BEATS = 4
"""Below this not one lost beat is forgiven."""
_TOLD_AT_ONCE = (AgentKind.IP, AgentKind.SYSTEMD)
"""The kernel and systemd tell of a failure themselves: nobody has to look for it."""
_USUAL_MONITOR = Duration(10 * SECOND)
"""What most agents advise between two looks."""
_ADDRESS_AGENTS = frozenset({"IPaddr", "IPaddr2", "IPv6addr", "VIPArip"})
"""OCF agents that put an address on an interface, as the in-process agent does."""


def explain(
    model: ClusterModel, draft: Draft, report: Report, resolves: Resolves | None = None
) -> None:
    """Warn of everything that works, but not as one would hope.

    Names are looked up only by whoever has the time to wait for it, and so gives `resolves`.
    """
    _times(model, draft, report)
    _paths(model, draft, report)
    carry(model, draft, report)
    _nodes(model, draft, report)
    _pings(model, draft, report, resolves)
    if not model.groups:
        report.warning(
            draft.whole,
            "no group is configured",
            "The nodes watch each other, and nothing moves when one dies.",
        )
    for group, spec in zip(draft.groups, model.groups, strict=True):
        _group(group, model.proof, report)
        _window(group, spec, report)
        _company(group, spec, model, report)


def _times(model: ClusterModel, draft: Draft, report: Report) -> None:
    timing = model.timing
    beats = timing.deadtime / timing.keepalive
    text = f"{beats:.1f} keepalives fit into the deadtime; {GOOD_BEATS} or more are advised"
    if beats < FEW_BEATS:
        report.warning(
            _at(draft, "deadtime", "keepalive"),
            text,
            f"The lease is {spoken(timing.lease)}: one lost heartbeat can lapse it, and the "
            "owner's addresses fall silent until the next one is answered.",
            f"a keepalive of {_advised(model)} suits this deadtime",
        )
    elif beats < GOOD_BEATS:
        report.warning(
            _at(draft, "deadtime", "keepalive"),
            text,
            "On a link that loses heartbeats the owner's addresses fall silent now and then.",
            f"a keepalive of {_advised(model)} suits this deadtime",
        )
    if timing.warntime >= timing.deadtime:
        report.warning(
            _at(draft, "warntime"),
            f"warntime {spoken(timing.warntime)} is not below the deadtime "
            f"{spoken(timing.deadtime)}",
            "A peer is dead before it is called late: the early warning never comes.",
        )
    elif timing.warntime < timing.keepalive:
        report.warning(
            _at(draft, "warntime"),
            f"warntime {spoken(timing.warntime)} is below the keepalive {spoken(timing.keepalive)}",
            "Every heartbeat is called late.",
        )
    if timing.initdead < 2 * timing.deadtime and "initdead" in draft.times:
        report.warning(
            _at(draft, "initdead"),
            f"initdead {spoken(timing.initdead)} is less than twice the deadtime "
            f"{spoken(timing.deadtime)}",
            "A node whose network comes up slowly after a boot takes over from a peer that is "
            "alive.",
            f"at least {spoken(2 * timing.deadtime)}, or as long as a switch port takes",
        )


def _advised(model: ClusterModel) -> str:
    return spoken(model.timing.deadtime // GOOD_BEATS)


def _paths(model: ClusterModel, draft: Draft, report: Report) -> None:
    if len(model.nodes) < 2:
        return
    interfaces = {link.interface for link in model.links}
    if len(interfaces) == 1:
        report.warning(
            draft.links[0].mark,
            f"all heartbeats travel over {quote(model.links[0].interface)}",
            "When this one path is cut while both nodes live, each takes the other for dead and "
            "both own every group.",
            "add a link on a second interface, over another switch or a cable of its own",
        )
    addresses = {link.address for link in model.links}
    peers = len(model.nodes) - 1
    if all(link.kind is LinkKind.UNICAST for link in model.links) and len(addresses) < peers:
        report.warning(
            draft.links[-1].mark,
            f"{len(addresses)} unicast address for {peers} peers",
            "Some peer hears nothing from this node and will judge it dead.",
            "one unicast link for every peer",
        )
    for said in draft.links:
        if said.value.kind is LinkKind.MULTICAST and said.value.ttl == 0:
            report.warning(
                said.mark,
                f"the ttl of multicast group {said.value.address} is 0",
                "The heartbeats never leave this machine.",
                "a ttl of 1 reaches every node on the same network",
            )


def _nodes(model: ClusterModel, draft: Draft, report: Report) -> None:
    if len(model.nodes) == 1:
        report.warning(
            draft.nodes[0].mark,
            f"{quote(model.nodes[0])} is the only node",
            "Nothing can take over from it.",
        )
    if len(model.nodes) > 2 and model.proof is Proof.PEER:
        report.warning(
            draft.proof.mark if draft.proof else draft.nodes[2].mark,
            f"{len(model.nodes)} nodes and no proof of death beyond `peer`",
            "There is no majority rule: when the network parts the nodes, each part takes the "
            "groups of the other, and they have two owners.",
            "two links over separate switches make a partition unlikely",
        )


def _pings(model: ClusterModel, draft: Draft, report: Report, resolves: Resolves | None) -> None:
    decides = draft.connectivity
    if draft.pings and not decides:
        report.warning(
            draft.pings[0].mark,
            "there are ping nodes, but no `respawn` line starts ipfail",
            "They are watched and shown; as in Heartbeat, nothing moves when they stop answering.",
            "`respawn hacluster /usr/lib/heartbeat/ipfail` lets groups follow the network",
        )
    elif decides and decides.value and not draft.pings and "node" in draft.said:
        report.warning(
            decides.mark,
            "ipfail is started, but there is no ping node",
            "In Heartbeat, too, it had nothing to compare and moved nothing.",
        )
    members = {*model.nodes, *(link.address for link in model.links if link.address)}
    for said in draft.pings:
        for address in (said.value.name, *said.value.addresses):
            if lower(address) in members:
                report.warning(
                    said.mark,
                    f"the ping node {quote(address)} is a node of this cluster",
                    "It always answers itself, so it says nothing of the network outside; one "
                    "that is called like a node is not watched at all.",
                    "ping what the clients need: a router, or a machine beyond it",
                )
                break
        for address in said.value.addresses:
            if resolves is not None and not resolves(address, said.value.version):
                report.warning(
                    said.mark,
                    f"the name {quote(address)} of a ping node has no IPv{said.value.version} "
                    "address here",
                    "It counts as dead until it has one; it is looked up when the daemon starts.",
                    "write the address in figures",
                )
    beats = model.timing.deadping / model.timing.keepalive
    if model.pings and beats < FEW_BEATS:
        report.warning(
            _at(draft, "deadping", "deadtime"),
            f"{beats:.1f} keepalives fit into the deadping {spoken(model.timing.deadping)}",
            "A ping node is asked once in a keepalive: two lost answers make it look dead"
            + (", and groups move." if model.connectivity else "."),
            f"a deadping of {spoken(GOOD_BEATS * model.timing.keepalive)} or more",
        )


def _group(group: GroupDraft, proof: Proof, report: Report) -> None:
    risks = [(said, what_is_exclusive(said.value)) for said in group.resources]
    exclusive = [(said, what) for said, what in risks if what]
    if exclusive and proof is not Proof.FENCE:
        named = [f"{quote(said.value.name)} ({what})" for said, what in exclusive]
        report.warning(
            exclusive[0][0].mark,
            f"{' and '.join(named)} must never run on two nodes, and silence is no proof that it "
            "stopped",
            "The lease silences addresses, it unmounts nothing: after a false takeover two nodes "
            "write to the same data. `status` flags the group as unproven.",
            "only fencing proves it; until then keep at least two independent links",
        )
    _addresses(group, report)


def _addresses(group: GroupDraft, report: Report) -> None:
    unleased = [said for said in group.resources if _moves_an_address(said.value)]
    for said in unleased:
        report.warning(
            said.mark,
            f"{quote(said.value.name)} moves an address without a lease",
            "When its node's daemon hangs or is killed, the address goes on answering there: after "
            "a takeover two nodes do.",
            '`agent = "ip"` keeps the same address with a lease in the kernel',
        )
    if not unleased and not any(said.value.agent is AgentKind.IP for said in group.resources):
        report.warning(
            group.name.mark,
            f"the group {quote(group.name.value)} has no virtual IP",
            "When its node's daemon hangs or is killed, nothing silences what it runs: after a "
            "takeover it runs twice.",
        )


def _window(group: GroupDraft, spec: GroupSpec, report: Report) -> None:
    """Warn of a window in which a resource that is looked at cannot fail often enough."""
    recovery = spec.recovery
    looked_at = [each for each in spec.resources if each.agent not in _TOLD_AT_ONCE]
    intervals = {each.name: _USUAL_MONITOR if each.monitor is None else each.monitor
                 for each in looked_at}  # fmt: skip
    spans = [(each.fall * intervals[each.name], each.name) for each in looked_at]
    span, name = max(spans, default=(0, ""))
    needed = span * recovery.restarts
    if needed < recovery.window:
        return
    plural = "" if recovery.restarts == 1 else "s"
    report.warning(
        group.recovery.mark if group.recovery else group.name.mark,
        f"{recovery.restarts} restart{plural} of {quote(name)} do not fit into the window of "
        f"{spoken(recovery.window)}",
        f"Its failure is noticed after {spoken(span)}, so it never fails often enough within the "
        "window: it would be started again and again where it fails, and the group would not move.",
        f"a window of more than {spoken(needed)}, or a shorter `monitor`",
    )


def _company(group: GroupDraft, spec: GroupSpec, model: ClusterModel, report: Report) -> None:
    """Warn of nodes to which the groups of `with` may go, and this one not."""
    by_name = {each.name: each for each in model.groups}
    for said in group.beside:
        name = GroupName(said.value)
        others = company(by_name[name], model.groups)
        beyond = [node for node in meeting_nodes(others) if node not in spec.nodes]
        if beyond:
            report.warning(
                said.mark,
                f"{quote(name)} may run on {listed(beyond, 'and')}, and {quote(spec.name)} may not",
                f"It runs with {quote(name)} or not at all: when that is there, it runs nowhere.",
                "let both name the same nodes",
            )


def _moves_an_address(spec: ResourceSpec) -> bool:
    agent = spec.script.rpartition(":")[2]
    return spec.agent is AgentKind.OCF and agent in _ADDRESS_AGENTS


def _at(draft: Draft, *times: str) -> Mark:
    """Return where the first of these times is said, or the file."""
    return next((draft.times[name].mark for name in times if name in draft.times), draft.whole)
