"""The proof `fence`: who is fenced, when, and what a confirmation is worth (protocol 2.5).

node2 is told that node1 holds web until 1000; deadtime 1000, so it judges node1 dead at 2000.
"""

import pytest
from core_beats import WEB
from core_solo import HERE, THEIRS, THERE, THIRD, Solo, configured

from twinbeat.core.beat import Bar, Custody, Life
from twinbeat.core.effects import ProveDead, StartGroup, What
from twinbeat.core.events import PeerProvenDead, ProofFailed
from twinbeat.core.model import Proof
from twinbeat.core.units import GroupName, NodeName

LATER = Life(2, 22)


@pytest.fixture
def silent() -> Solo:
    """node2 at 2000, when node1 has been silent for a deadtime."""
    return Solo(configured(Proof.FENCE)).until(1000, Custody.HELD).until(2000)


def proven(solo: Solo, node: NodeName = THERE) -> bool:
    members = solo.engine.members
    return members.proof.judge(members.peers[node], WEB).proven


def test_silence_alone_starts_nothing(silent: Solo) -> None:
    silent.until(30_000)
    assert silent.custody() is Custody.CLAIMING
    assert silent.at(StartGroup) == []
    assert "node1 is silent; its fencing is under way" in silent.reasons()


def test_the_order_names_the_life_and_the_confirmation_starts(silent: Solo) -> None:
    assert silent.at(ProveDead) == [2000]
    assert silent.ordered(ProveDead) == [ProveDead(1, THERE, THEIRS)]
    silent.until(3200).tell(PeerProvenDead(1, THERE))
    assert silent.at(StartGroup) == [3200]
    confirmed = [(3200, "the device confirmed after 1.20 s that it is off")]
    assert silent.told(What.FENCING_CONFIRMED) == confirmed


def test_a_standby_that_dies_is_not_fenced_while_nothing_of_it_is_needed() -> None:
    owner = Solo(configured(Proof.FENCE), THERE)
    owner.until(400)
    owner.say(node=HERE)
    owner.until(1000, Custody.STOPPED, HERE)
    assert owner.custody() is Custody.STARTING
    owner.until(9000)
    assert owner.at(ProveDead) == []


def test_failures_are_tried_again_after_growing_pauses_and_start_nothing(silent: Solo) -> None:
    for attempt in range(1, 9):
        silent.tell(ProofFailed(attempt, THERE, "exit code 1"))
        while len(silent.at(ProveDead)) == attempt:
            silent.until(silent.now + 100)
    # Pauses of 1, 2, 4, 8, 16, 32 seconds, then always 60.
    assert [at // 1000 for at in silent.at(ProveDead)] == [2, 3, 5, 9, 17, 33, 65, 125, 185]
    assert silent.at(StartGroup) == []
    told = "its fencing is under way, it failed 8 times (exit code 1)"
    assert f"unfenced: node1: {told}" in silent.flags()


def test_an_order_that_hangs_has_failed_after_a_minute_and_its_answer_is_stale(
    silent: Solo,
) -> None:
    silent.until(62_500)
    assert silent.told(What.FENCING_FAILED) == [(62_000, "no answer in 1 min")]
    silent.tell(PeerProvenDead(1, THERE))
    assert silent.engine.drops == {"stale outcome": 1}
    silent.until(64_000)
    assert silent.at(ProveDead) == [2000, 63_000]
    assert silent.at(StartGroup) == []


def test_a_proof_is_void_when_a_later_life_is_heard(silent: Solo) -> None:
    silent.tell(PeerProvenDead(1, THERE))
    assert proven(silent)
    silent.until(2500)
    silent.say(life=LATER)
    silent.until(9000)
    assert not proven(silent)
    assert silent.told(What.FENCING_VOID) == [(2500, "it is heard in a later life")]


def test_a_proof_is_void_when_the_peer_speaks_on(silent: Solo) -> None:
    silent.tell(PeerProvenDead(1, THERE))
    silent.until(2500)
    silent.say(Custody.HELD)
    silent.until(9000)
    assert not proven(silent)
    assert len(silent.told(What.FENCING_VOID)) == 1


def test_the_confirmation_of_an_earlier_life_proves_nothing_of_this_one(silent: Solo) -> None:
    silent.until(2500)
    silent.say(life=LATER)
    silent.until(2600).tell(PeerProvenDead(1, THERE))
    silent.until(9000)
    assert not proven(silent)
    assert silent.at(StartGroup) == []
    # The later life fell silent in its turn: it never held web, but may race, so node2 waits 1000.
    # Its limit from 2500: the deadtime, for it hears this node.
    assert silent.ordered(ProveDead)[1] == ProveDead(2, THERE, LATER)
    assert silent.at(ProveDead) == [2000, 4500]


def test_who_is_heard_again_is_not_ordered_again(silent: Solo) -> None:
    silent.until(2300)
    silent.say(Custody.HELD)
    silent.tell(ProofFailed(1, THERE, "exit code 1"))
    silent.until(9000, Custody.HELD)
    assert silent.at(ProveDead) == [2000]
    assert silent.custody() is Custody.STOPPED


def test_one_order_at_a_time_also_over_a_return(silent: Solo) -> None:
    silent.until(2300)
    silent.say(Custody.HELD)
    silent.until(5000)  # Silent again at 3300: the first order is still under way.
    assert silent.at(ProveDead) == [2000]
    silent.tell(PeerProvenDead(1, THERE))
    assert silent.at(StartGroup) == [5000]


def test_who_never_heard_anybody_fences_nobody() -> None:
    alone = Solo(configured(Proof.FENCE)).until(9000)
    assert alone.at(ProveDead) == []
    assert [at for at, _ in alone.told(What.FENCING_BARRED)] == [2000]
    assert alone.flags() == (
        "unfenced: node1; no peer was heard since this node started, so none is fenced",
    )


@pytest.mark.parametrize(("node", "other", "at"), [(THERE, HERE, 2000), (HERE, THERE, 3000)])
def test_startup_fencing_lifts_that_and_the_preferred_node_comes_first(
    node: NodeName, other: NodeName, at: int
) -> None:
    alone = Solo(configured(Proof.FENCE, startup_fencing=True), node).until(9000)
    assert alone.at(ProveDead) == [at]
    assert alone.ordered(ProveDead) == [ProveDead(1, other, Life(0, 0))]


@pytest.mark.parametrize(("node", "other", "at"), [(THERE, HERE, 2000), (HERE, THERE, 3000)])
def test_of_two_that_hold_nothing_the_preferred_node_comes_first(
    node: NodeName, other: NodeName, at: int
) -> None:
    solo = Solo(configured(Proof.FENCE), node)
    for group in solo.engine.groups.values():
        group.recovery.bar = Bar()
    solo.until(1000, Custody.STOPPED, other)
    for group in solo.engine.groups.values():
        group.recovery.bar = None
    assert solo.until(9000).at(ProveDead) == [at]


def test_an_unclean_group_waits_for_the_device_and_then_starts() -> None:
    solo = Solo(configured(Proof.FENCE)).until(1000, Custody.UNCLEAN).until(2500)
    assert solo.custody() is Custody.STOPPED
    assert "node1 may still run it (unclean)" in solo.reasons()
    solo.until(4000)
    assert solo.at(ProveDead) == [2000]
    solo.tell(PeerProvenDead(1, THERE))
    assert solo.at(StartGroup) == [4000]


def test_hearsay_does_not_bring_back_what_the_device_cleared() -> None:
    marks = frozenset({(WEB, THERE)})
    solo = Solo(configured(Proof.FENCE, nodes=3))
    solo.until(1000, Custody.UNCLEAN)
    solo.say(Custody.UNCLEAN)
    solo.until(3000, Custody.STOPPED, THIRD)
    solo.tell(PeerProvenDead(1, THERE))
    solo.say(node=THIRD, unclean=marks)
    assert solo.at(StartGroup) == [3000]
    assert solo.engine.members.unclean_nodes(WEB) == []


def test_a_peer_that_somebody_still_hears_is_not_fenced() -> None:
    solo = Solo(configured(Proof.FENCE, nodes=3)).until(1000, Custody.HELD)
    while solo.now < 6000:
        solo.say(node=THIRD, hears=(THERE,))
        solo.until(solo.now + 200)
    assert solo.at(ProveDead) == []


def test_each_of_two_groups_waits_and_both_start() -> None:
    web2 = GroupName("web2")
    solo = Solo(configured(Proof.FENCE, groups=2))
    solo.until(1000, Custody.HELD).until(4000)
    assert len(solo.ordered(ProveDead)) == 1
    solo.tell(PeerProvenDead(1, THERE))
    assert (solo.custody(WEB), solo.custody(web2)) == (Custody.STARTING, Custody.STARTING)
