"""Custody of one resource group, seen from this node (protocol.md 2.4 to 2.9).

Safety in one sentence: `StartGroup` leaves here only from `_claim`, after every configured peer
answered this very claim, said goodbye, or was proven dead, and nobody is known unclean.

Outcomes of orders come in through the verbs `started`, `stopped` ... and carry the operation number
of their order; a stale number is refused there. Everything else is decided in `step`, level by
level, from what the world looks like now; no step depends on which message came first.
"""

from collections.abc import Callable
from dataclasses import dataclass

from .beat import Custody, GroupView, Pin
from .claim import answer, right_until, why_claimed
from .effects import (
    Announce,
    ClearGroup,
    Effect,
    Record,
    Silence,
    StartGroup,
    StopGroup,
    What,
)
from .liveness import Liveness, PeerWatch
from .membership import Membership
from .model import GroupSpec
from .placement import Placement
from .proofs import Wish
from .serving import Serving
from .units import NEVER, GroupName, Instant, NodeName


@dataclass(frozen=True, slots=True)
class World:
    """What a step looks at."""

    now: Instant
    members: Membership
    placement: Placement
    leaving: bool
    next_seq: int
    """The sequence number of the beat that will tell of this step."""


class Group:
    """One group and this node's part in it."""

    def __init__(self, spec: GroupSpec, me: NodeName, next_op: Callable[[], int]) -> None:
        self.spec = spec
        self.me = me
        self.custody = Custody.UNKNOWN
        self.term = 0
        self.failed: str | None = None
        """Why it failed here, until an operator cleans up."""
        self.pin = Pin()
        self.want = False
        self.removed = False
        """The configuration no longer has it: stop it, then forget it."""
        self.waiting: tuple[str, ...] = ()
        """What a claim still waits for."""
        self.wish = Wish(group=spec.name, custody=Custody.UNKNOWN)
        self.serving = Serving(spec.name)
        self.last_owner: NodeName | None = None
        self.cause = ""
        self._next_op = next_op
        self._op = 0
        self._claim_seq = 0
        self._ready = False
        """Whether the claim waits for nothing but a third party's word."""
        self._gentle = False
        """Stopping by plan: the addresses are served until their own turn to stop comes."""
        self._met: NodeName | None = None
        self._respec: GroupSpec | None = None

    @property
    def name(self) -> GroupName:
        """The group's name."""
        return self.spec.name

    @property
    def rank(self) -> int:
        """This node's place in the group's list; one past the end when it is not on it."""
        nodes = self.spec.nodes
        return nodes.index(self.me) if self.me in nodes else len(nodes)

    def view(self) -> GroupView:
        """Return what the next beat says of this group."""
        return GroupView(
            custody=self.custody,
            term=self.term,
            rank=self.rank,
            want=self.want,
            failed=self.failed is not None,
            pin=self.pin,
        )

    # Orders that come from outside the step.

    def clear(self) -> list[Effect]:
        """Probe and stop whatever runs: at the start of a life, or for an operator's clean-up."""
        if self.custody is not Custody.UNCLEAN:
            self.custody = Custody.UNKNOWN
        self._op = self._next_op()
        return [ClearGroup(self._op, self.spec)]

    def respec(self, spec: GroupSpec) -> None:
        """Take over a changed configuration; other resources make a running group stop first."""
        self.removed = False
        if spec.resources == self.spec.resources or not self.custody.holds:
            self.spec, self._respec = spec, None
        else:
            self._respec = spec

    # Outcomes of orders.

    def started(self, op: int) -> list[Effect] | None:
        """Every resource runs; None when the outcome is stale (so for all outcomes)."""
        if op != self._op or self.custody is not Custody.STARTING:
            return None
        self.custody = Custody.HELD
        evidence = {"from": self.last_owner, "cause": self.cause, "term": self.term}
        self.last_owner = self.me
        return [Record(What.GROUP_HELD, "every resource is started", self.name, None, evidence)]

    def start_failed(self, op: int, resource: str, why: str) -> list[Effect] | None:
        """A resource did not start: stop the rest, and be no candidate until cleaned up."""
        if op != self._op or self.custody is not Custody.STARTING:
            return None
        return self._fail(resource, f"{resource} did not start: {why}")

    def start_late(self, op: int) -> list[Effect] | None:
        """This node was away between the decision and the deed, for longer than the right lasts."""
        if op != self._op or self.custody is not Custody.STARTING:
            return None
        self.custody = Custody.STOPPED
        self.serving.end()
        why = "this node was away before it could start it: the right to it has lapsed"
        return [Silence(self.name), Record(What.GROUP_CLAIM_ENDED, why, self.name)]

    def resource_failed(self, resource: str, why: str) -> list[Effect] | None:
        """A resource of the held group does not run any more."""
        if self.custody is not Custody.HELD:
            return None
        return self._fail(resource, f"{resource} failed: {why}")

    def stopped(self, op: int) -> list[Effect] | None:
        """Nothing of the group runs here."""
        clearing = self.custody in (Custody.UNKNOWN, Custody.UNCLEAN)
        if op != self._op or not (clearing or self.custody is Custody.STOPPING):
            return None
        self.custody = Custody.STOPPED
        self.serving.end()
        if self._respec is not None:
            self.spec, self._respec = self._respec, None
        why = "nothing of it was left running" if clearing else "every resource is stopped"
        return [Record(What.GROUP_STOPPED, why, self.name)]

    def stop_failed(self, op: int, resource: str, why: str) -> list[Effect] | None:
        """A resource may still be running: nobody may start the group anywhere."""
        stopping = (Custody.UNKNOWN, Custody.UNCLEAN, Custody.STOPPING)
        if op != self._op or self.custody not in stopping:
            return None
        self.custody = Custody.UNCLEAN
        self.serving.end()
        because = f"{resource} did not stop: {why}"
        return [
            Silence(self.name),
            Record(What.GROUP_UNCLEAN, because, self.name, None, {"resource": resource}),
        ]

    def lapsed(self, why: str) -> list[Effect]:
        """The kernel has let the lease go; what is served is created anew or stays silent."""
        return self.serving.lapsed(self.custody.owns, why)

    # The step.

    def step(self, world: World) -> list[Effect]:
        """Do what the world asks for now; nothing when nothing changed."""
        self._ready = False
        out = self._step(world)
        concerned = not self.custody.holds and self._bar_here(world) is None
        doubts = world.members.in_doubt(self.name) if concerned else []
        self.wish = Wish(
            group=self.name,
            custody=self.custody,
            doubts=tuple(peer.node for peer in doubts),
            ready=self._ready,
        )
        return out

    def _step(self, world: World) -> list[Effect]:
        match self.custody:
            case Custody.STOPPED:
                return self._consider_claim(world)
            case Custody.CLAIMING:
                return self._claim(world)
            case Custody.STARTING:
                out = self._meet(world)
                return out + self._serve(world) if self.custody is Custody.STARTING else out
            case Custody.HELD:
                return self._hold(world)
            case Custody.STOPPING if self._gentle:
                return self._yield(world) or self._serve(world)
            case _:
                return []

    def serve(self, members: Membership, mine: GroupView, now: Instant, seq: int) -> list[Effect]:
        """Do what a step does when only time has passed and beats were acknowledged.

        `mine` is what this node publishes of the group, `seq` the number of its next beat.
        """
        if self.custody.owns or (self.custody is Custody.STOPPING and self._gentle):
            return self.serving.step(members, mine, now, seq, self.custody.owns)
        return []

    def next_deadline(self, members: Membership, now: Instant) -> Instant:
        """Return when it must be served otherwise only because time passed."""
        if not self.custody.owns or self.serving.until <= now:
            return NEVER
        quiet = [at for peer in members if (at := peer.quiet_at(members.awake)) > now]
        return min([self.serving.until, *quiet])

    def _consider_claim(self, world: World) -> list[Effect]:
        bar = self._bar(world)
        if bar is not None:
            self.waiting = (bar,) if world.placement.node == self.me else ()
            return []
        views = [peer.view(self.name) for peer in world.members]
        seen = [view.term for view in views if view is not None]
        self.term = 1 + max(self.term, world.members.proof.term(self.name), *seen)
        world.members.proof.claim(self.name, self.term)
        self.custody, self._claim_seq = Custody.CLAIMING, world.next_seq
        because = world.placement.reasons
        self.cause = why_claimed(self.name, self.last_owner, because, world.members, world.now)
        evidence = {"term": self.term, "from": self.last_owner}
        told = Record(What.GROUP_CLAIMING, self.cause, self.name, None, evidence)
        return [told, *self._claim(world)]

    def _bar(self, world: World) -> str | None:
        """Return why this node may not claim the group now, or None."""
        if (bar := self._bar_here(world)) is not None:
            return bar
        if unclean := world.members.unclean_nodes(self.name):
            return f"{', '.join(unclean)} may still run it (unclean)"
        return None

    def _bar_here(self, world: World) -> str | None:
        """Return a bar that no proof of a death would lift, or None."""
        if world.leaving:
            return "this node is leaving"
        if self.removed:
            return "the configuration no longer has it"
        if world.placement.node != self.me:
            return world.placement.reasons[0]
        if (holder := world.members.holder(self.name)) is not None:
            return f"{holder.node} says {holder.custody(self.name)}"
        return world.members.proof.bar(self.name, world.now)

    def _claim(self, world: World) -> list[Effect]:
        """Start when the right is complete; else say what it waits for."""
        members = world.members
        if (bar := self._bar(world) or members.proof.void(self.name)) is not None:
            self.custody, self.waiting = Custody.STOPPED, ()
            return [Record(What.GROUP_CLAIM_ENDED, bar, self.name)]
        name, mine, seq = self.name, self.view(), self._claim_seq
        answers = {p.node: answer(p, name, mine, seq, members, world.now) for p in members}
        self.waiting = tuple(why for given, why in answers.values() if not given)
        if not self.waiting and (why := members.proof.refusal(self.name)) is not None:
            self._ready, self.waiting = True, (why,)
        if self.waiting:
            return []
        self.custody, self._op, self._met = Custody.STARTING, self._next_op(), None
        self.serving.end()
        reasons = {node: why for node, (_, why) in answers.items()}
        evidence = {"term": self.term, "answers": reasons}
        because = "every configured peer answered, left, or is proven dead"
        return [
            StartGroup(self._op, self.spec, right_until(members, world.now)),
            Record(What.GROUP_STARTING, because, self.name, None, evidence),
        ]

    def _hold(self, world: World) -> list[Effect]:
        out = self._meet(world)
        if self.custody is not Custody.HELD:
            return out
        reason = self._release_reason(world)
        if reason is None:
            return out + self._serve(world)
        self.custody, self._op, self._gentle = Custody.STOPPING, self._next_op(), True
        evidence = {"to": world.placement.node}
        return [
            *out,
            StopGroup(self._op, self.name),
            Record(What.GROUP_STOPPING, reason, self.name, None, evidence),
        ]

    def _release_reason(self, world: World) -> str | None:
        """Return why the group is released now; another node must want it before it is let go."""
        placement = world.placement
        if world.leaving:
            return "this node is leaving"
        if self.removed:
            return "the configuration no longer has it"
        if self._respec is not None:
            return "its resources changed in the configuration"
        if placement.node == self.me:
            return None
        if placement.node is None:
            return "; ".join(placement.reasons)
        target = world.members.peers.get(placement.node)
        if target is None or target.liveness is not Liveness.ALIVE:
            return None
        view = target.view(self.name)
        return placement.reasons[0] if view is not None and view.want else None

    def _meet(self, world: World) -> list[Effect]:
        """Two owners: the stronger stays and announces itself again, the other stops at once.

        A third party that no longer lets this node own it is like a stronger owner.
        """
        if (why := world.members.proof.revoked(self.name)) is not None:
            self._stop_hard()
            return [
                Silence(self.name),
                StopGroup(self._op, self.name),
                Record(What.GROUP_STOPPING, why, self.name, None, {"to": None}),
            ]
        other = world.members.owner(self.name)
        if other is None:
            return self._conflict_ended()
        theirs = other.view(self.name)
        assert theirs is not None  # An owner was found by its view.
        if self._weaker_than(other):
            because = f"{other.node} owns it with the stronger claim"
            evidence = {"term": self.term, "their_term": theirs.term, "peer": other.node}
            self._stop_hard()
            return [
                Silence(self.name),
                StopGroup(self._op, self.name),
                Record(What.GROUP_MET, because, self.name, other.node, evidence),
                Record(What.GROUP_STOPPING, because, self.name, other.node, {"to": other.node}),
            ]
        if self._met == other.node:
            return []
        self._met = other.node
        because = f"{other.node} says it owns it too; its claim is weaker and it must stop"
        evidence = {"term": self.term, "their_term": theirs.term, "peer": other.node}
        return [Record(What.GROUP_MET, because, self.name, other.node, evidence)]

    def _yield(self, world: World) -> list[Effect]:
        """While stopping by plan: a stronger owner silences the addresses before their turn."""
        other = world.members.owner(self.name)
        stronger = other if other is not None and self._weaker_than(other) else None
        because = world.members.proof.revoked(self.name)
        if stronger is not None:
            because = f"{stronger.node} owns it with the stronger claim"
        if because is None:
            return []
        self._gentle = False
        self.serving.end()
        peer = None if stronger is None else stronger.node
        return [Silence(self.name), Record(What.GROUP_MET, because, self.name, peer)]

    def _weaker_than(self, other: PeerWatch) -> bool:
        theirs = other.view(self.name)
        return theirs is not None and theirs.strength(other.node) > self.view().strength(self.me)

    def _conflict_ended(self) -> list[Effect]:
        if self._met is None:
            return []
        other, self._met = self._met, None
        if self.custody is not Custody.HELD:
            return []
        because = f"{other} let go: the neighbours are told again where the addresses are"
        return [Announce(self.name), Record(What.GROUP_MET, because, self.name, other)]

    def _serve(self, world: World) -> list[Effect]:
        """Serve from `starting` on: an address does not wait for the scripts behind it."""
        return self.serve(world.members, self.view(), world.now, world.next_seq)

    def _fail(self, resource: str, because: str) -> list[Effect]:
        self.failed = because
        self._stop_hard()
        evidence = {"resource": resource}
        return [
            Silence(self.name),
            StopGroup(self._op, self.name),
            Record(What.GROUP_FAILED, because, self.name, None, evidence),
            Record(What.GROUP_STOPPING, because, self.name, None, {"to": None}),
        ]

    def _stop_hard(self) -> None:
        self.custody, self._op, self._gentle = Custody.STOPPING, self._next_op(), False
        self._met = None
        self.serving.end()
