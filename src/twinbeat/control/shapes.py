"""The JSON that the daemon answers with, typed: what `status`, `why` and `history` return."""

from typing import Any, NotRequired, TypedDict


class LinkShape(TypedDict):
    """One path from one node."""

    state: str
    """`up` or `dead`."""
    last_heard_ms: float | None


class NodeShape(TypedDict):
    """One node, the one that answers included."""

    state: str
    """`init`, `up`, `active`, `dead` or `ping`."""
    type: NotRequired[str]
    """`normal`, or `ping` for what is only asked whether it answers."""
    late: bool
    last_heard_ms: float | None
    links: dict[str, LinkShape]


class LookShape(TypedDict):
    """The last time that a resource was looked at."""

    ago_ms: float
    took_ms: float
    """0 where the system itself told of it."""
    found: str
    """`running`, `stopped` or `failed`."""
    why: str
    """Why it does not count as running, or empty."""


class ResourceShape(TypedDict):
    """One resource of a group, on the answering node."""

    name: str
    agent: str
    state: str
    """`unknown`, `stopped`, `starting`, `started`, `stopping` or `failed`; one that never came into
    that node's custody is `unknown`, and the rest but its failures is left out."""
    reason: NotRequired[str]
    """Why it is failed, or is not looked at; empty when all is well."""
    watched: NotRequired[str]
    """How, in a few words: `process 4711, every 10 s`; empty when it is not."""
    looked: NotRequired[LookShape | None]
    next_look_ms: NotRequired[float | None]
    """How long from now; null when none is due."""
    bad: NotRequired[int]
    """Bad looks in a row."""
    fall: NotRequired[int]
    """So many of them count as a failure."""
    failures: NotRequired[int]
    """How often it failed on that node, or did not start or stop, since failures were last
    cleared."""


class RestartsShape(TypedDict):
    """How often a group was repaired where it runs, within its window."""

    tried: int
    of: int
    """After so many it moves."""
    window_ms: float
    under_way: NotRequired[list[str]]
    """The resources that are being restarted now."""


class BarShape(TypedDict):
    """A node that may not run a group for a while, because it failed there."""

    left_ms: float | None
    """Until it may again, of another node at most; null when that does not say."""
    why: str


class GroupShape(TypedDict):
    """One group as the answering node sees it; `reasons` say why it is where it is."""

    owner: str | None
    state: str
    term: int
    preferred: str
    placed: NotRequired[str | None]
    """Where it should be; None when nobody may run it."""
    pinned: str | None
    resources: list[ResourceShape]
    reasons: list[str]
    restarts: NotRequired[RestartsShape | None]
    """Null when this node does not hold it, or nothing failed of late."""
    bars: NotRequired[dict[str, BarShape]]
    """By the name of the node."""
    nowhere: NotRequired[dict[str, str] | None]
    """When no node can run it: why not, by the name of each; else null."""
    unproven: NotRequired[str | None]


class LeaseShape(TypedDict):
    """What silences the addresses of a daemon that no longer runs; of several groups the least."""

    kind: str
    """`nft`, `valid_lft` or `none`."""
    length_ms: float
    remaining_ms: float | None


class HookQueueShape(TypedDict):
    """A group of whose states some are not delivered yet."""

    state: str
    """The one that is delivered next."""
    waiting: int
    attempt: int
    under_way: bool
    next_ms: float | None
    """How long until it is tried; null while it is under way."""
    why: str
    """How the last attempt failed, or empty."""


class HookShape(TypedDict):
    """One hook; the numbers count since the daemon started."""

    kind: str
    """`run`, `mail` or `webhook`."""
    target: str
    delivered: int
    failed: int
    """Attempts."""
    left_out: int
    """States that made room for newer ones."""
    given_up: int
    """States that failed too often while newer ones waited."""
    waiting: int
    groups: dict[str, HookQueueShape]
    """A few of those for which something waits."""


class StatusShape(TypedDict):
    """The answer to `status`."""

    schema: int
    node: str
    generation: int
    proof: str
    nodes: dict[str, NodeShape]
    groups: dict[str, GroupShape]
    lease: LeaseShape
    drops: dict[str, int]
    flags: list[str]
    hooks: NotRequired[dict[str, HookShape]]


class PhaseShape(TypedDict):
    """One step of a move; `ms` is the time until the next one."""

    what: str
    ms: float
    because: str
    evidence: dict[str, Any]


class RestartShape(TypedDict):
    """A restart in place; `ms` is until all ran again, null when it did not or is not `over`."""

    at: str
    node: str
    resource: str
    because: str
    attempt: int | None
    of: int | None
    window_ms: float | None
    ms: float | None
    over: bool


MoveShape = TypedDict(
    "MoveShape",
    {
        "group": str,
        "from": str | None,
        "to": str | None,
        "at": str,
        "cause": str,
        "phases": list[PhaseShape],
        "restarts": NotRequired[list[RestartShape]],
        "since": NotRequired[list[RestartShape]],
    },
)
"""The answer to `why`; `at` is when the first phase began, RFC 3339 in UTC.

`restarts` in place led to the move, those of `since` came after it. `phases` are empty when no move
is on record and only they are.
"""


class EntryShape(TypedDict):
    """One journal entry; `at` is nanoseconds since that node's boot, `wall_ns` since 1970."""

    at: int
    wall_ns: int
    node: str
    what: str
    because: str
    group: NotRequired[str]
    peer: NotRequired[str]
    evidence: NotRequired[dict[str, Any]]


class HistoryShape(TypedDict):
    """The answer to `history`, oldest entry first."""

    entries: list[EntryShape]
    left_out: NotRequired[int]
    """How many older entries did not fit the answer."""
