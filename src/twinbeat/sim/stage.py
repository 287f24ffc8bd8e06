"""The simulator as the stage of a scenario: a world without chance, in which the script rules.

Everything takes a fixed time, so that a transcript can be checked by hand: 1 ms a packet, 2 ms
until a group's address is up and 30 ms until all of it is started, 10 ms to stop or clear it.
Nothing is lost unless the script says so.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain, count, permutations

from twinbeat.config.diagnostics import Diagnostic
from twinbeat.core.events import LeaseLapsed
from twinbeat.core.model import Key, Keyring
from twinbeat.core.units import MS, Duration, GroupName, Instant, LinkName, NodeName
from twinbeat.scenario import (
    Line,
    Paragraph,
    Player,
    Script,
    Unmet,
    View,
    at_once,
    mishaps,
    printed,
)
from twinbeat.scenario import steps as do
from twinbeat.scenario.setting import Setting

from . import looks, mishap
from .answers import Answers
from .checkers import Violation, all_checkers
from .checkers.causes import Causes
from .checkers.placed import Placed
from .devices import Manner
from .faults import Fault, FaultKind
from .journals import Journals
from .nature import ARRIVES, PACKET, Nature
from .node import Node
from .requests import outcome_of, request_of
from .store import Loss
from .transcript import Transcript
from .world import World

KEYRING = Keyring(1, {1: Key(1, "sha1", b"scenario")})
LONELY = "the simulator knows twinbeat alone"
HINT = "play the scenario with `twinbeat lab --scenario`"
LOOK = Duration(1 * MS)
"""How much time passes between two looks."""


class Fates(Nature):
    """A nature that loses exactly the packets that a script names."""

    def __init__(self) -> None:
        self.fates: dict[tuple[NodeName, NodeName], deque[str]] = {}

    def packet(self, sender: NodeName, receiver: NodeName, link: LinkName) -> Sequence[Duration]:
        """Let the packet arrive, or not."""
        fates = self.fates.get((sender, receiver))
        return () if fates and fates.popleft() == "x" else ARRIVES


class SimStage:
    """One simulated cluster after another, as the script builds them."""

    def __init__(self) -> None:
        self._setting = Setting()
        self._requests = count(1)
        self._printed: list[str] = []
        self._earlier: list[Violation] = []
        """The promises that were broken in earlier clusters."""
        self._build()

    def _build(self) -> None:
        self._nature = Fates()
        model = self._setting.model()
        self.world = World(dict.fromkeys(model.nodes, model), self._nature, KEYRING)
        self._said: dict[NodeName, bytes] = {}
        """What each node sent last."""
        self._recordings: dict[NodeName, bytes] = {}
        self.world.network.taps.append(self._said.__setitem__)
        self._answers, self._journals = Answers(self.world), Journals(self.world.now)
        self._transcript = Transcript(self.world)
        # A script may end at any moment, with everything broken: only safety is judged.
        watchers, checkers = all_checkers(self.world)
        self._checkers = [c for c in checkers if not isinstance(c, Placed | Causes)]
        safe = [w for w in watchers if not isinstance(w, Placed | Causes)]
        self.world.watch(*safe, self._answers, self._journals, self._transcript)

    @property
    def violations(self) -> list[Violation]:
        """The promises of safety that were broken so far."""
        return [*self._earlier, *(v for checker in self._checkers for v in checker.violations)]

    def printed(self) -> list[str]:
        """Return what was printed since the last call."""
        lines, self._printed = [*self._printed, *self._drain()], []
        return lines

    def _drain(self) -> list[str]:
        lines, self._transcript.lines = self._transcript.lines, []
        return lines

    def _print(self, lines: Iterable[str]) -> None:
        self._printed += [*self._drain(), *lines]

    # Time.

    @property
    def now(self) -> Instant:
        """True time."""
        return self.world.now

    async def begin(self, paragraph: Paragraph) -> None:
        """Nothing: what is measured is asked for by its time."""

    async def pass_time(self, span: Duration) -> None:
        """Let virtual time pass."""
        self.world.run(Instant(self.world.now + span))

    async def look_again(self) -> None:
        """Let a millisecond pass."""
        await self.pass_time(LOOK)

    # What is done.

    async def perform(self, line: Line) -> str | None:
        """Do what a line says; return why an operator's command was refused, else None."""
        step, refused = line.step, None
        self._transcript.by_hand = True
        match step:
            case do.Cluster():
                self._setting = self._setting.changed(step)
                self._earlier = self.violations
                self._build()
            case do.Command():
                refused = self._ask(step)
            case do.ToNodes(nodes):
                for name in nodes:
                    self._do_to(self.world.nodes[name], step)
            case do.Reload(nodes):
                for name in nodes:
                    self.world.nodes[name].reload(self._setting.changed(step).model())
            case _:
                self._do(step)
        self._transcript.by_hand = False
        return refused

    def _do_to(self, node: Node, step: do.ToNodes) -> None:
        match step:
            case do.Boot():
                node.boot()
            case do.Shutdown():
                node.shutdown()
            case do.PowerOff():
                node.power_off()
            case do.Kill():
                node.kill()
            case do.Freeze():
                node.freeze()
            case do.Thaw():
                node.thaw()
            case do.Pause():
                node.pause()
            case do.Resume():
                node.resume()
            case do.Forget():
                node.forget()
            case do.PingLost(_, only):
                pings = [ping.name for ping in node.model.pings]
                node.unseen.update(pings if only is None else pings[only - 1 :][:1])
            case do.PingBack():
                node.unseen.clear()

    def _do(self, step: do.Step) -> None:
        network, nodes = self.world.network, self.world.nodes
        match step:
            case do.Cut(cables):
                for sender, receiver in chain(*cables):
                    network.cut(sender, receiver)
            case do.Heal(cables):
                for sender, receiver in chain(*cables) if cables else permutations(nodes, 2):
                    network.mend(sender, receiver)
            case do.Lose(path, fates):
                self._nature.fates[path] = deque(fates)
            case mishaps.RecordBeat(node):
                if node not in self._said:
                    raise Unmet(f"{node} sent nothing yet that could be recorded")
                self._recordings[node] = self._said[node]
            case mishaps.ReplayBeat((sender, receiver)):
                if sender not in self._recordings:
                    raise Unmet(f"there is no recording of {sender}")
                network.inject(receiver, self._recordings[sender])
            case mishaps.Mend():
                for each in nodes.values():
                    mishap.mend(each)
            case mishaps.Kernel(verb, group, node):
                self._meddle(nodes[node], verb, group)
            case do.Tell(node, outcome, group, op):
                nodes[node].tell(outcome_of(outcome, op, group, self._setting.script))
            case do.Device(manner, node):
                self._furnish(node, Manner(manner))
            case do.Devices(way):
                self.world.devices.reboots = way == "reboot"
            case do.Arbiter(state):
                self.world.arbiter.down = state == "down"
            case do.ArbiterSlow(span):
                self.world.arbiter.slow = span
            case do.ArbiterLoses("nothing", node):
                self.world.arbiter.losses.pop(node, None)
            case do.ArbiterLoses(what, node):
                self.world.arbiter.losses[node] = Loss(what)
            case _:
                if not mishap.befall(nodes, step):
                    self._show(step)

    def _show(self, step: do.Step) -> None:
        match step:
            case do.Matrix():
                self._print(looks.matrix(self.world))
            case do.ShowStatus(node):
                self._print(looks.status(self.world.nodes[node]))
            case do.ShowWhy(group, node):
                self._print(self._journals.story(node, group))
            case do.Serving():
                self._print(looks.serving(self.world, self.groups(), self._answers.dual))
            case _:
                raise TypeError(f"nobody knows how to play {step!r}")

    def _meddle(self, node: Node, verb: str, group: GroupName) -> None:
        match verb:
            case "drops":
                node.kernel.delete_lease(group)
                self.world.at(
                    Instant(self.now + PACKET), lambda: node.tell(LeaseLapsed(group, "it is gone"))
                )
            case "refuses":
                node.kernel.refused.add(group)
            case "accepts":
                node.kernel.refused.clear()

    def _furnish(self, node: NodeName, manner: Manner) -> None:
        """Let a device behave, and those who judge know of a lie."""
        lie = Fault(0, FaultKind.FENCING_LIES, Duration(0), Duration(0), (node,))
        tell = self.world.tell_injected if manner is Manner.LIES else self.world.tell_healed
        tell(lie)
        self.world.devices.manners[node] = manner

    def _ask(self, step: do.Command) -> str | None:
        running = (name for name, node in self.world.nodes.items() if node.running)
        asked = getattr(step, "at", None) or next(running, None)
        if asked is None:
            raise Unmet("no daemon runs that could be asked")
        node, request = self.world.nodes[asked], next(self._requests)
        node.tell(request_of(step, request))
        refused = node.replies.get(request)
        if refused is not None:
            self._print([f"{asked} refuses: {refused}"])
        return refused

    # What is seen.

    async def views(self) -> dict[NodeName, View]:
        """Return what the daemons that run say."""
        running = [node for node in self.world.nodes.values() if node.running]
        return {node.name: _view(node) for node in running}

    def groups(self) -> tuple[GroupName, ...]:
        """Return the groups that any node is configured with."""
        models = (node.model for node in self.world.nodes.values())
        return tuple(dict.fromkeys(spec.name for model in models for spec in model.groups))

    def serving(self, group: GroupName) -> tuple[NodeName, ...]:
        """Return the nodes whose kernels answer."""
        return tuple(self.world.serving(group))

    async def gap(self, group: GroupName, since: Instant) -> Duration:
        """Return the longest time in which no kernel answered."""
        return self._answers.gap(group, since)

    async def by_two(self, group: GroupName, since: Instant) -> Duration:
        """Return for how long more than one kernel answered."""
        return self._answers.by_two(group, since)

    async def changes(self, since: Instant) -> list[str]:
        """Tell which kernels began or ceased to answer."""
        return self._answers.since(since)

    async def causes(self, group: GroupName) -> dict[NodeName, str]:
        """Return the cause of the group's last move as the daemons that run tell it."""
        running = [name for name, node in self.world.nodes.items() if node.running]
        return {name: self._journals.cause(name, group) for name in running}

    def ended(self, node: NodeName) -> bool:
        """Tell whether the daemon ended by itself, having released everything."""
        return self.world.nodes[node].left is True


def _view(node: Node) -> View:
    assert node.engine is not None
    status = node.engine.status(node.clock.now)
    return View(
        {name: seen.state for name, seen in status.nodes.items()},
        {name: group.owner for name, group in status.groups.items()},
        frozenset(name for name, group in status.groups.items() if group.state == "held"),
        status.flags,
    )


@dataclass
class Play:
    """What came of a script."""

    script: Script
    outputs: list[tuple[Paragraph, list[str]]] = field(default_factory=list)
    """What each paragraph that was played printed."""
    findings: list[Diagnostic] = field(default_factory=list)
    """What is not as the script expects."""
    violations: list[Violation] = field(default_factory=list)
    """Promises of safety that were broken, by whatever the script did."""

    @property
    def text(self) -> str:
        """The script with the output of now, as far as it was played."""
        return printed(self.outputs)

    @property
    def changed(self) -> bool:
        """Whether a transcript's output is another one than it was when it was written."""
        return self.script.transcript and self.text != self.script.text


def check(script: Script) -> None:
    """Make sure that the simulator can play a script; raises `ScriptError` naming every line."""
    script.refuse(
        ((line, LONELY) for line in script.lines if isinstance(line.step, do.Install)), HINT
    )


def play(script: Script) -> Play:
    """Play a script that was checked in the simulator."""
    return at_once(_play(script))


async def _play(script: Script) -> Play:
    stage, came = SimStage(), Play(script)
    player = Player(script, stage)
    async for paragraph in player.paragraphs():
        came.outputs.append((paragraph, stage.printed()))
    came.findings, came.violations = player.findings, stage.violations
    return came
