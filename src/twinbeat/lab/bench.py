"""`./dev bench`: measure what twinbeat promises beside its peers, as medians with their spread."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from rich.console import Console

from . import cage, load, markdown, measures, peers, punctuality, watching
from .contender import Contender
from .deaths import deaths
from .deaths import watching as set_to_watch
from .figures import Entrant, Figure, Table, as_json, drawing
from .files import TIMINGS, Timing, httpd_kind
from .heartbeat_daemon import HeartbeatDaemon
from .keepalived_daemon import KeepalivedDaemon
from .lineup import MIGRATION, Kind
from .main import positive
from .topology import SEATS, BuildError
from .twinbeat_daemon import TwinbeatDaemon

MACHINE = f"{date.today()}, Linux {os.uname().release}, {os.cpu_count()} CPUs, {httpd_kind()}"
WIDTH = 160
"""Columns of the table where no terminal says otherwise."""
PARTS = ("moves", "idle", "load", "migration", "beats", "deaths", "watching", "punctuality")
FAST = TIMINGS["fast"]
BEATS = Timing("beats", keepalive=100, warntime=180, deadtime=361, initdead=2_000)
"""A deadtime that is what keepalived needs to detect a failure with an interval of 100 ms."""
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
        if options.write is not None:
            markdown.write(options.write, ())
    except (OSError, ValueError, peers.NotThere) as error:
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
        if options.write is not None:
            markdown.write(options.write, bench.tables)
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
    add("--watch", type=positive, default=60, metavar="SECONDS", help="default 60")
    add("--json", metavar="FILE", help="write every run as JSON")
    add(
        "--write",
        type=Path,
        metavar="FILE",
        help="write the tables into a page, between its two marks; what was not measured stays",
    )
    return parser


def _entrants(kinds: Sequence[Kind], timing: Timing) -> list[Entrant]:
    found = []
    for kind in kinds:
        daemon = kind(SEATS[1], timing)
        version = kind.version() if isinstance(kind, type) and issubclass(kind, Contender) else None
        found.append(Entrant(kind.title, version or "", daemon.settings, daemon.detection))
    return found


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
    """Of all contenders, with the usual timers."""
    more: list[Table] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def tables(self) -> list[Table]:
        """Every table that was measured."""
        title = "All with the usual timers"
        first = Table(title, MACHINE, _entrants(self.kinds, FAST), self.figures)
        return [first, *self.more] if self.figures else self.more

    async def measure(self) -> None:
        """Measure every part; one that fails does not spoil the others."""
        parts: dict[str, Callable[[measures.Say], Awaitable[None]]] = {
            "moves": self._moves,
            "idle": self._idle,
            "load": self._load,
            "migration": self._migration,
            "beats": self._beats,
            "deaths": self._deaths,
            "watching": self._watching,
            "punctuality": self._punctuality,
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

    async def _migration(self, say: measures.Say) -> None:
        if HeartbeatDaemon not in self.kinds:
            return
        title = "A cluster on its way from Heartbeat to twinbeat"
        await self._course(title, MIGRATION, FAST, measures.MIGRATING, say)

    async def _beats(self, say: measures.Say) -> None:
        if KeepalivedDaemon not in self.kinds:
            return
        title = "Heartbeats every 100 ms"
        await self._course(title, (TwinbeatDaemon, KeepalivedDaemon), BEATS, measures.BEATS, say)

    async def _deaths(self, say: measures.Say) -> None:
        kinds = set_to_watch(self.kinds)
        figures, problems = await deaths(kinds, FAST, self.options.runs, say)
        self.more.append(Table("httpd dies", MACHINE, _entrants(kinds, FAST), figures))
        self.problems += problems

    async def _watching(self, say: measures.Say) -> None:
        costs, problems = await watching.watching(FAST, self.options.watch, say)
        entrants = _entrants([TwinbeatDaemon], FAST)
        self.more.append(Table("What watching costs", MACHINE, entrants, costs))
        self.problems += problems

    async def _punctuality(self, say: measures.Say) -> None:
        late, problems = await punctuality.punctuality(self.options.watch, say)
        note = f"{MACHINE}: {punctuality.verdict(late)}"
        self.more.append(Table("How late heartbeats are", note, punctuality.columns(), late))
        self.problems += problems

    async def _course(
        self,
        title: str,
        kinds: Sequence[Kind],
        timing: Timing,
        course: measures.Course,
        say: measures.Say,
    ) -> None:
        figures, problems = await measures.moves(kinds, timing, self.options.runs, say, course)
        self.more.append(Table(title, MACHINE, _entrants(kinds, timing), figures))
        self.problems += problems

    def _take(self, figures: Sequence[Figure], problems: Sequence[str] = ()) -> None:
        self.figures += figures
        self.problems += problems

    def tell(self) -> None:
        """Print the table, and what could not be measured."""
        for table in self.tables:
            self.console.print(drawing(table))
        for problem in self.problems:
            self.console.print(f"not measured: {problem}", style="bold red", markup=False)

    def json(self) -> dict[str, object]:
        """Return everything, for `--json`."""
        return {
            "schema": 3,
            "at": datetime.now().astimezone().isoformat(timespec="seconds"),
            "kernel": os.uname().release,
            "cpus": os.cpu_count(),
            "httpd": httpd_kind(),
            "tables": [as_json(table) for table in self.tables],
            "problems": self.problems,
        }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
