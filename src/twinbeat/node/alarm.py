"""Where asyncio sleeps, and is woken for the next turn.

asyncio's own timers and readers are made for what is rare. To cancel one timer and arm another with
every heartbeat, and to run each packet's callback in a context of its own, took about 35 of the 900
microseconds that a heartbeat cost an idle node. So the one instant that matters and the links are
kept here instead.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from twinbeat.core.units import NEVER, SECOND, Instant, milliseconds

from . import clock

T = TypeVar("T")

CLEAR = milliseconds(25)
"""What would hold up the loop begins so long before the next ring, or behind it: a command's birth,
and what the loop has to do when it ends soon afterwards."""

_HEARTBEATS = object()
"""Marks the descriptors of which asyncio knows nothing."""


class Alarm(selectors.EpollSelector):
    """The selector of asyncio's loop. It calls `ring` for a packet and when `due` has come."""

    def __init__(self) -> None:
        super().__init__()
        self.due: Instant = NEVER
        """When to ring next; whoever is called sets it anew."""
        self.ring: Callable[[], None] = self._silent

    def run(self, life: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine as `asyncio.run` does, in a loop that sleeps here."""
        with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(self)) as runner:
            return runner.run(life)

    def listen(self, descriptor: int) -> None:
        """Ring also when a descriptor is readable, until it is given to `unregister`."""
        self.register(descriptor, selectors.EVENT_READ, _HEARTBEATS)

    async def gap(self) -> None:
        """Return in another turn of the loop, and behind the next ring where that is near."""
        left = self.due - clock.now()
        await asyncio.sleep(left / SECOND if 0 < left < CLEAR else 0)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for a descriptor, for the loop's own timers, or for the alarm."""
        if self.due < NEVER:
            left = max(0, self.due - clock.now()) / SECOND
            timeout = left if timeout is None else min(timeout, left)
        ready = super().select(timeout)
        others = [event for event in ready if event[0].data is not _HEARTBEATS]
        if len(others) < len(ready) or clock.now() >= self.due:
            self.ring()
        return others

    def _silent(self) -> None:
        self.due = NEVER
