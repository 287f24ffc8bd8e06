"""`./dev interop`: play rows of the matrix side by side and tell what came of each.

A row that goes wrong is told with what was done when, the ends of both logs, and the command that
plays it again.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from interop_matrix import BY_NAME, Row, plays
from interop_pairs import PAIRS, Pair
from interop_play import Outcome

from twinbeat.lab.heartbeat_daemon import HeartbeatDaemon

SIDE_BY_SIDE = 4
"""The laboratories sleep most of the time."""
PATIENCE_S = 400
TRIES = 3
PLAY = str(Path(__file__).with_name("interop_play.py"))


def run(row: Row, pair: Pair, logs: Path | None = None) -> Outcome:
    """Play a row, and play it again where Heartbeat's FIFO lost an order of its own scripts.

    Such a Heartbeat waits for ever for what it was never told; two of them do so as well.
    """
    for _ in range(TRIES):
        outcome = _run(row, pair, logs)
        if not (outcome.problems and outcome.lost):
            break
    return outcome


def _run(row: Row, pair: Pair, logs: Path | None) -> Outcome:
    """Play a row in a process of its own."""
    command = [sys.executable, PLAY, row.name, pair]
    if logs is not None:
        command += ["--logs", str(logs / f"{row.name}-{pair}")]
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=PATIENCE_S
        )
    except subprocess.TimeoutExpired:
        return Outcome(row.name, pair, [f"it did not end within {PATIENCE_S} s"])
    try:
        return Outcome(**json.loads(done.stdout))
    except ValueError:
        return Outcome(row.name, pair, [f"the laboratory failed: {done.stdout}{done.stderr}"])


def repeat(outcome: Outcome) -> str:
    """Return the command that plays it again."""
    return f"./dev interop --row {outcome.row} --pair {outcome.pair}"


def report(outcome: Outcome) -> str:
    """Tell everything of a row that went wrong."""
    head = f"{outcome.row} ({outcome.pair}): {BY_NAME[outcome.row].does}"
    problems = [f"  {problem}" for problem in outcome.problems]
    story = [f"    {line}" for line in outcome.story]
    return "\n".join([head, *problems, *story, f"  again: {repeat(outcome)}"])


def headline(outcome: Outcome) -> str:
    """Tell a row in one line."""
    return (
        f"{outcome.row:<22} {outcome.pair}  {'FAILED' if outcome.problems else 'ok':<6}"
        f" gap {outcome.gap_ms:>6.0f} ms  two owners {outcome.two_ms:>6.0f} ms"
        f"  {outcome.seconds:>5.1f} s"
    )


def run_all(
    chosen: Sequence[tuple[Row, Pair]], jobs: int = SIDE_BY_SIDE, logs: Path | None = None
) -> Iterator[Outcome]:
    """Play rows side by side and yield what came of each, in their order."""
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(lambda play: run(play[0], play[1], logs), chosen)


def main(argv: list[str]) -> int:
    """Play what `argv` says and return the exit code."""
    parser = argparse.ArgumentParser(prog="./dev interop", description=__doc__)
    add = parser.add_argument
    add("--all", action="store_true", help="every row with every pair, two Heartbeats as well")
    add("--row", action="append", choices=list(BY_NAME), help="only this row (repeatable)")
    add("--pair", action="append", choices=PAIRS, help="only this pair (repeatable)")
    add("--jobs", type=int, default=SIDE_BY_SIDE, help="how many at once, default %(default)s")
    add("--logs", type=Path, metavar="DIR", help="copy the nodes' logs there")
    add("--json", type=Path, metavar="FILE", help="write every outcome there")
    add("--list", action="store_true", help="list the rows and end")
    options = parser.parse_args(argv)
    chosen = plays(everything=options.all or bool(options.row or options.pair))
    if options.row:
        chosen = [(row, pair) for row, pair in chosen if row.name in options.row]
    if options.pair:
        chosen = [(row, pair) for row, pair in chosen if pair in options.pair]
    if options.list:
        for row, pair in chosen:
            print(f"{row.name:<22} {pair}  {row.does}")
        return 0
    if HeartbeatDaemon.version() is None:
        packages = " ".join(HeartbeatDaemon.packages)
        print(f"interop: it needs root and the Debian packages {packages}", file=sys.stderr)
        return 1
    outcomes = []
    for outcome in run_all(chosen, options.jobs, options.logs):
        outcomes.append(outcome)
        print(report(outcome) if outcome.problems else headline(outcome), flush=True)
    failed = [outcome for outcome in outcomes if outcome.problems]
    if options.json:
        options.json.write_text(json.dumps([asdict(o) for o in outcomes], indent=2))
    print(f"{len(outcomes) - len(failed)} of {len(outcomes)} as they must be")
    for outcome in failed:
        print(f"  {headline(outcome)}  again: {repeat(outcome)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
