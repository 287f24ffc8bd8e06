"""`twinbeat sim`: options first, the command last, exit codes, files, and what is refused."""

import json
import re
from pathlib import Path

import pytest
from cli_daemon import Run

pytest_plugins = ["cli_fixtures"]

SHORT = ("--nodes", "2", "--proof", "peer", "--minutes", "1")


def test_one_seed_prints_options_changes_verdict_and_the_command(run: Run) -> None:
    code, out, err = run("sim", "--seed", "3", *SHORT)
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert lines[0].split() == ["seed", "3"]
    assert lines[1].startswith("cluster   2 nodes, ")
    assert any(re.match(r" +\d+\.\d{3}  node1  group held +web", line) for line in lines)
    assert "verdict   no promise was broken" in lines
    assert lines[-1] == "twinbeat sim --seed 3 --nodes 2 --proof peer --minutes 1"


def test_the_command_that_is_printed_plays_the_same_run(run: Run) -> None:
    _, out, _ = run("sim", "--seed", "4", "--minutes", "2", "--only", "1,2", "--calm", "clocks")
    command = out.splitlines()[-1]
    assert "--only 1,2 --calm clocks" in command
    assert run(*command.split()[1:])[1] == out


def test_json_and_svg_are_written(run: Run, tmp_path: Path) -> None:
    told, drawn = tmp_path / "run.json", tmp_path / "run.svg"
    code, _, _ = run("sim", "--seed", "3", *SHORT, "--json", str(told), "--svg", str(drawn))
    assert code == 0
    outcome = json.loads(told.read_text())
    assert (outcome["seed"], outcome["violations"]) == (3, [])
    assert outcome["hours"] > 60 / 3600
    assert drawn.read_text().startswith("<svg ")


def test_mermaid_is_all_that_is_printed(run: Run) -> None:
    code, out, _ = run("sim", "--seed", "3", *SHORT, "--mermaid")
    assert code == 0
    assert out.startswith("gantt\n")


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_many_seeds_are_summed_up(run: Run, tmp_path: Path, jobs: str) -> None:
    told = tmp_path / "summary.json"
    words = ("--seeds", "5..8", "--jobs", jobs, "--json", str(told))
    code, out, err = run("sim", *words, *SHORT)
    rows = dict(re.split(r"  +", line, maxsplit=1) for line in out.splitlines() if line[0] != " ")
    assert code == 0
    assert rows["runs"] == "4"
    assert rows["failed seeds"] == "none"
    assert "4 of 4 runs" in err
    summary = json.loads(told.read_text())
    assert summary["seeds"] == [5, 8]
    assert summary["runs"] == 4
    assert sum(summary["injected"].values()) == int(rows["faults injected"])


def test_the_summary_does_not_depend_on_the_number_of_processes(run: Run, tmp_path: Path) -> None:
    def told(jobs: str) -> object:
        file = tmp_path / f"{jobs}.json"
        run("sim", "--seeds", "1..6", "--jobs", jobs, "--json", str(file), *SHORT)
        return {k: v for k, v in json.loads(file.read_text()).items() if "minute" not in k}

    assert told("1") == told("2")


def test_a_broken_rule_is_found_made_smaller_and_repeated(run: Run) -> None:
    """Without any proof of death two nodes own the group as soon as one of them is frozen."""
    seeds = ("--seeds", "1..4", "--proof", "peer", "--nodes", "2", "--mutant", "no-proof")
    code, out, _ = run("sim", *seeds)
    assert code == 1
    assert "failed seeds" in out
    assert "BROKEN    " in out
    command = out.splitlines()[-1].split(" --mutant")[0]
    assert command.startswith("twinbeat sim --seed ")
    shrunk = next(line for line in out.splitlines() if line.startswith("twinbeat sim --seed"))
    assert shrunk.endswith("--mutant no-proof")
    code, out, _ = run(*shrunk.split()[1:])
    assert code == 1
    assert out.splitlines()[-1] == shrunk


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--seed", "1", "--seeds", "1..2"],
        ["--seeds", "7"],
        ["--seeds", "9..3"],
        ["--seeds", "1..2", "--only", "3"],
        ["--seeds", "1..2", "--mermaid"],
        ["--seed", "1", "--nodes", "8"],
        ["--seed", "1", "--proof", "hope"],
        ["--seed", "1", "--mutant", "no-such-rule"],
        ["--seed", "1", "--only", "some"],
        ["--seed", "1", "--calm", "nerves"],
    ],
)
def test_what_is_not_understood_is_2(run: Run, words: list[str]) -> None:
    code, out, err = run("sim", *words)
    assert (code, out) == (2, "")
    assert "Error:" in err


def test_a_file_that_cannot_be_written_is_refused(run: Run, tmp_path: Path) -> None:
    code, _, err = run("sim", "--seed", "3", *SHORT, "--json", str(tmp_path / "no" / "file"))
    assert code == 1
    assert "cannot be written" in err
