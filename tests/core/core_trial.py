"""A random schedule played on a simulated cluster, for the tests of properties."""

import random
from collections.abc import Sequence

from core_models import model, timing
from core_watch import Starts
from hypothesis import strategies as st

from twinbeat.core.effects import Effect
from twinbeat.core.events import (
    ClearRequested,
    Event,
    HandoverRequested,
    StandbyRequested,
)
from twinbeat.core.fencing import PATIENCE
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
from twinbeat.sim.answers import Answers
from twinbeat.sim.daemon import Birth
from twinbeat.sim.devices import Manner
from twinbeat.sim.nature import ARRIVES, PACKET, START, STOP, Nature
from twinbeat.sim.node import Node
from twinbeat.sim.stage import KEYRING
from twinbeat.sim.store import Loss
from twinbeat.sim.transcript import Transcript
from twinbeat.sim.watch import Watcher
from twinbeat.sim.world import World

KEEPALIVE, DEADTIME, INITDEAD = 100, 1000, 2000
WEB = GroupName("web")
AGENTS = 500
"""More than all agents of one move and its failback take, in milliseconds."""

Step = tuple[str, int, int]
"""A verb, the number of a node, and for how many milliseconds time then passes."""

Direction = tuple[NodeName, NodeName]


class Weather(Nature):
    """Chance, from one seed."""

    def __init__(self, seed: int, loss: float, run: int) -> None:
        self._random = random.Random(seed)
        self._loss = loss
        self._run = run
        self._lost: dict[Direction, int] = {}
        self.calm = False

    def packet(self, sender: NodeName, receiver: NodeName, link: LinkName) -> Sequence[Duration]:
        if self.calm:
            return ARRIVES
        direction, chance = (sender, receiver), self._random
        lost = self._lost.get(direction, 0)
        if lost < self._run and chance.random() < self._loss:
            self._lost[direction] = lost + 1
            return ()
        self._lost[direction] = 0
        delays = [Duration(PACKET + chance.randrange(40 * MS))]
        if chance.random() < 0.05:
            delays.append(Duration(PACKET + chance.randrange(3000 * MS)))
        return delays

    def start(self, node: NodeName) -> Duration:
        return START if self.calm else Duration(MS + self._random.randrange(8 * START))

    def stop(self, node: NodeName) -> Duration:
        return STOP if self.calm else Duration(MS + self._random.randrange(8 * STOP))

    def oversleep(self, node: NodeName) -> Duration:
        return Duration(0) if self.calm else Duration(self._random.randrange(5 * MS))


class Recorder(Watcher):
    """Keeps the latest life of every node, so that it can be lived again."""

    def __init__(self) -> None:
        self.lives: dict[NodeName, tuple[Birth, list[tuple[Instant, Event, list[Effect]]]]] = {}

    def lived(self, node: Node, what: str) -> None:
        if what == "boot" and node.birth is not None:
            self.lives[node.name] = node.birth, []

    def handled(self, node: Node, now: Instant, event: Event, effects: Sequence[Effect]) -> None:
        self.lives[node.name][1].append((now, event, list(effects)))


class Trial:
    """One cluster, and one schedule played on it."""

    def __init__(self, nodes: int, weather: Weather, proof: Proof = Proof.PEER) -> None:
        timers = timing(KEEPALIVE, DEADTIME, INITDEAD)
        self.weather = weather
        cluster = model(nodes, timers, proof=proof)
        self.world = World(dict.fromkeys(cluster.nodes, cluster), weather, KEYRING)
        self.starts, self.answers = Starts(self.world), Answers(self.world)
        self.transcript, self.recorder = Transcript(self.world), Recorder()
        self.world.watch(self.starts, self.answers, self.transcript, self.recorder)
        self.nodes = list(self.world.nodes.values())
        self._requests = 0
        for node in self.nodes:
            node.boot()
        self._pass(2500)

    def play(self, steps: list[Step], cut: Direction | None, one_owner: bool) -> None:
        for verb, number, span in steps:
            node = self.nodes[number % len(self.nodes)]
            self._do(verb, node, cut)
            self._pass(span)
            assert self.starts.trespasses == []
            assert self.answers.dual == 0 or not one_owner

    def _pass(self, span: float) -> None:
        self.world.run(Instant(self.world.now + milliseconds(span)))
        for node in self.nodes:
            if node.engine is not None:
                node.engine.status(node.clock.now)

    def _do(self, verb: str, node: Node, cut: Direction | None) -> None:
        other = self.nodes[(self.nodes.index(node) + 1) % len(self.nodes)]
        network = self.world.network
        self._requests += 1
        match verb:
            case "kill":
                node.kill()
            case "power-off" if node.engine:
                node.power_off()
            case "boot":
                node.boot()
            case "restart":
                node.kill()
                self._pass(5)
                node.boot()
            case "freeze":
                node.freeze()
            case "thaw":
                node.thaw()
            case "shutdown":
                node.shutdown()
            case "revive" if node.engine is None:
                node.come_to_run(node.model.groups[0])
            case "cut":
                network.cut(*(cut or (node.name, other.name)))
            case "cut both":
                network.cut(node.name, other.name)
                network.cut(other.name, node.name)
            case "heal":
                network.cuts.clear()
            case "handover":
                node.tell(HandoverRequested(self._requests, WEB, other.name))
            case "standby" | "active":
                on = verb == "standby"
                node.tell(StandbyRequested(self._requests, node.name, on))
            case "works" | "fails" | "hangs" | "hangs late":
                self.world.devices.manners[node.name] = Manner(verb)
            case "reboots":
                self.world.devices.reboots = True
            case "arbiter down" | "arbiter up":
                self.world.arbiter.down = verb == "arbiter down"
            case "arbiter slow":
                self.world.arbiter.slow = milliseconds(300)
            case "request" | "reply":
                self.world.arbiter.losses[node.name] = Loss(verb)
            case "arbiter found":
                self.world.arbiter.losses.clear()
                self.world.arbiter.slow = Duration(0)

    def heal(self) -> None:
        """Heal everything; then web must run where it is placed, and stay there."""
        self.weather.calm = True
        self.world.network.cuts.clear()
        self._mend_third_parties()
        for node in self.nodes:
            self._do("boot", node, None)
            self._do("thaw", node, None)
            self._requests += 1
            node.tell(StandbyRequested(self._requests, node.name, False))
            self._requests += 1
            node.tell(ClearRequested(self._requests, WEB))  # Losses would hold a failback down.
        self._pass(INITDEAD + 3 * DEADTIME + AGENTS)
        if gone := [node for node in self.nodes if not node.engine]:
            for node in gone:  # It was leaving, and has left by now.
                node.boot()
            self._pass(INITDEAD + 3 * DEADTIME + AGENTS)
        assert self.world.serving(WEB) == [self._placed()]
        started, self.transcript.lines = len(self.starts.starts), []
        self._pass(5 * DEADTIME)
        assert len(self.starts.starts) == started
        assert self.transcript.lines == []

    def _mend_third_parties(self) -> None:
        devices, arbiter = self.world.devices, self.world.arbiter
        if self.nodes[0].model.proof is Proof.FENCE:
            devices.manners.clear()
            devices.reboots = False
            self._pass(PATIENCE / MS + 5 * DEADTIME)  # The last order is obeyed, or given up.
        arbiter.down, arbiter.slow = False, Duration(0)
        arbiter.losses.clear()

    def _placed(self) -> NodeName | None:
        engines = [node.engine for node in self.nodes if node.engine]
        assert len(engines) == len(self.nodes)
        places = {engine.placements[WEB].node for engine in engines}
        pins = {engine.groups[WEB].pin for engine in engines}
        assert (len(places), len(pins)) == (1, 1)
        pinned = pins.pop().node
        assert places == {pinned or NodeName("node1")}
        return places.pop()

    def relive(self) -> None:
        """The same facts at the same instants give the same orders: a run can be replayed.

        So they do if no look at the groups is ever spared: a calm engine misses nothing.
        """
        for birth, history in self.recorder.lives.values():
            engine, watchful = birth.engine(), birth.engine()
            for now, event, effects in history:
                assert engine.handle(event, now) == effects
                watchful._calm_from = NEVER
                assert watchful.handle(event, now) == effects
                assert watchful.next_deadline() == engine.next_deadline()


def steps(*verbs: str) -> st.SearchStrategy[list[Step]]:
    """Return schedules of up to eight steps; the spans cross every limit of protocol 2.1."""
    spans = st.one_of(st.integers(1, 120), st.integers(100, 1100), st.integers(900, 2600))
    step = st.tuples(st.sampled_from(verbs), st.integers(0, 2), spans)
    return st.lists(step, min_size=1, max_size=8)
