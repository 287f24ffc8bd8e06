"""Read a `cluster.toml` that is the whole cluster; `additions` reads one beside ha.cf."""

import ipaddress
from dataclasses import replace

from twinbeat.core.model import (
    AddressSpec,
    AgentKind,
    Failback,
    LinkKind,
    LinkSpec,
    LogSpec,
    Proof,
    ResourceSpec,
)
from twinbeat.core.units import MS, SECOND, Duration, LinkName

from . import addresses
from .diagnostics import did_you_mean, listed, quote
from .draft import DEFAULT_PORT, Draft, GroupDraft, Said, add_link, add_node, interface_like, settle
from .hacf import FACILITIES
from .tables import Table
from .text import Word
from .times import toml_time

PRESETS = {
    "fast": (Duration(200 * MS), Duration(SECOND)),
    "normal": (Duration(SECOND), Duration(5 * SECOND)),
    "vm": (Duration(SECOND), Duration(8 * SECOND)),
    "wan": (Duration(2 * SECOND), Duration(15 * SECOND)),
}
"""keepalive and deadtime: a wired LAN; any LAN; virtual machines that are paused now and then;
sites apart. Shorter times than these are written out."""

_UNBUILT_PROOFS = ("fence", "arbiter")
_UNBUILT_AGENTS = ("systemd", "ocf")
_TIMES = ("keepalive", "deadtime", "warntime", "initdead", "deadping")
_TIMEOUTS = ("start_timeout", "stop_timeout", "monitor_timeout")
MAX_DEPTH = 1000
"""Of a monitor; the agents that know depths use 10 and 20."""


def read_cluster(root: Table) -> Draft:
    """Read a file that is the whole cluster."""
    draft = Draft(whole=root.mark())
    cluster = root.table("cluster")
    if cluster:
        _cluster(cluster, draft)
    timing = root.table("timing")
    if timing:
        _timing(timing, draft)
    for name, span in zip(_TIMES, PRESETS["normal"], strict=False):
        draft.times.setdefault(name, Said(span, draft.whole))
    draft.timing = settle(draft.times, draft.whole, root.report)
    for table in root.tables("link"):
        _link(table, draft)
    for table in root.tables("group"):
        _group(table, draft)
    log = root.table("log")
    if log:
        _log(log, draft)
    root.close()
    return draft


def _cluster(table: Table, draft: Draft) -> None:
    draft.name = table.text("name")
    for node in table.texts("nodes") or []:
        if node.value.split() == [node.value]:
            add_node(draft, Word(node.value, node.mark), table.report)
        else:
            table.error("nodes", f"{quote(node.value)} is no node's name")
    realtime, rtprio = table.flag("realtime"), table.whole("rtprio", 1, 99)
    draft.realtime = realtime.value if realtime else draft.realtime
    draft.rtprio = rtprio.value if rtprio else draft.rtprio
    read_proof(table, draft)
    table.close()


def read_proof(table: Table, draft: Draft) -> None:
    """Read `proof` into the draft."""
    said = table.text("proof")
    if said is None:
        return
    if said.value in _UNBUILT_PROOFS:
        table.error(
            "proof",
            f"the proof {quote(said.value)} is not built yet",
            'only `proof = "peer"` exists in this version',
        )
    elif said.value == Proof.PEER:
        draft.proof = Said(Proof.PEER, said.mark)
    else:
        table.error("proof", f"there is no proof {quote(said.value)}", 'write `proof = "peer"`')


def _timing(table: Table, draft: Draft) -> None:
    preset = table.choice("preset", tuple(PRESETS))
    if preset:
        for name, span in zip(_TIMES, PRESETS[preset.value], strict=False):
            draft.times[name] = Said(span, preset.mark)
    for name in _TIMES:
        said = table.span(name)
        if said:
            draft.times[name] = said
    table.close()


def _link(table: Table, draft: Draft) -> None:
    kind = table.choice("kind", tuple(LinkKind))
    interface = table.text("interface")
    address, port = table.text("address"), table.whole("port", 1, 65535)
    ttl, loop = table.whole("ttl", 0, 255), table.flag("loop")
    table.close()
    if not kind or not interface:
        for key in ("kind", "interface"):
            if key not in table:
                table.missing(key)
        return
    link = LinkSpec(
        name=LinkName(""),
        kind=LinkKind(kind.value),
        interface=interface.value,
        address=address.value if address else "",
        port=port.value if port else DEFAULT_PORT,
        ttl=ttl.value if ttl else 1,
        loop=loop.value if loop else False,
    )
    if not interface_like(link.interface):
        table.error("interface", f"no interface can be called {quote(link.interface)}")
    elif link.kind is LinkKind.BROADCAST and address:
        table.error("address", "a broadcast link takes no address: it is the interface's own")
    elif link.kind is not LinkKind.BROADCAST and not address:
        table.missing("address", "unicast: the peer's address; multicast: the group, 225.0.0.1")
    elif link.kind is LinkKind.MULTICAST and not _multicast(link.address):
        table.error("address", f"{quote(link.address)} is no multicast group, like 225.0.0.1")
    elif link.kind is LinkKind.UNICAST and link.address.split() != [link.address]:
        table.error("address", f"{quote(link.address)} is no address")
    else:
        add_link(draft, link, table.mark(), table.report)


def _multicast(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_multicast
    except ValueError:
        return False


def _log(table: Table, draft: Draft) -> None:
    logfile, debugfile = table.text("logfile"), table.text("debugfile")
    facility = table.choice("facility", sorted(FACILITIES))
    syslog_format = table.flag("syslog_format")
    table.close()
    draft.log = LogSpec(
        logfile=logfile.value if logfile else None,
        debugfile=debugfile.value if debugfile else None,
        facility=facility.value if facility else None,
        syslog_format=syslog_format.value if syslog_format else True,
    )


def _group(table: Table, draft: Draft) -> None:
    name, preferred = table.text("name"), table.text("preferred")
    nodes, failback = table.texts("nodes"), read_failback(table)
    resources = [(entry, _resource(entry)) for entry in table.tables("resource")]
    table.close()
    if not name:
        if "name" not in table:
            table.missing("name")
        return
    draft.groups.append(
        GroupDraft(
            name=name,
            preferred=preferred,
            nodes=nodes or [],
            resources=[Said(spec, entry.mark()) for entry, spec in resources if spec],
            failback=failback,
        )
    )


def read_failback(table: Table) -> Said[Failback] | None:
    """Read `failback`: off, on, or after a stable time."""
    said = table.text("failback")
    if said is None:
        return None
    if said.value in ("on", "off"):
        return Said(Failback(enabled=said.value == "on"), said.mark)
    word, _, rest = said.value.partition(" ")
    try:
        if word != "after":
            raise ValueError(f"{quote(said.value)} is none of them")
        return Said(Failback(enabled=True, after=toml_time(rest.strip())), said.mark)
    except ValueError as why:
        table.error("failback", f'failback is "off", "on" or "after 10m": {why}')
        return None


def _resource(table: Table) -> ResourceSpec | None:
    agent = table.text("agent")
    if agent is None:
        if "agent" not in table:
            table.missing("agent", f"one of {listed(AgentKind)}")
        return None
    if agent.value in _UNBUILT_AGENTS:
        table.error(
            "agent",
            f"the agent {quote(agent.value)} is not built yet",
            'an init script works: `agent = "lsb"`',
        )
        return None
    if agent.value not in tuple(AgentKind):
        table.error(
            "agent",
            f"agent is {listed(AgentKind)}, not {quote(agent.value)}",
            did_you_mean(agent.value, AgentKind),
        )
        return None
    kind = AgentKind(agent.value)
    spec = _virtual_ip(table) if kind is AgentKind.IP else _script(table, kind)
    spec = read_timeouts(table, spec) if spec else None
    table.close()
    return spec


def _virtual_ip(table: Table) -> ResourceSpec | None:
    address, name = table.text("address"), table.text("name")
    interface, label = table.text("interface"), table.text("label")
    broadcast, alias = table.text("broadcast"), table.flag("alias")
    if not address:
        if "address" not in table:
            table.missing("address", 'for example `address = "192.168.0.140/24"`')
        return None
    try:
        spec = _address(
            address.value,
            interface.value if interface else None,
            label.value if label else None,
            broadcast.value if broadcast else None,
            alias.value if alias else False,
        )
    except ValueError as why:
        table.error("address", str(why))
        return None
    return ResourceSpec(
        name=name.value if name else address.value, agent=AgentKind.IP, address=spec
    )


def _address(
    address: str, interface: str | None, label: str | None, broadcast: str | None, alias: bool
) -> AddressSpec:
    ip_text, slash, prefix_text = address.partition("/")
    ip = addresses.ipv6(ip_text) if ":" in ip_text else addresses.ipv4(ip_text)
    if isinstance(ip, ipaddress.IPv6Address):
        if label or broadcast or alias:
            raise ValueError("an IPv6 address has neither label nor alias nor broadcast")
        prefix = addresses.ipv6_prefix(prefix_text) if slash else None
    else:
        prefix = addresses.ipv4_prefix(prefix_text) if slash else None
    if label:
        interface = interface or label.partition(":")[0]
        addresses.label_of(label, interface)
        if alias:
            raise ValueError("alias = true asks for the first free label, and one is given")
    return AddressSpec(
        ip=ip,
        prefix=prefix,
        interface=addresses.interface_name(interface) if interface else None,
        broadcast=addresses.ipv4(broadcast, "broadcast address") if broadcast else None,
        label=label,
        alias=alias,
    )


def _script(table: Table, kind: AgentKind) -> ResourceSpec | None:
    name, args = table.text("name"), table.texts("args")
    if not name:
        if "name" not in table:
            table.missing("name", "the file name of the script")
        return None
    if "/" in name.value or name.value in (".", ".."):
        table.error(
            "name",
            f"{quote(name.value)} is no script's name: it is a file in resource.d or /etc/init.d, "
            "named without its path",
        )
        return None
    if args and kind is AgentKind.LSB:
        table.error("args", "an init script takes no arguments", '`agent = "script"` does')
        return None
    words = [name.value, *(arg.value for arg in args or [])]
    return ResourceSpec(name="::".join(words), agent=kind, script=name.value, args=tuple(words[1:]))


def read_timeouts(table: Table, spec: ResourceSpec) -> ResourceSpec:
    """Return the resource with the timeouts that its table names."""
    monitor, depth = table.span("monitor"), table.whole("depth", 0, MAX_DEPTH)
    said = {name: table.span(name) for name in _TIMEOUTS}
    for name, timeout in said.items():
        if timeout and timeout.value == 0:
            table.error(name, f"{name} is zero: no script ends in no time")
    start, stop, look = (timeout.value if timeout else None for timeout in said.values())
    return replace(
        spec,
        start_timeout=start or spec.start_timeout,
        stop_timeout=stop or spec.stop_timeout,
        monitor=monitor.value if monitor else spec.monitor,
        monitor_timeout=look or spec.monitor_timeout,
        depth=depth.value if depth else spec.depth,
    )
