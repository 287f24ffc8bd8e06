"""What it costs to look at many resources.

    python tests/node/looks_cost.py polled|watched [SECONDS]

Prints, in per cent of one core, what this process took, what the looks' scripts took, and both. It
is the custodian with the real agents and the loop of the daemon, and nothing else of the daemon.
"""

import os
import resource
import signal
import sys
import tempfile
import time
from asyncio import sleep
from pathlib import Path

from twinbeat.agents.orphans import leave, orphans, take_in
from twinbeat.agents.script import ScriptAgent
from twinbeat.agents.turns import Turns
from twinbeat.core.events import Event, GroupStarted
from twinbeat.core.model import AgentKind, GroupSpec, ResourceSpec
from twinbeat.core.units import GroupName, NodeName, seconds
from twinbeat.node.alarm import Alarm
from twinbeat.node.custodian import Custodian

SCRIPT = "#!/bin/sh\ncase $1 in start) {start} ;; status) [ -e $0.up ] ;; esac\n"


def used() -> tuple[float, float]:
    """Return the seconds of processor time of this process, and of its ended children."""
    totals = []
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        totals.append(usage.ru_utime + usage.ru_stime)
    return totals[0], totals[1]


def log(level: str, text: str) -> None:
    """Keep nothing: a log is written elsewhere."""


async def measure(directory: Path, kind: str, span: float, count: int) -> tuple[float, float]:
    """Return what a while of it costs this process and its children, in per cent of one core.

    `directory` must be called init.d.
    """
    start = "sleep 3600 & echo $! >$0.pid; >$0.up" if kind == "watched" else ">$0.up"
    events: list[Event] = []
    specs = []
    for number in range(count):
        script = directory / f"service{number}"
        script.write_text(SCRIPT.format(start=start))
        script.chmod(0o755)
        interval = seconds(3600 if kind == "watched" else 10)
        specs.append(
            ResourceSpec(
                name=script.name, agent=AgentKind.LSB, script=script.name, monitor=interval,
                pidfile=f"{script}.pid" if kind == "watched" else "",
            )
        )  # fmt: skip
    turns = Turns()
    custodian = Custodian(
        lambda spec: ScriptAgent(spec, (str(directory),), log, {}, turns), events.append, log
    )
    take_in(log)
    for spec in specs:
        nodes = (NodeName("a"), NodeName("b"))
        group = GroupSpec(name=GroupName(spec.name), nodes=nodes, resources=(spec,))
        custodian.start(1, group)
    while sum(isinstance(event, GroupStarted) for event in events) < count:
        await sleep(0.1)
    await sleep(2)
    before, began = used(), time.monotonic()
    await sleep(span)
    took, after = time.monotonic() - began, used()
    mine, theirs = ((b - a) / took * 100 for a, b in zip(before, after, strict=True))
    watched = [agent.watched for spec in specs for agent in custodian.agents(GroupName(spec.name))]
    assert all(watched) if kind == "watched" else not any(watched)
    await custodian.close()
    for pid in orphans():
        os.kill(pid, signal.SIGKILL)
    leave()
    return mine, theirs


def main() -> None:
    """Measure with 200 resources, and print."""
    kind, span = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 60.0
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory, "init.d")
        place.mkdir()
        mine, theirs = Alarm().run(measure(place, kind, span, 200))
    print(f"200 resources, {kind}: {mine:.2f} % + {theirs:.2f} % = {mine + theirs:.2f} %")


if __name__ == "__main__":
    main()
