"""cluster.toml: alone it is the whole cluster, beside ha.cf only what Heartbeat cannot say."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from config_files import errors, toml, trio, warnings

from twinbeat.config import PRESETS, load
from twinbeat.config.tables import locate
from twinbeat.core.model import (
    AddressSpec,
    AgentKind,
    ClusterModel,
    Failback,
    LinkKind,
    LinkSpec,
    LogSpec,
    ResourceSpec,
)
from twinbeat.core.units import MS, SECOND, Duration, LinkName

WHOLE = """\
[cluster]
name = "web"
nodes = ["Node1.example.com", "node2.example.com"]
proof = "peer"

[timing]
keepalive = "200ms"
deadtime = "1s"

[[link]]
kind = "broadcast"
interface = "eth1"

[[link]]
kind = "unicast"
interface = "eth0"
address = "192.168.0.45"
port = 695

[[group]]
name = "web"
preferred = "node2.example.com"
failback = "after 10m"

[[group.resource]]
agent = "ip"
address = "192.168.0.140/24"
label = "eth0:0"

[[group.resource]]
agent = "lsb"
name = "nginx"
monitor = "5s"

[[group.resource]]
agent = "script"
name = "MailTo"
args = ["a@b.c", "moved"]
stop_timeout = "1.5s"

[log]
facility = "local0"
"""


def model_of(text: str) -> ClusterModel:
    loaded = load(toml(text))
    assert errors(loaded) == []
    assert loaded.model is not None
    return loaded.model


def test_the_whole_cluster() -> None:
    model = model_of(WHOLE)
    assert model.name == "web"
    assert model.nodes == ("node1.example.com", "node2.example.com")
    assert model.timing.keepalive == 200 * MS
    assert model.timing.warntime == 500 * MS
    assert model.timing.initdead == 12 * SECOND
    assert model.links == (
        LinkSpec(name=LinkName("eth1"), kind=LinkKind.BROADCAST, interface="eth1"),
        LinkSpec(
            name=LinkName("eth0"),
            kind=LinkKind.UNICAST,
            interface="eth0",
            address="192.168.0.45",
            port=695,
        ),
    )
    (group,) = model.groups
    assert group.nodes == ("node2.example.com", "node1.example.com")
    assert group.failback == Failback(enabled=True, after=Duration(600 * SECOND))
    assert group.resources == (
        ResourceSpec(
            name="192.168.0.140/24",
            agent=AgentKind.IP,
            address=AddressSpec(
                ip=IPv4Address("192.168.0.140"), prefix=24, interface="eth0", label="eth0:0"
            ),
        ),
        ResourceSpec(
            name="nginx", agent=AgentKind.LSB, script="nginx", monitor=Duration(5 * SECOND)
        ),
        ResourceSpec(
            name="MailTo::a@b.c::moved",
            agent=AgentKind.SCRIPT,
            script="MailTo",
            args=("a@b.c", "moved"),
            stop_timeout=Duration(1500 * MS),
        ),
    )
    assert model.log == LogSpec(facility="local0")


def test_the_same_cluster_in_both_spellings_has_one_digest() -> None:
    ours = load(trio("node a b\nkeepalive 1\ndeadtime 5\nbcast eth0\nauto_failback off\n", "a x\n"))
    theirs = load(
        toml(
            '[cluster]\nnodes = ["a", "b"]\n[timing]\nkeepalive = "1s"\ndeadtime = "5s"\n'
            '[[link]]\nkind = "broadcast"\ninterface = "eth9"\n'
            '[[group]]\nname = "x"\npreferred = "a"\nfailback = "off"\n'
            '[[group.resource]]\nagent = "script"\nname = "x"\n'
        )
    )
    assert ours.model is not None
    assert theirs.model is not None
    assert ours.model.groups == theirs.model.groups
    assert len(ours.model.digest) == 12
    assert ours.model.digest == theirs.model.digest


@pytest.mark.parametrize(
    "change",
    [("Node1", "Node3"), ("1s", "2s"), ("after 10m", "on"), ('"nginx"', '"apache"')],
)
def test_what_nodes_must_share_changes_the_digest(change: tuple[str, str]) -> None:
    assert model_of(WHOLE).digest != model_of(WHOLE.replace(*change)).digest


@pytest.mark.parametrize("change", [("0.45", "0.43"), ("local0", "local1"), ('"eth1"', '"eth2"')])
def test_what_differs_from_node_to_node_does_not(change: tuple[str, str]) -> None:
    assert model_of(WHOLE).digest == model_of(WHOLE.replace(*change)).digest


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_hold_what_they_promise(preset: str) -> None:
    text = WHOLE.replace('keepalive = "200ms"\ndeadtime = "1s"', f'preset = "{preset}"')
    loaded = load(toml(text))
    assert loaded.model is not None
    timing = loaded.model.timing
    assert (timing.keepalive, timing.deadtime) == PRESETS[preset]
    assert not any("keepalives fit" in text or "initdead" in text for text in warnings(loaded))


def test_a_time_beside_a_preset_counts() -> None:
    timing = model_of(WHOLE.replace('deadtime = "1s"', 'preset = "wan"')).timing
    assert (timing.keepalive, timing.deadtime) == (200 * MS, 15 * SECOND)


def test_without_times_the_normal_ones_hold() -> None:
    text = WHOLE.replace('[timing]\nkeepalive = "200ms"\ndeadtime = "1s"\n', "")
    preset = WHOLE.replace('keepalive = "200ms"\ndeadtime = "1s"', 'preset = "normal"')
    assert model_of(text).timing == model_of(preset).timing


def test_an_ipv6_address_and_a_list_of_nodes() -> None:
    model = model_of(
        WHOLE.replace('"192.168.0.140/24"\nlabel = "eth0:0"', '"fd00::5/64"').replace(
            'preferred = "node2.example.com"', 'nodes = ["node2.example.com"]'
        )
    )
    assert model.groups[0].nodes == ("node2.example.com",)
    assert model.groups[0].resources[0].address == AddressSpec(ip=IPv6Address("fd00::5"), prefix=64)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (('"peer"', '"fence"'), "4:1 the proof `fence` is not built yet"),
        (('"peer"', '"luck"'), "4:1 there is no proof `luck`"),
        (('"200ms"', '"200"'), '7:1 keepalive: `200` is not a time; write "200ms", "1s" or'),
        (('"200ms"', "200"), "7:1 keepalive must be a string in quotes, not `200`"),
        (('"200ms"', '"200 days"'), "7:1 keepalive: `200 days` is not a time"),
        (('"200ms"', '"9999h"'), "7:1 keepalive: `9999h` is longer than a week"),
        (("[timing]", "[timings]"), "6:1 there is no `timings` here"),
        (("deadtime", "dead_time"), "8:1 there is no `dead_time` here"),
        (
            ('"broadcast"', '"bcast"'),
            "11:1 kind is `broadcast`, `multicast`, `unicast` or `serial`, not",
        ),
        (('"unicast"', '"multicast"'), "17:1 `192.168.0.45` is no multicast group"),
        (('address = "192.168.0.45"\n', ""), "14:1 address is missing here"),
        (('"eth0"\n', '"eth0/1"\n'), "16:1 no interface can be called `eth0/1`"),
        (("695", "0"), "18:1 port must be a number from 1 to 65535, not `0`"),
        (("695", "true"), "18:1 port must be a number from 1 to 65535"),
        (('"node2.example.com"\nf', '"node3"\nf'), "22:1 `node3` is not a node of this cluster"),
        (('"after 10m"', '"after lunch"'), '23:1 failback is "off", "on" or "after 10m":'),
        (('"after 10m"', '"perhaps"'), '23:1 failback is "off", "on" or "after 10m":'),
        (('"ip"', '"ocf"'), "25:1 name is missing here"),
        (('"ip"', '"vip"'), "26:1 agent is `ip`, `script`, `lsb`, `ocf`, `systemd` or `python`, "),
        (("0.140/24", "0.340/24"), "27:1 `192.168.0.340` is not an IPv4 address"),
        (("0.140/24", "0.140/99"), "27:1 `99` is not a netmask"),
        (("eth0:0", "eth0:a-long-label"), "27:1 the label `eth0:a-long-label` is longer than"),
        (('agent = "lsb"\n', ""), "30:1 agent is missing here"),
        (('"nginx"', '"/bin/nginx"'), "32:1 `/bin/nginx` is no script's name"),
        (('"nginx"\n', '"nginx"\nargs = ["x"]\n'), "33:1 an init script takes no arguments"),
        (('"moved"]', "7]"), "38:1 args must be an array of strings"),
        (('"1.5s"', '"0s"'), "39:1 stop_timeout is zero: no script ends in no time"),
        (('"local0"', '"local10"'), "42:1 facility is"),
        (("[log]", "[log"), "41:5 this is not TOML:"),
        (("[log]", "[[log]]"), "41:1 log must be a table: [log]"),
        (('name = "web"\npref', 'name = "we\\tb"\npref'), "21:1 name must be some readable text"),
    ],
)
def test_what_is_refused(change: tuple[str, str], found: str) -> None:
    assert change[0] in WHOLE
    loaded = load(toml(WHOLE.replace(*change)))
    assert any(text.startswith(f"cluster.toml:{found}") for text in errors(loaded)), errors(loaded)
    assert loaded.model is None


def test_a_group_of_one_name_or_none_of_its_own() -> None:
    second = '[[group]]\nname = "web"\n[[group.resource]]\nagent = "lsb"\nname = "x"\n'
    assert errors(load(toml(WHOLE + second))) == [
        "cluster.toml:44:1 two groups are called `web`: the other is at cluster.toml:21:1"
    ]
    nothing = WHOLE + '[[group]]\nname = "x"\n'
    assert errors(load(toml(nothing))) == ["cluster.toml:44:1 the group `x` has no resources"]


@pytest.mark.parametrize(
    "text",
    ["[" * 3000, "a = " + "9" * 5000, "a = 0x" + "f" * 5000, "\x00", "a = 1\na = 2", "= 1"],
)
def test_what_is_no_toml_at_all(text: str) -> None:
    loaded = load(toml(text))
    assert loaded.model is None
    assert loaded.diagnostics[0].file == "cluster.toml"


def test_keys_are_found_where_they_stand() -> None:
    text = (
        'a = 1\n[b]\n  "c d" = """\n[x]\ny = 1\n"""\ne.f = [\n  "g = 1",\n]\n'
        "[[h]]\ni = 1\n[[h.j]]\nk = { l = 1 }\n[[h]]\ni = 2\n[[h.j]]\n"
    )
    assert locate(text) == {
        ("a",): (1, 1),
        ("b",): (2, 1),
        ("b", "c d"): (3, 3),
        ("b", "e"): (7, 1),
        ("b", "e", "f"): (7, 1),
        ("h",): (10, 1),
        ("h", 0): (10, 1),
        ("h", 0, "i"): (11, 1),
        ("h", 0, "j"): (12, 1),
        ("h", 0, "j", 0): (12, 1),
        ("h", 0, "j", 0, "k"): (13, 1),
        ("h", 1): (14, 1),
        ("h", 1, "i"): (15, 1),
        ("h", 1, "j"): (16, 1),
        ("h", 1, "j", 0): (16, 1),
    }


def test_beside_ha_cf_it_adds_what_heartbeat_cannot_say() -> None:
    loaded = load(
        trio(
            cluster_toml='[cluster]\nproof = "peer"\n[[group]]\nname = "192.168.0.140"\n'
            'failback = "after 1h"\n[[group.resource]]\nname = "httpd"\n'
            'start_timeout = "5m"\nmonitor = "10s"\n'
        )
    )
    assert errors(loaded) == []
    assert loaded.model is not None
    (group,) = loaded.model.groups
    assert group.failback == Failback(enabled=True, after=Duration(3600 * SECOND))
    assert group.resources[1].start_timeout == 300 * SECOND
    assert group.resources[1].stop_timeout is None
    assert group.resources[1].monitor == 10 * SECOND


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('[cluster]\nnodes = ["a"]\n', "2:1 `cluster.nodes` is said here and at ha.cf:6:1"),
        ('[timing]\nkeepalive = "1s"\n', "2:1 `timing.keepalive` is said here and at ha.cf:1:1"),
        ('[timing]\npreset = "fast"\n', "2:1 `timing.preset` is said here and at ha.cf:1:1"),
        ('[[link]]\nkind = "x"\n', "1:1 `link` is said here and at ha.cf:5:1"),
        ('[cluster]\nname = "x"\n', "2:1 `cluster.name` belongs into ha.cf, which says it with"),
        ('[log]\nlogfile = "x"\n', "2:1 `log.logfile` belongs into ha.cf, which says it with"),
        ('[[group]]\nname = "web"\n', "2:1 haresources has no group `web`"),
        (
            '[[group]]\nname = "192.168.0.140"\npreferred = "node1"\n',
            "3:1 `preferred` is said here and at haresources:1:1",
        ),
        (
            '[[group]]\nname = "192.168.0.140"\n[[group.resource]]\nname = "http"\n',
            "4:1 the group `192.168.0.140` has no resource `http`",
        ),
        (
            '[[group]]\nname = "192.168.0.140"\n[[group.resource]]\nname = "httpd"\nargs = []\n',
            "5:1 `args` is said here and at haresources:1:21",
        ),
        ("[fencing]\n", "1:1 there is no `fencing` here"),
    ],
)
def test_saying_a_thing_in_both_names_both_places(text: str, found: str) -> None:
    loaded = load(trio(cluster_toml=text))
    assert any(error.startswith(f"cluster.toml:{found}") for error in errors(loaded)), errors(
        loaded
    )
