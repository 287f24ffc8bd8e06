"""What peers answer to a claim, and why a group is claimed, in sentences (protocol.md 2.4)."""

from .beat import Custody, GroupView
from .liveness import Liveness, PeerWatch
from .membership import Membership
from .units import Duration, GroupName, Instant, NodeName, readable


def answer(
    peer: PeerWatch,
    group: GroupName,
    mine: GroupView,
    claim_seq: int,
    members: Membership,
    now: Instant,
) -> tuple[bool, str]:
    """Return whether one peer lets a claim start, and the sentence that says why.

    `mine` is the claim as it is published, `claim_seq` the first beat that said so.
    """
    node = peer.node
    if peer.liveness is Liveness.LEFT:
        return True, f"{node} said goodbye"
    verdict = members.proof.judge(peer, group)
    if verdict.proven:
        return True, verdict.why
    if peer.liveness is not Liveness.ALIVE:
        return False, verdict.why
    if peer.claims and peer.acked_seq < claim_seq:
        return False, f"{node} has not answered the claim yet"
    if now >= peer.promised:
        return False, f"the answer of {node} has expired"
    theirs = peer.view(group)
    if theirs is not None and theirs.custody is Custody.CLAIMING:
        if theirs.strength(node) > mine.strength(members.me):
            return False, f"the claim of {node} is stronger"
        return True, f"{node} yields its weaker claim"
    return True, f"{node} answered that it does not hold it"


def right_until(members: Membership, now: Instant) -> Instant:
    """Return until when a start that is decided now may begin.

    The answers of peers expire; and who is gone now may be back, hear nothing of this node for a
    deadtime, and judge it in its turn.
    """
    answers = [peer.promised for peer in members if peer.liveness is Liveness.ALIVE]
    return min([Instant(now + members.model.timing.lease), *answers])


def why_claimed(
    group: GroupName,
    last_owner: NodeName | None,
    placed_because: tuple[str, ...],
    members: Membership,
    now: Instant,
) -> str:
    """Say in a sentence why a group comes to this node now."""
    outdone = f" ping nodes, {last_owner} "
    because = next((why for why in placed_because if outdone in why), placed_because[0])
    peer = members.peers.get(last_owner) if last_owner is not None else None
    if peer is None:
        return f"nobody owns it; {because}"
    if peer.liveness is Liveness.LEFT:
        return f"{peer.node} left the cluster"
    if peer.liveness is Liveness.SILENT:
        silence = readable(Duration(peer.silence(now, members.awake)))
        return f"{peer.node} is dead: nothing was heard of it for {silence}"
    view = peer.view(group)
    if view is not None and view.bar is not None:
        return f"it failed on {peer.node}" + (f": {view.bar.why}" if view.bar.why else "")
    return f"{peer.node} released it: {because}"
