"""A process that takes orphans in, as the daemon does, for the length of one story."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable

from twinbeat.agents.base import Log
from twinbeat.agents.orphans import leave, orphans, see_off, take_in


def tell(story: Callable[[], Awaitable[None]], *, log: Log, within_s: float) -> None:
    """Run a story in a process that takes orphans in, and end what it leaves."""

    async def told() -> None:
        take_in(log)
        try:
            async with asyncio.timeout(within_s):
                await story()
        finally:
            while left := orphans():
                for pid in left:
                    os.kill(pid, signal.SIGKILL)
                await asyncio.sleep(0.005)
                see_off()
            leave()

    asyncio.run(told())
