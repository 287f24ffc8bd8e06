import json
import os
from pathlib import Path

import pytest

from twinbeat.lab.main import main


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (["--scenario", "earthquake"], "invalid choice: 'earthquake'"),
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
    assert names[-1] == "daemon-frozen"
    assert len(names) == 9


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
