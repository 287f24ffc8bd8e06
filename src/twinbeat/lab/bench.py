"""`./dev bench`: measure what twinbeat promises beside its peers, as medians with their spread."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from rich.console import Console

from . import cage, load, measures, peers
from .contender import Contender
from .figures import Entrant, Figure, as_json, table
from .files import TIMINGS, httpd_kind
from .main import positive
from .topology import SEATS, BuildError
from .twinbeat_daemon import TwinbeatDaemon

WIDTH = 160
"""Columns of the table where no terminal says otherwise."""
PARTS = ("moves", "idle", "load")
FAST = TIMINGS["fast"]
DESCRIPTION = """\
Measure, in the laboratory, what a client sees of every planned and unplanned move, and what an idle
daemon costs, of twinbeat and of the peers that are installed: the same network, web server, client
and timers for all. Beside that: how twinbeat's 10 ms heartbeats fare beside 32 busy loops. Prints a
table: median [least..most] and the number of runs.
"""


def main(argv: list[str]) -> int:
    """Measure as `argv` says and return the exit code: 1 when something could not be measured."""
    options = _parser().parse_args(argv)
    try:
        if options.install_peers:
            peers.install()
        rivals = peers.installed() if options.peers is None else peers.named(options.peers)
        out = open(options.json, "w", encoding="utf-8") if options.json else None  # noqa: SIM115
    except (OSError, peers.NotThere) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    kinds: list[type[Contender]] = [TwinbeatDaemon, *rivals]
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH)

    def body(_outer: int) -> int:
        bench = _Bench(kinds, options, console)
        asyncio.run(bench.measure())
        bench.tell()
        if out is not None:
            print(json.dumps(bench.json(), indent=2), file=out, flush=True)
        return 1 if bench.problems else 0

    try:
        return cage.run(body)
    except (cage.CageError, KeyboardInterrupt) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./dev bench", description=DESCRIPTION)
    add = parser.add_argument
    add("--runs", type=positive, default=10, metavar="N", help="default 10")
    add(
        "--peers",
        type=names,
        metavar="NAMES",
        help="which peers to measure, of heartbeat,keepalived; none for none (default: those that "
        "are installed)",
    )
    add(
        "--install-peers",
        action="store_true",
        help="as root on Debian, install the peers' packages first; no service is started",
    )
    add("--only", action="append", choices=PARTS, help="one part (repeatable)")
    add("--idle", type=positive, default=20, metavar="SECONDS", help="default 20")
    add("--load", type=positive, default=60, metavar="SECONDS", help="default 60")
    add("--json", metavar="FILE", help="write every run as JSON")
    return parser


def names(text: str) -> list[str]:
    """Read a list with commas; `none` is the empty one."""
    return [] if text == "none" else [name.strip() for name in text.split(",") if name.strip()]


@dataclass
class _Bench:
    """One run of the bench and what it came to."""

    kinds: Sequence[type[Contender]]
    options: argparse.Namespace
    console: Console
    figures: list[Figure] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.entrants = []
        for kind in self.kinds:
            daemon = kind(SEATS[1], FAST)
            entrant = Entrant(kind.title, kind.version() or "", daemon.settings, daemon.detection)
            self.entrants.append(entrant)

    async def measure(self) -> None:
        """Measure every part; one that fails does not spoil the others."""
        parts: dict[str, Callable[[measures.Say], Awaitable[None]]] = {
            "moves": self._moves,
            "idle": self._idle,
            "load": self._load,
        }
        with self.console.status("building the laboratory") as status:
            live = self.console.is_terminal
            say = status.update if live else lambda text: print(text, flush=True)
            for name in self.options.only or PARTS:
                try:
                    await parts[name](say)
                except (measures.Failed, BuildError) as error:
                    self.problems.append(f"{name}: {error}")

    async def _moves(self, say: measures.Say) -> None:
        runs = self.options.runs
        self._take(*await measures.moves(self.kinds, FAST, runs, say))
        self._take(await measures.script(FAST, runs))

    async def _idle(self, say: measures.Say) -> None:
        self._take(*await measures.idle(self.kinds, FAST, self.options.idle, say))

    async def _load(self, say: measures.Say) -> None:
        for realtime in (True, False):
            self._take(await load.beside_load(realtime, self.options.load, say))

    def _take(self, figures: Sequence[Figure], problems: Sequence[str] = ()) -> None:
        self.figures += figures
        self.problems += problems

    def tell(self) -> None:
        """Print the table, and what could not be measured."""
        title = f"Linux {os.uname().release}, {os.cpu_count()} CPUs, {httpd_kind()}"
        self.console.print(table(title, self.entrants, self.figures))
        for problem in self.problems:
            self.console.print(f"not measured: {problem}", style="bold red", markup=False)

    def json(self) -> dict[str, object]:
        """Return everything, for `--json`."""
        return {
            "schema": 2,
            "at": datetime.now().astimezone().isoformat(timespec="seconds"),
            "kernel": os.uname().release,
            "cpus": os.cpu_count(),
            "httpd": httpd_kind(),
            **as_json(self.entrants, self.figures),
            "problems": self.problems,
        }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
