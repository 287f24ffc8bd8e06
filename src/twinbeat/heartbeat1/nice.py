"""Heartbeat's resource protocol with `auto_failback on` or `off`, which it calls nice failback.

Both nodes tell what they hold (`resource`), and hand over in three steps that either may begin:
`ask_resources me` (I want to give), `other` (you may), `done` (it is released; and, from the other
side, it is taken). heartbeat-peer.md has the tables.

A Heartbeat moves its lines only all together, its own (*local*) or the other's (*foreign*). So does
this node towards it: what placement asks for is given when it asks for a whole share.
"""

from enum import Enum

from twinbeat.core import orders
from twinbeat.core.beat import Custody
from twinbeat.core.engine import Engine
from twinbeat.core.group import Group
from twinbeat.core.units import LONG_AGO, NEVER, SECOND, Duration, Instant, NodeName

from .conversation import Conversation, Words
from .words import Share, ask_resources, hb_takeover, resource, share, starting

REPLY_TIME = Duration(10 * SECOND)
"""How long a giver waits for `other`, as in Heartbeat; and a taker for the giver to begin."""
ASK_AGAIN = Duration(3 * SECOND)
"""When a node that has not said what it holds is asked again."""
GIVE_AGAIN = Duration(2 * SECOND)
"""After a refusal, and for a share that nobody holds."""
TAKE_FIRST = Duration(2 * SECOND)
"""How long a peer may take to give by itself what placement wants here; an order does not wait."""
TAKE_AGAIN = Duration(15 * SECOND)
"""When a peer that has not begun to give is asked again."""

_RUNNING = (Custody.STARTING, Custody.HELD, Custody.STOPPING, Custody.UNCLEAN)


class Phase(Enum):
    """How far a standby is, seen from this node."""

    NONE = "none"
    ASKED = "asked"
    """This node wants to give, and waits for `other`."""
    GIVING = "giving"
    """This node releases."""
    GAVE = "gave"
    """This node has released, and the peer takes."""
    OFFERED = "offered"
    """The peer releases."""
    TAKING = "taking"
    """The peer has released, and this node takes."""


class NiceFailback(Conversation):
    """The conversation in shares."""

    def __init__(self, engine: Engine, peer: NodeName, word: str, now: Instant) -> None:
        super().__init__(engine, peer)
        self._theirs: Share | None = None
        """What the peer holds; None until it has said so."""
        self._their_seq = 0
        self._given, self._given_seq = Share.NONE, 0
        """What it has given last, in its own terms: words from before that are past."""
        self._stable = False
        """Whether the peer says that its resources are at rest."""
        self._shutting_down = False
        self._phase = Phase.NONE
        self._share = Share.NONE
        """What moves, in this node's terms."""
        self._since: Instant = LONG_AGO
        self._told: Share | None = None
        """What the peer was last told that this node holds, at rest; None: tell it anew."""
        self._empty = Share.LOCAL
        """Which of the shares without a line this node is said to hold."""
        self._asked_at: Instant = LONG_AGO if word == "active" else now
        """When it was last asked what it holds; one that just begins says so by itself."""
        self._orphaned_at: Instant = NEVER
        self._take_at: Instant = NEVER
        self._next_take: Instant = LONG_AGO
        self._next_give: Instant = LONG_AGO
        self._overruled: list[Group] = []
        """What is given although it is no longer to move."""
        self._gone = False
        self._said_shutdown = False

    # What the peer says.

    def hear(self, kind: str, fields: Words, seq: int, now: Instant) -> None:
        """Take in a message about resources."""
        match kind:
            case "starting":
                # It has taken nothing yet, and takes its own only when this node was told of it.
                if seq > self._their_seq:
                    self._theirs, self._their_seq, self._stable = Share.NONE, seq, False
                self.say(resource(self._mine(), stable=self._at_rest()))
                self._told = None
            case "resource":
                self._hear_resource(fields, seq)
            case "ask_resources":
                held = share(fields.get("rsc_hold"), absent=Share.ALL)
                info = (fields.get("info") or "").lower()
                self._hear_standby(held or Share.NONE, info, seq, now)
            case "hb_takeover":
                # Heartbeat's own script passes on no word for `failback`, and no word means all.
                word = fields.get("rsc_hold") or "failback"
                self._hear_takeover(Share.ALL if word == "failback" else share(word) or Share.NONE)
            case "shutdone":
                self.tell(f"Received shutdown notice from '{self.peer}'.")
                self.left, self._phase = True, Phase.NONE

    def _hear_resource(self, fields: Words, seq: int) -> None:
        held = share(fields.get("rsc_hold"))
        if held is None or seq < self._their_seq:
            return  # It was lost on the way, and what it says is long past.
        if seq < self._given_seq:
            held &= ~self._given
        self._their_seq = seq
        if fields.get("rtype") != "full":
            self._theirs = (self._theirs or Share.NONE) | held if held else Share.NONE
            return
        self._theirs = held
        self._shutting_down = fields.get("info") == "shutdown"
        stable = fields.get("isstable") == "1"
        if stable and not self._stable:
            self.tell("remote resource transition completed.", holds=held.word)
            self._told = None
        self._stable = stable

    def _hear_standby(self, theirs: Share, info: str, seq: int, now: Instant) -> None:
        mine = theirs.seen_from_other
        match info, self._phase:
            case "me", Phase.NONE | Phase.OFFERED if self._may_take():
                self.tell(f"{self.peer} wants to go standby [{theirs.word}]")
                self._enter(Phase.OFFERED, mine, now)
                self._given, self._given_seq = Share.NONE, seq
                self.say(ask_resources(theirs, "other"))
            case "other", Phase.ASKED:
                self.tell(f"standby: {self.peer} can take our {self._share.word} resources")
                self._enter(Phase.GIVING, self._share, now)
                self.say(resource(self._mine(), stable=False, info="standby"))
                self._keep_the_word()
            case "done", Phase.OFFERED if seq > max(self._given_seq, self._their_seq):
                self.tell(f"standby: acquire [{theirs.word}] resources from {self.peer}")
                self._enter(Phase.TAKING, self._share & mine, now)
                self._given, self._given_seq = self._share.seen_from_other, seq
                self._theirs = (self._theirs or Share.NONE) & ~self._given
                self._empty |= self._share
                self._pin_here()
            case "done", Phase.GAVE:
                text = "Other node completed standby takeover of {} resources."
                self.tell(text.format(self._share.word))
                for group in self._overruled:
                    self.pin(group, None)
                self._overruled = []
                self._enter(Phase.NONE, Share.NONE, now)
                self._told = None
            case "me", _:
                self.tell(
                    f"standby message [me] from {self.peer} ignored.  local resources in flux."
                )
            case _:
                self.tell(f"Ignored standby message '{info[:20]}' from {self.peer}")

    def _hear_takeover(self, theirs: Share) -> None:
        """Their operator wants it: as ours would move it there."""
        self.tell(f"{self.peer} wants to take over [{theirs.word}]")
        for group in self._groups(theirs.seen_from_other):
            self.pin(group, self.peer)

    def _keep_the_word(self) -> None:
        """Give what was offered also when it is no longer to move: the peer waits for an hour.

        It comes back when the peer has taken it.
        """
        for group in self._groups(self._share):
            if not self.placed_at_peer(group):
                self.tell(f"{group.name} was offered and has to be given first")
                self.pin(group, self.peer)
                self._overruled.append(group)

    def _pin_here(self) -> None:
        for group in self._groups(self._share):
            if group.spec.preferred != self.engine.me and not self._better_connected():
                self.pin(group, self.engine.me)
            elif group.pin.node == self.peer:
                self.pin(group, None)

    def _better_connected(self) -> bool:
        """Whether the ping nodes are why the peer gives, and not its operator."""
        return self.engine.me in self.engine.members.connectivity.outdone(self.peer)

    # What our core is told.

    def custody(self, group: Group) -> Custody:
        """Return the peer's relation to a group by its own words."""
        if self._theirs is None:
            return Custody.UNKNOWN
        moves = bool(self._share & self._share_of(group))
        if moves and self._phase in (Phase.GIVING, Phase.GAVE):
            return Custody.UNKNOWN  # From our leave on it may start it, and says so later.
        if self._theirs & self._share_of(group).seen_from_other:
            return Custody.HELD
        if self._shutting_down or (moves and self._phase is Phase.OFFERED):
            return Custody.STOPPING
        return Custody.STOPPED

    def wants(self, group: Group) -> bool:
        """Whether the peer is ready to be given a group now."""
        return self._phase is Phase.GIVING and bool(self._share & self._share_of(group))

    def returned(self, seq: int, now: Instant) -> None:
        """It may have taken everything meanwhile: so it is believed until it says otherwise.

        What it said in between was missed, and comes when it is asked for, in any order.
        """
        self._theirs, self._stable, self._their_seq = Share.ALL, False, seq
        self._enter(Phase.NONE, Share.NONE, now)
        self._asked_at = LONG_AGO

    # What the peer is told.

    def follow(self, now: Instant) -> None:
        """Tell the peer what our core has done since."""
        if self._note_gone(now) or self.engine.word != "active":
            return
        if self.engine.leaving:
            self._say_shutdown()
            return
        if self._theirs is None or self._asked_at == LONG_AGO:
            self._ask_holdings(now)
        self._advance(now)
        if self._phase is Phase.NONE and self._at_rest():
            if self._told != self._mine():
                self._told = self._mine()
                self.say(resource(self._told, stable=True))
            if self.present and self._stable:
                self._consider_giving(now)
                self._consider_taking(now)

    def next_deadline(self) -> Instant:
        """Return when `follow` has to look again though nothing happened; past times are void."""
        times = [self._next_give, self._orphaned_at, max(self._take_at, self._next_take)]
        if self._phase in (Phase.ASKED, Phase.OFFERED, Phase.GAVE):
            times.append(Instant(self._since + REPLY_TIME))
        if self._theirs is None and self._asked_at != LONG_AGO:
            times.append(Instant(self._asked_at + ASK_AGAIN))
        return min(times)

    def _note_gone(self, now: Instant) -> bool:
        gone = self.engine.members.peers[self.peer].gone
        if gone and not self._gone:
            self._enter(Phase.NONE, Share.NONE, now)
            self._empty, self._told = Share.ALL, None
        self._gone = gone
        return gone and not (self.engine.leaving and self.left)

    def _ask_holdings(self, now: Instant) -> None:
        """Begin, as every Heartbeat does: its answer says what it holds."""
        if self.present and now - self._asked_at >= ASK_AGAIN:
            self._asked_at, self._told = now, None
            self.say(starting())

    def _advance(self, now: Instant) -> None:
        """Go on with a standby as far as our core has carried it."""
        moving = self._groups(self._share)
        match self._phase:
            case Phase.ASKED if now - self._since >= REPLY_TIME:
                self.tell("No reply to standby request.  Standby request cancelled.")
                self._enter(Phase.NONE, Share.NONE, now)
                self._next_give = Instant(now + GIVE_AGAIN)
            case Phase.OFFERED if self._stable and now - self._since >= REPLY_TIME:
                self.tell("it began to release nothing: what it offered is void")
                self._enter(Phase.NONE, Share.NONE, now)
            case Phase.GIVING if not any(group.custody in _RUNNING for group in moving):
                self.tell(f"{self._share.word} HA resource release completed (standby).")
                self._enter(Phase.GAVE, self._share, now)
                self._empty &= ~self._share
                self.say(ask_resources(self._share, "done"))
            case Phase.GAVE if self._stable and self._taken() and now - self._since >= REPLY_TIME:
                self.tell("it holds what it was given: its last word on it was lost")
                self._enter(Phase.NONE, Share.NONE, now)
                self._told = None
            case Phase.TAKING if all(self._settled(group) for group in moving):
                taken, theirs = self._share, self._share.seen_from_other
                self.tell(f"{taken.word} HA resource acquisition completed (standby).")
                self._enter(Phase.NONE, Share.NONE, now)
                self._told = self._mine()
                self.say(resource(self._told, stable=True))
                self.say(ask_resources(theirs, "done"))

    def _taken(self) -> bool:
        """Whether the peer says that it holds all that it was given."""
        return self._theirs is not None and self._share.seen_from_other in self._theirs

    def _settled(self, group: Group) -> bool:
        """Whether nothing more comes of a group that this node was given."""
        if group.custody in (Custody.HELD, Custody.UNCLEAN):
            return True
        return group.custody is Custody.STOPPED and not self.placed_here(group)

    def _consider_giving(self, now: Instant) -> None:
        """Give every share that placement wants at the peer, held here or by nobody."""
        given = orphaned = Share.NONE
        for one in (Share.LOCAL, Share.FOREIGN):
            groups = self._groups(one)
            held = [group for group in groups if group.custody is Custody.HELD]
            if held and all(self.placed_at_peer(group) for group in held):
                given |= one
            elif not held and self._nobody_holds(one, groups):
                orphaned |= one
        self._orphaned_at = min(self._orphaned_at, Instant(now + GIVE_AGAIN)) if orphaned else NEVER
        if orphaned and now >= self._orphaned_at:
            given |= orphaned
        if given and now >= self._next_give:
            self._enter(Phase.ASKED, given, now)
            self._orphaned_at = NEVER
            self.tell(f"{self.engine.me} wants to go standby [{given.word}]")
            self.say(ask_resources(given, "me"))

    def _nobody_holds(self, one: Share, groups: list[Group]) -> bool:
        if not groups or self._theirs_hold(one):
            return False
        return all(self.placed_at_peer(group) for group in groups)

    def _consider_taking(self, now: Instant) -> None:
        """Ask the peer for a share that placement wants here."""
        wanted, ordered = Share.NONE, False
        for one in (Share.LOCAL, Share.FOREIGN):
            groups = self._groups(one)
            if groups and self._theirs_hold(one) and all(map(self.placed_here, groups)):
                wanted |= one
                ordered |= any(map(self._ordered_here, groups))
        if not wanted:
            self._take_at = NEVER
            return
        self._take_at = min(self._take_at, Instant(now if ordered else now + TAKE_FIRST))
        if now >= self._take_at and now >= self._next_take:
            self._next_take = Instant(now + TAKE_AGAIN)
            self.say(hb_takeover(wanted))

    def _ordered_here(self, group: Group) -> bool:
        relieved = orders.is_on(self.engine.standby, self.peer)
        return group.pin.node == self.engine.me or relieved

    def _say_shutdown(self) -> None:
        if not self._said_shutdown:
            self._said_shutdown = True
            self.say(resource(Share.NONE, stable=False, info="shutdown"))
        self.end()

    # What there is to tell.

    def _share_of(self, group: Group) -> Share:
        return Share.LOCAL if group.spec.preferred == self.engine.me else Share.FOREIGN

    def _groups(self, of: Share) -> list[Group]:
        return [group for group in self.engine.groups.values() if self._share_of(group) & of]

    def _mine(self) -> Share:
        """Return what this node holds; a share without a line is held by whoever it fell to."""
        held = Share.NONE
        for one in (Share.LOCAL, Share.FOREIGN):
            groups = self._groups(one)
            running = any(group.custody in _RUNNING for group in groups)
            if running or (not groups and self._empty & one and not self._theirs_hold(one)):
                held |= one
        return held & ~self._share if self._phase in (Phase.GIVING, Phase.GAVE) else held

    def _theirs_hold(self, one: Share) -> bool:
        return self._theirs is not None and bool(self._theirs & one.seen_from_other)

    def _at_rest(self) -> bool:
        """Whether nothing of this node's resources is about to change."""
        engine = self.engine
        if engine.word != "active" or engine.leaving:
            return False
        return all(self._rests(group) for group in engine.groups.values())

    def _rests(self, group: Group) -> bool:
        if group.custody is Custody.STOPPED:
            return not self.placed_here(group) or self._theirs_hold(self._share_of(group))
        return group.custody in (Custody.HELD, Custody.UNCLEAN)

    def _may_take(self) -> bool:
        engine = self.engine
        barred = orders.is_on(engine.standby, engine.me)
        frozen = orders.frozen(engine.maintenance, engine.me)
        return self._at_rest() and not barred and frozen is None

    def _enter(self, phase: Phase, moving: Share, now: Instant) -> None:
        self._phase, self._share, self._since = phase, moving, now
