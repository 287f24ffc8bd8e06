"""The proof `arbiter`: who is deposed, what starts, and until when an owner serves (protocol 2.10).

node1 and node2 speak and renew at 0, 200, 400 ...; a request of the engine is executed after 2 and
answered after 4. Deadtime 1000, lease 950; the arbiter is away after 600 without an answer.
"""

import pytest
from core_beats import WEB
from core_court import Court
from core_solo import HERE, MINE, START, THEIRS, THERE, THIRD

from twinbeat.core.beat import Custody, Life
from twinbeat.core.effects import (
    AskArbiter,
    Remember,
    RestartResources,
    SendBeat,
    Serve,
    Silence,
    StartGroup,
    StopGroup,
    What,
)
from twinbeat.core.events import (
    ArbiterAnswered,
    CleanupRequested,
    GroupRestarted,
    GroupStarted,
    GroupStopped,
    ResourceLooked,
)
from twinbeat.core.records import Depose, Release, Renew, Take
from twinbeat.core.units import MS

LATER = Life(2, 22)


def owned(court: Court, end: int = 1000, *, heard: bool = True, renewed: bool = True) -> Court:
    """Let node1 own web until an instant, its last beat and its last renewal there."""
    if THERE not in court.store.nodes:
        court.renew()
        assert court.store.execute(Take(WEB, 0, THERE, THEIRS, 1))[0]
    while True:
        if renewed:
            court.renew()
        if heard:
            court.say(Custody.HELD)
        if court.now >= end:
            return court
        court.until(court.now + 200)


def owner(end: int = 1000) -> Court:
    """Return node1's engine when it holds web, and node2 has said nothing since `end`."""
    court = Court(node=THERE)
    court.renew(node=HERE)
    court.until(400, Custody.STOPPED, HERE)
    court.tell(GroupStarted(start(court), WEB))
    court.until(end, Custody.STOPPED, HERE)
    assert court.custody() is Custody.HELD
    return court


def stop_at(court: Court, at: int) -> None:
    """Let web fail once too often on the engine's node, which stops it until an instant."""
    for _ in range(court.engine.groups[WEB].spec.recovery.restarts):
        court.tell(ResourceLooked(WEB, "httpd", running=False, why="it does not run", sure=True))
        court.tell(GroupRestarted(court.ordered(RestartResources)[-1].op, WEB))
    court.tell(ResourceLooked(WEB, "httpd", running=False, why="it does not run", sure=True))
    court.until(at)
    court.tell(GroupStopped(court.ordered(StopGroup)[-1].op, WEB))


def start(court: Court) -> int:
    return court.ordered(StartGroup)[-1].op


def leases(court: Court) -> list[tuple[int, int]]:
    """Return when the kernel was told to let web speak, and until when."""
    serves = [(at, e) for at, e in court.effects if isinstance(e, Serve)]
    return [(at, (serve.until - START) // MS) for at, serve in serves]


def test_a_silent_owner_is_deposed_then_its_group_taken() -> None:
    court = owned(Court()).until(3000)
    # The renewal of 1000 showed node1's newest revision at 1004; silence counts from 1000.
    assert court.asked(Depose) == [2004]
    assert court.asked(Take) == [2008]
    assert court.at(StartGroup) == [2012]
    assert [at for at, _ in court.told(What.PEER_DEPOSED)] == [2008]
    record = court.store.groups[WEB]
    assert (record.owner, record.life, record.term) == (HERE, MINE, 2)


def test_silence_is_no_proof_while_the_record_is_renewed() -> None:
    court = owned(Court())
    owned(court, 9000, heard=False)
    assert court.asked(Depose) == court.asked(Take) == court.at(StartGroup) == []
    assert "node1 is silent, but not deposed yet" in court.reasons()


def test_a_record_that_stands_still_is_no_proof_while_the_owner_is_heard() -> None:
    court = owned(Court())
    owned(court, 9000, renewed=False)
    assert court.asked(Depose) == court.asked(Take) == []


def test_who_renews_in_time_is_not_deposed() -> None:
    court = owned(Court()).until(2005)
    court.renew()
    court.until(2100)
    assert court.asked(Depose) == [2004]
    assert court.told(What.ARBITER_FAILED) == [
        (2008, "the arbiter refused to depose it: it renewed its record meanwhile")
    ]
    # That reply showed the newer revision at 2008.
    assert court.until(3500).asked(Depose) == [2004, 3008]


def test_an_owner_that_may_serve_longer_is_deposed_later() -> None:
    """node1 was given longer timers while nobody heard it, and says so in its record."""
    court = owned(Court(), 800)
    court.until(1000)
    court.renew(lease=3000)
    # Read at 1004; a lease of 3000 is over for sure after 3000 x 1.025 + 10.
    assert court.until(6000).asked(Depose) == [1004 + 3085]


def test_another_silent_node_needs_not_be_deposed() -> None:
    court = Court(nodes=3)
    court.renew()
    court.until(2500, Custody.STOPPED)  # node3 is never heard: silent after initdead, at 2000.
    assert court.asked(Depose) == court.asked(Take) == []
    court.until(5000)
    assert court.asked(Depose) == []
    assert len(court.asked(Take)) == len(court.at(StartGroup)) == 1


def test_a_life_that_is_over_needs_not_be_deposed() -> None:
    court = owned(Court(), 600)
    court.renew(LATER)
    court.until(5000)
    assert court.asked(Depose) == []
    assert court.at(StartGroup) == [1604]


def test_nothing_starts_while_the_arbiter_is_away() -> None:
    court = owned(Court())
    court.fate = "ignored"
    court.until(30_000)
    assert court.asked(Depose) == court.asked(Take) == court.at(StartGroup) == []
    assert "the arbiter does not answer" in court.reasons()
    # Its last answer came at 804, for the request of 1000 was ignored already; the limit is 600.
    assert [at for at, _ in court.told(What.ARBITER_AWAY)] == [1405]


def test_a_record_is_watched_anew_after_the_arbiter_was_away() -> None:
    court = owned(Court())
    court.fate = "ignored"
    court.until(1900)
    court.fate = "answered"
    court.until(5000)
    back = court.told(What.ARBITER_BACK)[0][0]
    assert back > 1900
    assert court.asked(Depose) == [back + 1000]


def test_a_lost_answer_to_a_take_is_read_again_and_stands() -> None:
    court = owned(Court()).until(2008)
    court.fate = "lost after"
    court.until(2013)
    court.fate = "answered"
    assert court.store.groups[WEB].owner == HERE
    assert court.at(StartGroup) == []
    court.until(3000)
    assert court.asked(Take) == [2008]
    renewals = [at for at in court.asked(Renew) if at > 2012]
    assert court.at(StartGroup) == [renewals[0] + 4]


def test_a_take_that_was_lost_before_it_is_asked_again_after_the_next_reply() -> None:
    court = owned(Court()).until(2008)
    court.fate = "lost before"
    court.until(2013)
    court.fate = "answered"
    court.until(3000)
    renewals = [at for at in court.asked(Renew) if at > 2012]
    assert court.asked(Take) == [2008, renewals[0] + 4]
    assert court.at(StartGroup) == [renewals[0] + 8]


def test_a_claim_is_void_when_another_took_the_group_since() -> None:
    court = owned(Court(nodes=3)).until(2000)
    assert court.custody() is Custody.CLAIMING
    court.renew(node=THIRD)
    assert court.store.execute(Take(WEB, court.store.groups[WEB].revision, THIRD, THEIRS, 7))[0]
    court.until(2100)
    ended = court.told(What.GROUP_CLAIM_ENDED)
    assert ended[0][1] == (
        "the arbiter's record changed since it was claimed: node3 took it with term 7"
    )
    court.until(2900)  # node3 is silent and owns web now; its record stands still since 2000.
    assert court.at(StartGroup) == []
    assert court.engine.groups[WEB].term == 8


def test_an_owner_without_peers_lives_on_the_renewals_from_their_sending() -> None:
    court = owner()
    court.delay = 600
    court.until(6000)
    late = [(at, until) for at, until in leases(court) if at > 2500]
    sent = court.asked(Renew)
    assert late
    # Each is told when the reply arrives, 600 after the sending that it counts from.
    assert all(at - 600 in sent and until == at - 600 + 950 for at, until in late)


def test_an_owner_without_the_arbiter_lives_on_the_acknowledgements_of_all() -> None:
    court = owner()
    court.fate = "ignored"
    court.until(6000, Custody.STOPPED, HERE)
    at, until = leases(court)[-1]
    beats = [at for at, effect in court.effects if isinstance(effect, SendBeat)]
    assert at > 5500
    assert until - 950 in beats
    assert court.custody() is Custody.HELD


def test_an_owner_without_both_falls_dark_also_when_the_peer_is_dead() -> None:
    court = owner()
    court.fate = "ignored"
    court.until(9000)
    # The peer acknowledged at 1000 what was said just before; the renewal of 800 was answered.
    assert leases(court)[-1][1] <= 1000 + 950
    assert [at for at, _ in court.told(What.GROUP_DARK)] == [leases(court)[-1][1]]
    assert court.custody() is Custody.HELD


def test_a_peer_that_left_is_no_exception_either() -> None:
    court = owner()
    court.say(node=HERE, leaving=True)
    court.fate = "ignored"
    court.until(9000)
    assert leases(court)[-1][1] <= 1000 + 950
    assert len(court.told(What.GROUP_DARK)) == 1


def test_a_deposed_owner_stops_begins_a_new_life_and_registers_again() -> None:
    court = owner()
    court.until(1100)
    assert court.store.execute(Depose(THERE, court.store.nodes[THERE].revision))[0]
    court.until(1300, Custody.STOPPED, HERE)
    replies = [at + 4 for at in court.asked(Renew) if at >= 1100]
    assert court.at(Silence)[-1:] == court.at(StopGroup)[-1:] == replies[:1]
    assert court.flags() == ("deposed",)
    assert court.engine.mine.life == MINE
    court.until(1400).tell(GroupStopped(court.ordered(StopGroup)[-1].op, WEB))
    reborn = Life(MINE.generation + 1, MINE.token)
    assert court.engine.mine.life == reborn
    assert court.at(Remember) == [1400]
    court.until(1410)
    assert court.store.nodes[THERE].life == reborn
    assert [at for at, _ in court.told(What.NODE_REGISTERED)][-1] == 1404


def test_an_owner_stops_when_the_record_names_another() -> None:
    court = owner()
    revision = court.store.groups[WEB].revision
    assert court.store.execute(Take(WEB, revision, HERE, THEIRS, 9))[0]
    court.until(1300)
    assert court.custody() is Custody.STOPPING
    assert court.told(What.GROUP_STOPPING)[-1][1] == (
        "the arbiter's record is not this node's: node2 took it with term 9"
    )


def test_a_node_that_was_overtaken_jumps_above_it() -> None:
    court = Court()
    court.renew(node=HERE, life=Life(9, 99))
    court.until(100)
    assert court.engine.mine.life == Life(10, MINE.token)
    assert court.store.nodes[HERE].life == Life(10, MINE.token)


def test_an_owner_that_is_overtaken_after_a_long_calm_stops() -> None:
    court = owner(6000)
    court.renew(node=THERE, life=Life(9, 99))
    court.until(6300, Custody.STOPPED, HERE)
    assert court.custody() is Custody.STOPPING


def test_the_same_generation_with_another_token_is_another_life() -> None:
    court = Court()
    court.renew(node=HERE, life=Life(MINE.generation, 99))
    court.until(100)
    assert court.engine.mine.life == Life(MINE.generation + 1, MINE.token)


def test_what_is_stopped_is_given_back_after_two_keepalives() -> None:
    court = owner()
    stop_at(court, 1100)
    court.until(2000, Custody.STOPPED, HERE)
    assert court.asked(Release) == [1100 + 400]
    assert court.store.groups[WEB].owner is None
    assert court.store.groups[WEB].term == 2  # One above the term that node2 speaks of.


def test_nothing_is_given_back_that_a_successor_took_meanwhile() -> None:
    court = owner()
    stop_at(court, 1100)
    assert court.store.execute(Take(WEB, court.store.groups[WEB].revision, HERE, THEIRS, 2))[0]
    court.until(2000, Custody.STOPPED, HERE)
    assert court.asked(Release) == []


def test_it_is_given_back_at_once_when_nobody_lives_who_could_take_it() -> None:
    court = owner().until(2500)
    stop_at(court, 2600)
    assert court.asked(Release) == [2600]


@pytest.mark.parametrize(("life", "waits"), [(THEIRS, True), (LATER, False)])
def test_unclean_in_the_record_of_the_owning_life_bars(life: Life, waits: bool) -> None:
    court = Court()
    court.renew()
    assert court.store.execute(Take(WEB, 0, THERE, THEIRS, 1))[0]
    court.renew(life, unclean=frozenset({WEB}))
    court.until(4000)
    assert (court.at(StartGroup) == []) is waits
    if waits:
        assert "node1 may still run it (unclean)" in court.reasons()
        court.tell(CleanupRequested(1, WEB, THERE))
        assert len(court.until(6000).at(StartGroup)) == 1


def test_own_unclean_groups_stand_in_the_record() -> None:
    court = owned(Court(), 200)
    group = court.engine.groups[WEB]
    group.custody = Custody.UNCLEAN
    owned(court, 800)
    assert court.store.nodes[HERE].unclean == {WEB}


def test_one_renewal_is_under_way_at_a_time_and_is_given_up_after_a_deadtime() -> None:
    court = Court()
    court.fate = "ignored"
    court.until(4500)
    assert court.asked(Renew) == [0, 1000, 2000, 3000, 4000]


def test_an_older_reply_does_not_undo_a_newer_one() -> None:
    court = owned(Court(), 400)
    older = court.records()
    assert court.store.execute(Take(WEB, older.groups[WEB].revision, THERE, THEIRS, 5))[0]
    court.until(610)
    rule = court.engine.members.proof
    assert rule.term(WEB) == 5
    court.fate = "ignored"
    court.until(850)
    order = [e for _, e in court.effects if isinstance(e, AskArbiter)][-1]
    court.tell(ArbiterAnswered(order.op, False, older))
    assert rule.term(WEB) == 5
