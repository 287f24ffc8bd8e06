"""Who should own a group: a pure function of what is seen, which returns its reasons.

Same facts, same answer, on every node. The order of the reasons is the order of the code below
(ARCHITECTURE.md 4). Placement gives no right to start anything: the claim does (`group`).
"""

from collections.abc import Mapping
from dataclasses import field

from .beat import Pin
from .losses import hold_down
from .model import GroupSpec
from .units import Duration, NodeName, readable
from .value import value


@value(kw_only=True)
class Candidate:
    """One node of a group's list, as this node sees it."""

    barred: str | None = None
    """Why it cannot own the group (`dead`, `in standby` ...), or None."""
    unheard_by: NodeName | None = None
    """A live node that does not hear it, or None."""
    here_for: Duration = Duration(0)
    """For how long it has been up and alive without a break."""
    lost: int = 0
    """How often it was lost within the last hour."""
    outdone: Mapping[NodeName, str] = field(default_factory=dict)
    """Which nodes are better connected, for long enough to count, each with the sentence."""
    unsure: Duration = Duration(0)
    """For how long it is not known yet whether the present owner is better connected."""


@value(kw_only=True)
class Placement:
    """The answer, why, and after what time the answer may change by itself."""

    node: NodeName | None
    reasons: tuple[str, ...]
    review_in: Duration | None = None
    nowhere: Mapping[NodeName, str] = field(default_factory=dict)
    """When there is no node that can run it: of each what speaks against it."""


def place(
    spec: GroupSpec,
    candidates: Mapping[NodeName, Candidate],
    owner: NodeName | None,
    pin: Pin,
    frozen: str | None,
) -> Placement:
    """Return the node that should own the group now.

    `owner` is the node that starts, serves or stops it at present; `candidates` has an entry for
    every node of the group's list.
    """
    if frozen is not None:
        where = f"it stays on {owner}" if owner else "nobody starts it"
        return Placement(node=owner, reasons=(f"{frozen}: {where}",))
    against = {n: c.barred for n, c in candidates.items() if c.barred is not None}
    barred = tuple(f"{node} is {why}" for node, why in against.items())
    able = [node for node in spec.nodes if candidates[node].barred is None]
    if not able:
        return Placement(node=None, reasons=("no node can run it", *barred), nowhere=against)
    if pin.node in able:
        return Placement(node=pin.node, reasons=(f"an operator moved it to {pin.node}", *barred))
    best = [node for node in able if candidates[node].unheard_by is None]
    lame = tuple(
        f"{node} is not heard by {candidates[node].unheard_by}" for node in able if node not in best
    )
    best = best or able
    outdone = _outdone(best, candidates)
    connected = [node for node in best if node not in outdone]
    rest = (*outdone.values(), *lame, *barred)
    return _prefer(spec, connected or best, candidates, owner, rest, outdone)


def _outdone(able: list[NodeName], candidates: Mapping[NodeName, Candidate]) -> dict[NodeName, str]:
    """Return those to which another one is preferred for its connectivity, and the sentences."""
    return {
        node: why
        for node in able
        for other, why in candidates[node].outdone.items()
        if other in able
    }


def _prefer(
    spec: GroupSpec,
    able: list[NodeName],
    candidates: Mapping[NodeName, Candidate],
    owner: NodeName | None,
    rest: tuple[str, ...],
    outdone: Mapping[NodeName, str],
) -> Placement:
    first = able[0]
    if owner not in able:
        why = f"{first} is the preferred owner" if first == spec.preferred else f"{first} is next"
        # What drives a group away comes first: it is the reason that people look for.
        drove = outdone.get(spec.preferred if owner is None else owner)
        away = tuple(r for r in rest if r == drove or r.startswith(f"{owner} is "))
        others = tuple(reason for reason in rest if reason not in away)
        return Placement(node=first, reasons=(*away, why, *others))
    if first == owner:
        return Placement(
            node=owner, reasons=(f"{owner} owns it and nothing prefers another", *rest)
        )
    if first != spec.preferred or not spec.failback.enabled:
        less = "sees less" if spec.preferred in outdone else "is away"
        off = "failback is off" if first == spec.preferred else f"{spec.preferred} {less}"
        kept = f"{owner} owns it and {off}"
        return Placement(node=owner, reasons=(kept, *rest))
    settling, wait, why = candidates[first].unsure, *_wait(spec, candidates[first])
    if settling > max(wait, 0):
        kept = f"{owner} keeps it until it is settled which ping nodes {first} sees"
        return Placement(node=owner, reasons=(kept, *rest), review_in=settling)
    if wait > 0:
        kept = f"{owner} keeps it: failback to {first} in {readable(wait)}, if it stays up{why}"
        return Placement(node=owner, reasons=(kept, *rest), review_in=Duration(wait))
    return Placement(node=first, reasons=(f"failback to {first}, the preferred owner{why}", *rest))


def _wait(spec: GroupSpec, preferred: Candidate) -> tuple[int, str]:
    """Return how much longer the preferred owner must stay, and why if that is long."""
    hold = hold_down(preferred.lost)
    why = (
        f"; it was lost {preferred.lost} times within an hour" if hold > spec.failback.after else ""
    )
    return max(hold, spec.failback.after) - preferred.here_for, why
