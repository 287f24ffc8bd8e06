"""Talk to a running daemon from asyncio.

    from twinbeat.control.client import Client

    async with Client("/run/twinbeat/control.sock") as cluster:
        status = await cluster.status()
        await cluster.handover("web", to="node2.example.com")
        async for event in cluster.subscribe():
            print(event)

Every method raises `Refused`, which carries an `ExitCode` and a sentence for a person: `NO_DAEMON`
when nobody answers, `NOT_ALLOWED` when the caller may not, `REFUSED` with the daemon's reason.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec

from . import protocol
from .credentials import credentials_of
from .protocol import ExitCode, Refused, Reply, Request
from .shapes import HistoryShape, MoveShape, StatusShape

ANSWER_S = 10.0
"""How long a daemon may take to answer before the client gives up."""

T = TypeVar("T")


def default_socket() -> Path:
    """Return the socket of `TWINBEAT_SOCKET`, or the usual one."""
    return Path(os.environ.get("TWINBEAT_SOCKET") or protocol.DEFAULT_SOCKET)


class Client:
    """One connection to one daemon; its requests are answered in order.

    `path` is the socket, `timeout` the seconds a daemon may take to answer. A `Client` may be
    entered again after it was left.
    """

    def __init__(self, path: Path | str | None = None, timeout: float = ANSWER_S) -> None:
        self.path = Path(path) if path is not None else default_socket()
        self.timeout = timeout
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._turn = asyncio.Lock()
        self._last_id = 0

    async def __aenter__(self) -> Self:
        self._streams = await _connect(self.path, self.timeout)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    def daemon_pid(self) -> int:
        """Return the daemon's process as the kernel names it; 0 from another PID namespace."""
        if self._streams is None:
            raise RuntimeError("a Client is used inside `async with`")
        return credentials_of(self._streams[1].get_extra_info("socket")).pid

    async def status(self) -> StatusShape:
        """Return what the daemon believes at this moment (`status --json`)."""
        return _as(await self.request("status"), StatusShape)

    async def parameters(self) -> dict[str, str]:
        """Return the directives of ha.cf by name, as it spells them, with Heartbeat's defaults."""
        return _as(await self.request("parameters"), dict[str, str])

    async def why(self, group: str) -> MoveShape:
        """Return the last move of a group, phase by phase; `Refused` when it never moved."""
        return _as(await self.request("why", group=group), MoveShape)

    async def history(self, limit: int = 100) -> HistoryShape:
        """Return the newest `limit` (1 to 2000) journal entries, as many as fit 64 KiB."""
        return _as(await self.request("history", limit=limit), HistoryShape)

    async def handover(self, group: str, to: str | None = None) -> None:
        """Move a group to a node, or to any other, and pin it there.

        Returns when the daemon has taken the order, not when the group has arrived.
        """
        await self.request("handover", group=group, to=to)

    async def failback(self, group: str) -> None:
        """Lift the pin of a group and move it to its preferred owner."""
        await self.request("failback", group=group)

    async def standby(self, on: bool, node: str | None = None) -> None:
        """Take a node (None: the answering one) out of service, or back in."""
        await self.request("standby", on=on, node=node)

    async def maintenance(self, on: bool, node: str | None = None) -> None:
        """Freeze the groups of a node (None: of the whole cluster), or thaw them."""
        await self.request("maintenance", on=on, node="*" if node is None else node)

    async def cleanup(self, group: str, node: str | None = None) -> None:
        """Vouch that a group may run again on a node (None: the answering one)."""
        await self.request("cleanup", group=group, node=node)

    async def clear(self, group: str | None = None) -> None:
        """Have the failures of a group (None: of every group) forgotten, on every node."""
        await self.request("clear", group=group)

    async def confirm(self, node: str) -> None:
        """Vouch that a node is switched off. If it is not, groups may run twice."""
        await self.request("confirm", node=node)

    async def reload(self) -> None:
        """Have the configuration read again."""
        await self.request("reload")

    async def stop(self) -> None:
        """Have the daemon release everything, tell its peers, and end."""
        await self.request("stop")

    async def subscribe(self) -> AsyncIterator[dict[str, Any]]:
        """Yield every event from now on, over a connection of its own.

        Ends with `Refused` (`NO_DAEMON`) when the daemon ends, or drops this client because it
        took events too slowly.
        """
        reader, writer = await _connect(self.path, self.timeout)
        try:
            await _say(writer, Request("subscribe", 0), self.timeout)
            while True:
                reply = await _hear(reader, None)
                if reply.ok is False:
                    raise _refusal(reply)
                if isinstance(reply.event, dict):
                    yield reply.event
        finally:
            writer.close()

    async def request(self, do: str, **args: object) -> Any:
        """Ask for one verb and return its result as it came."""
        if self._streams is None:
            raise RuntimeError("a Client is used inside `async with`")
        reader, writer = self._streams
        async with self._turn:
            self._last_id += 1
            await _say(writer, Request(do, self._last_id, args), self.timeout)
            reply = await _hear(reader, self.timeout)
            while reply.id not in (self._last_id, None):  # The late answer to one given up on.
                reply = await _hear(reader, self.timeout)
        if not reply.ok:
            raise _refusal(reply)
        return reply.result


async def _connect(path: Path, seconds: float) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.open_unix_connection(path, limit=protocol.LINE_MAX)
    except PermissionError:
        raise Refused(
            ExitCode.NOT_ALLOWED,
            f"You may not use {path}: that is for root and the members of its group.",
        ) from None
    except (OSError, TimeoutError) as error:
        why = getattr(error, "strerror", None) or str(error) or "it does not answer"
        raise Refused(ExitCode.NO_DAEMON, f"No daemon on {path}: {why}.") from None


async def _say(writer: asyncio.StreamWriter, request: Request, seconds: float) -> None:
    writer.write(protocol.encode_request(request))
    try:
        async with asyncio.timeout(seconds):
            await writer.drain()
    except (OSError, TimeoutError):
        pass  # A daemon that says why before it hangs up is still heard below.


async def _hear(reader: asyncio.StreamReader, seconds: float | None) -> Reply:
    try:
        async with asyncio.timeout(seconds):
            line = await reader.readline()
    except TimeoutError:
        raise Refused(ExitCode.NO_DAEMON, f"No answer from the daemon in {seconds:g} s.") from None
    except (OSError, ValueError):
        line = b""
    if not line.endswith(b"\n"):
        raise Refused(ExitCode.NO_DAEMON, "The daemon ended the connection.")
    return protocol.decode_reply(line)


def _refusal(reply: Reply) -> Refused:
    try:
        code = ExitCode(reply.code)  # type: ignore[arg-type]
    except ValueError:
        code = ExitCode.REFUSED
    return Refused(code, reply.error if isinstance(reply.error, str) else "Refused.")


def _as(result: object, shape: type[T]) -> T:
    try:
        return msgspec.convert(result, shape)
    except msgspec.ValidationError as error:
        reason = f"The daemon's answer has another shape than this client knows: {error}."
        raise Refused(ExitCode.REFUSED, reason) from None
