"""The wires of a world, and the real wire of its nodes."""

from collections.abc import Sequence

import pytest
from sim_worlds import ETH1, ETH2, KEYRING, ONE, TWO, WEB, configured, let_pass, raised, settled

from twinbeat.core.beat import Beat
from twinbeat.core.model import Key, Keyring
from twinbeat.core.units import MS, Duration, LinkName, NodeName
from twinbeat.sim.nature import Nature
from twinbeat.sim.node import Node
from twinbeat.sim.watch import Watcher
from twinbeat.sim.world import World
from twinbeat.wire import codec, heartbeat


class Ears(Watcher):
    def __init__(self) -> None:
        self.sent_by: list[Beat] = []
        self.heard_by: list[Beat] = []

    def sent(self, node: Node, beat: Beat) -> None:
        if node.name == ONE:
            self.sent_by.append(beat)

    def heard(self, node: Node, beat: Beat) -> None:
        if node.name == TWO:
            self.heard_by.append(beat)


def recorded(world: World, sender: NodeName, ms: float) -> list[bytes]:
    """Return what a node says while time passes."""
    packets: list[tuple[NodeName, bytes]] = []
    world.network.taps.append(lambda name, packet: packets.append((name, packet)))
    let_pass(world, ms)
    world.network.taps.clear()
    return [packet for name, packet in packets if name == sender]


def test_what_is_sent_is_a_signed_heartbeat_that_any_daemon_can_read() -> None:
    world = settled()
    packets = recorded(world, ONE, 1000)
    assert len(packets) == 5
    beats = [heartbeat.unpack(codec.decode(packet, KEYRING)) for packet in packets]
    assert {beat.node for beat in beats} == {ONE}
    assert [b.seq - beats[0].seq for b in beats] == [0, 1, 2, 3, 4]
    assert beats[0].groups[WEB].custody == "held"


def test_every_beat_is_heard_once_though_it_comes_on_two_links() -> None:
    world = settled(configured(links=(ETH1, ETH2)))
    ears = Ears()
    world.watch(ears)
    let_pass(world, 2050)
    assert [b.seq for b in ears.heard_by] == [b.seq for b in ears.sent_by]
    assert len(ears.heard_by) == 10
    engine = world.nodes[TWO].engine
    assert engine is not None
    assert set(engine.members.peers[ONE].links) == {ETH1, ETH2}


def test_a_cut_of_one_link_loses_nothing_and_of_all_links_everything() -> None:
    world = settled(configured(links=(ETH1, ETH2)))
    ears = Ears()
    world.network.cut(ONE, TWO, ETH1)
    world.watch(ears)
    let_pass(world, 1000)
    assert len(ears.heard_by) == 5
    world.network.cut(ONE, TWO)
    let_pass(world, 900)
    assert len(ears.heard_by) == 5
    assert world.nodes[ONE].running
    world.network.mend(ONE, TWO)
    let_pass(world, 200)
    assert len(ears.heard_by) > 5


class Twice(Nature):
    """Everything arrives twice, and the second beat overtakes the first now and then."""

    def packet(self, sender: NodeName, receiver: NodeName, link: LinkName) -> Sequence[Duration]:
        return Duration(1 * MS), Duration(450 * MS)


def test_a_copy_that_comes_late_is_no_news() -> None:
    world = settled(nature=Twice())
    ears = Ears()
    world.watch(ears)
    let_pass(world, 2000)
    numbers = [b.seq for b in ears.heard_by]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 10


FORGED = {
    "bad signature": lambda packet: packet.replace(b"node1", b"nodeX"),
    "unknown encoding": lambda packet: packet[5:],
}


@pytest.mark.parametrize("reason", FORGED)
def test_what_is_forged_is_refused_and_counted_by_its_reason(reason: str) -> None:
    world = settled()
    packet = recorded(world, ONE, 200)[0]
    before = dict(world.nodes[TWO].drops)
    world.network.inject(TWO, FORGED[reason](packet))
    assert world.nodes[TWO].drops == {**before, reason: 1}


def test_a_stranger_with_another_key_is_refused() -> None:
    world = settled()
    message = codec.decode(recorded(world, ONE, 200)[0], KEYRING)
    forged = codec.encode_netstring(message, Keyring(1, {1: Key(1, "sha1", b"guessed")}))
    world.network.inject(TWO, forged)
    assert world.nodes[TWO].drops == {"bad signature": 1}


def test_a_recording_of_an_earlier_life_is_refused_as_a_replay() -> None:
    world = settled()
    packet = recorded(world, ONE, 200)[0]
    world.nodes[ONE].kill()
    world.nodes[ONE].boot()
    let_pass(world, 100)
    world.network.inject(TWO, packet)
    assert world.nodes[TWO].drops == {"replay": 1}


def test_a_node_hears_itself_without_a_word_and_another_life_of_itself_with_one() -> None:
    world = settled()
    packet = recorded(world, ONE, 200)[0]
    world.network.inject(ONE, packet)
    assert world.nodes[ONE].drops == {}
    world.nodes[ONE].kill()
    world.nodes[ONE].boot()
    world.network.inject(ONE, packet)
    assert world.nodes[ONE].drops == {"own name": 1}


def test_a_node_that_is_not_configured_is_refused() -> None:
    world = World({ONE: configured(2), NodeName("node3"): configured(3)}, Nature(), KEYRING)
    for node in world.nodes.values():
        node.boot()
    let_pass(world, 100)
    assert set(world.nodes[ONE].drops) == {"unknown node"}


def test_without_a_daemon_packets_are_lost() -> None:
    world = raised()
    world.nodes[ONE].boot()
    let_pass(world, 3000)
    assert world.nodes[TWO].drops == {}
