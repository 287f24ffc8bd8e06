"""What a person sees while the laboratory works."""

import asyncio
import os
import signal
import sys
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.status import Status

from .capture import Heartbeat
from .files import HOME
from .report import headline, story
from .result import Result
from .stage import Stage
from .topology import CLIENT, SWITCH


class Terminal:
    """Live progress on a terminal, plain lines anywhere else."""

    def __init__(self, out: TextIO) -> None:
        self.console = Console(file=out, highlight=False, soft_wrap=True)
        self._status: Status | None = None

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._status = self.console.status("building the laboratory")
            self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._quiet()

    def begin(self, what: str) -> None:
        """Say what is being done now."""
        if self._status is not None:
            self._status.update(what)
        else:
            self.say(f"-> {what}")

    def say(self, text: str) -> None:
        """Print a line."""
        self.console.print(text, markup=False)

    def tell(self, result: Result) -> None:
        """Print what a step came to."""
        style = "bold green" if result.ok else "bold red"
        self.console.print(headline(result), style=style, markup=False)
        for line in story(result):
            self.say(f"    {line}")

    async def watch(self, stage: Stage, outer: int) -> None:
        """Tell how to enter each node, then show the heartbeats until Ctrl-C."""
        self._quiet()
        ending = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, ending.set)
        self.say(entrances(stage, outer))
        stage.heard = self._heartbeat
        await ending.wait()
        stage.heard = None
        self.say("")

    def _heartbeat(self, heartbeat: Heartbeat) -> None:
        self.say(str(heartbeat))

    def _quiet(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None


def entrances(stage: Stage, outer: int) -> str:
    """Return how to enter each namespace from another terminal, and what to try there."""
    # The cage's first process lives in all its namespaces; a user's cage has a user namespace too.
    own = "sudo " if os.stat("/proc/1/ns/user").st_ino == INITIAL_USER_NAMESPACE else ""
    key = f"{own}nsenter --target {outer} --mount --pid"
    if not own:
        key += " --user --preserve-credentials"
    rooms = [*(node.seat.namespace for node in stage.nodes), CLIENT, SWITCH]
    doors = "\n".join(f"  {key} ip netns exec {room} bash" for room in rooms)
    program = f"{sys.executable} -m twinbeat"
    sockets = "\n".join(f"  {program} status --socket {n.place.socket}" for n in stage.nodes)
    return f"""
The laboratory is up. Enter a node from another terminal:

{doors}

In there, for example:

{sockets}
  ip address show eth0
  nft list ruleset
  less {HOME}/node1/ha-log

Heartbeats on eth1, until Ctrl-C:
"""


INITIAL_USER_NAMESPACE = 0xEFFF_FFFD
"""The inode of the machine's own user namespace (PROC_USER_INIT_INO, a constant of the kernel)."""
