"""Custody of one resource group, seen from this node (protocol.md 2.4 to 2.9).

Safety in one sentence: `StartGroup` leaves here only from `_claim`, after every configured peer
answered this very claim, said goodbye, or was proven dead, and nobody is known unclean; and what it
started is restarted only while this node may serve it.

Outcomes of orders come in through the verbs `started`, `stopped` ... and carry the operation number
of their order; a stale number is refused there. Everything else is decided in `step`, level by
level, from what the world looks like now; no step depends on which message came first.
"""

from collections.abc import Callable

from . import adoption
from .beat import Custody, GroupView, Pin
from .claim import answer, right_until, why_claimed
from .effects import (
    ClearGroup,
    Effect,
    Record,
    RestartResources,
    Silence,
    StartGroup,
    StopGroup,
    What,
)
from .events import GroupRestartFailed, ResourceLooked
from .grounds import World, bar, homeless, release_reason, wish
from .meeting import Meeting
from .membership import Membership
from .model import GroupSpec
from .proofs import Wish
from .recovery import Recovery
from .serving import Serving
from .ties import first_to_leave, first_to_stop
from .units import GroupName, Instant, NodeName


class Group:
    """One group and this node's part in it."""

    def __init__(self, spec: GroupSpec, me: NodeName, next_op: Callable[[], int]) -> None:
        self.spec = spec
        self.me = me
        self.custody = Custody.UNKNOWN
        self.term = 0
        self.recovery = Recovery(spec)
        self.pin = Pin()
        self.want = False
        self.removed = False
        """The configuration no longer has it: stop it, then forget it."""
        self.cleared = 0
        """How often operators had its failures forgotten, on whatever node."""
        self.homeless = False
        """Whether it was told that no node can run it."""
        self.bars_heard: dict[NodeName, Instant] = {}
        """When a peer was first heard to be barred, of those that are."""
        self.departing: str | None = None
        """Why it is to be released as soon as the groups that need it here have stopped."""
        self.waiting: tuple[str, ...] = ()
        """What a claim still waits for."""
        self.wish = Wish(group=spec.name, custody=Custody.UNKNOWN)
        self.serving = Serving(spec.name)
        self.last_owner: NodeName | None = None
        self.cause = ""
        self._next_op = next_op
        self._op = 0
        self.claim_seq = 0
        """The number of the first beat that carries the claim; 0: it is not claimed yet."""
        self._found = False
        """Whether it ran here before it was started."""
        self._ready = False
        """Whether the claim waits for nothing but a third party's word."""
        self._gentle = False
        """Stopping by plan: the addresses are served until their own turn to stop comes."""
        self._meeting = Meeting(spec.name)
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

    @property
    def changed(self) -> bool:
        """Whether the configuration gives it other resources than those that run."""
        return self._respec is not None

    def view(self) -> GroupView:
        """Return what the next beat says of this group."""
        return GroupView(
            custody=self.custody,
            term=self.term,
            rank=self.rank,
            want=self.want,
            bar=self.recovery.bar,
            pin=self.pin,
            cleared=self.cleared,
        )

    # Orders that come from outside the step.

    def clear(self, *, adopt: bool = False) -> list[Effect]:
        """Probe and stop whatever runs, at the start of a life or for an operator's clean-up.

        With `adopt` it runs on when all of it does.
        """
        if self.custody is not Custody.UNCLEAN:
            self.custody = Custody.UNKNOWN
        self._op = self._next_op()
        return [ClearGroup(self._op, self.spec, adopt)]

    def respec(self, spec: GroupSpec) -> None:
        """Take over a changed configuration; other resources make a running group stop first."""
        self.removed = False
        if spec.runs_as(self.spec) or not self.custody.holds:
            self._adopt(spec)
        else:
            self._respec = spec

    def _adopt(self, spec: GroupSpec) -> None:
        self.spec, self._respec = spec, None
        self.recovery.adopt(spec)

    # Outcomes of orders.

    def found(self, op: int) -> list[Effect] | None:
        """All of it but the addresses ran here before this life; None when the outcome is stale."""
        if op != self._op or self.custody is not Custody.UNKNOWN:
            return None
        self.custody, self.claim_seq, self._found = Custody.ADOPTING, 0, True
        self.cause = adoption.CAUSE
        return [Record(What.GROUP_FOUND, adoption.FOUND, self.name, None, {"adopted": True})]

    def started(self, op: int, now: Instant) -> list[Effect] | None:
        """Every resource runs; None when the outcome is stale (so for all outcomes)."""
        if op != self._op or self.custody is not Custody.STARTING:
            return None
        self.custody, self._found = Custody.HELD, False
        self.recovery.started(now)
        evidence = {"from": self.last_owner, "cause": self.cause, "term": self.term}
        self.last_owner = self.me
        return [Record(What.GROUP_HELD, "every resource is started", self.name, None, evidence)]

    def start_failed(self, op: int, resource: str, why: str, now: Instant) -> list[Effect] | None:
        """A resource did not start: stop the rest, and be no candidate for a while."""
        if op != self._op or self.custody is not Custody.STARTING:
            return None
        self.recovery.count(resource)
        return self._fail(resource, f"{resource} did not start: {why}", now)

    def start_late(self, op: int) -> list[Effect] | None:
        """This node was away between the decision and the deed, for longer than the right lasts."""
        if op != self._op or self.custody is not Custody.STARTING:
            return None
        self.custody = Custody.STOPPED
        self.serving.end()
        why = "this node was away before it could start it: the right to it has lapsed"
        left = self.clear() if self._found else []
        return [Silence(self.name), *left, Record(What.GROUP_CLAIM_ENDED, why, self.name)]

    def looked(self, look: ResourceLooked, now: Instant) -> list[Effect] | None:
        """A resource of the held group was looked at."""
        if self.custody is not Custody.HELD or not self.recovery.watches(look.resource):
            return None
        out: list[Effect] = []
        why = self.recovery.look(look, now, out)
        return out if why is None else self._restart(look.resource, why, now)

    def restarted(self, op: int, now: Instant) -> list[Effect] | None:
        """What was to be restarted runs again."""
        if op != self._op or not self.recovery.restarting:
            return None
        return self.recovery.restarted(now)

    def restart_failed(
        self, failure: GroupRestartFailed, now: Instant, again: bool
    ) -> list[Effect] | None:
        """What was to be restarted did not stop, or did not start and may be tried `again`."""
        if failure.op != self._op or not self.recovery.restarting:
            return None
        resource, why = failure.resource, failure.why
        self.recovery.count(resource)
        if failure.stuck:
            return self._fail(resource, f"{resource} did not stop for its restart: {why}", now)
        because = f"{resource} did not start again: {why}"
        return (self._restart if again else self._fail)(resource, because, now)

    def stopped(self, op: int) -> list[Effect] | None:
        """Nothing of the group runs here."""
        clearing = self.custody in (Custody.UNKNOWN, Custody.UNCLEAN)
        if op != self._op or not (clearing or self.custody is Custody.STOPPING):
            return None
        self.custody, self._found = Custody.STOPPED, False
        self.serving.end()
        if self._respec is not None:
            self._adopt(self._respec)
        why = "nothing of it was left running" if clearing else "every resource is stopped"
        return [Record(What.GROUP_STOPPED, why, self.name)]

    def stop_failed(self, op: int, resource: str, why: str) -> list[Effect] | None:
        """A resource may still be running: nobody may start the group anywhere."""
        stopping = (Custody.UNKNOWN, Custody.UNCLEAN, Custody.STOPPING)
        if op != self._op or self.custody not in stopping:
            return None
        self.custody = Custody.UNCLEAN
        self.serving.end()
        self.recovery.count(resource)
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
        out = [*self._step(world), *homeless(self, world)]
        self.wish = wish(self, world, ready=self._ready)
        return out

    def _step(self, world: World) -> list[Effect]:
        match self.custody:
            case Custody.STOPPED:
                return self._consider_claim(world)
            case Custody.CLAIMING:
                return self._claim(world)
            case Custody.ADOPTING:
                return adoption.step(self, world)
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
        """Return when it must be served otherwise, or may come back, only because time passed."""
        earliest = self.recovery.until
        if self.serving.until <= now or not self.custody.owns:
            return earliest
        earliest = min(earliest, self.serving.until)
        for peer in members:
            if now < (quiet := peer.quiet_at(members.awake)) < earliest:
                earliest = quiet
        return earliest

    def _consider_claim(self, world: World) -> list[Effect]:
        why = bar(self, world)
        if why is not None:
            self.waiting = (why,) if world.placement.node == self.me else ()
            return []
        self.begin_claim(world)
        self.custody = Custody.CLAIMING
        because = world.placement.reasons
        self.cause = why_claimed(self.name, self.last_owner, because, world.members, world.now)
        evidence = {"term": self.term, "from": self.last_owner}
        told = Record(What.GROUP_CLAIMING, self.cause, self.name, None, evidence)
        return [told, *self._claim(world)]

    def begin_claim(self, world: World) -> None:
        """Publish a claim that is stronger than whatever was heard of the group."""
        views = [peer.view(self.name) for peer in world.members]
        seen = [view.term for view in views if view is not None]
        self.term = 1 + max(self.term, world.members.proof.term(self.name), *seen)
        world.members.proof.claim(self.name, self.term)
        self.claim_seq = world.next_seq

    def _claim(self, world: World) -> list[Effect]:
        """Start when the right is complete, unless the claim has ended."""
        ended = bar(self, world) or world.members.proof.void(self.name)
        if ended is None:
            return self.start(world)
        self.custody, self.waiting = Custody.STOPPED, ()
        return [Record(What.GROUP_CLAIM_ENDED, ended, self.name)]

    def start(self, world: World) -> list[Effect]:
        """Start when the right is complete; else say what it waits for."""
        members = world.members
        name, mine, seq = self.name, self.view(), self.claim_seq
        answers = {p.node: answer(p, name, mine, seq, members, world.now) for p in members}
        behind = first_to_leave(self, world.groups)
        self.waiting = (
            *(why for given, why in answers.values() if not given),
            *(f"{group} leaves first, for it never runs beside it" for group in behind),
        )
        if not self.waiting and (why := members.proof.refusal(self.name)) is not None:
            self._ready, self.waiting = True, (why,)
        if self.waiting:
            return []
        self.custody, self._op = Custody.STARTING, self._next_op()
        self._meeting.forget()
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
        self.departing = reason = release_reason(self, world)
        behind = first_to_stop(self, world.groups) if reason is not None else []
        self.waiting = tuple(f"{group} stops first, for it needs it" for group in behind)
        if reason is None or behind:
            return out + self._serve(world)
        self._stop(world.now, gentle=True)
        evidence = {"to": world.placement.node}
        return [
            *out,
            StopGroup(self._op, self.name),
            Record(What.GROUP_STOPPING, reason, self.name, None, evidence),
        ]

    def _meet(self, world: World) -> list[Effect]:
        mine = self.view()
        ousted = self._meeting.ousted(mine, world.members)
        if ousted is None:
            held = self.custody is Custody.HELD
            return self._meeting.stay(mine, world.members, held=held)
        because, by = ousted.because, ousted.by
        stop = self._stop_hard(because, world.now, by)
        if by is None:
            return stop
        return [Record(What.GROUP_MET, because, self.name, by, ousted.evidence), *stop]

    def _yield(self, world: World) -> list[Effect]:
        """While stopping by plan: a stronger owner silences the addresses before their turn."""
        ousted = self._meeting.ousted(self.view(), world.members)
        if ousted is None:
            return []
        self._gentle = False
        self.serving.end()
        met = Record(What.GROUP_MET, ousted.because, self.name, ousted.by)
        return [Silence(self.name), met]

    def _serve(self, world: World) -> list[Effect]:
        """Serve from `starting` on: an address does not wait for the scripts behind it."""
        return self.serve(world.members, self.view(), world.now, world.next_seq)

    def _restart(self, resource: str, why: str, now: Instant) -> list[Effect]:
        """Restart a resource where it runs while attempts are left: the group stays held."""
        out: list[Effect] = []
        if not self.recovery.attempt(resource, why, now, out):
            return self._fail(resource, why, now)
        self._op = self._next_op()
        return [RestartResources(self._op, self.name, self.recovery.restarting), *out]

    def _fail(self, resource: str, why: str, now: Instant) -> list[Effect]:
        """Stop the group here, and be no candidate for it for a while."""
        out: list[Effect] = []
        because = self.recovery.set_bar(resource, why, now, out)
        return [*out, *self._stop_hard(because, now)]

    def _stop_hard(self, because: str, now: Instant, to: NodeName | None = None) -> list[Effect]:
        """Silence the addresses at once, then stop everything."""
        self._stop(now, gentle=False)
        self._meeting.forget()
        self.serving.end()
        return [
            Silence(self.name),
            StopGroup(self._op, self.name),
            Record(What.GROUP_STOPPING, because, self.name, to, {"to": to}),
        ]

    def _stop(self, now: Instant, *, gentle: bool) -> None:
        self.custody, self._op, self._gentle = Custody.STOPPING, self._next_op(), gentle
        self.departing, self.waiting = None, ()
        self.recovery.ended(now)
