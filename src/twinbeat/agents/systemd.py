"""systemd over D-Bus: start and stop units as jobs, and read what they are.

Interface org.freedesktop.systemd1. The end of a job is a signal, JobRemoved, that may come before
the reply that names the job: so it is subscribed to before the first job, and early ends are kept.
A lost connection loses signals; whoever waits then reads the unit again.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from dbus_fast import BusType, Message, MessageType
from dbus_fast.aio import MessageBus

from .base import AgentError, Log

NAME = "org.freedesktop.systemd1"
_PATH = "/org/freedesktop/systemd1"
_MANAGER, _UNIT, _JOB = f"{NAME}.Manager", f"{NAME}.Unit", f"{NAME}.Job"
_PROPERTIES = "org.freedesktop.DBus.Properties"
_MATCHES = (
    f"type='signal',sender='{NAME}',interface='{_MANAGER}',member='JobRemoved'",
    f"type='signal',sender='{NAME}',interface='{_PROPERTIES}',member='PropertiesChanged',"
    f"path_namespace='{_PATH}/unit'",
)
_REPLY_LIMIT = 25.0
"""Seconds for an answer, D-Bus's own default: systemd reads unit files before some of them."""
_TRY_AGAIN = 5.0
"""Seconds before somebody who waits for a change asks again for a unit that cannot be asked for."""
_EARLY_ENDS = 256
"""Ends of jobs that are remembered, of anybody's jobs."""

RESULTS = {
    "done": "it was carried out",
    "failed": "the unit failed",
    "timeout": "it took longer than the unit itself allows",
    "canceled": "somebody cancelled it, or ordered the contrary",
    "dependency": "another unit that this one needs did not start",
    "skipped": "it does not apply to the unit in its present state",
    "invalid": "it does not fit the unit's state",
    "unsupported": "this system has no such kind of unit",
    "assert": "an assertion in the unit's file was not met",
    "collected": "the unit was unloaded meanwhile",
    "once": "the unit may start only once, and has",
}
"""What the result of a job means (org.freedesktop.systemd1(5), JobRemoved)."""


class BusError(AgentError):
    """systemd could not be asked; the text says why."""


@dataclass(frozen=True, slots=True)
class UnitState:
    """What systemd says of one unit."""

    active: str
    """`active`, `reloading`, `inactive`, `failed`, `activating`, `deactivating` ..."""
    sub: str
    load: str
    """`loaded`, `not-found`, `masked`, `error` ..."""
    enabled: str
    """`enabled`, `disabled`, `static` ...: whether something but the cluster may start it."""
    description: str = ""
    run: str = ""
    """systemd's name for this run of the unit: each start gives a new one (InvocationID)."""

    def __str__(self) -> str:
        return f"{self.active} ({self.sub})"


class Systemd:
    """The connection of one daemon to systemd; made at the first need, and again when it broke."""

    def __init__(self, log: Log, address: str | None = None) -> None:
        """`address` is that of a bus; None: the system's."""
        self._log = log
        self._address = address
        self._bus: MessageBus | None = None
        self._turn = asyncio.Lock()
        self._waiting: dict[str, asyncio.Future[str | None]] = {}
        self._early: OrderedDict[str, str] = OrderedDict()
        self._changes: dict[str, asyncio.Event] = {}
        self._paths: dict[str, str] = {}

    async def job(self, verb: str, unit: str, limit: float) -> str | None:
        """Carry out `StartUnit` or `StopUnit` and return the job's result.

        None: the connection broke meanwhile, or the time was up and the job was cancelled (then
        `TimeoutError` is raised). Raises `BusError` when the order was not taken.
        """
        path: str
        (path,) = await self._ask(_PATH, _MANAGER, verb, "ss", unit, "replace")
        if path in self._early:
            return self._early.pop(path)
        ended: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._waiting[path] = ended
        try:
            async with asyncio.timeout(limit):
                return await ended
        except TimeoutError:
            await self._cancel(path)
            raise
        finally:
            self._waiting.pop(path, None)

    async def state(self, unit: str) -> UnitState:
        """Read what the unit is now; raises `BusError`."""
        path = await self._path(unit)
        (said,) = await self._ask(path, _PROPERTIES, "GetAll", "s", _UNIT)
        words = {name: str(value.value) for name, value in said.items()}
        return UnitState(
            active=words.get("ActiveState", "unknown"),
            sub=words.get("SubState", ""),
            load=words.get("LoadState", "unknown"),
            enabled=words.get("UnitFileState", ""),
            description=words.get("Description", ""),
            run=bytes(said["InvocationID"].value).hex() if "InvocationID" in said else "",
        )

    async def result(self, unit: str) -> str:
        """Return why a service failed, in systemd's word (`exit-code`); empty when unknown."""
        try:
            path = await self._path(unit)
            (said,) = await self._ask(path, _PROPERTIES, "Get", "ss", f"{NAME}.Service", "Result")
        except BusError:
            return ""
        return str(said.value)

    async def changed(self, unit: str) -> None:
        """Return when systemd said that the unit changed since this returned last.

        It also returns when the connection broke: what was told meanwhile is lost.
        """
        try:
            path = await self._path(unit)
        except BusError:
            await asyncio.sleep(_TRY_AGAIN)
            return
        change = self._changes.setdefault(path, asyncio.Event())
        await change.wait()
        change.clear()

    async def names(self) -> dict[str, str]:
        """Return every service that has a unit file, and whether it is enabled."""
        (files,) = await self._ask(_PATH, _MANAGER, "ListUnitFiles", "")
        found = {str(path).rpartition("/")[2]: str(enabled) for path, enabled in files}
        return {name: found[name] for name in sorted(found) if name.endswith(".service")}

    def close(self) -> None:
        """Hang up."""
        if self._bus is not None:
            self._bus.disconnect()

    async def _path(self, unit: str) -> str:
        """Load the unit, which also makes systemd tell its changes, and return its object."""
        if unit not in self._paths or not self._alive:
            (path,) = await self._ask(_PATH, _MANAGER, "LoadUnit", "s", unit)
            self._paths[unit] = path
        return self._paths[unit]

    async def _cancel(self, path: str) -> None:
        try:
            await self._ask(path, _JOB, "Cancel", "")
        except BusError as error:
            self._log("WARN", f"a job of systemd could not be cancelled: {error}")

    async def _ask(self, path: str, interface: str, member: str, kinds: str, *body: Any) -> Any:
        """Call one method and return the body of its reply; raises `BusError`."""
        bus = await self._connected()
        message = Message(
            destination=NAME, path=path, interface=interface, member=member,
            signature=kinds, body=list(body),
        )  # fmt: skip
        return await self._call(bus, message)

    async def _call(self, bus: MessageBus, message: Message) -> Any:
        try:
            async with asyncio.timeout(_REPLY_LIMIT):
                reply = await bus.call(message)
        except TimeoutError:
            why = f"systemd does not answer {message.member} within {_REPLY_LIMIT:.0f} s"
            raise BusError(why) from None
        except Exception as error:  # The library raises whatever the socket does.
            self._lose(bus)
            raise BusError(f"the connection to systemd broke: {_words(error)}") from None
        if reply is None:
            raise BusError(f"systemd does not answer {message.member}")
        if reply.message_type is MessageType.ERROR:
            text = reply.body[0] if reply.body else reply.error_name
            raise BusError(f"systemd refuses {message.member}: {text}")
        return reply.body

    @property
    def _alive(self) -> bool:
        return self._bus is not None and self._bus.connected

    async def _connected(self) -> MessageBus:
        """Return the connection, a new one when there is none; raises `BusError`."""
        async with self._turn:
            if self._bus is not None and self._bus.connected:
                return self._bus
            self._paths.clear()
            try:
                async with asyncio.timeout(_REPLY_LIMIT):
                    bus = await MessageBus(self._address, BusType.SYSTEM).connect()
            except Exception as error:  # Whatever the library, the socket or the address gives.
                raise BusError(
                    f"systemd cannot be reached over D-Bus: {_words(error)}; is dbus running?"
                ) from None
            bus.add_message_handler(self._hear)
            for match in _MATCHES:
                await self._call(bus, _match(match))
            subscribe = Message(
                destination=NAME, path=_PATH, interface=_MANAGER, member="Subscribe"
            )
            try:
                await self._call(bus, subscribe)
            except BusError:
                bus.disconnect()
                raise
            self._bus = bus
            self._watch = asyncio.create_task(self._mourn(bus), name="systemd: connection")
            return bus

    async def _mourn(self, bus: MessageBus) -> None:
        """Wait for the end of a connection, and send everybody who waits back to read again."""
        try:
            await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
        except Exception as error:
            self._log("WARN", f"the connection to systemd broke: {_words(error)}")
        self._lose(bus)

    def _lose(self, bus: MessageBus) -> None:
        if self._bus is bus:
            self._bus = None
        for ended in self._waiting.values():
            if not ended.done():
                ended.set_result(None)
        for change in self._changes.values():
            change.set()

    def _hear(self, message: Message) -> None:
        """Take in a signal; one of another shape is somebody else's."""
        if message.message_type is not MessageType.SIGNAL:
            return
        if message.member == "JobRemoved" and message.signature == "uoss":
            _, path, _, result = message.body
            ended = self._waiting.get(path)
            if ended is None:
                self._early[path] = result
                if len(self._early) > _EARLY_ENDS:
                    self._early.popitem(last=False)
            elif not ended.done():
                ended.set_result(result)
        elif message.member == "PropertiesChanged" and message.signature == "sa{sv}as":
            change = self._changes.get(message.path or "")
            if change is not None and {"ActiveState", "SubState"} & message.body[1].keys():
                change.set()


def _match(rule: str) -> Message:
    return Message(
        destination="org.freedesktop.DBus", path="/org/freedesktop/DBus",
        interface="org.freedesktop.DBus", member="AddMatch", signature="s", body=[rule],
    )  # fmt: skip


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
