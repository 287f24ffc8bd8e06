"""The last move of a group, from hand-written journals of its giver, its taker and a bystander."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from twinbeat.core.effects import What
from twinbeat.core.units import MS, GroupName, Instant, NodeName
from twinbeat.journal import Entry, Journal, Move, render

WEB = GroupName("web")
N1, N2, N3 = NodeName("node1"), NodeName("node2"), NodeName("node3")
START = round(datetime(2026, 11, 23, 10, 15, tzinfo=UTC).timestamp()) * 1_000_000_000


class Writer:
    """Writes a journal of one node; times are milliseconds after 10:15:00."""

    def __init__(self, node: NodeName) -> None:
        self.node = node
        self.journal = Journal()

    def tell(
        self, ms: float, what: What, because: str, peer: NodeName | None = None, **evidence: object
    ) -> None:
        about_group = what.startswith("group") or what in (What.PEER_GROUP, What.PIN_CHANGED)
        self.journal.append(
            Entry(
                at=Instant(round(5_000_000 * MS + ms * MS)),
                wall_ns=START + round(ms * MS),
                node=self.node,
                what=what,
                because=because,
                group=WEB if about_group else None,
                peer=peer,
                evidence=evidence,
            )
        )

    def peer(self, ms: float, peer: NodeName, custody: str, term: int = 1) -> None:
        said = f"{peer} says {custody}"
        self.tell(ms, What.PEER_GROUP, said, peer, custody=custody, term=term)

    def takes(self, ms: float, cause: str, giver: NodeName | None, term: int) -> None:
        """Claim, start and hold, one, two and eighty milliseconds apart."""
        self.tell(ms, What.GROUP_CLAIMING, cause, term=term)
        answered = "every configured peer answered, left, or is proven dead"
        self.tell(ms + 1, What.GROUP_STARTING, answered, term=term)
        self.held(ms + 81, cause, giver, term=term)

    def held(self, ms: float, cause: str, giver: NodeName | None, **more: object) -> None:
        facts: dict[str, Any] = {"from": giver, "cause": cause, **more}
        self.tell(ms, What.GROUP_HELD, "every resource is started", None, **facts)

    def why(self) -> Move:
        move = self.journal.why(WEB)
        assert move is not None
        return move


def whats(move: Move) -> list[str]:
    return [phase.what for phase in move.phases]


def standing_by() -> Writer:
    """Node2 stands by since long; node1 holds the group."""
    writer = Writer(N2)
    writer.tell(-9e6, What.NODE_STARTED, "a new life begins", generation=3)
    writer.tell(-9e6 + 50, What.PEER_HEARD, "its first heartbeat in this life", N1)
    writer.tell(-9e6 + 60, What.PEER_ALIVE, "it echoes this node's present life", N1)
    writer.peer(-9e6 + 60, N1, "held")
    writer.tell(-9e6 + 70, What.GROUP_STOPPED, "nothing of it was left running")
    return writer


def takeover() -> Writer:
    writer = standing_by()
    writer.tell(-3e6, What.PEER_LATE, "old trouble", N1)
    writer.tell(-3e6 + 50, What.PEER_LATE_BEAT, "its heartbeat came late", N1)
    late = "nothing was heard for 500 ms, more than the warntime"
    writer.tell(2481, What.PEER_LATE, late, N1, silence_ms=500.1, missed=2, links={"eth1": 500.2})
    writer.tell(2900, What.LINK_DEAD, "nothing of node1 came on eth1", N1, link="eth1")
    dead = "nothing was heard for 1.00 s, the deadtime"
    writer.tell(2981, What.PEER_DEAD, dead, N1, silence_ms=1000.1, missed=5)
    writer.takes(2981.2, "node1 is dead: nothing was heard of it for 1.00 s", N1, 2)
    return writer


def test_a_takeover_is_told_from_the_first_silence_on() -> None:
    assert takeover().why().to_dict() == {
        "group": "web",
        "from": "node1",
        "to": "node2",
        "at": "2026-11-23T10:15:02.481Z",
        "cause": "node1 is dead: nothing was heard of it for 1.00 s",
        "phases": [
            {
                "what": "peer late",
                "ms": 419.0,
                "because": "nothing was heard for 500 ms, more than the warntime",
                "evidence": {
                    "node": "node1",
                    "silence_ms": 500.1,
                    "missed": 2,
                    "links": {"eth1": 500.2},
                },
            },
            {
                "what": "link dead",
                "ms": 81.0,
                "because": "nothing of node1 came on eth1",
                "evidence": {"node": "node1", "link": "eth1"},
            },
            {
                "what": "peer dead",
                "ms": 0.2,
                "because": "nothing was heard for 1.00 s, the deadtime",
                "evidence": {"node": "node1", "silence_ms": 1000.1, "missed": 5},
            },
            {
                "what": "group claiming",
                "ms": 1.0,
                "because": "node1 is dead: nothing was heard of it for 1.00 s",
                "evidence": {"node": "node2", "term": 2},
            },
            {
                "what": "group starting",
                "ms": 80.0,
                "because": "every configured peer answered, left, or is proven dead",
                "evidence": {"node": "node2", "term": 2},
            },
            {
                "what": "group held",
                "ms": 0.0,
                "because": "every resource is started",
                "evidence": {"node": "node2", "term": 2},
            },
        ],
        "restarts": [],
        "since": [],
    }


GOLDEN = """\
web moved from node1 to node2 on 2026-11-23 at 11:15:02 CET, 1.08 s after node1 was last heard:
node1 is dead: nothing was heard of it for 1.00 s.

11:15:02.481                node1 is late
                            nothing was heard for 500 ms, more than the warntime (silence 500 ms,
                            missed 2, eth1 500 ms ago)
11:15:02.900      + 419 ms  the link to node1 is dead
                            nothing of node1 came on eth1 (link eth1)
11:15:02.981      + 500 ms  node1 is dead
                            nothing was heard for 1.00 s, the deadtime (silence 1.00 s, missed 5)
11:15:02.981      + 500 ms  node2 claims web
                            node1 is dead: nothing was heard of it for 1.00 s (term 2)
11:15:02.982      + 501 ms  node2 starts web
                            every configured peer answered, left, or is proven dead (term 2)
11:15:03.062      + 581 ms  node2 holds web
                            every resource is started (term 2)"""


def test_a_move_comes_back_from_its_json() -> None:
    told = takeover().why().to_dict()
    assert Move.from_dict(told).to_dict() == told
    assert render(Move.from_dict(told)) == render(takeover().why())


def test_a_takeover_reads_as_a_person_would_tell_it() -> None:
    zone = timezone(timedelta(hours=1), "CET")
    assert render(takeover().why(), zone) == GOLDEN


def failed_back_to(writer: Writer) -> None:
    """Node1 starts again and gets its group back, as node1 itself sees it."""
    writer.tell(0, What.NODE_STARTED, "a new life begins", generation=4)
    writer.tell(10, What.GROUP_STOPPED, "nothing of it was left running")
    writer.tell(210, What.PEER_HEARD, "its first heartbeat in this life", N2)
    writer.peer(210, N2, "held", 2)
    writer.tell(410, What.PEER_ALIVE, "it echoes this node's present life", N2)
    writer.tell(410, What.NODE_ACTIVE, "every peer was heard or judged")
    writer.peer(420, N2, "stopping", 2)
    writer.peer(450, N2, "stopped", 2)
    writer.takes(450.5, "node2 released it: failback to node1, the preferred owner", N2, 3)


def test_a_failback_is_told_by_the_taker_from_its_own_return_on() -> None:
    writer = Writer(N1)
    failed_back_to(writer)
    move = writer.why()
    assert (move.from_, move.to) == (N2, N1)
    assert move.cause == "node2 released it: failback to node1, the preferred owner"
    assert whats(move) == [
        "node active",
        "peer stopping",
        "peer stopped",
        "group claiming",
        "group starting",
        "group held",
    ]
    assert move.ms == 121.5


def test_a_restart_over_a_kept_journal_tells_the_same() -> None:
    writer = Writer(N1)
    writer.tell(-5e6, What.NODE_STARTED, "a new life begins", generation=3)
    writer.takes(-5e6 + 100, "nobody owns it; node1 is the preferred owner", None, 1)
    failed_back_to(writer)
    assert whats(writer.why())[:2] == ["node active", "peer stopping"]


def test_what_a_returned_node_missed_is_told_as_it_learnt_of_it() -> None:
    writer = Writer(N1)
    writer.tell(-5e6, What.NODE_STARTED, "a new life begins", generation=3)
    writer.takes(-5e6 + 100, "nobody owns it; node1 is the preferred owner", None, 1)
    writer.tell(0, What.NODE_STARTED, "a new life begins", generation=4)
    writer.tell(10, What.GROUP_STOPPED, "nothing of it was left running")
    writer.peer(210, N2, "held", 2)
    move = writer.why()
    assert (move.from_, move.to) == (N1, N2)
    assert whats(move) == ["group stopped", "peer held"]


def test_a_handover_is_told_by_the_giver_from_the_order_on() -> None:
    writer = Writer(N1)
    writer.takes(-8e6, "nobody owns it; node1 is the preferred owner", None, 1)
    writer.tell(-7e6, What.GROUP_DARK, "no acknowledgement allows to serve it")
    writer.tell(-7e6 + 90, What.GROUP_LIT, "the peers acknowledge again")
    writer.tell(-6e6, What.PEER_RESTARTED, "its heartbeat is of a new life", N2)
    writer.peer(-6e6 + 1, N2, "unknown", 0)
    writer.peer(-6e6 + 2, N2, "stopped", 0)
    writer.tell(1000, What.PIN_CHANGED, "an operator asked for it", to="node2")
    writer.tell(1000.5, What.GROUP_STOPPING, "an operator moved it to node2", to="node2")
    writer.tell(1030.5, What.GROUP_STOPPED, "every resource is stopped")
    writer.peer(1031.5, N2, "claiming", 2)
    writer.peer(1032, N2, "starting", 2)
    writer.peer(1040, N2, "held", 2)
    move = writer.why()
    assert (move.from_, move.to, move.cause) == (N1, N2, "an operator moved it to node2")
    assert whats(move) == [
        "pin changed",
        "group stopping",
        "group stopped",
        "peer claiming",
        "peer starting",
        "peer held",
    ]
    assert [phase.ms for phase in move.phases] == [0.5, 30.0, 1.0, 0.5, 8.0, 0.0]


def test_a_bystander_tells_what_it_heard() -> None:
    writer = Writer(N3)
    writer.peer(-100, N1, "held")
    writer.peer(-100, N2, "stopped")
    writer.tell(0, What.STANDBY_CHANGED, "an operator asked for it", N1, on=True)
    writer.peer(3, N1, "stopping")
    writer.peer(40, N1, "stopped")
    writer.peer(41, N2, "claiming", 2)
    writer.peer(42, N2, "held", 2)
    move = writer.why()
    assert (move.from_, move.to, move.cause) == (N1, N2, "an operator asked for it")
    assert whats(move)[:3] == ["standby changed", "peer stopping", "peer stopped"]
    assert "standby of node1 is switched on" in render(move)


def test_a_first_start_elsewhere_has_no_giver() -> None:
    writer = Writer(N2)
    writer.tell(0, What.NODE_STARTED, "a new life begins", generation=1)
    writer.tell(5, What.PEER_ALIVE, "it echoes this node's present life", N1)
    for ms, custody in ((5, "stopped"), (6, "claiming"), (7, "starting"), (9, "held")):
        writer.peer(ms, N1, custody)
    move = writer.why()
    assert (move.from_, move.to, move.cause) == (None, N1, "nobody owned it")
    assert render(move).splitlines()[2:] == [
        "10:15:00.000                node2 started",
        "                            a new life begins (generation 1)",
        "10:15:00.005      + 5.0 ms  node1 is alive",
        "                            it echoes this node's present life",
        "10:15:00.006      + 6.0 ms  node1 claims web",
        "10:15:00.007      + 7.0 ms  node1 starts web",
        "10:15:00.009      + 9.0 ms  node1 holds web",
    ]


def test_a_cold_start_is_told_from_the_first_life_on() -> None:
    writer = Writer(N1)
    writer.tell(0, What.NODE_STARTED, "a new life begins", generation=1)
    writer.tell(1, What.GROUP_STOPPED, "nothing of it was left running")
    writer.tell(9000, What.PEER_DEAD, "never heard since this node started", N2)
    writer.tell(9000, What.NODE_ACTIVE, "every peer was heard or judged")
    writer.takes(9000.1, "nobody owns it; node1 is the preferred owner", None, 1)
    move = writer.why()
    assert (move.from_, move.to) == (None, N1)
    assert whats(move)[:4] == ["node started", "peer dead", "node active", "group claiming"]
    assert render(move).startswith("web came to node1 on 2026-11-23 at 10:15:00 UTC, in 9.08 s:")


def test_a_failed_resource_is_its_own_root() -> None:
    writer = Writer(N1)
    writer.takes(-8e6, "nobody owns it; node1 is the preferred owner", None, 1)
    writer.tell(-100, What.PEER_ALIVE, "it echoes this node's present life", N2)
    writer.tell(0, What.GROUP_FAILED, "httpd failed: not running", resource="httpd")
    writer.tell(0, What.GROUP_STOPPING, "httpd failed: not running", to=None)
    writer.tell(20, What.GROUP_STOPPED, "every resource is stopped")
    writer.peer(60, N2, "held", 2)
    move = writer.why()
    assert (move.from_, move.to, move.cause) == (N1, N2, "httpd failed: not running")
    assert whats(move) == ["group failed", "group stopping", "group stopped", "peer held"]


def test_two_owners_meet_and_the_weaker_gives_way() -> None:
    writer = takeover()
    writer.tell(9000, What.PEER_RETURNED, "it is heard again in the same life", N1)
    writer.tell(9000, What.GROUP_MET, "node1 owns it with the stronger claim", N1, term=2)
    writer.tell(9000, What.GROUP_STOPPING, "node1 owns it with the stronger claim", N1, to="node1")
    writer.tell(9010, What.GROUP_STOPPED, "every resource is stopped")
    move = writer.why()
    assert (move.from_, move.to) == (N2, N1)
    assert move.cause == "node1 owns it with the stronger claim"
    assert whats(move) == ["group met", "group stopping", "group stopped"]


def test_a_move_that_has_not_ended_says_so() -> None:
    writer = takeover()
    writer.tell(9000, What.NODE_LEAVING, "it was told to stop")
    writer.tell(9000, What.GROUP_STOPPING, "this node is leaving", to=None)
    writer.tell(9020, What.GROUP_STOPPED, "every resource is stopped")
    move = writer.why()
    assert (move.from_, move.to, move.cause) == (N2, None, "this node is leaving")
    assert whats(move) == ["node leaving", "group stopping", "group stopped"]
    text = render(move)
    assert text.startswith("node2 gave up web on 2026-11-23 at 10:15:09 UTC: this node is leaving.")
    assert text.endswith("Nobody has taken web yet.")


def test_a_bystander_that_starts_anew_does_not_take_the_owner_for_a_mover() -> None:
    writer = Writer(N1)
    writer.takes(-5e6, "nobody owns it; node1 is the preferred owner", None, 1)
    writer.tell(0, What.PIN_CHANGED, "an operator said so", to="node2")
    writer.tell(1, What.GROUP_STOPPING, "an operator moved it to node2", to="node2")
    writer.tell(2, What.GROUP_STOPPED, "every resource is stopped")
    writer.peer(3, N2, "claiming", 2)
    writer.peer(4, N2, "held", 2)
    before = writer.why()
    writer.tell(9000, What.NODE_STARTED, "a new life begins", generation=4)
    writer.tell(9001, What.GROUP_STOPPED, "nothing of it was left running")
    writer.peer(9002, N2, "held", 2)
    writer.tell(9002, What.PIN_CHANGED, "node2 says so", to="node2")
    assert writer.why() == before


def test_a_group_started_again_on_its_owner() -> None:
    writer = Writer(N1)
    writer.takes(-5e6, "nobody owns it; node1 is the preferred owner", None, 1)
    writer.tell(0, What.CONFIG_CHANGED, "it was read again", digest="abc")
    writer.tell(1, What.GROUP_STOPPING, "its resources changed in the configuration", to="node1")
    writer.tell(2, What.GROUP_STOPPED, "every resource is stopped")
    writer.takes(3, "nobody owns it; node1 is the preferred owner", N1, 2)
    move = writer.why()
    assert (move.from_, move.to) == (N1, N1)
    assert whats(move) == [
        "config changed",
        "group stopping",
        "group stopped",
        "group claiming",
        "group starting",
        "group held",
    ]
    assert render(move).startswith("web was started again on node1 on 2026-11-23")


def test_a_claim_under_way_and_one_that_ended() -> None:
    writer = takeover()
    first = writer.why()
    writer.tell(5000, What.GROUP_UNCLEAN, "httpd did not stop: it hangs", resource="httpd")
    assert writer.why().cause != first.cause
    waiting = standing_by()
    waiting.tell(0, What.PEER_DEAD, "nothing was heard for 1.00 s, the deadtime", N1)
    waiting.tell(1, What.GROUP_CLAIMING, "node1 is dead", term=2)
    assert (waiting.why().from_, waiting.why().to) == (N1, None)
    waiting.tell(2, What.GROUP_CLAIM_ENDED, "node1 says held")
    assert waiting.journal.why(WEB) is None


def test_what_was_there_before_the_journal_is_no_move() -> None:
    assert standing_by().journal.why(WEB) is None
    assert Journal().why(WEB) is None
    assert takeover().journal.why(GroupName("db")) is None


def test_a_journal_that_lost_its_beginning_still_tells() -> None:
    writer = Writer(N2)
    writer.tell(
        81, What.GROUP_HELD, "every resource is started", cause="node1 died", **{"from": N1}
    )
    move = writer.why()
    assert (move.from_, move.to, move.cause) == (N1, N2, "node1 died")
    assert whats(move) == ["group held"]


def test_a_boot_between_two_entries_counts_by_the_wall_clock() -> None:
    journal = Journal()
    for at, wall, what in ((9_000, 0, What.GROUP_CLAIMING), (10, 2_000, What.GROUP_HELD)):
        instant, wall_ns = Instant(at * MS), START + wall * MS
        journal.append(
            Entry(at=instant, wall_ns=wall_ns, node=N2, what=what, because="-", group=WEB)
        )
    move = journal.why(WEB)
    assert move is not None
    assert move.phases[0].ms == 2000.0


def test_an_order_given_elsewhere_is_told_as_the_order_that_it_is() -> None:
    for ms, what, peer, evidence, cause in (
        (0, What.PIN_CHANGED, None, {"to": "node2"}, "an operator moved it to node2"),
        (0, What.PIN_CHANGED, None, {"to": None}, "an operator lifted its pin"),
        (0, What.STANDBY_CHANGED, N1, {"on": True}, "standby of node1 was switched on"),
    ):
        writer = Writer(N3)
        writer.peer(-100, N1, "held")
        writer.tell(ms, what, "node1 says so", peer, **evidence)
        writer.peer(3, N1, "stopping")
        writer.peer(42, N2, "held", 2)
        assert writer.why().cause == cause
