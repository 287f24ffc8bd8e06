"""What simulated daemons are told and order comes out the same when it is replayed."""

from collections import defaultdict
from pathlib import Path

import pytest

from twinbeat.cli.main import main
from twinbeat.core.effects import Serve
from twinbeat.core.engine import Engine
from twinbeat.core.events import Event
from twinbeat.core.model import Proof
from twinbeat.core.units import Instant
from twinbeat.journal.replay import Replay, replay
from twinbeat.sim.options import Given, draw
from twinbeat.sim.recorder import Recorder
from twinbeat.sim.run import Run
from twinbeat.sim.schedule import draw_schedule

Streams = dict[tuple[str, int], list[str]]


def recorded(seed: int, proof: Proof) -> Streams:
    options = draw(seed, Given(nodes=2, proof=proof, minutes=1))
    streams: Streams = defaultdict(list)
    run = Run(options, draw_schedule(options))
    run.watch(Recorder("0.1.0", lambda node, life, line: streams[node, life].append(line)))
    run.play()
    return streams


def replayed(lines: list[str]) -> Replay:
    return replay(line.encode() + b"\n" for line in lines)


@pytest.mark.parametrize("proof", Proof)
def test_every_simulated_life_comes_out_the_same(proof: Proof) -> None:
    lives = [life for seed in range(3) for life in recorded(seed, proof).items()]
    assert [key for key, lines in lives if replayed(lines).difference is not None] == []
    assert any(life > 1 for (_, life), _ in lives)  # Daemons were killed on the way.
    assert sum(len(lines) for _, lines in lives) > 1000


def test_recording_changes_nothing() -> None:
    options = draw(5, Given(nodes=2, minutes=1))
    outcomes = []
    for watched in (False, True):
        run = Run(options, draw_schedule(options))
        if watched:
            run.watch(Recorder("0.1.0", lambda node, life, line: None))
        outcomes.append(run.play())
    assert outcomes[0] == outcomes[1]


def test_another_core_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A core that serves a millisecond longer: the first lease gives it away."""
    streams = recorded(0, Proof.PEER)
    decide = Engine.handle

    def handle(self: Engine, event: Event, now: Instant) -> list[object]:
        effects = decide(self, event, now)
        return [
            Serve(e.group, Instant(e.until + 1_000_000), e.create) if isinstance(e, Serve) else e
            for e in effects
        ]

    monkeypatch.setattr(Engine, "handle", handle)
    serving = [lines for lines in streams.values() if any('"Serve"' in line for line in lines)]
    assert serving
    for lines in serving:
        difference = replayed(lines).difference
        first = next(n for n, line in enumerate(lines, 1) if '"Serve"' in line)
        assert difference is not None
        assert difference.line == first


def test_the_command_writes_a_stream_of_every_life(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ["sim", "--seed", "2", "--minutes", "1", "--nodes", "2", "--proof", "peer"]
    directory = tmp_path / "lives"
    assert main([*words, "--record", str(directory)]) == 0
    files = sorted(directory.iterdir())
    assert files[0].name == "node1-1.stream"
    assert {file.name.split("-")[0] for file in files} == {"node1", "node2"}
    for file in files:
        assert main(["replay", str(file)]) == 0
    capsys.readouterr()
    assert main([*words, "--record", str(directory)]) == 1
    assert "is not empty" in capsys.readouterr().err
