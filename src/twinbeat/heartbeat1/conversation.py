"""What both of Heartbeat's resource protocols have in common: who speaks with whom, of what."""

from collections.abc import Mapping

from twinbeat.core.beat import Custody, GroupView, Pin
from twinbeat.core.effects import Record, What
from twinbeat.core.engine import Engine
from twinbeat.core.group import Group
from twinbeat.core.liveness import Liveness
from twinbeat.core.units import GroupName, Instant, NodeName

from .words import Fields, shutdone

Words = Mapping[str, str]
"""The fields of a message."""


class Conversation:
    """One life of a Heartbeat peer and this node, speaking of resources.

    What the peer says changes what `view` returns, and nothing else does: our core takes it for
    the peer's own word. `follow` looks at what our core has done and tells the peer.
    """

    def __init__(self, engine: Engine, peer: NodeName) -> None:
        self.engine = engine
        self.peer = peer
        self.outbox: list[Fields] = []
        self.records: list[Record] = []
        self.left = False
        """Whether the peer has released everything and ends."""
        self.shutdone = False
        """Whether this node has told that it has released everything."""
        self.pins: dict[GroupName, Pin] = {}
        """Moves that the peer's operator ordered, as our core knows orders."""

    # What a protocol adds.

    def hear(self, kind: str, fields: Words, seq: int, now: Instant) -> None:
        """Take in a message about resources."""
        raise NotImplementedError

    def follow(self, now: Instant) -> None:
        """Tell the peer what our core has done since."""
        raise NotImplementedError

    def custody(self, group: Group) -> Custody:
        """Return the peer's relation to a group by its own words."""
        raise NotImplementedError

    def wants(self, group: Group) -> bool:
        """Whether the peer is ready to be given a group now."""
        raise NotImplementedError

    def returned(self, seq: int, now: Instant) -> None:
        """The peer was taken for dead and is heard again in the same life; `seq` is its newest."""
        raise NotImplementedError

    def next_deadline(self) -> Instant:
        """Return when `follow` has to look again though nothing happened; past times are void."""
        raise NotImplementedError

    # What is common.

    def view(self, group: Group) -> GroupView:
        """Return what the peer would say of a group if it were one of us.

        Where it owns a group its claim is the stronger one: a Heartbeat cannot yield.
        """
        custody = Custody.STOPPED if self.left else self.custody(group)
        nodes = group.spec.nodes
        return GroupView(
            custody=custody,
            term=group.term + 1 if custody.owns else 0,
            rank=nodes.index(self.peer) if self.peer in nodes else len(nodes),
            want=not self.left and self.wants(group),
            pin=self.pins.get(group.name, Pin()),
        )

    @property
    def present(self) -> bool:
        """Whether the peer is alive and will take part: it hears this node and is not leaving."""
        watch = self.engine.members.peers[self.peer]
        alive = watch.liveness is Liveness.ALIVE and watch.beat is not None
        return alive and watch.beat is not None and watch.beat.word == "active" and not self.left

    def placed_at_peer(self, group: Group) -> bool:
        """Whether our placement wants a group at the peer."""
        placement = self.engine.placements.get(group.name)
        return placement is not None and placement.node == self.peer

    def placed_here(self, group: Group) -> bool:
        """Whether our placement wants a group at this node."""
        placement = self.engine.placements.get(group.name)
        return placement is not None and placement.node == self.engine.me

    def pin(self, group: Group, node: NodeName | None) -> None:
        """Let our core know of a move that the peer's operator ordered; None lifts one."""
        self.pins[group.name] = Pin(group.pin.counter + 1, node or NodeName(""))

    def lift_pins(self, earlier: "Conversation | None") -> None:
        """Lift what an earlier life's operator ordered: a Heartbeat forgets it as well."""
        for name, pin in {} if earlier is None else earlier.pins.items():
            group = self.engine.groups.get(name)
            if group is not None and group.pin == pin and pin.node:
                self.pin(group, None)

    def say(self, fields: Fields) -> None:
        """Send a numbered message with the next ones."""
        self.outbox.append(fields)

    def tell(self, sentence: str, **evidence: object) -> None:
        """Put a step of the conversation into the journal."""
        self.records.append(Record(What.CONVERSATION, sentence, peer=self.peer, evidence=evidence))

    def end(self) -> None:
        """When everything is released: say so, once; the peer then takes all of it at once."""
        custodies = [group.custody for group in self.engine.groups.values()]
        if not self.shutdone and all(custody is Custody.STOPPED for custody in custodies):
            self.shutdone = True
            self.say(shutdone())
