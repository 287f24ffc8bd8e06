"""Packets in the bytes of a serial line: real ones, in pieces, among noise, without end."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_captures import SPEC

from twinbeat.wire import codec
from twinbeat.wire.message import MAX_PACKET
from twinbeat.wire.serial import PacketFinder

LINE = Path(__file__).parent / "testdata" / "captures" / "serial.bin"
"""What a Heartbeat 3.0.6 wrote to its serial line in eight seconds, alone in its cluster."""

ONE = b">>>\nt=status\nst=up\n<<<\n"
TWO = b">>>\nt=status\nst=active\n<<<\n"


def test_every_packet_of_a_heartbeat_s_line_is_found_and_genuine() -> None:
    finder, line = PacketFinder(), LINE.read_bytes()
    messages = [codec.decode(packet, SPEC) for packet in finder.feed(line)]
    assert len(messages) == line.count(b">>>\n")
    assert finder.dropped == 0
    first = messages[0]
    assert [first.text(name) for name in ("t", "st", "src", "seq", "dt", "protocol")] == [
        "status", "init", "node1", "1", "1388", "1",
    ]  # fmt: skip
    numbers = [int(m.text("seq") or "0", 16) for m in messages if m.text("t") == "status"]
    assert numbers == sorted(numbers)


@given(st.lists(st.integers(1, 60)))
def test_it_does_not_matter_in_which_pieces_they_come(sizes: list[int]) -> None:
    finder, found, left = PacketFinder(), [], ONE + TWO + ONE
    for size in [*sizes, len(left)]:
        found += finder.feed(left[:size])
        left = left[size:]
    assert (found, finder.dropped) == ([ONE, TWO, ONE], 0)


@pytest.mark.parametrize(
    ("stream", "found", "dropped"),
    [
        (b"OK\r\n" + ONE, [ONE], 1),
        (b"a\nb\nc\n" + ONE + b"d\n" + TWO, [ONE, TWO], 2),
        (b"half a line" + ONE, [ONE], 1),
        (ONE[:-6] + b"\n" + TWO, [TWO], 1),
        (ONE[:9] + b"\n" + ONE[:9] + b"\n" + TWO, [TWO], 2),
        (ONE[5:] + TWO, [TWO], 1),
        (b"\n\n" + ONE + b"\n" + TWO, [ONE, TWO], 0),
        (b"\x00\xff\xfe\n" + ONE, [ONE], 1),
        (b">>>x\n" + ONE + b"<<<\n", [ONE], 2),
        (ONE[:-1], [], 0),
    ],
)
def test_noise_costs_only_what_it_hit(stream: bytes, found: list[bytes], dropped: int) -> None:
    finder = PacketFinder()
    assert finder.feed(stream) == found
    assert finder.dropped == dropped


@pytest.mark.parametrize("flood", [b"x" * 4096, b"x=y\n" * 1024])
@pytest.mark.parametrize("begun", [b"", b">>>\n"])
def test_a_flood_is_bounded_and_what_follows_is_found(begun: bytes, flood: bytes) -> None:
    finder = PacketFinder()
    finder.feed(begun)
    for _ in range(3 * MAX_PACKET // len(flood)):
        assert finder.feed(flood) == []
    assert finder.feed(b"\n" + ONE) == [ONE]
    assert finder.dropped == 1


@given(st.binary(max_size=200))
def test_after_any_noise_that_ends_its_line_the_next_packet_is_found(noise: bytes) -> None:
    assert PacketFinder().feed(noise + b"\n" + ONE)[-1:] == [ONE]
