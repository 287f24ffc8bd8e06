"""rc.d/status: when it is called, with what, and that Heartbeat's tools find nothing to move."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from twinbeat.core.effects import Record, What
from twinbeat.core.units import NodeName
from twinbeat.node import rc_status
from twinbeat.node.rc_status import StatusHook
from twinbeat.node.scribe import Scribe

NODE2, NODE3 = NodeName("node2"), NodeName("node3")
SHELLFUNCS = """
: ${{HA_NOARCHBIN:={theirs}}}
: ${{HA_FIFO:={fifo}}}
PATH=$HA_NOARCHBIN:$PATH
export PATH
"""
MACH_DOWN = """#!/bin/sh
. {ha_d}/shellfuncs
echo called >> {ha_d}/mach_down.called
for key in `$HA_NOARCHBIN/ResourceManager listkeys $1`; do
    $HA_NOARCHBIN/ResourceManager takegroup $key
done
echo "t=resource" >> $HA_FIFO
"""
MANAGER = """#!/bin/sh
echo "$*" >> {ha_d}/taken
echo group
"""


def says(what: What, peer: NodeName = NODE2, **evidence: object) -> Record:
    return Record(what, "because", peer=peer, evidence=evidence)


class Bench:
    """A hook's directory as on a machine that has Heartbeat, which it writes its calls into."""

    def __init__(self, directory: Path) -> None:
        self.ha_d = directory / "ha.d"
        self.calls = directory / "calls"
        self.theirs = directory / "heartbeat"
        self.log: list[str] = []
        (self.ha_d / "rc.d").mkdir(parents=True)
        self.theirs.mkdir()
        (directory / "state").mkdir()
        self.script(self.theirs / "mach_down", MACH_DOWN.format(ha_d=self.ha_d))
        self.script(self.theirs / "ResourceManager", MANAGER.format(ha_d=self.ha_d))
        (self.ha_d / "shellfuncs").write_text(
            SHELLFUNCS.format(theirs=self.theirs, fifo=directory / "fifo")
        )
        self.scribe = Scribe(lambda error: self.log.append(repr(error)))
        self.hook = StatusHook(
            self.ha_d,
            directory / "state",
            lambda: {"HA_FUNCS": str(self.ha_d / "shellfuncs"), "HA_CURHOST": "node1"},
            self.scribe,
            lambda level, text: self.log.append(f"{level}: {text}"),
        )

    @staticmethod
    def script(path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o755)

    def write(self, text: str) -> None:
        note = f'echo "$1 $HA_src $HA_st $HA_OSTATUS $HA_info" >> {self.calls}'
        self.script(self.ha_d / "rc.d" / "status", f"#!/bin/sh\n{text}\n{note}\n")

    def play(self, scene: Callable[[], Coroutine[None, None, None]]) -> None:
        async def whole() -> None:
            await scene()
            await self.hook.end()

        asyncio.run(whole())
        self.scribe.close(5)

    async def until_called(self, times: int) -> None:
        await self.until(lambda: len(self.lines()) == times)

    async def until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 15
        while not condition():
            assert time.monotonic() < end, (self.log, self.lines())
            await asyncio.sleep(0.01)

    def lines(self) -> list[str]:
        return [line.strip() for line in self.calls.read_text().splitlines()] if (
            self.calls.exists()
        ) else []  # fmt: skip


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_each_change_of_a_nodes_status_is_one_call_in_its_order(bench: Bench) -> None:
    bench.write("")

    async def scene() -> None:
        for record in (
            says(What.PEER_STATUS, status="up"),
            Record(What.NODE_ACTIVE, "because"),
            says(What.PEER_STATUS, status="active"),
            says(What.PEER_ALIVE),
            says(What.PEER_LATE),
            says(What.PEER_DEAD),
            says(What.PEER_DEAD, NODE3),
            says(What.PEER_RETURNED),
            says(What.PEER_ALIVE),
            says(What.PEER_LEFT),
        ):
            bench.hook.heard(record)
        bench.hook.heard(says(What.PING_ANSWERS, NodeName("10.0.0.254")))
        bench.hook.heard(says(What.PING_DEAD, NodeName("10.0.0.254")))
        await bench.until_called(8)

    bench.play(scene)
    assert bench.lines() == [
        "status node2 up up",
        "status node2 active active",
        "status node2 dead active",
        "status node3 dead active",
        "status node2 active active",
        "status node2 dead active",
        "status 10.0.0.254 ping active ping",
        "status 10.0.0.254 dead active ping",
    ]
    assert bench.log.count(f"info: Running {bench.ha_d}/rc.d/status status") == 8


def test_the_script_that_heartbeat_shipped_moves_nothing_and_what_was_added_runs(
    bench: Bench,
) -> None:
    shipped = ". $HA_FUNCS\ncase $HA_st in\n  dead) $HA_NOARCHBIN/mach_down $HA_src;;\nesac"
    bench.write(shipped)

    async def scene() -> None:
        bench.hook.heard(says(What.PEER_DEAD))
        await bench.until_called(1)

    bench.play(scene)
    assert bench.lines() == ["status node2 dead up"]
    assert not (bench.ha_d / "mach_down.called").exists()
    assert not (bench.ha_d / "taken").exists()


def test_heartbeats_own_mach_down_called_by_its_path_finds_no_group(bench: Bench) -> None:
    bench.write(f"{bench.theirs}/mach_down $HA_src\nmach_down $HA_src")

    async def scene() -> None:
        bench.hook.heard(says(What.PEER_DEAD))
        await bench.until_called(1)

    bench.play(scene)
    assert (bench.ha_d / "mach_down.called").exists()
    assert not (bench.ha_d / "taken").exists()
    assert not (bench.ha_d.parent / "fifo").exists()


@pytest.mark.parametrize(
    ("line", "runs"),
    [
        ("/usr/share/heartbeat/ResourceManager takegroup x", False),
        ('"/usr/share/heartbeat"/ResourceManager takegroup x', False),
        ("x=`/usr/share/heartbeat/ResourceManager listkeys .`", False),
        ("$DIR/ResourceManager takegroup x", False),
        ("$HA_NOARCHBIN/ResourceManager takegroup x", True),
        ('"$HA_NOARCHBIN"/ResourceManager takegroup x', True),
        ("${HA_NOARCHBIN}/ResourceManager takegroup x", True),
        ("# was /usr/share/heartbeat/ResourceManager takegroup x", True),
    ],
)
def test_a_script_that_goes_to_the_manager_itself_is_not_run(
    bench: Bench, line: str, runs: bool
) -> None:
    bench.write(line)

    async def scene() -> None:
        bench.hook.heard(says(What.PEER_DEAD))
        bench.hook.heard(says(What.PEER_DEAD, NODE3))
        await bench.until(lambda: bool(bench.lines() if runs else bench.log))

    bench.play(scene)
    complaints = [text for text in bench.log if "calls ResourceManager by its path" in text]
    assert len(complaints) == (0 if runs else 1)
    assert bool(bench.lines()) is runs


def test_without_a_hook_nothing_is_run_or_said(bench: Bench) -> None:
    async def scene() -> None:
        bench.hook.heard(says(What.PEER_DEAD))
        (bench.ha_d / "rc.d" / "status").write_text("not executable")
        bench.hook.heard(says(What.PEER_DEAD, NODE3))
        await bench.scribe.ask(lambda: None)
        await bench.scribe.ask(lambda: None)

    bench.play(scene)
    assert bench.log == []


def test_a_hook_that_others_may_write_is_not_run(bench: Bench) -> None:
    bench.write("")
    (bench.ha_d / "rc.d" / "status").chmod(0o777)

    async def scene() -> None:
        bench.hook.heard(says(What.PEER_DEAD))
        await bench.until(lambda: bool(bench.log))

    bench.play(scene)
    assert "is refused: its group or others may write it" in bench.log[0]
    assert bench.lines() == []


def test_a_hook_that_hangs_is_killed_and_one_at_a_time_is_called(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rc_status, "LIMIT_S", 0.3)
    bench.write('[ "$HA_src" = node3 ] || exec sleep 60')

    async def scene() -> None:
        bench.hook.heard(says(What.PEER_DEAD))
        bench.hook.heard(says(What.PEER_DEAD, NODE3))
        await bench.until_called(1)

    bench.play(scene)
    assert bench.lines() == ["status node3 dead up"]
    assert f"ERROR: {bench.ha_d}/rc.d/status was killed after 0.3 s" in bench.log


def test_a_hook_that_does_not_keep_up_loses_the_oldest_calls(bench: Bench) -> None:
    bench.write("")

    async def scene() -> None:
        for number in range(rc_status.WAITING_MAX + 3):
            bench.hook.tell(NodeName(f"n{number}"), "dead")
        await bench.until_called(rc_status.WAITING_MAX)

    bench.play(scene)
    assert bench.lines()[0] == "status n3 dead up"
    assert "WARN: rc.d/status does not keep up: it is not told of n0 dead" in bench.log
