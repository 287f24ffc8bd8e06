"""Until when a group may be served, with literal times in milliseconds (protocol 2.3 and 2.6).

Keepalive 200, deadtime 1000: lease 950, quiet after 490. This node sent beats 1 to 6 at 1000, 1200,
... 2000; it is 2000 unless a test says otherwise.
"""

import pytest
from core_beats import ME, MY_LIFE, OTHER, PEER, WEB, beat, says
from core_models import LINK, timing

from twinbeat.core.beat import Custody, GroupView, Life
from twinbeat.core.lease import creatable_until, renewable_until
from twinbeat.core.liveness import OwnBeats, PeerWatch
from twinbeat.core.units import LONG_AGO, MS, Instant, NodeName, milliseconds

TIMERS = timing(200, 1000, 2000)
HELD = GroupView(Custody.HELD, term=3, rank=0)


def at(ms: float) -> Instant:
    return Instant(round(ms * MS))


class Owner:
    """This node as the owner of web, and its peers."""

    def __init__(self, *names: NodeName) -> None:
        self.own = OwnBeats(ME, MY_LIFE)
        for number in range(6):
            self.own.sending(at(1000 + 200 * number), TIMERS.lease)
        self.peers = {name: PeerWatch(name, TIMERS, at(0)) for name in names}

    def renew(self, now: float = 2000, awake: Instant = LONG_AGO) -> Instant:
        peers = self.peers.values()
        return renewable_until(peers, TIMERS, WEB, self.own, HELD, at(now), awake)

    def create(self) -> Instant:
        return creatable_until(self.peers.values(), TIMERS, WEB, self.own, HELD)


@pytest.fixture
def two() -> Owner:
    return Owner(PEER)


def test_it_counts_from_the_beat_that_was_acknowledged(two: Owner) -> None:
    two.peers[PEER].take(beat(1, acked=4), LINK, at(1950), two.own)
    assert two.renew() == two.create() == at(1600 + 950)


def test_the_slowest_of_several_peers_decides() -> None:
    three = Owner(PEER, OTHER)
    three.peers[PEER].take(beat(1, acked=5), LINK, at(1950), three.own)
    three.peers[OTHER].take(beat(1, acked=3, node=OTHER), LINK, at(1950), three.own)
    assert three.renew() == three.create() == at(1400 + 950)


def test_a_quiet_peer_is_not_waited_for_by_a_renewal_but_by_a_creation(two: Owner) -> None:
    two.peers[PEER].take(beat(1, acked=2), LINK, at(1500), two.own)
    assert two.renew(now=1989) == at(1200 + 950)
    assert two.renew(now=1990) == at(2000 + 950)  # Alone: from the newest beat sent.
    assert two.create() == at(1200 + 950)
    two.peers[PEER].time_passed(at(2500), LONG_AGO)
    assert two.create() == at(2000 + 950)


def test_a_stall_makes_every_silence_start_anew(two: Owner) -> None:
    two.peers[PEER].take(beat(1, acked=2), LINK, at(1500), two.own)
    assert two.renew(now=2000, awake=at(1600)) == at(1200 + 950)


def test_alone_it_counts_from_the_newest_beat_not_from_now(two: Owner) -> None:
    two.peers[PEER].take(beat(1, acked=2), LINK, at(1500), two.own)
    assert two.renew(now=2150) == at(2000 + 950)


def test_a_deaf_peer_lets_nothing_be_served(two: Owner) -> None:
    two.peers[PEER].take(beat(1), LINK, at(1950), two.own)
    assert max(two.renew(), two.create()) < at(0)


def test_a_new_life_is_waited_for_by_a_renewal_only(two: Owner) -> None:
    two.peers[PEER].take(beat(1, acked=2), LINK, at(1500), two.own)
    born = beat(1, life=Life(2, 22), word="up", age=milliseconds(300))
    two.peers[PEER].take(born, LINK, at(1900), two.own)
    assert two.renew() == at(1600 + 950)
    assert two.create() == LONG_AGO


def test_a_new_life_is_waited_for_until_it_is_active(two: Owner) -> None:
    """What it acknowledges then may be old, for all that it said may come late and at once."""
    two.peers[PEER].take(beat(1, acked=2), LINK, at(1500), two.own)
    born = beat(1, life=Life(2, 22), word="up", age=milliseconds(0))
    two.peers[PEER].take(born, LINK, at(1900), two.own)
    assert two.renew() == at(1900 + 950)
    two.peers[PEER].take(beat(2, life=Life(2, 22), acked=3), LINK, at(1900), two.own)
    assert two.renew() == at(1400 + 950)


def test_a_new_life_that_is_active_has_judged_and_is_not_waited_for(two: Owner) -> None:
    two.peers[PEER].take(beat(1, acked=2), LINK, at(1500), two.own)
    two.peers[PEER].take(beat(9, life=Life(2, 22), word="active"), LINK, at(1900), two.own)
    assert max(two.renew(), two.create()) < at(0)


def test_a_goodbye_is_not_waited_for(two: Owner) -> None:
    two.peers[PEER].take(beat(1, acked=2, leaving=True), LINK, at(1950), two.own)
    assert two.renew() == two.create() == at(2000 + 950)


@pytest.mark.parametrize("custody", [Custody.STARTING, Custody.HELD, Custody.STOPPING])
def test_a_stronger_owner_promises_nothing_until_it_has_stopped(
    two: Owner, custody: Custody
) -> None:
    two.peers[PEER].take(beat(1, acked=5, groups=says(custody, 4)), LINK, at(1950), two.own)
    assert max(two.renew(), two.create()) < at(0)


@pytest.mark.parametrize(
    ("custody", "term"),
    [(Custody.HELD, 2), (Custody.CLAIMING, 9), (Custody.STOPPED, 9), (Custody.STARTING, 3)],
)
def test_a_weaker_owner_and_a_mere_claim_promise_as_ever(
    two: Owner, custody: Custody, term: int
) -> None:
    two.peers[PEER].take(beat(1, acked=5, groups=says(custody, term)), LINK, at(1950), two.own)
    assert two.renew() == at(1800 + 950)


def test_with_no_peers_at_all_it_renews_by_its_own_beats() -> None:
    alone = Owner()
    assert alone.renew() == alone.create() == at(2000) + milliseconds(950)
