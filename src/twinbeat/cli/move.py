"""A handover, and waiting for its end."""

import asyncio
import time

from twinbeat.control.client import Client
from twinbeat.control.protocol import ExitCode, Refused
from twinbeat.control.shapes import GroupShape

from .talk import chosen_group

POLL_S = 0.1


async def hand_over(
    cluster: Client, named: str | None, to: str | None, patience_s: float | None
) -> str:
    """Order the move, wait for it unless `patience_s` is None, and say what came of it."""
    group = await chosen_group(cluster, named)
    began = time.monotonic()
    before = (await cluster.status())["groups"].get(group)
    await cluster.handover(group, to)
    owner = before["owner"] if before is not None else None
    if patience_s is None:
        return f"{group} goes to {to or 'another node'}."
    try:
        async with asyncio.timeout(patience_s):
            arrived = await _arrival(cluster, group, owner, to)
    except TimeoutError:
        where = f"{group} has not arrived within {patience_s:g} s; it may still do."
        raise Refused(ExitCode.WAITED, where) from None
    return f"{arrived} holds {group} after {time.monotonic() - began:.1f} s."


async def _arrival(cluster: Client, group: str, owner: str | None, to: str | None) -> str:
    """Return the new owner; raises `Refused` when the move cannot or shall not end any more."""
    target = to
    while True:
        seen = (await cluster.status())["groups"].get(group)
        if seen is None:
            raise Refused(ExitCode.REFUSED, f"{group} is not configured any more.")
        target = target or seen["pinned"]
        arrived = seen["owner"] if seen["state"] == "held" else None
        if arrived is not None and (arrived == target or (target is None and arrived != owner)):
            return arrived
        if (obstacle := _obstacle(seen, target)) is not None:
            raise Refused(ExitCode.REFUSED, f"{group} does not move: {obstacle}.")
        await asyncio.sleep(POLL_S)


def _obstacle(seen: GroupShape, target: str | None) -> str | None:
    """Return why a move under way will not reach its target, or None."""
    if seen["state"] == "unclean":
        return "; ".join(["it could not be stopped", *seen["reasons"]])
    if target is not None and seen["pinned"] != target:
        return "; ".join([f"it is not bound for {target} any more", *seen["reasons"]])
    return None
