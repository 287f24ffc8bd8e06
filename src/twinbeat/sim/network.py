"""The wires between the nodes: they carry bytes, late, twice or not at all, as nature has it."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from twinbeat.core.units import GroupName, LinkName, NodeName

from .agenda import Agenda
from .nature import Nature

Path = tuple[NodeName, NodeName, LinkName]
"""From whom, to whom, on which link."""

Receive = Callable[[bytes, LinkName], object]
Hear = Callable[[GroupName, bytes], object]


class Network:
    """Every ordered pair of nodes has a path on each link, and each path may be cut."""

    def __init__(self, agenda: Agenda, nature: Nature, links: Sequence[LinkName]) -> None:
        self.links = tuple(links)
        self.cuts: set[Path] = set()
        """The paths on which nothing is carried."""
        self.taps: list[Callable[[NodeName, bytes], object]] = []
        """Who records everything that is sent, with its sender."""
        self._agenda = agenda
        self._nature = nature
        self._ports: dict[NodeName, tuple[Receive, Hear]] = {}
        self._ways: dict[NodeName, list[tuple[Path, Receive]]] = {}

    def join(self, node: NodeName, receive: Receive, hear: Hear) -> None:
        """Connect a node: `receive` takes its packets, `hear` other nodes' announcements."""
        self._ports[node] = receive, hear
        self._ways = {
            sender: [
                ((sender, receiver, link), port[0])
                for receiver, port in self._ports.items()
                for link in self.links
                if receiver != sender
            ]
            for sender in self._ports
        }

    def cut(self, sender: NodeName, receiver: NodeName, link: LinkName | None = None) -> None:
        """Cut one direction between two nodes, on one link or on all."""
        self.cuts.update(self._paths(sender, receiver, link))

    def mend(self, sender: NodeName, receiver: NodeName, link: LinkName | None = None) -> None:
        """Undo a cut."""
        self.cuts.difference_update(self._paths(sender, receiver, link))

    def _paths(self, sender: NodeName, receiver: NodeName, link: LinkName | None) -> Iterable[Path]:
        return [(sender, receiver, one) for one in ([link] if link else self.links)]

    def send(self, sender: NodeName, packet: bytes) -> None:
        """Carry a packet to every other node, once on each link."""
        for tap in self.taps:
            tap(sender, packet)
        agenda, cuts, delays = self._agenda, self.cuts, self._nature.packet
        now = agenda.now
        for path, receive in self._ways[sender]:
            if path not in cuts:
                for delay in delays(*path):
                    agenda.at(now + delay, partial(receive, packet, path[2]))

    def inject(self, receiver: NodeName, packet: bytes, link: LinkName | None = None) -> None:
        """Let a stranger's packet arrive at a node, now."""
        self._ports[receiver][0](packet, link or self.links[0])

    def announce(self, sender: NodeName, group: GroupName, mac: bytes) -> None:
        """Carry an announcement on the service network, which no cut of a link touches."""
        if self._nature.neighbours:
            for receiver, (_, hear) in self._ports.items():
                if receiver != sender:
                    for delay in self._nature.announcement(sender, receiver):
                        self._agenda.at(self._agenda.now + delay, partial(hear, group, mac))
