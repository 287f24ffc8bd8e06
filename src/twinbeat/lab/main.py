"""`twinbeat lab`: play the reference experiment, with real daemons, packets and a web server."""

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from twinbeat.scenario import Script, ScriptError, parse, places

from . import cage, play, playable
from .files import TIMINGS, Timing, httpd_kind
from .page import page
from .report import as_json
from .result import Result
from .stage import Stage
from .steps import BY_NAME, STEPS, Player
from .terminal import Terminal
from .topology import BuildError
from .twinbeat_daemon import RecordedDaemon

FAILED, MISUSED = 1, 2

SCENARIOS = Path("scenarios")
"""Where `--list` looks for them."""

DESCRIPTION = """\
Build the reference experiment in network namespaces and play it: two nodes with the real daemon on
ordinary Heartbeat files, one virtual IP, a web server that only the cluster starts, and a client
that pings every 5 ms and fetches every 10 ms. Works as root, and as an ordinary user where user
namespaces are allowed. Nothing of the machine is touched; all is gone at the end, whatever happens.
"""
EPILOG = """\
Exit code: 0 when every step met its expectation, 1 when one did not or the laboratory could not be
built, 2 for wrong usage, a scenario that is not understood or that the laboratory cannot play.
"""


def main(argv: list[str]) -> int:
    """Play the lab as `argv` says and return the exit code."""
    options = _parser().parse_args(argv)
    if options.list:
        return _list()
    try:
        acts = _acts(options)
    except (OSError, UnicodeDecodeError, ScriptError) as error:
        print(
            error if isinstance(error, ScriptError) else f"twinbeat lab: {error}", file=sys.stderr
        )
        return MISUSED
    try:
        outputs = _Outputs(options.json, options.html, options.keep_logs)
        return cage.run(lambda outer: _play(options, acts, outputs, outer))
    except (OSError, cage.CageError) as error:
        print(f"twinbeat lab: {error}", file=sys.stderr)
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="twinbeat lab",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--list", action="store_true", help="list the steps and the scenarios and end")
    add(
        "--scenario",
        action="append",
        metavar="NAME-or-FILE",
        help="play only this step, or this scenario: a file, or the name of one in scenarios/ "
        "(repeatable); what a step needs is done quietly before it",
    )
    add("--repeat", type=positive, default=1, metavar="N", help="play the steps N times")
    add(
        "--timing",
        choices=list(TIMINGS),
        default="fast",
        help="of the steps; a scenario brings its own. fast: keepalive 200 ms, deadtime 1 s "
        "(default); normal: 1 s, 5 s; article: keepalive 2 s, warntime 10 s, deadtime 30 s, "
        "initdead 120 s",
    )
    add("--json", metavar="FILE", help="write the results as JSON (- for standard output)")
    add("--html", metavar="FILE", help="write a page with a timeline of every step")
    add(
        "--keep-logs",
        metavar="DIR",
        help="copy the nodes' logs and recorded streams there at the end",
    )
    add(
        "--interactive",
        action="store_true",
        help="play the cold start (or the steps named), leave it up, tell how to enter each node, "
        "and show the heartbeats until Ctrl-C",
    )
    return parser


def positive(text: str) -> int:
    """Read a whole number above 0; raises `ArgumentTypeError`."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _list() -> int:
    for step in STEPS:
        print(f"{step.name:<24} {step.does}")
    for path in sorted(SCENARIOS.glob("*.txt")):
        try:
            print(f"{path.stem:<24} {_script(str(path)).title}")
        except ScriptError as error:
            print(error, file=sys.stderr)
            return MISUSED
    return 0


def _script(name: str) -> Script:
    """Read a scenario; raises `FileNotFoundError`, `ScriptError` and others."""
    for place in places(name):
        if Path(place).is_file():
            return parse(Path(place).read_text(encoding="utf-8"), place)
    raise FileNotFoundError(
        f"there is no step, no file and no scenario {name!r}; `twinbeat lab --list` names them"
    )


@dataclass(frozen=True, slots=True)
class _Act:
    """What is played in a laboratory of its own: some steps, or one scenario."""

    timing: Timing
    steps: Sequence[str] = ()
    script: Script | None = None

    async def results(
        self, stage: Stage, begin: Callable[[str], None], repeat: int
    ) -> AsyncIterator[Result]:
        """Play it and yield what every step, or paragraph, came to."""
        player = Player(stage, begin)
        for turn in range(repeat):
            if self.script is None:
                async for result in player.play(self.steps):
                    yield result
                continue
            if turn:
                await player.reset()
            async for result in play.play(self.script, stage, begin):
                yield result


def _acts(options: argparse.Namespace) -> list[_Act]:
    """Find what to play, scripts checked; raises `OSError` and `ScriptError`."""
    names = options.scenario or (["cold-start"] if options.interactive else list(BY_NAME))
    steps = [name for name in names if name in BY_NAME]
    scripts = [_script(name) for name in names if name not in BY_NAME]
    for script in scripts:
        playable.check(script)
    acts = [_Act(TIMINGS[options.timing], steps)] if steps else []
    return acts + [_Act(playable.timing_of(script), script=script) for script in scripts]


class _Outputs:
    """Where results go; opened before the cage hides `/run`, so that a wrong path fails early."""

    def __init__(self, json_path: str | None, html_path: str | None, logs: str | None) -> None:
        self.json = self._open(json_path)
        self.html = self._open(html_path)
        self.logs: Path | None = None
        if logs is not None:
            os.makedirs(logs, exist_ok=True)
            # By descriptor: it stays reachable where the path may not be.
            self.logs = Path(f"/proc/self/fd/{os.open(logs, os.O_RDONLY | os.O_DIRECTORY)}")

    @staticmethod
    def _open(path: str | None) -> TextIO | None:
        if path is None:
            return None
        return sys.stdout if path == "-" else open(path, "w", encoding="utf-8")

    def write(self, results: list[Result], timings: Sequence[Timing]) -> None:
        """Write what was asked for."""
        if self.json is not None:
            run = {
                "schema": 1,
                "timing": ", ".join(timing.name for timing in timings),
                "httpd": httpd_kind(),
                "steps": as_json(results),
                "problems": [f"{r.name}: {p}" for r in results for p in r.problems],
            }
            print(json.dumps(run, indent=2), file=self.json, flush=True)
        if self.html is not None:
            print(page(results, timings), file=self.html, flush=True)

    def keep_logs(self, stage: Stage) -> None:
        """Copy the nodes' logs, if that was asked for."""
        if self.logs is not None:
            for node in stage.nodes:
                node.keep_logs(self.logs)


def _play(options: argparse.Namespace, acts: list[_Act], outputs: _Outputs, outer: int) -> int:
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGHUP, _stop)
    try:
        return asyncio.run(_run(options, acts, outputs, outer))
    except KeyboardInterrupt:
        print("twinbeat lab: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    except (BuildError, OSError) as error:
        print(f"twinbeat lab: {error}", file=sys.stderr)
        return FAILED


def _stop(number: int, _frame: object) -> None:
    sys.exit(128 + number)


async def _run(options: argparse.Namespace, acts: list[_Act], outputs: _Outputs, outer: int) -> int:
    results: list[Result] = []
    with Terminal(sys.stderr if outputs.json is sys.stdout else sys.stdout) as terminal:
        if httpd_kind() != "nginx":
            terminal.say("nginx is missing: Python's own web server serves the pages")
        try:
            for act in acts:
                async with Stage(act.timing, RecordedDaemon) as stage:
                    try:
                        async for result in act.results(stage, terminal.begin, options.repeat):
                            results.append(result)
                            terminal.tell(result)
                    finally:
                        outputs.keep_logs(stage)
                    if options.interactive and act is acts[-1]:
                        outputs.write(results, [act.timing for act in acts])
                        await terminal.watch(stage, outer)
        finally:
            if not options.interactive:
                outputs.write(results, [act.timing for act in acts])
    return 0 if all(result.ok for result in results) else FAILED
