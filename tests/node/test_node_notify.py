"""sd_notify(3): the words, both kinds of address, and nothing when nobody listens."""

import os
import socket
from pathlib import Path

import pytest

from twinbeat.core.units import SECOND
from twinbeat.node.notify import Notifier


def test_without_a_manager_nothing_is_said_and_nothing_breaks() -> None:
    notifier = Notifier({})
    notifier.ready("x")
    notifier.alive("x")
    notifier.stopping()
    assert not notifier.listened_to
    assert notifier.watchdog is None


@pytest.mark.parametrize("abstract", [False, True])
def test_the_manager_hears_every_word(tmp_path: Path, abstract: bool) -> None:
    place = f"\0twinbeat-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(place)
        manager.settimeout(5)
        environment = {"NOTIFY_SOCKET": place.replace("\0", "@")}
        notifier = Notifier(environment)
        assert environment == {}
        notifier.ready("2 of 2 nodes alive; holds web")
        notifier.alive("fine")
        notifier.stopping()
        assert manager.recv(256) == b"READY=1\nSTATUS=2 of 2 nodes alive; holds web"
        assert manager.recv(256) == b"WATCHDOG=1\nSTATUS=fine"
        assert manager.recv(256).startswith(b"STOPPING=1\n")


def test_a_manager_that_went_away_ends_nothing(tmp_path: Path) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    notifier.ready("x")
    assert notifier.listened_to


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({"WATCHDOG_USEC": "10000000"}, 10 * SECOND),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": str(os.getpid())}, 10 * SECOND),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdogs_period(environment: dict[str, str], wanted: int | None) -> None:
    assert Notifier(environment).watchdog == wanted
