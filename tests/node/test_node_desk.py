"""Operators' orders through a real core, and the shape of every answer."""

import asyncio
import shutil
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from twinbeat.agents.script import ScriptAgent
from twinbeat.control.client import ANSWER_S as CLIENT_ANSWER_S
from twinbeat.control.credentials import Credentials
from twinbeat.control.protocol import ExitCode, Refused
from twinbeat.control.shapes import HistoryShape, StatusShape
from twinbeat.core.beat import Life, Switch
from twinbeat.core.effects import Record, Remember, Reply, What
from twinbeat.core.engine import Engine
from twinbeat.core.events import ClearRequested, ConfirmRequested, Event, Started
from twinbeat.core.model import AgentKind, ClusterModel, GroupSpec, ResourceSpec, Timing
from twinbeat.core.units import GroupName, NodeName, milliseconds, seconds
from twinbeat.node import clock, snapshot
from twinbeat.node.chronicle import Chronicle
from twinbeat.node.custodian import Custodian
from twinbeat.node.desk import ANSWER_S, KEPT_S, Desk
from twinbeat.node.memory import Memory
from twinbeat.node.scribe import Scribe
from twinbeat.node.state import Kept, StateDir

NODE1, NODE2, WEB = NodeName("node1"), NodeName("node2"), GroupName("web")
ROOT = Credentials(1, 0, frozenset({0}))
MODEL = ClusterModel(
    name="test",
    nodes=(NODE1, NODE2),
    timing=Timing(
        keepalive=milliseconds(200),
        warntime=milliseconds(500),
        deadtime=seconds(1),
        initdead=seconds(3),
        deadping=seconds(1),
    ),
    links=(),
    groups=(
        GroupSpec(
            name=WEB,
            nodes=(NODE1, NODE2),
            resources=(ResourceSpec(name="httpd", agent=AgentKind.LSB, script="httpd"),),
        ),
    ),
)


class Office:
    """A desk in front of a real engine; events are handled as they come."""

    def __init__(self, directory: Path) -> None:
        self.log: list[tuple[str, str]] = []
        self.stopped = 0
        self.posted: list[Event] = []
        self.failures: list[BaseException] = []
        self.scribe = Scribe(self.failures.append)
        self.state = StateDir(directory / "state")
        self.memory = Memory(self.state, self.scribe, self.write)
        self.engine = Engine(MODEL, NODE1, Life(7, 1), clock.now(), standby={}, maintenance={})
        self.chronicle = Chronicle(directory, NODE1, self.write, self.scribe, lambda event: None)
        self.custodian = Custodian(
            lambda spec: ScriptAgent(spec, (str(directory),), self.write, {}), self.post, self.write
        )
        self.desk = Desk(
            NODE1,
            self.chronicle,
            self.status,
            lambda: {"keepalive": "2"},
            self.reload,
            self.post,
            self.memory.kept,
            self.stop,
            self.write,
        )
        self.engine.handle(Started(), clock.now())

    def write(self, level: str, text: str) -> None:
        self.log.append((level, text))

    def post(self, event: Event) -> None:
        self.posted.append(event)
        for effect in self.engine.handle(event, clock.now()):
            if isinstance(effect, Remember):
                self.memory.remember(effect)
            if isinstance(effect, Reply):
                self.desk.reply(effect)

    def next_life(self) -> Kept:
        """What a daemon would begin with if this one ended now."""
        self.state.close()
        self.state = StateDir(self.state.path)
        return self.state.begin_life(1)

    def status(self) -> object:
        status = self.engine.status(clock.now())
        return snapshot.draw(status, MODEL, self.custodian, {"bad signature": 3, "stale beat": 1})

    async def reload(self) -> object:
        raise Refused(ExitCode.CONFIGURATION, "ha.cf:3:1: error")

    def stop(self) -> None:
        self.stopped += 1

    async def ask(self, do: str, **args: Any) -> Any:
        return await self.desk.handle(do, args, ROOT)


def in_an_office(directory: Path, story: Callable[[Office], Awaitable[None]]) -> None:
    async def told() -> None:
        office = Office(directory)
        await story(office)
        assert office.scribe.close(5)
        assert not office.failures

    asyncio.run(told())


def test_the_status_has_the_documented_shape(tmp_path: Path) -> None:
    async def story(office: Office) -> None:
        status = msgspec.convert(await office.ask("status"), StatusShape)
        assert status["schema"] == 1
        assert (status["node"], status["generation"], status["proof"]) == (NODE1, 7, "peer")
        assert status["nodes"][NODE2]["last_heard_ms"] is None
        assert status["groups"][WEB]["preferred"] == NODE1
        assert status["groups"][WEB]["resources"] == [
            {"name": "httpd", "agent": "lsb", "state": "unknown", "failures": 0}
        ]
        assert status["lease"]["kind"] == "none"
        assert status["lease"]["length_ms"] == 950.0
        assert status["drops"] == {"bad signature": 3, "stale beat": 1}
        assert await office.ask("parameters") == {"keepalive": "2"}

    in_an_office(tmp_path, story)


def test_an_order_is_taken_or_refused_with_the_cores_reason(tmp_path: Path) -> None:
    async def story(office: Office) -> None:
        await office.ask("standby", on=True, node=None)
        assert office.engine.standby[NODE1].on
        with pytest.raises(Refused, match="standby is on for node1 already") as refused:
            await office.ask("standby", on=True, node=NODE1)
        assert refused.value.code is ExitCode.REFUSED
        with pytest.raises(Refused, match="nosuch"):
            await office.ask("handover", group="nosuch", to=None)
        await office.ask("maintenance", on=True, node="*")
        assert ("info", "user 0 (pid 1) asks: maintenance on=True node=*") in office.log

    in_an_office(tmp_path, story)


def test_an_order_is_granted_when_the_next_life_knows_of_it(tmp_path: Path) -> None:
    async def story(office: Office) -> None:
        disk = threading.Event()
        office.scribe.put(lambda: disk.wait(5))
        order = asyncio.create_task(office.ask("standby", on=True, node=None))
        while not office.posted:
            await asyncio.sleep(0)
        assert office.engine.standby[NODE1].on, "decided at once, whatever the disk does"
        assert not (await asyncio.wait([order], timeout=0.05))[0]
        disk.set()
        await order
        assert office.next_life().standby == {NODE1: Switch(1, on=True)}

    in_an_office(tmp_path, story)


def test_an_order_that_the_disk_does_not_hold_says_so_and_is_kept_with_the_next(
    tmp_path: Path,
) -> None:
    async def story(office: Office) -> None:
        shutil.rmtree(office.state.path)
        with pytest.raises(Refused, match=r"It is taken, .* No such file or directory"):
            await office.ask("standby", on=True, node=None)
        assert office.engine.standby[NODE1].on
        assert [type(failure) for failure in office.failures] == [FileNotFoundError]
        office.failures.clear()
        office.state.path.mkdir()
        await office.ask("cleanup", group=WEB, node=None)
        assert office.next_life().standby == {NODE1: Switch(1, on=True)}

    in_an_office(tmp_path, story)


def test_a_disk_that_hangs_keeps_nobody_waiting_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(office: Office) -> None:
        disk = threading.Event()
        office.scribe.put(lambda: disk.wait(5))
        with pytest.raises(Refused, match=r"it did not answer within 0\.05 s"):
            await office.ask("standby", on=True, node=None)
        await office.ask("status")
        disk.set()

    assert ANSWER_S + KEPT_S < CLIENT_ANSWER_S, "the client still listens"
    monkeypatch.setattr("twinbeat.node.desk.KEPT_S", 0.05)
    in_an_office(tmp_path, story)


def test_what_runs_nowhere_is_told_with_every_nodes_reason(tmp_path: Path) -> None:
    async def story(office: Office) -> None:
        await office.ask("standby", on=True, node=None)
        web = msgspec.convert(await office.ask("status"), StatusShape)["groups"][WEB]
        assert web.get("nowhere") == {NODE1: "in standby", NODE2: "not heard yet"}
        summary = snapshot.summary(office.engine.status(clock.now()))
        assert summary == "1 of 2 nodes alive; holds no group; NOWHERE: web"

    in_an_office(tmp_path, story)


def test_every_changing_verb_reaches_the_core_or_the_daemon(tmp_path: Path) -> None:
    async def story(office: Office) -> None:
        await office.ask("handover", group=WEB, to=None)
        assert office.engine.groups[WEB].pin.node == NODE1
        with pytest.raises(Refused, match="node2 cannot take web"):
            await office.ask("handover", group=WEB, to=NODE2)
        await office.ask("failback", group=WEB)
        await office.ask("cleanup", group=WEB, node=None)
        await office.ask("stop")
        assert office.stopped == 1
        with pytest.raises(Refused) as refused_reload:
            await office.ask("reload")
        assert refused_reload.value.code is ExitCode.CONFIGURATION

    in_an_office(tmp_path, story)


@pytest.mark.parametrize(
    ("do", "args", "event"),
    [
        ("clear", {"group": None}, ClearRequested(1, None)),
        ("clear", {"group": WEB}, ClearRequested(1, WEB)),
        ("confirm", {"node": NODE2}, ConfirmRequested(1, NODE2)),
    ],
)
def test_what_mends_is_told_to_the_core(
    tmp_path: Path, do: str, args: dict[str, Any], event: Event
) -> None:
    async def story(office: Office) -> None:
        with suppress(Refused):  # Whether it is granted is the core's affair.
            await office.ask(do, **args)
        assert office.posted == [event]

    in_an_office(tmp_path, story)


def test_history_and_why_are_told_from_the_journal(tmp_path: Path) -> None:
    async def story(office: Office) -> None:
        with pytest.raises(Refused, match="Nothing is recorded"):
            await office.ask("why", group=WEB)
        evidence: dict[str, object] = {"from": NODE2, "cause": "node2 is dead", "term": 2}
        for what in (What.GROUP_CLAIMING, What.GROUP_STARTING, What.GROUP_HELD):
            office.chronicle.record(Record(what, "b", WEB, None, evidence), clock.now())
        why = await office.ask("why", group=WEB)
        assert (why["from"], why["to"], why["cause"]) == (NODE2, NODE1, "node2 is dead")
        history = msgspec.convert(await office.ask("history", limit=2), HistoryShape)
        assert [entry["what"] for entry in history["entries"]] == ["group starting", "group held"]

    in_an_office(tmp_path, story)
