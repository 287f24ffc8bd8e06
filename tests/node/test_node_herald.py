"""The queues with real children: order under failures, hangs, and what outlives a daemon."""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path

import pytest

from twinbeat.config import Source, Sources, load
from twinbeat.core.effects import Record, What
from twinbeat.core.hook import HookKind, HookSpec, State
from twinbeat.core.model import ClusterModel
from twinbeat.core.units import GroupName, NodeName, milliseconds
from twinbeat.hooks import queue
from twinbeat.journal import Entry
from twinbeat.node import clock, herald
from twinbeat.node.chronicle import Chronicle
from twinbeat.node.herald import Herald
from twinbeat.node.scribe import Scribe

WEB, MAIL = GroupName("web"), GroupName("mail")
NODE1 = NodeName("node1")
NOTE = 'echo "$TWINBEAT_GROUP $TWINBEAT_STATE $TWINBEAT_REPEATED $TWINBEAT_ATTEMPT" >>$here/told'


class Bench:
    """A state directory, and hooks that write down what they are told."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.state = directory / "state"
        self.state.mkdir()
        self.log: list[str] = []

    def script(self, text: str) -> HookSpec:
        path = self.directory / "hook"
        path.write_text(f"#!/bin/sh\nhere={self.directory}\n{text}\n")
        path.chmod(0o755)
        return HookSpec(name="hook", kind=HookKind.RUN, target=str(path), on=tuple(State))

    def life(
        self, scene: Callable[["Life"], Coroutine[None, None, None]], *hooks: HookSpec
    ) -> None:
        """Let a daemon's hooks live for as long as the scene."""

        async def whole() -> None:
            life = Life(self, hooks)
            await scene(life)
            await life.herald.end()
            life.scribe.close(10)

        asyncio.run(asyncio.wait_for(whole(), 60))

    def told(self) -> list[str]:
        file = self.directory / "told"
        return file.read_text().splitlines() if file.exists() else []


class Life:
    """One life of a daemon's hooks, with a journal of its own."""

    def __init__(self, bench: Bench, hooks: tuple[HookSpec, ...]) -> None:
        def log(level: str, text: str) -> None:
            bench.log.append(f"{level}: {text}")

        self.bench = bench
        self.scribe = Scribe(lambda error: log("ERROR", repr(error)))
        self.chronicle = Chronicle(bench.state, NODE1, log, self.scribe, lambda _: None)
        self.herald = Herald(bench.state, self.chronicle, self.scribe, log)
        self.chronicle.readers.append(self.herald.heard)
        self.use(*hooks)

    def use(self, *hooks: HookSpec) -> None:
        self.herald.use(model(hooks))

    def record(self, *whats: What, group: GroupName = WEB) -> None:
        for what in whats:
            self.chronicle.record(Record(what, "because", group), clock.now())

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < end, (what, self.bench.told(), self.bench.log)
            await asyncio.sleep(0.01)

    async def until_told(self, count: int) -> None:
        await self.until(lambda: len(self.bench.told()) >= count, f"{count} told")

    def shown(self, name: str = "hook") -> dict[str, object]:
        shown = self.herald.status()[name]
        assert isinstance(shown, dict)
        return shown


def model(hooks: tuple[HookSpec, ...]) -> ClusterModel:
    """A cluster that is nothing but its hooks."""
    text = '[cluster]\nnodes = ["node1"]\n'
    keys = Source("authkeys", "auth 1\n1 sha1 0123456789abcdef\n", 0o600)
    loaded = load(Sources(authkeys=keys, cluster_toml=Source("cluster.toml", text, 0o644)))
    assert loaded.model is not None
    return replace(loaded.model, hooks=hooks)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(queue, "PAUSE", milliseconds(20))
    return Bench(tmp_path)


def test_the_states_of_a_group_come_in_their_order_though_attempts_fail(bench: Bench) -> None:
    # Every first attempt fails, and the second takes a while.
    hook = bench.script(f'[ "$TWINBEAT_ATTEMPT" = 1 ] && exit 1\nsleep 0.05\n{NOTE}')

    async def scene(life: Life) -> None:
        life.record(What.GROUP_STARTING, What.GROUP_HELD, What.GROUP_STOPPING, What.GROUP_STOPPED)
        life.record(What.GROUP_STARTING, What.GROUP_HELD, group=MAIL)
        await life.until(lambda: life.shown()["delivered"] == 6, "all are taken")
        assert life.shown()["failed"] == 6

    bench.life(scene, hook)
    told = bench.told()
    web = [line for line in told if line.startswith("web")]
    assert web == [f"web {s} 0 2" for s in ("starting", "held", "stopping", "stopped")]
    assert [line for line in told if line not in web] == ["mail starting 0 2", "mail held 0 2"]


def test_a_hook_that_hangs_is_killed_and_told_again_and_holds_no_other_up(bench: Bench) -> None:
    hangs = bench.script(f'[ "$TWINBEAT_GROUP$TWINBEAT_ATTEMPT" = web1 ] && exec sleep 60\n{NOTE}')

    async def scene(life: Life) -> None:
        life.record(What.GROUP_HELD)
        life.record(What.GROUP_HELD, group=MAIL)
        await life.until_told(2)

    bench.life(scene, replace(hangs, timeout=milliseconds(500)))
    assert bench.told() == ["mail held 0 1", "web held 0 2"]
    assert any("web held is not delivered: killed after 0.5 s" in line for line in bench.log)


def test_a_full_queue_keeps_the_last_state_and_counts_what_it_left_out(bench: Bench) -> None:
    hook = bench.script(f"[ -e $here/go ] || exit 1\n{NOTE}")
    flood = [What.GROUP_DARK, What.GROUP_LIT] * queue.WAITING_MAX

    async def scene(life: Life) -> None:
        life.record(*flood, What.GROUP_STOPPED)
        await life.until(lambda: life.shown()["failed"] != 0, "it fails")
        (bench.directory / "go").touch()
        await life.until(lambda: life.shown()["waiting"] == 0, "all are delivered")
        shown = life.shown()
        counts = [shown[name] for name in ("delivered", "left_out", "given_up")]
        assert sum(n for n in counts if isinstance(n, int)) == len(flood) + 1
        assert counts[1]

    bench.life(scene, hook)
    assert bench.told()[-1].startswith("web stopped 0")
    assert any("does not keep up" in line for line in bench.log)


def test_the_next_life_tells_the_last_state_of_each_group_again(bench: Bench) -> None:
    hook = bench.script(NOTE)

    async def first(life: Life) -> None:
        life.record(What.GROUP_STARTING, What.GROUP_HELD)
        life.record(What.GROUP_FAILED, group=MAIL)
        await life.until_told(3)

    async def second(life: Life) -> None:
        await life.until_told(5)
        life.record(What.GROUP_DARK)
        await life.until_told(6)

    bench.life(first, hook)
    bench.life(second, hook)
    assert sorted(bench.told()[3:5]) == ["mail failed 1 1", "web held 1 1"]
    assert bench.told()[5:] == ["web dark 0 1"]


def test_what_a_daemon_was_telling_when_it_was_killed_is_told_by_the_next(bench: Bench) -> None:
    hook = bench.script(f"[ -e $here/go ] || exit 1\n{NOTE}")
    kept = bench.state / herald.HOOKS_FILE

    async def killed(life: Life) -> None:
        life.record(What.GROUP_HELD)
        await life.until(kept.exists, "it is written down before it is delivered")
        (bench.directory / "copy").write_bytes(kept.read_bytes())

    async def next_life(life: Life) -> None:
        await life.until_told(1)

    bench.life(killed, hook)
    kept.write_bytes((bench.directory / "copy").read_bytes())
    (bench.directory / "go").touch()
    bench.life(next_life, hook)
    assert bench.told() == ["web held 1 1"]


def test_what_waits_behind_a_hanging_hook_is_written_down_and_so_is_what_was_taken(
    bench: Bench,
) -> None:
    hangs = bench.script(f'[ "$TWINBEAT_GROUP$TWINBEAT_STATE" = webheld ] && exec sleep 60\n{NOTE}')
    file = bench.state / herald.HOOKS_FILE

    def written() -> dict[str, tuple[str, bool]]:
        kept = json.loads(file.read_text()) if file.exists() else []
        notices = [(each["notice"], each["delivered"]) for each in kept]
        return {notice["group"]: (notice["state"], taken) for notice, taken in notices}

    async def scene(life: Life) -> None:
        life.record(What.GROUP_FAILED, group=MAIL)
        life.record(What.GROUP_HELD)
        await life.until(lambda: "web" in written(), "the first state is written down")
        life.record(What.GROUP_DARK)
        expected = {"web": ("dark", False), "mail": ("failed", True)}
        await life.until(lambda: written() == expected, "and what became of it")

    bench.life(scene, replace(hangs, timeout=milliseconds(3000)))


def test_the_last_states_are_delivered_before_the_daemon_ends(bench: Bench) -> None:
    async def scene(life: Life) -> None:
        life.record(What.GROUP_STOPPING, What.GROUP_STOPPED)

    bench.life(scene, bench.script(f"sleep 0.1\n{NOTE}"))
    assert bench.told() == ["web stopping 0 1", "web stopped 0 1"]


def test_a_hook_that_does_not_end_does_not_keep_the_daemon(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(herald, "END_S", 0.3)

    async def scene(life: Life) -> None:
        life.record(What.GROUP_HELD)

    began = time.monotonic()
    bench.life(scene, bench.script("exec sleep 60"))
    assert time.monotonic() - began < 10
    assert bench.log[-1].startswith("WARN: 1 hook(s) did not end within 0.3 s and are killed")
    (kept,) = json.loads((bench.state / herald.HOOKS_FILE).read_text())
    assert kept["delivered"] is False


def test_a_broken_file_is_told_and_nothing_is_repeated(bench: Bench) -> None:
    async def scene(life: Life) -> None:
        life.record(What.GROUP_HELD)
        await life.until_told(1)

    (bench.state / herald.HOOKS_FILE).write_text('{"half')
    bench.life(scene, bench.script(NOTE))
    (bench.state / herald.HOOKS_FILE).write_text('[{"hook":"hook"}]')
    bench.life(scene, bench.script(NOTE))
    assert bench.told() == ["web held 0 1", "web held 0 1"]
    told = [line for line in bench.log if "hooks.json" in line]
    assert len(told) == 2
    assert "is BROKEN" in told[0]
    assert "1 state(s) cannot be read" in told[1]


def test_a_reload_ends_a_hook_and_lets_the_others_go_on(bench: Bench) -> None:
    stays = bench.script(f"[ -e $here/go ] || exit 1\n{NOTE}")
    goes = replace(stays, name="goes")

    async def scene(life: Life) -> None:
        life.record(What.GROUP_HELD)
        await life.until(lambda: life.shown("goes")["failed"] != 0, "both fail")
        life.use(stays)
        (bench.directory / "go").touch()
        await life.until_told(1)
        assert list(life.herald.status()) == ["hook"]

    bench.life(scene, stays, goes)
    assert len(bench.told()) == 1


def test_a_letter_tells_the_move_as_the_journal_had_it_then(bench: Bench) -> None:
    heard: list[Entry] = []

    async def scene(life: Life) -> None:
        life.chronicle.readers.append(heard.append)
        start = Record(What.GROUP_STARTING, "every peer answered", WEB, None, {"term": 1})
        held = Record(What.GROUP_HELD, "started", WEB, None, {"cause": "nobody owned it"})
        stopped = Record(What.GROUP_STOPPED, "stopped", WEB)
        for record in (Record(What.NODE_ACTIVE, "peers answered"), start, held):
            life.chronicle.record(record, clock.now())
        entry = heard[-1]
        life.chronicle.record(stopped, clock.now())
        tale = await life.chronicle.tale(entry)
        assert tale.startswith("web came to node1")
        assert "node1 holds web" in tale
        assert "has stopped" not in tale

    bench.life(scene)
