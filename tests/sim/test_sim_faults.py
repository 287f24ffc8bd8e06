"""Every kind of fault does to the world what it says, and undoes it."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from sim_runs import NODE1, NODE2, NODE3, calm, fault, played

from twinbeat.core.beat import Beat
from twinbeat.core.engine import Engine
from twinbeat.core.model import Proof
from twinbeat.core.units import MS, SECOND, Duration, GroupName, Instant, NodeName
from twinbeat.sim.checkers import Phase
from twinbeat.sim.devices import Manner
from twinbeat.sim.faults import Fault, FaultKind
from twinbeat.sim.node import Node
from twinbeat.sim.options import LINK, Options, Skies
from twinbeat.sim.run import Run
from twinbeat.sim.watch import Watcher
from twinbeat.sim.world import World


class Scene:
    """A run that is looked at from inside: during its faults, and after them."""

    def __init__(self, options: Options, *faults: Fault) -> None:
        self.run = Run(options, faults)
        self._looks: list[tuple[int, Callable[[], object]]] = []
        self.seen: list[object] = []
        self.run.entering.append(self._enter)

    def look(self, at: int, what: Callable[[World], object]) -> None:
        """Note something so many seconds after the start of the faulty part."""
        self._looks.append((at, lambda: self.seen.append(what(self.run.world))))

    def play(self) -> list[object]:
        """Play and return what was noted, in the order of time."""
        self.run.play()
        return self.seen

    def _enter(self, phase: Phase) -> None:
        if phase is Phase.FAULTY:
            for at, act in self._looks:
                when = Instant(self.run.world.now + Duration(at * SECOND + MS))
                self.run.world.at(when, act)


def before_during_after(f: Fault, what: Callable[[World], object], nodes: int = 2) -> list[object]:
    """Note something before a fault of 10 s to 15 s, within it, and after it."""
    scene = Scene(calm(nodes), f)
    for at in (9, 12, 16):
        scene.look(at, what)
    return scene.play()


def cuts(world: World) -> object:
    return {(sender[-1] + receiver[-1]) for sender, receiver, link in world.network.cuts}


@pytest.mark.parametrize(
    ("f", "cut"),
    [
        (fault(FaultKind.CUT_PATH, NODE1, NODE2), {"12"}),
        (fault(FaultKind.CUT_PAIR, NODE1, NODE2), {"12", "21"}),
        (fault(FaultKind.ISOLATE, NODE1), {"12", "13", "21", "31"}),
        (fault(FaultKind.MUTE, NODE1), {"12", "13"}),
        (fault(FaultKind.DEAFEN, NODE1), {"21", "31"}),
        (fault(FaultKind.SPLIT, NODE1, NODE3), {"12", "32", "21", "23"}),
        (fault(FaultKind.SPLIT_ONE_WAY, NODE1, NODE3), {"12", "32"}),
    ],
    ids=lambda value: str(value.kind) if isinstance(value, Fault) else "",
)
def test_partitions_by_mode_and_symmetry(f: Fault, cut: set[str]) -> None:
    assert before_during_after(f, cuts, nodes=3) == [set(), cut, set()]


def node1(world: World) -> Node:
    return world.nodes[NODE1]


def alive(world: World, name: NodeName) -> Engine:
    """Return the engine of a node that has a daemon."""
    engine = world.nodes[name].engine
    assert engine is not None
    return engine


def newest_seq(world: World) -> int:
    """Return the number of the newest beat of node1 that node2 took in."""
    beat = alive(world, NODE2).members.peers[NODE1].beat
    assert beat is not None
    return beat.seq


@pytest.mark.parametrize(
    ("kind", "what", "expected"),
    [
        (FaultKind.POWER_OFF, lambda w: node1(w).dark, [False, True, False]),
        (FaultKind.KILL, lambda w: node1(w).engine is None, [False, True, False]),
        (FaultKind.KILL, lambda w: node1(w).dark, [False, False, False]),
        (FaultKind.RESTART, lambda w: node1(w).left, [None, True, None]),
        (FaultKind.FREEZE, lambda w: node1(w).frozen, [False, True, False]),
        (FaultKind.FREEZE_BEFORE_RENEWAL, lambda w: node1(w).frozen, [False, True, False]),
        (FaultKind.FREEZE_BEFORE_WRITE, lambda w: node1(w).frozen, [False, True, False]),
        (FaultKind.PAUSE, lambda w: node1(w).paused, [False, True, False]),
        (FaultKind.START_FAILS, lambda w: len(node1(w).agents.starts), [0, 1, 0]),
        (FaultKind.STOP_HANGS, lambda w: len(node1(w).agents.stops), [0, 1, 0]),
        (FaultKind.STANDBY, lambda w: alive(w, NODE1).standby[NODE1].on, [True, False]),
    ],
)
def test_machines_and_agents(
    kind: FaultKind, what: Callable[[World], object], expected: list[object]
) -> None:
    f = fault(kind, NODE1)
    if kind is FaultKind.STANDBY:  # Before the first order there is no switch.
        scene = Scene(calm(), f)
        scene.look(12, what)
        scene.look(16, what)
        assert scene.play() == expected
    else:
        assert before_during_after(f, what) == expected


def test_a_pause_stops_the_clock_for_as_long_as_it_lasts() -> None:
    behind = before_during_after(
        fault(FaultKind.PAUSE, NODE1), lambda w: w.now - node1(w).clock.now
    )
    # Looked at 2 s into the pause, to the millisecond by which a look is late.
    assert behind == [0, 2 * SECOND + MS, 5 * SECOND]


def test_a_clock_drifts_for_as_long_as_it_lasts() -> None:
    f = fault(FaultKind.DRIFT, NODE1, size=-9000)
    assert before_during_after(f, lambda w: node1(w).clock.ppm) == [0, -9000, 0]


def test_devices_lie_and_work_again() -> None:
    f = fault(FaultKind.FENCING_LIES)
    manners = before_during_after(f, lambda w: w.devices.manners.get(NODE2, Manner.WORKS))
    assert manners == [Manner.WORKS, Manner.LIES, Manner.WORKS]


def test_a_device_that_hangs_late_has_cut_the_power() -> None:
    """node2 has node1 fenced, hears nothing of it, and never starts what it is not sure of."""
    faults = (
        fault(FaultKind.FENCING_HANGS_LATE, at=5, span=50),
        Fault(2, FaultKind.ISOLATE, Duration(10 * SECOND), Duration(40 * SECOND), (NODE1,)),
    )
    scene = Scene(calm(proof=Proof.FENCE), *faults)
    scene.look(20, lambda w: node1(w).dark)
    scene.look(20, lambda w: w.serving(GroupName("web")))
    scene.look(54, lambda w: w.devices.manners[NODE1])
    scene.look(56, lambda w: w.devices.manners[NODE1])
    assert scene.play() == [True, [], Manner.HANGS_LATE, Manner.WORKS]


@pytest.mark.parametrize(("reboots", "dark"), [(False, True), (True, False)])
def test_a_fenced_machine_comes_back_where_the_device_turns_it_on(
    reboots: bool, dark: bool
) -> None:
    f = fault(FaultKind.FREEZE, NODE1, span=30)
    scene = Scene(replace(calm(proof=Proof.FENCE), reboots=reboots), f)
    scene.look(12, lambda w: node1(w).dark)
    scene.look(25, lambda w: node1(w).dark)
    assert scene.play() == [True, dark]


def test_clocks_begin_apart_and_no_promise_rests_on_them() -> None:
    year = Duration(365 * 24 * 3600 * SECOND)
    options = replace(calm(), ahead=(Duration(0), year))
    run, said = played(options, fault(FaultKind.KILL, NODE1), fault(FaultKind.FREEZE, NODE2, at=30))
    clocks = [node.clock.now for node in run.world.nodes.values()]
    assert clocks[1] - clocks[0] == year
    assert said == []


@pytest.mark.parametrize("lasting", [False, True])
def test_the_weather_lasts_until_the_end_where_it_is_drawn_so(lasting: bool) -> None:
    sent: list[Beat] = []
    heard: list[Beat] = []

    class Ears(Watcher):
        def sent(self, node: Node, beat: Beat) -> None:
            sent.append(beat)

        def heard(self, node: Node, beat: Beat) -> None:
            heard.append(beat)

    run = Run(replace(calm(), skies=Skies(loss=30, run=1), lasting=lasting), ())
    run.entering.append(lambda phase: run.watch(Ears()) if phase is Phase.QUIET else None)
    assert run.play().violations == ()
    # Four deadtimes of quiet: 20 beats each, of which a third is lost; the last may be under way.
    assert (len(sent) - len(heard) > 5) is lasting


def test_the_lost_file_and_the_snapshot_bring_an_earlier_generation() -> None:
    def generation(world: World) -> object:
        engine = node1(world).engine
        return None if engine is None else engine.mine.life.generation

    kills = [fault(FaultKind.KILL, NODE1, at=at, span=1) for at in (2, 4, 6)]
    for kind in (FaultKind.FORGET, FaultKind.SNAPSHOT):
        forgets = fault(kind, NODE1, at=10, span=5)
        faults = [Fault(n, f.kind, f.at, f.span, f.nodes) for n, f in enumerate((*kills, forgets))]
        scene = Scene(calm(), *faults)
        scene.look(9, generation)
        scene.look(18, generation)
        # The first life is 1, three kills make it 4. Then it begins at 1 again, or after the
        # snapshot's 1 with 2; and it jumps above the 4 that its peer remembers.
        assert scene.play() == [4, 5]


def test_reloads_change_what_they_say_node_by_node_and_back() -> None:
    f = fault(FaultKind.RELOAD_TIMERS, size=50)
    deadtimes = before_during_after(
        f, lambda w: [n.model.timing.deadtime for n in w.nodes.values()]
    )
    whole, half = SECOND, SECOND // 2
    assert deadtimes[0] == [whole] * 2
    assert deadtimes[1] == [half] * 2
    f = fault(FaultKind.RELOAD_GROUPS)
    assert before_during_after(f, lambda w: len(node1(w).model.groups)) == [1, 2, 1]
    f = fault(FaultKind.RELOAD_RESOURCES)
    names = before_during_after(f, lambda w: node1(w).model.groups[0].resources[0].name)
    assert names == ["httpd", "nginx", "httpd"]


def test_two_faults_of_a_kind_end_with_the_later() -> None:
    early, late = fault(FaultKind.FREEZE, NODE1, span=4), fault(FaultKind.FREEZE, NODE1, at=12)
    scene = Scene(calm(), early, Fault(2, late.kind, late.at, late.span, late.nodes))
    for at in (11, 15, 18):
        scene.look(at, lambda w: node1(w).frozen)
    assert scene.play() == [True, True, False]


def test_no_forgery_is_believed_and_each_is_counted() -> None:
    run = Run(calm(), (fault(FaultKind.FORGERY, NODE1, size=200),))
    outcome = run.play()
    assert outcome.violations == ()
    # A cut packet, garbage, a flipped bit or a strange key: none gets past the signature.
    assert outcome.drops.total() == 200
    assert outcome.starts == 1


def test_no_recording_is_believed_of_this_life_or_an_earlier_one() -> None:
    faults = (
        fault(FaultKind.POWER_OFF, NODE2, at=10, span=5),
        Fault(2, FaultKind.REPLAY, Duration(30 * SECOND), Duration(SECOND), (NODE2,), 200),
    )
    run = Run(calm(), faults)
    outcome = run.play()
    assert outcome.violations == ()
    assert outcome.drops["replay"] > 50
    assert outcome.starts == 1


def test_a_loss_of_all_packets_is_a_cut() -> None:
    scene = Scene(calm(), fault(FaultKind.LOSS, NODE1, NODE2, size=100))
    for at in (9, 14):
        scene.look(at, lambda w: str(alive(w, NODE2).members.peers[NODE1].liveness))
    assert scene.play() == ["alive", "silent"]


def test_a_clogged_path_lets_everything_go_at_its_end() -> None:
    scene = Scene(calm(), fault(FaultKind.CLOG, NODE1, NODE2))
    scene.look(11, newest_seq)
    scene.look(14, newest_seq)
    scene.look(15, lambda w: alive(w, NODE1).mine.seq - newest_seq(w) < 3)
    held, still_held, let_go = scene.play()
    assert held == still_held
    assert let_go


def test_links_of_the_world_are_those_of_the_configuration() -> None:
    assert Run(calm(), ()).world.network.links == (LINK,)
