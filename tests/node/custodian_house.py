"""Scripts in a directory, a custodian over them, and what it reported: real processes."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from orphans_home import tell
from twinbeat.agents.script import ScriptAgent
from twinbeat.agents.turns import Turns
from twinbeat.core.events import Event, ResourceLooked
from twinbeat.core.model import AgentKind, GroupSpec, ResourceSpec
from twinbeat.core.units import GroupName, NodeName, milliseconds, seconds
from twinbeat.node.custodian import Custodian
from twinbeat.node.ward import Charge, ResourceState

WEB = GroupName("web")

SCRIPT = """#!/bin/sh
# Each verb leaves a line in the diary; files decide what fails or hangs.
name=$(basename "$0")
cd "$(dirname "$0")"
[ "$1" = status ] || echo "$name $1" >> diary
case $1 in
start) [ -e "$name.hangs" ] && while [ -e "$name.hangs" ]; do sleep 0.02; done
       [ -e "$name.broken" ] && exit 1
       touch "$name.runs" ;;
stop) [ -e "$name.stuck" ] && exit 1
      rm -f "$name.runs" ;;
status) echo >> "$name.looks"
        [ -e "$name.deaf" ] && sleep 60
        [ -e "$name.mute" ] && exit 0
        [ -e "$name.runs" ] && echo running && exit 0
        echo stopped; exit 3 ;;
esac
exit 0
"""

SERVER = """#!/bin/sh
# A service that is a process: its pidfile says which.
cd "$(dirname "$0")"
pid=$(cat server.pid 2>/dev/null)
case $1 in
start) echo start >> diary
       [ -e full ] && rm -f server.pid && ln -s /dev/full server.pid
       sleep 3600 </dev/null >/dev/null 2>&1 &
       echo $! > server.pid || { kill $!; exit 1; } ;;
stop) echo stop >> diary
      [ -e stuck ] && exit 1
      [ -n "$pid" ] && kill $pid && while kill -0 $pid; do sleep 0.01; done
      rm -f server.pid ;;
status) [ -n "$pid" ] && kill -0 $pid && exit 0; exit 3 ;;
esac
exit 0
"""


class Household:
    """A group of scripts."""

    def __init__(
        self,
        directory: Path,
        names: str,
        monitor: float | None = 0,
        timeout: float = 10,
        text: str = SCRIPT,
        **more: Any,
    ) -> None:
        """`monitor` in milliseconds, `timeout` in seconds; `more` is for every resource."""
        self.directory = directory
        self.events: list[Event] = []
        self.log: list[tuple[str, str]] = []
        self.turns = Turns()
        resource = ResourceSpec(
            name="",
            agent=AgentKind.SCRIPT,
            start_timeout=seconds(timeout),
            stop_timeout=seconds(timeout),
            monitor=None if monitor is None else milliseconds(monitor),
        )
        specs = []
        for name in names.split():
            script = directory / name
            script.write_text(text)
            script.chmod(0o755)
            specs.append(dataclasses.replace(resource, name=name, script=name, **more))
        nodes = (NodeName("node1"), NodeName("node2"))
        self.spec = GroupSpec(name=WEB, nodes=nodes, resources=tuple(specs))
        self.custodian = Custodian(self.agent, self.events.append, self.write)

    def agent(self, resource: ResourceSpec) -> ScriptAgent:
        return ScriptAgent(resource, (str(self.directory),), self.write, {}, self.turns)

    def write(self, level: str, text: str) -> None:
        self.log.append((level, text))

    def charge(self, name: str) -> Charge:
        return next(c for c in self.custodian.charges(WEB) if c.name == name)

    def states(self) -> dict[str, ResourceState]:
        return {charge.name: charge.state for charge in self.custodian.charges(WEB)}

    def diary(self) -> list[str]:
        file = self.directory / "diary"
        return file.read_text().splitlines() if file.exists() else []

    def looks(self, name: str) -> int:
        """Return how often a script was asked for its status."""
        file = self.directory / f"{name}.looks"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def mark(self, name: str) -> Path:
        file = self.directory / name
        file.touch()
        return file

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.005)

    async def bad_look(self) -> ResourceLooked:
        """Wait for a bad look, and take all looks until then."""
        while True:
            event = await self.outcome()
            assert isinstance(event, ResourceLooked)
            if not event.running:
                return event

    async def outcome(self) -> Event:
        """Wait for the next event and take it."""
        await self.until(lambda: bool(self.events))
        return self.events.pop(0)

    async def answer(self) -> Event:
        """Wait for the next event that is no look."""
        while isinstance(event := await self.outcome(), ResourceLooked):
            pass
        return event


def in_a_daemon(story: Callable[[], Awaitable[None]]) -> None:
    """Run a story as in the daemon, which takes orphans in."""
    tell(story, log=lambda _level, text: None, within_s=60)
