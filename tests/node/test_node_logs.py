"""Log lines: Heartbeat 3.0.6's formats to the byte, every destination, nothing forged, no wait."""

import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from twinbeat.core.model import LogSpec
from twinbeat.core.text import printable
from twinbeat.node import logs
from twinbeat.node import scribe as scribes
from twinbeat.node.logs import FACILITY, Logs, file_line, plain_line, syslog_packet
from twinbeat.node.scribe import Scribe

WHEN = 1_795_409_512.25  # 2026-11-23 04:51:52 UTC


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_the_line_of_a_log_file() -> None:
    assert (
        file_line(WHEN, "node1", 4242, "WARN", "node node2: is dead")
        == "Nov 23 04:51:52 node1 heartbeat: [4242]: WARN: node node2: is dead"
    )


def test_the_line_of_a_log_file_without_syslogmsgfmt() -> None:
    assert (
        plain_line(WHEN, 4242, "info", "Link node2:eth1 up.")
        == "heartbeat[4242]: 2026/11/23_04:51:52 info: Link node2:eth1 up."
    )


def test_the_datagram_of_syslog_has_facility_times_eight_and_severity() -> None:
    assert (
        syslog_packet(WHEN, FACILITY["local0"], 4242, "CRIT", "x")
        == b"<130>Nov 23 04:51:52 heartbeat: [4242]: CRIT: x"
    )
    assert FACILITY["daemon"] == 3
    assert FACILITY["local7"] == 23


def test_no_text_can_forge_a_line() -> None:
    assert printable("a\nNov 23 b\x1b[31m\x7f\u2028\udcff") == (
        "a\\nNov 23 b\\x1b[31m\\x7f\\u2028\\udcff"
    )


def written(spec: LogSpec, *lines: tuple[str, str]) -> None:
    scribe = Scribe(lambda error: pytest.fail(repr(error)))
    log = Logs(spec, "node1", scribe)
    for level, text in lines:
        log(level, text)
    assert scribe.close(5)


def test_the_debug_file_gets_every_line_and_the_log_file_all_but_debug(tmp_path: Path) -> None:
    spec = LogSpec(logfile=str(tmp_path / "log"), debugfile=str(tmp_path / "debug"))
    written(spec, ("info", "one"), ("debug", "two"), ("ERROR", "three"))
    stamp = rf"\w{{3}} \d\d \d\d:\d\d:\d\d node1 heartbeat: \[{os.getpid()}\]: "
    log = (tmp_path / "log").read_text().splitlines()
    debug = (tmp_path / "debug").read_text().splitlines()
    assert [re.sub(stamp, "", line) for line in log] == ["info: one", "ERROR: three"]
    assert [re.sub(stamp, "", line) for line in debug] == [
        "info: one",
        "debug: two",
        "ERROR: three",
    ]


def test_a_rotated_file_is_written_anew_without_a_signal(tmp_path: Path) -> None:
    file = tmp_path / "log"
    scribe = Scribe(lambda error: pytest.fail(repr(error)))
    log = Logs(LogSpec(logfile=str(file)), "node1", scribe)
    log("info", "before")
    log.write()
    file.rename(tmp_path / "log.1")
    log("info", "after")
    assert scribe.close(5)
    assert file.read_text().endswith("info: after\n")


class HastyScribe(Scribe):
    """One whose thread is always quicker than the loop: a job is done before `put` returns."""

    def put(self, job: Callable[[], object]) -> bool:
        taken, done = super().put(job), threading.Event()
        super().put(done.set)
        assert done.wait(5)
        return taken


def test_a_scribe_quicker_than_the_loop_loses_no_line(tmp_path: Path) -> None:
    file = tmp_path / "log"
    scribe = HastyScribe(lambda error: pytest.fail(repr(error)))
    log = Logs(LogSpec(logfile=str(file)), "node1", scribe)
    for text in ("one", "two", "three"):
        log("info", text)
    assert scribe.close(5)
    assert [line.split()[-1] for line in file.read_text().splitlines()] == ["one", "two", "three"]


def test_a_line_that_found_the_queue_full_is_written_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "log"
    scribe = Scribe(lambda error: pytest.fail(repr(error)))
    log = Logs(LogSpec(logfile=str(file)), "node1", scribe)
    with monkeypatch.context() as full:
        full.setattr(scribes, "JOBS_MAX", 0)
        log("info", "one")
    log("info", "two")
    assert scribe.close(5)
    assert [line.split()[-1] for line in file.read_text().splitlines()] == ["one", "two"]


def test_syslog_gets_its_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "dev-log"
    monkeypatch.setattr(logs, "SYSLOG_SOCKET", place)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslog:
        syslog.bind(str(place))
        syslog.settimeout(5)
        written(LogSpec(facility="local3"), ("debug", "not this"), ("WARN", "but this"))
        packet = syslog.recv(1024)
    assert packet.startswith(b"<%d>" % (19 * 8 + 4))
    assert packet.endswith(b" heartbeat: [%d]: WARN: but this" % os.getpid())


def test_a_file_that_cannot_be_written_is_told_once_and_costs_nothing_else(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    missing = str(tmp_path / "no" / "log")
    debug = tmp_path / "debug"
    written(LogSpec(logfile=missing, debugfile=str(debug)), ("info", "a"), ("info", "b"))
    told = [line for line in debug.read_text().splitlines() if "cannot be written" in line]
    assert len(told) <= 1
    assert "info: b" in debug.read_text()


def test_without_any_destination_standard_error_is_one(capfd: pytest.CaptureFixture[str]) -> None:
    written(LogSpec(), ("info", "heard"))
    assert capfd.readouterr().err.rstrip().endswith("info: heard")


def test_a_destination_of_its_own_keeps_standard_error_quiet(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    written(LogSpec(logfile=str(tmp_path / "log")), ("info", "written"))
    assert capfd.readouterr().err == ""


def test_under_the_journal_standard_error_carries_the_severity(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    written(LogSpec(logfile=str(tmp_path / "log")), ("CRIT", "both"))
    assert capfd.readouterr().err == "<2>CRIT: both\n"
    assert "CRIT: both" in (tmp_path / "log").read_text()


def test_too_many_lines_are_dropped_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "LINES_MAX", 10)
    scribe = Scribe(lambda error: pytest.fail(repr(error)))
    file = tmp_path / "log"
    log = Logs(LogSpec(logfile=str(file)), "node1", scribe)
    assert scribe.close(5)  # Nobody writes meanwhile.
    for number in range(25):
        log("info", f"line {number}")
    log.write()
    lines = file.read_text().splitlines()
    assert len(lines) == 11
    assert "15 log line(s) were dropped" in lines[-1]


def test_another_place_is_logged_to_from_the_next_line_on(tmp_path: Path) -> None:
    first, second = Path(tmp_path / "first"), Path(tmp_path / "second")
    scribe = Scribe(lambda error: pytest.fail(repr(error)))
    log = Logs(LogSpec(logfile=str(first)), "node1", scribe)
    log("info", "one")
    log.write()
    log.configure(LogSpec(logfile=str(second), syslog_format=False))
    log("info", "two")
    assert scribe.close(5)
    assert re.fullmatch(
        r"heartbeat\[\d+\]: \d{4}/\d\d/\d\d_\d\d:\d\d:\d\d info: two\n", second.read_text()
    )
