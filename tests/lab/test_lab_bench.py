"""The bench's numbers and its command line; the peers themselves are tried elsewhere."""

import io
import json
import os
from pathlib import Path

import pytest
from rich.console import Console

from twinbeat.lab import bench, peers
from twinbeat.lab.figures import Entrant, Figure, Rival, Score, Table, as_json, drawing
from twinbeat.lab.markdown import replaced
from twinbeat.lab.punctuality import lateness, verdict

OURS = Entrant("twinbeat", "0.1", "keepalive 200 ms", 1000)
THEIRS = Entrant("keepalived", "2.2.7", "advert_int 0.2 s", 721.875)


def figure(target: float | None, *runs: float) -> Figure:
    return Figure("stop: ping gap", "ms", target, {"twinbeat": Score(list(runs))})


def test_a_figure_is_its_median_against_its_target() -> None:
    assert figure(50, 60, 40, 45).of("twinbeat").median == 45
    assert figure(50, 60, 40, 45).met is True
    assert figure(44, 60, 40, 45).met is False
    assert figure(None, 60).met is None
    assert figure(50).met is None


def test_what_must_never_happen_may_not_happen_once() -> None:
    assert figure(0, 0, 0, 0).met is True
    assert figure(0, 0, 0, 5).met is False


def test_a_target_is_ours_and_no_peer_misses_it() -> None:
    row = Figure("stop: ping gap", "ms", 50, {"keepalived": Score([900])})
    assert row.met is None


def test_a_rival_of_the_same_run_is_a_bound_for_all_others() -> None:
    row = Figure("stop", "ms", 50, rival=Rival("heartbeat", 1.2))
    row.scores = {"heartbeat": Score([90, 100, 110]), "pair": Score([119]), "twinbeat": Score([49])}
    assert (row.verdict("heartbeat"), row.verdict("pair"), row.met) == (None, True, True)
    row.scores["pair"], row.scores["twinbeat"] = Score([121]), Score([51])
    assert (row.verdict("pair"), row.met) == (False, False)
    row.scores["heartbeat"], row.scores["twinbeat"] = Score([]), Score([49])
    assert (row.verdict("pair"), row.met) == (None, True)
    assert row.bound == "50; 1.2 x heartbeat's"


def test_a_page_gets_the_tables_between_its_marks() -> None:
    row = figure(50, 60, 40, 45)
    row.scores["keepalived"] = Score([140])
    mark, end = "<!-- generated: ./dev bench --write x -->", "<!-- end of what is generated -->"
    page = f"a\n{mark}\n\n### there\n\nthen\n\n### here\n\nold\n\n{end}\nb\n"
    new = replaced(page, [Table("here", "now", [OURS, THEIRS], [row])])
    assert new.startswith(f"a\n{mark}\n\n### there\n\nthen\n\n### here\n\nnow\n\n| ")
    assert "| stop: ping gap, ms | 50 | **45 [40..60] n=3** | 140 [140..140] n=1 |\n" in new
    assert new.endswith(f" |\n\n{end}\nb\n")
    assert "old" not in new
    assert replaced(f"{mark}\n{end}", []) == f"{mark}\n\n{end}"
    with pytest.raises(ValueError, match="no lines"):
        replaced("nothing", [])


def test_a_beat_is_as_late_as_it_came_after_a_keepalive_from_the_last() -> None:
    ms = 1_000_000
    # 200 ms after the first, then 203.5 ms, then early by 50 ms, then 200.25 ms.
    beats = [1000 * ms, 1200 * ms, 1403_500_000, 1553_500_000, 1753_750_000]
    assert lateness(reversed(beats), 200 * ms) == [0, 0, 0.25, 3.5]


def test_heartbeats_are_later_when_the_half_or_the_latest_hundredth_is() -> None:
    bound = Rival("nothing more", 1.5)
    rows = [Figure(name, "ms", rival=bound) for name in ("half", "99 of 100")]
    for title, half, latest in (
        ("nothing more", 0.6, 1.2),
        ("files", 0.8, 1.7),
        ("units", 0.8, 1.9),
        ("processes", 1.0, 1.2),
    ):
        rows[0].of(title).runs.append(half)
        rows[1].of(title).runs.append(latest)
    assert verdict(rows) == (
        "with files heartbeats are as late as without; with units heartbeats are later; "
        "with processes heartbeats are later"
    )
    assert verdict([]) == "nothing was compared"


def test_the_table_shows_median_spread_and_count_side_by_side() -> None:
    row = figure(50, 16.66, 12, 151.4)
    row.scores["keepalived"] = Score([140.26], failed=2)
    console = Console(width=150, file=io.StringIO(), record=True)
    console.print(drawing(Table("here", "now", [OURS, THEIRS], [row])))
    lines = [
        [cell.strip() for cell in line.split("│")] for line in console.export_text().split("\n")
    ]
    assert ["", "detection, ms", "", "1000", "722", ""] in lines
    assert [
        "",
        "stop: ping gap, ms",
        "50",
        "met 16.7 [12..151] n=3",
        "140 [140..140] n=1, 2 failed",
        "",
    ] in lines


def test_json_keeps_every_run_and_every_failure() -> None:
    row = figure(10, 20, 40)
    row.of("keepalived").failed += 1
    told = json.loads(json.dumps(as_json(Table("here", "now", [OURS, THEIRS], [row]))))
    assert told["contenders"]["keepalived"] == {
        "version": "2.2.7",
        "settings": "advert_int 0.2 s",
        "detection_ms": 721.875,
    }
    assert told["figures"] == [
        {
            "name": "stop: ping gap",
            "unit": "ms",
            "target": 10,
            "met": False,
            "bound": "10",
            "scores": {
                "twinbeat": {"median": 30, "runs": [20, 40], "failed": 0, "met": False},
                "keepalived": {"median": None, "runs": [], "failed": 1, "met": None},
            },
        }
    ]


def test_the_bench_knows_its_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        bench.main(["--runs", "-1"])
    assert ending.value.code == 2
    assert "'-1' is not a whole number above 0" in capsys.readouterr().err


def test_an_unknown_peer_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["--peers", "pacemaker"]) == 1
    assert (
        "there is no peer 'pacemaker'; there are heartbeat and keepalived"
        in capsys.readouterr().err
    )


def test_a_list_of_peers_has_commas_and_may_be_none() -> None:
    assert bench.names("heartbeat, keepalived") == ["heartbeat", "keepalived"]
    assert bench.names("none") == []


APT_GET = """\
#!/bin/sh
echo "$@" >>{home}/asked
[ -x {policy} ] || echo "services may start" >>{home}/asked
[ "$4" != --no-install-recommends ] || [ -e {home}/updated ]
code=$?
[ "$3" != update ] || touch {home}/updated
exit $code
"""


@pytest.mark.root
@pytest.mark.parametrize("before", [None, "#!/bin/sh\n"])
def test_peers_are_installed_while_no_service_may_start(
    before: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    policy, apt_get = tmp_path / "policy-rc.d", tmp_path / "apt-get"
    apt_get.write_text(APT_GET.format(home=tmp_path, policy=policy))
    apt_get.chmod(0o755)
    if before is not None:
        policy.write_text(before)
        policy.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    peers.install(policy)
    packages = "heartbeat cluster-glue resource-agents net-tools keepalived"
    install = f"-qq -y install --no-install-recommends {packages}"
    # The first try fails, as with lists that are too old.
    assert (tmp_path / "asked").read_text().splitlines() == [install, "-qq -y update", install]
    assert (policy.read_text() if policy.exists() else None) == before
