"""The whole laboratory at work: nodes, client, and everything that watches them."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from twinbeat.scenario import Unmet

from . import files, kernel, topology
from .capture import Capture, Heartbeat
from .contender import Contender
from .files import Timing
from .kernel import MS
from .node import LogLine, Node
from .ownership import Ownership
from .topology import CLIENT, SEATS, SWITCH, VIRTUAL_IP, BuildError, Seat
from .twinbeat_daemon import TwinbeatDaemon
from .view import ClientView, Span

SAMPLE_S = 0.010
POLL_S = 0.025
FRESH = 60 * MS
"""A page this young is what the client sees now."""


Kind = Callable[[Seat, Timing], Contender]
"""Makes the daemon of a seat: the same program for both, or one for each."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that was done or seen, for the timeline and the story."""

    at: int
    text: str


class Stage:
    """Two nodes and a client, built on entry and gone on exit."""

    def __init__(self, timing: Timing, contender: Kind = TwinbeatDaemon) -> None:
        self.timing = timing
        self.heard: Callable[[Heartbeat], None] | None = None
        """Called with every heartbeat that passes the switch."""
        self.nodes = [Node(seat, contender(seat, timing)) for seat in SEATS]
        self.view = ClientView()
        self.ownership = Ownership(VIRTUAL_IP)
        self.marks: list[Mark] = []
        self.client_pid = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self._remove)
            await topology.build_switches()
            files.write_all(self.timing)
            for node in self.nodes:
                node.daemon.furnish()
                await self.power_on(node)
            undo.enter_context(self._capturing())
            await undo.enter_async_context(self._probing())
            await undo.enter_async_context(self._background(self._sample()))
            self._undo = undo.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._undo.aclose()

    @property
    def first(self) -> Node:
        """The preferred owner."""
        return self.nodes[0]

    @property
    def second(self) -> Node:
        """The other node."""
        return self.nodes[1]

    def mark(self, text: str) -> int:
        """Note that something is done or seen now, and return when."""
        at = kernel.now()
        self.marks.append(Mark(at, text))
        return at

    def lines_within(self, window: Span) -> list[LogLine]:
        """Return both nodes' log lines of the window in the order they were read."""
        lines = [line for node in self.nodes for line in node.lines_within(window)]
        return sorted(lines, key=lambda line: line.at)

    async def power_off(self, node: Node) -> None:
        """Cut a node's power; its kernel is asked no more, for that would keep it alive."""
        self.ownership.forget(node.name)
        await node.power_off()

    async def power_on(self, node: Node) -> None:
        """Build a node anew."""
        await node.power_on()
        self.ownership.watch(node.name, node.seat.namespace)

    def install(self, node: Node, kind: Kind) -> None:
        """Have another program as a node's daemon from its next start on, on the same files."""
        node.daemon = kind(node.seat, self.timing)
        node.daemon.furnish()
        node.daemon.boot()

    def owner_seen(self) -> str | None:
        """Return whose page the client sees now, or None."""
        return self.view.page_since(kernel.now() - FRESH)

    async def owner_told(self) -> str | None:
        """Return the owner of the group, if every daemon that runs names the same one as held."""
        told = {await node.daemon.owner() for node in self.nodes if node.daemon.running}
        return told.pop() if len(told) == 1 else None

    async def owned_by(self, owner: str) -> bool:
        """Tell whether the client and every daemon that runs agree on the owner."""
        return self.owner_seen() == owner and await self.owner_told() == owner

    async def until(
        self, condition: Callable[[], Awaitable[bool]], within: float, what: str
    ) -> None:
        """Wait until a condition holds; raises `Unmet` after `within` seconds."""
        deadline = kernel.now() + int(within * 1e9)
        while not await condition():
            self.check_laboratory()
            await self.check_daemons()
            if kernel.now() > deadline:
                raise Unmet(f"not within {within:.1f} s: {what}; {await self._seen_instead()}")
            await asyncio.sleep(POLL_S)

    async def settle(self) -> int:
        """Wait until every probe sent so far has been told, and return that moment."""
        end = kernel.now()
        while self.view.upto < end:
            self.check_laboratory()
            await asyncio.sleep(POLL_S)
        for node in self.nodes:
            node.read_log()
        return end

    async def reset(self) -> None:
        """After a step that went wrong: bring both nodes back to power, without a daemon."""
        for node in self.nodes:
            if node.powered:
                await self.power_off(node)
            await self.power_on(node)

    async def check_daemons(self) -> None:
        """Make sure that no daemon ended by itself; raises `Unmet`."""
        for node in self.nodes:
            if node.daemon.gone:
                code = await node.daemon.ended()
                raise Unmet(f"the daemon of {node.name} ended with {code}: {node.last_words()}")

    def check_laboratory(self) -> None:
        """Make sure that the laboratory itself still works; raises `BuildError`."""
        for task in self._tasks:
            if task.done():
                raise BuildError(f"the laboratory itself failed: {task.exception() or 'no client'}")

    async def _seen_instead(self) -> str:
        """Say whom the client sees and what every daemon tells: for whoever expected another."""
        seen = self.owner_seen() or "nobody"
        told = [await node.daemon.says() for node in self.nodes]
        return f"the client sees {seen}, {', '.join(told)}"

    @contextmanager
    def _capturing(self) -> Iterator[None]:
        self.capture = Capture()
        loop = asyncio.get_running_loop()
        loop.add_reader(self.capture.fileno(), self._capture)
        try:
            yield
        finally:
            loop.remove_reader(self.capture.fileno())
            self.capture.close()

    def _capture(self) -> None:
        for heartbeat in self.capture.drain():
            if self.heard is not None:
                self.heard(heartbeat)

    @asynccontextmanager
    async def _probing(self) -> AsyncIterator[None]:
        nodes = [word for seat in SEATS for word in ("--node", f"{seat.name}={seat.mac}")]
        client = await asyncio.create_subprocess_exec(
            *("ip", "netns", "exec", CLIENT, sys.executable, "-m", "twinbeat.lab.client"),
            *("--address", VIRTUAL_IP, *nodes),
            stdout=asyncio.subprocess.PIPE,
        )
        self.client_pid = client.pid
        try:
            async with self._background(self._listen(client)):

                async def probing() -> bool:
                    return self.view.upto > 0

                await self.until(probing, 10.0, "the client begins to probe")
                yield
        finally:
            with suppress(ProcessLookupError):
                client.kill()
            await client.wait()

    async def _listen(self, client: asyncio.subprocess.Process) -> None:
        if client.stdout is not None:
            async for line in client.stdout:
                self.view.take(line.decode())

    async def _sample(self) -> None:
        while True:
            self.ownership.sample()
            for node in self.nodes:
                node.read_log()
            await asyncio.sleep(SAMPLE_S)

    @asynccontextmanager
    async def _background(self, work: Coroutine[None, None, None]) -> AsyncIterator[None]:
        task = asyncio.create_task(work)
        self._tasks.append(task)
        try:
            yield
        finally:
            self._tasks.remove(task)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _remove(self) -> None:
        for node in self.nodes:
            if node.powered:
                await self.power_off(node)
        for namespace in (CLIENT, SWITCH):
            # One that was never built cannot be deleted, and need not be.
            with suppress(BuildError):
                await topology.command("ip", "netns", "delete", namespace)
