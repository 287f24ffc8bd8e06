"""The server on a real socket: what it answers, to whom, and that nothing holds it up."""

import asyncio
import os
import socket
import stat
from pathlib import Path

import pytest
from control_desk import Desk, run, serving, until, wire

from twinbeat.control import server as room
from twinbeat.control.credentials import Credentials, credentials_of, may_change
from twinbeat.control.server import ControlServer, SocketTaken


def test_a_request_is_answered_in_the_issue_s_own_words(tmp_path: Path) -> None:
    path, desk = tmp_path / "s", Desk()

    async def talk() -> None:
        async with serving(path, desk), wire(path) as line:
            assert await line.ask(b'{"id":1,"do":"status","args":{}}') == {
                "id": 1,
                "ok": True,
                "result": {"did": "status"},
            }
            assert await line.ask(b'{"id":"x","do":"why","args":{"group":"nothing"}}') == {
                "id": "x",
                "ok": False,
                "code": 1,
                "error": "There is no group nothing.",
            }
        assert desk.asked[0][2].uid == os.getuid()
        assert desk.asked[0][2].pid == os.getpid()

    run(talk)


def test_what_is_malformed_is_answered_and_the_connection_lives_on(tmp_path: Path) -> None:
    path, desk = tmp_path / "s", Desk()

    async def talk() -> None:
        async with serving(path, desk), wire(path) as line:
            for data in (b"", b"hello", b'{"do":"dance"}', b'{"do":"why"}', b"\xff\x00"):
                reply = await line.ask(data)
                assert (reply["ok"], reply["code"]) == (False, 2)
            assert (await line.ask(b'{"id":2,"do":"status"}'))["ok"] is True
        assert [do for do, _, _ in desk.asked] == ["status"]

    run(talk)


def test_a_line_too_long_is_answered_and_ends_the_connection(tmp_path: Path) -> None:
    path, desk = tmp_path / "s", Desk()

    async def talk() -> None:
        async with serving(path, desk) as server:
            async with wire(path) as line:
                line.writer.write(b"x" * 200_000)
                reply = await line.hear()
                assert (reply["code"], reply["error"]) == (2, "A line is at most 65536 bytes.")
                assert await line.at_end()
            async with wire(path) as line:
                assert (await line.ask(b'{"do":"status"}'))["ok"] is True
            assert server.dropped == 0

    run(talk)


def test_half_a_line_and_a_hang_up_do_no_harm(tmp_path: Path) -> None:
    path, desk = tmp_path / "s", Desk()

    async def talk() -> None:
        async with serving(path, desk):
            async with wire(path) as line:
                await line.say(b'{"do":"sta')
            async with wire(path) as line:
                await line.say(b'{"do":"status"}\n' * 50)
            async with wire(path) as line:
                assert (await line.ask(b'{"do":"status"}'))["ok"] is True

    run(talk)


def test_a_handler_that_fails_inside_is_logged_and_answered(tmp_path: Path) -> None:
    path, desk = tmp_path / "s", Desk()

    async def talk() -> None:
        async with serving(path, desk), wire(path) as line:
            reply = await line.ask(b'{"id":1,"do":"why","args":{"group":"trouble"}}')
            assert reply["code"] == 1
            assert "ZeroDivisionError" in reply["error"]
            assert (await line.ask(b'{"id":2,"do":"status"}'))["ok"] is True
        assert [level for level, _ in desk.lines] == ["ERROR"]

    run(talk)


def test_a_subscriber_hears_events_between_its_answers(tmp_path: Path) -> None:
    path, desk = tmp_path / "s", Desk()

    async def talk() -> None:
        async with serving(path, desk) as server, wire(path) as line:
            server.publish({"lost": "nobody listens yet"})
            assert (await line.ask(b'{"id":1,"do":"subscribe"}'))["result"] == {"subscribed": True}
            server.publish({"what": "group held"})
            assert await line.hear() == {"event": {"what": "group held"}}
            assert (await line.ask(b'{"id":2,"do":"status"}'))["id"] == 2
            server.publish({"what": object()})
            assert desk.lines[-1][0] == "WARN"

    run(talk)


def test_a_slow_subscriber_is_dropped_and_counted_and_holds_up_nobody(tmp_path: Path) -> None:
    path, desk = tmp_path / "s", Desk()

    async def talk() -> None:
        async with serving(path, desk) as server, wire(path) as slow, wire(path) as quick:
            for line in (slow, quick):
                await line.ask(b'{"id":1,"do":"subscribe"}')
            for number in range(2000):
                server.publish({"number": number, "text": "x" * 10_000})
                assert (await quick.hear())["event"]["number"] == number
                if server.dropped:
                    break
            assert server.dropped == 1
            assert "did not keep up" in desk.lines[-1][1]
            server.publish({"number": -1})
            assert (await quick.hear())["event"]["number"] == -1
            assert await slow.at_end()

    run(talk)


def test_a_client_that_never_reads_its_answers_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "WRITE_S", 0.2)
    path, desk = tmp_path / "s", Desk()

    async def talk() -> None:
        async with serving(path, desk), wire(path) as deaf, wire(path) as other:
            deaf.writer.transport.pause_reading()  # type: ignore[attr-defined]
            request = b'{"do":"why","args":{"group":"' + b"x" * 250 + b'"}}\n'

            async def ask_on() -> None:
                while True:
                    await deaf.say(request * 50)

            with pytest.raises(ConnectionError):
                await ask_on()
            assert (await other.ask(b'{"do":"status"}'))["ok"] is True

    run(talk)


def test_only_so_many_may_be_connected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "CONNECTIONS_MAX", 2)
    path, desk = tmp_path / "s", Desk()

    async def talk() -> None:
        async with serving(path, desk):
            async with wire(path) as one, wire(path) as two, wire(path) as three:
                for line in (one, two):
                    await line.ask(b'{"do":"status"}')
                reply = await three.hear()
                assert (reply["ok"], reply["code"]) == (False, 1)
                assert await three.at_end()
            async with wire(path) as again:
                for _ in range(200):
                    if (await again.ask(b'{"do":"status"}'))["ok"]:
                        break

    run(talk)


def test_closing_lets_the_last_answer_leave_and_removes_the_socket(tmp_path: Path) -> None:
    path, desk = tmp_path / "s", Desk()

    async def talk() -> None:
        server = ControlServer(path, desk.handle, desk.log)
        await server.start()
        async with wire(path) as line:
            await line.say(b'{"id":1,"do":"stop"}\n')
            await until(lambda: bool(desk.asked))
            await server.close()
            assert (await line.hear())["result"] == {"did": "stop"}
            assert await line.at_end()
        assert not path.exists()
        await server.close()

    run(talk)


def test_the_socket_is_for_its_owner_and_its_group_only(tmp_path: Path) -> None:
    path, desk = tmp_path / "run" / "twinbeat" / "s", Desk()

    async def look() -> None:
        async with serving(path, desk):
            found = path.stat()
            assert stat.S_ISSOCK(found.st_mode)
            assert stat.S_IMODE(found.st_mode) == 0o660
            assert found.st_uid == os.geteuid()

    run(look)


@pytest.mark.root
def test_the_socket_is_given_to_haclient_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, desk = tmp_path / "s", Desk()
    monkeypatch.setattr(room, "admin_gid", lambda: 4711)

    async def look() -> None:
        async with serving(path, desk):
            found = path.stat()
            assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (0, 4711, 0o660)

    run(look)


def test_a_dead_daemon_s_socket_is_replaced_a_living_one_is_not(tmp_path: Path) -> None:
    path, desk = tmp_path / "s", Desk()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))

    async def look() -> None:
        async with serving(path, desk):
            with pytest.raises(SocketTaken, match="A daemon already answers on"):
                await ControlServer(path, desk.handle, desk.log).start()
            async with wire(path) as line:
                assert (await line.ask(b'{"do":"status"}'))["ok"] is True

    run(look)


def test_what_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path, desk = tmp_path / "s", Desk()
    path.write_text("precious")
    with pytest.raises(SocketTaken, match="is not a socket"):
        asyncio.run(ControlServer(path, desk.handle, desk.log).start())
    assert path.read_text() == "precious"


@pytest.mark.parametrize("name", ["x" * 200, "file/s"])
def test_a_path_that_cannot_be_is_a_sentence(tmp_path: Path, name: str) -> None:
    desk = Desk()
    (tmp_path / "file").write_text("")
    with pytest.raises(SocketTaken, match="The control socket"):
        asyncio.run(ControlServer(tmp_path / name, desk.handle, desk.log).start())


def test_another_s_socket_is_not_removed_at_the_end(tmp_path: Path) -> None:
    path, desk = tmp_path / "s", Desk()

    async def look() -> None:
        async with serving(path, desk):
            path.rename(tmp_path / "mine")
            path.write_text("another's")

    run(look)
    assert path.read_text() == "another's"


def test_the_kernel_says_who_connects() -> None:
    here, there = socket.socketpair(socket.AF_UNIX)
    with here, there:
        who = credentials_of(here)
    assert (who.pid, who.uid) == (os.getpid(), os.getuid())
    assert who.gids == {os.getgid(), *os.getgroups()}


@pytest.mark.parametrize(
    ("uid", "gids", "admins", "allowed"),
    [
        (0, {0}, None, True),
        (os.geteuid(), {5}, None, True),
        (4711, {4711}, None, False),
        (4711, {4711}, 120, False),
        (4711, {4711, 120}, 120, True),
        (4711, {0}, None, False),
    ],
)
def test_root_the_daemon_s_user_and_haclient_may_change_things(
    uid: int, gids: set[int], admins: int | None, allowed: bool
) -> None:
    assert may_change(Credentials(1, uid, frozenset(gids)), admins) is allowed


ASK = """
import json, os, socket, sys
os.setgroups([]); os.setgid(4711); os.setuid(4711)
with socket.socket(socket.AF_UNIX) as s:
    s.connect(sys.argv[1])
    stream = s.makefile("rwb")
    for do, args in json.loads(sys.argv[2]):
        stream.write(json.dumps({"do": do, "args": args}).encode() + b"\\n"); stream.flush()
        print(json.loads(stream.readline()).get("code", 0))
"""


@pytest.mark.root
def test_a_stranger_may_look_but_not_touch(tmp_path: Path) -> None:
    """Where somebody opened the socket to all, the kernel's credentials still decide."""
    desk = Desk()
    directory = Path(f"/tmp/twinbeat-test-{os.getpid()}")
    directory.mkdir(mode=0o755)
    path = directory / "s"
    asked = '[["status", {}], ["stop", {}], ["standby", {"on": true}], ["history", {}]]'

    async def talk() -> None:
        async with serving(path, desk):
            path.chmod(0o666)
            child = await asyncio.create_subprocess_exec(
                "/usr/bin/env", "python3", "-c", ASK, str(path), asked,
                stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            out, _ = await child.communicate()
            assert out.split() == [b"0", b"5", b"5", b"0"]

    try:
        run(talk)
    finally:
        directory.rmdir()
    assert [do for do, _, _ in desk.asked] == ["status", "history"]
