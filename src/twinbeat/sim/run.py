"""One run: boot, settle, faults, heal, judge, be quiet.

Safety is judged from the first instant to the last, under any fault. When every fault has ended and
the operator has tidied up, the bound of protocol.md 3 begins to run; after it every group must be
where it belongs, and then nothing may move any more.
"""

from collections import Counter
from collections.abc import Callable, Sequence

from twinbeat.core.beat import CLUSTER, Custody
from twinbeat.core.events import (
    CleanupRequested,
    ClearRequested,
    MaintenanceRequested,
    StandbyRequested,
)
from twinbeat.core.losses import MOST_FREE
from twinbeat.core.model import AgentKind, GroupSpec, Key, Keyring
from twinbeat.core.units import SECOND, Duration, GroupName, Instant

from .chance import Chance
from .checkers import all_checkers
from .checkers.bars import Bars
from .checkers.base import Checker, Phase, Violation
from .injector import Injector
from .node import Node
from .options import Options, model_of
from .outcome import Outcome, Tally, counted_apart
from .schedule import Schedule
from .watch import Watcher
from .weather import Weather
from .world import World

KEYRING = Keyring(1, {1: Key(1, "sha1", b"the nodes share it, the attacker does not")})
BOOTS = 3 * SECOND
"""The nodes boot within so much of each other."""
TIDY_MAX = 40
"""So many deadtimes at most the operator looks whether anything is left to tidy up ..."""
WAIT_MAX = 300 * SECOND
"""A bar that lasts longer is cleared."""
SLOWEST = 100
"""... and so many times as long as agents usually take: an order that began slowly goes on so."""

_UNDER_WAY = (Custody.UNKNOWN, Custody.ADOPTING, Custody.STARTING, Custody.STOPPING)
"""What agents are busy with."""


class Run:
    """A world, everybody who looks on, and the parts of the run."""

    def __init__(self, options: Options, schedule: Schedule) -> None:
        self.options = options
        self.schedule = schedule
        chance = Chance(options.seed)
        self.weather = Weather(options, chance)
        turns = range(options.nodes)
        models = {
            name: model_of(options, turn if options.differing else 0)
            for name, turn in zip(options.names, turns, strict=True)
        }
        self.world = World(models, self.weather, KEYRING)
        self._boots = chance.stream("boots")
        self.weather.clock = lambda: self.world.now
        self.injector = Injector(self.world, options, self.weather, chance)
        self._tally = Tally(self.world)
        self.checkers: Sequence[Checker]
        looking_on, self.checkers = all_checkers(self.world)
        self._bars = next(checker for checker in self.checkers if isinstance(checker, Bars))
        self.entering: list[Callable[[Phase], object]] = [c.enter for c in self.checkers]
        """Called when a part of the run begins."""
        self.watch(*looking_on, self._tally)
        self._requests = 0

    def watch(self, *watchers: Watcher) -> None:
        """Let others look on."""
        self.world.watch(*watchers)

    def play(self) -> Outcome:
        """Play all of it and return what came of it."""
        began = self.world.now
        self._settle()
        self._be_faulty()
        self._heal()
        self._be_quiet()
        for checker in self.checkers:
            checker.finish()
        self._tally.finish()
        return self._outcome(Duration(self.world.now - began))

    # The parts.

    def _settle(self) -> None:
        self._enter(Phase.SETTLING)
        for node in self.world.nodes.values():
            self.world.at(Instant(self.world.now + self._boots.randrange(BOOTS)), node.boot)
        self._pass(BOOTS + self.bound)

    def _be_faulty(self) -> None:
        self._enter(Phase.FAULTY)
        self.injector.plan(self.schedule)
        self._pass(self.options.span)

    def _heal(self) -> None:
        self.injector.heal_all()
        self.weather.calm = not self.options.lasting
        self._enter(Phase.TIDYING)
        deadtime = self.options.timing.deadtime
        most = Instant(self.world.now + TIDY_MAX * deadtime + SLOWEST * self.options.habits.longest)
        self._pass(deadtime)
        while self._tidy_up() and self.world.now < most:
            self._pass(deadtime)
            if wait := self._longest_wait():
                most = max(most, Instant(self.world.now + wait + deadtime))
        self._enter(Phase.HEALING)
        self._pass(self.bound)

    def _be_quiet(self) -> None:
        self._enter(Phase.QUIET)
        self._pass(4 * self.options.timing.deadtime)

    @property
    def bound(self) -> Duration:
        """The bound of L1: initdead, three deadtimes, the agents, and what a failback waits."""
        timing, agents = self.options.timing, self.options.habits.longest
        # A group that failed back to a node moves once more than one that was taken over.
        moves = 2 * agents * (self.options.groups + 1)
        return Duration(timing.initdead + 3 * timing.deadtime + self.options.failback.after + moves)

    def _enter(self, phase: Phase) -> None:
        for tell in self.entering:
            tell(phase)

    def _pass(self, span: int) -> None:
        self.world.run(Instant(self.world.now + span))

    # The operator, when all is healed.

    def _tidy_up(self) -> bool:
        """Clean up what failed, end what was switched on; return whether anything was left."""
        left = [self._tidy(node) for node in self.world.nodes.values()]
        return any(left)

    def _tidy(self, node: Node) -> bool:
        engine = node.engine
        if engine is None or engine.word != "active":
            return True
        left = any(group.custody in _UNDER_WAY for group in engine.groups.values())
        for name, group in list(engine.groups.items()):
            if group.custody is Custody.UNCLEAN:
                node.tell(CleanupRequested(self._request(), name, node.name))
            elif group.view().failed:
                if not self._waits_for(node, name):
                    node.tell(ClearRequested(self._request(), name))
            elif not group.custody.owns or self._whole(node, group.spec):
                continue
            left = True
        if any(peer.losses.count(node.clock.now) > MOST_FREE for peer in engine.members):
            node.tell(ClearRequested(self._request(), None))
            left = True
        for switched in (*self.options.names, CLUSTER):
            if (switch := engine.standby.get(switched)) is not None and switch.on:
                node.tell(StandbyRequested(self._request(), switched, False))
                left = True
            if (switch := engine.maintenance.get(switched)) is not None and switch.on:
                node.tell(MaintenanceRequested(self._request(), switched, False))
                left = True
        return left

    def _whole(self, node: Node, spec: GroupSpec) -> bool:
        """Whether every resource runs; what does not is found by a look that is to come."""
        processes = {each.name for each in spec.resources if each.agent is not AgentKind.IP}
        return processes <= set(node.kernel.processes(spec.name))

    def _waits_for(self, node: Node, group: GroupName) -> bool:
        """Whether the operator leaves a bar to itself."""
        return self.options.care.waits and self._bars.left(node, group) <= WAIT_MAX

    def _longest_wait(self) -> Duration:
        nodes, groups = self.world.nodes.values(), self.world.nodes[self.options.names[0]].model
        lefts = [self._bars.left(node, spec.name) for node in nodes for spec in groups.groups]
        return max((left for left in lefts if left <= WAIT_MAX), default=Duration(0))

    def _request(self) -> int:
        self._requests += 1
        return self._requests

    def _outcome(self, span: Duration) -> Outcome:
        apart, apart_count = counted_apart(self.checkers)
        violations: list[Violation] = [v for c in self.checkers for v in c.violations]
        drops = Counter[str]()
        for node in self.world.nodes.values():
            drops.update(node.drops)
        return Outcome(
            options=self.options,
            schedule=self.schedule,
            violations=tuple(sorted(violations, key=lambda v: v.at)),
            span=span,
            moves=self._tally.moves,
            starts=self._tally.starts,
            longest_without_owner=self._tally.longest,
            injected=self._tally.injections,
            drops=drops,
            apart=apart,
            apart_count=apart_count,
        )
