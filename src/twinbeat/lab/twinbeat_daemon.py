"""twinbeat itself as the contender on a node."""

import sys
from collections.abc import Sequence

from twinbeat import __version__
from twinbeat.control.client import Client
from twinbeat.control.protocol import Refused
from twinbeat.control.shapes import EntryShape, MoveShape, StatusShape
from twinbeat.core.effects import What

from .contender import Contender
from .files import GROUP

ANSWER_S = 2.0
"""How long a daemon may take to answer a question."""
HISTORY = 1000
"""Entries of the journal that are looked through."""
ACTED = (What.GROUP_RESTARTING, What.GROUP_FAILED)


class TwinbeatDaemon(Contender):
    """`twinbeat run` on the experiment's own files."""

    title = "twinbeat"

    @classmethod
    def version(cls) -> str | None:
        """Return our own version."""
        return __version__

    @property
    def detection(self) -> float:
        """The deadtime."""
        return self.timing.deadtime

    @property
    def settings(self) -> str:
        """The two timers that matter."""
        return f"keepalive {self.timing.keepalive} ms, deadtime {self.timing.deadtime} ms"

    def furnish(self) -> None:
        """Nothing: the experiment's files are all it reads."""

    def boot(self) -> None:
        """Remove the control socket."""
        self.place.socket.unlink(missing_ok=True)

    def command(self) -> Sequence[str]:
        """Return the real program's command."""
        place = self.place
        return (
            *(sys.executable, "-m", "twinbeat", "run"),
            *("--config", str(place.config), "--node", self.seat.name),
            *("--state-dir", str(place.state), "--socket", str(place.socket)),
        )

    async def status(self) -> StatusShape | None:
        """Return the daemon's status, or None while it does not answer."""
        if not self.running:
            return None
        try:
            async with Client(self.place.socket, ANSWER_S) as client:
                return await client.status()
        except Refused:
            return None

    async def owner(self) -> str | None:
        """Return the owner of the group once it is held."""
        status = await self.status()
        group = status["groups"].get(GROUP) if status else None
        return group["owner"] if group and group["state"] == "held" else None

    async def says(self) -> str:
        """Tell the owner and the group's state."""
        status = await self.status()
        group = status["groups"].get(GROUP) if status else None
        if group is None:
            return f"{self.seat.name} does not answer"
        return f"{self.seat.name} says {group['owner'] or 'nobody'} ({group['state']})"

    async def why(self) -> MoveShape | None:
        """Return the last move of the group, or None while the daemon does not answer."""
        if not self.running:
            return None
        try:
            async with Client(self.place.socket, ANSWER_S) as client:
                return await client.why(GROUP)
        except Refused:
            return None

    async def entries(self) -> list[EntryShape]:
        """Return the newest entries of its journal; raises `Refused`."""
        async with Client(self.place.socket, ANSWER_S) as client:
            return (await client.history(HISTORY))["entries"]

    async def noticed(self, since: int) -> int | None:
        """Return when the core decided what to do about it."""
        acted = (entry["at"] for entry in await self.entries() if entry["what"] in ACTED)
        return min((at for at in acted if at > since), default=None)

    async def clear(self) -> None:
        """Have failures forgotten; raises `Refused`."""
        async with Client(self.place.socket, ANSWER_S) as client:
            await client.clear(GROUP)

    async def handover(self) -> None:
        """Ask for a handover; raises `Refused`."""
        async with Client(self.place.socket, ANSWER_S) as client:
            await client.handover(GROUP, self.other.name)

    async def failback(self) -> None:
        """Ask for the failback; raises `Refused`."""
        async with Client(self.place.socket, ANSWER_S) as client:
            await client.failback(GROUP)


class RecordedDaemon(TwinbeatDaemon):
    """The same with every life recorded, so that a step that failed can be lived again."""

    def command(self) -> Sequence[str]:
        """Return the real program's command."""
        return (*super().command(), "--record", str(self.place.stream))
