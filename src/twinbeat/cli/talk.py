"""One conversation with the daemon, from the first byte to the exit code."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import TypeVar

from twinbeat.control.client import Client
from twinbeat.control.protocol import ExitCode, Refused

T = TypeVar("T")


def ask(socket: Path, work: Callable[[Client], Awaitable[T]]) -> T:
    """Connect, do the work, hang up; raises `Refused`, which `main` turns into the exit code."""

    async def conversation() -> T:
        async with Client(socket) as cluster:
            return await work(cluster)

    return asyncio.run(conversation())


async def chosen_group(cluster: Client, named: str | None) -> str:
    """Return the named group, or the only one there is."""
    if named is not None:
        return named
    groups = list((await cluster.status())["groups"])
    if len(groups) == 1:
        return groups[0]
    choice = f"name one of {_listed(groups)}" if groups else "none is configured"
    raise Refused(ExitCode.USAGE, f"Which group? There are {len(groups)}: {choice}.")


def print_json(value: object) -> None:
    """Print a JSON document: indented for a person, one line for a pipe."""
    indent = 2 if sys.stdout.isatty() else None
    print(json.dumps(value, indent=indent, ensure_ascii=False), flush=True)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
