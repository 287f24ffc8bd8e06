"""Play the transcripts in testdata: prose, lines, `----`, and exactly what happened then.

They are scenarios (docs/scenarios.md) in the simulator, where everything takes a fixed time. `./dev
rewrite` writes the outputs anew; a changed line is a changed behaviour: commit it only when it is
understood and wanted.
"""

from pathlib import Path

import pytest

from twinbeat.scenario import parse
from twinbeat.sim.stage import play

MATRIX = "custody-matrix"
"""The one golden file that is no transcript: see test_core_matrix."""

TRANSCRIPTS = sorted(
    path for path in (Path(__file__).parent / "testdata").glob("*.txt") if path.stem != MATRIX
)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_transcript(path: Path, rewrite: bool) -> None:
    expected = path.read_text()
    came = play(parse(expected, path.name))
    assert came.findings == []
    assert came.violations == []
    if rewrite:
        path.write_text(came.text)
    assert rewrite or came.text == expected


def test_there_are_transcripts() -> None:
    assert len(TRANSCRIPTS) >= 30
