"""The numbers that everything rests on: timers, durations for people, strength, orders."""

import pytest
from core_models import timing

from twinbeat.core import orders
from twinbeat.core.beat import CLUSTER, Custody, GroupView, Pin, Switch
from twinbeat.core.units import MS, US, Duration, NodeName, in_ms, milliseconds, readable, seconds

NODE1, NODE2 = NodeName("node1"), NodeName("node2")


@pytest.mark.parametrize(
    ("keepalive", "deadtime", "margin", "lease", "quiet", "stall", "limit"),
    [
        # margin = min(20, D/10) + 3 % of D; L = D - margin;
        # quiet = max(1.5 keepalive, L - 2 keepalive - min(60, D/16))
        (200, 1000, 50, 950, 490, 220, 1000),
        (10, 50, 6.5, 43.5, 20.375, 15, 50),
        (250, 1000, 50, 950, 390, 270, 1000),
        (2000, 30_000, 920, 29_080, 25_020, 2020, 30_000),
        (250, 700, 41, 659, 375, 270, 700),  # 659 - 500 - 43.75 is less than 1.5 keepalives
    ],
)
def test_limits_of_protocol_2_1(
    keepalive: float, deadtime: float, margin: float, lease: float, quiet: float,
    stall: float, limit: float,
) -> None:  # fmt: skip
    timers = timing(keepalive, deadtime, 2 * deadtime)
    found = (timers.margin, timers.lease, timers.quiet, timers.stall, timers.limit(timers.lease))
    assert [in_ms(span) for span in found] == [margin, lease, quiet, stall, limit]


def test_a_longer_published_lease_is_waited_for() -> None:
    # 2890 x 1.025 + 10 = 2972.25; at 50 ms the constant is 1 ms: 80 x 1.025 + 1 = 83
    assert timing(200, 1000, 2000).limit(milliseconds(2890)) == milliseconds(2972.25)
    assert timing(10, 50, 100).limit(milliseconds(80)) == milliseconds(83)


@pytest.mark.parametrize("deadtime", [40, 50, 200, 1000, 3000, 30_000, 600_000])
def test_a_lease_ends_before_the_judge_with_two_clocks_one_per_cent_apart(deadtime: int) -> None:
    timers = timing(deadtime / 5, deadtime, deadtime)
    assert timers.lease * 101 // 99 < timers.limit(timers.lease)
    assert timers.quiet < timers.lease


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (0, "0.0 ms"), (500 * US, "0.5 ms"), (9_940 * US, "9.9 ms"), (10 * MS, "10 ms"),
        (850 * MS, "850 ms"), (1020 * MS, "1.02 s"), (59_500 * MS, "59.50 s"),
        (60_000 * MS, "1 min"), (59_999 * MS, "59 s"), (7_200_000 * MS, "2 h"),
        (125_000 * MS, "2 min 5 s"), (3_725_000 * MS, "1 h 2 min"),
        (-30 * MS, "-30 ms"),
    ],
)  # fmt: skip
def test_readable(span: int, text: str) -> None:
    assert readable(span) == text


def test_spans_are_whole_nanoseconds() -> None:
    assert (milliseconds(0.5), seconds(1.5)) == (Duration(500_000), Duration(1_500_000_000))
    assert in_ms(1_234_567) == 1.235


def view(term: int, rank: int) -> GroupView:
    return GroupView(Custody.HELD, term, rank)


def test_strength_is_term_then_rank_then_the_lower_name() -> None:
    strongest_first = [
        view(3, 2).strength(NODE2),
        view(2, 0).strength(NODE2),
        view(2, 1).strength(NODE1),
        view(2, 1).strength(NodeName("node10")),  # node1 comes before node10
        view(2, 1).strength(NODE2),
        view(1, 0).strength(NODE1),
    ]
    assert sorted(strongest_first, reverse=True) == strongest_first
    assert len(set(strongest_first)) == len(strongest_first)


def test_custodies_that_hold_and_that_own() -> None:
    holds = {custody for custody in Custody if custody.holds}
    assert holds == set(Custody) - {Custody.STOPPED, Custody.CLAIMING}
    assert {custody for custody in Custody if custody.owns} == {Custody.STARTING, Custody.HELD}


def test_the_newest_switch_wins_whichever_node_is_told_first() -> None:
    older, newer = {NODE1: Switch(3, on=True)}, {NODE1: Switch(4, on=False)}
    for first, second in ((older, newer), (newer, older)):
        own: orders.Switches = {}
        orders.merge(own, first)
        orders.merge(own, second)
        assert own == newer
    assert orders.merge(own, newer) == []


def test_the_same_counter_turned_two_ways_reads_as_on_everywhere() -> None:
    on, off = {NODE1: Switch(4, on=True)}, {NODE1: Switch(4, on=False)}
    own, other = dict(on), dict(off)
    assert (orders.merge(own, off), orders.merge(other, on)) == ([], [NODE1])
    assert own == other == on


def test_turning_counts_up_and_says_when_it_stood_so_already() -> None:
    own: orders.Switches = {}
    assert not orders.turn(own, NODE1, on=False)
    assert orders.turn(own, NODE1, on=True)
    assert not orders.turn(own, NODE1, on=True)
    assert own == {NODE1: Switch(1, on=True)}
    assert orders.is_on(own, NODE1)
    assert not orders.is_on(own, NODE2)


def test_maintenance_freezes_one_node_or_all() -> None:
    one, every = {NODE1: Switch(1, on=True)}, {CLUSTER: Switch(1, on=True)}
    assert orders.frozen({}, NODE1) is None
    assert orders.frozen(one, NODE1) == "maintenance is on for node1"
    assert orders.frozen(one, NODE2) is None
    assert orders.frozen(one, None) is None
    assert orders.frozen(every, None) == "maintenance is on for the whole cluster"


def test_pins_count_up_and_an_empty_one_lifts() -> None:
    pin = orders.next_pin(Pin(), NODE2)
    lifted = orders.next_pin(pin, None)
    assert (pin, lifted) == (Pin(1, NODE2), Pin(2, NodeName("")))
    assert max(lifted, pin, Pin(1, NODE1)) == lifted
