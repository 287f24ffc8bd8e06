"""Small worlds for the tests of the simulator: two nodes and one group unless a test wants more.

Keepalive 200 ms, deadtime 1 s, initdead 2 s: margin 50 ms, lease 950 ms. Everything takes its fixed
time: 1 ms a packet, 2 ms until the address is up, 30 ms to start, 10 ms to stop.
"""

from collections.abc import Sequence
from dataclasses import replace

from twinbeat.core.effects import Record
from twinbeat.core.model import (
    AgentKind,
    ClusterModel,
    GroupSpec,
    Key,
    Keyring,
    LinkKind,
    LinkSpec,
    ResourceSpec,
    Timing,
)
from twinbeat.core.units import GroupName, Instant, LinkName, NodeName, milliseconds
from twinbeat.sim.agenda import BEGINNING
from twinbeat.sim.nature import Nature
from twinbeat.sim.node import Node
from twinbeat.sim.watch import Watcher
from twinbeat.sim.world import World

KEYRING = Keyring(1, {1: Key(1, "sha1", b"SpecSecret")})
ONE, TWO = NodeName("node1"), NodeName("node2")
WEB = GroupName("web")
ETH1, ETH2 = LinkName("eth1"), LinkName("eth2")


def configured(count: int = 2, links: Sequence[LinkName] = (ETH1,)) -> ClusterModel:
    """Return a model; `web` is preferred on node1."""
    nodes = tuple(NodeName(f"node{number}") for number in range(1, count + 1))
    script = ResourceSpec(name="httpd", agent=AgentKind.SCRIPT, script="httpd")
    return ClusterModel(
        name="test",
        nodes=nodes,
        timing=Timing(
            keepalive=milliseconds(200),
            warntime=milliseconds(500),
            deadtime=milliseconds(1000),
            initdead=milliseconds(2000),
            deadping=milliseconds(1000),
        ),
        links=tuple(LinkSpec(name=n, kind=LinkKind.BROADCAST, interface=n) for n in links),
        groups=(GroupSpec(name=WEB, nodes=nodes, resources=(script,)),),
        digest="test",
    )


def slower(model: ClusterModel, factor: int) -> ClusterModel:
    """Return the model with a longer deadtime."""
    timing = replace(model.timing, deadtime=milliseconds(1000 * factor))
    return replace(model, timing=timing, digest=f"deadtime times {factor}")


class Notes(Watcher):
    """What happened, one short line each, with the milliseconds since the beginning."""

    def __init__(self, world: World) -> None:
        self.lines: list[str] = []
        self._world = world

    def note(self, node: Node, what: str) -> None:
        at = (self._world.now - BEGINNING) / milliseconds(1)
        self.lines.append(f"{at:g} {node.name} {what}")

    def told(self, node: Node, record: Record) -> None:
        self.note(node, f"{record.what}: {record.because}")

    def kernel_changed(self, node: Node) -> None:
        self.note(node, f"runs {list(node.kernel.running())} serves {list(node.kernel.serving())}")

    def lived(self, node: Node, what: str) -> None:
        self.note(node, what)


def raised(model: ClusterModel | None = None, nature: Nature | None = None) -> World:
    """Return a world with no daemon."""
    model = model or configured()
    return World(dict.fromkeys(model.nodes, model), nature or Nature(), KEYRING)


def settled(model: ClusterModel | None = None, nature: Nature | None = None) -> World:
    """Return a world 2.9 s after all nodes have booted: node1 has web."""
    world = raised(model, nature)
    for node in world.nodes.values():
        node.boot()
    let_pass(world, 2900)
    assert world.serving(WEB) == [ONE]
    return world


def let_pass(world: World, ms: float) -> None:
    """Let time pass."""
    world.run(Instant(world.now + milliseconds(ms)))
