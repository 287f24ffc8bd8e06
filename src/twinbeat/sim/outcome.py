"""What came of a run: the verdict, and the numbers that say how much was tried."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from twinbeat.core.units import SECOND, Duration, GroupName, Instant, NodeName

from .checkers.base import Checker, Violation
from .faults import Fault, FaultKind
from .node import Node
from .options import Options
from .schedule import Schedule
from .watch import Watcher
from .world import World

HOUR = 3600 * SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One run, judged."""

    options: Options
    schedule: Schedule
    violations: tuple[Violation, ...]
    span: Duration
    """Virtual time from the first boot to the end."""
    moves: int
    """How often a group began to be answered for by another node than before."""
    starts: int
    longest_without_owner: Duration
    """Longest time in which a group, once served, was answered for by nobody."""
    injected: Counter[FaultKind]
    drops: Counter[str]
    """Packets that were refused, by reason."""
    apart: dict[str, Duration]
    """How long, by stated limit, a promise did not hold where it is not given."""
    apart_count: Counter[str]

    @property
    def hours(self) -> float:
        """Cluster-hours of virtual time."""
        return self.span / HOUR


@dataclass(slots=True)
class Tally(Watcher):
    """Counts, and judges nothing."""

    world: World
    moves: int = 0
    starts: int = 0
    injections: Counter[FaultKind] = field(default_factory=Counter)
    longest: Duration = Duration(0)
    _owner: dict[GroupName, NodeName] = field(default_factory=dict)
    """Who answered for a group last."""
    _answering: dict[GroupName, frozenset[NodeName]] = field(default_factory=dict)
    _dark_since: dict[GroupName, Instant] = field(default_factory=dict)

    def started(self, node: Node, group: GroupName) -> None:
        """Count a start."""
        self.starts += 1

    def injected(self, fault: Fault) -> None:
        """Count a fault by its kind."""
        self.injections[fault.kind] += 1

    def kernel_changed(self, node: Node) -> None:
        """Note who answers now."""
        serving = set(node.kernel.serving())
        for group in serving | self._answering.keys():
            before = self._answering.get(group, frozenset())
            if (node.name in before) == (group in serving):
                continue
            self._answering[group] = before ^ {node.name}
            if group in serving:
                self._answers(group, node.name)
            elif not self._answering[group]:
                self._dark_since[group] = self.world.now

    def _answers(self, group: GroupName, name: NodeName) -> None:
        self._end_darkness(group)
        if self._owner.get(group, name) != name:
            self.moves += 1
        self._owner[group] = name

    def _end_darkness(self, group: GroupName) -> None:
        since = self._dark_since.pop(group, self.world.now)
        self.longest = max(self.longest, Duration(self.world.now - since))

    def finish(self) -> None:
        """End what still lasts."""
        for group in list(self._dark_since):
            self._end_darkness(group)


@dataclass(slots=True)
class Summary:
    """Many runs taken together."""

    runs: int = 0
    span: Duration = Duration(0)
    """Virtual time of all runs."""
    processor_s: float = 0.0
    """Processor time that the runs took."""
    moves: int = 0
    starts: int = 0
    longest_without_owner: Duration = Duration(0)
    longest_seed: int | None = None
    injected: Counter[FaultKind] = field(default_factory=Counter)
    drops: Counter[str] = field(default_factory=Counter)
    apart_count: Counter[str] = field(default_factory=Counter)
    apart_longest: dict[str, Duration] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    """The first complaint by seed."""

    def add(self, outcome: Outcome, processor_s: float) -> None:
        """Take one run in."""
        self.runs += 1
        self.span = Duration(self.span + outcome.span)
        self.processor_s += processor_s
        self.moves += outcome.moves
        self.starts += outcome.starts
        if outcome.longest_without_owner > self.longest_without_owner:
            self.longest_without_owner = outcome.longest_without_owner
            self.longest_seed = outcome.options.seed
        self.injected.update(outcome.injected)
        self.drops.update(outcome.drops)
        self.apart_count.update(outcome.apart_count)
        for limit, span in outcome.apart.items():
            self.apart_longest[limit] = max(span, self.apart_longest.get(limit, Duration(0)))
        if outcome.violations:
            self.failed[outcome.options.seed] = str(outcome.violations[0])

    @property
    def hours(self) -> float:
        """Cluster-hours of virtual time."""
        return self.span / HOUR

    @property
    def faults(self) -> int:
        """How many faults were injected."""
        return self.injected.total()

    @property
    def hours_per_core_minute(self) -> float:
        """Cluster-hours that one processor plays in a minute."""
        return self.hours * 60 / self.processor_s if self.processor_s else 0.0


def counted_apart(checkers: Iterable[Checker]) -> tuple[dict[str, Duration], Counter[str]]:
    """Return how long and how often each stated limit was needed."""
    spans: dict[str, Duration] = {}
    counts = Counter[str]()
    for checker in checkers:
        counts.update(checker.apart_count)
        for limit, span in checker.apart.items():
            spans[limit] = Duration(spans.get(limit, 0) + span)
    return spans, counts
