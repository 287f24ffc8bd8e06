"""Heartbeat's oldest resource protocol: `auto_failback legacy`, or no word of it in ha.cf.

Nobody tells what he holds. Who starts asks for each group of his own (`ip-request`), by its first
resource word; the other releases it if it runs there, and answers (`ip-request-resp`). A peer that
is alive and was not asked is taken to hold its own groups, and to hold ours until it has answered.
"""

from twinbeat.core.beat import Custody
from twinbeat.core.engine import Engine
from twinbeat.core.group import Group
from twinbeat.core.units import NEVER, SECOND, Duration, GroupName, Instant, NodeName

from .conversation import Conversation, Words
from .words import ip_request, ip_response

ASK_AGAIN = Duration(5 * SECOND)
"""A Heartbeat asks once; who does not answer is asked again."""


class Legacy(Conversation):
    """The conversation group by group."""

    def __init__(self, engine: Engine, peer: NodeName) -> None:
        super().__init__(engine, peer)
        self._asked: dict[GroupName, Instant] = {}
        self._free: set[GroupName] = set()
        """What the peer said that it does not run, or has released."""
        self._wanted: set[GroupName] = set()
        """What the peer has asked for and this node still runs."""

    def hear(self, kind: str, fields: Words, seq: int, now: Instant) -> None:
        """Take in a message about resources."""
        match kind:
            case "ip-request":
                self._hear_request(fields.get("ipaddr") or "")
            case "ip-request-resp" if fields.get("dest") == self.engine.me:
                name = GroupName(fields.get("ipaddr") or "")
                if name in self._asked and fields.get("ok") == "OK":
                    self._free.add(name)
            case "shutdone":
                self.tell(f"Received shutdown notice from '{self.peer}'.")
                self.left = True

    def _hear_request(self, key: str) -> None:
        group = self.engine.groups.get(GroupName(key))
        if group is None or group.custody in (Custody.STOPPED, Custody.CLAIMING):
            if group is not None:
                self._free.discard(group.name)
            self.say(ip_response(self.peer, key, owned=False))
            return
        self._wanted.add(group.name)
        if group.pin.node:
            self.pin(group, None)

    def custody(self, group: Group) -> Custody:
        """Return the peer's relation to a group by its own words."""
        if group.name in self._wanted:
            return Custody.UNKNOWN  # It may start it as soon as it has our answer.
        if group.name in self._free:
            return Custody.STOPPED
        if group.custody.owns or group.custody is Custody.STOPPING:
            return Custody.STOPPED  # It would have asked for it before it started it.
        return Custody.HELD if group.spec.preferred == self.peer else Custody.UNKNOWN

    def wants(self, group: Group) -> bool:
        """Whether the peer is ready to be given a group now."""
        return group.name in self._wanted

    def returned(self, seq: int, now: Instant) -> None:
        """It may have taken everything meanwhile: so it is believed until it was asked."""
        self._free.clear()
        self._asked.clear()

    def follow(self, now: Instant) -> None:
        """Ask for what placement wants here, and answer what was released."""
        engine = self.engine
        if engine.word != "active":
            return
        if engine.leaving:
            self.end()
            return
        for group in engine.groups.values():
            if group.name in self._wanted and group.custody is Custody.STOPPED:
                self._wanted.discard(group.name)
                self._free.discard(group.name)
                self.say(ip_response(self.peer, group.name, owned=True))
            elif self._asks_for(group) and now >= self._ask_at(group):
                self._asked[group.name] = now
                self.say(ip_request(group.name))

    def next_deadline(self) -> Instant:
        """Return when `follow` has to look again though nothing happened; past times are void."""
        waiting = [group for group in self.engine.groups.values() if self._asks_for(group)]
        return min((self._ask_at(group) for group in waiting), default=NEVER)

    def _asks_for(self, group: Group) -> bool:
        idle = group.custody is Custody.STOPPED and group.name not in self._free
        return idle and self.present and self.placed_here(group)

    def _ask_at(self, group: Group) -> Instant:
        asked = self._asked.get(group.name)
        return Instant(0) if asked is None else Instant(asked + ASK_AGAIN)
