"""`./dev bench`: measure the figures that twinbeat promises, as medians with their spread."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from . import cage, measures
from .files import TIMINGS, httpd_kind
from .main import positive
from .measures import Failed, Figure
from .topology import BuildError

WIDTH = 150
"""Columns of the table where no terminal says otherwise."""
PARTS = ("moves", "idle", "load")
DESCRIPTION = """\
Measure, in the laboratory, what a client sees of every planned and unplanned move, what an idle
daemon costs, and how 10 ms heartbeats fare beside 32 busy loops. Prints a table: the median, the
least and the greatest of all runs, beside the target and what a peer reached on the same bench.
"""


def main(argv: list[str]) -> int:
    """Measure as `argv` says and return the exit code: 1 when something could not be measured."""
    parser = argparse.ArgumentParser(prog="./dev bench", description=DESCRIPTION)
    parser.add_argument("--runs", type=positive, default=10, metavar="N", help="default 10")
    parser.add_argument("--only", action="append", choices=PARTS, help="one part (repeatable)")
    parser.add_argument("--idle", type=positive, default=20, metavar="SECONDS", help="default 20")
    parser.add_argument("--load", type=positive, default=60, metavar="SECONDS", help="default 60")
    parser.add_argument("--json", metavar="FILE", help="write every run as JSON")
    options = parser.parse_args(argv)
    out = open(options.json, "w", encoding="utf-8") if options.json else None  # noqa: SIM115
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH)

    def body(_outer: int) -> int:
        figures: list[Figure] = []
        code = asyncio.run(_measure(options, figures, console))
        console.print(_table(figures))
        if out is not None:
            print(json.dumps(_as_json(figures), indent=2), file=out, flush=True)
        return code

    try:
        return cage.run(body)
    except (cage.CageError, KeyboardInterrupt) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1


async def _measure(options: argparse.Namespace, figures: list[Figure], console: Console) -> int:
    """Add every figure that can be measured; a part that fails does not spoil the others."""
    fast = TIMINGS["fast"]
    with console.status("building the laboratory") as status:
        say = status.update if console.is_terminal else lambda text: print(text, flush=True)
        parts = {
            "moves": lambda: measures.moves(fast, options.runs, say),
            "idle": lambda: measures.idle(fast, options.idle, say),
            "load": lambda: _load(options.load, say),
        }
        code = 0
        for name in options.only or PARTS:
            try:
                figures += await parts[name]()
            except (Failed, BuildError) as error:
                console.print(f"{name}: {error}", style="bold red", markup=False)
                code = 1
    return code


async def _load(seconds: int, say: measures.Say) -> list[Figure]:
    with_rr = await measures.beside_load(True, seconds, say)
    return with_rr + await measures.beside_load(False, seconds, say)


def _table(figures: Sequence[Figure]) -> Table:
    table = Table(title=f"twinbeat on Linux {os.uname().release}, {os.cpu_count()} CPUs")
    for name in ("", "median", "least", "most", "runs", "target", "", "peer"):
        table.add_column(name, justify="left" if name in ("", "peer") else "right")
    for figure in figures:
        spread = [_number(value) for value in (min(figure.runs), max(figure.runs))]
        target = "" if figure.target is None else f"{figure.target:g}"
        met = {None: "", True: "[green]met[/]", False: "[red]missed[/]"}[figure.met]
        table.add_row(
            figure.name,
            f"{_number(figure.median)} {figure.unit}".strip(),
            *spread,
            str(len(figure.runs)),
            target,
            met,
            figure.peer,
        )
    return table


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _as_json(figures: Sequence[Figure]) -> dict[str, Any]:
    return {
        "schema": 1,
        "at": datetime.now().astimezone().isoformat(timespec="seconds"),
        "kernel": os.uname().release,
        "cpus": os.cpu_count(),
        "httpd": httpd_kind(),
        "figures": [
            {
                "name": figure.name,
                "unit": figure.unit,
                "median": figure.median,
                "runs": figure.runs,
                "target": figure.target,
                "met": figure.met,
                "peer": figure.peer,
            }
            for figure in figures
        ],
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
