"""One simulated run: played, made smaller when it fails, told, and drawn."""

import gc
import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

import typer

from twinbeat import __version__
from twinbeat.control.protocol import ExitCode, Refused
from twinbeat.core.model import Proof
from twinbeat.core.units import NodeName, in_ms, readable
from twinbeat.sim.options import Calm, Given, Options, draw
from twinbeat.sim.outcome import Outcome
from twinbeat.sim.picture import mermaid as as_mermaid
from twinbeat.sim.picture import svg as as_svg
from twinbeat.sim.recorder import Recorder
from twinbeat.sim.run import Run
from twinbeat.sim.schedule import Schedule, command, draw_schedule
from twinbeat.sim.shrink import Shrunk, shrink
from twinbeat.sim.sketch import Sketch
from twinbeat.sim.story import Story


@dataclass(frozen=True, slots=True)
class Order:
    """What the command line asks of every run."""

    nodes: int | None = None
    proof: Proof | None = None
    minutes: int | None = None
    calm: tuple[Calm, ...] = ()
    mutant: str | None = None
    shrink: bool = True

    def options(self, seed: int) -> Options:
        """Draw the options of a seed; a mutant knows best with which ones it is found."""
        given = Given(nodes=self.nodes, proof=self.proof, minutes=self.minutes, calm=self.calm)
        if self.mutant is None:
            return draw(seed, given)
        from twinbeat.sim.mutants import MUTANTS

        mutant = MUTANTS[self.mutant]
        nodes, proof = given.nodes or mutant.nodes, given.proof or mutant.proof
        return mutant.tuned(draw(seed, replace(given, nodes=nodes, proof=proof)))

    def breaking(self) -> AbstractContextManager[object]:
        """Return the time in which the mutant's rule is broken."""
        if self.mutant is None:
            return nullcontext()
        from twinbeat.sim.mutants import MUTANTS

        return MUTANTS[self.mutant].applied()

    def command(self, options: Options, schedule: Schedule) -> str:
        """Return the command that plays a run again."""
        mutant = f" --mutant {self.mutant}" if self.mutant else ""
        return command(options, schedule) + mutant


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Let Python look for garbage in rings a hundred times less often: runs hardly make any."""
    usual = gc.get_threshold()
    gc.set_threshold(100 * usual[0], *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def simulate_one(
    seed: int,
    order: Order,
    only: frozenset[int] | None,
    json_file: Path | None,
    mermaid: bool,
    picture: Path | None,
    record: Path | None,
) -> bool:
    """Play one seed and show it; return whether a promise was broken."""
    options = order.options(seed)
    schedule = draw_schedule(options)
    if only is not None:
        schedule = tuple(fault for fault in schedule if fault.number in only)
    with order.breaking():
        told = _Told(options, schedule)
        if told.outcome.violations and order.shrink and only is None:
            found = smaller(options, schedule, told.outcome)
            told = _Told(found.options, found.schedule)
        if record is not None:
            record_lives(told.outcome.options, told.outcome.schedule, record)
    if mermaid:
        sys.stdout.write(as_mermaid(told.sketch))
    else:
        told.show()
    if picture is not None:
        title = order.command(told.outcome.options, told.outcome.schedule)
        write_file(picture, as_svg(told.sketch, title))
    if json_file is not None:
        write_file(json_file, json.dumps(as_dict(told.outcome), indent=1) + "\n")
    if not mermaid:
        print(order.command(told.outcome.options, told.outcome.schedule))
    return bool(told.outcome.violations)


class _Told:
    """A run that was played, with its story and what a picture of it needs."""

    def __init__(self, options: Options, schedule: Schedule) -> None:
        self.lines: list[str] = []
        run = Run(options, schedule)
        story = Story(run.world, self.lines.append)
        self.sketch = Sketch(run.world)
        run.watch(story, self.sketch)
        run.entering.extend((story.part, self.sketch.part))
        self.outcome = run.play()
        self.sketch.finish()

    def show(self) -> None:
        """Print the options, every change, and the verdict."""
        outcome = self.outcome
        for line in outcome.options.lines():
            print(line)
        for fault in outcome.schedule:
            print(f"          {fault}")
        print()
        for line in self.lines:
            print(line)
        print()
        for line in verdict(outcome):
            print(line)


def record_lives(options: Options, schedule: Schedule, directory: Path) -> None:
    """Play a run once more and write a stream of every life, `node1-1.stream` and so on.

    Raises `Refused` when the directory holds anything, or cannot be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            why = f"{directory} is not empty: give --record a directory of its own"
            raise Refused(ExitCode.REFUSED, f"{why}.")
        with ExitStack() as files:
            streams: dict[tuple[NodeName, int], TextIO] = {}

            def write(node: NodeName, life: int, line: str) -> None:
                if (node, life) not in streams:
                    file = (directory / f"{node}-{life}.stream").open("x", encoding="ascii")
                    streams[node, life] = files.enter_context(file)
                streams[node, life].write(line + "\n")

            run = Run(options, schedule)
            run.watch(Recorder(__version__, write))
            run.play()
    except OSError as error:
        why = f"{error.filename or directory} cannot be written: {error.strerror}"
        raise Refused(ExitCode.REFUSED, f"{why}.") from None


def verdict(outcome: Outcome) -> list[str]:
    """Return what came of a run, in words."""
    lines = [f"BROKEN    {violation}" for violation in outcome.violations]
    apart = [
        f"apart     {limit}: {count} times, {readable(outcome.apart.get(limit, 0))} in all"
        for limit, count in sorted(outcome.apart_count.items())
    ]
    drops = ", ".join(f"{count} {reason}" for reason, count in sorted(outcome.drops.items()))
    return [
        *(lines or ["verdict   no promise was broken"]),
        *apart,
        f"packets   refused: {drops or 'none'}",
        f"in all    {readable(outcome.span)} of virtual time, {outcome.injected.total()} faults, "
        f"{outcome.starts} starts, {outcome.moves} moves, longest without an owner "
        f"{readable(outcome.longest_without_owner)}",
    ]


def smaller(options: Options, schedule: Schedule, outcome: Outcome) -> Shrunk:
    """Make a failing run smaller, saying on a terminal how far it is."""

    def complaint(tried: Options, faults: Schedule) -> str | None:
        violations = Run(tried, faults).play().violations
        return violations[0].checker if violations else None

    def progress(best: Shrunk) -> None:
        if sys.stderr.isatty():
            text = f"\rmaking it smaller: run {best.runs}, {len(best.schedule)} faults left  "
            sys.stderr.write(text)

    found = shrink(options, schedule, outcome.violations[0].checker, complaint, progress)
    if sys.stderr.isatty():
        sys.stderr.write("\n")
    return found


def chosen_faults(text: str | None) -> frozenset[int] | None:
    """Read `--only`: the numbers of faults, or `none`."""
    if text is None:
        return None
    words = [] if text == "none" else text.split(",")
    if not all(word.isdecimal() for word in words):
        raise typer.BadParameter(f"--only {text}: numbers with commas are expected, or none")
    return frozenset(int(word) for word in words)


def chosen_calm(words: list[str]) -> tuple[Calm, ...]:
    """Read `--calm`."""
    try:
        return tuple(dict.fromkeys(Calm(word) for word in words))
    except ValueError as error:
        raise typer.BadParameter(f"{error}; these are: {', '.join(Calm)}") from None


def as_dict(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as JSON has it."""
    return {
        "schema": 1,
        "seed": outcome.options.seed,
        "options": outcome.options.lines(),
        "faults": [str(fault) for fault in outcome.schedule],
        "violations": [
            {"checker": v.checker, "at_ms": in_ms(v.at), "says": v.says} for v in outcome.violations
        ],
        "hours": outcome.hours,
        "moves": outcome.moves,
        "starts": outcome.starts,
        "longest_without_owner_ms": in_ms(outcome.longest_without_owner),
        "injected": {str(kind): count for kind, count in sorted(outcome.injected.items())},
        "drops": dict(sorted(outcome.drops.items())),
        "apart_ms": {limit: in_ms(span) for limit, span in sorted(outcome.apart.items())},
        "command": command(outcome.options, outcome.schedule),
    }


def write_file(path: Path, text: str) -> None:
    """Write a file; raises `Refused` when it cannot be."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Refused(ExitCode.REFUSED, f"{path} cannot be written: {error.strerror}.") from None
