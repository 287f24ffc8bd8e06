"""Play the transcripts in testdata: what a Heartbeat says to this node, and what this node does.

Prose, lines, `----`, and what happened: `>` a message of this node's, `!` an order to its agents,
`.` a sentence in its journal, each after its millisecond. `./dev rewrite` writes them anew; what is
right is said in Heartbeat's protocol, not by the code: commit a changed line only when it is
wanted.
"""

from pathlib import Path

import pytest
from heartbeat1_stage import play

TRANSCRIPTS = sorted((Path(__file__).parent / "testdata").glob("*.txt"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_transcript(path: Path, rewrite: bool) -> None:
    expected = path.read_text()
    came, violations = play(expected)
    assert violations == []
    if rewrite:
        path.write_text(came)
    assert rewrite or came == expected


def test_there_are_transcripts() -> None:
    assert len(TRANSCRIPTS) >= 20
