"""Every expectation of the language: `expect` and what is to be seen.

An expectation with `within` waits until it comes true, at most for that long; without, it must hold
at once. `gap` and `served-by-two` are measured over their paragraph, up to the line.
"""

from dataclasses import dataclass

from twinbeat.core.units import Duration, GroupName, NodeName

from .steps import Nodes, Step


@dataclass(frozen=True, slots=True)
class Expectation(Step):
    """What a line expects."""


@dataclass(frozen=True, slots=True)
class ExpectOwner(Expectation):
    """The group is held by this node, as every daemon that runs says, and it alone answers."""

    usage = "expect owner GROUP NODE [within SPAN]"
    group: GroupName
    node: NodeName
    within: Duration = Duration(0)


@dataclass(frozen=True, slots=True)
class ExpectNoOwner(Expectation):
    """No daemon that runs names an owner, and no node answers for the group."""

    usage = "expect nobody owns GROUP [within SPAN]"
    group: GroupName
    within: Duration = Duration(0)


@dataclass(frozen=True, slots=True)
class ExpectServing(Expectation):
    """Exactly these nodes answer for the group, whatever their daemons say."""

    usage = "expect serving GROUP NODE... [within SPAN]"
    group: GroupName
    nodes: Nodes
    within: Duration = Duration(0)


@dataclass(frozen=True, slots=True)
class ExpectSilence(Expectation):
    """No node answers for the group."""

    usage = "expect nobody serves GROUP [within SPAN]"
    group: GroupName
    within: Duration = Duration(0)


@dataclass(frozen=True, slots=True)
class ExpectGap(Expectation):
    """In this paragraph the group was never longer than this without an answer."""

    usage = "expect gap GROUP at most SPAN"
    group: GroupName
    most: Duration


@dataclass(frozen=True, slots=True)
class ExpectTwo(Expectation):
    """In this paragraph two nodes answered for the group, for at least, or at most, this long.

    A paragraph that has no such line expects `at most 0ms` of every group at its end.
    """

    usage = "expect served-by-two GROUP at least|most SPAN"
    group: GroupName
    bound: str
    span: Duration


@dataclass(frozen=True, slots=True)
class ExpectQuiet(Expectation):
    """For this long from now on nobody begins or ceases to answer for any group."""

    usage = "expect quiet for SPAN"
    span: Duration


@dataclass(frozen=True, slots=True)
class ExpectWhy(Expectation):
    """The cause of the group's last move, as `why` of some node gives it, has this text in it."""

    usage = "expect why GROUP contains TEXT"
    group: GroupName
    text: str


@dataclass(frozen=True, slots=True)
class ExpectStatus(Expectation):
    """Every other daemon that runs (or that of `at`) says this of the node."""

    usage = "expect status NODE STATE [within SPAN] [at=NODE]"
    node: NodeName
    state: str
    within: Duration = Duration(0)
    at: NodeName | None = None


@dataclass(frozen=True, slots=True)
class ExpectFlag(Expectation):
    """A flag of the status, at every daemon that runs, has this text in it."""

    usage = "expect flag TEXT [within SPAN]"
    text: str
    within: Duration = Duration(0)


@dataclass(frozen=True, slots=True)
class ExpectEnded(Expectation):
    """The daemon has released everything, said goodbye and ended."""

    usage = "expect ended NODE [within SPAN]"
    node: NodeName
    within: Duration = Duration(0)


@dataclass(frozen=True, slots=True)
class ExpectRefused(Expectation):
    """The operator's command of the line before was refused, with this text in the reason.

    A command that is refused, and not expected to be, is a failed expectation.
    """

    usage = "expect refused TEXT"
    text: str
