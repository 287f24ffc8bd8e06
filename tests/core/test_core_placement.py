"""Placement, case by case: the node, and the first reason, which people read."""

import pytest

from twinbeat.core.beat import Pin
from twinbeat.core.model import Failback, GroupSpec
from twinbeat.core.placement import Candidate, place
from twinbeat.core.units import GroupName, NodeName, seconds

N1, N2, N3 = NodeName("node1"), NodeName("node2"), NodeName("node3")
NODES = (N1, N2, N3)
ON, OFF = Failback(enabled=True), Failback(enabled=False)
AFTER = Failback(enabled=True, after=seconds(10))
PIN = Pin(1, N3)
NOBODY = dict.fromkeys(NODES, Candidate(barred="dead"))


def seen(**barred: str) -> dict[NodeName, Candidate]:
    """Return the candidates; `node1="dead"` bars it, `node1="<node3"`: node3 does not hear it."""
    found = dict.fromkeys(NODES, Candidate())
    for node, why in barred.items():
        lame = why.startswith("<")
        found[NodeName(node)] = (
            Candidate(unheard_by=NodeName(why[1:])) if lame else Candidate(barred=why)
        )
    return found


LESS = "node2 sees 2 of 2 ping nodes, node1 0 of 2"


def outdone(**barred: str) -> dict[NodeName, Candidate]:
    """Return the candidates of a cluster in which node2 and node3 see more than node1."""
    return {**seen(**barred), N1: Candidate(outdone={N2: LESS})}


def up_for(span: float) -> dict[NodeName, Candidate]:
    return {**seen(), N1: Candidate(here_for=seconds(span))}


CASES = {
    "first start": (seen(), None, Pin(), ON, N1, "node1 is the preferred owner"),
    "preferred is away": (seen(node1="dead"), None, Pin(), ON, N2, "node2 is next"),
    "two are away": (seen(node1="dead", node2="leaving"), None, Pin(), ON, N3, "node3 is next"),
    "nobody": (NOBODY, None, Pin(), ON, None, "no node can run it"),
    "nobody, and an owner": (NOBODY, N1, PIN, ON, None, "no node can run it"),
    "it runs well": (seen(), N1, Pin(), ON, N1, "node1 owns it and nothing prefers another"),
    "failback": (seen(), N2, Pin(), ON, N1, "failback to node1, the preferred owner"),
    "failback is off": (seen(), N2, Pin(), OFF, N2, "node2 owns it and failback is off"),
    "failback waits": (
        up_for(7.5), N2, Pin(), AFTER, N2,
        "node2 keeps it: failback to node1 in 2.50 s, if it stays up",
    ),
    "failback after": (up_for(10), N2, Pin(), AFTER, N1, "failback to node1, the preferred owner"),
    "no failback to the second": (
        seen(node1="dead"), N3, Pin(), ON, N3, "node3 owns it and node1 is away",
    ),
    "pinned": (seen(), N1, PIN, ON, N3, "an operator moved it to node3"),
    "pinned, failback": (seen(), N3, PIN, ON, N3, "an operator moved it to node3"),
    "pin is barred": (
        seen(node3="failed"), N2, PIN, ON, N1, "failback to node1, the preferred owner",
    ),
    "owner is barred": (
        seen(node2="in standby"), N2, Pin(), OFF, N1, "node2 is in standby",
    ),
    "preferred is lame": (
        seen(node1="<node3"), N2, Pin(), ON, N2, "node2 owns it and nothing prefers another",
    ),
    "owner is lame": (
        seen(node1="<node3"), N1, Pin(), ON, N2, "node1 is not heard by node3",
    ),
    "all are lame": (
        seen(node1="<node2", node2="<node1", node3="dead"), N1, Pin(), ON, N1,
        "node1 owns it and nothing prefers another",
    ),
    "owner sees less": (outdone(), N1, Pin(), ON, N2, LESS),
    "preferred sees less": (outdone(), N2, Pin(), ON, N2,
                            "node2 owns it and nothing prefers another"),
    "nobody owns it, preferred sees less": (outdone(), None, Pin(), ON, N2, LESS),
    "pinned to one that sees less": (
        outdone(), N2, Pin(1, N1), ON, N1, "an operator moved it to node1",
    ),
    "who sees more is dead": (
        outdone(node2="dead"), N1, Pin(), ON, N1, "node1 owns it and nothing prefers another",
    ),
    "it is not settled what preferred sees": (
        {**seen(), N1: Candidate(unsure=seconds(2))}, N2, Pin(), ON, N2,
        "node2 keeps it until it is settled which ping nodes node1 sees",
    ),
    "an owner is not asked again": (
        {**seen(), N1: Candidate(unsure=seconds(2))}, N1, Pin(), ON, N1,
        "node1 owns it and nothing prefers another",
    ),
    "pinned to a lame one": (
        seen(node3="<node1"), N1, PIN, ON, N3, "an operator moved it to node3",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_placement(case: str) -> None:
    candidates, owner, pin, failback, node, reason = CASES[case]
    spec = GroupSpec(name=GroupName("web"), nodes=NODES, resources=(), failback=failback)
    placement = place(spec, candidates, owner, pin, frozen=None)
    assert (placement.node, placement.reasons[0]) == (node, reason)


def test_maintenance_comes_before_everything() -> None:
    spec = GroupSpec(name=GroupName("web"), nodes=NODES, resources=(), failback=ON)
    kept = place(spec, seen(node2="dead"), N2, PIN, frozen="maintenance is on")
    assert (kept.node, kept.reasons) == (N2, ("maintenance is on: it stays on node2",))
    idle = place(spec, seen(), None, PIN, frozen="maintenance is on")
    assert (idle.node, idle.reasons) == (None, ("maintenance is on: nobody starts it",))


def test_every_bar_and_fault_is_among_the_reasons() -> None:
    spec = GroupSpec(name=GroupName("web"), nodes=NODES, resources=(), failback=ON)
    placement = place(spec, seen(node1="dead", node2="<node3"), None, Pin(), frozen=None)
    assert placement.reasons == ("node3 is next", "node2 is not heard by node3", "node1 is dead")


def test_it_says_when_it_may_change_by_itself() -> None:
    spec = GroupSpec(name=GroupName("web"), nodes=NODES, resources=(), failback=AFTER)
    assert place(spec, up_for(7.5), N2, Pin(), frozen=None).review_in == seconds(2.5)
    assert place(spec, up_for(10), N2, Pin(), frozen=None).review_in is None
