"""The bench's watched resources: what 200 of them cost, and whether heartbeats become later."""

import asyncio
import os
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

from twinbeat.scenario import Unmet

from . import kernel
from .figures import OURS, Entrant, Figure, Rival
from .files import Timing
from .kernel import MS, SECOND
from .measures import SETTLE_S, Failed, Say, cpu_time, start_both
from .node import Node
from .stage import Stage
from .topology import SEATS, VIRTUAL_IP, Seat
from .twinbeat_daemon import ACTED, TwinbeatDaemon
from .view import Span

GROUPS, EACH = 10, 20
RESOURCES = GROUPS * EACH
START_S = 60.0
"""How long starting all of them may take."""
TICK = SECOND // os.sysconf("SC_CLK_TCK")
"""Nanoseconds of the unit in which a process's dead children are accounted."""
STEPS = (1, 2, 5, 10)
"""Milliseconds between the columns of the histogram."""

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
    by_pidfd: bool = False
    """Whether each is to be watched by the pidfd of its process."""
    count: int = RESOURCES


NOTHING = Burden("nothing more", "address and httpd alone", count=0)
FILE, PROCESS = "each a file", "each a process in the background"
UNWATCHED = Burden(f"{RESOURCES} never looked at", PROCESS, "sleeper", SLEEPER, "never")
LOOKED_AT = Burden(f"{RESOURCES} looked at every 10 s", FILE, "trivial", TRIVIAL, "10s", 5)
BY_PIDFD = Burden(f"{RESOURCES} watched by pidfd", PROCESS, "sleeper", SLEEPER, "1h", 2, True)
BURDENS = (NOTHING, UNWATCHED, LOOKED_AT, BY_PIDFD)


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
            text += RESOURCE.format(script=burden.script, number=number, monitor=burden.monitor)
        (config / "cluster.toml").write_text(text)
        if burden.count:
            home = self.place.root / "watched"
            home.mkdir()
            script = config / "resource.d" / burden.script
            script.write_text(burden.body.format(home=home))
            script.chmod(0o755)


async def watching(
    timing: Timing, seconds: float, say: Say, burdens: Sequence[Burden] = BURDENS
) -> tuple[list[Figure], list[Figure]]:
    """Leave a cluster alone with each burden; return what it costs, and how late beats were.

    Raises `Failed` and `BuildError`.
    """
    costs: list[Figure] = []
    late = [Figure(f"beats later than {step} ms", "%") for step in STEPS]
    late.append(Figure("99 of 100 are no later than", "ms", rival=Rival(NOTHING.title, 1.5)))
    late.append(Figure("the latest", "ms"))
    late.append(Figure("beats", ""))
    for burden in burdens:
        say(f"{burden.title}, for {seconds:.0f} s")
        async with Stage(timing, partial(LadenDaemon, burden)) as stage:
            costs += await _cost(stage, burden, seconds, late)
    return costs, late


def columns() -> Sequence[Entrant]:
    """Return the burdens as the columns of a table."""
    return [Entrant(burden.title, "", burden.what, None) for burden in BURDENS]


async def _cost(
    stage: Stage, burden: Burden, seconds: float, late: Sequence[Figure]
) -> list[Figure]:
    await start_both(stage)
    await _all_run(stage, burden)
    await asyncio.sleep(SETTLE_S)
    node = stage.first
    began = _used(node)
    start = kernel.now()
    await asyncio.sleep(seconds)
    window = Span(start, kernel.now())
    used = [100 * (b - a) / window.length for a, b in zip(began, _used(node), strict=True)]
    await _nothing_happened(stage, window)
    beats = [beat.at for beat in stage.capture.within(window) if beat.node == node.name]
    _note(late, burden.title, lateness(beats, stage.timing.keepalive * MS))
    return [
        _figure(f"{burden.title}: CPU, scripts included", "% of a core", burden.target, sum(used)),
        _figure("... of the daemon alone", "% of a core", None, used[0]),
    ]


def _figure(name: str, unit: str, target: float | None, value: float) -> Figure:
    figure = Figure(name, unit, target)
    figure.of(OURS).runs.append(value)
    return figure


def lateness(beats: Iterable[int], keepalive: int) -> list[float]:
    """Return by how many milliseconds each beat came later than a keepalive after the last one.

    Those that came earlier, to go with a peer's or to tell of a change, were not late.
    """
    return sorted(max(0, b - a - keepalive) / MS for a, b in pairwise(sorted(beats)))


def _note(figures: Sequence[Figure], title: str, late: Sequence[float]) -> None:
    if len(late) < 2:
        raise Failed(f"{title}: only {len(late)} heartbeats were seen")
    shares = [100 * sum(each > step for each in late) / len(late) for step in STEPS]
    hundredths = statistics.quantiles(late, n=100, method="inclusive")
    for figure, value in zip(figures, (*shares, hundredths[98], late[-1], len(late)), strict=True):
        figure.of(title).runs.append(value)


async def _all_run(stage: Stage, burden: Burden) -> None:
    """Wait until the first node holds every group, and watches what it is to watch by pidfd."""
    daemon = stage.first.daemon
    assert isinstance(daemon, TwinbeatDaemon)

    async def ready() -> bool:
        status = await daemon.status()
        groups = list(status["groups"].values()) if status else []
        held = all(group["state"] == "held" for group in groups)
        watched = [r.get("watched", "") for group in groups for r in group["resources"]]
        by_pidfd = sum(how.startswith("process") for how in watched)
        return bool(groups) and held and (not burden.by_pidfd or by_pidfd >= burden.count)

    try:
        await stage.until(ready, START_S, f"{burden.title}")
    except Unmet as unmet:
        raise Failed(str(unmet)) from None


def _used(node: Node) -> tuple[int, int]:
    """Return the nanoseconds of a CPU that the daemon has used, and its ended children."""
    pids = node.daemon.pids()
    # Behind the name: user and system time of the children that were waited for (proc(5)).
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return cpu_time(pids), TICK * sum(int(each[13]) + int(each[14]) for each in fields)


async def _nothing_happened(stage: Stage, window: Span) -> None:
    """Make sure that nothing failed meanwhile; raises `Failed`."""
    daemon = stage.first.daemon
    assert isinstance(daemon, TwinbeatDaemon)
    for entry in await daemon.entries():
        if window.holds(entry["at"]) and entry["what"] in ACTED:
            raise Failed(f"a resource failed meanwhile: {entry['because']}")
