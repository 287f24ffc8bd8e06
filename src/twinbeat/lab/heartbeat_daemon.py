"""Heartbeat 3.0.6, as Debian packages it, as the contender on a node.

It knows only its own fixed paths, so each node gets its own `/etc/ha.d`, `/var/lib/heartbeat` and
`/run` by bind mounts in the mount namespace of its processes, and its own name. The machine's
directories of these names are only read: scripts that the package put there are copied.
"""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .contender import Contender
from .files import HOME
from .topology import SEATS, BuildError, command

PROGRAM = Path("/usr/libexec/heartbeat/heartbeat")
TOOLS = Path("/usr/share/heartbeat")
SCRIPTS = Path("/etc/ha.d")
CL_STATUS = "/usr/bin/cl_status"
"""By its full path: in an environment of ours the name alone is twinbeat's own tool."""

LOOK_S = 0.05
ANEW_S = 1.0
"""How long after its end a Heartbeat that begins anew may take to write down its new process."""
ENTER = """\
set -e
mount --bind {place.config} /etc/ha.d
mount --bind {place.state} /var/lib/heartbeat
mount --bind {home} {run}/lab
mount --rbind {run} /run
hostname {name}
exec {program} -f
"""
OWNERS = {
    SEATS[0].name: {"local": 0, "all": 0, "none": 1, "foreign": 1},
    SEATS[1].name: {"local": 0, "none": 0, "foreign": 1, "all": 1},
}
"""Which seat owns the one group, whose preferred owner is the first, by a node's `rscstatus`."""


class HeartbeatDaemon(Contender):
    """`heartbeat -f` on the experiment's own files."""

    title = "heartbeat"
    packages = ("heartbeat", "cluster-glue", "resource-agents", "net-tools")
    patience = 30.0  # Its first acquisition alone waits for 10 s.
    _missed_at: float | None = None
    """Since when no process of it is there, by the loop's clock."""

    @classmethod
    def version(cls) -> str | None:
        """Return the installed version, or None; it needs root, for it changes users."""
        needed = ("ifconfig", "unshare", "nsenter", CL_STATUS)
        if os.getuid() != 0 or not PROGRAM.exists() or not all(map(shutil.which, needed)):
            return None
        return subprocess.check_output([PROGRAM, "-V"], text=True).split()[0]

    @property
    def detection(self) -> float:
        """The deadtime."""
        return self.timing.deadtime

    @property
    def settings(self) -> str:
        """The two timers that matter."""
        return f"keepalive {self.timing.keepalive} ms, deadtime {self.timing.deadtime} ms"

    @property
    def run(self) -> Path:
        """Its `/run`."""
        return self.place.root / "run"

    @property
    def gone(self) -> bool:
        """Whether it has ended: a Heartbeat that begins a new life by itself has not."""
        if not super().gone or self._successor() is not None:
            self._missed_at = None
            return False
        now = asyncio.get_running_loop().time()
        self._missed_at = now if self._missed_at is None else self._missed_at
        return now - self._missed_at >= ANEW_S

    @property
    def pid(self) -> int:
        """The master process. After a partition it is another one than the one that was started."""
        return (self._successor() if super().gone else None) or super().pid

    def _successor(self) -> int | None:
        try:
            pid = int((self.run / "heartbeat.pid").read_text())
            lives = PROGRAM.samefile(f"/proc/{pid}/exe")
        except (OSError, ValueError):
            return None  # There is none, or it has ended.
        return pid if lives else None

    async def ended(self) -> int:
        """Wait for the end of the process that was started, and of those that took its place."""
        if self.process is not None:
            await self.process.wait()
        while self.process is not None and self._successor() is not None:
            await asyncio.sleep(LOOK_S)
        return await super().ended()

    def furnish(self) -> None:
        """Add the package's own scripts to the experiment's `/etc/ha.d`."""
        for script in SCRIPTS.rglob("*"):
            target = self.place.config / script.relative_to(SCRIPTS)
            if script.is_file() and not target.exists():
                target.parent.mkdir(exist_ok=True)
                shutil.copy(script, target)
        for user in ("root", "nobody", "hacluster"):
            (self.place.state / "cores" / user).mkdir(parents=True, exist_ok=True)

    def boot(self) -> None:
        """Give it an empty `/run`."""
        shutil.rmtree(self.run, ignore_errors=True)
        for name in ("lab", "lock", "heartbeat", "resource-agents"):
            (self.run / name).mkdir(parents=True)

    def command(self) -> Sequence[str]:
        """Return the program's command, with the node's own directories around it."""
        script = ENTER.format(
            place=self.place, home=HOME, run=self.run, name=self.seat.name, program=PROGRAM
        )
        return ("unshare", "--uts", "sh", "-c", script)

    async def owner(self) -> str | None:
        """Return the owner by `cl_status rscstatus`, which says `transition` while it moves."""
        index = OWNERS[self.seat.name].get((await self._ask(f"{CL_STATUS} rscstatus")).strip())
        return None if index is None else SEATS[index].name

    async def states(self) -> dict[str, str]:
        """Return what `cl_status nodestatus` says of every node; nothing while nobody answers."""
        ask = "; ".join(f"echo $({CL_STATUS} nodestatus {seat.name} 2>/dev/null)" for seat in SEATS)
        told = (await self._ask(ask)).splitlines()
        return {seat.name: word for seat, word in zip(SEATS, told, strict=False) if word}

    async def handover(self) -> None:
        """Let this node go standby with the group, which is its own or the other's."""
        share = "local" if self.seat == SEATS[0] else "foreign"
        await self.tool(str(TOOLS / "hb_standby"), share)

    async def failback(self) -> None:
        """Take this node's own group back."""
        await self.tool(str(TOOLS / "hb_takeover"), "local")

    async def _ask(self, script: str) -> str:
        try:
            return await self.tool("sh", "-c", script)
        except BuildError:
            return ""  # Its socket is not open yet, or it has just ended.

    async def tool(self, *words: str) -> str:
        """Run one of its tools where it runs; raises `BuildError` with what the tool said."""
        inside = ("nsenter", f"--target={self.pid}", "--mount", "--uts", "--net")
        return await command(*inside, *words)
