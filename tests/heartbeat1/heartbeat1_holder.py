"""Whether this node starts a group that the peer holds by its newest word.

Judged from heartbeat.md alone: the newest word is that with the highest number of the newest life;
what counts are `resource` in full, `starting` (a node that begins holds nothing), `ask_resources
done` of one who wanted to give, `shutdone`, and the peer's death.
"""

from collections.abc import Mapping

from twinbeat.core.effects import Effect, Record, StartGroup, What
from twinbeat.core.events import Event, MessageReceived
from twinbeat.core.units import GroupName, NodeName

_HELD = {
    "none": (False, False), "local": (True, False), "foreign": (False, True), "all": (True, True),
}  # fmt: skip
_ENDED = 1 << 63
"""After its goodbye a life says nothing more."""
_PARTED = (What.PEER_DEAD, What.PEER_LEFT, What.PEER_RESTARTED)


class Holder:
    """Remembers what the peer says that it holds."""

    def __init__(
        self, me: NodeName, peer: NodeName, preferred: Mapping[GroupName, NodeName | None]
    ) -> None:
        self._me, self._peer, self._preferred = me, peer, preferred
        self._life = self._seq = 0
        self._taken: set[int] = set()
        self._local = self._foreign = self._gives = False

    def hear(self, event: Event) -> None:
        """Take in a word of the peer's."""
        if not isinstance(event, MessageReceived) or event.node != self._peer:
            return
        if event.generation > self._life:
            self._life, self._seq = event.generation, 0
            self._taken.clear()
            self._local = self._foreign = self._gives = False
        if event.generation < self._life or event.seq <= self._seq or event.seq in self._taken:
            return
        self._taken.add(event.seq)
        held = event.fields.get("rsc_hold", "")
        match event.kind:
            case "resource" if held in _HELD and event.fields.get("rtype") == "full":
                self._local, self._foreign = _HELD[held]
            case "resource" if held in _HELD and "rtype" not in event.fields:
                local, foreign = _HELD[held]
                self._local = held != "none" and (self._local or local)
                self._foreign = held != "none" and (self._foreign or foreign)
            case "starting":
                self._local = self._foreign = False
            case "shutdone":
                self._local = self._foreign = False
                self._seq = _ENDED
                return
            case "ask_resources" if event.fields.get("info", "").lower() == "me":
                self._gives = True
            case "ask_resources" if self._gives and event.fields.get("info") == "done":
                self._gives = False
                local, foreign = _HELD.get(held or "all", (False, False))
                self._local, self._foreign = (
                    self._local and not local,
                    self._foreign and not foreign,
                )
            case _:
                return
        self._seq = event.seq

    def judge(self, effects: list[Effect]) -> list[str]:
        """Return what is wrong about the orders that follow from one event."""
        if any(isinstance(effect, Record) and effect.what in _PARTED for effect in effects):
            self._local = self._foreign = False
        starts = [effect.spec.name for effect in effects if isinstance(effect, StartGroup)]
        return [f"{name} is started and the peer holds it" for name in starts if self._holds(name)]

    def _holds(self, name: GroupName) -> bool:
        return self._local if self._preferred.get(name) == self._peer else self._foreign
