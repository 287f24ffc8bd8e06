"""Until when a group may be served: the acknowledged lease (protocol.md 2.3 and 2.6).

A node serves only until the send time of its newest acknowledged beat plus the lease. Taking in a
beat is a peer's promise not to take over before its deadtime has run from then, and the deadtime is
longer than the lease; so a lost beat, a freeze and a one-way link need no rule of their own.
"""

from collections.abc import Iterable

from .beat import GroupView
from .liveness import OwnBeats, PeerWatch
from .model import Timing
from .units import LONG_AGO, GroupName, Instant


def promised_by(peer: PeerWatch, group: GroupName, own: OwnBeats, mine: GroupView) -> Instant:
    """Return until when one peer's acknowledgement lets this node serve the group.

    A peer that shows itself a stronger owner of the group promises nothing, also while it stops.
    """
    theirs = peer.view(group)
    if (
        theirs is not None
        and theirs.custody.answers
        and theirs.strength(peer.node) > mine.strength(own.node)
    ):
        return LONG_AGO
    return peer.promised


def renewable_until(
    peers: Iterable[PeerWatch],
    timing: Timing,
    group: GroupName,
    own: OwnBeats,
    mine: GroupView,
    now: Instant,
    awake: Instant,
) -> Instant:
    """Return the instant to which an unexpired lease may be renewed.

    Peers that are gone or quiet are not waited for; the first beat of a peer's new life
    counts as an acknowledgement, so that a rebooting peer does not darken the owner. With nobody to
    wait for, the lease runs from the newest beat sent: a peer that is not heard here may hear it.
    """
    until = None
    for peer in peers:
        if peer.gone or peer.silence(now, awake) >= timing.quiet:
            continue
        promise = max(promised_by(peer, group, own, mine), peer.reborn_at + timing.lease)
        if until is None or promise < until:
            until = promise
    return Instant(own.spoke_at + timing.lease if until is None else until)


def creatable_until(
    peers: Iterable[PeerWatch],
    timing: Timing,
    group: GroupName,
    own: OwnBeats,
    mine: GroupView,
) -> Instant:
    """Return the instant until which a new lease may be created, first or after a lapse.

    Stricter than a renewal: only peers that said goodbye or were judged silent are not waited for.
    """
    until = None
    for peer in peers:
        if peer.gone:
            continue
        promise = promised_by(peer, group, own, mine)
        until = promise if until is None else min(until, promise)
    return Instant(own.spoke_at + timing.lease if until is None else until)


def promised_by_all(
    peers: Iterable[PeerWatch], group: GroupName, own: OwnBeats, mine: GroupView
) -> Instant:
    """Return until when every configured peer's acknowledgement lets this node serve the group.

    With an arbiter this is what an owner that it does not answer lives on. Nobody is exempt: who
    is not heard here may be the one that deposes this node.
    """
    promises = [promised_by(peer, group, own, mine) for peer in peers]
    return min(promises) if promises else own.promise(own.seq)
