"""Play one row of the matrix with one pair, in a laboratory of its own.

    python tests/interop/interop_play.py ROW PAIR [--logs DIR]

It prints what came of it as JSON, and ends with 1 when that is not as it must be.
"""

import argparse
import asyncio
import json
import sys
import traceback
from dataclasses import asdict, dataclass, field
from pathlib import Path

from interop_deeds import LOST, Deed
from interop_matrix import BY_NAME, Row
from interop_noise import unusual
from interop_pairs import PAIRS, Pair
from interop_rig import Rig

from twinbeat.control.protocol import Refused
from twinbeat.lab import cage, kernel
from twinbeat.lab.heartbeat_daemon import HeartbeatDaemon
from twinbeat.lab.kernel import MS, SECOND
from twinbeat.lab.topology import BuildError
from twinbeat.lab.twinbeat_daemon import TwinbeatDaemon
from twinbeat.lab.view import Span, summary, total
from twinbeat.scenario import Unmet

TAIL = 60
"""Lines of each log that are shown of a row that went wrong."""


@dataclass
class Outcome:
    """What came of a row."""

    row: str
    pair: Pair
    problems: list[str] = field(default_factory=list)
    gap_ms: float = 0.0
    """The client's longest time without an echo of web, once both were up."""
    two_ms: float = 0.0
    errors: list[str] = field(default_factory=list)
    """Lines of Heartbeat that two Heartbeats would not write; of two Heartbeats, all of them."""
    ours: list[str] = field(default_factory=list)
    """The same of twinbeat's own log."""
    lost: int = 0
    """How many orders Heartbeat's FIFO lost."""
    seconds: float = 0.0
    story: list[str] = field(default_factory=list)
    """What was done when, in seconds, and the ends of both logs."""


async def play(row: Row, pair: Pair, logs: Path | None = None) -> Outcome:
    """Play a row and judge what came of it."""
    outcome, began = Outcome(row.name, pair), kernel.now()
    async with Rig(pair, row.setup) as rig:
        up = await _deeds(rig, row.deeds, outcome)
        end = await rig.settle()
        if up:
            window = Span(up, end)
            silent = summary(rig.view.pings, window).gap - rig.view.stalled(window)
            outcome.gap_ms = round(silent / MS, 1)
        outcome.two_ms = round(total(rig.two_served(began)) / MS, 1)
        _judge(rig, row, outcome)
        if outcome.problems:
            outcome.story += _ends(rig)
        if logs is not None:
            for node in rig.nodes:
                node.keep_logs(logs)
    outcome.seconds = round((kernel.now() - began) / SECOND, 1)
    return outcome


async def _deeds(rig: Rig, deeds: tuple[Deed, ...], outcome: Outcome) -> int:
    """Do everything up to the first that does not come about; return when both were up first."""
    up, began = 0, kernel.now()
    for deed in deeds:
        outcome.story.append(f"{(kernel.now() - began) / SECOND:7.2f}  {deed.text}")
        try:
            await deed.play(rig)
        except (Unmet, Refused, BuildError, TimeoutError) as error:
            outcome.problems.append(f"{deed.text}: {error}")
            break
        if deed.text.startswith("owners") and not up:
            up = kernel.now()
    outcome.story.append(f"{(kernel.now() - began) / SECOND:7.2f}  end")
    return up


def _judge(rig: Rig, row: Row, outcome: Outcome) -> None:
    mixed = "T" in outcome.pair
    errors = rig.errors(HeartbeatDaemon)
    outcome.lost = sum(LOST in line.text for line in errors)
    outcome.errors = unusual(row.name, errors)
    outcome.ours = unusual(row.name, rig.errors(TwinbeatDaemon))
    if not mixed:
        return
    if outcome.two_ms:
        outcome.problems.append(f"two owners for {outcome.two_ms} ms")
    if row.gap is not None and outcome.gap_ms > row.gap * 1000:
        outcome.problems.append(f"no echo for {outcome.gap_ms} ms, {row.gap:g} s are allowed")
    outcome.problems += [f"not written by two Heartbeats: {line}" for line in outcome.errors]
    outcome.problems += [f"twinbeat: {line}" for line in outcome.ours]


def _ends(rig: Rig) -> list[str]:
    lines = sorted((line for node in rig.nodes for line in node.lines), key=lambda line: line.at)
    first = lines[0].at if lines else 0
    told = [f"{(x.at - first) / SECOND:7.2f}  {x.node[:5]} {x.level} {x.text}" for x in lines]
    return ["", "the logs:", *told[-2 * TAIL :]]


def main(argv: list[str]) -> int:
    """Play as `argv` says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("row", choices=list(BY_NAME))
    parser.add_argument("pair", choices=PAIRS)
    parser.add_argument("--logs", type=Path, help="copy both nodes' logs there")
    options = parser.parse_args(argv)
    if options.logs is not None:
        options.logs.mkdir(parents=True, exist_ok=True)

    def body(_outer: int) -> int:
        try:
            outcome = asyncio.run(play(BY_NAME[options.row], options.pair, options.logs))
        except Exception:
            outcome = Outcome(options.row, options.pair, [traceback.format_exc()])
        print(json.dumps(asdict(outcome)), flush=True)
        return 1 if outcome.problems else 0

    return cage.run(body)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
