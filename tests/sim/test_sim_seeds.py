"""Every seed that ever failed is played again: `seeds.txt`, options and what went wrong."""

from pathlib import Path

import pytest

from twinbeat.cli.main import main

FILE = Path(__file__).parent / "seeds.txt"
LINES = [line for line in FILE.read_text().splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("line", LINES)
def test_a_seed_that_failed_once_is_clean(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    options, _, sentence = line.partition("#")
    assert sentence.strip().endswith(".")
    assert main(["sim", *options.split(), "--no-shrink"]) == 0, capsys.readouterr().out
