"""Programs beside the daemon: real children, whose log lines are those of Heartbeat 3.0.6."""

import asyncio
import os
import pwd
import re
import time
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from twinbeat.core.effects import Record, What
from twinbeat.core.model import RespawnSpec
from twinbeat.node import respawn
from twinbeat.node.respawn import Respawner
from twinbeat.node.scribe import Scribe

ME = pwd.getpwuid(os.geteuid())
ACTIVE = Record(What.NODE_ACTIVE, "every peer was heard or judged")


class Bench:
    """A respawner with its log, in a loop of its own."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.scribe = Scribe(lambda error: self.log.append(repr(error)))
        self.respawner = Respawner(
            lambda: {"HA_CURHOST": "node1"}, self.scribe, lambda level, text: self.log.append(
                f"{level}: {text}"
            )
        )  # fmt: skip

    def play(self, scene: Callable[[], Coroutine[None, None, None]]) -> None:
        async def whole() -> None:
            await scene()
            await self.respawner.end()

        asyncio.run(whole())
        self.scribe.close(5)

    async def until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 15
        while not condition():
            assert time.monotonic() < end, self.log
            await asyncio.sleep(0.01)

    def told(self, pattern: str) -> int:
        return sum(re.fullmatch(pattern, line) is not None for line in self.log)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def program(
    directory: Path, text: str, user: str = ME.pw_name, name: str = "program"
) -> RespawnSpec:
    path = directory / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return RespawnSpec(user=user, command=f"{path} a 'b c'")


def test_nothing_is_started_before_the_node_takes_part(bench: Bench, tmp_path: Path) -> None:
    async def scene() -> None:
        bench.respawner.use((program(tmp_path, "exec sleep 60"),))
        bench.respawner.heard(Record(What.NODE_STARTED, "a new life begins"))
        await asyncio.sleep(0)
        assert bench.log == []
        bench.respawner.heard(ACTIVE)
        await bench.until(
            lambda: bench.told(r'info: Starting ".*" as uid \d+  gid \d+ \(pid \d+\)') == 1
        )

    bench.play(scene)
    command = f"{tmp_path}/program a 'b c'"
    assert bench.log[0] == f'info: Starting child client "{command}" ({ME.pw_uid},{ME.pw_gid})'
    assert bench.told(rf"info: killing {re.escape(command)} process group \d+ with signal 15") == 1
    assert "Respawning" not in str(bench.log)


def test_it_runs_in_its_own_group_with_heartbeats_environment_and_no_descriptor(
    bench: Bench, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    text = f"""ls /proc/$$/fd > {tmp_path}/descriptors
    {{ echo "$#:$2:$HA_CURHOST:$(id -un)"; ps -o pgid= $$; echo $$; }} > {out}.new
    mv {out}.new {out}; exec sleep 60"""
    left_open = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(left_open, True)

    async def scene() -> None:
        bench.respawner.use((program(tmp_path, text),))
        bench.respawner.heard(ACTIVE)
        await bench.until(out.exists)

    bench.play(scene)
    os.close(left_open)
    first, group, pid = out.read_text().splitlines()
    assert first == f"2:b c:node1:{ME.pw_name}"
    descriptors = (tmp_path / "descriptors").read_text().split()
    assert {d for d in descriptors if int(d) < 10} == {"0", "1", "2"}  # The shell has some above.
    assert group.strip() == pid


@pytest.mark.root
def test_it_runs_as_its_user(bench: Bench) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may run a program as somebody else")
    command = "/bin/sh -c 'id -un; id -gn; exit 100'"

    async def scene() -> None:
        bench.respawner.use((RespawnSpec(user="nobody", command=command),))
        bench.respawner.heard(ACTIVE)
        await bench.until(lambda: bool(bench.log) and "Managed" in bench.log[-1])

    bench.play(scene)
    assert bench.log[0] == f'info: Starting child client "{command}" (65534,65534)'
    assert f"info: {command}: nobody" in bench.log
    assert f"info: {command}: nogroup" in bench.log


def test_an_exit_with_100_is_for_good(bench: Bench, tmp_path: Path) -> None:
    async def scene() -> None:
        bench.respawner.use((program(tmp_path, "exit 100"),))
        bench.respawner.heard(ACTIVE)
        await bench.until(
            lambda: bench.told(r"WARN: Managed .* exited with return code 100\.") == 1
        )

    bench.play(scene)
    assert "Respawning" not in str(bench.log)


def test_eleven_short_lives_in_a_row_are_too_many(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(respawn, "PAUSE_S", 0.001)

    async def scene() -> None:
        bench.respawner.use((program(tmp_path, "kill -9 $$"),))
        bench.respawner.heard(ACTIVE)
        await bench.until(lambda: "respawning too fast" in str(bench.log))

    bench.play(scene)
    killed = r"WARN: Managed .* process \d+ killed by signal 9 \[SIGKILL - .*\]\."
    assert bench.told(killed) == 11
    assert bench.told(r'ERROR: Respawning client ".*":') == 10
    assert bench.told(r'ERROR: Client .* "respawning too fast"') == 1


def test_a_signal_without_a_name_is_an_end_like_others(bench: Bench, tmp_path: Path) -> None:
    async def scene() -> None:
        bench.respawner.use((program(tmp_path, "kill -40 $$"),))
        bench.respawner.heard(ACTIVE)
        await bench.until(lambda: bench.told(r'ERROR: Respawning client ".*":') == 1)

    bench.play(scene)
    assert bench.told(r"WARN: Managed .* killed by signal 40 \[unknown\]\.") == 1


def test_a_short_life_is_followed_by_a_pause(bench: Bench, tmp_path: Path) -> None:
    starts: list[float] = []

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        bench.respawner.use((program(tmp_path, f"echo >> {tmp_path}/lives; exit 3"),))
        bench.respawner.heard(ACTIVE)
        for number in (1, 2):
            await bench.until(lambda number=number: bench.told('info: Starting "/.*') == number)  # type: ignore[misc]
            starts.append(loop.time())

    bench.play(scene)
    assert 0.95 <= starts[1] - starts[0] < 5


def test_a_long_life_makes_up_for_the_short_ones(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(respawn, "PAUSE_S", 0.001)
    monkeypatch.setattr(respawn, "SHORT_S", 0.0)

    async def scene() -> None:
        bench.respawner.use((program(tmp_path, "exit 1"),))
        bench.respawner.heard(ACTIVE)
        await bench.until(lambda: bench.told(r'ERROR: Respawning client ".*":') > 13)

    bench.play(scene)
    assert "too fast" not in str(bench.log)


def test_they_end_in_reverse_order_and_a_stubborn_one_is_killed(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(respawn, "STOP_S", 0.3)
    polite = "trap 'echo $0 >> {0}/ends; exit' TERM; touch $0.up; while :; do sleep 0.02; done"
    stubborn = "trap '' TERM; touch $0.up; while :; do sleep 0.02; done"
    specs = (
        program(tmp_path, polite.format(tmp_path), name="first"),
        program(tmp_path, stubborn, name="second"),
        program(tmp_path, polite.format(tmp_path), name="third"),
    )

    async def scene() -> None:
        bench.respawner.use(specs)
        bench.respawner.heard(ACTIVE)
        names = ("first", "second", "third")
        await bench.until(lambda: all((tmp_path / f"{n}.up").exists() for n in names))

    bench.play(scene)
    assert (tmp_path / "ends").read_text().split() == [f"{tmp_path}/third", f"{tmp_path}/first"]
    assert bench.told("WARN: .*/second a 'b c' does not end and is killed") == 1
    pid = next(
        m[1] for m in map(re.compile(r".*/second .*\(pid (\d+)\)").fullmatch, bench.log) if m
    )
    end = time.monotonic() + 5
    while Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes():
        assert time.monotonic() < end, "it lives on"
        time.sleep(0.01)


def test_a_reload_ends_what_is_gone_and_leaves_the_rest_alone(bench: Bench, tmp_path: Path) -> None:
    stays = program(tmp_path, "exec sleep 60", name="stays")
    goes = program(tmp_path, "exec sleep 60", name="goes")

    async def scene() -> None:
        bench.respawner.use((stays, goes))
        bench.respawner.heard(ACTIVE)
        await bench.until(lambda: bench.told('info: Starting "/.*') == 2)
        bench.respawner.use((stays,))
        await bench.until(
            lambda: bench.told("WARN: Managed .*/goes .* killed by signal 15 .*") == 1
        )
        bench.respawner.use((stays, goes))
        await bench.until(lambda: bench.told('info: Starting "/.*/goes.*') == 2)
        assert bench.told('info: Starting "/.*/stays.*') == 1

    bench.play(scene)


def test_a_file_that_cannot_be_executed_is_told_and_not_tried(bench: Bench, tmp_path: Path) -> None:
    spec = program(tmp_path, "exit 1")
    (tmp_path / "program").chmod(0o644)

    async def scene() -> None:
        bench.respawner.use((spec,))
        bench.respawner.heard(ACTIVE)
        await bench.until(lambda: bool(bench.log))

    bench.play(scene)
    assert bench.log == [
        f"ERROR: {spec.command} cannot be run as {ME.pw_name}: {tmp_path}/program is not an "
        "executable file"
    ]


def test_a_user_who_is_not_there_is_told_and_ends_nothing(bench: Bench) -> None:
    async def scene() -> None:
        bench.respawner.use((RespawnSpec(user="nobody here", command="/bin/true"),))
        bench.respawner.heard(ACTIVE)
        await bench.until(lambda: bool(bench.log))

    bench.play(scene)
    assert bench.log == ["ERROR: /bin/true cannot be run as nobody here: there is no such user"]
