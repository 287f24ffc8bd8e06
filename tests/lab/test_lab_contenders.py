"""The peers as contenders: the same steps, and nothing of the machine touched."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lab_cage import in_cage

from twinbeat.lab import topology
from twinbeat.lab.burdens import BY_DBUS, BY_PIDFD, NOTHING, Burden
from twinbeat.lab.contender import Contender
from twinbeat.lab.deaths import deaths, watching
from twinbeat.lab.files import TIMINGS
from twinbeat.lab.heartbeat_daemon import HeartbeatDaemon
from twinbeat.lab.keepalived_daemon import KeepalivedDaemon
from twinbeat.lab.lineup import MIGRATION, Pair
from twinbeat.lab.ownership import Standing
from twinbeat.lab.punctuality import punctuality
from twinbeat.lab.stage import Stage
from twinbeat.lab.steps import BY_NAME, Player
from twinbeat.lab.topology import SEATS
from twinbeat.lab.twinbeat_daemon import TwinbeatDaemon
from twinbeat.lab.watching import watching as watching_costs

FAST, NORMAL = TIMINGS["fast"], TIMINGS["normal"]


def test_all_detect_by_the_timers_of_the_run() -> None:
    for kind in (TwinbeatDaemon, HeartbeatDaemon):
        assert kind(SEATS[0], FAST).detection == 1000
        assert kind(SEATS[0], FAST).settings == "keepalive 200 ms, deadtime 1000 ms"
    # RFC 5798: three intervals and the skew of priority 100, (256 - 100) / 256 of one.
    assert KeepalivedDaemon(SEATS[0], FAST).detection == 3 * 200 + 200 * 156 / 256
    assert KeepalivedDaemon(SEATS[0], NORMAL).settings == (
        "VRRPv3, advert_int 1 s, priorities 150 and 100"
    )


def test_a_pair_has_one_program_on_each_node() -> None:
    pair = Pair(HeartbeatDaemon, TwinbeatDaemon)
    assert pair.title == "heartbeat, twinbeat"
    assert [type(pair(seat, FAST)) for seat in SEATS] == [HeartbeatDaemon, TwinbeatDaemon]
    assert [kind.title for kind in MIGRATION] == [
        "heartbeat",
        "heartbeat, twinbeat",
        "twinbeat, heartbeat",
        "twinbeat",
    ]


def machine() -> Mapping[str, tuple[int, int]]:
    """Return what the machine has where the peers keep their files."""
    places = ("/etc/ha.d", "/etc/keepalived", "/var/lib/heartbeat")
    return {
        str(path): (path.lstat().st_mtime_ns, path.lstat().st_ino)
        for place in places
        for path in sorted(Path(place).rglob("*"))
    }


@pytest.mark.root
@pytest.mark.parametrize("kind", [HeartbeatDaemon, KeepalivedDaemon])
def test_a_peer_plays_the_experiment(kind: type[Contender], tmp_path: Path) -> None:
    if os.geteuid() != 0 or kind.version() is None:
        pytest.skip(f"{kind.title} is not installed")

    async def body() -> Any:
        async with Stage(FAST, kind) as stage:
            player, owners, undone = Player(stage), [], []
            for name in ("cold-start", "handover", "failback"):
                result = await player.step(BY_NAME[name])
                owners.append(result.owner_after)
                undone += result.undone
            daemon, namespace = stage.first.daemon, stage.first.seat.namespace
            managed = set(topology.processes(namespace)) - set(daemon.pids())
            processes = len(daemon.pids())
            await daemon.kill()
            left = set(topology.processes(namespace))

            async def both() -> bool:
                stands = [stage.ownership.standing(node.name) for node in stage.nodes]
                return stands == [Standing.SERVING] * 2

            await stage.until(both, 10, "both nodes hold the address")
            return [owners, undone, processes, bool(left), left <= managed]

    before = machine()
    # What a peer does not bring about is its own affair (keepalived's notify scripts may overtake
    # each other); that we drive it rightly is shown by one of three attempts.
    for attempt in range(3):
        place = tmp_path / str(attempt)
        place.mkdir()
        owners, undone, processes, httpd_left, only_managed_left = in_cage(body, place)
        if not undone:
            break
    assert undone == []
    one, two = "node1.example.com", "node2.example.com"
    assert owners == [one, two, one]
    assert processes == {"heartbeat": 4, "keepalived": 2}[kind.title]
    assert httpd_left
    assert only_managed_left
    assert machine() == before


@pytest.mark.root
def test_a_dead_httpd_is_noticed_and_a_page_comes_back(tmp_path: Path) -> None:
    kinds = [TwinbeatDaemon, *([KeepalivedDaemon] if KeepalivedDaemon.version() else [])]

    async def body() -> Any:
        figures, problems = await deaths(watching(kinds), FAST, 1, lambda _: None)
        told = {figure.name: {k: s.runs for k, s in figure.scores.items()} for figure in figures}
        return [told, problems]

    told, problems = in_cage(body, tmp_path)
    assert problems == []
    noticed, pages = told["httpd killed: noticed after"], told["httpd killed: page gap"]
    for kind in kinds:
        ((at,), (gap,)) = noticed[kind.title], pages[kind.title]
        assert 0 < at < gap, "nobody serves before somebody noticed"
    assert noticed["twinbeat"][0] < 1000, "it is looked at every 10 s, and watched all the time"
    assert 0 < pages["twinbeat"][0] < 5000


@pytest.mark.root
@pytest.mark.parametrize("burden", [BY_PIDFD, BY_DBUS], ids=["pidfd", "dbus"])
def test_what_is_watched_is_counted_into_what_it_costs(burden: Burden, tmp_path: Path) -> None:
    three = replace(burden, title="three", count=3)

    async def body() -> Any:
        costs, problems = await watching_costs(FAST, 2, lambda _: None, [three])
        return {figure.name: figure.scores["twinbeat"].runs for figure in costs}, problems

    costs, problems = in_cage(body, tmp_path)
    assert problems == []
    (everything,) = costs["three: CPU, scripts included"]
    (daemon,) = costs["... of the daemon alone"]
    assert 0 < daemon <= everything < 100


@pytest.mark.root
def test_late_beats_are_counted_beside_a_metronome(tmp_path: Path) -> None:
    async def body() -> Any:
        late, problems = await punctuality(2, lambda _: None, [NOTHING], turns=1)
        return {figure.name: figure.scores[NOTHING.title].runs for figure in late}, problems

    late, problems = in_cage(body, tmp_path)
    assert problems == []
    (beats,) = late["beats"]
    assert 20 <= beats <= 60, "one each 50 ms, for 2 s and what the metronome takes to start"
    assert late["(a metronome: 99 of 100 are no later than)"][0] >= 0
    assert late["99 of 100 are no later than"] <= late["the latest"]
