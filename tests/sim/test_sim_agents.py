"""How agents behave; the expected instants are sums of the fixed times of sim_worlds."""

from sim_worlds import ONE, TWO, WEB, Notes, let_pass, raised, settled

from twinbeat.core.events import HandoverRequested, ResourceLooked
from twinbeat.sim.agents import Conduct
from twinbeat.sim.nature import START


def test_a_start_that_fails_is_told_after_its_time_and_what_ran_is_stopped() -> None:
    world = raised()
    notes = Notes(world)
    world.watch(notes)
    world.nodes[ONE].agents.starts[WEB] = Conduct.FAILS
    for node in world.nodes.values():
        node.boot()
    let_pass(world, 60)
    assert "13 node1 runs ['web'] serves []" in notes.lines
    assert "15 node1 runs ['web'] serves ['web']" in notes.lines
    assert "43 node1 group failed: httpd did not start: exit code 1" in notes.lines
    assert "53 node1 runs [] serves []" in notes.lines
    assert not world.nodes[ONE].kernel.runs(WEB)


def test_a_stop_that_fails_takes_the_address_away_and_leaves_the_rest_running() -> None:
    world = settled()
    node = world.nodes[ONE]
    node.agents.stops[None] = Conduct.FAILS
    node.tell(ResourceLooked(WEB, "httpd", running=False, why="gone", sure=True))
    let_pass(world, 20)
    assert node.kernel.runs(WEB)
    assert not node.kernel.has_address(WEB)
    assert node.engine is not None
    assert node.engine.groups[WEB].custody == "unclean"


def test_a_stop_that_hangs_goes_on_when_it_is_let_go() -> None:
    world = settled()
    node = world.nodes[ONE]
    node.agents.stops[WEB] = Conduct.HANGS
    node.tell(HandoverRequested(1, WEB, TWO))
    let_pass(world, 5000)
    assert node.kernel.runs(WEB)
    node.agents.stops.clear()
    let_pass(world, 100)
    assert not node.kernel.runs(WEB)


def test_a_stop_that_hangs_for_longer_than_its_timeout_has_failed() -> None:
    world = settled()
    notes = Notes(world)
    world.watch(notes)
    node = world.nodes[ONE]
    node.agents.stops[WEB] = Conduct.HANGS
    node.tell(HandoverRequested(1, WEB, TWO))
    let_pass(world, 61_000)  # The timeout of a resource is a minute.
    assert any("httpd did not stop: it did not end within 1 min" in line for line in notes.lines)


def test_a_stop_waits_for_the_start_before_it() -> None:
    world = raised()
    notes = Notes(world)
    for node in world.nodes.values():
        node.boot()
    let_pass(world, 20)  # It starts from 13 to 43.
    world.watch(notes)
    world.nodes[ONE].shutdown()
    let_pass(world, 60)
    assert "53 node1 runs [] serves []" in notes.lines


def test_slow_agents_take_so_many_times_as_long() -> None:
    world = raised()
    notes = Notes(world)
    world.watch(notes)
    for node in world.nodes.values():
        node.agents.slowness = 3
        node.boot()
    let_pass(world, 500)
    started = next(line for line in notes.lines if "group starting" in line)
    held = next(line for line in notes.lines if "group held" in line)
    assert float(held.split()[0]) - float(started.split()[0]) == 3 * START / 1e6


def test_what_a_killed_daemon_ordered_is_answered_to_nobody_and_its_resources_run_on() -> None:
    world = raised()
    for node in world.nodes.values():
        node.boot()
    let_pass(world, 14)  # The start was ordered at 13; its address would be up at 15.
    node = world.nodes[ONE]
    node.kill()
    let_pass(world, 500)
    assert node.kernel.runs(WEB)
    assert not node.kernel.has_address(WEB)
    notes = Notes(world)
    world.watch(notes)
    node.boot()
    let_pass(world, 3000)
    changes = [line for line in notes.lines if "node1 runs" in line]
    assert changes[0] == "524 node1 runs [] serves []", "the new life clears it: that takes 10 ms"
    assert world.serving(WEB) == [ONE]
