"""The decision loop: one event in, all its effects out, then sleep until the next deadline.

A turn takes in every packet that waits on any link, then what agents and operators reported, and
only then lets time pass: a node that was away must not judge its peers by its own sleep. Events
that a turn gives rise to wait for the next one, so that no chain of them can keep the packets out.
At its end come the chores that may be done by now.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from twinbeat.core.effects import Effect
from twinbeat.core.events import Event, Started, TimePassed
from twinbeat.core.units import LONG_AGO, NEVER, Instant

from . import clock
from .alarm import Alarm
from .chores import Chores


class Decider(Protocol):
    """What the loop asks of the engine, or of what stands before it."""

    def handle(self, event: Event, now: Instant) -> list[Effect]:
        """Take in one fact and return the orders that follow from it."""

    def next_deadline(self) -> Instant:
        """Return when `TimePassed` is due even if nothing else happens."""


class DecisionLoop:
    """Feeds the engine. `failed` is called when a decision itself raised: nothing goes on then."""

    def __init__(self, alarm: Alarm, failed: Callable[[Exception], None], chores: Chores) -> None:
        self._alarm = alarm
        self._failed = failed
        self._chores = chores
        self._engine: Decider | None = None
        self._inbox: deque[Event] = deque()
        self._due: Instant = NEVER

    def begin(
        self,
        engine: Decider,
        receive: Callable[[], Iterable[Event]],
        perform: Callable[[Effect, Instant], None],
    ) -> None:
        """Tell the engine that it has started, and take turns from now on."""
        self._engine, self._receive, self._perform = engine, receive, perform
        self._alarm.ring = self.turn
        self._inbox.appendleft(Started())
        self.turn()

    def post(self, event: Event) -> None:
        """Queue an event for the next turn, which comes at once; before `begin` it just waits.

        Each order has one outcome and each client one request at a time, so the queue is bounded
        by what is going on.
        """
        self._inbox.append(event)
        if self._engine is not None:
            self._alarm.due = LONG_AGO

    def end(self) -> None:
        """Take no more turns."""
        self._engine = None
        self._alarm.due = NEVER

    def turn(self) -> None:
        """Take in all there is, then let time pass, then sleep until it matters again."""
        try:
            self._take_in()
            for _ in range(len(self._inbox)):
                self._handle(self._inbox.popleft())
            if clock.now() >= self._due:
                self._handle(TimePassed())
            self._chores.do(clock.now())
            if self._engine is not None:
                self._due = self._engine.next_deadline()
                self._alarm.due = LONG_AGO if self._inbox else min(self._due, self._chores.due)
        except Exception as error:
            self.end()
            self._failed(error)

    def _take_in(self) -> None:
        for event in self._receive():
            self._handle(event)

    def _handle(self, event: Event) -> None:
        if self._engine is not None:
            now = clock.now()
            for effect in self._engine.handle(event, now):
                self._perform(effect, now)
