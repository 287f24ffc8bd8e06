"""A real systemd, in a guest: the contract of units, and twinbeat as a unit itself."""

import os
import shutil
from contextlib import ExitStack

import guest_service
import pytest
from guest_machine import KERNEL, QEMU, Told, booted, played, write_image

from unit_contract import CASES

ROOMS = {"units": tuple(CASES), "service": tuple(guest_service.CASES)}

pytestmark = pytest.mark.skipif(
    "CI" not in os.environ and not (KERNEL.exists() and shutil.which(QEMU)),
    reason="no kernel for a guest, or no qemu: ./dev test installs them",
)


@pytest.fixture(scope="module")
def guests(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Told]:
    """Let both guests play side by side, to their end."""
    directory = tmp_path_factory.mktemp("guests")
    image = directory / "root.cpio"
    write_image(image)
    with ExitStack() as stack:
        running = {room: stack.enter_context(booted(directory, image, room)) for room in ROOMS}
        return {room: played(directory, room, guest) for room, guest in running.items()}


@pytest.mark.parametrize(
    ("room", "name"), [(room, name) for room, names in ROOMS.items() for name in names]
)
def test_with_a_real_systemd(guests: dict[str, Told], room: str, name: str) -> None:
    told = guests[room]
    assert name in told.cases, f"it was not played; {told.console}"
    assert told.cases[name] == "", f"{told.cases[name]}\n{told.console}"
