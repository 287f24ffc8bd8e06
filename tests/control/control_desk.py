"""A real server on a real socket with a small handler of its own, for the tests of this room."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from twinbeat.control.credentials import Credentials
from twinbeat.control.protocol import ExitCode, Refused
from twinbeat.control.server import ControlServer

PATIENCE_S = 5.0


class Desk:
    """Answers with what it was asked, and keeps it; `blocked` holds every answer back."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any], Credentials]] = []
        self.blocked: asyncio.Event | None = None
        self.lines: list[tuple[str, str]] = []

    async def handle(self, do: str, args: dict[str, Any], who: Credentials) -> object:
        self.asked.append((do, args, who))
        if self.blocked is not None:
            await self.blocked.wait()
        if args.get("group") == "nothing":
            raise Refused(ExitCode.REFUSED, "There is no group nothing.")
        if args.get("group") == "trouble":
            raise ZeroDivisionError("trouble")
        return {"did": do, **args}

    def log(self, level: str, text: str) -> None:
        self.lines.append((level, text))


@asynccontextmanager
async def serving(path: Path, desk: Desk) -> AsyncIterator[ControlServer]:
    server = ControlServer(path, desk.handle, desk.log)
    await server.start()
    try:
        yield server
    finally:
        await server.close()


class Wire:
    """A bare connection, for what no client of ours would say."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def hear(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            line = await self.reader.readline()
        reply = json.loads(line)
        assert isinstance(reply, dict)
        return reply

    async def ask(self, data: bytes) -> dict[str, Any]:
        await self.say(data + b"\n")
        return await self.hear()

    async def at_end(self) -> bool:
        """Read what is left; true when the server has ended the connection."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                await self.reader.read()
            except ConnectionError:
                pass
        return True


@asynccontextmanager
async def wire(path: Path) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_unix_connection(path, limit=1 << 20)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, but not for ever."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.002)


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(30):
            await work()

    asyncio.run(bounded())
