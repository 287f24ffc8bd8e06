"""Read a `cluster.toml` that is the whole cluster; `additions` reads one beside ha.cf."""

import ipaddress

from twinbeat.core.model import (
    LinkKind,
    LinkSpec,
    LogSpec,
    PingSpec,
    Proof,
)
from twinbeat.core.units import MS, SECOND, Duration, LinkName, NodeName

from .diagnostics import quote
from .draft import (
    DEFAULT_PORT,
    Draft,
    GroupDraft,
    Said,
    add_link,
    add_node,
    add_ping,
    interface_like,
    settle,
)
from .hacf import FACILITIES
from .hooks import read_hooks
from .lines import read_serial
from .policy import read_policy
from .programs import read_programs, read_variables
from .resources import read_resource
from .tables import Table
from .text import Word

PRESETS = {
    "fast": (Duration(200 * MS), Duration(SECOND)),
    "normal": (Duration(SECOND), Duration(5 * SECOND)),
    "vm": (Duration(SECOND), Duration(8 * SECOND)),
    "wan": (Duration(2 * SECOND), Duration(15 * SECOND)),
}
"""keepalive and deadtime: a wired LAN; any LAN; virtual machines that are paused now and then;
sites apart. Shorter times than these are written out."""

_UNBUILT_PROOFS = ("fence", "arbiter")
_TIMES = ("keepalive", "deadtime", "warntime", "initdead", "deadping")


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
    for table in root.tables("ping"):
        _ping(table, draft)
    for table in root.tables("group"):
        _group(table, draft)
    log = root.table("log")
    if log:
        _log(log, draft)
    read_programs(root, draft)
    read_hooks(root, draft)
    read_variables(root, draft)
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
    legacy = table.flag("legacy")
    draft.legacy = legacy.value if legacy else False
    read_proof(table, draft)
    connectivity = table.choice("connectivity", ("follow", "ignore"))
    follow = connectivity is None or connectivity.value == "follow"
    draft.connectivity = Said(follow, connectivity.mark if connectivity else table.mark())
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
    if kind and kind.value == LinkKind.SERIAL:
        read_serial(table, draft)
        return
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


def _ping(table: Table, draft: Draft) -> None:
    address, group = table.text("address"), table.text("group")
    addresses, version = table.texts("addresses"), table.whole("version", 4, 6)
    table.close()
    if version and version.value == 5:
        table.error("version", "the version of IP is 4 or 6")
    elif address and (group or addresses is not None):
        table.error("address", "a ping node is one address, or a group with its addresses")
    elif address:
        _add_ping(table, draft, address.value, (address.value,), version)
    elif group and addresses:
        members = tuple(member.value for member in addresses)
        _add_ping(table, draft, group.value, members, version)
    elif group and "addresses" not in table:
        table.missing("addresses", 'for example `addresses = ["192.168.0.1", "192.168.0.2"]`')
    elif group and addresses is not None:
        table.error("addresses", "a group of no addresses can never answer")
    elif "address" not in table and "group" not in table:
        table.missing("address", 'for example `address = "192.168.0.1"`')


def _add_ping(
    table: Table, draft: Draft, name: str, members: tuple[str, ...], version: Said[int] | None
) -> None:
    wrong = next((text for text in (name, *members) if text.split() != [text]), None)
    if wrong is not None:
        table.error("address", f"{quote(wrong)} is neither an address nor a name")
        return
    ping = PingSpec(name=NodeName(name), addresses=members, version=version.value if version else 4)
    add_ping(draft, ping, table.mark(), table.report)


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
    name, preferred, nodes = table.text("name"), table.text("preferred"), table.texts("nodes")
    group = GroupDraft(name=name or Said("", table.mark()), preferred=preferred, nodes=nodes or [])
    read_policy(table, group)
    resources = [read_resource(entry) for entry in table.tables("resource")]
    group.resources = [said for said in resources if said]
    table.close()
    if name:
        draft.groups.append(group)
    elif "name" not in table:
        table.missing("name")
