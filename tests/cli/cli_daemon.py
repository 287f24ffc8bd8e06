"""A real control server in a thread, whose answers a test sets: for the commands to talk to."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from twinbeat.control.credentials import Credentials
from twinbeat.control.protocol import ExitCode, Refused
from twinbeat.control.server import ControlServer
from twinbeat.control.shapes import GroupShape, MoveShape, StatusShape

Run = Callable[..., tuple[int, str, str]]
"""The fixture `run`: words in; exit code, stdout and stderr out."""


def web(owner: str | None = "node1", state: str = "held") -> GroupShape:
    return {
        "owner": owner,
        "state": state,
        "term": 3,
        "preferred": "node1",
        "pinned": None,
        "resources": [
            {"name": "192.168.0.140", "agent": "ip", "state": "started"},
            {"name": "httpd", "agent": "script", "state": "started"},
        ],
        "reasons": ["node1 owns it and nothing prefers another"],
    }


def status() -> StatusShape:
    return {
        "schema": 1,
        "node": "node1",
        "generation": 12,
        "proof": "peer",
        "nodes": {
            "node1": {"state": "active", "late": False, "last_heard_ms": None, "links": {}},
            "node2": {
                "state": "active",
                "late": True,
                "last_heard_ms": 620.5,
                "links": {
                    "eth1": {"state": "up", "last_heard_ms": 620.5},
                    "eth0": {"state": "dead", "last_heard_ms": None},
                },
            },
        },
        "groups": {"web": web()},
        "lease": {"kind": "nft", "length_ms": 950.0, "remaining_ms": 871.25},
        "drops": {"bad signature": 3, "replayed": 0},
        "flags": ["maintenance of node2"],
    }


MOVE: MoveShape = {
    "group": "web",
    "from": "node2",
    "to": "node1",
    "at": "2026-11-23T10:15:02.481Z",
    "cause": "node2 is dead: nothing was heard of it for 1.00 s",
    "phases": [
        {
            "what": "peer dead",
            "ms": 0.2,
            "because": "nothing was heard for 1.00 s, the deadtime",
            "evidence": {"node": "node2", "last_heard_ms": 1000.1, "missed": 5},
        },
        {"what": "group claiming", "ms": 80.0, "because": "node2 is dead", "evidence": {}},
        {"what": "group held", "ms": 0.0, "because": "every resource is started", "evidence": {}},
    ],
}


class Daemon:
    """Answers looks from `status` and `move`; an order is noted, then done or refused."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.status = status()
        self.move: MoveShape | None = MOVE
        self.because = "every resource is started"
        self.refusal: Refused | None = None
        self.looks_refused: Refused | None = None
        self.orders: list[tuple[str, dict[str, Any]]] = []
        self.arrives_after = 2
        """How many looks a handover takes; the group is on its way until then."""
        self.spoilt_by: GroupShape | None = None
        """What becomes of the group once a handover was ordered, instead of arriving."""
        self._under_way: str | None = None

    async def handle(self, do: str, args: dict[str, Any], who: Credentials) -> object:
        if do == "status" and self.looks_refused is not None:
            raise self.looks_refused
        match do:
            case "status":
                self._advance()
                return self.status
            case "parameters":
                return {"keepalive": "2", "hbversion": "3.0.6 (a test)"}
            case "why":
                if self.move is None:
                    raise Refused(ExitCode.REFUSED, "It never moved.")
                return self.move
            case "history":
                return {"entries": [self.entry(n) for n in range(args["limit"])], "left_out": 7}
        if self.refusal is not None:
            raise self.refusal
        self.orders.append((do, args))
        if do == "handover":
            self._under_way = args["to"] or "node2"
            group = self.status["groups"][args["group"]]
            group["owner"], group["state"] = None, "stopped"
            group["pinned"] = self._under_way
        return {"warnings": ["ha.cf:3: warning: odd"]} if do == "reload" else {"taken": True}

    def entry(self, number: int) -> dict[str, Any]:
        return {
            "at": number,
            "wall_ns": 1_795_428_902_481_000_000,
            "node": "node1",
            "what": "group held" if number else "a kind of tomorrow",
            "because": self.because,
            "group": "web",
        }

    def _advance(self) -> None:
        if self._under_way is None:
            return
        if self.spoilt_by is not None:
            self.status["groups"]["web"] = self.spoilt_by
            return
        self.arrives_after -= 1
        if self.arrives_after <= 0:
            group = self.status["groups"]["web"]
            group["owner"], group["state"] = self._under_way, "held"
            self._under_way = None


@contextmanager
def serving(daemon: Daemon) -> Iterator[Daemon]:
    """Serve from a thread of its own until the block ends."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    end = asyncio.Event()

    async def serve() -> None:
        server = ControlServer(daemon.path, daemon.handle, lambda level, text: None)
        await server.start()
        ready.set()
        await end.wait()
        await server.close()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert ready.wait(10)
        yield daemon
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(10)
        loop.close()
