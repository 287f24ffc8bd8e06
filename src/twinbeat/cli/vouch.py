"""Whether an administrator is sure that a node is switched off, before anybody relies on it."""

import sys

import typer

from twinbeat.control.protocol import ExitCode, Refused
from twinbeat.control.shapes import StatusShape
from twinbeat.core.text import printable

from .options import HEARD


def make_sure(node: str, status: StatusShape, yes: bool) -> None:
    """Return when the administrator is sure; raises `Refused` when not, and for a hopeless one."""
    peers = [name for name, seen in status["nodes"].items() if seen.get("type") != "ping"]
    if node not in peers:
        raise Refused(ExitCode.REFUSED, f"There is no node {node}; there are {', '.join(peers)}.")
    if node == status["node"] or status["nodes"][node]["state"] in HEARD:
        why = f"{node} runs and is heard: nobody can vouch that it is switched off."
        raise Refused(ExitCode.REFUSED, why)
    if yes:
        return
    typer.echo(printable(consequence(node, list(status["groups"]))), err=True)
    if not sys.stdin.isatty():
        raise Refused(ExitCode.USAGE, "Nothing was changed: without a terminal, say --yes.")
    typer.echo("Are you sure? [y/N] ", err=True, nl=False)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Refused(ExitCode.REFUSED, "Nothing was changed.")


def consequence(node: str, groups: list[str]) -> str:
    """Say what the administrator vouches for, and what follows if it is not so."""
    listed = ", ".join(groups) or "its groups"
    return f"You vouch that {node} is switched off; if it is not, two nodes may run {listed}."
