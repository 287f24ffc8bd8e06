"""The attacker on the wire: it hears every packet and can send any, but has no key of the cluster.

It forges: packets with a flipped bit, cut short, of garbage, or signed with a key of its own. And
it replays what it recorded, of the present life of a node or of an earlier one.
"""

from collections import deque
from functools import partial

from twinbeat.core.model import Key, Keyring
from twinbeat.core.units import Instant, NodeName
from twinbeat.wire import codec

from .chance import Chance
from .faults import Fault
from .node import Node
from .world import World

RECORDED_MAX = 500
"""Of each node's packets, from the beginning on; as many of the newest are kept beside them."""

OWN_KEY = Keyring(1, {1: Key(1, "sha1", b"what the attacker would like it to be")})


class Attacker:
    """Listens all the time, and sends when it is told to."""

    def __init__(self, world: World, chance: Chance) -> None:
        self._world = world
        self._random = chance.stream("attacker")
        self._keyring = world.keyring
        self._first: dict[NodeName, list[bytes]] = {name: [] for name in world.nodes}
        self._newest: dict[NodeName, deque[bytes]] = {
            name: deque(maxlen=RECORDED_MAX) for name in world.nodes
        }
        world.network.taps.append(self._record)

    def forge(self, node: Node, fault: Fault) -> None:
        """Send forgeries to a node, spread over the span of the fault."""
        for packet in self._packets(fault):
            self._send(node.name, self._forged(packet), fault)

    def replay(self, node: Node, fault: Fault) -> None:
        """Send recorded packets to all others in a node's name."""
        recorded = [*self._first[node.name], *self._newest[node.name]]
        for _ in range(fault.size if recorded else 0):
            packet = self._random.choice(recorded)
            for name in self._world.nodes:
                self._send(name, packet, fault)

    def _record(self, sender: NodeName, packet: bytes) -> None:
        first = self._first[sender]
        if len(first) < RECORDED_MAX:
            first.append(packet)
        else:
            self._newest[sender].append(packet)

    def _packets(self, fault: Fault) -> list[bytes]:
        """Return recorded packets of any node, to be spoilt."""
        recorded = [packet for packets in self._newest.values() for packet in packets]
        recorded = recorded or [packet for packets in self._first.values() for packet in packets]
        return [self._random.choice(recorded) for _ in range(fault.size)] if recorded else []

    def _forged(self, packet: bytes) -> bytes:
        random = self._random
        match random.randrange(4):
            case 0:
                place = random.randrange(len(packet))
                bit = 1 << random.randrange(8)
                return packet[:place] + bytes((packet[place] ^ bit,)) + packet[place + 1 :]
            case 1:
                return packet[: random.randrange(len(packet))]
            case 2:
                return random.randbytes(random.randrange(1, 1500))
            case _:
                # What it heard it can read, and sign again with a key that nobody else has.
                return codec.encode_netstring(codec.decode(packet, self._keyring), OWN_KEY)

    def _send(self, receiver: NodeName, packet: bytes, fault: Fault) -> None:
        when = Instant(self._world.now + self._random.randrange(fault.span + 1))
        self._world.at(when, partial(self._world.network.inject, receiver, packet))
