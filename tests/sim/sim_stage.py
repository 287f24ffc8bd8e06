"""A world that a test drives by hand: no chance, and every checker looks on."""

from collections.abc import Sequence

from sim_runs import NODE1, NODE2, NODE3, calm

from twinbeat.core.effects import Effect, Record, StartGroup, What
from twinbeat.core.model import Proof
from twinbeat.core.units import (
    MS,
    NEVER,
    Duration,
    GroupName,
    Instant,
    LinkName,
    NodeName,
    milliseconds,
)
from twinbeat.sim.checkers import Checker, Phase, all_checkers
from twinbeat.sim.nature import Nature
from twinbeat.sim.node import Node
from twinbeat.sim.options import Options, model_of
from twinbeat.sim.run import KEYRING
from twinbeat.sim.world import World

WEB = GroupName("web")


class Stage:
    """Nodes that have booted; node1 owns web. Keepalive 200 ms, deadtime 1 s, initdead 2 s."""

    def __init__(
        self,
        proof: Proof = Proof.PEER,
        nodes: int = 2,
        nature: Nature | None = None,
        options: Options | None = None,
        turns: Sequence[int] = (0,) * 7,
        booted: bool = True,
    ) -> None:
        options = options or calm(nodes=nodes, proof=proof)
        models = {
            name: model_of(options, turn) for name, turn in zip(options.names, turns, strict=False)
        }
        self.world = World(models, nature or Nature(), KEYRING)
        looking_on, self.checkers = all_checkers(self.world)
        self.world.watch(*looking_on)
        self.hearing = self.checkers[0].hearing
        if booted:
            for node in self.world.nodes.values():
                node.boot()
            self.run(4000)

    @property
    def node1(self) -> Node:
        return self.world.nodes[NODE1]

    @property
    def node2(self) -> Node:
        return self.world.nodes[NODE2]

    @property
    def node3(self) -> Node:
        return self.world.nodes[NODE3]

    def run(self, span: float) -> None:
        """Let so many milliseconds pass."""
        self.world.run(Instant(self.world.now + milliseconds(span)))

    def after(self, span: float) -> Instant:
        """Return the instant in so many milliseconds."""
        return Instant(self.world.now + milliseconds(span))

    def enter(self, phase: Phase) -> None:
        for checker in self.checkers:
            checker.enter(phase)

    def cut(self, *directions: str) -> None:
        """Cut directions between nodes, `12` from node1 to node2."""
        for way in directions:
            self.world.network.cut(NodeName(f"node{way[0]}"), NodeName(f"node{way[1]}"))

    def die(self, node: Node) -> None:
        """Let the last resource of web end on a node; the daemon is told at once."""
        spec = node.model.group(WEB)
        assert spec is not None
        assert node.agents.die(WEB, spec.resources[-1], noticed=True)

    def mend(self) -> None:
        self.world.network.cuts.clear()

    def packets_of(self, node: Node) -> list[bytes]:
        """Return what is filled with the packets that a node sends from now on."""
        packets: list[bytes] = []

        def tap(sender: NodeName, packet: bytes) -> None:
            if sender == node.name:
                packets.append(packet)

        self.world.network.taps.append(tap)
        return packets

    def serving(self) -> list[NodeName]:
        return self.world.serving(WEB)

    def running(self) -> list[NodeName]:
        """Return the nodes on which anything of web may run."""
        return [name for name, node in self.world.nodes.items() if node.kernel.runs(WEB)]

    def said(self) -> list[str]:
        """Return what the checkers complain about; moves are not judged before `FAULTY`."""
        return [str(violation) for checker in self.checkers for violation in checker.violations]

    def apart(self, kind: type[Checker]) -> dict[str, Duration]:
        """Return for how long each stated limit covered what a checker saw, until now."""
        checker = next(checker for checker in self.checkers if isinstance(checker, kind))
        checker.finish()
        return checker.apart

    def apart_count(self, kind: type[Checker]) -> dict[str, int]:
        """Return how often each stated limit did."""
        checker = next(checker for checker in self.checkers if isinstance(checker, kind))
        return dict(checker.apart_count)

    # What no daemon does, so that a checker has something to say.

    def serve_at(self, node: Node, span: float = 1000) -> None:
        """Let a kernel answer for web that nobody gave the right to."""
        node.kernel.run(WEB)
        node.kernel.add_address(WEB)
        node.kernel.write_lease(WEB, milliseconds(span), create=True)

    def decide_start(self, node: Node) -> None:
        """Tell all checkers that a daemon decided to start web, which it did not."""
        spec = node.model.group(WEB)
        assert spec is not None
        order: list[Effect] = [StartGroup(1, spec, NEVER)]
        for checker in self.checkers:
            checker.decided(node, node.clock.now, order)
            checker.started(node, WEB)

    def tell_start(
        self, node: Node, because: str, term: int = 0, former: NodeName | None = None
    ) -> None:
        """Tell all checkers that a journal says that web was claimed, of whom, and starts."""
        claimed = Record(What.GROUP_CLAIMING, because, WEB, evidence={"from": former})
        for checker in self.checkers:
            checker.told(node, claimed)
            evidence = {"term": term}
            answered = Record(What.GROUP_STARTING, "every peer answered", WEB, evidence=evidence)
            checker.told(node, answered)


class Script(Nature):
    """A nature in which a test says of single packets what becomes of them."""

    def __init__(self) -> None:
        self.late: dict[str, Duration] = {}
        """By direction, `12`: how late every packet that leaves now will be."""

    def packet(self, sender: NodeName, receiver: NodeName, link: LinkName) -> Sequence[Duration]:
        late = self.late.get(sender[-1] + receiver[-1])
        return (late or Duration(MS),)
