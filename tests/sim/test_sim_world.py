"""A world as a whole: machines that stop and go on, who looks on, and that it can be had again."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from sim_worlds import ONE, TWO, WEB, Notes, configured, let_pass, raised, settled

from twinbeat.core.beat import Beat
from twinbeat.core.events import HandoverRequested
from twinbeat.core.units import MS, Duration, LinkName, NodeName
from twinbeat.sim.chance import Chance
from twinbeat.sim.nature import Nature
from twinbeat.sim.node import Node
from twinbeat.sim.watch import Audience, Watcher
from twinbeat.sim.world import World

# Machines.


def test_the_kernel_of_a_killed_daemon_serves_until_its_lease_ends() -> None:
    world = settled()
    notes = Notes(world)
    world.watch(notes)
    world.nodes[ONE].kill()
    let_pass(world, 1500)
    assert notes.lines[0] == "2900 node1 kill"
    # node2's beat of 2800 acknowledged node1's of 2600; the lease is 950 ms.
    assert "3550 node1 runs ['web'] serves []" in notes.lines
    assert world.nodes[ONE].kernel.runs(WEB)


def test_a_daemon_silences_its_kernel_before_its_first_word() -> None:
    world = settled()
    notes = Notes(world)
    node = world.nodes[ONE]
    node.kill()
    world.watch(notes)
    node.boot()
    assert [line.split(" ", 2)[2] for line in notes.lines] == [
        "runs ['web'] serves []",
        "boot",
        "node started: a new life begins",
    ]


def test_power_takes_everything_but_the_file() -> None:
    world = settled()
    node = world.nodes[ONE]
    node.power_off()
    assert (node.engine, node.running, node.dark) == (None, False, True)
    assert not node.kernel.runs(WEB)
    node.power_on()
    assert generation(node) == 2
    node.power_on()
    assert generation(node) == 2, "it had power already"


def generation(node: Node) -> int | None:
    return None if node.birth is None else node.birth.life.generation


def test_a_forgotten_file_begins_the_generations_anew() -> None:
    world = settled()
    node = world.nodes[ONE]
    for expected in (2, 3):
        node.kill()
        node.boot()
        assert generation(node) == expected
    kept = node.kept
    node.kill()
    node.forget()
    node.boot()
    assert generation(node) == 1
    node.kill()
    node.kept = kept  # A snapshot is restored.
    node.boot()
    assert generation(node) == 4


def test_a_paused_machine_answers_nobody_and_goes_on_where_it_was() -> None:
    world = settled()
    node = world.nodes[ONE]
    before = node.clock.now
    node.pause()
    assert world.serving(WEB) == []
    let_pass(world, 600)
    assert node.clock.now == before
    node.boot()
    assert not node.running
    node.resume()
    assert world.serving(WEB) == [ONE]
    assert node.clock.now == before


def test_a_machine_that_was_to_boot_in_its_pause_boots_when_it_goes_on() -> None:
    world = settled()
    node = world.nodes[ONE]
    node.pause()
    node.kill()
    node.boot()
    assert node.engine is None
    node.resume()
    assert node.running
    node.pause()
    node.power_off()
    node.boot()
    assert node.running, "power ends a pause"


def test_clocks_that_drift_by_a_per_cent_move_nothing() -> None:
    world = settled()
    for node, ppm in zip(world.nodes.values(), (10_000, -10_000), strict=True):
        node.clock.set_rate(ppm)
    notes = Notes(world)
    world.watch(notes)
    let_pass(world, 60_000)
    assert notes.lines == []
    apart = world.nodes[ONE].clock.now - world.nodes[TWO].clock.now
    assert apart == 1200 * MS


# The service network.


class Neighbours(Nature):
    neighbours = True


def paused_for_three_seconds(nature: Nature) -> World:
    world = settled(nature=nature)
    world.nodes[ONE].pause()
    let_pass(world, 3000)
    assert world.serving(WEB) == [TWO]
    world.nodes[ONE].daemon.frozen = True  # type: ignore[union-attr]
    world.nodes[ONE].resume()
    return world


def test_a_successors_announcements_silence_a_machine_whose_clock_stood_still() -> None:
    assert paused_for_three_seconds(Neighbours()).serving(WEB) == [TWO]


def test_without_them_it_serves_on_for_what_was_left_of_its_lease() -> None:
    world = paused_for_three_seconds(Nature())
    assert world.serving(WEB) == [ONE, TWO]
    let_pass(world, 649)  # It was paused at 2900, and its lease lasts until 3550.
    assert world.serving(WEB) == [ONE, TWO]
    let_pass(world, 1)
    assert world.serving(WEB) == [TWO]


# Who looks on.


def test_a_watcher_is_told_what_it_overrides_and_nothing_else() -> None:
    class Counter(Watcher):
        count = 0

        def sent(self, node: Node, beat: Beat) -> None:
            self.count += 1

    audience, counter = Audience(), Counter()
    audience.join(counter)
    told = [name for name, looking in vars(audience).items() if looking]
    assert told == ["sent"]
    world = settled()
    world.watch(counter)
    let_pass(world, 1050)
    assert counter.count == 10


def test_the_turning_points_of_a_node_are_told() -> None:
    world = settled()
    notes = Notes(world)
    world.watch(notes)
    node = world.nodes[TWO]
    for turn in ("freeze", "thaw", "pause", "resume", "kill", "boot", "power_off"):
        getattr(node, turn)()
        getattr(node, turn)()
    told = [line.split()[-1] for line in notes.lines if len(line.split()) == 3]
    assert told[:6] == ["freeze", "thaw", "pause", "resume", "kill", "boot"]


# The same again.


class Storm(Nature):
    """Everything by chance."""

    def __init__(self, seed: int) -> None:
        self._random = Chance(seed).stream("storm")

    def packet(self, sender: NodeName, receiver: NodeName, link: LinkName) -> Sequence[Duration]:
        copies = (0, 1, 1, 1, 1, 2)[self._random.randrange(6)]
        return [Duration(self._random.randrange(300 * MS)) for _ in range(copies)]

    def start(self, node: NodeName) -> Duration:
        return Duration(self._random.randrange(400 * MS))

    def oversleep(self, node: NodeName) -> Duration:
        return Duration(self._random.randrange(20 * MS))

    def thinking(self, node: NodeName) -> Duration:
        return Duration(self._random.randrange(2 * MS))


def stormy(seed: int) -> list[str]:
    """Return what happens to three nodes in half a minute of bad weather."""
    world = raised(configured(3), Storm(seed))
    notes = Notes(world)
    world.watch(notes)
    nodes = list(world.nodes.values())
    for turn in range(30):
        node = nodes[turn % 3]
        (node.boot, node.kill, node.freeze, node.thaw, node.pause, node.resume)[turn * 7 % 6]()
        for other in nodes:
            other.boot()
        nodes[0].tell(HandoverRequested(turn, WEB, nodes[turn % 3].name))
        let_pass(world, 1000)
    return notes.lines


def test_a_seed_gives_the_same_run_in_another_process_whatever_its_hashes() -> None:
    here = Path(__file__).parent
    program = f"import sys; sys.path.insert(0, {str(here)!r}); import test_sim_world as w; "
    program += "print(*w.stormy(7), sep='\\n')"
    runs = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": hashes},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hashes in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert len(runs[0].splitlines()) > 100
    assert stormy(7) == runs[0].splitlines()
    assert stormy(8) != stormy(7)
