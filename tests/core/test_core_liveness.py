"""One peer, with literal times in milliseconds (protocol 2.1 to 2.3)."""

from dataclasses import replace

import pytest
from core_beats import ME, MY_LIFE, PEER, WEB, beat, says
from core_models import LINK, timing

from twinbeat.core.beat import Custody, Life
from twinbeat.core.liveness import Change, Hearing, Liveness, OwnBeats, PeerWatch
from twinbeat.core.units import LONG_AGO, MS, NEVER, Instant, LinkName, milliseconds


def at(ms: float) -> Instant:
    return Instant(round(ms * MS))


@pytest.fixture
def mine() -> OwnBeats:
    """This node's beats: 1 to 5, sent at 1000, 1200, ... 1800."""
    own = OwnBeats(ME, MY_LIFE)
    for number in range(5):
        own.sending(at(1000 + 200 * number), milliseconds(950))
    return own


@pytest.fixture
def peer() -> PeerWatch:
    """A peer, watched since 1000: keepalive 200, deadtime 1000, initdead 2000."""
    return PeerWatch(PEER, timing(200, 1000, 2000), at(1000))


def test_a_peer_not_heard_is_judged_after_initdead(peer: PeerWatch) -> None:
    assert peer.next_deadline(LONG_AGO) == at(3000)
    assert peer.time_passed(at(2999), LONG_AGO) == []
    assert peer.time_passed(at(3000), LONG_AGO) == [Change.SILENT]
    assert peer.liveness is Liveness.SILENT
    assert peer.time_passed(at(9000), LONG_AGO) == []
    assert peer.next_deadline(LONG_AGO) == NEVER


def test_alive_is_who_echoes_this_life_and_deaf_who_does_not(
    peer: PeerWatch, mine: OwnBeats
) -> None:
    peer.take(beat(1), LINK, at(1100), mine)
    assert (peer.liveness, peer.alive_since, peer.heard) == (Liveness.DEAF, None, True)
    peer.take(beat(2, acked=1), LINK, at(1300), mine)
    assert (peer.liveness, peer.alive_since, peer.acked_seq) == (Liveness.ALIVE, at(1300), 1)
    peer.take(beat(3, acked=2, acked_life=Life(4, 44)), LINK, at(1500), mine)
    assert (peer.liveness, peer.alive_since, peer.acked_seq) == (Liveness.DEAF, None, 0)


def test_the_same_generation_with_another_token_is_no_echo(peer: PeerWatch, mine: OwnBeats) -> None:
    peer.take(beat(1, acked=1, acked_life=Life(MY_LIFE.generation, 99)), LINK, at(1100), mine)
    assert peer.liveness is Liveness.DEAF


def test_an_acknowledgement_of_what_was_never_said_is_none(peer: PeerWatch, mine: OwnBeats) -> None:
    peer.take(beat(1, acked=6), LINK, at(1900), mine)
    assert (peer.liveness, peer.promised) == (Liveness.DEAF, LONG_AGO)


def test_late_at_the_warntime_silent_at_the_deadtime(peer: PeerWatch, mine: OwnBeats) -> None:
    peer.take(beat(1, acked=1), LINK, at(1200), mine)
    assert peer.next_deadline(LONG_AGO) == at(1700)
    assert peer.time_passed(at(1699), LONG_AGO) == []
    assert peer.time_passed(at(1700), LONG_AGO) == [Change.LATE]
    assert peer.time_passed(at(2000), LONG_AGO) == []
    assert peer.next_deadline(LONG_AGO) == at(2200)
    assert peer.time_passed(at(2200), LONG_AGO) == [Change.SILENT]
    assert (peer.alive_since, peer.heard, peer.gone) == (None, False, True)


def test_silence_counts_only_while_this_node_was_awake(peer: PeerWatch, mine: OwnBeats) -> None:
    peer.take(beat(1, acked=1), LINK, at(1200), mine)
    awake = at(2100)
    assert peer.silence(at(2200), awake) == milliseconds(100)
    assert peer.time_passed(at(2599), awake) == []
    assert peer.time_passed(at(3100), awake) == [Change.LATE, Change.SILENT]
    assert peer.quiet_at(awake) == at(2590)


def test_what_was_concluded_before_a_long_stall_is_doubted(peer: PeerWatch) -> None:
    peer.time_passed(at(3000), LONG_AGO)
    peer.doubt(5)
    assert (peer.liveness, peer.gone, peer.heard) == (Liveness.DOUBTED, False, False)
    assert peer.time_passed(at(9999), at(8000)) == []
    assert peer.time_passed(at(10_000), at(8000)) == [Change.SILENT]


def test_a_peer_that_lives_is_not_doubted(peer: PeerWatch, mine: OwnBeats) -> None:
    peer.take(beat(1, acked=1), LINK, at(1200), mine)
    peer.doubt(5)
    assert peer.liveness is Liveness.ALIVE


def test_a_goodbye_from_before_a_long_stall_is_doubted(peer: PeerWatch, mine: OwnBeats) -> None:
    peer.doubt(4)
    peer.take(replace(beat(1, acked=4), leaving=True), LINK, at(1200), mine)
    assert (peer.liveness, peer.gone) == (Liveness.DOUBTED, False)
    peer.take(replace(beat(2, acked=5), leaving=True), LINK, at(1300), mine)
    assert (peer.liveness, peer.gone) == (Liveness.LEFT, True)


def test_a_longer_published_lease_puts_the_judgement_off(peer: PeerWatch, mine: OwnBeats) -> None:
    peer.take(beat(1, acked=1, lease=milliseconds(2890)), LINK, at(1200), mine)
    assert peer.limit == milliseconds(2972.25)


def test_old_beats_refresh_nothing(peer: PeerWatch, mine: OwnBeats) -> None:
    assert peer.take(beat(7, acked=4), LINK, at(1700), mine) is Hearing.NEWER
    assert peer.take(beat(6, acked=5), LINK, at(1900), mine) is Hearing.STALE
    assert peer.take(beat(9, acked=5, life=Life(0, 9)), LINK, at(1900), mine) is Hearing.STALE
    assert (peer.seq, peer.acked_seq, peer.last_heard(at(1900))) == (7, 4, milliseconds(200))
    assert peer.links[LINK].heard_at == at(1700)


def test_a_copy_on_another_link_speaks_for_the_link_alone(peer: PeerWatch, mine: OwnBeats) -> None:
    other = LinkName("eth2")
    peer.take(beat(7, acked=4), LINK, at(1700), mine)
    assert peer.take(beat(7, acked=4), other, at(1900), mine) is Hearing.COPY
    assert peer.last_heard(at(1900)) == milliseconds(200)
    assert peer.links_died(at(2699)) == []
    assert peer.links_died(at(2700)) == [LINK]
    assert peer.links_died(at(2900)) == [other]
    assert peer.links_died(at(9000)) == []


def test_a_later_life_voids_what_the_earlier_one_acknowledged(
    peer: PeerWatch, mine: OwnBeats
) -> None:
    peer.take(beat(7, acked=4), LINK, at(1700), mine)
    assert peer.promised == at(1600 + 950)
    assert peer.reborn_at == LONG_AGO
    born = beat(1, life=Life(2, 22), word="up")
    assert peer.take(born, LINK, at(1900), mine) is Hearing.NEWER
    assert (peer.promised, peer.acked_seq, peer.reborn_at) == (LONG_AGO, 0, at(1900))


def test_a_new_life_is_dated_by_the_beat_that_came_with_the_least_delay(
    peer: PeerWatch, mine: OwnBeats
) -> None:
    peer.take(beat(7, acked=4), LINK, at(1700), mine)
    for seq, now, age, born in ((1, 2900, 100, 2800), (2, 3000, 600, 2400), (3, 3900, 700, 2400)):
        young = beat(seq, life=Life(2, 22), word="up", age=milliseconds(age))
        peer.take(young, LINK, at(now), mine)
        assert peer.reborn_at == at(born)


def test_an_acknowledgement_counts_from_the_send_time_with_the_lease_of_then(
    peer: PeerWatch, mine: OwnBeats
) -> None:
    mine.sending(at(2000), milliseconds(2890))
    peer.take(beat(1, acked=5), LINK, at(2100), mine)
    assert peer.promised == at(1800 + 950)
    peer.take(beat(2, acked=6), LINK, at(2300), mine)
    assert peer.promised == at(2000 + 2890)


def test_only_recent_beats_are_kept(mine: OwnBeats) -> None:
    for number in range(1024):
        mine.sending(at(2000 + number), milliseconds(950))
    assert mine.promise(5) == LONG_AGO
    assert mine.promise(6) == at(2000 + 950)
    assert mine.spoke_at == at(3023)


def test_goodbye_needs_that_nothing_is_held(peer: PeerWatch, mine: OwnBeats) -> None:
    still = beat(1, acked=1, leaving=True, groups=says(Custody.STOPPING))
    peer.take(still, LINK, at(1200), mine)
    assert peer.liveness is Liveness.ALIVE
    unclean = beat(2, acked=1, leaving=True, groups=says(Custody.UNCLEAN))
    peer.take(unclean, LINK, at(1300), mine)
    assert peer.liveness is Liveness.ALIVE
    peer.take(beat(3, acked=1, leaving=True, groups=says(Custody.STOPPED)), LINK, at(1400), mine)
    assert (peer.liveness, peer.gone) == (Liveness.LEFT, True)
    assert peer.time_passed(at(99_000), LONG_AGO) == []
    assert peer.custody(WEB) is Custody.STOPPED


def test_a_goodbye_that_does_not_echo_this_life_may_be_a_recording(
    peer: PeerWatch, mine: OwnBeats
) -> None:
    """Its sender may be back in a later life, and serve: protocol 2.1."""
    peer.take(beat(1, leaving=True), LINK, at(1200), mine)
    assert (peer.liveness, peer.gone) == (Liveness.DEAF, False)
    peer.take(beat(2, acked=1, acked_life=Life(4, 44), leaving=True), LINK, at(1400), mine)
    assert (peer.liveness, peer.gone) == (Liveness.DEAF, False)


def test_a_shortened_lease_is_told_when_the_longer_one_has_ended(mine: OwnBeats) -> None:
    """The last beat of the fixture leaves at 1800 with 950: it may be served by until 2750."""
    for ms, told in ((1900, 950), (2749, 950), (2750, 400), (3100, 400)):
        mine.sending(at(ms), milliseconds(400))
        assert mine.lease == milliseconds(told)
    mine.sending(at(3200), milliseconds(2000))
    assert mine.lease == milliseconds(2000)


def test_who_says_goodbye_and_comes_back_is_alive(peer: PeerWatch, mine: OwnBeats) -> None:
    peer.take(beat(3, acked=1, leaving=True), LINK, at(1400), mine)
    peer.take(beat(1, acked=2, life=Life(2, 22)), LINK, at(1600), mine)
    assert (peer.liveness, peer.heard_since) == (Liveness.ALIVE, at(1600))
