"""Sign what leaves and judge what arrives: packets to beats and back, and a count of every refusal.

Only an authenticated heartbeat of a configured node's newest life becomes a `Beat`. Everything else
is counted by its reason, and told at most once a minute for each reason, so that neither a broken
peer nor a stranger fills the log.
"""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from twinbeat.agents.base import Log
from twinbeat.core.beat import Beat, Life
from twinbeat.core.effects import SendMessage
from twinbeat.core.events import BeatReceived, MessageReceived
from twinbeat.core.model import Keyring, PingSpec
from twinbeat.core.units import LONG_AGO, SECOND, Instant, LinkName, NodeName, seconds
from twinbeat.heartbeat1.stream import HISTORY
from twinbeat.wire import codec, echoes, heartbeat, netstring, plain, stencil
from twinbeat.wire.codec import Encoding
from twinbeat.wire.echoes import Echo
from twinbeat.wire.heartbeat import Envelope
from twinbeat.wire.message import Message, Reason, WireError
from twinbeat.wire.replay import ReplayGuard, Verdict

from . import clock

TELL_AGAIN_NS = 60 * SECOND
HOPFUDGE = 1
"""Heartbeat's default; the time to live of a message is this and the number of nodes."""

LOAD = seconds(5)
"""How often the load is read; the kernel itself reckons it no more often."""
LOAD_FILE = "/proc/loadavg"

UNKNOWN_NODE = "unknown node"
OWN_NAME = "own name"
FAULT = "fault"
STALE_ECHO = "stale ping answer"

_TOLD_QUIETLY = {STALE_ECHO, Verdict.LATE.value}
"""What healthy peers do as well: a packet takes the long way."""


@dataclass(slots=True)
class Drop:
    """One reason why packets were refused."""

    count: int = 0
    untold: int = 0
    told_at: Instant = LONG_AGO
    detail: str = ""


class Letter:
    """One message on its way to all links: written and signed at most once in each encoding.

    `message` and `written`, which is the message in netstrings, are asked for when they are needed.

    To a Heartbeat everything goes in the classic one: in netstrings it verifies a key that it does
    not sign with by the wrong secret, and so would refuse everything while keys are changed.
    """

    def __init__(
        self,
        message: Callable[[], Message],
        written: Callable[[], bytes],
        keyring: Keyring,
        to_heartbeat: bool,
    ) -> None:
        self._message = message
        self._written = written
        self._keyring = keyring
        self._to_heartbeat = to_heartbeat
        self._packets: dict[Encoding, bytes] = {}

    def under(self, keyring: Keyring) -> "Letter":
        """Return the letter signed as is done now: the keys may have been changed meanwhile."""
        if keyring is self._keyring:
            return self
        return Letter(self._message, self._written, keyring, self._to_heartbeat)

    def packet(self, encoding: Encoding) -> bytes:
        """Return the packet; ValueError when the message cannot be written so."""
        if self._to_heartbeat:
            encoding = Encoding.CLASSIC
        packet = self._packets.get(encoding)
        if packet is None:
            if encoding is Encoding.CLASSIC:
                packet = codec.encode_classic(self._message(), self._keyring)
            else:
                packet = codec.sealed(self._written(), self._keyring)
            self._packets[encoding] = packet
        return packet


class Mail:
    """What this node says, and whom it believes."""

    def __init__(
        self,
        me: NodeName,
        life: Life,
        uuid: bytes,
        nodes: tuple[NodeName, ...],
        keyring: Keyring,
        log: Log,
    ) -> None:
        self.me = me
        self.load = "n/a"
        """What Heartbeat publishes with every message: the first line of /proc/loadavg."""
        self._token = life.token
        self._uuid = uuid
        self._log = log
        self._guard = ReplayGuard()
        self._writer, self._reader = stencil.Writer(), stencil.Reader()
        self._drops: dict[str, Drop] = {}
        self._uuids: dict[NodeName, bytes] = {}
        """Of the peers that speak Heartbeat's own protocol."""
        self._sent: dict[int, Letter] = {}
        """The newest packets by their numbers: a Heartbeat may ask for one again."""
        self.believe(nodes, keyring)

    def believe(self, nodes: tuple[NodeName, ...], keyring: Keyring) -> None:
        """Take over a new configuration; what is known of replays stays."""
        self._nodes = frozenset(nodes)
        self._ttl = len(nodes) + HOPFUDGE
        self._keyring = keyring

    def read_load(self) -> None:
        """Note the load, as Heartbeat publishes it with every message; /proc is no disk."""
        try:
            with open(LOAD_FILE, "rb", buffering=0) as stream:
                self.load = stream.read(128).decode("ascii").strip() or "n/a"
        except OSError:
            self.load = "n/a"

    def seal(self, beat: Beat) -> "Letter":
        """Return the packet that says a beat, in whichever encoding a link wants it."""
        envelope = self._envelope()
        message = partial(heartbeat.pack, beat, envelope)
        return self._letter(message, partial(self._writer.write, beat, envelope), beat.seq)

    def seal_echo(self, echo: Echo, ping: PingSpec) -> bytes:
        """Return what a ping node is to send back."""
        message = echoes.pack(echo, ping, int(clock.wall()))
        return codec.encode_netstring(message, self._keyring)

    def open_echo(self, packet: bytes) -> Echo | None:
        """Return the echo that a ping node sent back, if this cluster signed it."""
        try:
            return echoes.unpack(codec.decode(packet, self._keyring))
        except WireError as error:
            self._drop(error.reason.value, f"{error.detail}, in an answer to a ping")
            return None

    def refuse_echo(self, echo: Echo, why: str) -> None:
        """Count an answer that proves nothing."""
        self._drop(STALE_ECHO, f"[{echo.node}], number {echo.number}: {why}")

    def seal_message(self, order: SendMessage) -> "Letter":
        """Return the packet of a message of Heartbeat's own protocol."""
        dest = next((value for name, value in order.fields if name == "dest"), "")
        uuid = self._uuids.get(NodeName(dest))
        message = plain.pack(order, self.me, self._envelope(), uuid)
        return self._letter(lambda: message, partial(netstring.write, message), order.seq)

    def again(self, seq: int) -> "Letter | None":
        """Return a packet that was sealed lately, or None."""
        letter = self._sent.get(seq)
        return letter and letter.under(self._keyring)

    def open(self, packet: bytes, link: str) -> BeatReceived | MessageReceived | None:
        """Return what a packet says if it is to be believed; else count why not."""
        try:
            beat = self._reader.read(packet, self._keyring)
            if beat is None:
                message = codec.decode(packet, self._keyring)
                if plain.is_plain(message):
                    return self._open_plain(message, link)
                beat = heartbeat.unpack(message)
                self._reader.learn(packet, message, beat)
        except WireError as error:
            self._drop(error.reason.value, f"{error.detail}, on {link}")
            return None
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            self._drop(FAULT, f"{error!r} at {where.filename}:{where.lineno}, on {link}")
            return None
        if not self._of_a_peer(beat.node, beat.life.token == self._token, link):
            return None
        verdict = self._guard.judge(beat.node, beat.life, beat.seq)
        if verdict in (Verdict.NEW, Verdict.DUPLICATE):
            self._uuids.pop(beat.node, None)
            return BeatReceived(beat, LinkName(link))
        said = f"generation {beat.life.generation}, seq {beat.seq}"
        self._drop(verdict.value, f"[{beat.node}], {said}, on {link}")
        return None

    def _open_plain(self, message: Message, link: str) -> MessageReceived | None:
        """Take a message of Heartbeat's own; whether it is news is judged by its numbers later."""
        received = plain.unpack(message, LinkName(link))
        own = message.binary("srcuuid") == self._uuid
        if not self._of_a_peer(received.node, own, link):
            return None
        uuid = message.binary("srcuuid")
        self._uuids[received.node] = uuid if uuid and len(uuid) == 16 else bytes(16)
        return received

    def _of_a_peer(self, node: NodeName, mine: bool, link: str) -> bool:
        """Whether a packet is of another configured node; `mine`: what is of this very one."""
        if node == self.me:
            if not mine:  # Our own may come back from a multicast link.
                self._drop(OWN_NAME, f"another life of {self.me} is heard on {link}")
            return False
        if node not in self._nodes:
            self._drop(UNKNOWN_NODE, f"bad node [{node}] in message, on {link}")
            return False
        return True

    def _envelope(self) -> Envelope:
        return Envelope(self._uuid, int(clock.wall()), self.load, self._ttl)

    def _letter(
        self, message: Callable[[], Message], written: Callable[[], bytes], seq: int
    ) -> "Letter":
        letter = Letter(message, written, self._keyring, to_heartbeat=bool(self._uuids))
        if seq and self._uuids:
            self._sent[seq] = letter
            self._sent.pop(seq - HISTORY, None)
        return letter

    def drops(self) -> dict[str, int]:
        """Return how many packets were refused, by reason."""
        return {reason: drop.count for reason, drop in self._drops.items()}

    def tell_drops(self) -> None:
        """Tell what was counted since the last minute was over; called about once a second."""
        now = clock.now()
        for reason, drop in self._drops.items():
            if drop.untold and now - drop.told_at >= TELL_AGAIN_NS:
                self._tell(reason, drop, now)

    def count(self, reason: str, times: int, detail: str) -> None:
        """Count packets that were lost before they came here, or never left."""
        if times:
            self._drop(reason, detail, times)

    def _drop(self, reason: str, detail: str, times: int = 1) -> None:
        drop = self._drops.setdefault(reason, Drop())
        drop.count += times
        drop.untold += times
        drop.detail = detail
        now = clock.now()
        if now - drop.told_at >= TELL_AGAIN_NS:
            self._tell(reason, drop, now)

    def _tell(self, reason: str, drop: Drop, now: Instant) -> None:
        level = "debug" if reason in _TOLD_QUIETLY else "WARN"
        said = _HEARTBEAT_SAYS.get(reason, "packet refused")
        times = "" if drop.untold == 1 else f"; {drop.untold} like it since this was last told"
        self._log(level, f"{said}: {reason}: {drop.detail}{times}")
        drop.untold, drop.told_at = 0, now


_HEARTBEAT_SAYS = {
    Reason.BAD_SIGNATURE.value: "netstring authentication failed",
    Reason.UNKNOWN_KEY.value: "netstring authentication failed",
    Reason.METHOD_REFUSED.value: "netstring authentication failed",
    Reason.MISSING_SIGNATURE.value: "netstring authentication failed",
    Verdict.REPLAY.value: "should_drop_message: attempted replay attack",
    UNKNOWN_NODE: "process_status_message",
}
