"""The client against the real server: the contract both sides keep."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from control_desk import Desk, run, serving, until

from twinbeat.control.client import Client, default_socket
from twinbeat.control.credentials import Credentials
from twinbeat.control.protocol import ExitCode, Refused

STATUS: dict[str, Any] = {
    "schema": 1,
    "node": "node1",
    "generation": 3,
    "proof": "peer",
    "nodes": {
        "node2": {
            "state": "active",
            "late": False,
            "last_heard_ms": 12.5,
            "links": {"eth1": {"state": "up", "last_heard_ms": 12.5}},
        }
    },
    "groups": {},
    "lease": {"kind": "nft", "length_ms": 950, "remaining_ms": None},
    "drops": {},
    "flags": [],
}


class Cluster(Desk):
    """Answers `status` as a daemon does."""

    async def handle(self, do: str, args: dict[str, Any], who: Credentials) -> object:
        echoed = await super().handle(do, args, who)
        return STATUS if do == "status" else echoed


def test_every_verb_reaches_the_handler_with_its_arguments(tmp_path: Path) -> None:
    path, desk = tmp_path / "s", Cluster()

    async def talk() -> None:
        async with serving(path, desk), Client(path) as cluster:
            status = await cluster.status()
            assert status["nodes"]["node2"]["links"]["eth1"]["last_heard_ms"] == 12.5
            await cluster.handover("web", to="node2")
            await cluster.handover("web")
            await cluster.failback("web")
            await cluster.standby(True)
            await cluster.standby(False, "node2")
            await cluster.maintenance(True)
            await cluster.maintenance(False, "node2")
            await cluster.cleanup("web", "node2")
            await cluster.clear()
            await cluster.clear("web")
            await cluster.confirm("node2")
            await cluster.reload()
            await cluster.stop()

    run(talk)
    assert [(do, args) for do, args, _ in desk.asked] == [
        ("status", {}),
        ("handover", {"group": "web", "to": "node2"}),
        ("handover", {"group": "web", "to": None}),
        ("failback", {"group": "web"}),
        ("standby", {"on": True, "node": None}),
        ("standby", {"on": False, "node": "node2"}),
        ("maintenance", {"on": True, "node": "*"}),
        ("maintenance", {"on": False, "node": "node2"}),
        ("cleanup", {"group": "web", "node": "node2"}),
        ("clear", {"group": None}),
        ("clear", {"group": "web"}),
        ("confirm", {"node": "node2"}),
        ("reload", {}),
        ("stop", {}),
    ]


def test_a_refusal_carries_the_daemon_s_code_and_reason(tmp_path: Path) -> None:
    path, desk = tmp_path / "s", Desk()

    async def talk() -> None:
        async with serving(path, desk), Client(path) as cluster:
            with pytest.raises(Refused, match="There is no group nothing") as caught:
                await cluster.failback("nothing")
            assert caught.value.code is ExitCode.REFUSED
            with pytest.raises(Refused, match="length <= 255") as caught:
                await cluster.failback("x" * 300)
            assert caught.value.code is ExitCode.USAGE
            with pytest.raises(Refused, match="another shape"):
                await cluster.status()

    run(talk)


def test_nobody_there_is_said_with_the_path(tmp_path: Path) -> None:
    async def talk() -> None:
        with pytest.raises(Refused, match=f"No daemon on {tmp_path}/s") as caught:
            async with Client(tmp_path / "s"):
                pass
        assert caught.value.code is ExitCode.NO_DAEMON

    run(talk)


def test_events_come_until_the_daemon_ends(tmp_path: Path) -> None:
    path, desk = tmp_path / "s", Desk()
    heard: list[object] = []

    async def listen() -> None:
        async for event in Client(path).subscribe():
            heard.append(event)

    async def talk() -> None:
        async with serving(path, desk) as server:
            listening = asyncio.create_task(listen())

            def told() -> bool:
                server.publish({"what": "group held"})
                return len(heard) > 2

            await until(told)
        with pytest.raises(Refused, match="ended the connection") as caught:
            await listening
        assert caught.value.code is ExitCode.NO_DAEMON

    run(talk)
    assert heard[0] == {"what": "group held"}


def test_a_late_answer_is_not_taken_for_the_next(tmp_path: Path) -> None:
    path, desk = tmp_path / "s", Desk()

    async def talk() -> None:
        desk.blocked = asyncio.Event()
        async with serving(path, desk), Client(path, timeout=0.1) as cluster:
            with pytest.raises(Refused, match=r"No answer from the daemon in 0\.1 s"):
                await cluster.request("why", group="web")
            desk.blocked.set()
            cluster.timeout = 5
            assert await cluster.request("history", limit=1) == {"did": "history", "limit": 1}

    run(talk)


def test_concurrent_requests_of_one_client_get_their_own_answers(tmp_path: Path) -> None:
    path, desk = tmp_path / "s", Desk()

    async def talk() -> None:
        async with serving(path, desk), Client(path) as cluster:
            names = [f"g{number}" for number in range(20)]
            answers = await asyncio.gather(*(cluster.request("why", group=n) for n in names))
            assert [answer["group"] for answer in answers] == names

    run(talk)


def test_a_daemon_that_talks_nonsense_is_an_error_not_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "s"

    async def nonsense(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"what?\n")
        writer.close()

    async def talk() -> None:
        async with await asyncio.start_unix_server(nonsense, path), Client(path) as cluster:
            with pytest.raises(Refused, match="gave no valid answer"):
                await cluster.reload()

    run(talk)


def test_the_environment_names_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TWINBEAT_SOCKET", raising=False)
    assert os.fspath(default_socket()) == "/run/twinbeat/control.sock"
    monkeypatch.setenv("TWINBEAT_SOCKET", "/tmp/another")
    assert os.fspath(Client().path) == "/tmp/another"
