"""The kernel of one machine: what runs, whose address is up, and until when it may speak.

It goes on when the daemon does not, by the machine's own clock, and ends with the power. A lease
element is what lease.py of the agents writes: it runs out by itself, a creation fails on a live
one and a renewal on one that ran out.
"""

from collections.abc import Callable, Iterable
from functools import partial

from twinbeat.core.units import LONG_AGO, NEVER, Duration, GroupName, Instant

from .clocks import Clock

GONE = "an element of it was gone: it ran out, or a peer announced the address"
THERE = "an element was there already: an earlier lease had not run out"
REFUSED = "the kernel said: Operation not permitted"


class Kernel:
    """What is so on a machine, whatever its daemon believes."""

    def __init__(self, clock: Clock, changed: Callable[[], object]) -> None:
        self._clock = clock
        self._changed = changed
        self.refused: set[GroupName] = set()
        """Groups for which this kernel takes no lease."""
        self.stands_still = False
        self._obeyed: frozenset[bytes] = frozenset()
        self._running: dict[GroupName, None] = {}
        self._processes: dict[GroupName, dict[str, None]] = {}
        """Which resources run whose kind is no address."""
        self._foreign: set[GroupName] = set()
        """Of which groups all that runs was started by no daemon."""
        self._up: set[GroupName] = set()
        self._leases: dict[GroupName, Instant] = {}
        """When each element runs out, or ran out."""
        self._watched: dict[GroupName, Instant] = {}
        """For when the next timer is set that looks whether an element has run out."""
        self._answering: tuple[GroupName, ...] = ()

    # What can be seen.

    def runs(self, group: GroupName) -> bool:
        """Whether anything of a group may be running, were it half of it."""
        return group in self._running

    def running(self) -> tuple[GroupName, ...]:
        """Return the groups of which anything may be running."""
        return tuple(self._running)

    def processes(self, group: GroupName) -> tuple[str, ...]:
        """Return the resources of a group that run; addresses are none of them."""
        return tuple(self._processes.get(group, ()))

    def foreign(self, group: GroupName) -> bool:
        """Whether what runs of a group came to run by itself, and was not taken over."""
        return group in self._foreign

    def has_address(self, group: GroupName) -> bool:
        """Whether a group's address is up, speaking or not."""
        return group in self._up

    def may_serve(self, group: GroupName) -> bool:
        """Whether a group's lease lasts, whether or not its address is up."""
        return self._leases.get(group, LONG_AGO) > self._clock.now

    def serves(self, group: GroupName) -> bool:
        """Whether the kernel answers for a group now."""
        return group in self._answering

    def serving(self) -> tuple[GroupName, ...]:
        """Return the groups for which the kernel answers now."""
        return self._answering

    # What the daemon and its scripts do.

    def run(self, group: GroupName) -> None:
        """Something of the group runs from now on, by a daemon's order."""
        self._foreign.discard(group)
        if group not in self._running:
            self._running[group] = None
            self._changed()

    def stopped(self, group: GroupName) -> None:
        """Nothing of the group runs any more."""
        self._processes.pop(group, None)
        self._foreign.discard(group)
        if group in self._running:
            del self._running[group]
            self._changed()

    def begin(self, group: GroupName, resources: Iterable[str]) -> None:
        """Let resources of a group run from now on."""
        self._running[group] = None
        self._processes.setdefault(group, {}).update(dict.fromkeys(resources))
        self._changed()

    def come(self, group: GroupName, resources: Iterable[str]) -> None:
        """Let resources of a group run by themselves."""
        if group not in self._running:
            self._foreign.add(group)
        self.begin(group, resources)

    def end(self, group: GroupName, resources: Iterable[str]) -> None:
        """Let resources of a group run no more; the group's other resources may."""
        there = self._processes.get(group, {})
        for resource in resources:
            there.pop(resource, None)
        self._changed()

    def add_address(self, group: GroupName) -> None:
        """Put a group's address up; without a lease it is silent."""
        self._up.add(group)
        self._look()

    def remove_address(self, group: GroupName) -> None:
        """Take a group's address away, and its lease first."""
        self._leases.pop(group, None)
        self._up.discard(group)
        self._look()

    def lose_address(self, group: GroupName) -> None:
        """Lose a group's address; its lease stays."""
        self._up.discard(group)
        self._look()

    def write_lease(self, group: GroupName, timeout: Duration, create: bool) -> str | None:
        """Create or renew a lease element, which then lasts for the timeout.

        Return None, or why the kernel refuses; nothing is changed then.
        """
        now = self._clock.now
        if group in self.refused:
            return REFUSED
        live = self._leases.get(group, LONG_AGO) > now
        if live is create:
            return THERE if live else GONE
        until = self._leases[group] = Instant(now + timeout)
        if until < self._watched.get(group, NEVER):
            self._watch(group, until)
        if create:
            self._look()
        return None

    def delete_lease(self, group: GroupName) -> None:
        """Delete a lease element, if there is one."""
        if self._leases.pop(group, None) is not None:
            self._look()

    def silence(self) -> None:
        """Delete every element and address: what a daemon does first of all."""
        self._leases.clear()
        self._up.clear()
        self._look()

    def obey(self, macs: Iterable[bytes]) -> None:
        """Let these hardware addresses end a lease by announcing its address."""
        self._obeyed = frozenset(macs)

    # What befalls it.

    def hear_announcement(self, group: GroupName, mac: bytes) -> None:
        """Hear on the service network that a hardware address has a group's address."""
        if mac in self._obeyed:
            self.delete_lease(group)

    def lose_leases(self) -> None:
        """Lose every element, as when somebody flushes the rules."""
        self._leases.clear()
        self._look()

    def lose_power(self) -> None:
        """Lose everything."""
        self._obeyed = frozenset()
        self._running.clear()
        self._processes.clear()
        self._foreign.clear()
        self._leases.clear()
        self._up.clear()
        self.stands_still = False
        self._answering = ()
        self._changed()

    def stand_still(self) -> None:
        """Answer nobody until it goes on; the clock is stopped by whoever calls."""
        self.stands_still = True
        self._look()

    def go_on(self) -> None:
        """Go on as if nothing had been."""
        self.stands_still = False
        self._look()

    def _look(self) -> None:
        """See for which groups it answers now."""
        now, up = self._clock.now, self._up
        answering = tuple(g for g, until in self._leases.items() if until > now and g in up)
        if self.stands_still:
            answering = ()
        if answering != self._answering:
            self._answering = answering
            self._changed()

    def _watch(self, group: GroupName, until: Instant) -> None:
        self._watched[group] = until
        self._clock.at(until, partial(self._run_out, group))

    def _run_out(self, group: GroupName) -> None:
        """An element has run out, unless it was renewed since the timer was set."""
        now = self._clock.now
        until = self._leases.get(group, LONG_AGO)
        if self._watched.get(group, NEVER) <= now:
            del self._watched[group]
            if until > now:
                self._watch(group, until)
        if until <= now:
            self._look()
