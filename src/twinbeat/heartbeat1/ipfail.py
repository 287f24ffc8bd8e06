"""What is exchanged with the ipfail of a Heartbeat peer, so that both see who is better connected.

Heartbeat's ipfail asks by telling its own number of ping nodes. Who sees more answers
`you_are_dead`, and the asker gives everything away two keepalives later; who sees as many answers
`abort_giveup`; who sees fewer gives away itself. This node decides by `core.connectivity`, as among
our own; here it only learns the peer's number and tells its own.
"""

from twinbeat.core.engine import Engine
from twinbeat.core.units import NodeName

from .conversation import Words
from .words import Fields

CLIENT = "ipfail"
KINDS = ("num_ping_nodes", "you_are_dead", "abort_giveup")
MAX_PINGS = 999
"""More ping nodes than these nobody has."""


class PingTalk:
    """The exchange with one life of the peer."""

    def __init__(self, engine: Engine, peer: NodeName) -> None:
        self.theirs: int | None = None
        """How many ping nodes the peer sees, as far as it has shown it."""
        self._engine = engine
        self._peer = peer
        self._told: int | None = None

    def hear(self, kind: str, fields: Words) -> list[Fields]:
        """Take in a message of the peer's ipfail, or of its coming; return what is answered."""
        mine = self._engine.members.connectivity.statement
        if kind == "hbapi-clstat":
            if fields.get("from_id") == CLIENT and fields.get("st") == "join":
                self._told = None
            return []
        match kind:
            case "num_ping_nodes":
                number = fields.get("num_ping", "")
                if not (number.isascii() and number.isdigit() and int(number) <= MAX_PINGS):
                    return []
                self.theirs = int(number)
                if mine is None or mine < self.theirs:
                    return []
                verdict = "you_are_dead" if mine > self.theirs else "abort_giveup"
                return [self._message(verdict)]
            case "you_are_dead" if mine is not None:
                self.theirs = max(self.theirs or 0, mine + 1)
            case "abort_giveup" if mine is not None:
                self.theirs = mine
        return []

    def follow(self) -> list[Fields]:
        """Tell this node's number when it is another one than before, or somebody new listens."""
        mine = self._engine.members.connectivity.statement
        if mine is None or mine == self._told:
            return []
        self._told = mine
        return [self._message("num_ping_nodes", ("num_ping", str(mine)))]

    def _message(self, kind: str, *more: tuple[str, str]) -> Fields:
        client = (("from_id", CLIENT), ("to_id", CLIENT), ("client_gen", "0"))
        return (("t", kind), *more, ("dest", self._peer), *client)
