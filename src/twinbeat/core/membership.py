"""All peers of this node: who lives, whom others hear, what was promised, who is unclean."""

from collections.abc import Iterable, Iterator

from . import lease
from .arbiter import Arbitration
from .beat import Ack, Beat, Custody, GroupView
from .connectivity import Connectivity
from .effects import Effect, Record, What
from .events import LinkChanged
from .fencing import Fencing
from .liveness import Change, Hearing, Liveness, OwnBeats, PeerWatch
from .model import ClusterModel, Proof
from .proofs import PeerProof, silent_everywhere
from .units import Duration, GroupName, Instant, LinkName, NodeName, in_ms, readable

Unclean = tuple[GroupName, NodeName]

_PROOFS = {Proof.PEER: PeerProof, Proof.FENCE: Fencing, Proof.ARBITER: Arbitration}


class Membership:
    """The peers, and what follows from all of them together."""

    def __init__(self, model: ClusterModel, mine: OwnBeats, now: Instant) -> None:
        self.model = model
        self.mine = mine
        self.me = mine.node
        self.started_at = now
        self.awake = now
        """When this node last came back from a stall: silence before it proves nothing."""
        self.peers = {n: PeerWatch(n, model.timing, now) for n in model.peers(self.me)}
        self.unclean: set[Unclean] = set()
        """What other nodes are known to hold unclean, by their own word or by hearsay."""
        self._vouched: set[Unclean] = set()
        self.own_links: dict[LinkName, bool] = {}
        self.connectivity = Connectivity(model, now)
        self.proof: PeerProof = _PROOFS[model.proof](self)

    def __iter__(self) -> Iterator[PeerWatch]:
        return iter(self.peers.values())

    def adopt(self, model: ClusterModel, now: Instant) -> None:
        """Take over a new configuration; a peer that stays keeps its history."""
        self.model = model
        names = model.peers(self.me)
        known = self.peers
        self.peers = {n: known.get(n) or PeerWatch(n, model.timing, now) for n in names}
        for peer in self:
            peer.adopt(model.timing)
        self.connectivity.adopt(model, now)
        self.unclean = {(group, node) for group, node in self.unclean if node in self.peers}

    # What happens.

    def take(self, beat: Beat, link: LinkName, now: Instant, out: list[Effect]) -> Hearing:
        """Take in a beat of a configured peer and tell what it changed."""
        peer = self.peers[beat.node]
        before, earlier = peer.liveness, peer.beat
        link_was_up = link in peer.links and peer.links[link].up
        hearing = peer.take(beat, link, now, self.mine)
        if hearing is Hearing.STALE:
            return hearing
        if not link_was_up:
            peer.links[link].up = True
            out.append(Record(What.LINK_UP, f"{peer.node} is heard on {link}", peer=peer.node,
                              evidence={"link": link}))  # fmt: skip
        if hearing is Hearing.NEWER:
            repeated = peer.liveness is before and earlier is not None and beat.repeats(earlier)
            late = peer.interval > self.model.timing.warntime
            unclean = self.unclean or self._vouched or beat.unclean
            if repeated and not (late or unclean or peer.read_anew):
                return Hearing.REPEATED
            self._tell_beat(peer, beat, earlier, before, out)
            self._take_unclean(beat)
            peer.read_anew = False
        return hearing

    def own_link_changed(self, event: LinkChanged, out: list[Effect]) -> None:
        """Note that a link of this node came up or went down."""
        self.own_links[event.link] = event.up
        self.connectivity.link_changed(event.link, event.up)
        what = What.OWN_LINK_UP if event.up else What.OWN_LINK_DOWN
        out.append(Record(what, event.why, evidence={"link": event.link}))

    def time_passed(self, now: Instant, out: list[Effect]) -> None:
        """Let silence mean something."""
        for peer in self:
            for change in peer.time_passed(now, self.awake):
                self._tell_silence(peer, change, now, out)
            for link in peer.links_died(now):
                out.append(Record(What.LINK_DEAD, f"nothing of {peer.node} came on {link}",
                                  peer=peer.node, evidence={"link": link}))  # fmt: skip
        self.connectivity.time_passed(now, out)
        self.proof.time_passed(now, out)

    def stalled(self, gap: Duration, now: Instant) -> None:
        """This node was away: every silence starts anew.

        A peer that was gone, or whose goodbye waits to be taken in, may only have come back and
        taken over if it heard nothing of this node for a deadtime; after a gap that comes near it,
        the peer is doubted.
        """
        self.awake = now
        self.connectivity.stalled(now)
        for peer in self:
            peer.loosen(self.mine.seq, (Instant(now - gap), now))
            if gap >= self.model.timing.quiet:
                peer.doubt(self.mine.seq)

    def take_hearsay(self, marks: Iterable[Unclean]) -> bool:
        """Believe who is said to be unclean, unless it speaks for itself; return if it was new."""
        known = len(self.unclean)
        for mark in marks:
            peer = self.peers.get(mark[1])
            if peer is not None and not peer.heard and mark not in self._vouched:
                self.unclean.add(mark)
        return len(self.unclean) > known

    def vouch(self, group: GroupName, node: NodeName) -> bool:
        """Believe whoever knows that a silent peer runs nothing of a group: operator, fencing."""
        self._vouched.add((group, node))
        known = (group, node) in self.unclean
        self.unclean.discard((group, node))
        return known

    def compare(self, now: Instant) -> None:
        """Compare what this node and those that are heard see of the world outside."""
        said = {p.node: p.beat.pings for p in self if p.heard and p.beat is not None}
        said[self.me] = self.connectivity.statement
        self.connectivity.compare(said, now)

    # What follows.

    def acks(self, now: Instant) -> dict[NodeName, Ack]:
        """Return what this node has taken in from each peer, for its next beat."""
        acks = {}
        for peer in self:
            age = peer.last_heard(now)
            if age is not None:
                age_ms = min(age // 1_000_000, 3_600_000)
                acks[peer.node] = Ack(peer.life, peer.seq, peer.heard, age_ms)
        return acks

    def in_doubt(self, group: GroupName) -> list[PeerWatch]:
        """Return the peers that only a proof of their death takes out of the way to a group."""
        return [
            peer
            for peer in self
            if silent_everywhere(peer, self).proven and not self.proof.judge(peer, group).proven
        ]

    def holders(self, group: GroupName) -> Iterator[PeerWatch]:
        """Yield the peers whose newest beat holds it and which still speak for themselves."""
        for peer in self:
            holds = peer.custody(group).holds and peer.liveness is not Liveness.LEFT
            if holds and not silent_everywhere(peer, self).proven:
                yield peer

    def holder(self, group: GroupName) -> PeerWatch | None:
        """Return one of them, or None."""
        return next(self.holders(group), None)

    def owner(self, group: GroupName) -> PeerWatch | None:
        """Return the strongest peer that is heard to start or serve the group."""
        owners = [
            (peer, view)
            for peer in self.peers.values()
            if peer.heard and (view := peer.view(group)) is not None and view.custody.owns
        ]
        if len(owners) > 1:
            return max(owners, key=lambda owner: owner[1].strength(owner[0].node))[0]
        return owners[0][0] if owners else None

    def unclean_nodes(self, group: GroupName) -> list[NodeName]:
        """Return the peers that are known to hold a group unclean."""
        return sorted(node for name, node in self.unclean if name == group) if self.unclean else []

    def unheard_by(self, node: NodeName, now: Instant) -> NodeName | None:
        """Return a peer that is heard and does not hear a node, or None.

        A peer that was itself silent until now is asked two keepalives later: when a cut heals, its
        first beats still tell of the time before.
        """
        settled = now - 2 * self.model.timing.keepalive
        for peer in self.peers.values():
            if peer.node != node and peer.heard_since <= settled and peer.heard and peer.beat:
                ack = peer.beat.acks.get(node)
                if ack is not None and not ack.hears:
                    return peer.node
        return None

    @property
    def macs(self) -> frozenset[bytes]:
        """The hardware addresses that the peers' newest beats name."""
        beats = (peer.beat for peer in self if peer.beat is not None)
        return frozenset(mac for beat in beats for mac in beat.macs)

    @property
    def all_known(self) -> bool:
        """Whether every peer was heard or judged: nobody is waited for any more."""
        return all(peer.liveness is not Liveness.UNHEARD for peer in self)

    def renewable_until(self, group: GroupName, mine: GroupView, now: Instant) -> Instant:
        """Return until when an unexpired lease of the group may be renewed."""
        if (until := self._granted_until(group, mine)) is not None:
            return until
        timing = self.model.timing
        return lease.renewable_until(self, timing, group, self.mine, mine, now, self.awake)

    def creatable_until(self, group: GroupName, mine: GroupView) -> Instant:
        """Return until when a new lease of the group may be created."""
        if (until := self._granted_until(group, mine)) is not None:
            return until
        return lease.creatable_until(self, self.model.timing, group, self.mine, mine)

    def _granted_until(self, group: GroupName, mine: GroupView) -> Instant | None:
        """Return until when a third party, or else every peer, allows it; None without the one."""
        granted = self.proof.granted_until(group)
        if granted is None:
            return None
        return max(granted, lease.promised_by_all(self, group, self.mine, mine))

    def deadlines(self) -> list[Instant]:
        """Return when the silence of each peer, and of who was asked, next means something."""
        awake = self.awake
        deadlines = [peer.next_deadline(awake) for peer in self.peers.values()]
        deadlines.append(self.proof.next_deadline())
        deadlines.append(self.connectivity.next_deadline())
        return deadlines

    # How it is told.

    def _take_unclean(self, beat: Beat) -> None:
        """Believe a node about itself first, and others only about nodes that are not heard."""
        for name in [g for g, node in self.unclean if node == beat.node]:
            self.unclean.discard((name, beat.node))
        own = {(g, beat.node) for g, v in beat.groups.items() if v.custody is Custody.UNCLEAN}
        self._vouched = {mark for mark in self._vouched if mark[1] != beat.node}
        self.unclean |= own
        self.take_hearsay(beat.unclean)

    def _tell_beat(
        self,
        peer: PeerWatch,
        beat: Beat,
        earlier: Beat | None,
        before: Liveness,
        out: list[Effect],
    ) -> None:
        def tell(what: What, because: str, **evidence: object) -> None:
            out.append(Record(what, because, peer=peer.node, evidence=evidence))

        timing = self.model.timing
        if earlier is None:
            tell(What.PEER_HEARD, "its first heartbeat in this life",
                 generation=beat.life.generation)  # fmt: skip
        elif beat.life != earlier.life:
            tell(What.PEER_RESTARTED, "its heartbeat is of a new life",
                 generation=beat.life.generation, before=earlier.life.generation)  # fmt: skip
        elif before in (Liveness.SILENT, Liveness.DOUBTED):
            tell(What.PEER_RETURNED, "it is heard again in the same life",
                 silence_ms=in_ms(peer.interval))  # fmt: skip
        elif peer.interval > timing.warntime:
            tell(What.PEER_LATE_BEAT, "its heartbeat came late",
                 interval_ms=in_ms(peer.interval))  # fmt: skip
        if earlier is None or earlier.word != beat.word:
            tell(What.PEER_STATUS, f"it says {beat.word}", status=beat.word)
        if peer.liveness is not before:
            if peer.liveness is Liveness.ALIVE:
                tell(What.PEER_ALIVE, "it echoes this node's present life")
            elif peer.liveness is Liveness.DEAF and before is Liveness.ALIVE:
                tell(What.PEER_DEAF, "it is heard and no longer echoes this node")
            elif peer.liveness is Liveness.LEFT:
                tell(What.PEER_LEFT, "it said goodbye and holds nothing")
        self._tell_groups(peer, beat, earlier, out)
        if beat.pings is not None and (earlier is None or earlier.pings != beat.pings):
            plural = "" if beat.pings == 1 else "s"
            tell(What.PEER_CONNECTIVITY, f"it sees {beat.pings} ping node{plural}",
                 pings=beat.pings)  # fmt: skip
        if (earlier is None or earlier.digest != beat.digest) and beat.version:
            differs = beat.digest != self.model.digest
            if differs or earlier is not None:
                tell(What.CONFIG_DIFFERS, "its configuration differs from this node's"
                     if differs else "its configuration is this node's again",
                     theirs=beat.digest, ours=self.model.digest)  # fmt: skip

    @staticmethod
    def _tell_groups(peer: PeerWatch, beat: Beat, earlier: Beat | None, out: list[Effect]) -> None:
        for group, view in beat.groups.items():
            was = None if earlier is None else earlier.groups.get(group)
            if was is None or was.custody is not view.custody:
                out.append(Record(
                    What.PEER_GROUP, f"{peer.node} says {view.custody}", group, peer.node,
                    {"custody": str(view.custody), "term": view.term},
                ))  # fmt: skip

    def _tell_silence(
        self, peer: PeerWatch, change: Change, now: Instant, out: list[Effect]
    ) -> None:
        silence = peer.silence(now, self.awake)
        evidence: dict[str, object] = {
            "silence_ms": in_ms(silence),
            "limit_ms": in_ms(peer.limit),
            "missed": silence // self.model.timing.keepalive,
            "links": {
                name: in_ms(now - link.heard_at) for name, link in sorted(peer.links.items())
            },
        }
        if change is Change.LATE:
            why = f"nothing was heard for {readable(silence)}, more than the warntime"
            out.append(Record(What.PEER_LATE, why, peer=peer.node, evidence=evidence))
        elif peer.beat is None:
            why = f"never heard since this node started {readable(silence)} ago, the initdead"
            out.append(Record(What.PEER_DEAD, why, peer=peer.node, evidence=evidence))
        else:
            limit = "the deadtime" if peer.tied else "the deadtime and the quiet time"
            why = f"nothing was heard for {readable(silence)}, {limit}"
            out.append(Record(What.PEER_DEAD, why, peer=peer.node, evidence=evidence))
