"""The scribe: in order, off the loop, bounded, and never ended by a job."""

import asyncio
import threading
from functools import partial

import pytest

from twinbeat.node import scribe as scribes
from twinbeat.node.scribe import Scribe


def test_jobs_are_done_in_order_and_before_the_end() -> None:
    done: list[int] = []
    scribe = Scribe(lambda error: pytest.fail(repr(error)))
    for number in range(100):
        assert scribe.put(partial(done.append, number))
    assert scribe.close(5)
    assert done == list(range(100))


def test_a_job_that_fails_is_told_and_the_next_is_done() -> None:
    failures: list[BaseException] = []
    done = threading.Event()
    scribe = Scribe(failures.append)

    def fail() -> None:
        raise OSError(28, "No space left on device")

    scribe.put(fail)
    scribe.put(done.set)
    assert scribe.close(5)
    assert done.is_set()
    assert [error.errno for error in failures if isinstance(error, OSError)] == [28]


def test_more_than_the_limit_is_refused_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scribes, "JOBS_MAX", 3)
    hold, held = threading.Event(), threading.Event()
    scribe = Scribe(lambda error: pytest.fail(repr(error)))

    def be_busy() -> None:
        held.set()
        hold.wait(5)

    scribe.put(be_busy)
    assert held.wait(5)
    assert [scribe.put(lambda: None) for _ in range(5)] == [True, True, True, False, False]
    assert scribe.dropped == 2
    hold.set()
    assert scribe.close(5)


def test_what_is_asked_comes_back_or_raises() -> None:
    async def conversation() -> None:
        scribe = Scribe(lambda error: pytest.fail(repr(error)))
        assert await scribe.ask(lambda: 6 * 7) == 42
        assert await scribe.ask(threading.get_ident) != threading.get_ident()
        with pytest.raises(ZeroDivisionError):
            await scribe.ask(lambda: 1 / 0)
        assert scribe.close(5)

    asyncio.run(conversation())


def test_a_stuck_disk_does_not_hold_up_the_end() -> None:
    release = threading.Event()
    scribe = Scribe(lambda error: pytest.fail(repr(error)))
    scribe.put(lambda: release.wait(30))
    assert not scribe.close(0.05)
    release.set()
