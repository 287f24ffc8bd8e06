"""The administrators' `rc.d/status`: told of every node that comes, goes or dies, as by Heartbeat.

Heartbeat ran it with the message in the environment, and administrators added lines of their own.
But the one that it shipped takes the dead node's resources over, with `mach_down`. So that an
edited one can run as it stands, the environment leads it (and Heartbeat's own scripts, should it
call them by their paths) to tools that do nothing. One that names `ResourceManager` by its path is
not run.
"""

import asyncio
import re
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

from twinbeat.agents.base import AgentError, Log
from twinbeat.agents.child import run
from twinbeat.agents.command import ENVIRONMENT, lines
from twinbeat.agents.trust import locate
from twinbeat.core.effects import Record, What
from twinbeat.core.units import NodeName

from . import clock
from .scribe import Scribe

HOOK = "status"
LIMIT_S = 60.0
"""How long one call may take."""
WAITING_MAX = 64
"""Calls that wait while one runs; of more the oldest are left out, and that is told."""
HARMLESS = ("mach_down", "ResourceManager", "req_resource", "hb_standby", "hb_takeover")
"""What of Heartbeat's tools would move resources."""
HARMLESS_DIR = "harmless"
LINES_MAX = 100
SCRIPT_BYTES = 1 << 20

_manager = re.compile(rb"([^\s;&|`(]*)/ResourceManager\b")
_BY_THE_ENVIRONMENT = (b"$HA_NOARCHBIN", b"${HA_NOARCHBIN}")


class StatusHook:
    """Calls the hook, one call at a time, in the order in which things happened."""

    def __init__(
        self,
        directory: Path,
        state: Path,
        environment: Callable[[], Mapping[str, str]],
        scribe: Scribe,
        log: Log,
    ) -> None:
        """`directory` is where the configuration lies, `state` where the harmless tools may."""
        self._rcdir = directory / "rc.d"
        self._tools = state / HARMLESS_DIR
        self._environment = environment
        self._scribe = scribe
        self._log = log
        self._own = "up"
        self._words: dict[NodeName, str] = {}
        """What each peer said last."""
        self._told: dict[NodeName, str] = {}
        self._waiting: deque[dict[str, str]] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._complaint = ""

    def heard(self, record: Record) -> None:
        """Call the hook for a decision that changed a node's status."""
        peer = record.peer
        if record.what is What.NODE_ACTIVE:
            self._own = "active"
        if peer is None:
            return
        match record.what:
            case What.PEER_STATUS:
                self._words[peer] = str(record.evidence.get("status"))
                self.tell(peer, self._words[peer])
            case What.PEER_DEAD | What.PEER_LEFT:
                self.tell(peer, "dead")
            case What.PING_ANSWERS:
                self.tell(peer, "ping", info="ping")
            case What.PING_DEAD:
                self.tell(peer, "dead", info="ping")
            case What.PEER_ALIVE if peer in self._words:
                self.tell(peer, self._words[peer])

    def tell(self, node: NodeName, status: str, info: str | None = None) -> None:
        """Call the hook for a node's status, unless that was its last one; nothing here waits."""
        if self._told.get(node) == status:
            return
        self._told[node] = status
        message = {"t": "status", "st": status, "src": node, "ts": f"{int(clock.wall()):x}"}
        if info is not None:
            message["info"] = info
        message["OSTATUS"] = self._own
        if len(self._waiting) == WAITING_MAX:
            left_out = self._waiting.popleft()
            said = f"{left_out['HA_src']} {left_out['HA_st']}"
            self._log("WARN", f"rc.d/{HOOK} does not keep up: it is not told of {said}")
        self._waiting.append({f"HA_{name}": value for name, value in message.items()})
        if self._worker is None or self._worker.done():
            self._worker = asyncio.get_running_loop().create_task(self._work())

    async def end(self) -> None:
        """Call it no more; a call that runs is given up."""
        self._waiting.clear()
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.wait([self._worker])

    async def _work(self) -> None:
        while self._waiting:
            message = self._waiting.popleft()
            try:
                path = await self._scribe.ask(self._find)
                if path is not None:
                    await self._call(path, message)
                self._complaint = ""
            except (AgentError, OSError, ValueError) as error:
                if str(error) != self._complaint:
                    self._complaint = str(error)
                    self._log("ERROR", f"rc.d/{HOOK} is not run: {error}")

    def _find(self) -> str | None:
        """Return the hook if there is one, and see to its tools; in the scribe's thread.

        Raises `AgentError` or `OSError` when it must not be run.
        """
        path = locate(HOOK, [str(self._rcdir)])
        if path is None:
            return None
        with open(path, "rb") as stream:
            text = stream.read(SCRIPT_BYTES)
        if _goes_past_the_environment(text):
            raise AgentError(
                f"{path} calls ResourceManager by its path, which would take resources over behind "
                "this daemon's back; take these lines out"
            )
        self._tools.mkdir(mode=0o755, exist_ok=True)
        for name in HARMLESS:
            tool = self._tools / name
            if not tool.is_symlink():
                tool.symlink_to("/bin/true")
        return path

    async def _call(self, path: str, message: Mapping[str, str]) -> None:
        environment = {
            **ENVIRONMENT,
            **self._environment(),
            "HA_NICEFAILBACK": "yes",
            "HA_LOGD": "no",
            "HA_RCDIR": str(self._rcdir),
            "HA_RESOURCEDIR": str(self._rcdir.parent / "resource.d"),
            "HA_NOARCHBIN": str(self._tools),
            "HA_FIFO": "/dev/null",
            **message,
        }
        self._log("info", f"Running {path} {HOOK}")
        ended = await run([path, HOOK], environment, LIMIT_S)
        for line in lines(ended.stdout + "\n" + ended.stderr)[-LINES_MAX:]:
            self._log("info", f"rc.d/{HOOK}: {line}")
        if ended.overran:
            self._log("ERROR", f"{path} was killed after {LIMIT_S:g} s")
        elif ended.code != 0:
            self._log("WARN", f"{path} ended with code {ended.code}")


def _goes_past_the_environment(script: bytes) -> bool:
    """Whether a script names ResourceManager by a path that the environment does not choose."""
    lines = [line for line in script.split(b"\n") if not line.lstrip().startswith(b"#")]
    paths = [path for line in lines for path in _manager.findall(line)]
    return any(path.replace(b'"', b"") not in _BY_THE_ENVIRONMENT for path in paths)
