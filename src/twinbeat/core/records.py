"""What the arbiter keeps, and what it is asked: records and transactions (protocol.md 2.10).

The arbiter is a store of records with revisions, and one transaction is all that it can do: compare
and put, then show every record. It decides nothing; what follows from its records each node
concludes for itself (`arbiter`).
"""

from collections.abc import Mapping
from dataclasses import field

from .beat import Life
from .units import Duration, GroupName, NodeName
from .value import value


@value(kw_only=True)
class NodeRecord:
    """One node's registration: its life, and how often it was renewed."""

    revision: int
    """Of the store when this record was last put."""
    life: Life
    counter: int
    """Of the newest renewal; it only grows within a life."""
    lease: Duration
    """For how long that renewal lets the node serve: nobody deposes it sooner."""
    deposed: bool = False
    """Whether a peer ended this life; it renews no more and owns nothing."""
    unclean: frozenset[GroupName] = frozenset()
    """What the node holds unclean, by its own word."""


@value(kw_only=True)
class GroupRecord:
    """Who took a group last."""

    revision: int
    owner: NodeName | None
    """None: it was given back and is free."""
    life: Life
    """The owner's, when it took the group."""
    term: int
    """Of the claim that took it; it is kept when the group is given back."""


@value()
class Records:
    """Everything the store holds at one revision. What is absent was never put."""

    revision: int = 0
    nodes: Mapping[NodeName, NodeRecord] = field(default_factory=dict)
    groups: Mapping[GroupName, GroupRecord] = field(default_factory=dict)

    def revision_of(self, group: GroupName) -> int:
        """Return the revision of a group's record; 0 when there is none."""
        record = self.groups.get(group)
        return 0 if record is None else record.revision


@value()
class Renew:
    """Register a life, or show that it goes on.

    If the record is absent or of a lower generation, or else of this life, not deposed, and with a
    lower counter: put life, counter, lease and unclean groups, not deposed.
    """

    node: NodeName
    life: Life
    counter: int
    lease: Duration
    unclean: frozenset[GroupName] = frozenset()


@value()
class Depose:
    """End a node's life: if its record has this revision still, put that it is deposed."""

    node: NodeName
    revision: int


@value()
class Take:
    """Own a group from now on.

    If the group's record has this revision still, and the node's record is of this life and not
    deposed: put node, life and term.
    """

    group: GroupName
    revision: int
    """0: there is no record yet."""
    node: NodeName
    life: Life
    term: int


@value()
class Release:
    """Give a group back: if its record names this node, life and term, put that it is free."""

    group: GroupName
    node: NodeName
    life: Life
    term: int


Request = Renew | Depose | Take | Release
"""One transaction: all of it happens or nothing, and the reply shows every record after it."""
