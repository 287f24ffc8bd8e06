"""A whole cluster in one thread and in virtual time: its nodes, the wires, and who looks on."""

import itertools
from collections.abc import Callable, Mapping

from twinbeat.core.model import ClusterModel, Keyring
from twinbeat.core.units import GroupName, Instant, NodeName

from .agenda import Agenda
from .devices import Devices
from .faults import Fault
from .nature import Nature
from .network import Network
from .node import Node
from .store import Arbiter
from .watch import Audience, Watcher


class World:
    """Everything there is. All that happens follows from the nature and from what is done to it."""

    def __init__(
        self, models: Mapping[NodeName, ClusterModel], nature: Nature, keyring: Keyring
    ) -> None:
        """`models` says how each node is configured; no daemon runs yet."""
        self.agenda = Agenda()
        self.nature = nature
        self.keyring = keyring
        self.audience = Audience()
        self._tokens = itertools.count(1)
        links = dict.fromkeys(link.name for model in models.values() for link in model.links)
        self.network = Network(self.agenda, nature, tuple(links))
        self.devices = Devices(
            self.at,
            lambda: self.now,
            lambda name: self.nodes[name].power_off(),
            lambda name: self.nodes[name].power_on(),
            nature.stream("devices"),
        )
        self.arbiter = Arbiter(self.at, lambda: self.now, nature.stream("arbiter"))
        self.nodes: dict[NodeName, Node] = {}
        for name, model in models.items():
            node = self.nodes[name] = Node(self, name, model)
            self.network.join(name, node.receive, node.hear_announcement)

    @property
    def now(self) -> Instant:
        """True time."""
        return self.agenda.now

    def at(self, when: Instant, action: Callable[[], object]) -> None:
        """Do something at an instant of true time."""
        self.agenda.at(when, action)

    def run(self, until: Instant) -> None:
        """Let time pass up to an instant."""
        self.agenda.run(until)

    def serving(self, group: GroupName) -> list[NodeName]:
        """Return the nodes whose kernels answer for a group now."""
        return [name for name, node in self.nodes.items() if node.kernel.serves(group)]

    def next_token(self) -> int:
        """Return what tells one life from every other."""
        return next(self._tokens)

    # Who looks on.

    def watch(self, *watchers: Watcher) -> None:
        """Tell these watchers, after all others, what happens from now on."""
        for watcher in watchers:
            self.audience.join(watcher)

    def tell_injected(self, fault: Fault) -> None:
        """Tell who looks on that a fault begins."""
        for look in self.audience.injected:
            look(fault)

    def tell_healed(self, fault: Fault) -> None:
        """Tell who looks on that a fault ends."""
        for look in self.audience.healed:
            look(fault)
