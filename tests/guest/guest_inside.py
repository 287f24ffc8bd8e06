"""Runs in the guest: plays the cases of a room over its systemd, and tells how each of them went.

ROOM, in the environment, is `units` or `service`. Output: a line of JSON for each case.
"""

import asyncio
import json
import os
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

import guest_service
from guest_service import run, show

import unit_contract


class Guest:
    """The systemd of this machine."""

    address = None

    async def kill(self, unit: str) -> None:
        run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", unit)

    async def restarts(self, unit: str) -> int:
        return int(show(unit, "NRestarts")[0])

    async def lose_bus(self) -> None:
        run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", "dbus.service")

    async def reexecute(self) -> None:
        run("systemctl", "daemon-reexec")


def over_systemd(name: str) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(2 * unit_contract.PATIENCE):
            await unit_contract.CASES[name](Guest())

    asyncio.run(bounded())


def main(out: Path) -> None:
    cases: dict[str, Callable[[], None]] = guest_service.CASES
    if os.environ["ROOM"] == "units":
        cases = {name: partial(over_systemd, name) for name in unit_contract.CASES}
    for name, play in cases.items():
        wrong = ""
        try:
            play()
        except Exception:
            wrong = traceback.format_exc()
        with out.open("a") as file:
            print(json.dumps({"case": name, "wrong": wrong}), file=file)


main(Path(sys.argv[1]))
