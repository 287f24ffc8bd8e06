"""The daemon's end of the control socket. Nothing a client does can hold up or end the daemon.

Each connection has one task that reads requests and one that writes lines from a bounded queue. An
answer waits for room in the queue, so a client that does not read only stops itself; an event
never waits: a subscriber whose queue is full is dropped and counted.
"""

import asyncio
import errno
import os
import socket
import stat
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from . import protocol
from .credentials import Credentials, admin_gid, credentials_of, may_change
from .protocol import ExitCode, Refused

Handler = Callable[[str, dict[str, Any], Credentials], Awaitable[object]]
"""`handle(do, args, who)` returns what JSON can say, or raises `Refused`. Arguments are checked."""

Log = Callable[[str, str], None]
"""`log(level, text)` with Heartbeat's levels: `ERROR`, `WARN`, `info`, `debug`."""

CONNECTIONS_MAX = 64
QUEUE_MAX = 256
"""Lines that may wait for one client."""
IDLE_S = 600.0
"""A connection without a request for so long is closed, unless it has subscribed."""
WRITE_S = 10.0
"""A client that has not taken its lines for so long is dropped."""
FLUSH_S = 0.5
"""How long `close` waits for the last answers to leave."""


class SocketTaken(Exception):  # noqa: N818 - it says what happened
    """The control socket cannot be ours; the text says why and what to do."""


class ControlServer:
    """Serves `path`; `handle` is called for one request of a connection at a time."""

    def __init__(self, path: Path, handle: Handler, log: Log) -> None:
        self.path = path
        self.dropped = 0
        """Subscribers dropped because they did not keep up."""
        self._handle = handle
        self._log = log
        self._admins = admin_gid()
        self._connections: set[_Connection] = set()
        self._serving: set[asyncio.Task[Any]] = set()
        self._server: asyncio.Server | None = None
        self._inode: int | None = None

    async def start(self) -> None:
        """Listen; raises `SocketTaken` with a sentence when that is not possible."""
        listening = _listen(self.path, self._admins)
        self._inode = self.path.stat().st_ino
        self._server = await asyncio.start_unix_server(
            self._serve, sock=listening, limit=protocol.LINE_MAX
        )

    def publish(self, event: Mapping[str, object]) -> None:
        """Tell every subscriber; returns at once, whatever they do."""
        subscribers = [c for c in self._connections if c.subscribed]
        if not subscribers:
            return
        line = protocol.encode_event(event)
        if line is None:
            self._log(
                "WARN", f"An event does not fit a line of {protocol.LINE_MAX} bytes: not told."
            )
            return
        for connection in subscribers:
            if not connection.offer(line):
                self._drop(connection)

    def _drop(self, connection: "_Connection") -> None:
        self.dropped += 1
        connection.subscribed = False
        connection.abort()
        self._log("WARN", f"A subscriber (pid {connection.who.pid}) did not keep up: dropped.")

    async def close(self) -> None:
        """Take no more requests, let the last answers leave, remove the socket."""
        if self._server is None:
            return
        self._server.close()
        await asyncio.gather(*(connection.flush(FLUSH_S) for connection in self._connections))
        serving = list(self._serving)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        try:
            if self.path.stat().st_ino == self._inode:
                self.path.unlink()
        except OSError:
            pass  # Somebody else removed it: what close wanted is done.
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            connection = _Connection(writer, credentials_of(writer.get_extra_info("socket")))
        except OSError:
            writer.transport.abort()
            return
        if len(self._connections) >= CONNECTIONS_MAX:
            full = Refused(ExitCode.REFUSED, f"{CONNECTIONS_MAX} others are connected: try again.")
            writer.write(protocol.encode_error(None, full))
            writer.close()
            return
        self._connections.add(connection)
        reading, writing = asyncio.current_task(), asyncio.create_task(self._write(connection))
        assert reading is not None  # asyncio runs this in a task of its own.
        self._serving.add(reading)
        try:
            await self._converse(reader, connection)
            await connection.flush(WRITE_S)
        except (OSError, TimeoutError):
            pass  # The client went away or fell silent: nobody is left to tell.
        except asyncio.CancelledError:
            pass  # The server closes; this task has nobody above it who needs to know.
        finally:
            self._serving.discard(reading)
            self._connections.discard(connection)
            writing.cancel()
            connection.abort()

    async def _write(self, connection: "_Connection") -> None:
        try:
            await connection.write()
        except TimeoutError:
            if connection.subscribed:
                self._drop(connection)
        except OSError:
            pass  # The client went away.
        connection.abort()

    async def _converse(self, reader: asyncio.StreamReader, connection: "_Connection") -> None:
        while True:
            try:
                async with asyncio.timeout(None if connection.subscribed else IDLE_S):
                    line = await reader.readline()
            except ValueError:
                long = Refused(ExitCode.USAGE, f"A line is at most {protocol.LINE_MAX} bytes.")
                await connection.answer(protocol.encode_error(None, long))
                return  # Where the next line begins is not known any more.
            if not line.endswith(b"\n"):
                return
            await connection.answer(await self._answer(line, connection))

    async def _answer(self, line: bytes, connection: "_Connection") -> bytes:
        """Carry out one request and return its answer, whatever happens."""
        request_id: protocol.Id = None
        try:
            request = protocol.decode_request(line)
            request_id = request.id
            args = protocol.checked_args(request)
            if request.do in protocol.CHANGING and not may_change(connection.who, self._admins):
                raise Refused(
                    ExitCode.NOT_ALLOWED,
                    f"User {connection.who.uid} may look but not {request.do}: that is for root "
                    "and the members of the group haclient.",
                )
            if request.do == "subscribe":
                connection.subscribed = True
                return protocol.encode_result(request_id, {"subscribed": True})
            result = await self._handle(request.do, args, connection.who)
            return protocol.encode_result(request_id, result)
        except Refused as refused:
            return protocol.encode_error(request_id, refused)
        except Exception as error:
            self._log("ERROR", f"A control request failed inside: {error!r}")
            inside = Refused(ExitCode.REFUSED, f"The daemon failed inside: {error!r}.")
            return protocol.encode_error(request_id, inside)


class _Connection:
    """One client: who it is, and the lines that wait for it."""

    def __init__(self, writer: asyncio.StreamWriter, who: Credentials) -> None:
        self.who = who
        self.subscribed = False
        self._writer = writer
        self._writer.transport.set_write_buffer_limits(high=0)  # drain() then means: it was taken.
        self._lines: asyncio.Queue[bytes] = asyncio.Queue(QUEUE_MAX)

    async def answer(self, line: bytes) -> None:
        """Queue an answer, waiting for room; raises `TimeoutError` when the client never reads."""
        async with asyncio.timeout(WRITE_S):
            await self._lines.put(line)

    def offer(self, line: bytes) -> bool:
        """Queue an event if there is room at once."""
        try:
            self._lines.put_nowait(line)
        except asyncio.QueueFull:
            return False
        return True

    async def write(self) -> None:
        """Carry lines from the queue to the client; raises `TimeoutError` when it takes none."""
        while True:
            line = await self._lines.get()
            async with asyncio.timeout(WRITE_S):
                self._writer.write(line)
                await self._writer.drain()
            self._lines.task_done()

    async def flush(self, seconds: float) -> None:
        """Wait until the queue is written out, but not longer than that."""
        try:
            async with asyncio.timeout(seconds):
                await self._lines.join()
        except TimeoutError:
            pass  # It had its time; what it did not take is lost with it.

    def abort(self) -> None:
        """End the connection now; the task that reads from it ends with it."""
        self._writer.transport.abort()


def _listen(path: Path, admins: int | None) -> socket.socket:
    """Bind, protect, then listen: nobody can connect before mode and group are set."""
    _remove_stale(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        listening.bind(str(path))
        path.chmod(0o660)
        _give_to(path, admins)
        listening.listen(CONNECTIONS_MAX)
    except OSError as error:
        listening.close()
        why = error.strerror or str(error)
        raise SocketTaken(f"The control socket {path} cannot be made: {why}.") from None
    listening.setblocking(False)
    return listening


def _give_to(path: Path, admins: int | None) -> None:
    """Let the group of administrators connect, where this process may say so."""
    if os.geteuid() != 0:
        return
    try:
        os.chown(path, 0, admins if admins is not None else 0)
    except OSError as error:
        # In a user namespace the group may have no number: then root alone connects.
        if error.errno not in (errno.EINVAL, errno.EPERM):
            raise


def _remove_stale(path: Path) -> None:
    """Remove what a dead daemon left; a living one and any other file are an error."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # Nothing there, or nothing we can see: bind will say so.
    if not stat.S_ISSOCK(mode):
        raise SocketTaken(f"{path} is not a socket: it is left alone; name another with --socket.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as probe:
        probe.setblocking(False)
        try:
            result = probe.connect_ex(str(path))
        except OSError as error:  # Longer than a socket's address can be.
            raise SocketTaken(f"The control socket {path} cannot be used: {error}.") from None
    if result in (errno.ECONNREFUSED, errno.ENOENT):
        path.unlink(missing_ok=True)
        return
    if result in (0, errno.EAGAIN):
        raise SocketTaken(f"A daemon already answers on {path}: stop it, or use another --socket.")
    raise SocketTaken(f"The control socket {path} cannot be tried: {os.strerror(result)}.")
