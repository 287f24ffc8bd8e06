"""What `check`, `convert` and `init` do."""

import os
import secrets
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import typer

from twinbeat.config import Diagnostic, Loaded, Placed, judge, load, starter, to_toml
from twinbeat.control.protocol import ExitCode, Refused
from twinbeat.core.description import Finding
from twinbeat.core.units import NodeName
from twinbeat.node.sources import SourceError, read_sources

from .summary import as_dict, as_lines
from .talk import print_json

KEY_BYTES = 24
"""Of randomness in a new key: 48 digits, more than anybody will try."""

MODES = {"ha.cf": 0o644, "haresources": 0o644, "authkeys": 0o600}


def check_configuration(path: Path, strict: bool, as_json: bool, resources: bool) -> ExitCode:
    """Print the findings and what the configuration means; return the exit code."""
    loaded = load_configuration(path, _resolves)
    diagnostics = loaded.diagnostics
    found = look_at_resources(loaded, path) if resources and loaded.model else []
    diagnostics += judge(found)
    errors = sum(each.severity == "error" for each in diagnostics)
    warnings = len(diagnostics) - errors
    if as_json:
        print_json(
            {
                "schema": 1,
                "errors": errors,
                "warnings": warnings,
                "diagnostics": [asdict(each) for each in diagnostics],
                "cluster": as_dict(loaded.model) if loaded.model else None,
                **({"resources": [_found(*each) for each in found]} if resources else {}),
            }
        )
    else:
        _show(diagnostics, to_stderr=False)
        if diagnostics:
            print()
        for line in as_lines(loaded.model) if loaded.model else []:
            print(line)
        for line in _here(found):
            print(line)
        print(_verdict(errors, warnings))
    if errors:
        return ExitCode.CONFIGURATION
    return ExitCode.REFUSED if strict and warnings else ExitCode.DONE


def convert_configuration(path: Path) -> ExitCode:
    """Print the cluster as TOML on stdout and the findings on stderr; return the exit code."""
    loaded = load_configuration(path)
    _show(loaded.diagnostics, to_stderr=True)
    if loaded.model is None:
        return ExitCode.CONFIGURATION
    sys.stdout.write(to_toml(loaded.model))
    return ExitCode.DONE


def write_first_configuration(
    directory: Path, nodes: list[str], interfaces: list[str], resources: list[str]
) -> None:
    """Write the three files; raises `Refused` when one exists or cannot be written."""
    if len(interfaces) > 2:
        raise Refused(ExitCode.USAGE, "One or two interfaces; add more to ha.cf by hand.")
    names = nodes or [os.uname().nodename, "node2.example.com"]
    first, second = [*(interfaces or ["eth1"]), ""][:2]
    try:
        key = secrets.token_hex(KEY_BYTES)
        files = starter(names, first, key=key, second_interface=second, resources=resources)
    except ValueError as error:
        raise Refused(ExitCode.USAGE, f"That makes no configuration: {error}.") from None
    for name in files:
        if os.path.lexists(directory / name):
            raise Refused(ExitCode.REFUSED, f"{directory / name} exists: nothing was written.")
    for name, text in files.items():
        _write_new(directory / name, text, MODES[name])
        print(directory / name)
    print(f"Now read them, then: twinbeat check {directory}")


def look_at_resources(loaded: Loaded, path: Path) -> list[tuple[Placed, Finding]]:
    """Return each resource with what this machine has of it."""
    import asyncio

    from twinbeat.node.agency import Agency
    from twinbeat.node.survey import Surveyor

    async def look() -> list[tuple[Placed, Finding]]:
        assert loaded.model is not None  # Without one there is nothing to look at.
        directory = path if path.is_dir() else path.parent
        me = NodeName(os.uname().nodename)
        agency = Agency(loaded.model, me, directory, None, lambda _level, _text: None)
        surveyor = Surveyor(agency)
        try:
            return [(placed, await surveyor.look(placed.spec)) for placed in loaded.resources]
        finally:
            agency.close()

    return asyncio.run(look())


def load_configuration(path: Path, resolves: Callable[[str, int], bool] | None = None) -> Loaded:
    """Read a configuration; raises `Refused` when there is none to read."""
    try:
        return load(read_sources(path), resolves=resolves)
    except SourceError as error:
        raise Refused(ExitCode.CONFIGURATION, str(error)) from None


def _resolves(name: str, version: int) -> bool:
    """Whether a name, or an address of either version, leads to an address."""
    family = socket.AF_INET6 if version == 6 or ":" in name else socket.AF_INET
    try:
        return bool(socket.getaddrinfo(name, None, family))
    except (OSError, UnicodeError):
        return False


def _write_new(path: Path, text: str, mode: int) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise Refused(ExitCode.REFUSED, f"{path} cannot be written: {error.strerror}.") from None


def _show(found: tuple[Diagnostic, ...], to_stderr: bool) -> None:
    for diagnostic in found:
        colour = typer.colors.RED if diagnostic.severity == "error" else typer.colors.YELLOW
        first, *rest = str(diagnostic).splitlines()
        typer.secho(first, fg=colour, err=to_stderr)
        for line in rest:
            typer.echo(line, err=to_stderr)


def _here(found: list[tuple[Placed, Finding]]) -> Iterator[str]:
    for number, (placed, finding) in enumerate(found):
        head = "" if number else "Here"
        runs = finding.runs or f"MISSING: {finding.missing}"
        yield f"{head:<8}  {placed.group}: {placed.spec.name}: {runs}"
    if found:
        yield ""


def _found(placed: Placed, finding: Finding) -> dict[str, object]:
    return {
        "group": placed.group,
        "name": placed.spec.name,
        "agent": str(finding.spec.agent),
        "runs": finding.runs or None,
        "parameters": dict(finding.spec.parameters),
        "missing": finding.missing or None,
        "remedy": finding.remedy or None,
        "at_boot": finding.at_boot or None,
        "objection": finding.objection or None,
    }


def _verdict(errors: int, warnings: int) -> str:
    return f"{_counted(errors, 'error')}, {_counted(warnings, 'warning')}.".capitalize()


def _counted(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"
