"""`twinbeat sim --scenario`: what is printed, and how it ends."""

from pathlib import Path

import pytest

from twinbeat.cli.main import main

BOOT = "# Node1 starts alone.\nboot node1\nrun 5ms\n"
OUTPUT = "      0 node1  node started                   a new life begins\n"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scenarios").mkdir()
    monkeypatch.chdir(tmp_path)


def written(text: str) -> str:
    Path("scenarios/alone.txt").write_text(text)
    return "alone"


def test_a_scenario_is_printed_with_what_happened(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "--scenario", written(BOOT)]) == 0
    assert capsys.readouterr().out == (f"{BOOT}----\n{OUTPUT}scenarios/alone.txt: as expected\n")


def test_an_unmet_expectation_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "--scenario", written(BOOT + "expect serving web node1\n")]) == 1
    said = capsys.readouterr()
    assert "scenarios/alone.txt: not as expected" in said.out
    assert "scenarios/alone.txt:4:1: error: expect serving web node1: nobody answers" in said.err


def test_a_transcript_with_another_output_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "--scenario", written(f"{BOOT}----\n{OUTPUT}")]) == 0
    assert main(["sim", "--scenario", written(f"{BOOT}----\nSomething else.\n")]) == 1
    assert "the output is another one than the file has" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("quake", "there is no scenario quake, nor scenarios/quake.txt"),
        ("odd", "scenarios/odd.txt:1:1: error: `bot` is not a verb of scenarios"),
    ],
)
def test_what_cannot_be_played_ends_with_2(
    name: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("scenarios/odd.txt").write_text("bot node1\n")
    assert main(["sim", "--scenario", name]) == 2
    assert complaint in capsys.readouterr().err


def test_a_scenario_and_a_seed_are_two_things(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "--scenario", written(BOOT), "--seed", "1"]) == 2
    assert "or --scenario" in capsys.readouterr().err
