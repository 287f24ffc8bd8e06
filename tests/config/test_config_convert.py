"""What `twinbeat convert` prints reads back as an equal cluster."""

import dataclasses
from ipaddress import IPv4Address, IPv6Address

import pytest
from config_files import errors, toml, trio
from hypothesis import given, settings
from hypothesis import strategies as st

from twinbeat.config import load, to_toml
from twinbeat.config.build import digest, named_links
from twinbeat.config.diagnostics import Mark, Report
from twinbeat.config.draft import Said, settle
from twinbeat.core.model import (
    AddressSpec,
    AgentKind,
    ClusterModel,
    Failback,
    GroupSpec,
    LinkKind,
    LinkSpec,
    LogSpec,
    PingSpec,
    Proof,
    ResourceSpec,
    RespawnSpec,
)
from twinbeat.core.units import MS, SECOND, Duration, GroupName, LinkName, NodeName

HA_CF = """\
cluster web
keepalive 250ms
deadtime 3
warntime 333ms
deadping 7
realtime off
rtprio 3
bcast eth0 eth1
udpport 700
ucast eth1 10.0.0.2
mcast eth1 225.0.0.1 694 0 1
ucast6 eth1 fe80::2
node Alice bob carol
logfile "/var/log/ha log"
debugfile /var/log/\\debug
logfacility local3
syslogmsgfmt no
"""
HARESOURCES = """\
bob IPaddr::10.0.0.5/24/eth0 Filesystem::/dev/sdb::/srv::ext4::noatime,"x" httpd
alice 10.0.0.6/24/eth0:1/10.0.0.255 IPaddr2::10.0.0.7 IPv6addr::fd00::1/64/eth0 MailTo::ö@b::☃
"""


def test_heartbeats_files_survive_the_conversion() -> None:
    first = load(trio(HA_CF, HARESOURCES))
    assert errors(first) == []
    assert first.model is not None
    text = to_toml(first.model)
    second = load(toml(text))
    assert errors(second) == []
    assert second.model == first.model
    assert second.model is not None
    assert to_toml(second.model) == text


def test_what_is_written_is_what_a_person_would_write() -> None:
    loaded = load(trio())
    assert loaded.model is not None
    assert (
        to_toml(loaded.model)
        == """\
# The keys stay in authkeys, beside this file.
[cluster]
nodes = ["node1", "node2"]
proof = "peer"

[timing]
keepalive = "1s"
deadtime = "5s"
warntime = "2500ms"
initdead = "12s"

[[link]]
kind = "broadcast"
interface = "eth1"

[[group]]
name = "192.168.0.140"
preferred = "node1"
failback = "on"

[[group.resource]]
agent = "ip"
address = "192.168.0.140"
alias = true

[[group.resource]]
agent = "script"
name = "httpd"
"""
    )


def test_additions_beside_ha_cf_survive_too() -> None:
    first = load(
        trio(
            cluster_toml='[[group]]\nname = "192.168.0.140"\nfailback = "after 90s"\n'
            '[[group.resource]]\nname = "httpd"\nstart_timeout = "1ms"\nmonitor = "0.5s"\n'
        )
    )
    assert first.model is not None
    assert load(toml(to_toml(first.model))).model == first.model


names = st.from_regex(r"[a-z][a-z0-9.-]{0,20}", fullmatch=True)
words = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=20).filter(
    str.isprintable
)
spans = st.integers(1, 3_600 * SECOND).map(Duration)
texts = st.text(st.characters(exclude_categories=["C"]), max_size=20)
parameters = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
PROGRAMS = {
    AgentKind.OCF: st.from_regex(r"[a-z]{1,9}:[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True),
    AgentKind.SYSTEMD: st.from_regex(r"[a-z][a-z0-9@_-]{0,20}\.(service|mount)", fullmatch=True),
    AgentKind.PYTHON: st.from_regex(r"[a-z][a-z0-9_.-]{0,20}", fullmatch=True),
}
scripts = words.filter(lambda w: "/" not in w and w not in (".", ".."))


@st.composite
def addresses(draw: st.DrawFn) -> AddressSpec:
    if draw(st.booleans()):
        return AddressSpec(
            ip=draw(st.ip_addresses(v=6).map(lambda ip: IPv6Address(int(ip)))),
            prefix=draw(st.none() | st.integers(0, 128)),
            interface=draw(st.none() | st.just("eth0")),
        )
    label = draw(st.none() | st.sampled_from(["eth0:0", "eth0:web"]))
    return AddressSpec(
        ip=draw(st.ip_addresses(v=4).map(lambda ip: IPv4Address(int(ip)))),
        prefix=draw(st.none() | st.integers(0, 32)),
        interface="eth0" if label else draw(st.none() | st.just("eth0")),
        broadcast=draw(st.none() | st.just(IPv4Address("10.0.0.255"))),
        label=label,
        alias=label is None and draw(st.booleans()),
    )


@st.composite
def resources(draw: st.DrawFn, address: AddressSpec) -> ResourceSpec:
    kind = draw(st.sampled_from(AgentKind))
    if kind is AgentKind.IP:
        spec = ResourceSpec(name=draw(words), agent=kind, address=address)
    else:
        script = draw(PROGRAMS.get(kind, scripts))
        args = tuple(draw(st.lists(words, max_size=3))) if kind is AgentKind.SCRIPT else ()
        name = "::".join((script, *args))
        spec = ResourceSpec(name=name, agent=kind, script=script, args=args)
    if kind in PROGRAMS:  # Their instances need names of their own, and ours are all drawn apart.
        mine = f"{draw(words)}-{address.ip}"
        spec = dataclasses.replace(spec, name=mine)
    if kind in (AgentKind.OCF, AgentKind.PYTHON):
        values = draw(st.dictionaries(parameters, texts, max_size=3))
        spec = dataclasses.replace(spec, parameters=tuple(values.items()))
    return dataclasses.replace(
        spec,
        start_timeout=draw(st.none() | spans),
        stop_timeout=draw(st.none() | spans),
        monitor=draw(spans),
        monitor_timeout=draw(st.none() | spans),
        depth=draw(st.integers(0, 20)),
    )


@st.composite
def links(draw: st.DrawFn) -> LinkSpec:
    by_kind = {
        LinkKind.BROADCAST: st.just(""),
        LinkKind.MULTICAST: st.sampled_from(["225.0.0.1", "ff02::1"]),
        LinkKind.UNICAST: st.sampled_from(["10.0.0.1", "node2", "fe80::1"]),
    }
    kind = draw(st.sampled_from(list(by_kind)))
    return LinkSpec(
        name=LinkName(""),
        kind=kind,
        interface=draw(st.sampled_from(["eth0", "eth1"])),
        address=draw(by_kind[kind]),
        port=draw(st.integers(1, 65535)),
        ttl=draw(st.integers(0, 255)),
        loop=draw(st.booleans()),
    )


@st.composite
def ping_specs(draw: st.DrawFn) -> PingSpec:
    """Return an address, or a group, which may be of one address."""
    hosts = st.sampled_from(["10.0.0.1", "fe80::1%eth0", "router", "gw.example.com"])
    version = draw(st.sampled_from([4, 6]))
    if draw(st.booleans()):
        host = draw(hosts)
        return PingSpec(name=NodeName(host), addresses=(host,), version=version)
    members = tuple(draw(st.lists(hosts, min_size=1, max_size=3)))
    return PingSpec(name=NodeName(f"group-{draw(names)}"), addresses=members, version=version)


@st.composite
def models(draw: st.DrawFn) -> ClusterModel:
    nodes = tuple(map(NodeName, draw(st.lists(names, min_size=1, max_size=4, unique=True))))
    keepalive = draw(st.integers(1, 10 * SECOND))
    times = {"keepalive": keepalive, "deadtime": keepalive * 3 + draw(st.integers(0, SECOND))}
    times["initdead"] = times["deadtime"] + 60 * MS
    times["warntime"] = draw(st.integers(0, SECOND))
    mark = Mark("x")
    timing = settle({k: Said(Duration(v), mark) for k, v in times.items()}, mark, Report())
    assert timing is not None
    pool = draw(st.lists(addresses(), min_size=6, max_size=6, unique_by=lambda a: str(a.ip)))
    groups = [
        GroupSpec(
            name=GroupName(name),
            nodes=tuple(draw(st.permutations(nodes))[: draw(st.integers(1, len(nodes)))]),
            resources=tuple(draw(resources(pool.pop())) for _ in range(draw(st.integers(1, 2)))),
            failback=draw(
                st.just(Failback())
                | st.builds(Failback, enabled=st.just(True), after=spans | st.just(Duration(0)))
            ),
        )
        for name in draw(st.lists(words, max_size=3, unique=True))
    ]
    pings = tuple(draw(st.lists(ping_specs(), max_size=3, unique_by=lambda ping: ping.name)))
    pings = tuple(ping for ping in pings if ping.name not in nodes)
    connectivity = bool(pings) and draw(st.booleans())
    log = draw(
        st.builds(
            LogSpec,
            logfile=st.none() | words,
            debugfile=st.none() | words,
            facility=st.sampled_from([None, "daemon", "local7"]),
            syslog_format=st.booleans(),
        )
    )
    return ClusterModel(
        name=draw(words),
        nodes=nodes,
        timing=timing,
        links=named_links(draw(st.lists(links(), min_size=1, max_size=4, unique=True))),
        groups=tuple(groups),
        log=log,
        realtime=draw(st.booleans()),
        rtprio=draw(st.integers(1, 99)),
        respawn=tuple(
            RespawnSpec(user=draw(words), command=f"/bin/{command}")
            for command in draw(st.lists(words, max_size=2, unique=True))
        ),
        variables=tuple((name, draw(words)) for name in draw(st.lists(names, unique=True))),
        pings=pings,
        connectivity=connectivity,
        digest=digest(nodes, timing, groups, Proof.PEER, pings if connectivity else ()),
    )


@settings(max_examples=50)
@given(models())
def test_any_model_survives(model: ClusterModel) -> None:
    loaded = load(toml(to_toml(model)))
    assert errors(loaded) == []
    assert loaded.model == model


def test_no_secret_is_in_a_model() -> None:
    loaded = load(trio(authkeys="auth 1\n1 sha1 HUSHHUSHHUSHHUSH\n"))
    assert loaded.model is not None
    assert "HUSH" not in to_toml(loaded.model)
    assert "HUSH" not in repr(dataclasses.asdict(loaded.model))


@pytest.mark.parametrize("link_count", [1, 5, 64])
def test_link_names_are_unique_whatever_the_links(link_count: int) -> None:
    same = [
        LinkSpec(name=LinkName(""), kind=LinkKind.UNICAST, interface="eth0", address="a", ttl=ttl)
        for ttl in range(link_count)
    ]
    assert len({link.name for link in named_links(same)}) == link_count
