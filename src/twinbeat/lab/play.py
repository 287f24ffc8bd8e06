"""Scenarios in the laboratory: the stage that plays a script with real daemons and packets.

A node `node1` of a scenario is `node1.example.com` here, the group `web` is the virtual IP with its
web server. A cut drops every frame between two nodes at the switch, heartbeats and all else; the
client keeps its own cable.
"""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from itertools import pairwise

from twinbeat.control.client import Client
from twinbeat.control.protocol import Refused
from twinbeat.core.units import MS, Duration, GroupName, Instant, NodeName
from twinbeat.scenario import Line, Paragraph, Player, Script, Unmet, View, mishaps
from twinbeat.scenario import steps as do
from twinbeat.scenario.values import Path

from . import kernel
from .files import GROUP
from .heartbeat_daemon import HeartbeatDaemon
from .node import Node
from .ownership import Standing
from .playable import PROGRAMS
from .result import Result, measured
from .stage import FRESH, POLL_S, Stage
from .topology import CLIENT_IP, SEATS, SWITCH, BuildError, command
from .twinbeat_daemon import ANSWER_S, TwinbeatDaemon
from .view import Span, summary, total

WEB = GroupName("web")
DOMAIN = ".example.com"

CUTS = """\
table bridge cuts
delete table bridge cuts
table bridge cuts {{
    chain forward {{
        type filter hook forward priority 0;
        {rules}
    }}
}}
"""
UNSEEN = 'iifname "{name}-0" ip daddr {ping} icmp type echo-request drop'
"""A node's questions to the ping node are lost; the client's own traffic is not touched."""
NOTHING = View({}, {}, frozenset(), ())
"""What a daemon says that does not answer."""


async def play(script: Script, stage: Stage, begin: Callable[[str], None]) -> AsyncIterator[Result]:
    """Play a script that was checked, and yield what each paragraph came to, the last one failed.

    `begin` is told of each paragraph before it is played.
    """
    player = Player(script, LabStage(stage, lambda p: begin(f"{script.name}: {p.title}")))
    before = stage.owner_seen()
    async for paragraph in player.paragraphs():
        if not paragraph.lines:
            continue  # Some last words.
        window = Span(player.since, await stage.settle())
        problems = [f"line {found.line}: {found.message}" for found in player.findings]
        name = f"{script.name}:{paragraph.number}"
        yield await measured(stage, name, paragraph.title, window, before, problems)
        before = stage.owner_seen()


class LabStage:
    """A laboratory as the stage of a scenario."""

    def __init__(self, stage: Stage, begin: Callable[[Paragraph], None]) -> None:
        self.stage = stage
        self.nodes = {NodeName(node.name.removesuffix(DOMAIN)): node for node in stage.nodes}
        self._begin = begin
        self._cuts: set[Path] = set()
        self._unseeing: set[NodeName] = set()
        """Who gets no answer from the ping node."""
        self._leaving: set[NodeName] = set()
        self._left: set[NodeName] = set()

    # Time.

    @property
    def now(self) -> Instant:
        """Nanoseconds since boot."""
        return Instant(kernel.now())

    async def begin(self, paragraph: Paragraph) -> None:
        """Tell of a paragraph that begins."""
        self._begin(paragraph)

    async def pass_time(self, span: Duration) -> None:
        """Wait, with an eye on the daemons; raises `Unmet` when one ends by itself."""
        end = self.now + span
        while (left := end - self.now) > 0:
            await asyncio.sleep(min(POLL_S, left / kernel.SECOND))
            await self._look()

    async def look_again(self) -> None:
        """Wait for a moment; raises `Unmet` when a daemon ends by itself."""
        await asyncio.sleep(POLL_S)
        await self._look()

    async def _look(self) -> None:
        self.stage.check_laboratory()
        for name, node in self.nodes.items():
            if not node.daemon.gone:
                continue
            code = await node.daemon.ended()
            if name not in self._leaving or code:
                raise Unmet(f"the daemon of {name} ended with {code}: {node.last_words()}")
            self._left.add(name)

    # What is done.

    async def perform(self, line: Line) -> str | None:
        """Do what a line says; return why an operator's command was refused, else None."""
        if isinstance(line.step, do.Cluster):
            return None  # The laboratory was built as it says.
        self.stage.mark(line.text)
        try:
            if isinstance(line.step, do.Command):
                return await self._ask(line.step)
            await self._do(line.step)
        except BuildError as error:
            raise Unmet(str(error)) from None
        return None

    async def _do(self, step: do.Step) -> None:
        match step:
            case do.ToNodes(names):
                for name in names:
                    await self._do_to(name, step)
            case do.Install(program, name):
                self._install(program, name)
            case do.Cut(cables):
                self._cuts = self._cuts.union(*cables)
                await self._cut()
            case mishaps.Fail(_, name):
                self.nodes[name].fail()
            case mishaps.Break(verb, _, name):
                self.nodes[name].place.broken(verb).touch()
            case mishaps.Mend():
                for node in self.nodes.values():
                    node.mend()
            case do.Heal(cables):
                self._cuts = self._cuts.difference(*cables) if cables else set()
                await self._cut()

    async def _do_to(self, name: NodeName, step: do.ToNodes) -> None:
        node = self.nodes[name]
        match step:
            case do.Boot():
                await self._boot(name)
            case do.Shutdown():
                self._leaving.add(name)
                os.kill(node.daemon.pid, signal.SIGTERM)
            case do.PowerOff():
                await self.stage.power_off(node)
            case do.Kill():
                await node.daemon.kill()
            case do.PingLost():
                self._unseeing.add(name)
                await self._cut()
            case do.PingBack():
                self._unseeing.discard(name)
                await self._cut()
            case do.Freeze():
                node.daemon.freeze()
            case do.Thaw():
                node.daemon.thaw()
            case do.Forget():
                for kept in node.place.state.iterdir():
                    shutil.rmtree(kept) if kept.is_dir() else kept.unlink()

    async def _boot(self, name: NodeName) -> None:
        node = self.nodes[name]
        if not node.powered:
            await self.stage.power_on(node)
        await self._look()
        if node.daemon.process is not None:
            raise Unmet(f"the daemon of {name} still runs")
        self._leaving.discard(name)
        self._left.discard(name)
        await node.daemon.start()

    def _install(self, program: str, name: NodeName) -> None:
        if self.nodes[name].daemon.process is not None:
            raise Unmet(f"the daemon of {name} still runs")
        self.stage.install(self.nodes[name], PROGRAMS[program])

    async def _cut(self) -> None:
        rules = [f'iifname "{a}-*" oifname "{b}-*" drop' for a, b in sorted(self._cuts)]
        rules += [UNSEEN.format(name=name, ping=CLIENT_IP) for name in sorted(self._unseeing)]
        said = CUTS.format(rules="\n".join(rules))
        await command("ip", "netns", "exec", SWITCH, "nft", "-f", "-", text=said)

    async def _ask(self, step: do.Command) -> str | None:
        running = (name for name, node in self.nodes.items() if node.daemon.running)
        asked = getattr(step, "at", None) or next(running, None)
        if asked is None:
            raise Unmet("no daemon runs that could be asked")
        daemon = self.nodes[asked].daemon
        if isinstance(daemon, HeartbeatDaemon):
            return await _ask_heartbeat(daemon, step)
        try:
            async with Client(daemon.place.socket, ANSWER_S) as client:
                match step:
                    case do.Handover(group, to):
                        await client.handover(_group(group), self._full(to))
                    case do.FailBack(group):
                        await client.failback(_group(group))
                    case do.Standby(node, switch):
                        await client.standby(switch == "on", self._full(node))
                    case do.Maintenance(switch, node):
                        await client.maintenance(switch == "on", self._full(node))
                    case do.Cleanup(_, node):
                        await client.cleanup(GROUP, self._full(node))
                    case do.Clear(group):
                        await client.clear(None if group is None else _group(group))
                    case do.Confirm(node):
                        await client.confirm(self._full(node) or "")
        except Refused as refused:
            return _plain(refused.reason)
        return None

    def _full(self, node: NodeName | None) -> str | None:
        return self.nodes[node].name if node in self.nodes else node

    # What is seen.

    async def views(self) -> dict[NodeName, View]:
        """Return what the daemons that run say."""
        running = {name: node for name, node in self.nodes.items() if node.daemon.running}
        return {name: await _view(node) for name, node in running.items()}

    def groups(self) -> tuple[GroupName, ...]:
        """Return the one group."""
        return (WEB,)

    def serving(self, _group: GroupName) -> tuple[NodeName, ...]:
        """Return the nodes whose kernels answer; a single one only if the client hears it, too."""
        ownership, view = self.stage.ownership, self.stage.view
        names = [n for n, d in self.nodes.items() if ownership.standing(d.name) is Standing.SERVING]
        if len(names) == 1 and view.echo_since(self.now - FRESH) != self._full(names[0]):
            return ()
        return tuple(names)

    async def gap(self, _group: GroupName, since: Instant) -> Duration:
        """Return the client's longest time without an echo, less the time it was not scheduled."""
        window = Span(since, await self.stage.settle())
        silent = summary(self.stage.view.pings, window).gap - self.stage.view.stalled(window)
        return Duration(max(0, silent))

    async def by_two(self, _group: GroupName, since: Instant) -> Duration:
        """Return for how long two answered: by the client or by the kernels, the longer one."""
        window = Span(since, await self.stage.settle())
        seen = self.stage.view.two_answered(window)
        return Duration(max(total(seen), total(self.stage.ownership.two_served(window))))

    async def changes(self, since: Instant) -> list[str]:
        """Tell which kernels began or ceased to answer since then."""
        told = []
        for name, node in self.nodes.items():
            bands = self.stage.ownership.bands(node.name, Span(since, self.now))
            for (_, before), (span, after) in pairwise(bands):
                if Standing.SERVING in (before, after):
                    told.append(f"{name} is {after} after {(span.start - since) / MS:.0f} ms")
        return told

    async def causes(self, _group: GroupName) -> dict[NodeName, str]:
        """Return the cause of the last move as the daemons that run tell it."""
        running = {name: node.daemon for name, node in self.nodes.items() if node.daemon.running}
        told = {name: await daemon.why() for name, daemon in running.items()}
        return {name: _plain(why["cause"]) if why else "" for name, why in told.items()}

    def ended(self, node: NodeName) -> bool:
        """Tell whether the daemon ended by itself, with the exit code of a clean end."""
        return node in self._left


def _group(name: GroupName) -> str:
    return GROUP if name == WEB else name


async def _ask_heartbeat(daemon: HeartbeatDaemon, step: do.Command) -> str | None:
    """Give an order by Heartbeat's own tools, as far as they go."""
    match step:
        case do.Handover(_, None):
            await daemon.handover()
        case do.Handover(_, to) if to and daemon.other.name.startswith(f"{to}."):
            await daemon.handover()
        case do.FailBack() if daemon.seat == SEATS[0]:
            await daemon.failback()
        case _:
            return "Heartbeat's tools move a group away from here, or home to here, and no more"
    return None


async def _view(node: Node) -> View:
    daemon = node.daemon
    if isinstance(daemon, HeartbeatDaemon):
        return await _view_of_heartbeat(daemon)
    assert isinstance(daemon, TwinbeatDaemon)
    status = await daemon.status()
    if status is None:
        return NOTHING
    group = status["groups"][GROUP]
    owner = NodeName(_plain(group["owner"])) if group["owner"] else None
    return View(
        {NodeName(_plain(name)): said["state"] for name, said in status["nodes"].items()},
        {WEB: owner},
        frozenset([WEB] if group["state"] == "held" else []),
        tuple(_plain(flag) for flag in status["flags"]),
    )


async def _view_of_heartbeat(daemon: HeartbeatDaemon) -> View:
    """Return what it says; it does not tell whether the scripts behind its word have ended."""
    owner = await daemon.owner()
    owners = {WEB: NodeName(_plain(owner)) if owner else None}
    states = {NodeName(_plain(name)): word for name, word in (await daemon.states()).items()}
    return View(states, owners, frozenset([WEB] if owner else []), ())


def _plain(text: str) -> str:
    """Return a text of a daemon with the scenario's names."""
    return text.replace(DOMAIN, "").replace(GROUP, WEB)
