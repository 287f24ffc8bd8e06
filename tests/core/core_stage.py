"""The verbs of a transcript: each line of a script is one command to a cluster in virtual time.

    cluster nodes=2 keepalive=200 deadtime=1000 initdead=2000 failback=on groups=1
    boot node1 node2 · run 3000 · shutdown|power-off|kill|freeze|thaw|forget node1
    cut node1->node2 · cut node1 node2 · heal · lose node1->node2 xx.x (x: lost, .: arrives)
    handover web to=node2 · failback web · standby node1 on · maintenance on [node1]
    cleanup web node1 · break start|stop web on node1 · mend · fail web on node1
    kernel drops|refuses|accepts web on node1
    pause|resume node1 (its clock stands still) · device works|fails|hangs|lies node1
    devices reboot · arbiter down|up · arbiter slow 300 · arbiter loses request|reply|nothing node1
    reload node1 groups=2 · tell node1 GroupStarted web op=3
    matrix · status node1 · serving

Every operator's command takes `at=NODE`: the node whose daemon is asked; else the first that runs.
"""

import itertools
from collections import Counter, deque
from collections.abc import Sequence

from core_models import model, timing
from core_watch import Onlooker

from twinbeat.core.beat import CLUSTER
from twinbeat.core.events import (
    CleanupRequested,
    Event,
    FailbackRequested,
    GroupStarted,
    GroupStartFailed,
    GroupStopFailed,
    GroupStopped,
    HandoverRequested,
    LeaseLapsed,
    MaintenanceRequested,
    ResourceFailed,
    StandbyRequested,
)
from twinbeat.core.model import ClusterModel, Failback, Key, Keyring, Proof
from twinbeat.core.status import GroupStatus
from twinbeat.core.units import (
    MS,
    Duration,
    GroupName,
    Instant,
    LinkName,
    NodeName,
    milliseconds,
    readable,
)
from twinbeat.sim.agents import Conduct
from twinbeat.sim.devices import Manner
from twinbeat.sim.nature import ARRIVES, PACKET, Nature
from twinbeat.sim.node import Node
from twinbeat.sim.store import Loss
from twinbeat.sim.world import World

Words = list[str]
Options = dict[str, str]

KEYRING = Keyring(1, {1: Key(1, "sha1", b"SpecSecret")})


class Patterns(Nature):
    """Lose exactly the packets that a script names."""

    def __init__(self) -> None:
        self.fates: dict[tuple[NodeName, NodeName], deque[str]] = {}

    def packet(self, sender: NodeName, receiver: NodeName, link: LinkName) -> Sequence[Duration]:
        fates = self.fates.get((sender, receiver))
        return () if fates and fates.popleft() == "x" else ARRIVES


class Stage:
    """One cluster and what a script does to it."""

    def __init__(self) -> None:
        self._options = {
            "nodes": "2", "groups": "1", "keepalive": "200", "deadtime": "1000",
            "initdead": "2000", "failback": "on", "script": "httpd", "proof": "peer",
            "startup-fencing": "off",
        }  # fmt: skip
        self._nature = Patterns()
        self._raise()
        self._requests = itertools.count(1)
        self._verbs = {
            "cluster": self._build, "boot": self._boot, "run": self._run,
            "shutdown": self._shutdown, "power-off": self._power_off, "kill": self._kill,
            "freeze": self._freeze, "thaw": self._thaw, "forget": self._forget,
            "cut": self._cut, "heal": self._heal, "lose": self._lose,
            "handover": self._handover, "failback": self._failback, "standby": self._standby,
            "maintenance": self._maintenance, "cleanup": self._cleanup,
            "break": self._break, "mend": self._mend, "fail": self._fail,
            "kernel": self._kernel, "pause": self._pause, "resume": self._resume,
            "device": self._device, "devices": self._devices, "arbiter": self._arbiter,
            "reload": self._reload, "tell": self._tell,
            "matrix": self._matrix, "status": self._status, "serving": self._serving,
        }  # fmt: skip

    def play(self, line: str) -> list[str]:
        """Obey one line and return what happened, line by line."""
        words = line.split()
        options = dict(w.split("=", 1) for w in words if "=" in w)
        shown = self._verbs[words[0]]([w for w in words[1:] if "=" not in w], options)
        return [*self.onlooker.drain(), *(shown or [])]

    # The cluster and its faults.

    def _model(self, changes: Options) -> ClusterModel:
        said = self._options | changes
        word, _, after = said["failback"].partition("-")
        timers = timing(*(float(said[k]) for k in ("keepalive", "deadtime", "initdead")))
        return model(
            int(said["nodes"]),
            timers,
            Failback(enabled=word != "off", after=milliseconds(float(after or 0))),
            int(said["groups"]),
            said["script"],
            Proof(said["proof"]),
            said["startup-fencing"] == "on",
        )

    def _build(self, words: Words, options: Options) -> None:
        self._options |= options
        self._raise()

    def _raise(self) -> None:
        cluster = self._model({})
        self.world = World(dict.fromkeys(cluster.nodes, cluster), self._nature, KEYRING)
        self.onlooker = Onlooker(self.world)
        self.world.watch(self.onlooker)

    def _node(self, name: str) -> Node:
        return self.world.nodes[NodeName(name)]

    def _nodes(self, names: Words) -> list[Node]:
        return [self._node(name) for name in names]

    def _boot(self, words: Words, options: Options) -> None:
        for node in self._nodes(words):
            self.onlooker.by_hand = True
            node.boot()
            self.onlooker.by_hand = False

    def _run(self, words: Words, options: Options) -> None:
        self.world.run(Instant(self.world.now + milliseconds(float(words[0]))))

    def _shutdown(self, words: Words, options: Options) -> None:
        for node in self._nodes(words):
            node.shutdown()

    def _power_off(self, words: Words, options: Options) -> None:
        for node in self._nodes(words):
            self.onlooker.by_hand = True
            node.power_off()
            self.onlooker.by_hand = False

    def _kill(self, words: Words, options: Options) -> None:
        for node in self._nodes(words):
            node.kill()

    def _freeze(self, words: Words, options: Options) -> None:
        for node in self._nodes(words):
            node.freeze()

    def _thaw(self, words: Words, options: Options) -> None:
        for node in self._nodes(words):
            node.thaw()

    def _forget(self, words: Words, options: Options) -> None:
        for node in self._nodes(words):
            node.forget()

    def _cut(self, words: Words, options: Options) -> None:
        for direction in _directions(words):
            self.world.network.cut(*direction)

    def _heal(self, words: Words, options: Options) -> None:
        for direction in _directions(words):
            self.world.network.mend(*direction)
        if not words:
            self.world.network.cuts.clear()

    def _lose(self, words: Words, options: Options) -> None:
        for direction in _directions(words[:1]):
            self._nature.fates[direction] = deque(words[1])

    def _break(self, words: Words, options: Options) -> None:
        verb, group, _, node = words
        agents = self._node(node).agents
        conducts = agents.starts if verb == "start" else agents.stops
        conducts[GroupName(group)] = Conduct.FAILS

    def _mend(self, words: Words, options: Options) -> None:
        for node in self.world.nodes.values():
            node.agents.starts.clear()
            node.agents.stops.clear()

    def _kernel(self, words: Words, options: Options) -> None:
        verb, name, _, at = words
        node, group = self._node(at), GroupName(name)
        match verb:
            case "drops":
                lapsed = LeaseLapsed(group, "it is gone")
                node.kernel.delete_lease(group)
                self.world.at(Instant(self.world.now + PACKET), lambda: node.tell(lapsed))
            case "refuses":
                node.kernel.refused.add(group)
            case "accepts":
                node.kernel.refused.clear()

    def _pause(self, words: Words, options: Options) -> None:
        for node in self._nodes(words):
            node.pause()

    def _resume(self, words: Words, options: Options) -> None:
        for node in self._nodes(words):
            node.resume()

    def _device(self, words: Words, options: Options) -> None:
        manner, node = words
        self.world.devices.manners[NodeName(node)] = Manner(manner)

    def _devices(self, words: Words, options: Options) -> None:
        self.world.devices.reboots = words == ["reboot"]

    def _arbiter(self, words: Words, options: Options) -> None:
        arbiter = self.world.arbiter
        match words:
            case ["down" | "up" as word]:
                arbiter.down = word == "down"
            case ["slow", ms]:
                arbiter.slow = milliseconds(float(ms))
            case ["loses", "nothing", node]:
                del arbiter.losses[NodeName(node)]
            case ["loses", loss, node]:
                arbiter.losses[NodeName(node)] = Loss(loss)

    # Facts told to a daemon.

    def _ask(self, options: Options, event: Event, request: int) -> list[str]:
        running = (name for name, node in self.world.nodes.items() if node.running)
        node = self._node(options.get("at") or next(running))
        node.tell(event)
        refused = node.replies[request]
        return [*self.onlooker.drain(), *([f"{node.name} refuses: {refused}"] if refused else [])]

    def _handover(self, words: Words, options: Options) -> list[str]:
        request, to = next(self._requests), options.get("to")
        node = NodeName(to) if to else None
        return self._ask(options, HandoverRequested(request, GroupName(words[0]), node), request)

    def _failback(self, words: Words, options: Options) -> list[str]:
        request = next(self._requests)
        return self._ask(options, FailbackRequested(request, GroupName(words[0])), request)

    def _standby(self, words: Words, options: Options) -> list[str]:
        request, node = next(self._requests), NodeName(words[0])
        return self._ask(options, StandbyRequested(request, node, words[1] == "on"), request)

    def _maintenance(self, words: Words, options: Options) -> list[str]:
        request, node = next(self._requests), NodeName(words[1]) if words[1:] else CLUSTER
        return self._ask(options, MaintenanceRequested(request, node, words[0] == "on"), request)

    def _cleanup(self, words: Words, options: Options) -> list[str]:
        request, group, node = next(self._requests), GroupName(words[0]), NodeName(words[1])
        return self._ask(options, CleanupRequested(request, group, node), request)

    def _fail(self, words: Words, options: Options) -> None:
        group, _, node = words
        self._node(node).tell(ResourceFailed(GroupName(group), "httpd", "it does not run"))

    def _reload(self, words: Words, options: Options) -> None:
        for node in self._nodes(words):
            node.reload(self._model(options))

    def _tell(self, words: Words, options: Options) -> None:
        node, kind, group = words[0], words[1], GroupName(words[2])
        op = int(options.get("op", 0))
        events: dict[str, Event] = {
            "GroupStarted": GroupStarted(op, group),
            "GroupStartFailed": GroupStartFailed(op, group, "httpd", "exit code 1"),
            "GroupStopped": GroupStopped(op, group),
            "GroupStopFailed": GroupStopFailed(op, group, "httpd", "exit code 1"),
        }
        self._node(node).tell(events[kind])

    # What can be seen.

    def _serving(self, words: Words, options: Options) -> list[str]:
        names = {g.name for node in self.world.nodes.values() for g in node.model.groups}
        lines = []
        for name in sorted(names):
            nodes = " and ".join(self.world.serving(name)) or "nobody"
            lines.append(f"{name}: {nodes} answers")
        return [*lines, f"two at once: {self.onlooker.dual / MS:g} ms"]

    def _matrix(self, words: Words, options: Options) -> list[str]:
        """Show what each node says of each group and believes of each peer, a row for a node."""
        lines = []
        for name, node in self.world.nodes.items():
            if node.engine is None:
                lines.append(f"{name}: no daemon")
                continue
            status = node.engine.status(node.clock.now)
            groups = [f"{g}={v.custody}, placed {v.placed}" for g, v in status.groups.items()]
            peers = [f"{n} {v.liveness}" for n, v in status.nodes.items() if n != name]
            lines.append(f"{name}: {'; '.join([*groups, *peers])}")
        return lines

    def _status(self, words: Words, options: Options) -> list[str]:
        asked = self._node(words[0])
        assert asked.engine is not None, f"{words[0]} has no daemon"
        status = asked.engine.status(asked.clock.now)
        lines = []
        for name, node in status.nodes.items():
            age = "never" if node.last_heard is None else readable(node.last_heard)
            late = ", late" if node.late else ""
            life = f"generation {node.generation}"
            lines.append(f"{name}: {node.state}, {node.liveness}{late}, {life}, heard {age}")
        for group, view in status.groups.items():
            lines.append(f"{group}: {_describe(view)}")
            lines.extend(f"  {reason}" for reason in view.reasons)
        lines.extend(f"flag {flag}" for flag in status.flags)
        drops = Counter(asked.drops) + Counter(status.drops)
        lines.extend(f"dropped {count} x {why}" for why, count in sorted(drops.items()))
        return lines


def _describe(view: GroupStatus) -> str:
    lease = "none" if view.lease_remaining is None else readable(view.lease_remaining)
    return (
        f"owner {view.owner}, state {view.state}, own custody {view.custody}, term {view.term}, "
        f"placed {view.placed}, pinned {view.pinned}, lease {lease}"
    )


def _directions(words: Words) -> list[tuple[NodeName, NodeName]]:
    """Read `node1->node2` as one direction, and `node1 node2` as every direction among them."""
    if len(words) == 1:
        sender, _, receiver = words[0].partition("->")
        return [(NodeName(sender), NodeName(receiver))]
    nodes = [NodeName(word) for word in words]
    return [(a, b) for a in nodes for b in nodes if a != b]
