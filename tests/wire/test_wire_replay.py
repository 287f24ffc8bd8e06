"""The replay window: what passes once, what passes late, and what never passes again."""

from hypothesis import given
from hypothesis import strategies as st

from twinbeat.core.beat import Life
from twinbeat.core.units import NodeName
from twinbeat.wire.replay import MAX_NODES, MAX_SUPERSEDED, WINDOW, ReplayGuard, Verdict

NODE = NodeName("node2")
FIRST, TWIN, SECOND = Life(7, 100), Life(7, 200), Life(8, 50)


def judged(guard: ReplayGuard, life: Life, *seqs: int) -> list[Verdict]:
    return [guard.judge(NODE, life, seq) for seq in seqs]


def test_the_copy_from_a_second_link_is_a_duplicate() -> None:
    assert judged(ReplayGuard(), FIRST, 1, 1, 2, 1, 2) == [
        Verdict.NEW,
        Verdict.DUPLICATE,
        Verdict.NEW,
        Verdict.DUPLICATE,
        Verdict.DUPLICATE,
    ]


def test_an_overtaken_packet_is_late_once() -> None:
    guard = ReplayGuard()
    assert judged(guard, FIRST, 10, 12, 11, 11) == [
        Verdict.NEW,
        Verdict.NEW,
        Verdict.LATE,
        Verdict.DUPLICATE,
    ]


def test_the_window_is_64_wide_the_highest_included() -> None:
    guard = ReplayGuard()
    assert judged(guard, FIRST, 1000) == [Verdict.NEW]
    assert judged(guard, FIRST, 937, 936) == [Verdict.LATE, Verdict.STALE]
    assert judged(guard, FIRST, 1001) == [Verdict.NEW]
    assert judged(guard, FIRST, 937, 938) == [Verdict.STALE, Verdict.LATE]


def test_a_jump_of_a_whole_window_forgets_exactly_what_is_outside() -> None:
    guard = ReplayGuard()
    assert judged(guard, FIRST, 100, 163) == [Verdict.NEW, Verdict.NEW]
    assert judged(guard, FIRST, 100) == [Verdict.DUPLICATE]
    assert judged(guard, FIRST, 164) == [Verdict.NEW]
    assert judged(guard, FIRST, 100, 101) == [Verdict.STALE, Verdict.LATE]


def test_a_jump_to_the_end_of_64_bits_costs_nothing_and_nothing_wraps() -> None:
    guard = ReplayGuard()
    last = 2**64 - 1
    assert judged(guard, FIRST, 1, last, 1, last, last - 1) == [
        Verdict.NEW,
        Verdict.NEW,
        Verdict.STALE,
        Verdict.DUPLICATE,
        Verdict.LATE,
    ]


def test_a_recording_of_an_earlier_generation_never_passes() -> None:
    guard = ReplayGuard()
    recording = range(1, 200)
    assert set(judged(guard, FIRST, *recording)) == {Verdict.NEW}
    assert judged(guard, SECOND, 1) == [Verdict.NEW]
    assert set(judged(guard, FIRST, *recording, 200, 2**60)) == {Verdict.REPLAY}
    assert judged(guard, SECOND, 2, 1) == [Verdict.NEW, Verdict.DUPLICATE]


def test_a_token_superseded_in_its_generation_never_comes_back() -> None:
    guard = ReplayGuard()
    assert judged(guard, FIRST, 500) == [Verdict.NEW]
    assert judged(guard, TWIN, 1, 2) == [Verdict.NEW, Verdict.NEW]
    assert judged(guard, FIRST, 501) == [Verdict.REPLAY]
    assert judged(guard, Life(7, 300), 1) == [Verdict.NEW]
    assert judged(guard, FIRST, 502) == [Verdict.REPLAY]
    assert judged(guard, TWIN, 3) == [Verdict.REPLAY]


def test_a_token_may_come_again_in_a_later_generation() -> None:
    guard = ReplayGuard()
    judged(guard, FIRST, 1)
    judged(guard, TWIN, 1)
    assert judged(guard, Life(8, FIRST.token), 1) == [Verdict.NEW]
    assert judged(guard, Life(7, 999), 1) == [Verdict.REPLAY]


def test_nodes_are_judged_apart() -> None:
    guard = ReplayGuard()
    assert guard.judge(NODE, SECOND, 9) is Verdict.NEW
    assert guard.judge(NodeName("node3"), FIRST, 9) is Verdict.NEW
    assert guard.judge(NODE, SECOND, 9) is Verdict.DUPLICATE


def test_what_cannot_be_remembered_is_refused() -> None:
    guard = ReplayGuard()
    for number in range(MAX_NODES):
        assert guard.judge(NodeName(f"node{number}"), FIRST, 1) is Verdict.NEW
    assert guard.judge(NodeName("one-too-many"), FIRST, 1) is Verdict.REPLAY
    assert guard.judge(NodeName("node0"), FIRST, 2) is Verdict.NEW

    crowded = ReplayGuard()
    lives = [Life(7, token) for token in range(MAX_SUPERSEDED + 2)]
    verdicts = [crowded.judge(NODE, life, 1) for life in lives]
    assert verdicts == [Verdict.NEW] * (MAX_SUPERSEDED + 1) + [Verdict.REPLAY]
    assert crowded.judge(NODE, lives[-2], 2) is Verdict.NEW
    assert crowded.judge(NODE, SECOND, 1) is Verdict.NEW


lives = st.builds(Life, st.integers(1, 3), st.integers(0, 2))
seqs = st.integers(1, 100) | st.integers(1, 2**64 - 1)


@given(st.lists(st.tuples(lives, seqs), max_size=60))
def test_no_packet_is_taken_in_twice_whatever_the_order(arrivals: list[tuple[Life, int]]) -> None:
    guard = ReplayGuard()
    taken: set[tuple[Life, int]] = set()
    for life, seq in arrivals * 2:
        verdict = guard.judge(NODE, life, seq)
        if verdict in (Verdict.NEW, Verdict.LATE):
            assert (life, seq) not in taken
            taken.add((life, seq))
        elif verdict is Verdict.DUPLICATE:
            assert (life, seq) in taken


@given(st.permutations(range(1, WINDOW + 1)))
def test_within_one_window_every_packet_passes_once_in_any_order(order: list[int]) -> None:
    guard = ReplayGuard()
    assert all(verdict in (Verdict.NEW, Verdict.LATE) for verdict in judged(guard, FIRST, *order))
    assert set(judged(guard, FIRST, *order)) == {Verdict.DUPLICATE}
