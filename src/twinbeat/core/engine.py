"""The engine composes the small machines and routes to them; it decides nothing itself.

`handle(event, now)` takes one fact and returns the orders that follow, in the order in which the
shell must perform them: what silences comes first, then what serves, then the heartbeat, then all
that may take long. `next_deadline()` is the only timer. `status(now)` is the one snapshot.
"""

from collections.abc import Mapping

from . import candidates, facts, orders, ties
from .beat import Custody, Life, Switch
from .candidates import Beliefs
from .compose import compose, public
from .effects import (
    Effect,
    Leave,
    Record,
    Remember,
    SendBeat,
    Serve,
    What,
    rank,
)
from .events import Event, Started, TimePassed
from .grounds import World
from .group import Group
from .liveness import OwnBeats
from .membership import Membership
from .model import ClusterModel
from .placement import Candidate, Placement
from .snapshot import snapshot
from .status import Status
from .units import LONG_AGO, Duration, GroupName, Instant, NodeName, in_ms, readable
from .voice import Voice, may_leave

_TICKS = (TimePassed, Started)

_OVER = (Custody.STOPPED, Custody.ADOPTING)
"""Of what a life has nothing running: what was found is of an earlier one, and not served."""

_ROUNDS = 8
"""More rounds of placement and steps than any state needs to settle; a bound, not a limit."""

_MOST_REMOVED = 100
"""How many groups that were removed are remembered: the latest."""


class Engine:
    """This node's part in the cluster."""

    def __init__(
        self,
        model: ClusterModel,
        me: NodeName,
        life: Life,
        now: Instant,
        *,
        standby: Mapping[NodeName, Switch] | None = None,
        maintenance: Mapping[NodeName, Switch] | None = None,
    ) -> None:
        self.model = model
        self.me = me
        self.mine = OwnBeats(me, life)
        self.members = Membership(model, self.mine, now)
        self.standby: orders.Switches = dict(standby or {})
        self.maintenance: orders.Switches = dict(maintenance or {})
        self.groups = ties.in_order({g.name: Group(g, me, self.next_op) for g in model.groups})
        self.removed: dict[GroupName, Group] = {}
        """Groups that a reload has removed, for what they know when another brings them back."""
        self.placements: dict[GroupName, Placement] = {}
        self.leaving = False
        self.word = "init"
        self.pace: Duration | None = None
        """How often it speaks when somebody listens who needs it oftener than every keepalive."""
        self.guard = "none"
        self.macs: frozenset[bytes] = frozenset()
        self.drops: dict[str, int] = {}
        self._op = 0
        self._handled_at = now
        self._looked_at = LONG_AGO
        """When all groups were last looked at."""
        self._calm_from = now
        """From when on a look finds what the last one found, for nothing is new."""
        self._public = public(self)
        """What the next beat says, as of the last look."""
        self.voice = Voice(now)
        self._left = False

    # The three verbs.

    def handle(self, event: Event, now: Instant) -> list[Effect]:
        """Take in one fact and return the orders that follow from it."""
        out: list[Effect] = []
        self._notice_stall(now, out)
        if facts.take(self, event, now, out):
            self._stir(now)
        if self.word != "init":
            ticked = isinstance(event, _TICKS)
            if ticked and now >= self.voice.due:
                self.mine.spoke_at = now
            self._settle(now, out)
            self._speak(ticked, now, out)
        if len(out) > 1:
            out.sort(key=rank)
        return out

    def next_deadline(self) -> Instant:
        """Return when `TimePassed` is due even if nothing else happens."""
        now = self._handled_at
        deadlines = [self.voice.due, *self.members.deadlines()]
        for group in self.groups.values():
            deadlines.append(group.next_deadline(self.members, now))
        for placement in self.placements.values():
            if placement.review_in is not None:
                deadlines.append(Instant(now + placement.review_in))
        return min(deadlines)

    def status(self, now: Instant) -> Status:
        """Return the snapshot of what this node believes."""
        return snapshot(self, now)

    # Levels: what the world asks for, until nothing changes.

    def _stir(self, now: Instant) -> None:
        """Something is new: look at all groups until two keepalives later (see `unheard_by`)."""
        self._calm_from = Instant(now + 2 * self.model.timing.keepalive)

    def _settle(self, now: Instant, out: list[Effect]) -> None:
        """Look at all groups while anything is new; else the leases only follow the beats."""
        if self._looked_at < self._calm_from:
            self._look(now, out)
            return
        for name, group in self.groups.items():
            view = self._public.groups[name]
            out.extend(group.serve(self.members, view, now, self.mine.seq + 1))

    def _look(self, now: Instant, out: list[Effect]) -> None:
        if self.word == "up" and self.members.all_known:
            self.word = "active"
            out.append(Record(What.NODE_ACTIVE, "every peer was heard or judged"))
        self.members.compare(now)
        beliefs = self._beliefs(now)
        for _ in range(_ROUNDS):
            changed = False
            for group in self.groups.values():
                self._lift_void_pin(group, beliefs, out)
                placement = self.placements[group.name] = candidates.placed(group, beliefs)
                next_seq = self.mine.seq + 1
                world = World(now, self.members, placement, self.leaving, next_seq, self.groups)
                effects = group.step(world)
                changed |= any(not isinstance(effect, Serve) for effect in effects)
                out.extend(effects)
                group.want = self._wants(group)
            if not changed:
                break  # A renewed lease changes nothing that placement looks at.
        self._look_beyond(now, out)
        for name in [n for n, g in self.groups.items() if g.removed and not g.custody.holds]:
            self._remove(name)
        self._looked_at = now
        if any(map(self._waits, self.groups.values())) or self.members.proof.busy:
            self._stir(now)
        said = public(self)
        if said != self._public:
            self._public = said  # What is told again stays the same thing: so it is known at once.
        self.voice.publish(self._public)

    def _remove(self, name: GroupName) -> None:
        self.removed[name] = self.groups.pop(name)
        del self.placements[name]
        if len(self.removed) > _MOST_REMOVED:
            del self.removed[next(iter(self.removed))]

    def _look_beyond(self, now: Instant, out: list[Effect]) -> None:
        """Order what the proof of death asks of others; a life that it ended is followed by one."""
        proof = self.members.proof
        proof.step([group.wish for group in self.groups.values()], now, out)
        outlived = proof.outlived()
        over = all(group.custody in _OVER for group in self.groups.values())
        if outlived is not None and over:
            why = "the arbiter ended the last life, and nothing of it runs any more"
            self.begin_anew(outlived, why, out)

    def _waits(self, group: Group) -> bool:
        """Whether an acknowledgement or time alone may change what becomes of a group."""
        review = self.placements[group.name].review_in
        return group.custody.claims or review is not None

    def candidate(self, group: Group, node: NodeName) -> Candidate:
        """Return what speaks against one node as a group's owner, by the present beliefs."""
        return candidates.candidate(group, node, self._beliefs(self._handled_at))

    def _beliefs(self, now: Instant) -> Beliefs:
        return Beliefs(self.members, self.standby, self.maintenance, self.leaving, now, self.groups)

    def _wants(self, group: Group) -> bool:
        ready = group.custody in (Custody.STOPPED, Custody.CLAIMING) and not self.leaving
        placed = self.placements[group.name].node == self.me
        able = self.members.proof.bar(group.name) is None
        return ready and placed and able and not self.members.unclean_nodes(group.name)

    def _lift_void_pin(self, group: Group, beliefs: Beliefs, out: list[Effect]) -> None:
        if (why := candidates.void_pin(group, beliefs)) is not None:
            group.pin = orders.next_pin(group.pin, None)
            out.append(Record(What.PIN_CHANGED, why, group.name, evidence={"to": None}))

    # The heartbeat.

    def _speak(self, ticked: bool, now: Instant, out: list[Effect]) -> None:
        if self.voice.speaks(now, self.paced, ticked):
            out.append(SendBeat(compose(self, self._public, now)))
            self.members.proof.spoke(now, out)
        if not self.leaving or self._left:
            return
        done = may_leave([group.custody for group in self.groups.values()])
        if done and self.voice.goodbye_heard(self.members, now):
            self._left = True
            unclean = [g.name for g in self.groups.values() if g.custody is Custody.UNCLEAN]
            why = f"unclean: {', '.join(unclean)}" if unclean else "nothing runs here any more"
            out.extend([Record(What.NODE_LEFT, why), Leave(clean=not unclean)])

    # Small things.

    @property
    def paced(self) -> Duration:
        """How often it speaks now."""
        return self.pace or self.model.timing.keepalive

    def _notice_stall(self, now: Instant, out: list[Effect]) -> None:
        gap = now - self._handled_at
        self._handled_at = now
        if self.word != "init" and gap > self.model.timing.stall:
            self.members.stalled(Duration(gap), now)
            self._stir(now)
            because = f"this node was away for {readable(gap)}: every silence starts anew"
            out.append(Record(What.NODE_STALLED, because, evidence={"gap_ms": in_ms(gap)}))

    def begin_anew(self, outlived: int, because: str, out: list[Effect]) -> None:
        """Begin a life above a generation, in the midst of this daemon's run."""
        evidence = {"generation": outlived + 1, "before": self.mine.life.generation}
        self.mine.life = Life(outlived + 1, self.mine.life.token)
        for peer in self.members:
            peer.void_acks()
        out.append(self.remember())
        out.append(Record(What.NODE_REBORN, because, evidence=evidence))

    def remember(self) -> Remember:
        """Return the order to keep what must survive this life."""
        generation = self.mine.life.generation
        return Remember(dict(self.standby), dict(self.maintenance), generation)

    def drop(self, reason: str) -> None:
        """Count what was refused."""
        self.drops[reason] = self.drops.get(reason, 0) + 1

    def next_op(self) -> int:
        """Return the number of the next order."""
        self._op += 1
        return self._op
