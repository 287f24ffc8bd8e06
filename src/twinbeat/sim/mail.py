"""The real wire of one node: beats to signed packets and back, and a count of every refusal.

It does what mail.py of the daemon does, with the same functions and by the same rules, without its
log: only an authenticated heartbeat of a configured node's newest life becomes a beat.
"""

from twinbeat.core.beat import Beat, Life
from twinbeat.core.model import Keyring
from twinbeat.core.units import SECOND, Instant, NodeName
from twinbeat.wire import codec, heartbeat, stencil
from twinbeat.wire.heartbeat import Envelope
from twinbeat.wire.message import WireError
from twinbeat.wire.replay import ReplayGuard, Verdict

UNKNOWN_NODE = "unknown node"
OWN_NAME = "own name"
FULL = "socket full"

WALL = 1_800_000_000
"""What the clock on the wall shows when true time is zero, in seconds."""

Drops = dict[str, int]
"""How many packets were refused, by reason."""


class Mail:
    """What one life of a daemon says, and whom it believes."""

    def __init__(
        self, me: NodeName, life: Life, nodes: tuple[NodeName, ...], keyring: Keyring, drops: Drops
    ) -> None:
        """Refusals are counted in `drops`, which outlives the life."""
        self._me = me
        self._token = life.token
        self._uuid = me.encode()[-16:].rjust(16, b"-")
        self._keyring = keyring
        self._guard = ReplayGuard()
        self._writer, self._reader = stencil.Writer(), stencil.Reader()
        self._drops = drops
        self.believe(nodes)

    def believe(self, nodes: tuple[NodeName, ...]) -> None:
        """Take over a new configuration."""
        self._nodes = frozenset(nodes)
        self._ttl = len(nodes) + 1

    def seal(self, beat: Beat, now: Instant) -> bytes:
        """Return the packet that says a beat at a true instant."""
        envelope = Envelope(self._uuid, WALL + now // SECOND, "0.00 0.00 0.00 1/1 1", self._ttl)
        return codec.sealed(self._writer.write(beat, envelope), self._keyring)

    def open(self, packet: bytes) -> tuple[Beat, bool] | None:
        """Return the beat of a packet if it is to be believed, and whether it is the newest."""
        try:
            beat = self._reader.read(packet, self._keyring) or self._read_anew(packet)
        except WireError as error:
            self.drop(error.reason)
            return None
        if beat.node == self._me:
            if beat.life.token != self._token:
                self.drop(OWN_NAME)
            return None
        if beat.node not in self._nodes:
            self.drop(UNKNOWN_NODE)
            return None
        verdict = self._guard.judge(beat.node, beat.life, beat.seq)
        if verdict in (Verdict.NEW, Verdict.DUPLICATE):
            return beat, verdict is Verdict.NEW
        self.drop(verdict)
        return None

    def _read_anew(self, packet: bytes) -> Beat:
        message = codec.decode(packet, self._keyring)
        beat = heartbeat.unpack(message)
        self._reader.learn(packet, message, beat)
        return beat

    def drop(self, reason: str) -> None:
        """Count a packet that is refused."""
        self._drops[str(reason)] = self._drops.get(str(reason), 0) + 1
