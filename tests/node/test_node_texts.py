"""The texts that monitoring looks for (Heartbeat 3.0.6), and ours beside them."""

import os

import pytest

from twinbeat import __version__
from twinbeat.core.effects import Record, What
from twinbeat.core.units import GroupName, NodeName
from twinbeat.node import texts

ME, PEER = NodeName("node2"), NodeName("node1")
WEB = GroupName("web")


def said(record: Record, preferred: NodeName = PEER) -> list[str]:
    return [f"{level}: {text}" for level, text in texts.lines(record, ME, {WEB: preferred})]


@pytest.mark.parametrize("what", list(What))
def test_every_kind_of_decision_has_a_sentence(what: What) -> None:
    evidence: dict[str, object] = {"link": "eth1"}
    *_, ours = said(Record(what, "a reason", WEB, PEER, evidence))
    assert "a reason" in ours
    assert "None" not in ours


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (Record(What.NODE_STARTED, "b"), ["info: Local status now set to: 'up'"]),
        (
            Record(What.NODE_ACTIVE, "b"),
            [
                "info: Comm_now_up(): updating status to active",
                "info: Local status now set to: 'active'",
            ],
        ),
        (
            Record(What.PEER_STATUS, "b", peer=PEER, evidence={"status": "active"}),
            ["info: Status update for node node1: status active"],
        ),
        (
            Record(What.LINK_UP, "b", peer=PEER, evidence={"link": "eth1"}),
            ["info: Link node1:eth1 up."],
        ),
        (
            Record(What.LINK_DEAD, "b", peer=PEER, evidence={"link": "eth1"}),
            ["info: Link node1:eth1 dead."],
        ),
        (
            Record(What.OWN_LINK_UP, "b", evidence={"link": "eth1"}),
            ["info: Link node2:eth1 up."],
        ),
        (Record(What.PEER_DEAD, "b", peer=PEER), ["WARN: node node1: is dead"]),
        (
            Record(What.PEER_LATE_BEAT, "b", peer=PEER, evidence={"interval_ms": 1234.5}),
            ["WARN: Late heartbeat: Node node1: interval 1234 ms"],
        ),
        (
            Record(What.PEER_RESTARTED, "b", peer=PEER),
            ["info: Heartbeat restart on node node1"],
        ),
        (
            Record(What.PEER_RETURNED, "b", peer=PEER),
            [
                "CRIT: Cluster node node1 returning after partition.",
                "WARN: Deadtime value may be too small.",
            ],
        ),
        (
            Record(What.PEER_LEFT, "b", peer=PEER),
            ["info: Received shutdown notice from 'node1'."],
        ),
        (
            Record(What.GROUP_CLAIMING, "b", WEB, evidence={"from": PEER, "term": 2}),
            ["info: Resources being acquired from node1."],
        ),
        (Record(What.GROUP_CLAIMING, "b", WEB, evidence={"from": None, "term": 1}), []),
        (
            Record(What.GROUP_HELD, "b", WEB, evidence={"from": PEER, "term": 2}),
            ["info: mach_down takeover complete for node node1."],
        ),
        (
            Record(What.GROUP_HELD, "b", WEB, evidence={"from": None, "term": 1}),
            ["info: Local Resource acquisition completed."],
        ),
        (
            Record(What.GROUP_FAILED, "b", WEB, evidence={"resource": "httpd"}),
            ["CRIT: Giving up resources due to failure of httpd"],
        ),
        (
            Record(What.GROUP_UNCLEAN, "b", WEB, evidence={"resource": "httpd"}),
            ["CRIT: Resource STOP failure. Reboot required!"],
        ),
        (
            Record(What.GROUP_MET, "b", WEB, PEER, {"term": 1, "their_term": 2}),
            ["ERROR: Both machines own foreign resources!"],
        ),
        (
            Record(What.NODE_LEAVING, "b"),
            [
                f"info: Heartbeat shutdown in progress. ({os.getpid()})",
                "info: Giving up all HA resources.",
            ],
        ),
        (Record(What.NODE_LEFT, "b"), ["info: All HA resources relinquished."]),
        (Record(What.NODE_LEFT, "unclean: web"), []),
    ],
)
def test_heartbeats_own_text_comes_first(record: Record, expected: list[str]) -> None:
    assert said(record)[:-1] == expected


def test_both_own_what_prefers_this_node() -> None:
    record = Record(What.GROUP_MET, "b", WEB, PEER, {"term": 1, "their_term": 2})
    assert said(record, preferred=ME)[0] == "ERROR: Both machines own our resources!"


def test_the_end_of_a_meeting_is_no_alarm() -> None:
    assert len(said(Record(What.GROUP_MET, "node1 let go", WEB, PEER))) == 1


def test_our_sentence_brings_the_numbers() -> None:
    evidence = {
        "silence_ms": 1020.4,
        "limit_ms": 1000.0,
        "missed": 5,
        "links": {"eth0": 3000.0, "eth1": 1020.4},
    }
    record = Record(What.PEER_DEAD, "nothing was heard for 1.02 s", None, PEER, evidence)
    assert said(record)[-1] == (
        "WARN: node1 is dead: nothing was heard for 1.02 s; 5 heartbeats missed; "
        "last heard on eth0 3000 ms ago; last heard on eth1 1020 ms ago"
    )


def test_a_failure_says_what_to_do() -> None:
    record = Record(What.GROUP_UNCLEAN, "fs did not stop", WEB, None, {"resource": "fs"})
    assert said(record)[-1].endswith("then: twinbeat cleanup web")


def test_a_restart_in_place_says_which_attempt_it_is() -> None:
    evidence = {"resource": "httpd", "attempt": 2, "of": 3, "window_ms": 600_000.0}
    record = Record(What.GROUP_RESTARTING, "httpd failed: exit code 7", WEB, None, evidence)
    assert said(record) == [
        "WARN: group web is repaired in place: httpd failed: exit code 7 (attempt 2 of 3 in 10 min)"
    ]


@pytest.mark.parametrize(
    ("group", "whose"), [(None, "every group"), (WEB, "group web")], ids=["all", "one"]
)
def test_failures_are_forgotten_of_one_group_or_all(group: GroupName | None, whose: str) -> None:
    forgotten = f"info: the failures of {whose} are forgotten: b"
    assert said(Record(What.FAILURES_CLEARED, "b", group)) == [forgotten]


@pytest.mark.parametrize(("ours", "level"), [("aaaa", "info"), ("bbbb", "WARN")])
def test_a_difference_of_configurations_is_a_warning_until_it_ends(ours: str, level: str) -> None:
    evidence = {"theirs": "aaaa", "ours": ours}
    assert said(Record(What.CONFIG_DIFFERS, "b", None, PEER, evidence))[-1].startswith(level)


def test_a_brace_in_a_reason_is_no_format() -> None:
    assert "{peer} {0}" in said(Record(What.GROUP_STOPPED, "{peer} {0}", WEB))[-1]


def test_the_first_and_the_last_words() -> None:
    assert texts.banner(1_795_409_159) == [
        ("info", f"Configuration validated. Starting heartbeat (twinbeat {__version__})"),
        ("info", f"heartbeat: version twinbeat {__version__}"),
        ("info", "Heartbeat generation: 1795409159"),
    ]
    assert texts.farewell(ME) == ("info", "node2 Heartbeat shutdown complete.")
