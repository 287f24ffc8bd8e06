"""The interpreter between our core and a peer that speaks Heartbeat's own protocol.

It has the three verbs of the engine and stands before it. Towards peers of ours it does nothing.
When messages of a Heartbeat come in, it turns them into the beats of one of us; and it looks at
what the engine does and says that in Heartbeat's messages. Which of the two a peer is follows from
what its newest life speaks, and changes in flight: the engine's groups, leases and journal go on.
"""

from collections import deque
from dataclasses import dataclass, replace

from twinbeat.core.beat import Beat, Life
from twinbeat.core.effects import (
    Effect,
    Leave,
    Record,
    SendAgain,
    SendMessage,
    What,
    rank,
)
from twinbeat.core.engine import Engine
from twinbeat.core.events import BeatReceived, Event, MessageReceived
from twinbeat.core.liveness import Liveness
from twinbeat.core.status import Status
from twinbeat.core.units import LONG_AGO, MS, NEVER, SECOND, Duration, Instant, LinkName
from twinbeat.wire.heartbeat import LONGEST, SHORTEST, STATUS_WORDS

from . import ipfail, words
from .conversation import Conversation
from .ipfail import PingTalk
from .legacy import Legacy
from .nice import NiceFailback
from .peer import HeartbeatPeer, Said
from .stream import HISTORY, Outbound, Place

ACKS_PER_LEASE = 6
"""A Heartbeat acknowledges every tenth message only: a lease must outlast some that are lost."""
PACE_TO_MEET = Duration(50 * MS)
"""How often this node speaks until the peer has acknowledged anything."""
PACE_LEAST = Duration(25 * MS)
LINGER = Duration(2 * SECOND)
"""How long a node that ends waits for the peer to have its last message."""

_NICE = ("starting", "resource", "ask_resources", "hb_takeover")
_LEGACY = ("ip-request",)
_OF_RESOURCES = (*_NICE, *_LEGACY, "ip-request-resp", "shutdone")


@dataclass(slots=True)
class Meeting:
    """One life of the peer, and what is spoken with it."""

    peer: HeartbeatPeer
    outbound: Outbound
    conversation: Conversation
    pings: PingTalk


class Interpreter:
    """The engine, for a cluster in which a Heartbeat may be the peer."""

    def __init__(self, engine: Engine, first_seq: int = 0) -> None:
        self.engine = engine
        self._first = first_seq
        engine.mine.seq = first_seq
        self._meeting: Meeting | None = None
        self._leave: Leave | None = None
        self._leave_by: Instant = NEVER
        self._shutdone_seq = 0
        self._handled_at: Instant = LONG_AGO
        self._messages: deque[int] = deque(maxlen=HISTORY)
        """The numbers of this node's newest messages that are no beats."""

    # The three verbs.

    def handle(self, event: Event, now: Instant) -> list[Effect]:
        """Take in one fact and return the orders that follow from it."""
        if self._meeting is None and not isinstance(event, MessageReceived):
            return self.engine.handle(event, now)
        self._handled_at = now
        out: list[Effect] = []
        match event:
            case MessageReceived():
                self._hear(event, now, out)
            case BeatReceived(beat) if self._speaks_ours(beat):
                why = "its new life speaks our own protocol: the groups go on as they are"
                self._part(why, out)
                out += self.engine.handle(event, now)
            case _:
                out += self.engine.handle(event, now)
        if self._meeting is not None and self._meeting.peer.node not in self.engine.members.peers:
            self._part("it is no longer configured", out)
        if self._meeting is not None:
            self._follow(self._meeting, now, out)
        out.sort(key=rank)
        return out

    def next_deadline(self) -> Instant:
        """Return when `TimePassed` is due even if nothing else happens."""
        deadline = self.engine.next_deadline()
        if self._meeting is None:
            return deadline
        inbound, conversation = self._meeting.peer.inbound, self._meeting.conversation
        others = (inbound.next_deadline(), conversation.next_deadline(), self._leave_by)
        return min([deadline, *(at for at in others if at > self._handled_at)])

    def status(self, now: Instant) -> Status:
        """Return the snapshot of what this node believes."""
        return self.engine.status(now)

    # Who is the peer.

    def _speaks_ours(self, beat: Beat) -> bool:
        meeting = self._meeting
        if meeting is None or beat.node != meeting.peer.node:
            return False
        return beat.life.generation > meeting.peer.generation

    def _part(self, why: str, out: list[Effect]) -> None:
        """Nothing stands between any more: there are beats of ours, or there is nobody."""
        assert self._meeting is not None  # It was just looked at.
        out.append(Record(What.CONVERSATION, why, peer=self._meeting.peer.node))
        self._meeting, self.engine.pace = None, None
        if self._leave is not None:
            out.append(self._leave)

    def _meet(self, event: MessageReceived, now: Instant, out: list[Effect]) -> Meeting | None:
        """Return the meeting to which a message belongs; None: the life that sent it is over."""
        engine, meeting = self.engine, self._meeting
        watch = engine.members.peers[event.node]
        known = meeting.peer.generation if meeting else watch.life.generation
        if meeting is not None and event.generation == known:
            return meeting
        again = meeting is None and watch.life == Life(event.generation, 0)
        if event.generation <= known and not again:
            engine.drop("replay of a Heartbeat")
            return None
        since = engine.mine.seq if meeting or again else self._first
        peer = HeartbeatPeer(event.node, event.generation, since, watch.seq if again else 0)
        conversation = self._conversation(engine.model.legacy, event, now)
        if meeting is None:
            why = "it speaks Heartbeat's own protocol: an interpreter stands between"
            out.append(Record(What.CONVERSATION, why, peer=event.node))
        else:
            conversation.lift_pins(meeting.conversation)
        self._meeting = Meeting(
            peer, Outbound(self._first), conversation, PingTalk(engine, event.node)
        )
        return self._meeting

    def _conversation(self, legacy: bool, event: MessageReceived, now: Instant) -> Conversation:
        if legacy:
            return Legacy(self.engine, event.node)
        return NiceFailback(self.engine, event.node, event.fields.get("st", ""), now)

    # What comes in.

    def _hear(self, event: MessageReceived, now: Instant, out: list[Effect]) -> None:
        engine = self.engine
        if event.node not in engine.members.peers:
            engine.drop("message of an unknown node")
        elif len(engine.model.nodes) != 2:
            self._hear_of_many(event, now, out)
        elif (meeting := self._meet(event, now, out)) is not None:
            if event.seq == 0:
                self._hear_of_numbers(meeting, event, now, out)
                return
            place = meeting.peer.inbound.take(event.seq, now)
            if place is Place.NEW:
                self._hear_news(meeting, event, now, out)
            elif place is Place.OLD:
                engine.drop("stale message of a Heartbeat")
            elif (again := meeting.peer.again()) is not None:
                out += engine.handle(BeatReceived(again, event.link), now)

    def _hear_of_many(self, event: MessageReceived, now: Instant, out: list[Effect]) -> None:
        """Heartbeat's resource protocol knows two nodes: in a larger cluster it is only heard.

        It may have been one of two until the configuration was read again, and its beats counted.
        """
        said, known = _said(event), self._meeting and self._meeting.peer
        if said is None or not event.seq:
            return
        if known and (known.node, known.generation) == (event.node, event.generation):
            known.said = said
            beat = known.beat(self.engine.mine, {}, leaving=False, pings=None)
            if beat is not None and known.inbound.take(event.seq, now) is Place.NEW:
                out += self.engine.handle(BeatReceived(replace(beat, acks={}), event.link), now)
        else:
            beat = Beat(
                node=event.node,
                life=Life(event.generation, 0),
                seq=event.seq,
                word=said.word,
                deadtime=said.deadtime,
                lease=said.deadtime,
                version=0,
            )
            out += self.engine.handle(BeatReceived(beat, event.link), now)

    def _hear_of_numbers(
        self, meeting: Meeting, event: MessageReceived, now: Instant, out: list[Effect]
    ) -> None:
        """Take in what Heartbeat says of numbers: acknowledged, asked for again, lost."""
        peer, newest = meeting.peer, self.engine.mine.seq
        if event.fields.get("dest", self.engine.me) != self.engine.me:
            return
        match event.kind:
            case "NS_ackmsg":
                if peer.take_ack(_number(event.fields.get("ackseq"), 16), newest):
                    self._hear_echo(meeting, event.link, now, out)
            case "NS_rexmit":
                first = _number(event.fields.get("firstseq"), 10)
                last = _number(event.fields.get("lastseq"), 10)
                if not 0 < first <= last:
                    self.engine.drop("bad request of a Heartbeat")
                    return
                # Who misses a number has heard a later one: under loss this is the news that comes.
                if self._is_beat(last + 1) and peer.take_heard(last + 1, newest):
                    self._hear_echo(meeting, event.link, now, out)
                again, gone = meeting.outbound.resend(first, last, newest, now)
                out += [SendAgain(seq) for seq in again]
                if gone:
                    fields = words.lost(peer.node, gone, "seqno too low")
                    out.append(self._message(fields))
            case "NS_nak_rexmit":
                peer.inbound.forget(_number(event.fields.get("firstseq"), 16))

    def _hear_echo(self, meeting: Meeting, link: LinkName, now: Instant, out: list[Effect]) -> None:
        """The peer has shown that it hears this life: what it said before counts now."""
        self._note_return(meeting, now)
        kept, meeting.peer.kept_back = meeting.peer.kept_back, []
        for message in kept:
            self._take_in(meeting, message, now)
        self._pass_on(meeting, link, now, out)

    def _is_beat(self, seq: int) -> bool:
        """Whether a number is a beat's, which alone puts off what a Heartbeat concludes."""
        return seq not in self._messages

    def _hear_news(
        self, meeting: Meeting, event: MessageReceived, now: Instant, out: list[Effect]
    ) -> None:
        peer = meeting.peer
        self._note_return(meeting, now)
        if event.kind in _OF_RESOURCES and not peer.fresh:
            if not peer.keep_back(event):
                self.engine.drop("message of a Heartbeat that acknowledges nothing")
        else:
            self._take_in(meeting, event, now)
        self._pass_on(meeting, event.link, now, out)
        if (seq := peer.inbound.due_ack()) is not None:
            out.append(self._message(words.ack(peer.node, seq)))

    def _note_return(self, meeting: Meeting, now: Instant) -> None:
        """Whatever makes it heard again: what it said before its silence no longer counts."""
        peer = meeting.peer
        silent = self.engine.members.peers[peer.node].liveness is Liveness.SILENT
        if silent and peer.said is not None:
            meeting.conversation.returned(peer.inbound.highest, now)

    def _take_in(self, meeting: Meeting, event: MessageReceived, now: Instant) -> None:
        fields, conversation = event.fields, meeting.conversation
        for_me = fields.get("dest", self.engine.me) == self.engine.me
        match event.kind:
            case "status" if event.seq == meeting.peer.inbound.highest:
                meeting.peer.said = _said(event) or meeting.peer.said
            case "reqnodes" if for_me:
                conversation.say(words.repnodes(event.node, self.engine.model.nodes))
            case "query-cstatus" if for_me:
                client, sender = fields.get("cn", ""), fields.get("from_id", "")
                online = client == ipfail.CLIENT and self.engine.model.connectivity
                if client and sender:
                    answer = words.client_status(event.node, client, sender, online=online)
                    conversation.say(answer)
            case kind if for_me and (kind in ipfail.KINDS or kind == "hbapi-clstat"):
                for answer in meeting.pings.hear(kind, fields):
                    conversation.say(answer)
            case kind if kind in _OF_RESOURCES:
                self._agree_on_protocol(meeting, kind, now)
                meeting.conversation.hear(kind, fields, event.seq, now)

    def _agree_on_protocol(self, meeting: Meeting, kind: str, now: Instant) -> None:
        """Follow the peer when its auto_failback is of the other family than ours."""
        conversation = meeting.conversation
        legacy = isinstance(conversation, Legacy)
        if (legacy and kind in _NICE) or (not legacy and kind in _LEGACY):
            peer = meeting.peer.node
            meeting.conversation = other = (
                NiceFailback(self.engine, peer, "active", now)
                if legacy
                else Legacy(self.engine, peer)
            )
            other.outbox = conversation.outbox
            theirs, ours = ("on or off", "legacy") if legacy else ("legacy", "on or off")
            other.tell(f"its auto_failback is {theirs}, ours is {ours}: theirs is followed")

    def _pass_on(self, meeting: Meeting, link: LinkName, now: Instant, out: list[Effect]) -> None:
        """Let the engine hear what the peer would have said as one of us."""
        engine, conversation = self.engine, meeting.conversation
        groups = {name: conversation.view(group) for name, group in engine.groups.items()}
        pings = meeting.pings.theirs
        beat = meeting.peer.beat(engine.mine, groups, leaving=conversation.left, pings=pings)
        if beat is not None:
            out += engine.handle(BeatReceived(beat, link), now)

    # What follows from it.

    def _follow(self, meeting: Meeting, now: Instant, out: list[Effect]) -> None:
        engine, peer, conversation = self.engine, meeting.peer, meeting.conversation
        engine.pace = self._pace(peer)
        if not engine.members.peers[peer.node].gone:
            for seq in peer.inbound.due_requests(now):
                out.append(self._message(words.resend(peer.node, seq)))
        if peer.fresh:
            conversation.follow(now)
            conversation.outbox += meeting.pings.follow()
        for fields in conversation.outbox:
            self._messages.append(engine.mine.number())
            out.append(self._message(fields, engine.mine.seq))
        conversation.outbox = []
        out += conversation.records
        conversation.records = []
        self._hold_back_leave(meeting, now, out)

    def _message(self, fields: words.Fields, seq: int = 0) -> SendMessage:
        return SendMessage(fields, seq, self.engine.mine.life.generation)

    def _pace(self, peer: HeartbeatPeer) -> Duration | None:
        """Return how often this node speaks, so that a lease can live on acknowledgements."""
        watch, timing = self.engine.members.peers[peer.node], self.engine.model.timing
        if watch.gone:
            return None
        if not peer.fresh or self._leave is not None:
            return Duration(min(timing.keepalive, PACE_TO_MEET))
        wanted = timing.lease // (10 * ACKS_PER_LEASE)
        return Duration(min(timing.keepalive, max(wanted, PACE_LEAST)))

    def _hold_back_leave(self, meeting: Meeting, now: Instant, out: list[Effect]) -> None:
        """End only when the peer has the last message, or has had the time to ask for it again."""
        for effect in [effect for effect in out if isinstance(effect, Leave)]:
            out.remove(effect)
            self._leave, self._leave_by = effect, Instant(now + LINGER)
            self._shutdone_seq = self.engine.mine.seq
        if self._leave is None:
            return
        heard = meeting.peer.acked >= self._shutdone_seq
        gone = self.engine.members.peers[meeting.peer.node].gone
        if heard or gone or now >= self._leave_by:
            out.append(self._leave)
            self._leave, self._leave_by = None, NEVER


def _said(event: MessageReceived) -> Said | None:
    """Return what a status says; None for what is none, or says nothing that can be believed."""
    if event.kind != "status":
        return None
    word, deadtime = event.fields.get("st", ""), _number(event.fields.get("dt"), 16) * MS
    if word not in STATUS_WORDS or not SHORTEST <= deadtime <= LONGEST:
        return None
    return Said(word, Duration(deadtime))


def _number(text: str | None, base: int) -> int:
    """Read one of Heartbeat's numbers; 0 for what is none."""
    if text is None or not 0 < len(text) <= 16 or not text.isalnum():
        return 0
    try:
        return int(text, base)
    except ValueError:
        return 0
