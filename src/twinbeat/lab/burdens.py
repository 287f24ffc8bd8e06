"""What a cluster of the bench has to watch beside the experiment's own address and web server."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from twinbeat.scenario import Unmet

from .files import Timing
from .measures import SETTLE_S, Failed, start_both
from .stage import Stage
from .topology import SEATS, VIRTUAL_IP, Seat
from .twinbeat_daemon import ACTED, TwinbeatDaemon
from .view import Span

GROUPS, EACH = 10, 20
RESOURCES = GROUPS * EACH
START_S = 120.0
"""How long starting all of them may take, and looking at each once."""
BUS_S = 10.0
"""How long the stand-in for systemd may take until it serves."""

CLUSTER = """\
[cluster]
nodes = ["{first}", "{second}"]
[timing]
keepalive = "{timing.keepalive}ms"
warntime = "{timing.warntime}ms"
deadtime = "{timing.deadtime}ms"
initdead = "{timing.initdead}ms"
[log]
logfile = "{log}"
[[link]]
kind = "broadcast"
interface = "eth1"
[[group]]
name = "{address}"
preferred = "{first}"
[[group.resource]]
agent = "ip"
address = "{address}/24"
[[group.resource]]
agent = "script"
name = "httpd"
"""
GROUP = """\
[[group]]
name = "watched{number}"
preferred = "{first}"
"""
RESOURCE = """\
[[group.resource]]
agent = "script"
name = "{script}"
args = ["{number}"]
monitor = "{monitor}"
"""
UNIT = """\
[[group.resource]]
agent = "systemd"
name = "watched{number}"
"""
TRIVIAL = """\
#!/bin/sh
# Called with a number and a verb: a resource that is a file, looked at by the shell alone.
case $2 in
start) : >{home}/$1 ;;
stop) rm -f {home}/$1 ;;
status) [ -e {home}/$1 ] && echo running || echo stopped ;;
esac
"""
SLEEPER = """\
#!/bin/sh
# Called with a number and a verb: a resource that is a process in the background.
case $2 in
start) setsid sleep infinity </dev/null >/dev/null 2>&1 & echo $! >{home}/$1 ;;
stop) read -r pid <{home}/$1 && kill $pid; rm -f {home}/$1 ;;
status) read -r pid <{home}/$1 && kill -0 $pid && echo running || echo stopped ;;
esac 2>/dev/null
"""


@dataclass(frozen=True, slots=True)
class Burden:
    """What a cluster has to watch, beside the experiment's own address and web server."""

    title: str
    what: str
    script: str = ""
    body: str = ""
    monitor: str = ""
    target: float | None = None
    """Per cent of a core that all of it may cost."""
    watched: str = ""
    """How the status begins to say of each that the system tells of its end."""
    looked: bool = False
    """Whether to wait for a look at each: the first is news for the core, the others are not."""
    units: bool = False
    """Whether each is a unit of the stand-in for systemd (`units`)."""
    count: int = RESOURCES


NOTHING = Burden("nothing more", "address and httpd alone", count=0)
FILE, PROCESS = "each a file", "each a process in the background"
UNWATCHED = Burden(f"{RESOURCES} never looked at", PROCESS, "sleeper", SLEEPER, "never")
LOOKED_AT = Burden(
    f"{RESOURCES} looked at every 10 s", FILE, "trivial", TRIVIAL, "10s", 5, looked=True
)
BY_PIDFD = Burden(f"{RESOURCES} watched by pidfd", PROCESS, "sleeper", SLEEPER, "1h", 2, "process")
BY_DBUS = Burden(
    f"{RESOURCES} watched by D-Bus", "each a unit of a stand-in for systemd", target=2,
    watched="D-Bus", looked=True, units=True,
)  # fmt: skip
BURDENS = (NOTHING, UNWATCHED, LOOKED_AT, BY_PIDFD, BY_DBUS)


class LadenDaemon(TwinbeatDaemon):
    """twinbeat with a burden, which `cluster.toml` says."""

    def __init__(self, burden: Burden, seat: Seat, timing: Timing) -> None:
        super().__init__(seat, timing)
        self._burden = burden

    def furnish(self) -> None:
        """Write the same cluster as `cluster.toml`, with the burden, and its script."""
        config, burden = self.place.config, self._burden
        for name in ("ha.cf", "haresources"):
            (config / name).unlink()
        first, second = (seat.name for seat in SEATS)
        values = {"first": first, "second": second, "log": self.place.log, "address": VIRTUAL_IP}
        text = CLUSTER.format(timing=self.timing, **values)
        for number in range(burden.count):
            if number % EACH == 0:
                text += GROUP.format(number=number // EACH, first=first)
            resource = UNIT if burden.units else RESOURCE
            text += resource.format(script=burden.script, number=number, monitor=burden.monitor)
        (config / "cluster.toml").write_text(text)
        if burden.script:
            home = self.place.root / "watched"
            home.mkdir()
            script = config / "resource.d" / burden.script
            script.write_text(burden.body.format(home=home))
            script.chmod(0o755)

    async def start(self) -> None:
        """Start it, and before it a bus of its own where units are its burden."""
        if self._burden.units and not self._bus.exists():
            with self.place.output.open("ab") as output:
                await asyncio.create_subprocess_exec(
                    *("ip", "netns", "exec", self.seat.namespace),
                    *(sys.executable, "-m", "twinbeat.lab.units", str(self._bus)),
                    *(str(self._burden.count), "watched"),
                    stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
                )  # fmt: skip
            async with asyncio.timeout(BUS_S):
                while not self._bus.exists():
                    await asyncio.sleep(0.05)
        await super().start()

    def boot(self) -> None:
        """Remove the sockets."""
        super().boot()
        self._bus.unlink(missing_ok=True)

    def command(self) -> Sequence[str]:
        """Return the real program's command, which finds no bus but this node's."""
        return ("env", f"DBUS_SYSTEM_BUS_ADDRESS=unix:path={self._bus}", *super().command())

    @property
    def _bus(self) -> Path:
        return self.place.root / "bus"


@asynccontextmanager
async def laden(burden: Burden, timing: Timing) -> AsyncIterator[Stage]:
    """Build a cluster whose first node holds a burden, and let it come to rest.

    Raises `Failed` and `BuildError`.
    """
    if burden.units and shutil.which("dbus-daemon") is None:
        raise Failed(f"{burden.title}: dbus-daemon is not installed")
    async with Stage(timing, partial(LadenDaemon, burden)) as stage:
        await start_both(stage)
        await _all_run(stage, burden)
        await asyncio.sleep(SETTLE_S)
        yield stage


async def _all_run(stage: Stage, burden: Burden) -> None:
    """Wait until the first node holds every group, watches all of it, and has looked at it."""
    daemon = stage.first.daemon
    assert isinstance(daemon, TwinbeatDaemon)

    async def ready() -> bool:
        status = await daemon.status()
        groups = list(status["groups"].values()) if status else []
        held = all(group["state"] == "held" for group in groups)
        all_of_them = [resource for group in groups for resource in group["resources"]]
        watched = sum(r.get("watched", "").startswith(burden.watched) for r in all_of_them)
        looks = [r["looked"] for r in all_of_them]
        running = sum(look is not None and look["found"] == "running" for look in looks)
        enough = watched >= burden.count and (not burden.looked or running >= burden.count)
        return bool(groups) and held and enough

    try:
        await stage.until(ready, START_S, f"{burden.title}")
    except Unmet as unmet:
        raise Failed(str(unmet)) from None


async def nothing_happened(stage: Stage, window: Span) -> None:
    """Make sure that nothing failed meanwhile; raises `Failed`."""
    daemon = stage.first.daemon
    assert isinstance(daemon, TwinbeatDaemon)
    for entry in await daemon.entries():
        if window.holds(entry["at"]) and entry["what"] in ACTED:
            raise Failed(f"a resource failed meanwhile: {entry['because']}")
