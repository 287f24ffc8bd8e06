"""The options and arguments that several commands share."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

DEFAULT_SOCKET = Path("/run/twinbeat/control.sock")
DEFAULT_CONFIG = Path("/etc/ha.d")
DEFAULT_STATE = Path("/var/lib/twinbeat")


class OnOff(StrEnum):
    """The argument of a switch."""

    ON = "on"
    OFF = "off"


HEARD = ("up", "active")
"""The states of a node whose heartbeats arrive."""


def _complete(
    what: str, incomplete: str, fits: Callable[[Mapping[str, Any]], bool] = lambda _: True
) -> list[str]:
    """Ask the daemon for names, quickly and silently: a shell waits for this."""
    import asyncio

    from twinbeat.control.client import Client
    from twinbeat.control.protocol import Refused

    async def names() -> list[str]:
        async with Client(timeout=1.0) as cluster:
            answer = await cluster.request("status")
            return [name for name, told in answer[what].items() if fits(told)]

    try:
        return [name for name in asyncio.run(names()) if name.startswith(incomplete)]
    except (Refused, LookupError, TypeError, AttributeError):
        return []


def complete_group(incomplete: str) -> list[str]:
    """Return the groups that a word may become."""
    return _complete("groups", incomplete)


def complete_node(incomplete: str) -> list[str]:
    """Return the nodes that a word may become."""
    return _complete("nodes", incomplete, lambda told: told.get("type") != "ping")


def complete_silent(incomplete: str) -> list[str]:
    """Return the nodes that nobody hears and that a word may become."""

    def silent(told: Mapping[str, Any]) -> bool:
        return told.get("type") != "ping" and told["state"] not in HEARD

    return _complete("nodes", incomplete, silent)


def complete_hook(incomplete: str) -> list[str]:
    """Return the hooks that a word may become."""
    return _complete("hooks", incomplete)


Socket = Annotated[
    Path,
    typer.Option(
        "--socket", metavar="PATH", envvar="TWINBEAT_SOCKET", help="The daemon's control socket."
    ),
]
Group = Annotated[
    str | None,
    typer.Argument(
        metavar="GROUP",
        show_default=False,
        autocompletion=complete_group,
        help="The group; may be left out when there is only one.",
    ),
]
Node = Annotated[
    str | None,
    typer.Option(
        metavar="NODE", autocompletion=complete_node, help="Another node than the asked one."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Directory = Annotated[
    Path,
    typer.Argument(
        metavar="DIR",
        help="The directory with ha.cf, haresources and authkeys, or a cluster.toml.",
    ),
]
