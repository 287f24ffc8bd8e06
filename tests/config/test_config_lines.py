"""Serial lines: how they are spelt, and which of them are too slow."""

import pytest
from config_files import HA_CF, errors, toml, trio, warnings, with_ha_cf

from twinbeat.config import load, to_toml
from twinbeat.config.lines import beat_bytes
from twinbeat.core.beat import Ack, Beat, Custody, GroupView, Life, Pin, Switch
from twinbeat.core.model import ClusterModel, Key, Keyring, LinkKind, LinkSpec
from twinbeat.core.units import Duration, LinkName, NodeName
from twinbeat.wire import codec, heartbeat

TOML = """
[cluster]
nodes = ["node1", "node2"]
[[link]]
kind = "serial"
device = "/dev/ttyS0"
baud = 115200
[[group]]
name = "web"
[[group.resource]]
agent = "ip"
address = "192.168.0.140/24"
"""


def links(ha_cf: str) -> list[tuple[LinkKind, str, int]]:
    model = with_ha_cf(ha_cf).model
    assert model is not None
    return [(link.kind, link.name, link.baud) for link in model.links]


def test_serial_takes_several_devices_at_the_speed_said_above_them() -> None:
    assert links("serial /dev/ttyS0\n")[1:] == [(LinkKind.SERIAL, "/dev/ttyS0", 19200)]
    assert links("baud 38400\nserial /dev/ttyS0 /dev/ttyS1\n")[1:] == [
        (LinkKind.SERIAL, "/dev/ttyS0", 38400),
        (LinkKind.SERIAL, "/dev/ttyS1", 38400),
    ]


def test_a_speed_said_too_late_is_mentioned() -> None:
    loaded = with_ha_cf("serial /dev/ttyS0\nbaud 38400\n")
    assert warnings(loaded, 8) == ["ha.cf:8:6 baud 38400 stands after `/dev/ttyS0`"]
    assert loaded.model is not None
    assert loaded.model.links[1].baud == 19200


def test_what_heartbeat_refuses_of_a_serial_line() -> None:
    assert errors(with_ha_cf("serial ttyS0\n")) == [
        "ha.cf:7:8 serial: `ttyS0` is not the full path of a device, like /dev/ttyS0"
    ]


def test_a_serial_line_is_a_second_path() -> None:
    assert "all heartbeats travel over `eth1`" in str(warnings(load(trio())))
    assert "all heartbeats travel over" not in str(warnings(with_ha_cf("serial /dev/ttyS0\n")))


def test_a_serial_line_in_toml_and_back() -> None:
    loaded = load(toml(TOML))
    assert loaded.model is not None
    assert loaded.model.links == (
        LinkSpec(
            name=LinkName("/dev/ttyS0"), kind=LinkKind.SERIAL, interface="/dev/ttyS0", baud=115200
        ),
    )
    assert load(toml(to_toml(loaded.model))).model == loaded.model


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (('device = "/dev/ttyS0"\n', ""), "4:1 device is missing here"),
        (('"/dev/ttyS0"', '"ttyS0"'), "6:1 `ttyS0` is not the full path of a device"),
        (("115200", "115201"), "7:1 baud is `9600`"),
        (("baud = 115200", 'interface = "eth0"'), "7:1 there is no `interface` here"),
    ],
)
def test_what_is_refused_in_toml(change: tuple[str, str], found: str) -> None:
    texts = errors(load(toml(TOML.replace(*change))))
    assert any(text.startswith(f"cluster.toml:{found}") for text in texts), texts


def test_a_line_that_is_too_slow_is_refused_and_the_remedies_are_good() -> None:
    fast = HA_CF.replace("keepalive 1\n", "keepalive 500ms\n")
    loaded = load(trio(fast + "baud 9600\nserial /dev/ttyS0\n"))
    (found,) = [d for d in loaded.diagnostics if d.severity == "error"]
    assert found.message == "/dev/ttyS0 at 9600 baud cannot carry a heartbeat every 500 ms"
    assert found.hint is not None
    assert found.hint.startswith("a keepalive of at least ")
    least = found.hint.removeprefix("a keepalive of at least ").split(",")[0]
    slower = fast.replace("500ms", least.replace(" s", "").replace(" ", ""))
    assert errors(load(trio(slower + "baud 9600\nserial /dev/ttyS0\n"))) == []
    baud = found.hint.split("`")[1]
    assert errors(load(trio(f"{fast}{baud}\nserial /dev/ttyS0\n"))) == []


def test_a_name_that_seven_bits_cannot_carry_is_refused() -> None:
    text = HA_CF.replace("node1 node2", "node1 nöde2") + "serial /dev/ttyS0\n"
    assert errors(load(trio(text))) == ["ha.cf:7:8 `nöde2` cannot travel over a serial line"]


def longest_beat(model: ClusterModel) -> bytes:
    """A beat of this cluster with every number as long as it gets in years."""
    me, life = model.nodes[0], Life(0x6B03C507, 2**64 - 1)
    beat = Beat(
        node=me, life=life, seq=0x7FFFFFF, deadtime=Duration(30_000_000_000),
        lease=Duration(29_080_000_000),
        acks={n: Ack(life, 0x7FFFFFF, True, 10_000) for n in model.peers(me)},
        groups={
            g.name: GroupView(
                Custody.STARTING, 99_999, 1, want=True, pin=Pin(999, NodeName(model.nodes[-1]))
            )
            for g in model.groups
        },
        standby={n: Switch(99, True) for n in model.nodes},
        digest=model.digest,
        macs=frozenset(bytes((2, 0, 0, 0, 0, n)) for n in range(len(model.groups))),
    )  # fmt: skip
    envelope = heartbeat.Envelope(
        bytes(range(16)), 0x6B03C507, "10.26 10.47 10.23 15/1103 33333", 3
    )
    keys = Keyring(1, {1: Key(1, "sha256", b"x" * 32)})
    return codec.encode_classic(heartbeat.pack(beat, envelope), keys)


@pytest.mark.parametrize("nodes", [2, 3, 8])
@pytest.mark.parametrize("groups", [0, 1, 4, 12])
def test_the_length_of_a_beat_is_estimated_well(nodes: int, groups: int) -> None:
    names = " ".join(f"node{n}.example.com" for n in range(nodes))
    ha_cf = HA_CF.replace("node1 node2", names)
    lines = "".join(f"node0.example.com 192.168.0.{n}/24/eth0\n" for n in range(1, groups + 1))
    model = load(trio(ha_cf, lines)).model
    assert model is not None
    written = len(longest_beat(model))
    assert written <= beat_bytes(model) <= written * 13 // 10
