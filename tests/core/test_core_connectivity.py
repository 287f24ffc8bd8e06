"""The comparison of connectivity, by hand; keepalive 200 ms, deadping 1 s."""

from dataclasses import replace

from core_models import model
from core_solo import HERE, THERE, THIRD, Solo

from twinbeat.core.connectivity import Connectivity
from twinbeat.core.effects import Effect, Record, SendBeat, What
from twinbeat.core.events import LinkChanged, PingAnswered
from twinbeat.core.model import ClusterModel, PingSpec
from twinbeat.core.units import NEVER, Duration, Instant, LinkName, NodeName, milliseconds

R1, R2 = NodeName("10.0.0.1"), NodeName("10.0.0.2")
NONE: dict[NodeName, str] = {}


def watched(follow: bool = True, nodes: int = 2) -> ClusterModel:
    pings = tuple(PingSpec(name=name, addresses=(name,)) for name in (R1, R2))
    return replace(model(nodes), pings=pings, connectivity=follow)


def at(ms: float) -> Instant:
    return Instant(milliseconds(ms))


def told(out: list[Effect]) -> list[tuple[What, NodeName | None]]:
    return [(effect.what, effect.peer) for effect in out if isinstance(effect, Record)]


def test_nothing_is_stated_before_every_ping_node_answered_or_was_judged() -> None:
    outside = Connectivity(watched(), at(0))
    assert outside.statement is None
    assert outside.answered(R1, at(1), [])
    assert outside.statement is None
    out: list[Effect] = []
    outside.time_passed(at(999), out)
    assert (out, outside.statement) == ([], None)
    outside.time_passed(at(1000), out)
    assert told(out) == [(What.PING_DEAD, R2)]
    assert outside.statement == 1


def test_a_ping_node_dies_after_the_deadping_and_returns_with_an_answer() -> None:
    outside, out = Connectivity(watched(), at(0)), list[Effect]()
    for ping in (R1, R2):
        outside.answered(ping, at(10), [])
    assert outside.next_deadline() == at(1010)
    outside.answered(R1, at(800), out)
    outside.time_passed(at(1010), out)
    assert (told(out), outside.statement) == ([(What.PING_DEAD, R2)], 1)
    out.clear()
    assert outside.answered(R2, at(2010), out)
    assert told(out) == [(What.PING_ANSWERS, R2)]
    assert [e.evidence for e in out if isinstance(e, Record)] == [{"interval_ms": 2000.0}]
    assert outside.statement == 2


def test_an_answer_that_is_no_news_is_none() -> None:
    outside = Connectivity(watched(), at(0))
    outside.answered(R1, at(1), [])
    assert not outside.answered(R1, at(200), [])
    assert not outside.answered(NodeName("10.9.9.9"), at(200), [])


def test_who_was_away_does_not_judge_by_its_own_sleep() -> None:
    outside, out = Connectivity(watched(), at(0)), list[Effect]()
    for ping in (R1, R2):
        outside.answered(ping, at(10), [])
    outside.stalled(at(5000))
    outside.time_passed(at(5999), out)
    assert out == []
    outside.time_passed(at(6000), out)
    assert len(out) == 2


def test_a_node_that_cannot_ask_makes_no_statement() -> None:
    outside = Connectivity(watched(), at(0))
    outside.link_changed(LinkName(R1), False)
    outside.time_passed(at(1000), [])
    assert outside.statement is None
    outside.link_changed(LinkName(R1), True)
    assert outside.statement == 0


def test_without_ipfail_they_are_only_watched() -> None:
    outside = Connectivity(watched(follow=False), at(0))
    outside.time_passed(at(1000), [])
    assert outside.statement is None
    outside.compare({HERE: 0, THERE: 2}, at(1000))
    outside.compare({HERE: 0, THERE: 2}, at(9000))
    assert outside.outdone(HERE) == NONE


def test_a_difference_counts_when_it_has_stood_for_two_keepalives() -> None:
    outside = Connectivity(watched(), at(0))
    outside.compare({HERE: 2, THERE: 2}, at(0))
    outside.compare({HERE: 0, THERE: 2}, at(1000))
    assert outside.next_deadline() <= at(1400)
    outside.compare({HERE: 0, THERE: 2}, at(1399))
    assert outside.outdone(HERE) == NONE
    outside.compare({HERE: 0, THERE: 2}, at(1400))
    why = "node1 sees 2 of 2 ping nodes, node2 0 of 2"
    assert outside.outdone(HERE) == {THERE: why}
    assert outside.outdone(THERE) == NONE
    outside.compare({HERE: 2, THERE: 2}, at(1500))
    outside.compare({HERE: 2, THERE: 2}, at(1899))
    assert outside.outdone(HERE) == {THERE: why}
    outside.compare({HERE: 2, THERE: 2}, at(1900))
    assert outside.outdone(HERE) == NONE


def test_a_difference_that_is_made_up_for_in_time_never_counts() -> None:
    outside = Connectivity(watched(), at(0))
    outside.compare({HERE: 2, THERE: 2}, at(0))
    outside.compare({HERE: 0, THERE: 2}, at(1000))
    outside.compare({HERE: 0, THERE: 0}, at(1399))
    outside.compare({HERE: 0, THERE: 0}, at(9000))
    assert outside.outdone(HERE) == outside.outdone(THERE) == NONE


def test_a_node_that_says_nothing_is_compared_with_nobody() -> None:
    outside = Connectivity(watched(nodes=3), at(0))
    for when in (0, 400):
        outside.compare({HERE: 1, THERE: None, THIRD: 2}, at(when))
    assert outside.outdone(HERE) == {THIRD: "node3 sees 2 of 2 ping nodes, node2 1 of 2"}
    assert outside.outdone(THERE) == NONE


def test_how_long_a_node_is_not_preferred_to_an_owner() -> None:
    outside = Connectivity(watched(), at(0))
    outside.compare({HERE: 2, THERE: None}, at(0))
    wait = outside.unsure(THERE, HERE, milliseconds(100), at(0))
    assert wait == milliseconds(1300)  # deadping and two keepalives, less the 100 ms
    assert outside.unsure(THERE, HERE, milliseconds(1400), at(0)) == 0
    outside.compare({HERE: 2, THERE: 1}, at(500))
    assert outside.unsure(THERE, HERE, Duration(0), at(600)) == milliseconds(300)
    outside.compare({HERE: 2, THERE: 2}, at(700))
    assert outside.unsure(THERE, HERE, Duration(0), at(700)) == 0


def test_an_engine_publishes_what_it_sees_at_once() -> None:
    solo = Solo(watched())
    assert {e.beat.pings for _, e in solo.effects if isinstance(e, SendBeat)} == {None}
    assert not any(isinstance(e, SendBeat) for e in solo.tell(PingAnswered(R1)))
    beats = [e.beat for e in solo.tell(PingAnswered(R2)) if isinstance(e, SendBeat)]
    assert [beat.pings for beat in beats] == [2]


def test_status_shows_ping_nodes_as_heartbeat_does() -> None:
    solo = Solo(watched())
    solo.tell(PingAnswered(R1))
    solo.tell(LinkChanged(LinkName(R2), False, "a raw socket needs root"))
    solo.until(1000)
    nodes = solo.engine.status(Instant(10_000_000_000 + at(1000))).nodes
    assert [nodes[name].state for name in (R1, R2)] == ["dead", "dead"]
    solo.tell(PingAnswered(R1))
    nodes = solo.engine.status(Instant(10_000_000_000 + at(1050))).nodes
    assert (nodes[R1].state, nodes[R1].last_heard) == ("ping", milliseconds(50))
    assert nodes[R1].links[LinkName(R1)].up
    assert nodes[R2].last_heard is None


def test_no_ping_node_asks_for_no_time() -> None:
    assert Connectivity(model(), at(0)).next_deadline() == NEVER
