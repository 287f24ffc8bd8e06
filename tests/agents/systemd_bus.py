"""A private D-Bus daemon, and on it a small systemd whose units a test commands.

It keeps to what org.freedesktop.systemd1(5) says of the calls and signals that are used here.
"""

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

NAME, ROOT = "org.freedesktop.systemd1", "/org/freedesktop/systemd1"

CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={socket}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow own="*"/>
<allow receive_sender="*"/></policy></busconfig>"""


@contextmanager
def private_bus(directory: Path) -> Iterator[str]:
    """Run a dbus-daemon until the block ends, and give its address."""
    socket = directory / "bus"
    file = directory / "bus.conf"
    file.write_text(CONFIGURATION.format(socket=socket))
    command = ["dbus-daemon", f"--config-file={file}", "--nofork", "--nopidfile", "--print-address"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout is not None
        address = daemon.stdout.readline().strip()
        try:
            yield address
        finally:
            daemon.kill()


@dataclass
class Unit:
    """One unit, and what becomes of the jobs that are ordered for it."""

    active: str = "inactive"
    sub: str = "dead"
    load: str = "loaded"
    enabled: str = "disabled"
    result: str = "success"
    starts: str = "done"
    """The result of a start job; `never`: it does not end."""
    stops: str = "done"
    after_start: tuple[str, str] = ("active", "running")
    early: bool = False
    """Whether JobRemoved is sent before the reply that names the job."""


@dataclass
class FakeSystemd:
    """Owns org.freedesktop.systemd1 on a bus."""

    units: dict[str, Unit]
    calls: list[str] = field(default_factory=list)
    bus: MessageBus | None = None
    jobs: int = 0
    subscribed: bool = False

    async def serve(self, address: str) -> None:
        self.bus = await MessageBus(address).connect()
        self.bus.add_message_handler(self._handle)
        await self.bus.request_name(NAME)

    def leave(self) -> None:
        if self.bus is not None:
            self.bus.disconnect()
        self.bus = None

    def become(self, name: str, active: str, sub: str) -> None:
        """Let a unit change by itself, and tell the subscribers."""
        unit = self.units[name]
        unit.active, unit.sub = active, sub
        changed = {"ActiveState": Variant("s", active), "SubState": Variant("s", sub)}
        body = [f"{NAME}.Unit", changed, []]
        self._signal(_path(name), "org.freedesktop.DBus.Properties", "PropertiesChanged",
                     "sa{sv}as", body)  # fmt: skip

    def end(self, name: str, result: str, path: str = "") -> None:
        """End a job, the newest one if none is named."""
        body = [self.jobs, path or f"{ROOT}/job/{self.jobs}", name, result]
        self._signal(ROOT, f"{NAME}.Manager", "JobRemoved", "uoss", body)

    def _signal(self, path: str, interface: str, member: str, kinds: str, body: list[Any]) -> None:
        assert self.bus is not None
        if self.subscribed:  # systemd tells nobody who did not ask for it.
            self.bus.send(
                Message(
                    path=path,
                    interface=interface,
                    member=member,
                    message_type=MessageType.SIGNAL,
                    signature=kinds,
                    body=body,
                )
            )

    def _handle(self, message: Message) -> Message | bool | None:
        if message.message_type is not MessageType.METHOD_CALL or message.destination != NAME:
            return None
        member = message.member or ""
        self.calls.append(" ".join([member, *(b for b in message.body[:1] if isinstance(b, str))]))
        match member:
            case "Subscribe":
                self.subscribed = True
                return Message.new_method_return(message, "", [])
            case "LoadUnit":
                self.units.setdefault(message.body[0], Unit(load="not-found"))
                return Message.new_method_return(message, "o", [_path(message.body[0])])
            case "StartUnit" | "StopUnit":
                return self._job(message, message.body[0], member == "StartUnit")
            case "GetAll":
                return Message.new_method_return(message, "a{sv}", [self._all(message)])
            case "Get":
                unit = self._unit(message)
                return Message.new_method_return(message, "v", [Variant("s", unit.result)])
            case "Cancel":
                return Message.new_method_return(message, "", [])
            case "ListUnitFiles":
                files = [[f"/lib/systemd/system/{n}", u.enabled] for n, u in self.units.items()]
                return Message.new_method_return(message, "a(ss)", [files])
        return Message.new_error(message, f"{NAME}.NoSuchMethod", f"no {member}")

    def _job(self, message: Message, name: str, start: bool) -> Message | bool:
        unit = self.units[name]
        self.jobs += 1
        result = unit.starts if start else unit.stops
        reply = Message.new_method_return(message, "o", [f"{ROOT}/job/{self.jobs}"])
        assert self.bus is not None
        if not unit.early:
            self.bus.send(reply)
        if result == "never":
            self.become(name, "activating" if start else "deactivating", "waiting")
        else:
            if result in ("done", "failed"):
                self.become(name, *(unit.after_start if start else ("inactive", "dead")))
            self.end(name, result)
        return reply if unit.early else True

    def _all(self, message: Message) -> dict[str, Variant]:
        unit = self._unit(message)
        words = {"ActiveState": unit.active, "SubState": unit.sub, "LoadState": unit.load,
                 "UnitFileState": unit.enabled, "Description": "A unit"}  # fmt: skip
        return {name: Variant("s", word) for name, word in words.items()}

    def _unit(self, message: Message) -> Unit:
        return next(unit for name, unit in self.units.items() if _path(name) == message.path)


def _path(name: str) -> str:
    """systemd's own escaping: all but letters and digits as _xx."""
    return f"{ROOT}/unit/" + "".join(c if c.isalnum() else f"_{ord(c):02x}" for c in name)


async def until(condition: Any, what: str) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)
    assert condition(), what
