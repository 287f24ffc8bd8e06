"""How long things take, and which packets arrive: everything about a world that may be chance."""

from collections.abc import Sequence
from random import Random

from twinbeat.core.units import MS, Duration, LinkName, NodeName

PACKET = Duration(1 * MS)
ADDRESS = Duration(2 * MS)
START = Duration(30 * MS)
STOP = Duration(10 * MS)
ARRIVES = (PACKET,)


class Nature:
    """A nature without chance, whose transcripts can be checked by hand: nothing is lost.

    Another one overrides what it wants otherwise. Durations at a node go by that node's clock.
    """

    calm = True
    """Whether nothing is lost and nobody is late: what is served is never dark for a moment."""
    neighbours = False
    """Whether announcements of addresses reach the other nodes' kernels (`Obey`)."""

    def ahead(self, node: NodeName) -> Duration:
        """Return by how much a node's clock is ahead of true time when the world begins."""
        return Duration(0)

    def packet(self, sender: NodeName, receiver: NodeName, link: LinkName) -> Sequence[Duration]:
        """Return the delay of each copy that arrives; none: the packet is lost."""
        return ARRIVES

    def announcement(self, sender: NodeName, receiver: NodeName) -> Sequence[Duration]:
        """Return the delay of each copy of an announcement that arrives."""
        return ARRIVES

    def address(self, node: NodeName) -> Duration:
        """Return how long it takes from the order to start a group until its address is up."""
        return ADDRESS

    def start(self, node: NodeName) -> Duration:
        """Return how long it takes from the order until all of a group is started."""
        return START

    def stop(self, node: NodeName) -> Duration:
        """Return how long it takes to stop a group, or to find that nothing of it runs."""
        return STOP

    def look(self, node: NodeName, interval: Duration, first: bool) -> Duration:
        """Return the time until the next look at a resource, or until the first one."""
        return interval

    def oversleep(self, node: NodeName) -> Duration:
        """Return how much later than its deadline a daemon wakes."""
        return Duration(0)

    def thinking(self, node: NodeName) -> Duration:
        """Return how long a daemon takes from an event to the first order that follows from it."""
        return Duration(0)

    def writing(self, node: NodeName) -> Duration:
        """Return how long it takes to write a lease into the kernel."""
        return Duration(0)

    def stream(self, name: str) -> Random | None:
        """Return the chance in something else, or None when there is none in it."""
        return None
