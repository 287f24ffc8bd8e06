"""What this node lets its kernel serve of one group, and when that lapsed (protocol.md 2.6)."""

from .beat import GroupView
from .effects import Effect, Record, Serve, Silence, What
from .membership import Membership
from .units import LONG_AGO, GroupName, Instant, in_ms


class Serving:
    """The lease of one group: renewed while it lasts, created anew after a lapse."""

    def __init__(self, group: GroupName) -> None:
        self.until: Instant = LONG_AGO
        """Until when the kernel was told to let the group's addresses speak."""
        self._group = group
        self._dark = False
        self._created_seq = 0

    def end(self) -> None:
        """Serve no longer; a later start begins afresh."""
        self.until, self._dark = LONG_AGO, False

    def step(
        self, members: Membership, mine: GroupView, now: Instant, next_seq: int, owns: bool
    ) -> list[Effect]:
        """Renew the lease, or create it when this node owns the group and may."""
        if self.until > now:
            return self._renew(members, mine, now)
        if not owns:
            return []
        until = members.creatable_until(self._group, mine)
        if until <= now:
            return self._darken(members)
        if next_seq == self._created_seq:
            return []  # A kernel that refuses is asked again after the next beat, not at once.
        self.until, self._created_seq = until, next_seq
        return [Serve(self._group, until, create=True)]

    def _renew(self, members: Membership, mine: GroupView, now: Instant) -> list[Effect]:
        """Extend the lease, or cut it short: a peer that was not waited for is heard again.

        What that peer has acknowledged may be older than what the lease was drawn from meanwhile.
        """
        until = members.renewable_until(self._group, mine, now)
        longer = until > self.until
        if longer and until - self.until < members.model.timing.keepalive // 4:
            return []
        if not longer and (until == self.until or not members.proof.silence_suffices):
            return []
        if until <= now:
            self.until = LONG_AGO
            return [Silence(self._group), *self._darken(members)]
        self.until = until
        return [
            Serve(self._group, until, create=False),
            *(self._lighten(members) if longer else ()),
        ]

    def lapsed(self, owns: bool, why: str) -> list[Effect]:
        """The kernel let the lease go, or refused it."""
        self.until = LONG_AGO
        if not owns or self._dark:
            return []
        self._dark = True
        because = f"the kernel no longer holds the lease: {why}"
        return [Record(What.GROUP_DARK, because, self._group)]

    def _lighten(self, members: Membership) -> list[Effect]:
        """A lease that is renewed was accepted by the kernel: only then the dark has ended."""
        if not self._dark:
            return []
        self._dark = False
        return [Record(What.GROUP_LIT, members.proof.lit, self._group)]

    def _darken(self, members: Membership) -> list[Effect]:
        if self._dark:
            return []
        self._dark = True
        because = "no acknowledgement allows to serve it: the kernel keeps it silent"
        evidence: dict[str, object] = {
            peer.node: f"{peer.liveness}, promised until {in_ms(peer.promised)}"
            for peer in members
            if peer.promised != LONG_AGO
        }
        granted = members.proof.granted_until(self._group)
        if granted is not None and granted != LONG_AGO:
            evidence["arbiter"] = f"granted until {in_ms(granted)}"
        return [Record(What.GROUP_DARK, because, self._group, None, evidence)]
