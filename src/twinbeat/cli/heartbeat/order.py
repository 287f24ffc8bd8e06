"""What `hb_standby` and `hb_takeover` share: one word that names a set of groups, and the moves."""

import asyncio
import sys
from collections.abc import Callable

from twinbeat.control.client import Client
from twinbeat.control.protocol import ExitCode, Refused
from twinbeat.control.shapes import GroupShape, StatusShape

from .holdings import chosen

SETS = ("all", "foreign", "local", "failback")
REFUSED, UNHEARD = 1, 2
"""Exit codes: a move was refused, or the words were wrong; the order reached no daemon."""

Move = tuple[str, str | None]
"""A group, and where to: None is any other node."""


class Usage(Exception):  # noqa: N818 - it says what happened
    """The words are wrong, or help was asked for; what there was to say was printed."""


def which(program: str, words: list[str]) -> str:
    """Return `all`, `local` or `foreign`; raises `Usage` after complaining as Heartbeat does."""
    if len(words) > 1:
        print(f"{program}: too many arguments")
        raise _usage(program)
    word = words[0] if words else "all"
    if word == "--help":
        raise _usage(program)
    if word not in SETS:
        print(f"{program}: wrong resources({word}).")
        raise _usage(program)
    return "foreign" if word == "failback" else word


def _usage(program: str) -> Usage:
    print("usage:", flush=True)
    print(f"{program} [all|foreign|local|failback]", file=sys.stderr)
    return Usage()


def carry_out(program: str, moves: Callable[[StatusShape], list[Move]]) -> int:
    """Order every move; return 0, `REFUSED` when one was refused, `UNHEARD` without a daemon."""

    async def conversation() -> list[str]:
        async with Client() as cluster:
            refusals = []
            for group, to in moves(await cluster.status()):
                try:
                    await cluster.handover(group, to)
                except Refused as refused:
                    if refused.code is not ExitCode.REFUSED:
                        raise
                    refusals.append(f"{group}: {refused.reason}")
            return refusals

    try:
        refusals = asyncio.run(conversation())
    except Refused as refused:
        print(f"{program}: {refused.reason}", file=sys.stderr)
        return UNHEARD
    for refusal in refusals:
        print(f"{program}: {refusal}", file=sys.stderr)
    return REFUSED if refusals else 0


def groups(status: StatusShape, which: str, here: bool) -> dict[str, GroupShape]:
    """Return the groups of a set that the asked node owns, or that it does not own."""
    me = status["node"]
    return {n: g for n, g in chosen(status, which).items() if (g["owner"] == me) == here}
