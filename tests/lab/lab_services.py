"""Nodes with directories of their own at the same paths, and a cluster.toml: for real services.

The laboratory's nodes share one file system. Here each has, for as long as it has power, a mount
namespace in which `HERE` is its own, as a disk is, and in which it mounts what it likes; `SHARED`
is one directory for both, as a shared disk is.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from real_services import children
from twinbeat.control.client import Client
from twinbeat.control.protocol import Refused
from twinbeat.control.shapes import EntryShape, GroupShape
from twinbeat.lab import kernel
from twinbeat.lab.files import GROUP, HOME, Timing
from twinbeat.lab.kernel import MS
from twinbeat.lab.node import Node
from twinbeat.lab.stage import Stage
from twinbeat.lab.topology import SEATS, Seat, command
from twinbeat.lab.twinbeat_daemon import TwinbeatDaemon
from twinbeat.lab.view import Span, summary

HERE = HOME / "here"
SHARED = HOME / "shared"
LOG = "/the/log/of/the/node"
PATIENCE_S = 60.0
FIRST, SECOND = (seat.name for seat in SEATS)

CLUSTER = """\
[cluster]
nodes = ["{first}", "{second}"]

[timing]
keepalive = "{timing.keepalive}ms"
deadtime = "{timing.deadtime}ms"
initdead = "{timing.initdead}ms"

[log]
logfile = "{log}"

[[link]]
kind = "broadcast"
interface = "eth1"

[[group]]
name = "{group}"
preferred = "{first}"
{policy}

[[group.resource]]
agent = "ip"
address = "{group}/24"
{resources}
"""
RESOURCE = """
[[group.resource]]
agent = "{agent}"
name = "{name}"
{options}
"""
CALM = Timing("calm", 200, 5_000, 20_000, 40_000)
"""A daemon may be started again within this deadtime, also on a busy machine."""
WATCHFUL = Timing("watchful", 200, 1_000, 4_000, 8_000)
"""A heartbeat that comes a second late is told."""
QUICK = Timing("quick", 100, 300, 700, 3_000)

Furnish = Callable[["HousedDaemon"], None]


def resource(
    agent: str, name: str, parameters: dict[str, str] | None = None, **options: str
) -> str:
    """Return the lines of a resource in cluster.toml."""
    lines = [
        f"{key} = {value if value.isdecimal() else quoted(value)}" for key, value in options.items()
    ]
    if parameters:
        lines += ["[group.resource.parameters]"]
        lines += [f"{key} = {quoted(value)}" for key, value in parameters.items()]
    return RESOURCE.format(agent=agent, name=name, options="\n".join(lines))


def quoted(text: str) -> str:
    """Return a text as TOML has it."""
    assert '"' not in text
    assert "\\" not in text
    return f'"{text}"'


def cluster(timing: Timing, *resources: str, policy: str = "") -> str:
    """Return a cluster.toml with the laboratory's one group: its address, then these resources."""
    return CLUSTER.format(
        first=FIRST,
        second=SECOND,
        timing=timing,
        group=GROUP,
        policy=policy,
        resources="".join(resources),
        log=LOG,
    )


class HousedDaemon(TwinbeatDaemon):
    """`twinbeat run` on a node with its own mounts."""

    def __init__(self, seat: Seat, timing: Timing, config: str, haresources: str, add: Furnish):
        super().__init__(seat, timing)
        self._config, self._haresources, self._add = config, haresources, add
        self._house: asyncio.subprocess.Process | None = None

    @property
    def here(self) -> Path:
        """What this node has at `HERE`."""
        return self.place.root / "here"

    def furnish(self) -> None:
        """Replace the experiment's files by the test's, and let the test add what it needs."""
        self.here.mkdir()
        HERE.mkdir(exist_ok=True)
        SHARED.mkdir(exist_ok=True)
        if self._config:
            config = self._config.replace(LOG, str(self.place.log))
            (self.place.config / "cluster.toml").write_text(config)
            (self.place.config / "ha.cf").unlink()
            (self.place.config / "haresources").unlink()
        if self._haresources:
            (self.place.config / "haresources").write_text(f"{FIRST} {self._haresources}\n")
        self._add(self)

    def boot(self) -> None:
        """A node that lost its power has lost its mounts, and its pid files."""
        super().boot()
        for leftover in self.here.glob("*.pid"):
            leftover.unlink()

    def inside(self) -> Sequence[str]:
        """Return the words that run a command in the node's own network and mounts."""
        assert self._house is not None
        return ("nsenter", f"--target={self._house.pid}", "--mount", "--net", "--")

    def command(self) -> Sequence[str]:
        """Return the command that runs there."""
        return (*self.inside(), *super().command())

    async def start(self) -> None:
        """Start it in the node's mounts."""
        await self.move_in()
        await super().start()

    async def move_in(self) -> None:
        """Give the node its mounts, the first time since the power came."""
        if self._house is not None and self._house.returncode is None:
            return
        script = f"mount --bind {self.here} {HERE} && echo ready && exec sleep infinity"
        self._house = await asyncio.create_subprocess_exec(
            *("ip", "netns", "exec", self.seat.namespace, "sh", "-c", script),
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._house.stdout is not None
        assert await self._house.stdout.readline() == b"ready\n"

    async def group(self) -> GroupShape:
        """Return what it says of the one group."""
        async with Client(self.place.socket) as client:
            return (await client.status())["groups"][GROUP]

    async def entries_since(self, since: int) -> list[EntryShape]:
        """Return its journal's entries since an instant, oldest first; none while it is silent."""
        try:
            told = await self.entries()
        except Refused:
            return []  # It has only just begun.
        return sorted((each for each in told if each["at"] >= since), key=lambda e: e["at"])


class Services:
    """A laboratory with real services, and what stories do and ask there."""

    def __init__(
        self,
        timing: Timing,
        config: str = "",
        furnish: Furnish = lambda _: None,
        haresources: str = "",
    ) -> None:
        self.stage = Stage(
            timing, lambda seat, t: HousedDaemon(seat, t, config, haresources, furnish)
        )

    async def __aenter__(self) -> "Services":
        await self.stage.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        if error[0] is not None:
            for node in self.stage.nodes:
                node.read_log()
                print(*(f"{line.node}: {line.level}: {line.text}" for line in node.lines), sep="\n")
        await self.stage.__aexit__(*error)

    @property
    def nodes(self) -> list[Node]:
        """Both nodes, the preferred one first."""
        return self.stage.nodes

    def daemon(self, number: int) -> HousedDaemon:
        """Return the daemon of node 1 or 2."""
        daemon = self.stage.nodes[number - 1].daemon
        assert isinstance(daemon, HousedDaemon)
        return daemon

    async def boot(self) -> None:
        """Start both daemons and wait until the preferred node serves."""
        for node in self.nodes:
            await node.daemon.start()
        await self.owner(1)

    async def until(self, condition: Callable[[], Awaitable[bool]], what: str) -> None:
        """Wait until something holds; raises `Unmet`."""
        await self.stage.until(condition, PATIENCE_S, what)

    async def owner(self, number: int, *, page: bool = True) -> None:
        """Wait until every daemon that runs names this node, and the client gets its page."""
        name = self.nodes[number - 1].name

        async def owned() -> bool:
            seen = self.stage.owner_seen() == name if page else True
            return seen and await self.stage.owner_told() == name

        await self.until(owned, f"{name} owns the group")

    async def told(self, number: int, what: str, since: int, count: int = 1) -> list[EntryShape]:
        """Wait until the node's journal has so many entries of a kind since then; return them."""
        found: list[EntryShape] = []

        async def there() -> bool:
            entries = await self.daemon(number).entries_since(since)
            found[:] = [entry for entry in entries if entry["what"] == what]
            return len(found) >= count

        await self.until(there, f"node{number} tells {what!r} {count} times")
        return found

    async def says(self, number: int, what: str, holds: Callable[[GroupShape], bool]) -> GroupShape:
        """Wait until the node's status of the group fulfils something; return it."""
        answer: list[GroupShape] = []

        async def there() -> bool:
            answer[:] = [await self.daemon(number).group()]
            return holds(answer[0])

        await self.until(there, f"node{number} says that {what}")
        return answer[0]

    async def ask(self, number: int, verb: str, *words: object) -> None:
        """Give a daemon an order over its socket; raises `Refused`."""
        async with Client(self.daemon(number).place.socket) as client:
            await getattr(client, verb)(*words)

    async def inside(self, number: int, *words: str) -> str:
        """Run a command where a node's services live; raises `BuildError` with what it said."""
        return await command(*self.daemon(number).inside(), *words)

    async def rest(self, seconds: float) -> None:
        """Let a short time pass in which something must not happen."""
        end = kernel.now() + int(seconds * 1e9)

        async def over() -> bool:
            return kernel.now() >= end

        await self.until(over, "time passes")

    async def client(self, since: int) -> dict[str, float]:
        """Return the client's longest times without an echo and without a page since then."""
        window = Span(since, await self.stage.settle())
        view = self.stage.view
        pings, pages = summary(view.pings, window), summary(view.pages, window)
        return {"echo_ms": pings.gap / MS, "page_ms": pages.gap / MS}


def now() -> int:
    """Return nanoseconds since boot."""
    return kernel.now()


def pid_in(file: Path) -> int:
    """Return the number in a pid file, or 0."""
    try:
        return int(file.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 0


def send(number: signal.Signals, pid: int) -> None:
    """Send a signal to a process and to those that it started."""
    for each in (pid, *children(pid)):
        os.kill(each, number)


def journal(entries: list[EntryShape]) -> list[str]:
    """Return what kinds of entries there are, in their order."""
    return [entry["what"] for entry in entries]
