"""The loop of a daemon, and what may befall it between any two of its orders (protocol 2.6)."""

from collections.abc import Sequence

import pytest
from sim_worlds import ONE, TWO, WEB, Notes, configured, let_pass, raised, settled, slower

from twinbeat.core.effects import Effect, SendBeat, Serve, StartGroup
from twinbeat.core.engine import Engine
from twinbeat.core.events import BeatReceived, Event, LeaseLapsed, TimePassed
from twinbeat.core.units import MS, Duration, Instant, NodeName
from twinbeat.sim.daemon import Spinning
from twinbeat.sim.hands import WriteLease
from twinbeat.sim.mail import FULL
from twinbeat.sim.nature import Nature
from twinbeat.sim.node import Node
from twinbeat.sim.watch import Watcher


class Diary(Watcher):
    """What node1's engine was told, and when by its own clock."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.times: list[Instant] = []

    def handled(self, node: Node, now: Instant, event: Event, effects: Sequence[Effect]) -> None:
        if node.name == ONE:
            self.events.append(event)
            self.times.append(now)


def test_a_thawed_daemon_takes_in_the_oldest_packets_and_only_then_lets_time_pass() -> None:
    world = settled()
    node, diary = world.nodes[ONE], Diary()
    node.freeze()
    let_pass(world, 4000)  # node2 sends 20 beats and a few answers: the socket holds 12.
    world.watch(diary)
    expected = node.engine.members.peers[TWO].seq + 1 if node.engine else 0
    node.thaw()
    beats = [event.beat.seq for event in diary.events if isinstance(event, BeatReceived)]
    assert beats == list(range(expected, expected + 12))
    assert [type(e) for e in diary.events].index(TimePassed) == 12
    assert node.drops[FULL] > 0


def test_a_freeze_between_a_beat_and_the_renewal_leaves_the_old_lease() -> None:
    world = settled()
    node = world.nodes[ONE]
    notes, diary = Notes(world), Diary()
    node.freeze(before_renewal=True)
    world.watch(notes, diary)
    let_pass(world, 3000)
    # Its beat of 3000 leaves. What it heard last is node2's of 2800, which acknowledges its own of
    # 2600: so it serves until 3550.
    assert notes.lines[0] == "3000 node1 freeze"
    assert "3550 node1 runs ['web'] serves []" in notes.lines
    assert [type(event) for event in diary.events] == [TimePassed]
    assert world.serving(WEB) == [TWO]


def test_a_freeze_within_the_write_of_a_renewal_cannot_revive_a_lapsed_lease() -> None:
    world = settled()
    node, diary = world.nodes[ONE], Diary()
    node.trap(Serve, node.freeze)
    world.watch(diary)
    let_pass(world, 3000)
    assert world.serving(WEB) == [TWO]
    node.thaw()
    assert world.serving(WEB) == [TWO]
    assert any(isinstance(event, LeaseLapsed) for event in diary.events)


def test_a_write_that_took_longer_than_half_the_margin_is_undone() -> None:
    world = settled()  # Half the margin is 25 ms; the lease lasts until 3550.
    node, diary = world.nodes[ONE], Diary()
    world.watch(diary)
    node.trap(WriteLease, node.freeze, before=True)
    let_pass(world, 130)  # It freezes when it renews, at 3001.
    assert node.frozen
    node.thaw()
    lapsed = [event for event in diary.events if isinstance(event, LeaseLapsed)]
    assert [event.why for event in lapsed] == ["writing it took 29 ms"]


def test_a_daemon_that_is_killed_in_the_middle_of_a_turn_does_not_finish_it() -> None:
    world = raised()
    for node in world.nodes.values():
        node.boot()
    node = world.nodes[ONE]
    node.trap(StartGroup, node.kill, before=True)
    let_pass(world, 3000)
    assert node.engine is None
    assert not node.kernel.runs(WEB)
    assert world.serving(WEB) == [TWO]


def test_a_trap_ends_with_the_life_it_was_set_for() -> None:
    world = settled()
    node = world.nodes[ONE]
    node.trap(SendBeat, node.kill)
    node.kill()
    node.boot()
    let_pass(world, 1000)
    assert node.running


class Slow(Nature):
    """A daemon that takes 5 ms for everything, wakes 7 ms late and writes leases in 3 ms."""

    def thinking(self, node: NodeName) -> Duration:
        return Duration(5 * MS)

    def oversleep(self, node: NodeName) -> Duration:
        return Duration(7 * MS)

    def writing(self, node: NodeName) -> Duration:
        return Duration(3 * MS)


def test_a_busy_daemon_performs_late_and_takes_in_what_waited_one_after_another() -> None:
    world = settled(nature=Slow())
    diary = Diary()
    world.watch(diary)
    let_pass(world, 2000)
    gaps = [b - a for a, b in zip(diary.times, diary.times[1:], strict=False)]
    assert min(gaps) >= 5 * MS
    assert world.serving(WEB) == [ONE]


def test_a_write_that_is_slower_than_half_the_margin_never_serves() -> None:
    class Slower(Slow):
        def writing(self, node: NodeName) -> Duration:
            return Duration(26 * MS)

    world = raised(nature=Slower())
    for node in world.nodes.values():
        node.boot()
    for _ in range(300):
        let_pass(world, 10)
        assert world.serving(WEB) == []
    assert world.nodes[ONE].kernel.runs(WEB)


def test_a_deadline_that_stays_due_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    world = settled()
    engine = world.nodes[ONE].engine
    assert engine is not None
    monkeypatch.setattr(Engine, "next_deadline", lambda self: Instant(0))
    with pytest.raises(Spinning, match="node1: time passed, and its deadline is still due"):
        let_pass(world, 1000)


def test_a_reload_is_read_by_a_running_daemon_now_and_by_the_next_one_else() -> None:
    world = settled()
    one, two = world.nodes[ONE], world.nodes[TWO]
    longer = slower(configured(), 3)
    two.kill()
    one.freeze()
    for node in (one, two):
        node.reload(longer)
    assert (one.model, two.model) == (configured(), longer)
    one.thaw()
    two.boot()
    for node in (one, two):
        assert node.model == longer
        assert node.engine is not None
        assert node.engine.model == longer
