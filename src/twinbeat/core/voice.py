"""When this node speaks: every keepalive, and at once when there is something to say.

Something to say is a change of what the beat publishes, or a change that a peer published: the
next beat is the answer to it. A node that leaves repeats its last beat until every live peer has
taken it in, a few times at most.

Nodes fall into step: who hears a peer while its own beat is due within half a keepalive sends it
with that. So an acknowledgement is a round trip old, not up to a keepalive, for the same number of
packets, and an idle node wakes half as often.
"""

from .beat import Beat, Custody
from .liveness import Liveness
from .membership import Membership
from .units import MS, Duration, Instant

_GOODBYES = 5
"""How often the last beat is repeated to peers that have not acknowledged it."""


class Voice:
    """The times of this node's heartbeats."""

    def __init__(self, now: Instant) -> None:
        self.due: Instant = now
        self._answer_owed = False
        self._said: object = None
        self._news = False
        self._goodbyes = 0
        self._goodbye_seq = 0

    def publish(self, public: object) -> None:
        """Note what the next beat will say; what is new is said at once."""
        if public != self._said:
            self._said, self._news = public, True

    def speaks(self, now: Instant, keepalive: Duration, ticked: bool) -> bool:
        """Return whether a beat is sent now; `ticked`: deadlines may lapse."""
        due = ticked and now >= self.due
        if due:
            self.due = Instant(now + keepalive)
            self._goodbyes += self._goodbyes > 0
        speaks = due or self._news or self._answer_owed
        self._news = self._answer_owed = False
        return speaks

    def fall_in(self, now: Instant, keepalive: Duration) -> None:
        """A peer has just spoken: speak with it if the next beat is due soon anyway."""
        if self.due - now <= keepalive // 2:
            self.due = min(self.due, now)

    def hear(self, earlier: Beat | None, beat: Beat, judged_anew: bool) -> None:
        """Note whether a peer's newest beat asks for an answer."""
        if earlier is None or judged_anew or _asks(earlier) != _asks(beat):
            self._answer_owed = True

    def goodbye_heard(self, members: Membership, now: Instant) -> bool:
        """Return whether the last beat has been repeated for long enough."""
        if self._goodbyes == 0:
            self._goodbyes, self._goodbye_seq = 1, members.mine.seq
        soon = now + min(members.model.timing.keepalive, 50 * MS)
        self.due = min(self.due, Instant(soon))
        unaware = any(
            peer.liveness is Liveness.ALIVE and peer.acked_seq < self._goodbye_seq
            for peer in members
        )
        return not unaware or self._goodbyes > _GOODBYES


def _asks(beat: Beat) -> object:
    return beat.life, beat.groups, beat.leaving


def may_leave(custodies: list[Custody]) -> bool:
    """Return whether nothing of any group is held, or nothing more can be done about it."""
    return all(c in (Custody.STOPPED, Custody.UNCLEAN) for c in custodies)
