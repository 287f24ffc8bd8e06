"""Many simulated runs: over processes, with a bar on a terminal, a summary, and what failed."""

import json
import multiprocessing
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twinbeat.core.units import in_ms, readable
from twinbeat.sim.options import Options
from twinbeat.sim.outcome import Outcome, Summary
from twinbeat.sim.run import Run
from twinbeat.sim.schedule import draw_schedule

from .simulation import Order, seldom_collected, smaller, write_file

if TYPE_CHECKING:
    from rich.console import RenderableType

SHRUNK_MAX = 3
"""So many failing seeds are made smaller; the others are only named."""
INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class _Task:
    """One seed for a worker."""

    seed: int
    order: Order


def simulate_many(seeds: range, order: Order, jobs: int, json_file: Path | None) -> int:
    """Play the seeds, print the summary and what failed, and return the exit code."""
    summary, failed = Summary(), list[Options]()
    interrupted = False
    began = time.monotonic()
    with _outcomes(seeds, order, jobs) as outcomes, _bar(len(seeds)) as advance:
        try:
            for outcome, processor_s in outcomes:
                summary.add(outcome, processor_s)
                if outcome.violations:
                    failed.append(outcome.options)
                advance(summary)
        except KeyboardInterrupt:
            interrupted = True
    _show(summary, time.monotonic() - began)
    if json_file is not None:
        write_file(json_file, json.dumps(_as_dict(summary, seeds), indent=1) + "\n")
    if failed and not interrupted:
        _explain(sorted(failed, key=lambda options: options.seed), order)
    if summary.failed:
        return 1
    return INTERRUPTED if interrupted else 0


def _play(task: _Task) -> tuple[Outcome, float]:
    began = time.process_time()
    options = task.order.options(task.seed)
    with task.order.breaking(), seldom_collected():
        outcome = Run(options, draw_schedule(options)).play()
    return outcome, time.process_time() - began


@contextmanager
def _outcomes(seeds: range, order: Order, jobs: int) -> Iterator[Iterator[tuple[Outcome, float]]]:
    """Play every seed, in this process or in several; the order is that of their ends."""
    tasks = (_Task(seed, order) for seed in seeds)
    if jobs == 1:
        yield map(_play, tasks)
        return
    # Ctrl-C reaches every process of the terminal: only this one heeds it.
    with multiprocessing.Pool(jobs, signal.signal, (signal.SIGINT, signal.SIG_IGN)) as pool:
        yield pool.imap_unordered(_play, tasks)


@contextmanager
def _bar(total: int) -> Iterator[Any]:
    """Show how far it is: a bar on a terminal, a line for every tenth elsewhere."""
    if not sys.stderr.isatty():
        yield lambda summary: _plain_progress(summary, total)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("playing", total=total)

        def advance(summary: Summary) -> None:
            failed = f", {len(summary.failed)} failed" if summary.failed else ""
            says = f"{summary.hours:.1f} cluster-hours, {summary.faults} faults{failed}"
            progress.update(task, advance=1, description=says)

        yield advance


def _plain_progress(summary: Summary, total: int) -> None:
    tenth = max(1, total // 10)
    if summary.runs % tenth == 0 or summary.runs == total:
        print(
            f"{summary.runs} of {total} runs, {summary.hours:.1f} cluster-hours, "
            f"{len(summary.failed)} failed",
            file=sys.stderr,
            flush=True,
        )


# The summary.


def _rows(summary: Summary, wall_s: float) -> list[tuple[str, str]]:
    longest = readable(summary.longest_without_owner)
    if summary.longest_seed is not None:
        longest += f" (seed {summary.longest_seed})"
    return [
        ("runs", str(summary.runs)),
        ("cluster-hours", f"{summary.hours:.2f}"),
        ("cluster-hours per core-minute", f"{summary.hours_per_core_minute:.1f}"),
        ("wall time", f"{wall_s:.0f} s"),
        ("starts", str(summary.starts)),
        ("moves", str(summary.moves)),
        ("longest without an owner", longest),
        ("faults injected", str(summary.faults)),
        *((f"  {kind}", str(count)) for kind, count in sorted(summary.injected.items())),
        ("packets refused", str(summary.drops.total())),
        *((f"  {reason}", str(count)) for reason, count in sorted(summary.drops.items())),
        ("counted apart", str(summary.apart_count.total())),
        *((f"  {limit}", _apart(summary, limit)) for limit in sorted(summary.apart_count)),
        ("failed seeds", _failed(summary)),
    ]


def _apart(summary: Summary, limit: str) -> str:
    count, longest = summary.apart_count[limit], summary.apart_longest.get(limit, 0)
    return f"{count}, at most {readable(longest)} a run"


def _failed(summary: Summary) -> str:
    if not summary.failed:
        return "none"
    seeds = sorted(summary.failed)
    more = f" and {len(seeds) - 20} more" if len(seeds) > 20 else ""
    return f"{len(seeds)}: {', '.join(map(str, seeds[:20]))}{more}"


def _show(summary: Summary, wall_s: float) -> None:
    rows = _rows(summary, wall_s)
    if sys.stdout.isatty():
        from rich.console import Console

        Console(highlight=False).print(_table(rows))
        return
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")


def _table(rows: list[tuple[str, str]]) -> "RenderableType":
    from rich.table import Table

    table = Table(show_header=False, title="Simulated runs")
    table.add_column(style="bold")
    table.add_column(justify="right")
    for name, value in rows:
        bad = name == "failed seeds" and value != "none"
        table.add_row(name, value, style="red" if bad else None)
    return table


def _explain(failed: list[Options], order: Order) -> None:
    """Show the first failing runs made smaller; of the others, and of all at last, the command."""
    commands = []
    for options in failed[:SHRUNK_MAX]:
        print()
        with order.breaking():
            commands.append(_explain_one(options, order))
    commands += [order.command(options, draw_schedule(options)) for options in failed[SHRUNK_MAX:]]
    print()
    for line in commands:
        print(line)


def _explain_one(options: Options, order: Order) -> str:
    schedule = draw_schedule(options)
    outcome = Run(options, schedule).play()
    if order.shrink:
        small = smaller(options, schedule, outcome)
        outcome = Run(small.options, small.schedule).play()
    for line in outcome.options.lines():
        print(line)
    for fault in outcome.schedule:
        print(f"          {fault}")
    for violation in outcome.violations[:3]:
        print(f"BROKEN    {violation}")
    return order.command(outcome.options, outcome.schedule)


def _as_dict(summary: Summary, seeds: range) -> dict[str, Any]:
    return {
        "schema": 1,
        "seeds": [seeds.start, seeds.stop - 1],
        "runs": summary.runs,
        "hours": summary.hours,
        "hours_per_core_minute": summary.hours_per_core_minute,
        "starts": summary.starts,
        "moves": summary.moves,
        "longest_without_owner_ms": in_ms(summary.longest_without_owner),
        "injected": {str(kind): count for kind, count in sorted(summary.injected.items())},
        "drops": dict(sorted(summary.drops.items())),
        "apart": dict(sorted(summary.apart_count.items())),
        "failed": {str(seed): says for seed, says in sorted(summary.failed.items())},
    }
