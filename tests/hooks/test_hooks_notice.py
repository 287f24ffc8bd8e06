"""What a journal's entries make of a group, in a hook's words."""

import pytest
from hooks_notices import MAIL, NODE1, NODE2, NODE3, WEB, entry

from twinbeat.core.effects import What
from twinbeat.core.hook import State
from twinbeat.hooks import Notice, Teller


def told(*entries: object) -> list[Notice]:
    teller = Teller()
    notices = [teller.heard(each) for each in entries]  # type: ignore[arg-type]
    return [notice for notice in notices if notice is not None]


def test_a_takeover_is_told_with_its_cause_its_giver_its_term_and_its_owner() -> None:
    starting, held = told(
        entry(What.PEER_GROUP, "node2 says starting", peer=NODE2, custody="starting", term=6),
        entry(What.GROUP_STOPPED, "nothing of it was left running", group=MAIL),
        entry(What.PEER_DEAD, "nothing was heard for 2.00 s", group=None, peer=NODE2),
        entry(What.GROUP_CLAIMING, "node2 is dead", term=7),
        entry(What.GROUP_STARTING, "every configured peer answered", term=7),
        entry(What.GROUP_HELD, "every resource is started", term=7, giver=NODE2,
              cause="node2 is dead: nothing was heard of it for 2.00 s"),
    )[1:]  # fmt: skip
    assert (starting.state, starting.previous, starting.owner) == (State.STARTING, None, NODE1)
    assert (held.state, held.previous) == (State.HELD, State.STARTING)
    assert held.reason == "node2 is dead: nothing was heard of it for 2.00 s"
    assert (held.term, held.owner, held.giver) == (7, NODE1, NODE2)


def test_stopped_says_why_it_was_to_stop_and_that_nobody_owns_it() -> None:
    stopping, stopped = told(
        entry(What.GROUP_HELD, "every resource is started", term=1),
        entry(What.GROUP_STOPPING, "an operator hands it over", to=NODE2),
        entry(What.GROUP_STOPPED, "every resource is stopped"),
    )[1:]
    assert (stopping.reason, stopping.owner) == ("an operator hands it over", NODE1)
    assert (stopped.reason, stopped.owner) == ("an operator hands it over", None)
    assert (stopped.previous, stopped.term) == (State.STOPPING, 1)


def test_a_repair_that_worked_says_what_had_failed() -> None:
    notices = told(
        entry(What.GROUP_HELD, "every resource is started", term=1),
        entry(What.GROUP_RESTARTING, "httpd failed: it ended; restart 1 of 3", resource="httpd"),
        entry(What.GROUP_RESTARTED, "httpd and mailer run again", restarts=["httpd", "mailer"]),
        entry(What.GROUP_STOPPED, "every resource is stopped"),
    )[1:]
    assert [(n.state, n.resource, n.reason) for n in notices] == [
        (State.RESTARTING, "httpd", "httpd failed: it ended; restart 1 of 3"),
        (
            State.RESTARTED,
            "httpd",
            "httpd and mailer run again (httpd failed: it ended; restart 1 of 3)",
        ),
        (State.STOPPED, "", "every resource is stopped"),
    ]
    assert [n.owner for n in notices] == [NODE1, NODE1, None]


def test_a_second_stop_does_not_repeat_the_reason_of_the_first() -> None:
    notices = told(
        entry(What.GROUP_FAILED, "httpd failed: it ended", resource="httpd"),
        entry(What.GROUP_STOPPED, "every resource is stopped"),
        entry(What.GROUP_STOPPED, "nothing of it was left running"),
    )
    assert [(n.state, n.reason) for n in notices] == [
        (State.FAILED, "httpd failed: it ended"),
        (State.STOPPED, "httpd failed: it ended"),
        (State.STOPPED, "nothing of it was left running"),
    ]
    assert notices[0].resource == "httpd"


@pytest.mark.parametrize(
    ("what", "state"),
    [
        (What.GROUP_RESTARTING, State.RESTARTING),
        (What.GROUP_RESTARTED, State.RESTARTED),
        (What.GROUP_DARK, State.DARK),
        (What.GROUP_LIT, State.LIT),
        (What.GROUP_UNCLEAN, State.UNCLEAN),
        (What.GROUP_NOWHERE, State.NOWHERE),
        (What.GROUP_FOUND, State.FOUND),
        (What.BAR_ENDED, State.ALLOWED),
    ],
)
def test_each_of_these_entries_is_a_state(what: What, state: State) -> None:
    assert [notice.state for notice in told(entry(what))] == [state]


def test_claims_placements_and_nodes_are_no_states_of_a_group() -> None:
    assert told(
        entry(What.GROUP_PLACED),
        entry(What.GROUP_CLAIMING, term=1),
        entry(What.GROUP_CLAIM_ENDED),
        entry(What.RESOURCE_LOOKED, resource="httpd"),
        entry(What.GROUP_MET, peer=NODE2),
        entry(What.PEER_GROUP, peer=NODE2, custody="claiming", term=2),
        entry(What.PEER_ALIVE, group=None, peer=NODE2),
    ) == []  # fmt: skip


def test_a_start_that_was_decided_and_not_begun_ends_as_stopped() -> None:
    notices = told(entry(What.GROUP_STARTING, term=1), entry(What.GROUP_CLAIM_ENDED, "too late"))
    assert [(n.state, n.owner) for n in notices] == [
        (State.STARTING, NODE1),
        (State.STOPPED, None),
    ]


def test_a_peer_that_comes_to_hold_it_is_told_once_as_elsewhere() -> None:
    says = [
        entry(What.PEER_GROUP, "node2 says starting", peer=NODE2, custody="starting", term=4),
        entry(What.PEER_GROUP, "node2 says held", peer=NODE2, custody="held", term=4),
        entry(What.PEER_GROUP, "node2 says held", peer=NODE2, custody="held", term=4),
        entry(What.PEER_GROUP, "node2 says stopping", peer=NODE2, custody="stopping", term=4),
        entry(What.PEER_GROUP, "node2 says stopped", peer=NODE2, custody="stopped", term=4),
        entry(What.PEER_GROUP, "node3 says held", peer=NODE3, custody="held", term=5),
    ]
    assert [(n.state, n.owner, n.term) for n in told(*says)] == [
        (State.ELSEWHERE, NODE2, 4),
        (State.ELSEWHERE, NODE3, 5),
    ]


def test_while_this_node_holds_it_a_second_owner_is_not_the_owner() -> None:
    held, dark = told(
        entry(What.GROUP_HELD, term=4),
        entry(What.PEER_GROUP, peer=NODE2, custody="held", term=5),
        entry(What.GROUP_DARK, "no acknowledgement"),
    )
    assert (held.owner, dark.owner) == (NODE1, NODE1)


def test_a_dead_owner_owns_nothing_any_more() -> None:
    notices = told(
        entry(What.PEER_GROUP, peer=NODE2, custody="held", term=5),
        entry(What.PEER_DEAD, group=None, peer=NODE2),
        entry(What.GROUP_NOWHERE, "node1 is in standby"),
    )
    assert [n.owner for n in notices] == [NODE2, None]


def test_a_notice_is_read_back_as_it_was_written() -> None:
    (notice,) = told(entry(What.GROUP_HELD, term=4, cause="nobody owned it"))
    assert Notice.from_dict(notice.to_dict()) == notice


@pytest.mark.parametrize(
    ("member", "value"),
    [("group", 1), ("reason", None), ("state", "claimed"), ("previous", "x"), ("term", "4"),
     ("owner", 4), ("entry", None), ("entry", {"at": "now"})],
)  # fmt: skip
def test_a_broken_notice_is_a_value_error(member: str, value: object) -> None:
    (notice,) = told(entry(What.GROUP_HELD, group=WEB))
    with pytest.raises(ValueError):  # noqa: PT011 - each names something else
        Notice.from_dict(notice.to_dict() | {member: value})
