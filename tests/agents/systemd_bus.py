"""A private D-Bus daemon, and on it a small systemd whose units a test commands.

It keeps to what a real systemd does in the same cases (unit_contract.py, which both must meet).
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

STOPPING = ("deactivating", "stop-sigterm")
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
    after_stop: tuple[str, str] = ("inactive", "dead")
    early: bool = False
    """Whether JobRemoved is sent before the reply that names the job."""
    takes: float = 0
    """Seconds from the order to the end of a start."""
    short: bool = False
    """Whether it fails as soon as it is started."""
    restart: bool = False
    """Whether it is started again when it dies."""
    restarts: int = 0
    runs: int = 0


@dataclass
class FakeSystemd:
    """Owns org.freedesktop.systemd1 on a bus."""

    units: dict[str, Unit]
    calls: list[str] = field(default_factory=list)
    bus: MessageBus | None = None
    jobs: int = 0
    subscribed: bool = False
    ordered: dict[int, str] = field(default_factory=dict)
    """The unit of each job."""

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
        if active == "active" and unit.active not in ("active", "reloading"):
            unit.runs += 1
        unit.active, unit.sub = active, sub
        changed = {"ActiveState": Variant("s", active), "SubState": Variant("s", sub)}
        body = [f"{NAME}.Unit", changed, []]
        self._signal(_path(name), "org.freedesktop.DBus.Properties", "PropertiesChanged",
                     "sa{sv}as", body)  # fmt: skip

    def die(self, name: str) -> None:
        """Let a unit's main process be killed; where it shall, it is started again."""
        unit = self.units[name]
        unit.result = "signal"
        if unit.restart and unit.active == "active":
            unit.restarts += 1
            self.become(name, "activating", "auto-restart")
            asyncio.get_running_loop().call_later(0.1, self.become, name, "active", "running")
        else:
            self.become(name, "failed", "failed")

    def end(self, name: str, result: str, path: str = "") -> None:
        """End a job, the newest one if none is named."""
        body = [self.jobs, path or f"{ROOT}/job/{self.jobs}", name, result]
        self._signal(ROOT, f"{NAME}.Manager", "JobRemoved", "uoss", body)

    def _signal(self, path: str, interface: str, member: str, kinds: str, body: list[Any]) -> None:
        # systemd tells nobody who did not ask for it.
        if self.subscribed and self.bus is not None:
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
                job = (message.path or "").rpartition("/")[2]
                self.end(self.ordered[int(job)], "canceled", message.path or "")
                return Message.new_method_return(message, "", [])
            case "ListUnitFiles":
                files = [
                    [f"/lib/systemd/system/{n}", u.enabled if u.load == "loaded" else u.load]
                    for n, u in self.units.items()
                    if u.load != "not-found"
                ]
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
        self.ordered[self.jobs] = name
        if start and unit.active == "active":
            self.end(name, "done")
        elif result == "never":
            self.become(name, *(("activating", "start") if start else STOPPING))
        elif start and unit.takes:
            self.become(name, "activating", "start")
            finish = (name, start, result, f"{ROOT}/job/{self.jobs}")
            asyncio.get_running_loop().call_later(unit.takes, self._finish, *finish)
        else:
            self._finish(name, start, result, f"{ROOT}/job/{self.jobs}")
        return reply if unit.early else True

    def _finish(self, name: str, start: bool, result: str, path: str) -> None:
        unit = self.units[name]
        if result in ("done", "failed"):
            self.become(name, *(unit.after_start if start else unit.after_stop))
        self.end(name, result, path)
        if start and unit.short:
            self.become(name, "failed", "failed")

    def _all(self, message: Message) -> dict[str, Variant]:
        unit = self._unit(message)
        words = {"ActiveState": unit.active, "SubState": unit.sub, "LoadState": unit.load,
                 "UnitFileState": unit.enabled, "Description": "A unit"}  # fmt: skip
        run = Variant("ay", unit.runs.to_bytes(16, "big"))
        return {"InvocationID": run} | {name: Variant("s", word) for name, word in words.items()}

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
