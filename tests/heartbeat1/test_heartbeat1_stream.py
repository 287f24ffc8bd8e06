"""Heartbeat's numbering (heartbeat.md 3.2 to 3.5): nothing twice, nothing forgotten."""

from hypothesis import given
from hypothesis import strategies as st

from twinbeat.core.units import MS, SECOND, Instant, NodeName
from twinbeat.heartbeat1.peer import HeartbeatPeer
from twinbeat.heartbeat1.stream import ASK_TIMES, HISTORY, RESEND_AT_ONCE, Inbound, Outbound, Place

steps = st.lists(st.tuples(st.integers(-30, 300), st.integers(0, 400)), max_size=80)
"""How far each number is from the highest, and how many ms pass."""


@given(st.integers(1, 5000), steps)
def test_nothing_is_taken_in_twice(first: int, came: list[tuple[int, int]]) -> None:
    inbound, taken, now = Inbound(), set[int](), 0
    for jump, ms in [(0, 0), *came]:
        seq = max(1, (inbound.highest or first) + jump)
        now += ms
        if inbound.take(seq, Instant(now * MS)) is Place.NEW:
            assert seq not in taken
            taken.add(seq)
        list(inbound.due_requests(Instant(now * MS)))
        assert inbound.highest == max(taken)


@given(st.lists(st.integers(1, 60), unique=True, min_size=1))
def test_whatever_is_missing_is_asked_for_until_it_comes(came: list[int]) -> None:
    inbound, highest = Inbound(), 0
    for seq in came:
        inbound.take(seq, Instant(0))
        highest = max(highest, seq)
    missing = set(range(came[0], highest)) - set(came)
    assert list(inbound.due_requests(Instant(49 * MS))) == []  # Answers overtake each other (1.8).
    asked = dict.fromkeys(missing, 0)
    for turn in range(1, 2 * ASK_TIMES):
        for seq in inbound.due_requests(Instant(turn * 250 * MS)):
            asked[seq] += 1
    assert set(asked.values()) <= {ASK_TIMES}
    assert inbound.next_deadline() > 2 * ASK_TIMES * SECOND


@given(st.integers(1, 500), st.permutations(range(40)))
def test_an_acknowledgement_says_that_everything_before_it_came(
    first: int, order: list[int]
) -> None:
    inbound, taken, acked = Inbound(), set[int](), 0
    inbound.take(first, Instant(0))
    taken.add(first)
    for offset in order:
        seq = first + 1 + offset
        inbound.take(seq, Instant(0))
        taken.add(seq)
        ack = inbound.due_ack()
        if ack is not None:
            assert ack > acked
            assert ack % 10 == 0
            assert taken >= set(range(first, ack + 1))
            acked = ack
        assert inbound.due_ack() is None
    last = first + len(order)
    assert acked == last - last % 10


def test_after_a_long_silence_what_is_missing_is_given_up() -> None:
    inbound = Inbound()
    inbound.take(1, Instant(0))
    inbound.take(252, Instant(0))
    assert len(list(inbound.due_requests(Instant(SECOND)))) == 250
    inbound.take(254, Instant(SECOND))
    assert list(inbound.due_requests(Instant(3 * SECOND))) == []
    assert inbound.take(2, Instant(3 * SECOND)) is Place.OLD


def test_what_the_peer_no_longer_has_is_not_asked_for_again() -> None:
    inbound = Inbound()
    inbound.take(1, Instant(0))
    inbound.take(4, Instant(0))
    inbound.forget(2)
    assert list(inbound.due_requests(Instant(SECOND))) == [3]


@given(st.integers(0, 3000), st.integers(0, 3000), st.integers(1, 3000), st.integers(0, 400))
def test_what_is_sent_again_was_sent_and_is_still_kept(
    begun: int, more: int, first: int, span: int
) -> None:
    newest, last = begun + more, first + span
    again, gone = Outbound(begun).resend(first, last, newest, Instant(0))
    kept = range(max(begun, newest - HISTORY) + 1, newest + 1)
    wanted = range(first, last + 1)
    assert again == [seq for seq in kept if seq in wanted][:RESEND_AT_ONCE]
    assert gone == (min(last, kept.start - 1) if first < kept.start else 0)


def test_the_same_is_not_sent_again_at_once() -> None:
    outbound = Outbound(0)
    assert outbound.resend(3, 4, 9, Instant(0)) == ([3, 4], 0)
    assert outbound.resend(4, 5, 9, Instant(239 * MS)) == ([5], 0)
    assert outbound.resend(4, 5, 9, Instant(240 * MS)) == ([4], 0)


@given(st.lists(st.integers(0, 200)), st.integers(0, 100), st.integers(0, 100))
def test_only_what_this_life_sent_can_be_acknowledged(
    acks: list[int], first: int, sent: int
) -> None:
    """An acknowledgement of an earlier life, or of nothing yet sent, says nothing."""
    peer, highest = HeartbeatPeer(NodeName("node2"), 1, first), first
    for seq in acks:
        news = highest < seq <= first + sent
        assert peer.take_ack(seq, first + sent) == news
        highest = seq if news else highest
    assert peer.fresh == any(first < seq <= first + sent for seq in acks)
