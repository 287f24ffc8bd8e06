"""Looking on: checkers, stories and recorders see what happens in a world, and change nothing."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from twinbeat.core.beat import Beat
from twinbeat.core.effects import Effect, Record
from twinbeat.core.events import Event
from twinbeat.core.units import GroupName, Instant

if TYPE_CHECKING:
    from .faults import Fault
    from .node import Node


class Watcher:
    """Somebody who looks on; each one overrides what it wants to see, and nothing else is told."""

    def heard(self, node: "Node", beat: Beat) -> None:
        """A running daemon takes in a beat that is newer than all it had of its sender."""

    def sent(self, node: "Node", beat: Beat) -> None:
        """A beat has left."""

    def started(self, node: "Node", group: GroupName) -> None:
        """The start of a group was ordered, and begins."""

    def announced(self, node: "Node", group: GroupName) -> None:
        """A daemon tells the neighbours again where a group's addresses are."""

    def kernel_changed(self, node: "Node") -> None:
        """What a kernel runs or answers for is another now."""

    def told(self, node: "Node", record: Record) -> None:
        """A daemon put a decision into its journal."""

    def handled(self, node: "Node", now: Instant, event: Event, effects: Sequence[Effect]) -> None:
        """An engine took in an event at its local time, and gave orders; none is performed yet."""

    def decided(self, node: "Node", now: Instant, effects: Sequence[Effect]) -> None:
        """The same, when a start or an entry of the journal is among the orders."""

    def lived(self, node: "Node", what: str) -> None:
        """A daemon or machine went through a turning point; what its kernel makes of it follows.

        `what` is `boot`, `kill`, `leave` (the daemon ended by itself), `power-off`, `freeze`,
        `thaw`, `pause` or `resume`. A boot is told before the first event of its life.
        """

    def outcome(self, node: "Node", event: Event) -> None:
        """A daemon takes in what became of an order to its agents, or what a look has shown."""

    def injected(self, fault: "Fault") -> None:
        """A fault begins."""

    def healed(self, fault: "Fault") -> None:
        """A fault ends."""


class Audience:
    """All who look on, by what they look at: what nobody wants to see costs nothing."""

    def __init__(self) -> None:
        self.heard: list[Callable[[Node, Beat], None]] = []
        self.sent: list[Callable[[Node, Beat], None]] = []
        self.started: list[Callable[[Node, GroupName], None]] = []
        self.announced: list[Callable[[Node, GroupName], None]] = []
        self.kernel_changed: list[Callable[[Node], None]] = []
        self.told: list[Callable[[Node, Record], None]] = []
        self.handled: list[Callable[[Node, Instant, Event, Sequence[Effect]], None]] = []
        self.decided: list[Callable[[Node, Instant, Sequence[Effect]], None]] = []
        self.lived: list[Callable[[Node, str], None]] = []
        self.outcome: list[Callable[[Node, Event], None]] = []
        self.injected: list[Callable[[Fault], None]] = []
        self.healed: list[Callable[[Fault], None]] = []

    def join(self, watcher: Watcher) -> None:
        """Tell a watcher, after all others, what it overrides."""
        for name, looking in vars(self).items():
            if getattr(type(watcher), name) is not getattr(Watcher, name):
                looking.append(getattr(watcher, name))
