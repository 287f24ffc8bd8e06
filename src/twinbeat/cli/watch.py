"""`status --watch`: drawn anew at every event of the daemon, and once a second."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twinbeat.control.client import Client
from twinbeat.control.protocol import ExitCode, Refused

from .screen import drawn, plain
from .statusview import view
from .talk import print_json

PERIOD_S = 1.0
"""The longest time between two looks."""
PAUSE_S = 0.1
"""The shortest, however many events come."""


def watch_status(socket: Path, as_json: bool) -> None:
    """Show the status until interrupted; raises `Refused` when nobody answers at the start.

    A daemon that ends later is waited for.
    """
    try:
        if as_json:
            asyncio.run(_watch(socket, print_json, print_json))
        elif sys.stdout.isatty():
            _watch_live(socket)
        else:
            asyncio.run(_watch(socket, _print_plain, lambda lost: print(lost["error"], flush=True)))
    except KeyboardInterrupt:
        pass  # That is how one stops watching.


def _watch_live(socket: Path) -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(highlight=False)
    with Live(console=console, auto_refresh=False) as live:
        asyncio.run(
            _watch(
                socket,
                lambda status: live.update(drawn(view(status), console.width), refresh=True),
                lambda lost: live.update(Text(lost["error"], "bold red"), refresh=True),
            )
        )


def _print_plain(status: dict[str, Any]) -> None:
    print(plain(view(status)), end="\n\n", flush=True)


async def _watch(
    socket: Path,
    show: Callable[[dict[str, Any]], None],
    show_loss: Callable[[dict[str, Any]], None],
) -> None:
    answered = False

    def shown(status: dict[str, Any]) -> None:
        nonlocal answered
        answered = True
        show(status)

    while True:
        try:
            await _look_on(socket, shown)
        except Refused as refused:
            if refused.code is not ExitCode.NO_DAEMON or not answered:
                raise
            show_loss({"error": refused.reason})
            await asyncio.sleep(PERIOD_S)


async def _look_on(socket: Path, show: Callable[[dict[str, Any]], None]) -> None:
    """Look whenever something happened, until the daemon is gone: then raises `Refused`."""
    happened = asyncio.Event()

    async def listen() -> None:
        async for _ in Client(socket).subscribe():
            happened.set()

    listening = asyncio.create_task(listen())
    try:
        async with Client(socket) as cluster:
            while not listening.done():
                show(await cluster.request("status"))
                await asyncio.sleep(PAUSE_S)
                await _first_of(listening, happened)
                happened.clear()
        await listening
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def _first_of(listening: asyncio.Task[None], happened: asyncio.Event) -> None:
    """Wait for an event, the end of the subscription, or the period."""
    waking = asyncio.ensure_future(happened.wait())
    await asyncio.wait({listening, waking}, timeout=PERIOD_S, return_when="FIRST_COMPLETED")
    waking.cancel()
