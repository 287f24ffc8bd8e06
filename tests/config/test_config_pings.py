"""Ping nodes and ipfail in both spellings, and what `check` says of them."""

import pytest
from config_files import HA_CF, errors, toml, trio, warnings, with_ha_cf

from twinbeat.config import load, to_toml
from twinbeat.core.model import ClusterModel, PingSpec
from twinbeat.core.units import SECOND, NodeName

IPFAIL = "respawn hacluster /usr/lib/heartbeat/ipfail\n"
TOML = """\
[cluster]
nodes = ["node1", "node2"]
{more}
[[link]]
kind = "broadcast"
interface = "eth1"
{pings}
"""


def model_of(extra: str) -> ClusterModel:
    loaded = with_ha_cf(extra)
    assert errors(loaded) == []
    assert loaded.model is not None
    return loaded.model


def ping(name: str, *addresses: str, version: int = 4) -> PingSpec:
    return PingSpec(name=NodeName(name), addresses=addresses or (name,), version=version)


def test_the_three_directives() -> None:
    model = model_of(
        "ping 10.0.0.1 router\nping6 fe80::1\nping_group out 10.0.0.2 10.0.0.3\ndeadping 10\n"
    )
    assert model.pings == (
        ping("10.0.0.1"),
        ping("router"),
        ping("fe80::1", version=6),
        ping("out", "10.0.0.2", "10.0.0.3"),
    )
    assert [each.group for each in model.pings] == [False, False, False, True]
    assert model.timing.deadping == 10 * SECOND
    assert not model.connectivity


@pytest.mark.parametrize(
    "where", ["/usr/lib/heartbeat/ipfail", "/usr/lib64/heartbeat/ipfail",
              "/usr/libexec/heartbeat/ipfail"],
)  # fmt: skip
def test_ipfail_lets_them_decide(where: str) -> None:
    loaded = with_ha_cf(f"ping 10.0.0.1\nrespawn hacluster {where}\n")
    assert loaded.model is not None
    assert loaded.model.connectivity
    assert warnings(loaded, 7) == warnings(loaded, 8) == []


def test_another_program_beside_ipfail_is_one_still() -> None:
    model = model_of(IPFAIL + "respawn root /usr/lib/heartbeat/dopd\nping 10.0.0.1\n")
    assert [spec.command for spec in model.respawn] == ["/usr/lib/heartbeat/dopd"]
    assert model.connectivity


def test_what_decides_is_shared_by_all_nodes() -> None:
    plain, shown = model_of(""), model_of("ping 10.0.0.1\n")
    decides = model_of("ping 10.0.0.1\n" + IPFAIL)
    other = model_of("ping 10.0.0.2\n" + IPFAIL)
    assert plain.digest == shown.digest
    assert len({plain.digest, decides.digest, other.digest}) == 3


@pytest.mark.parametrize(
    ("extra", "warning"),
    [
        ("ping 10.0.0.1\n", "ha.cf:7:6 there are ping nodes, but no `respawn` line starts ipfail"),
        (IPFAIL, "ha.cf:7:1 ipfail is started, but there is no ping node"),
        ("ping node2\n", "ha.cf:7:6 the ping node `node2` is a node of this cluster"),
        ("ping_group out 10.0.0.1 node1\n", "ha.cf:7:12 the ping node `node1` is a node of this"
         " cluster"),
        ("ucast eth1 10.0.0.9\nping 10.0.0.9\n", "ha.cf:8:6 the ping node `10.0.0.9` is a node of"
         " this cluster"),
        ("ping 10.0.0.1 10.0.0.1\n", "ha.cf:7:15 the ping node `10.0.0.1` is named twice; once is"
         " enough"),
        ("ping 10.0.0.1\ndeadping 3\n", "ha.cf:8:10 3.0 keepalives fit into the deadping 3 s"),
    ],
)  # fmt: skip
def test_what_follows(extra: str, warning: str) -> None:
    loaded = with_ha_cf(extra)
    assert errors(loaded) == []
    assert warning in warnings(loaded)


def test_a_ping_node_that_is_called_like_a_node_is_not_watched() -> None:
    assert model_of("ping Node2\n" + IPFAIL).pings == ()


def test_names_are_looked_up_only_on_request() -> None:
    asked: list[tuple[str, int]] = []

    def resolves(name: str, version: int) -> bool:
        asked.append((name, version))
        return name != "nowhere"

    sources = trio(HA_CF + "ping router nowhere\nping6 six\n")
    assert not any("has no IPv" in text for text in warnings(load(sources)))
    found = warnings(load(sources, resolves=resolves))
    assert "ha.cf:7:13 the name `nowhere` of a ping node has no IPv4 address here" in found
    assert asked == [("router", 4), ("nowhere", 4), ("six", 6)]


def test_limits() -> None:
    pings = " ".join(f"10.0.0.{number}" for number in range(1, 66))
    assert errors(with_ha_cf(f"ping {pings}\n"))[0].endswith("more than 64 ping nodes")
    assert "`ping_group` needs a name and an address" in errors(with_ha_cf("ping_group x\n"))[0]
    assert "can be no ping node" in errors(with_ha_cf(f"ping {'x' * 101}\n"))[0]


def test_cluster_toml_says_the_same() -> None:
    pings = """
[[ping]]
address = "10.0.0.1"
[[ping]]
address = "six"
version = 6
[[ping]]
group = "out"
addresses = ["10.0.0.2", "10.0.0.3"]
"""
    model = load(toml(TOML.format(more="", pings=pings))).model
    assert model is not None
    assert model.connectivity
    expected = (ping("10.0.0.1"), ping("six", version=6), ping("out", "10.0.0.2", "10.0.0.3"))
    assert model.pings == expected
    ignored = load(toml(TOML.format(more='connectivity = "ignore"', pings=pings))).model
    assert ignored is not None
    assert ignored.pings == expected
    assert not ignored.connectivity
    assert load(toml(to_toml(model))).model == model
    assert load(toml(to_toml(ignored))).model == ignored


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        ('version = 4', "address"),
        ('address = "10.0.0.1"\ngroup = "out"', "one address, or a group"),
        ('group = "out"', "addresses"),
        ('group = "out"\naddresses = []', "can never answer"),
        ('address = "10.0.0.1"\nversion = 5', "the version of IP is 4 or 6"),
        ('address = "two words"', "`two words` is neither an address nor a name"),
    ],
)  # fmt: skip
def test_a_wrong_table_is_refused(lines: str, error: str) -> None:
    found = errors(load(toml(TOML.format(more="", pings=f"[[ping]]\n{lines}"))))
    assert len(found) == 1
    assert error in found[0]


def test_beside_ha_cf_they_are_refused_in_cluster_toml() -> None:
    text = '[cluster]\nconnectivity = "ignore"\n[[ping]]\naddress = "10.0.0.1"\n'
    found = errors(load(trio(HA_CF + "ping 10.0.0.2\n", cluster_toml=text)))
    assert "cluster.toml:3:1 `ping` is said here and at ha.cf:7:1" in found
    assert any("belongs into ha.cf" in text and "`respawn`" in text for text in found)
