"""`twinbeat sim --scenario`: a scenario played in virtual time, told as a transcript."""

from collections.abc import Sequence
from pathlib import Path

import typer

from twinbeat.control.protocol import ExitCode, Refused
from twinbeat.scenario import Script, ScriptError, parse, places
from twinbeat.sim.stage import check, play


def play_scenarios(names: Sequence[str]) -> bool:
    """Play scenarios, print what happened, and return whether any was not as it expects.

    Raises `Refused` for a file that cannot be read or is not understood.
    """
    scripts = [_read(name) for name in names]
    unlike = [_play(script) for script in scripts]
    return any(unlike)


def _play(script: Script) -> bool:
    came = play(script)
    typer.echo(came.text, nl=False)
    complaints = [*map(str, came.findings), *(f"{script.file}: {v}" for v in came.violations)]
    if came.changed:
        complaints.append(f"{script.file}: the output is another one than the file has")
    for complaint in complaints:
        typer.secho(complaint, err=True, fg=typer.colors.RED)
    typer.echo(f"{script.file}: {'not as expected' if complaints else 'as expected'}")
    return bool(complaints)


def _read(name: str) -> Script:
    place = next((place for place in places(name) if Path(place).is_file()), None)
    if place is None:
        raise Refused(ExitCode.USAGE, f"there is no scenario {name}, nor scenarios/{name}.txt")
    try:
        script = parse(Path(place).read_text(encoding="utf-8"), place)
        check(script)
        return script
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(ExitCode.USAGE, f"{place}: {error}") from None
    except ScriptError as error:
        raise Refused(ExitCode.USAGE, str(error)) from None
