"""Play the transcripts in testdata: prose, commands, `----`, and exactly what happened then.

A transcript is a list of blocks parted by blank lines: comment lines, command lines, and when these
commands print anything, `----` and the output. `./dev rewrite` writes the outputs anew; a changed
line is a changed behaviour: commit it only when it is understood and wanted.
"""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from core_stage import Stage

MATRIX = "custody-matrix"
"""The one golden file that is no transcript: see test_core_matrix."""

TRANSCRIPTS = sorted(
    path for path in (Path(__file__).parent / "testdata").glob("*.txt") if path.stem != MATRIX
)


@dataclass
class Block:
    """Some prose, some commands, and what they print."""

    prose: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    output: list[str] = field(default_factory=list)

    @classmethod
    def parse(cls, text: str) -> "Block":
        said, _, output = text.partition("\n----\n")
        lines = said.splitlines()
        return cls(
            [line for line in lines if line.startswith("#")],
            [line for line in lines if not line.startswith("#")],
            output.splitlines(),
        )

    def __str__(self) -> str:
        return "\n".join([*self.prose, *self.commands, *(["----"] if self.output else []),
                          *self.output])  # fmt: skip


def play(text: str) -> str:
    """Return a transcript with the outputs of now."""
    stage = Stage()
    blocks = [Block.parse(part) for part in text.strip("\n").split("\n\n")]
    for block in blocks:
        block.output = [line for command in block.commands for line in stage.play(command)]
    assert stage.onlooker.trespasses == []
    return "\n\n".join(str(block) for block in blocks) + "\n"


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_transcript(path: Path, rewrite: bool) -> None:
    expected = path.read_text()
    actual = play(expected)
    if rewrite:
        path.write_text(actual)
    assert rewrite or actual == expected


def test_there_are_transcripts() -> None:
    assert len(TRANSCRIPTS) >= 30
