"""What `check`, `convert` and `init` do."""

import os
import secrets
import sys
from dataclasses import asdict
from pathlib import Path

import typer

from twinbeat.config import Diagnostic, Loaded, load, starter, to_toml
from twinbeat.control.protocol import ExitCode, Refused
from twinbeat.node.sources import SourceError, read_sources

from .summary import as_dict, as_lines
from .talk import print_json

KEY_BYTES = 24
"""Of randomness in a new key: 48 digits, more than anybody will try."""

MODES = {"ha.cf": 0o644, "haresources": 0o644, "authkeys": 0o600}


def check_configuration(path: Path, strict: bool, as_json: bool) -> ExitCode:
    """Print the findings and what the configuration means; return the exit code."""
    loaded = _load(path)
    errors = sum(found.severity == "error" for found in loaded.diagnostics)
    warnings = len(loaded.diagnostics) - errors
    if as_json:
        print_json(
            {
                "schema": 1,
                "errors": errors,
                "warnings": warnings,
                "diagnostics": [asdict(found) for found in loaded.diagnostics],
                "cluster": as_dict(loaded.model) if loaded.model else None,
            }
        )
    else:
        _show(loaded.diagnostics, to_stderr=False)
        if loaded.diagnostics:
            print()
        for line in as_lines(loaded.model) if loaded.model else []:
            print(line)
        print(_verdict(errors, warnings))
    if errors:
        return ExitCode.CONFIGURATION
    return ExitCode.REFUSED if strict and warnings else ExitCode.DONE


def convert_configuration(path: Path) -> ExitCode:
    """Print the cluster as TOML on stdout and the findings on stderr; return the exit code."""
    loaded = _load(path)
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


def _load(path: Path) -> Loaded:
    try:
        return load(read_sources(path))
    except SourceError as error:
        raise Refused(ExitCode.CONFIGURATION, str(error)) from None


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


def _verdict(errors: int, warnings: int) -> str:
    return f"{_counted(errors, 'error')}, {_counted(warnings, 'warning')}.".capitalize()


def _counted(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"
