"""Whether the laboratory can play a scenario, and the timers with which it is built for one."""

from collections.abc import Iterator

from twinbeat.core.units import MS
from twinbeat.scenario import Line, Script, mishaps
from twinbeat.scenario import steps as do
from twinbeat.scenario.expectations import Expectation
from twinbeat.scenario.setting import Setting

from .contender import Contender
from .files import Timing
from .heartbeat_daemon import HeartbeatDaemon
from .twinbeat_daemon import RecordedDaemon

PLAYED = (
    *(do.Run, do.Boot, do.Shutdown, do.PowerOff, do.Kill, do.Freeze, do.Thaw, do.Forget),
    *(do.Install, do.Cut, do.Heal, do.PingLost, do.PingBack, mishaps.Fail),
    *(mishaps.Break, mishaps.Mend, do.Command, Expectation),
)
"""What the laboratory can play, besides one `cluster`."""
BEYOND_HARESOURCES = (
    *("resources", "relations", "monitor", "fall", "rise", "restarts", "window", "expiry"),
    "timeout",
)
"""What a `cluster` line may set that the files of the laboratory's cluster cannot say."""
PROGRAMS: dict[str, type[Contender]] = {"twinbeat": RecordedDaemon, "heartbeat": HeartbeatDaemon}
HINT = "leave the line out, or play the scenario with `twinbeat sim --scenario`"


def setting_of(script: Script) -> Setting:
    """Return what the script's cluster is set to."""
    first = next(script.lines).step
    return Setting().changed(first) if isinstance(first, do.Cluster) else Setting()


def timing_of(script: Script) -> Timing:
    """Return the timers and the failback of a script's cluster, under its file's name."""
    setting = setting_of(script)
    timers = setting.timing
    return Timing(
        script.name,
        keepalive=timers.keepalive // MS,
        warntime=timers.warntime // MS,
        deadtime=timers.deadtime // MS,
        initdead=timers.initdead // MS,
        failback=setting.failback.enabled,
        ping=setting.pings > 0,
    )


def check(script: Script) -> None:
    """Make sure that the laboratory can play a script; raises `ScriptError` naming every line."""
    script.refuse(_unplayable(script), HINT)


def _unplayable(script: Script) -> Iterator[tuple[Line, str]]:
    """Yield each line that the laboratory cannot play, with the reason."""
    for number, line in enumerate(script.lines):
        if isinstance(line.step, do.Cluster):
            if number:
                yield line, "the laboratory builds one cluster, before everything else"
            elif reason := _unbuildable(setting_of(script)):
                yield line, reason
        elif isinstance(line.step, do.Install) and not _there(line.step.program):
            yield line, f"{line.step.program} is not installed, or this is not root"
        elif isinstance(line.step, mishaps.Fail) and (line.step.resource or line.step.unseen):
            yield line, "the laboratory's group has one resource, which tells of its end"
        elif not isinstance(line.step, PLAYED):
            yield line, f"the laboratory cannot play `{line.step.usage.split()[0]}`"


def _there(program: str) -> bool:
    return PROGRAMS[program].version() is not None


def _unbuildable(setting: Setting) -> str | None:
    if setting.nodes != 2 or setting.groups != 1:
        return "the laboratory has two nodes and one group"
    if setting.script != Setting().script:
        return f"the script of the laboratory's group is `{Setting().script}`"
    if any(getattr(setting, name) != getattr(Setting(), name) for name in BEYOND_HARESOURCES):
        return "the laboratory's group has one script, and is looked after as haresources has it"
    if setting.pings > 1:
        return "the laboratory has one ping node, the client"
    if setting.failback.after:
        return "the laboratory's ha.cf knows no failback after a time"
    if setting.proof != Setting().proof or setting.startup_fencing:
        return f"the proof of death in the laboratory is `{Setting().proof}`"
    if any(span % MS for span in (setting.keepalive, setting.deadtime, setting.initdead)):
        return "the laboratory's ha.cf has timers of whole milliseconds"
    return None
