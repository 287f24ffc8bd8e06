"""The laboratory for mixed pairs: two groups, and Heartbeat's own media and keys."""

import asyncio
import os
import secrets
from contextlib import AsyncExitStack
from typing import Self

from interop_pairs import KINDS, Pair, Setup, ha_cf

from twinbeat.control.client import Client
from twinbeat.lab import kernel, topology
from twinbeat.lab.heartbeat_daemon import HeartbeatDaemon
from twinbeat.lab.node import LogLine, Node
from twinbeat.lab.ownership import Ownership, Standing
from twinbeat.lab.stage import SAMPLE_S, Stage
from twinbeat.lab.topology import SEATS, VIRTUAL_IP
from twinbeat.lab.view import Span

OTHER_IP = "192.168.0.141"
"""The second group: an address alone, which prefers node2."""
ADDRESSES = (VIRTUAL_IP, OTHER_IP)
ANSWER_S = 5.0
WORDS = {(1, 1): ("all", "none"), (1, 2): ("local", "local"),
         (2, 1): ("foreign", "foreign"), (2, 2): ("none", "all")}  # fmt: skip
"""What `cl_status rscstatus` says on node1 and node2, by who has the one and the other group."""


class Rig(Stage):
    """A stage with a second group, set up as a row says."""

    def __init__(self, pair: Pair, setup: Setup) -> None:
        self.pair, self.setup = pair, setup
        self.excused: list[Span] = []
        """When two owners are nobody's fault: a cut cable cannot be told from a dead node."""
        self.other = Ownership(OTHER_IP)
        self.cut_since: int | None = None
        super().__init__(setup.timing, lambda seat, t: KINDS[pair[SEATS.index(seat)]](seat, t))

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self.undo = AsyncExitStack()
        self._sampling = asyncio.create_task(self._sample_other())
        self.write(self.setup.key or secrets.token_hex(8))
        if "serial" in self.setup.medium:
            await self._lay_serial_line()
        return self

    async def __aexit__(self, *what: object) -> None:
        self._sampling.cancel()
        await self.undo.aclose()
        await super().__aexit__(None, None, None)

    def write(self, key: str) -> None:
        """Write the files of both nodes as the setup says, with this key."""
        keys = "1 crc" if self.setup.auth == "crc" else f"1 {self.setup.auth} {key}"
        self.keys(f"auth 1\n{keys}\n")
        for number, node in enumerate(self.nodes, 1):
            (node.place.config / "ha.cf").write_text(ha_cf(self.setup, node.place.log, number))
            groups = f"{SEATS[0].name} {VIRTUAL_IP} httpd\n{SEATS[1].name} {OTHER_IP}\n"
            (node.place.config / "haresources").write_text(groups)

    def keys(self, text: str) -> None:
        """Write both nodes' authkeys."""
        for node in self.nodes:
            (node.place.config / "authkeys").write_text(text)

    async def _lay_serial_line(self) -> None:
        os.makedirs("/run/lock", exist_ok=True)
        ends = [f"pty,raw,echo=0,link=/run/lab/tty{number}" for number in (1, 2)]
        line = await asyncio.create_subprocess_exec("socat", *ends)
        self.undo.callback(line.kill)
        while not all(os.path.exists(f"/run/lab/tty{number}") for number in (1, 2)):
            await asyncio.sleep(SAMPLE_S)

    async def power_off(self, node: Node) -> None:
        """Cut a node's power."""
        self.other.forget(node.name)
        await super().power_off(node)

    async def power_on(self, node: Node) -> None:
        """Build a node anew."""
        await super().power_on(node)
        self.other.watch(node.name, node.seat.namespace)

    async def _sample_other(self) -> None:
        while True:
            self.other.sample()
            await asyncio.sleep(SAMPLE_S)

    def node(self, number: int) -> Node:
        """Return node1 or node2."""
        return self.nodes[number - 1]

    def serving(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return which nodes' kernels answer for the one and the other group."""
        first, second = (
            tuple(
                number
                for number, node in enumerate(self.nodes, 1)
                if ownership.standing(node.name) is Standing.SERVING
            )
            for ownership in (self.ownership, self.other)
        )
        return first, second

    async def told(self) -> list[str]:
        """Return what each daemon says of the resources: `rscstatus` words, for both programs."""
        return [await self._told(node) for node in self.nodes]

    async def _told(self, node: Node) -> str:
        daemon = node.daemon
        if not daemon.running:
            return "does not run"
        if isinstance(daemon, HeartbeatDaemon):
            try:
                return (await daemon.tool("cl_status", "rscstatus")).strip()
            except topology.BuildError:
                return "does not answer"
        async with Client(node.place.socket, ANSWER_S) as client:
            groups = (await client.status())["groups"]
        if any(group["state"] != "held" for group in groups.values()):
            return "transition"
        owners = tuple(1 if groups[a]["owner"] == SEATS[0].name else 2 for a in ADDRESSES)
        return WORDS[owners[0], owners[1]][self.nodes.index(node)]

    def two_served(self, since: int) -> list[Span]:
        """Return when two kernels, or two nodes by the client, answered without excuse."""
        window = Span(since, kernel.now())
        spans = [
            *self.ownership.two_served(window),
            *self.other.two_served(window),
            *self.view.two_answered(window),
        ]
        return [s for s in spans if not any(e.start <= s.start < e.end for e in self.excused)]

    def errors(self, program: type) -> list[LogLine]:
        """Return the lines of level ERROR and worse of all nodes that ran a program."""
        nodes = [node for node in self.nodes if isinstance(node.daemon, program)]
        bad = ("ERROR", "CRIT", "EMERG", "ALERT")
        return [line for node in nodes for line in node.lines if line.level in bad]
