import pytest

from twinbeat.lab.kernel import MS
from twinbeat.lab.view import ClientView, Outcome, Span, Summary, gaps, merged, summary, total


def test_gaps_count_the_edges_of_the_window() -> None:
    assert gaps([10, 30], Span(0, 35)) == [Span(0, 10), Span(10, 30), Span(30, 35)]
    assert gaps([], Span(0, 35)) == [Span(0, 35)]
    assert gaps([100], Span(0, 35)) == [Span(0, 35)]


def test_a_summary_counts_what_was_sent_in_the_window() -> None:
    outcomes = [
        Outcome(5, 6, "a"),  # before the window
        Outcome(10, 11, "a"),
        Outcome(20, 0, "-"),
        Outcome(30, 31, "b"),
        Outcome(40, 41, "b"),  # at its end, which is outside
    ]
    assert summary(outcomes, Span(10, 40)) == Summary(sent=3, lost=1, gap=20)


def test_spans_that_touch_are_joined() -> None:
    assert merged([Span(0, 10), Span(10, 20), Span(30, 40)], slack=0) == [Span(0, 20), Span(30, 40)]
    assert merged([Span(0, 50), Span(10, 20)], slack=0) == [Span(0, 50)]
    assert total([Span(0, 20), Span(30, 40)]) == 30


def test_a_view_takes_in_every_kind_of_record() -> None:
    view = ClientView()
    for record in (
        "ping 100 120 one\n",
        "ping 105 0 -\n",
        "page 100 150 one\n",
        "page 110 0 econnrefused\n",
        "witness 100 one\n",
        "arp 90 two\n",
        "late 300 40\n",
        "upto 111\n",
    ):
        view.take(record)
    assert list(view.pings) == [Outcome(100, 120, "one"), Outcome(105, 0, "-")]
    assert list(view.pages) == [Outcome(100, 150, "one"), Outcome(110, 0, "econnrefused")]
    assert list(view.announcements) == [(90, "two")]
    assert view.upto == 111
    assert view.stalled(Span(0, 400)) == 40


def test_what_is_no_record_is_refused() -> None:
    with pytest.raises(ValueError, match="not a record of the client"):
        ClientView().take("pong 1 2\n")


def test_the_page_seen_is_the_newest_that_is_fresh() -> None:
    view = ClientView()
    view.take("page 100 150 one")
    view.take("page 160 0 timeout")
    assert view.page_since(140) == "one"
    assert view.page_since(150) is None
    view.take("page 170 190 two")
    assert view.page_since(140) == "two"


def test_two_owners_are_two_answers_around_a_third() -> None:
    view = ClientView()
    for sent, nodes in ((0, "one one"), (10, "two"), (20, "one two"), (30, "one two one")):
        for node in nodes.split():
            view.take(f"witness {sent * MS} {node}")
    # At 20 ms the first node answered only once: it may have let go before the other began.
    assert view.two_answered(Span(0, 100 * MS)) == [Span(30 * MS, 40 * MS)]
    assert view.two_answered(Span(0, 30 * MS)) == []
