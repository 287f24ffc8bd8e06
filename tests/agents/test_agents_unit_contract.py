"""The contract of units over the stand-in; tests/guest plays it over a real systemd."""

import asyncio
from contextlib import ExitStack
from pathlib import Path

import pytest
from systemd_bus import FakeSystemd, Unit, private_bus

from unit_contract import CASES, ENABLED, MASKED, UNITS

FAILED = ("failed", "failed")


def units() -> dict[str, Unit]:
    """Return what the stand-in needs to be told of each unit of the contract."""
    stand_ins = {
        "steady": Unit(),
        "broken": Unit(starts="failed", after_start=FAILED, result="exit-code"),
        "hasty": Unit(short=True, result="exit-code"),
        "late": Unit(takes=0.5, after_start=("active", "exited")),
        "hanging": Unit(starts="never"),
        "slow": Unit(starts="failed", after_start=FAILED, result="timeout"),
        "needy": Unit(starts="dependency"),
        "picky": Unit(after_start=("inactive", "dead")),
        "eager": Unit(restart=True),
        "stubborn": Unit(stops="never"),
        "reluctant": Unit(after_stop=FAILED, result="timeout"),
        ENABLED: Unit(enabled="enabled"),
    }
    assert stand_ins.keys() == UNITS.keys()
    for name, unit in stand_ins.items():
        unit.enabled = unit.enabled if name == ENABLED else "static"
    stand_ins[MASKED] = Unit(load="masked")
    return {f"{name}.service": unit for name, unit in stand_ins.items()}


class StandIn:
    """The stand-in on a private bus, as a place where the contract is played."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self._directory = directory
        self._stack = stack
        self._there = FakeSystemd(units())
        self.address: str | None = None

    async def serve(self) -> None:
        self.address = self._stack.enter_context(private_bus(self._directory))
        await self._there.serve(self.address)

    async def kill(self, unit: str) -> None:
        self._there.die(unit)

    async def restarts(self, unit: str) -> int:
        return self._there.units[unit].restarts

    async def lose_bus(self) -> None:
        self._there.leave()
        self._stack.close()
        self._there.subscribed = False
        (self._directory / "bus").unlink()
        await self.serve()

    async def reexecute(self) -> None:
        self._there.leave()
        assert self.address is not None
        await self._there.serve(self.address)

    def leave(self) -> None:
        self._there.leave()


@pytest.mark.parametrize("name", CASES)
def test_the_stand_in(tmp_path: Path, name: str) -> None:
    async def play() -> None:
        with ExitStack() as stack:
            place = StandIn(tmp_path, stack)
            await place.serve()
            try:
                async with asyncio.timeout(30):
                    await CASES[name](place)
            finally:
                place.leave()

    asyncio.run(play())
