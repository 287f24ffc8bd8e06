"""A stand-in for systemd, with many units, on a D-Bus daemon of its own.

    python -m twinbeat.lab.units SOCKET COUNT NAME

It keeps to what org.freedesktop.systemd1(5) says of the calls that twinbeat makes. The reply to
GetAll is as long as systemd's, for reading it is most of what a look at a unit costs.
"""

import asyncio
import sys
from pathlib import Path

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

NAME, ROOT = "org.freedesktop.systemd1", "/org/freedesktop/systemd1"
CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={socket}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow own="*"/>
<allow receive_sender="*"/></policy></busconfig>
"""
TIMES = [
    "StateChange",
    "InactiveExit",
    "ActiveEnter",
    "ActiveExit",
    "InactiveEnter",
    "Condition",
    "Assert",
]
LISTS = [
    "Names",
    "Requires",
    "Requisite",
    "Wants",
    "BindsTo",
    "PartOf",
    "Upholds",
    "RequiredBy",
    "RequisiteOf",
    "WantedBy",
    "BoundBy",
    "UpheldBy",
    "ConsistsOf",
    "Conflicts",
    "ConflictedBy",
    "Before",
    "After",
    "OnSuccess",
    "OnSuccessOf",
    "OnFailure",
    "OnFailureOf",
    "Triggers",
    "TriggeredBy",
    "PropagatesReloadTo",
    "ReloadPropagatedFrom",
    "PropagatesStopTo",
    "StopPropagatedFrom",
    "JoinsNamespaceOf",
    "SliceOf",
    "RequiresMountsFor",
    "Documentation",
    "DropInPaths",
    "CanClean",
    "Markers",
    "Refs",
]
WORDS = [
    "Following",
    "FreezerState",
    "SourcePath",
    "UnitFilePreset",
    "OnSuccessJobMode",
    "OnFailureJobMode",
    "CollectMode",
    "JobTimeoutAction",
    "JobTimeoutRebootArgument",
    "StartLimitAction",
    "FailureAction",
    "SuccessAction",
    "RebootArgument",
]
FLAGS = [
    "CanStart",
    "CanStop",
    "CanReload",
    "CanIsolate",
    "CanFreeze",
    "StopWhenUnneeded",
    "RefuseManualStart",
    "RefuseManualStop",
    "AllowIsolate",
    "DefaultDependencies",
    "IgnoreOnIsolate",
    "NeedDaemonReload",
    "ConditionResult",
    "AssertResult",
    "Transient",
    "Perpetual",
]
SPANS = ["JobTimeoutUSec", "JobRunningTimeoutUSec", "StartLimitIntervalUSec"]
FEW = ["sysinit.target", "system.slice", "basic.target"]


def properties(unit: str, active: bool) -> dict[str, Variant]:
    """Return what the interface Unit has to say of one."""
    known = {
        "Id": unit, "Description": "A service that is watched", "LoadState": "loaded",
        "ActiveState": "active" if active else "inactive",
        "SubState": "running" if active else "dead", "UnitFileState": "disabled",
        "FragmentPath": f"/lib/systemd/system/{unit}",
    }  # fmt: skip
    return {
        **{name: Variant("s", text) for name, text in known.items()},
        **{name: Variant("s", "none") for name in WORDS},
        **{name: Variant("as", FEW if name in ("Requires", "After") else []) for name in LISTS},
        **{name: Variant("b", True) for name in FLAGS},
        **{name: Variant("t", 2**64 - 1) for name in SPANS},
        **{f"{name}Timestamp": Variant("t", 1_700_000_000_000_000) for name in TIMES},
        **{f"{name}TimestampMonotonic": Variant("t", 4_711_000_000) for name in TIMES},
        "StartLimitBurst": Variant("u", 5),
        "FailureActionExitStatus": Variant("i", -1),
        "SuccessActionExitStatus": Variant("i", -1),
        "Job": Variant("(uo)", [0, "/"]),
        "LoadError": Variant("(ss)", ["", ""]),
        "Conditions": Variant("a(sbbsi)", []),
        "Asserts": Variant("a(sbbsi)", []),
        "InvocationID": Variant("ay", bytes(16)),
    }


class Units:
    """What systemd is asked for, of units that do at once what they are told."""

    def __init__(self, bus: MessageBus, units: list[str]) -> None:
        self._bus = bus
        self._active = dict.fromkeys(units, False)
        self._at = {f"{ROOT}/unit/{_escaped(unit)}": unit for unit in units}
        self._jobs = 0

    def handle(self, message: Message) -> Message | bool | None:
        """Answer one call, if it is for systemd."""
        if message.message_type is not MessageType.METHOD_CALL or message.destination != NAME:
            return None
        match message.member:
            case "Subscribe":
                return Message.new_method_return(message)
            case "LoadUnit":
                path = f"{ROOT}/unit/{_escaped(message.body[0])}"
                return Message.new_method_return(message, "o", [path])
            case "StartUnit" | "StopUnit":
                return self._job(message, message.body[0], message.member == "StartUnit")
            case "GetAll":
                unit = self._at[message.path or ""]
                told = properties(unit, self._active[unit])
                return Message.new_method_return(message, "a{sv}", [told])
        return Message.new_error(message, f"{NAME}.NoSuchMethod", f"no {message.member}")

    def _job(self, message: Message, unit: str, start: bool) -> bool:
        self._active[unit] = start
        self._jobs += 1
        job = f"{ROOT}/job/{self._jobs}"
        self._bus.send(Message.new_method_return(message, "o", [job]))
        self._bus.send(
            Message.new_signal(
                ROOT, f"{NAME}.Manager", "JobRemoved", "uoss", [self._jobs, job, unit, "done"]
            )
        )
        return True


def _escaped(unit: str) -> str:
    """As systemd names a unit's object: all but letters and digits as _xx."""
    return "".join(c if c.isalnum() else f"_{ord(c):02x}" for c in unit)


async def serve(socket: Path, count: int, name: str) -> None:
    """Run a bus at `socket` and the units `name0.service` and so on, until it is killed."""
    hidden = socket.with_suffix(".early")
    file = socket.with_suffix(".conf")
    file.write_text(CONFIGURATION.format(socket=hidden))
    command = ("dbus-daemon", f"--config-file={file}", "--nofork", "--nopidfile", "--print-address")
    daemon = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert daemon.stdout is not None
    bus = await MessageBus((await daemon.stdout.readline()).decode().strip()).connect()
    bus.add_message_handler(Units(bus, [f"{name}{n}.service" for n in range(count)]).handle)
    await bus.request_name(NAME)
    hidden.rename(socket)  # Whoever finds it finds all of it.
    await daemon.wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
