"""Real services under the real daemon, which die, hang, do not stop and are not there.

The laboratory sleeps most of the time, so a few stories are played side by side.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from lab_stories import FAILED, RESTARTED, RESTARTING, STORIES

SIDE_BY_SIDE = 2
PATIENCE_S = 300
TESTS = Path(__file__).parent.parent

pytestmark = pytest.mark.root

Told = dict[str, Any]
Story = Callable[[str], Told]


def play(name: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{TESTS}:{TESTS / 'lab'}"}
    return subprocess.run(
        [sys.executable, str(TESTS / "lab" / "lab_stories.py"), name],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env=environment,
    )


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    if os.geteuid() != 0:
        pytest.skip("needs root and network namespaces")
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        played: dict[str, Future[subprocess.CompletedProcess[str]]] = {
            name: pool.submit(play, name) for name in STORIES
        }

        def told(name: str) -> Told:
            run = played[name].result()
            assert run.returncode == 0, f"{run.stdout}\n{run.stderr}"
            answer: Told = json.loads(run.stdout.splitlines()[-1])
            return answer

        yield told


def test_a_worker_that_is_killed_is_its_masters_affair(story: Story) -> None:
    for service, main in (("nginx", "same_master"), ("apache", "same_main")):
        worker = story(service)["worker"]
        assert worker[main]
        assert worker["journal"] == [], service


def test_a_main_process_that_is_killed_is_noticed_at_once_and_started_where_it_ran(
    story: Story,
) -> None:
    told = story("nginx")
    for number, death in enumerate(told["killed"], 1):
        assert death["noticed_ms"] < 1000, "the next look would come later"
        assert death["evidence"]["attempt"] == number
        assert death["evidence"]["of"] == 2
        assert death["evidence"]["restarts"] == ["heartbeat:nginx"]
        assert death["echo_ms"] < 500, "the address goes on answering"
        assert death["page_ms"] < 5000
    assert told["another_master"]


def test_apache_of_haresources_is_started_again_long_before_it_would_be_looked_at(
    story: Story,
) -> None:
    death = story("apache")["killed"]
    assert death["noticed_ms"] < 1000, "it is asked every 10 s"
    assert death["echo_ms"] < 500


def test_one_death_too_many_moves_the_group_and_bars_the_node_until_it_is_cleared(
    story: Story,
) -> None:
    told = story("nginx")
    (bar,) = told["moved"]["bars"].values()
    assert "nginx" in bar["why"]
    assert 0 < bar["left_ms"] <= 5 * 60_000
    assert any("barred" in reason for reason in told["moved"]["reasons"])
    assert told["cleared"] == {}


def test_a_daemon_that_returns_adopts_what_runs(story: Story) -> None:
    told = story("runs-already")
    assert told["same_process"]
    assert [each["adopted"] for each in told["found"]] == [True]
    assert not told["second_started"]
    assert told["client"]["page_ms"] < 20_000, "less than the deadtime"


def test_what_somebody_else_started_is_stopped_where_another_node_owns_the_group(
    story: Story,
) -> None:
    assert story("runs-already")["foreign"] == {"there": True, "starts": False, "still": True}


def test_looks_that_hang_are_counted_and_delay_no_heartbeat(story: Story) -> None:
    told = story("hang")
    assert [look["resource"] for look in told["looks"]] == ["heartbeat:apache"], "the first of two"
    assert "killed after 1.5 s" in told["because"]
    assert told["late_beats"] == 0


def test_a_full_disk_lets_the_group_go_to_where_there_is_room(story: Story) -> None:
    told = story("full-disk")
    (bar,) = told["bars"].values()
    assert "nginx" in bar["why"]
    assert told["journal"].count(RESTARTING) == 1
    assert RESTARTED not in told["journal"]
    assert FAILED in told["journal"]
    assert not told["mounted"]


def test_a_program_that_is_missing_here_runs_elsewhere_and_missing_everywhere_nowhere(
    story: Story,
) -> None:
    told = story("missing")
    (bar,) = told["bars"].values()
    assert "nginx did not start" in bar["why"]
    assert told["owner"] is None
    for nowhere in told["nowhere"]:
        assert sorted(nowhere) == ["node1.example.com", "node2.example.com"]
        assert all("nginx" in why for why in nowhere.values())


def test_what_does_not_stop_is_started_by_nobody_until_somebody_vouches_for_it(
    story: Story,
) -> None:
    told = story("stop-fails")
    assert len(told["unclean"]) == 1
    assert "stop was made to fail; it still runs" in told["unclean"][0]
    assert told["still_runs"]
    assert (told["state"], told["other"], told["second_started"]) == ("unclean", None, False)
    assert told["seen"] is None
    assert told["ended"], "after the cleanup it was stopped before node2 started its own"


def test_a_database_on_a_shared_disk_is_restarted_in_place_and_taken_over(story: Story) -> None:
    told = story("database")
    assert told["noticed_ms"] < 1000
    assert told["evidence"]["restarts"] == ["heartbeat:pgsql"], "the file system stays mounted"
    assert told["echo_ms"] < 500
    assert (told["kept"], told["kept_by_the_other"]) == ("42", "42")
    assert "heartbeat:pgsql is a database" in told["unproven"]


def test_an_address_of_the_packaged_agents_has_no_lease_and_ours_has(story: Story) -> None:
    told = story("addresses")
    ours, theirs = "192.168.0.140", "192.168.0.141"
    assert told["evidence"]["restarts"] == ["heartbeat:IPaddr2"]
    assert told["back"] == ["serving", "none"]
    assert told["frozen"] == {ours: ["silent", "serving"], theirs: ["serving", "serving"]}
    assert told["six"] == [True, True]
    assert told["thawed"] == {ours: ["serving", "none"], theirs: ["serving", "none"]}
