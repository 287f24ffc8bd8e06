import json
import os
from pathlib import Path

import pytest

from twinbeat.journal.replay import replay
from twinbeat.lab.main import main


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (["--timing", "soon"], "invalid choice: 'soon'"),
        (["--repeat", "0"], "'0' is not a whole number above 0"),
        (["--repeat", "many"], "'many' is not a whole number above 0"),
        (["--json"], "expected one argument"),
        (["surplus"], "unrecognized arguments: surplus"),
    ],
)
def test_wrong_usage_is_named_and_ends_with_2(
    argv: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ending:
        main(argv)
    assert ending.value.code == 2
    assert complaint in capsys.readouterr().err


def test_the_steps_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert names[0] == "cold-start"
    assert names[8] == "daemon-frozen"


def test_the_scenarios_are_listed_with_the_first_sentence_of_their_prose(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "quake.txt").write_text("# The earth shakes. Why?\nboot node1\n")
    monkeypatch.chdir(tmp_path)
    assert main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(maxsplit=1) for line in lines[9:]] == [["quake", "The earth shakes"]]


def test_a_scenario_that_is_nowhere_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--scenario", "earthquake"]) == 2
    assert "no scenario 'earthquake'; `twinbeat lab --list`" in capsys.readouterr().err


def test_what_the_laboratory_cannot_play_is_named_before_anything_is_built(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "odd.txt"
    file.write_text("cluster nodes=3\nboot node1\n\n  lose node1->node2 x\ncluster\n")
    assert main(["--scenario", str(file)]) == 2
    said = capsys.readouterr().err
    assert "odd.txt:1:1: error: the laboratory has two nodes and one group\n" in said
    assert "odd.txt:4:3: error: the laboratory cannot play `lose`\n" in said
    assert "odd.txt:5:1: error: the laboratory builds one cluster, before everything else" in said
    assert said.count("nothing of the scenario is played") == 3
    assert "hint: leave the line out, or play the scenario with `twinbeat sim --scenario`" in said


def test_a_scenario_that_is_not_understood_is_not_played(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "odd.txt"
    file.write_text("bot node1\n")
    assert main(["--scenario", str(file)]) == 2
    assert "odd.txt:1:1: error: `bot` is not a verb" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_found_out_first(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["--json", str(tmp_path / "missing" / "out.json")]) == 1
    assert "missing/out.json" in capsys.readouterr().err


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root and network namespaces")
def test_the_experiment_goes_as_expected(tmp_path: Path) -> None:
    """What `./dev test` does not play by itself, against the real program."""
    names = [
        *("power-off", "return-after-power-off", "handover", "failback"),
        *("daemon-killed", "daemon-frozen"),
    ]
    wanted = [word for name in names for word in ("--scenario", name)]
    out, html, logs = tmp_path / "out.json", tmp_path / "out.html", tmp_path / "logs"
    code = main([*wanted, "--json", str(out), "--html", str(html), "--keep-logs", str(logs)])
    run = json.loads(out.read_text())
    assert run["problems"] == []
    assert code == 0
    assert [step["name"] for step in run["steps"]] == names
    one, two = "node1.example.com", "node2.example.com"
    moves = [(step["owner_before"], step["owner_after"]) for step in run["steps"]]
    assert moves == [(one, two), (two, one), (one, two), (two, one), (one, one), (one, one)]
    assert [step["two_owners_ms"] for step in run["steps"]] == [0] * 6
    assert html.read_text().count("<svg ") == 6
    assert "takeover complete" in (logs / "node2-ha-log").read_text()
    streams = sorted(logs.glob("node?-stream*"))
    assert {path.name[:5] for path in streams} == {"node1", "node2"}
    lives = [replay(path.read_bytes().splitlines(keepends=True)) for path in streams]
    assert [life.difference for life in lives] == [None] * len(lives)
    assert sum(life.steps for life in lives) > 100
