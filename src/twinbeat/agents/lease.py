"""The lease on the addresses, held by the kernel: it runs out whatever becomes of this process.

`KernelLease` lets elements of nftables sets run out, to the millisecond and always early. Where
nftables is missing, `LifetimeLease` lets the address itself run out, in whole seconds.
"""

import errno
import os
import time
from collections.abc import Sequence
from typing import Protocol

from twinbeat.core.units import MS, SECOND, Duration, Instant, readable

from .base import Log
from .guard import Guard, GuardError, lease_elements
from .ip import VirtualIp
from .netlink import Kernel
from .nftables import Batch
from .rtnetlink import delete_address, put_address

_SHORTEST = 10 * MS
"""One tick of the slowest common kernel clock (100 Hz): less cannot be told from nothing."""
_ATTEMPTS = 3
_TRANSIENT = frozenset({errno.EAGAIN, errno.EINTR, errno.ENOBUFS, errno.ENOMEM})
_MOST_BATCHES = 64
_LATE = 500 * MS
"""How much later than asked the kernel takes an address away (measured: up to 0.3 s)."""
_LEAST_PROVABLE = 2 * SECOND

_MEANING = {
    errno.ENOENT: "an element of it was gone: it ran out, or a peer announced the address",
    errno.EEXIST: "an element was there already: an earlier lease had not run out",
    errno.EPERM: "the guard's tables belong to another socket",
}


def clock() -> Instant:
    """Return the time since boot, suspension included."""
    return Instant(time.clock_gettime_ns(time.CLOCK_BOOTTIME))


class Lease(Protocol):
    """What lets addresses speak, and for how long."""

    kind: str
    """`nft`, `valid_lft` or `none`, as status shows it."""
    why: str
    """Why the kind is not `nft`; empty when it is."""

    def serve(self, agents: Sequence[VirtualIp], until: Instant, create: bool) -> str | None:
        """Let the addresses speak until an instant; return None, or why they are silent now."""

    def silence(self, agents: Sequence[VirtualIp]) -> None:
        """Let the addresses speak no more."""

    def speaking(self, agent: VirtualIp) -> bool:
        """Return whether the address may speak now, by this node's own clock."""

    def lifetime(self, agent: VirtualIp, /) -> int:
        """Return for how many seconds a held address may be put on its interface; 0: not now."""

    def tend(self) -> None:
        """Set right what others broke; called now and then, and before anything is put back."""

    def retime(self, length: Duration, margin: Duration) -> None:
        """Follow a reloaded configuration: the longest lease, and the margin below the deadtime."""


class KernelLease:
    """The lease as elements with a timeout in the guard's sets."""

    kind = "nft"
    why = ""

    def __init__(self, guard: Guard, length: Duration, margin: Duration, log: Log) -> None:
        self._guard = guard
        self._log = log
        self._until: dict[VirtualIp, Instant] = {}
        self._batches: dict[tuple[bool, tuple[VirtualIp, ...]], Batch] = {}
        self.retime(length, margin)

    def retime(self, length: Duration, margin: Duration) -> None:
        """Follow a reloaded configuration."""
        self._patience = margin // 2
        # The second net: the address of a dead daemon goes away by itself in the end.
        self._lifetime = max(10, -(-4 * length // SECOND))

    def serve(self, agents: Sequence[VirtualIp], until: Instant, create: bool) -> str | None:
        """Write the lease: a creation fails on an existing element, a renewal on a lapsed one.

        The timeout is what is left of `until` at the write, and a write that took too long is
        undone, for the timeout counts from the moment the kernel saw it (protocol.md 2.6).
        """
        if not agents:
            return None
        batch = self._batch(agents, create)
        for _ in range(_ATTEMPTS):
            now = clock()
            if until - now < _SHORTEST:
                return self._lapse(agents, f"only {readable(until - now)} of it was left")
            failed = self._guard.write(batch.packed((until - now) // MS))
            if not failed:
                took = clock() - now
                if took > self._patience:
                    return self._lapse(agents, f"writing it took {readable(took)}")
                for agent in agents:
                    self._until[agent] = until
                return None
            if failed == errno.ENOENT and not self._guard.stands():
                self.tend()
            elif create or failed not in _TRANSIENT:
                break
        return self._lapse(agents, _MEANING.get(failed, f"the kernel said: {os.strerror(failed)}"))

    def silence(self, agents: Sequence[VirtualIp]) -> None:
        """Delete the elements, also those that have run out already."""
        batch = Batch()
        for agent in agents:
            for element in lease_elements(agent.spec.ip):
                batch.remove(element)
        for _ in range(_ATTEMPTS):
            if not batch or not self._guard.write(batch.packed(1)):
                break
        for agent in agents:
            self._until.pop(agent, None)

    def speaking(self, agent: VirtualIp) -> bool:
        """Return whether the last lease written has time left."""
        return clock() < self._until.get(agent, 0)

    def lifetime(self, _agent: VirtualIp, /) -> int:
        """Return the lifetime of the second net, for a guarded address may stay."""
        return self._lifetime

    def tend(self) -> None:
        """Build the guard again when somebody flushed it, with what is left of every lease."""
        if self._guard.stands():
            return
        now = clock()
        live = [
            (agent.spec.ip, (until - now) // MS)
            for agent, until in self._until.items()
            if until - now >= _SHORTEST
        ]
        try:
            self._guard.rebuild(live)
            self._log("WARN", "Somebody flushed the nftables rules; the guard is built again.")
        except GuardError as error:
            self._log("ERROR", f"The addresses are unguarded: {error}; trying again.")

    def _batch(self, agents: Sequence[VirtualIp], create: bool) -> Batch:
        key = (create, tuple(agents))
        batch = self._batches.get(key)
        if batch is None:
            batch = Batch()
            for agent in agents:
                for element in lease_elements(agent.spec.ip):
                    batch.add(element, exclusive=True) if create else batch.renew(element)
            if len(self._batches) >= _MOST_BATCHES:
                self._batches.clear()
            self._batches[key] = batch
        return batch

    def _lapse(self, agents: Sequence[VirtualIp], reason: str) -> str:
        """Make sure that addresses of which the caller hears a reason are silent."""
        self.silence(agents)
        return reason


class LifetimeLease:
    """The lease as the lifetime of the address itself, which is on its interface only while served.

    The kernel takes an address away late, so what is asked for is half a second less than what
    is left. It cannot compare and set: whether a lease has run out is told by this clock alone.
    """

    def __init__(self, kernel: Kernel, length: Duration, margin: Duration, why: str) -> None:
        self._kernel = kernel
        self._expiry: dict[VirtualIp, Instant] = {}
        self._until: dict[VirtualIp, Instant] = {}
        self._unguarded = why
        self.retime(length, margin)

    def retime(self, length: Duration, margin: Duration) -> None:
        """Follow a reloaded configuration; a short lease cannot be kept in whole seconds."""
        self._patience = margin // 2
        provable = length >= _LEAST_PROVABLE
        self.kind = "valid_lft" if provable else "none"
        self._least = 0 if provable else 1
        self.why = self._unguarded
        if not provable:
            self.why += (
                "; and the lifetime of an address, in whole seconds, cannot keep a lease of "
                f"{readable(length)}"
            )

    def serve(self, agents: Sequence[VirtualIp], until: Instant, create: bool) -> str | None:
        """Put every address on its interface for what is left, rounded down to seconds."""
        for agent in agents:
            reason = self._serve(agent, until, create)
            if reason is not None:
                self.silence(agents)
                return reason
        return None

    def silence(self, agents: Sequence[VirtualIp]) -> None:
        """Take the addresses off their interfaces."""
        for agent in agents:
            if agent.place is not None:
                self._kernel.ask(delete_address(agent.place))
            self._expiry.pop(agent, None)
            self._until.pop(agent, None)

    def speaking(self, agent: VirtualIp) -> bool:
        """Return whether the lifetime asked for has time left."""
        return clock() < self._expiry.get(agent, 0)

    def lifetime(self, agent: VirtualIp, /) -> int:
        """Return what is left of the lease in seconds: an address that is here speaks."""
        now = clock()
        return self._seconds(self._until[agent], now) if self.speaking(agent) else 0

    def tend(self) -> None:
        """Do nothing: what an address's lifetime depends on, nobody can flush."""

    def _serve(self, agent: VirtualIp, until: Instant, create: bool) -> str | None:
        now = clock()
        if agent.place is None:
            return "the address is not held"
        if not create and now >= self._expiry.get(agent, 0):
            return "the address's lifetime had run out"
        seconds = self._seconds(until, now)
        if not seconds:
            return f"only {readable(until - now)} of it was left" if create else None
        failed = self._kernel.ask(put_address(agent.place, seconds))
        took = clock() - now
        if failed:
            return f"the kernel said: {os.strerror(failed)}"
        if took > self._patience:
            return f"writing it took {readable(took)}"
        self._expiry[agent] = Instant(now + seconds * SECOND)
        self._until[agent] = until
        return None

    def _seconds(self, until: Instant, now: Instant) -> int:
        return max(self._least, (until - now - _LATE) // SECOND)
