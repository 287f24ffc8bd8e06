"""What an operator asks over the control socket, turned into events, and the answers brought back.

Reading is answered from what the node knows. An order becomes an event with a request number; the
core's `Reply` with that number is its answer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from twinbeat.agents.base import Log
from twinbeat.control.credentials import Credentials
from twinbeat.control.protocol import ExitCode, Refused
from twinbeat.core.effects import Reply
from twinbeat.core.events import (
    CleanupRequested,
    ClearRequested,
    ConfirmRequested,
    Event,
    FailbackRequested,
    HandoverRequested,
    MaintenanceRequested,
    StandbyRequested,
)
from twinbeat.core.units import GroupName, NodeName

from .chronicle import Chronicle

ANSWER_S = 5.0
"""The core answers within the turn; longer means that the loop is not running."""
KEPT_S = 3.0
"""How long a granted order waits for the disk before whoever gave it is told."""


class Desk:
    """The handler of the control server."""

    def __init__(
        self,
        me: NodeName,
        chronicle: Chronicle,
        status: Callable[[], object],
        parameters: Callable[[], Mapping[str, str]],
        reload: Callable[[], Awaitable[object]],
        post: Callable[[Event], None],
        kept: Callable[[], Awaitable[None]],
        stop: Callable[[], None],
        log: Log,
    ) -> None:
        self._me = me
        self._chronicle = chronicle
        self._status = status
        self._parameters = parameters
        self._reload = reload
        self._post = post
        self._kept = kept
        self._stop = stop
        self._log = log
        self._last = 0
        self._open: dict[int, asyncio.Future[str | None]] = {}

    async def handle(self, do: str, args: dict[str, Any], who: Credentials) -> object:
        """Answer one request of known verb and checked arguments; raises `Refused`."""
        match do:
            case "status":
                return self._status()
            case "parameters":
                return dict(self._parameters())
            case "why":
                return await self._why(GroupName(args["group"]))
            case "history":
                return {"entries": await self._chronicle.history(args["limit"])}
        said = " ".join(f"{key}={value}" for key, value in args.items() if value is not None)
        self._log("info", f"user {who.uid} (pid {who.pid}) asks: {do} {said}".rstrip())
        match do:
            case "reload":
                return await self._reload()
            case "stop":
                self._stop()
                return {"taken": True}
        return await self._order(lambda number: self._event(do, args, number))

    def reply(self, reply: Reply) -> None:
        """Hand the core's answer to whoever asked."""
        waiting = self._open.get(reply.request)
        if waiting is not None and not waiting.done():
            waiting.set_result(reply.refused)

    def _event(self, do: str, args: dict[str, Any], number: int) -> Event:
        match do:
            case "handover":
                to = None if args["to"] is None else NodeName(args["to"])
                return HandoverRequested(number, GroupName(args["group"]), to)
            case "failback":
                return FailbackRequested(number, GroupName(args["group"]))
            case "standby":
                return StandbyRequested(number, self._node(args["node"]), args["on"])
            case "maintenance":
                return MaintenanceRequested(number, NodeName(args["node"]), args["on"])
            case "cleanup":
                group = GroupName(args["group"])
                return CleanupRequested(number, group, self._node(args["node"]))
            case "clear":
                named = None if args["group"] is None else GroupName(args["group"])
                return ClearRequested(number, named)
            case "confirm":
                return ConfirmRequested(number, NodeName(args["node"]))
        raise Refused(ExitCode.USAGE, f"This daemon does not know how to {do}.")

    def _node(self, name: str | None) -> NodeName:
        return self._me if name is None else NodeName(name)

    async def _order(self, event: Callable[[int], Event]) -> object:
        self._last += 1
        number = self._last
        answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._open[number] = answer
        try:
            self._post(event(number))
            async with asyncio.timeout(ANSWER_S):
                refused = await answer
        except TimeoutError:
            raise Refused(ExitCode.REFUSED, f"No decision within {ANSWER_S:g} s.") from None
        finally:
            del self._open[number]
        if refused is not None:
            raise Refused(ExitCode.REFUSED, refused)
        await self._keep()
        return {"taken": True}

    async def _keep(self) -> None:
        """Say yes only to what the next life knows as well; raises `Refused`."""
        try:
            async with asyncio.timeout(KEPT_S):
                await self._kept()
        except TimeoutError:
            why = f"it did not answer within {KEPT_S:g} s"
        except OSError as error:
            why = str(error)
        else:
            return
        raise Refused(
            ExitCode.REFUSED,
            f"It is taken, but this node's disk does not hold it ({why}): should the daemon end "
            "now, only the other nodes would know of it. Mend the disk; the next order that is "
            "granted keeps this one as well.",
        )

    async def _why(self, group: GroupName) -> object:
        move = await self._chronicle.why(group)
        if move is None:
            raise Refused(
                ExitCode.REFUSED,
                f"Nothing is recorded of group {group}: it neither moved nor was restarted as far "
                "back as this node's journal goes, or there is no such group.",
            )
        return move.to_dict()
