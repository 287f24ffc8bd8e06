"""Fencing devices: each can cut one node's power, and may fail, hang or lie.

A device that works cuts the power first and confirms then, as a real one asks its outlet until it
says `off`. It knows nothing of the daemon on the machine, nor of who ordered.
"""

from collections.abc import Callable
from enum import StrEnum
from random import Random

from twinbeat.core.effects import ProveDead
from twinbeat.core.events import PeerProvenDead, ProofFailed
from twinbeat.core.units import MS, Duration, Instant, NodeName

WORK = Duration(500 * MS)
"""From an order to the cut of the power, when there is no chance in it."""
CHECK = Duration(100 * MS)
"""From the cut to the confirmation."""
REBOOT = Duration(1000 * MS)
"""For how long the power stays cut when the device is to turn it on again."""


class Manner(StrEnum):
    """How a device behaves."""

    WORKS = "works"
    FAILS = "fails"
    """It cuts nothing and says so."""
    HANGS = "hangs"
    """It cuts nothing and says nothing."""
    HANGS_LATE = "hangs late"
    """It cuts the power and then says nothing."""
    LIES = "lies"
    """It cuts nothing and confirms."""


class Devices:
    """The devices of all nodes."""

    def __init__(
        self,
        at: Callable[[Instant, Callable[[], object]], object],
        clock: Callable[[], Instant],
        cut: Callable[[NodeName], object],
        boot: Callable[[NodeName], object],
        random: Random | None = None,
    ) -> None:
        """Act by `at(instant, action)` in the time of `clock`; `cut` and `boot` move a machine."""
        self.manners: dict[NodeName, Manner] = {}
        """Of the devices that do not simply work."""
        self.reboots = False
        """Whether the power is turned on again, as most installations want it."""
        self._at = at
        self._clock = clock
        self._cut = cut
        self._boot = boot
        self._random = random

    def prove(
        self, order: ProveDead, answer: Callable[[PeerProvenDead | ProofFailed], object]
    ) -> None:
        """Carry out an order; `answer` is told what came of it, if anything comes."""
        self._after(WORK, lambda: self._work(order, answer))

    def _work(
        self, order: ProveDead, answer: Callable[[PeerProvenDead | ProofFailed], object]
    ) -> None:
        node, op = order.node, order.op
        confirmation = PeerProvenDead(op, node)
        match self.manners.get(node, Manner.WORKS):
            case Manner.WORKS:
                self._off(node)
                self._after(CHECK, lambda: answer(confirmation))
            case Manner.FAILS:
                failure = ProofFailed(op, node, "the device does not answer")
                self._after(CHECK, lambda: answer(failure))
            case Manner.HANGS:
                pass
            case Manner.HANGS_LATE:
                self._off(node)
            case Manner.LIES:
                self._after(CHECK, lambda: answer(confirmation))

    def _off(self, node: NodeName) -> None:
        self._cut(node)
        if self.reboots:
            self._after(REBOOT, lambda: self._boot(node))

    def _after(self, usual: Duration, action: Callable[[], object]) -> None:
        span = usual
        if self._random is not None:
            span = Duration(usual // 4 + self._random.randrange(2 * usual))
        self._at(Instant(self._clock() + span), action)
