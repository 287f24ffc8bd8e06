"""Serial links over ptys with a real socat between: noise, stalls, locks, and devices that go."""

import os
import pty
import signal
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from links_network import End, until

from serial_cable import Cable, spec
from twinbeat.links.serial import NOISE, TOO_SLOW, WAITING_MAX
from twinbeat.links.tty import LOCK_DIR
from twinbeat.wire.codec import Encoding

ONE = b">>>\nt=status\nst=up\n<<<\n"
TWO = b">>>\nt=status\nst=active\n<<<\n"


@pytest.fixture
def cable(tmp_path: Path) -> Iterator[Cable]:
    made = Cable(tmp_path)
    yield made
    made.unplug()


@pytest.fixture
def ends(cable: Cable) -> Iterator[tuple[End, End]]:
    pair = (End(spec(cable.ends[0])), End(spec(cable.ends[1])))
    yield pair
    for end in pair:
        end.link.close()


def numbered(number: int, size: int = 600) -> bytes:
    return b">>>\nseq=%d\nx=%b\n<<<\n" % (number, b"x" * (size - 20))


def test_packets_pass_in_both_directions_at_once(ends: tuple[End, End]) -> None:
    one, two = ends
    assert one.reports == [(True, f"{one.link.name} carries packets at 19200 baud")]
    assert one.link.encoding is Encoding.CLASSIC
    assert one.send(ONE)
    assert two.send(TWO)
    two.hears(ONE)
    one.hears(TWO)
    assert one.is_silent()
    assert two.is_silent()
    assert one.link.losses() == {TOO_SLOW: 0, NOISE: 0}


def test_noise_and_half_packets_cost_only_themselves(cable: Cable, ends: tuple[End, End]) -> None:
    cable.write(1, b"login: \xff\x00\n" + TWO[:12])
    cable.write(1, b"\n" + ONE[:7])
    cable.write(1, ONE[7:] + b"~~~\n")
    ends[0].hears(ONE)
    assert ends[1].send(TWO)
    ends[0].hears(TWO)
    assert ends[0].link.losses()[NOISE] == 3
    assert ends[0].link.losses()[NOISE] == 0


def test_carriage_returns_and_the_eighth_bit_do_not_arrive(
    cable: Cable, ends: tuple[End, End]
) -> None:
    cable.write(1, ONE.replace(b"\n", b"\r\n").replace(b"up", b"\xf5\xf0"))
    ends[0].hears(ONE)


def test_what_a_slow_line_cannot_take_gives_way_to_what_is_newer(
    cable: Cable, ends: tuple[End, End]
) -> None:
    one, two = ends
    one.send(ONE)
    two.hears(ONE)
    cable.stop(signal.SIGSTOP)
    try:
        began = time.monotonic()
        for number in range(2000):
            assert one.send(numbered(number))
        assert time.monotonic() - began < 2, "a write waited"
        dropped = one.link.losses()[TOO_SLOW]
        assert dropped > 0
    finally:
        cable.stop(signal.SIGCONT)
    heard: list[bytes] = []

    def last_arrived() -> bool:
        one.link.receive()  # As the daemon does when the descriptor says that the line takes more.
        heard.extend(two.link.receive())
        return numbered(1999) in heard

    until(last_arrived, "the newest packet arrives")
    numbers = [int(packet.split(b"\n")[1].removeprefix(b"seq=")) for packet in heard]
    assert numbers == sorted(numbers)
    assert len(numbers) == 2000 - dropped
    assert numbers[-WAITING_MAX:] == [1998, 1999]
    assert two.link.losses()[NOISE] == 0, "only whole packets gave way"


def test_what_has_not_left_is_pending_and_what_has_is_not(
    cable: Cable, ends: tuple[End, End]
) -> None:
    one, two = ends
    assert one.send(ONE)
    two.hears(ONE)
    assert not one.link.pending()
    cable.stop(signal.SIGSTOP)
    try:
        for number in range(2000):
            one.send(numbered(number))
        assert one.link.pending()
    finally:
        cable.stop(signal.SIGCONT)

    def all_has_left() -> bool:
        two.link.receive()
        return not one.link.pending()

    until(all_has_left, "everything leaves without being asked for by `receive`")


def test_a_line_that_takes_nothing_any_more_is_reported(
    cable: Cable, ends: tuple[End, End], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twinbeat.links.serial.STALLED_S", 0.2)
    one, _ = ends
    cable.stop(signal.SIGSTOP)
    try:
        for number in range(2000):
            one.send(numbered(number))
        until(lambda: not one.retry(), "the stall is reported")
        assert "takes nothing any more" in one.why
    finally:
        cable.stop(signal.SIGCONT)
    one.comes_up()


def test_the_descriptor_says_when_a_line_takes_more(ends: tuple[End, End]) -> None:
    assert ends[1].send(TWO)
    ends[0].hears(TWO)
    assert ends[0].send(ONE)
    ends[1].hears(ONE)
    assert ends[0].is_silent(), "an idle line must not keep the daemon busy"


def test_a_device_that_goes_and_comes_back_is_opened_again(
    cable: Cable, ends: tuple[End, End]
) -> None:
    one, two = ends
    descriptor = one.link.fileno()
    cable.unplug()
    until(lambda: not (one.receive_now() or one.up or two.receive_now() or two.up), "both notice")
    assert "it is tried again every second" in one.why
    assert not one.send(ONE)
    assert one.link.receive() == []
    cable.plug()
    one.comes_up()
    two.comes_up()
    assert one.send(ONE)
    two.hears(ONE)
    assert one.link.fileno() == descriptor


def test_a_missing_device_is_reported_once_and_never_raises(tmp_path: Path) -> None:
    end = End(spec(tmp_path / "ttyS9"))
    for _ in range(3):
        end.retry()
        assert not end.send(ONE)
        assert end.link.receive() == []
    (report,) = end.reports
    assert report[0] is False
    assert "cannot be opened: No such file or directory" in report[1]
    end.link.close()
    assert end.link.fileno() == -1


def test_what_is_no_tty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", Path("/dev/null")):
        end = End(spec(place))
        assert "is no serial line" in end.why
        end.link.close()


def lock_of(device: Path) -> Path:
    return LOCK_DIR / f"LCK..{device.resolve().name}"


def test_the_device_is_locked_as_other_programs_expect(cable: Cable) -> None:
    end = End(spec(cable.ends[0]))
    place = lock_of(cable.ends[0])
    assert place.read_bytes() == b"%10d\n" % os.getpid()
    end.link.close()
    assert not place.exists()


def test_a_device_that_another_program_uses_is_left_alone_until_it_ends(cable: Cable) -> None:
    place = lock_of(cable.ends[0])
    place.write_bytes(b"%10d\n" % 1)
    end = End(spec(cable.ends[0]))
    assert "is used by process 1" in end.why
    assert place.read_bytes() == b"%10d\n" % 1
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    place.write_bytes(b"%10d\n" % child)  # Left behind by a process that is no more.
    end.comes_up()
    end.link.close()


@pytest.mark.parametrize("baud", [9600, 19200, 38400, 57600, 115200, 230400, 460800])
def test_the_line_is_raw_and_of_the_speed_that_was_said(baud: int) -> None:
    leader, follower = pty.openpty()
    end = End(spec(Path(os.ttyname(follower)), baud))
    flags_in, flags_out, control, local, speed_in, speed_out, _ = termios.tcgetattr(follower)
    assert speed_in == speed_out == getattr(termios, f"B{baud}")
    assert (flags_out, local) == (0, 0)
    assert flags_in & (termios.ISTRIP | termios.IGNCR) == termios.ISTRIP | termios.IGNCR
    assert not flags_in & (termios.IXON | termios.IXOFF | termios.ICRNL | termios.BRKINT)
    assert control & (termios.CSIZE | termios.CLOCAL) == termios.CS8 | termios.CLOCAL
    assert not control & (termios.PARENB | termios.CSTOPB)
    assert control & termios.CRTSCTS
    end.link.close()
    os.close(leader)
    os.close(follower)
