"""R1: a failed resource is restarted where it runs, so often and no oftener; then its group leaves.

What has failed is worked out here once more from what the agents told: a death that the system
itself told of, one bad look before `rise` good ones, or `fall` of them in a row. Each failure is
followed at once by a restart in place, while fewer than `restarts` were tried within `window`, and
else by the group's stop. Nothing else is restarted, or given up.

What counts is the configuration that the group was started by: one that was read since, and says
otherwise what runs, comes into force when all that runs has stopped. And of the agents' outcomes
those of the newest order count.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from twinbeat.core import orders
from twinbeat.core.effects import (
    ClearGroup,
    Effect,
    Record,
    RestartResources,
    StartGroup,
    StopGroup,
    What,
)
from twinbeat.core.events import (
    Event,
    GroupRestarted,
    GroupRestartFailed,
    GroupStarted,
    GroupStartFailed,
    ResourceLooked,
)
from twinbeat.core.model import AgentKind, GroupSpec
from twinbeat.core.units import GroupName, Instant, NodeName, readable
from twinbeat.sim.node import Node
from twinbeat.sim.world import World

from .base import Checker
from .hearing import Hearing


@dataclass(slots=True)
class _Looks:
    bad: int = 0
    good: int = 0
    sound: bool = False
    doubtful: bool = False
    """Whether a bad one came, since the resource was started last, where it need not count."""


@dataclass(slots=True)
class _Cared:
    """One group on one node, in the present life of its daemon."""

    spec: GroupSpec | None = None
    """What it was started by last."""
    op: int = 0
    """The newest order for it."""
    held: bool = False
    looks: dict[str, _Looks] = field(default_factory=dict)
    restarting: tuple[str, ...] = ()
    attempts: list[Instant] = field(default_factory=list)
    """Restarts that count, by the node's clock."""
    failure: str = ""
    """What was told and is not answered yet."""
    must: frozenset[str] = frozenset()
    """What must be restarted for it, at least."""
    stuck: bool = False
    """Whether that was a stop that failed: nothing is tried again then."""
    unheeded: bool = False
    """Whether a restart has failed where nothing more may be begun."""

    @property
    def doubtful(self) -> bool:
        """Whether something may have failed for the core that need not have."""
        return any(looks.doubtful for looks in self.looks.values())

    @property
    def owed(self) -> bool:
        """Whether something must be done about the failure: it was told where it counts."""
        return bool(self.failure) and not (self.doubtful or self.unheeded)


class InPlace(Checker):
    """Counts failures and restarts."""

    name: ClassVar[str] = "R1 in place"

    def __init__(self, world: World, hearing: Hearing) -> None:
        super().__init__(world, hearing)
        self._cared: dict[tuple[NodeName, GroupName], _Cared] = {}

    # What is seen.

    def lived(self, node: Node, what: str) -> None:
        """Begin a life that knows nothing."""
        if what == "boot":
            for key in [key for key in self._cared if key[0] == node.name]:
                del self._cared[key]

    def outcome(self, node: Node, event: Event) -> None:
        """Take in what the agents tell."""
        match event:
            case GroupStarted(_, group):
                self._of(node, group).looks.clear()
            case GroupStartFailed(op, group):
                if op == self._of(node, group).op:
                    self._fail(node, group, "it did not start")
            case GroupRestarted(_, group):
                cared = self._of(node, group)
                for name in cared.restarting:
                    cared.looks.pop(name, None)
                cared.restarting = ()
            case GroupRestartFailed(op, group, _, _, stuck):
                cared = self._of(node, group)
                if op == cared.op:
                    cared.stuck, cared.must = stuck, frozenset(cared.restarting)
                    cared.unheeded = self._unheeded(node, group)
                    self._fail(node, group, "its restart failed")
            case ResourceLooked():
                self._look(node, event)

    def decided(self, node: Node, now: Instant, effects: Sequence[Effect]) -> None:
        """Judge what is done about it."""
        for effect in effects:
            match effect:
                case Record(What.GROUP_HELD, _, str() as name):
                    self._of(node, GroupName(name)).held = True
                case Record(What.GROUP_FAILED, _, str() as name):
                    self._judge_end(node, GroupName(name))
                case Record(What.FAILURES_CLEARED | What.CLEANED_UP, _, str() as name):
                    if effect.peer in (None, node.name):
                        self._of(node, GroupName(name)).attempts.clear()
                case Record(What.CONFIG_CHANGED):
                    self._reread(node)
                case RestartResources(op, group, resources):
                    self._judge_restart(node, group, resources, now)
                    self._of(node, group).op = op
        for effect in effects:
            match effect:
                case StartGroup(op, spec):
                    cared = self._of(node, spec.name)
                    cared.op, cared.spec = op, spec
                case StopGroup(op, group) | ClearGroup(op, GroupSpec(name=group)):
                    cared = self._of(node, group)
                    cared.op = op
                    if cared.owed:
                        self.complain(
                            f"{group} on {node.name}: {cared.failure}; it is stopped, not barred"
                        )
                    cared.held, cared.failure, cared.restarting = False, "", ()

    # How it is judged.

    def _of(self, node: Node, group: GroupName) -> _Cared:
        return self._cared.setdefault((node.name, group), _Cared())

    def _reread(self, node: Node) -> None:
        """Take over of a new configuration what leaves all running that runs."""
        for (name, group), cared in self._cared.items():
            spec = node.model.group(group)
            if name == node.name and spec and cared.spec and spec.runs_as(cared.spec):
                cared.spec = spec

    def _look(self, node: Node, look: ResourceLooked) -> None:
        cared = self._of(node, look.group)
        spec = cared.spec
        resource = (
            next((r for r in spec.resources if r.name == look.resource), None) if spec else None
        )
        if resource is None or spec is None or not cared.held or look.resource in cared.restarting:
            return
        looks = cared.looks.setdefault(look.resource, _Looks())
        if look.running:
            looks.bad, looks.good = 0, looks.good + 1
            looks.sound |= looks.good >= resource.rise
            return
        looks.doubtful |= self._unheeded(node, look.group)
        unproven = not looks.bad and not looks.sound
        looks.bad, looks.good, looks.sound = looks.bad + 1, 0, False
        if look.sure or unproven or looks.bad >= resource.fall:
            window = spec.recovery.window
            cared.attempts = [at for at in cared.attempts if node.clock.now - at < window]
            behind = spec.resources[spec.resources.index(resource) :]
            alone = resource.agent is AgentKind.IP
            must = [resource.name] if alone else [each.name for each in behind]
            cared.must = frozenset((*must, *cared.restarting))
            self._fail(node, look.group, f"{look.resource} has failed")

    def _fail(self, node: Node, group: GroupName, failure: str) -> None:
        """Note a failure; it must be answered before anything else happens."""
        cared, daemon = self._of(node, group), node.daemon
        cared.failure = failure

        def look() -> None:
            if cared.failure and cared.held and node.daemon is daemon:
                if cared.owed:
                    self.complain(
                        f"{group} on {node.name}: {failure}, and nothing is done about it"
                    )
                cared.failure = ""

        self.world.at(Instant(self.world.now + 1), look)

    def _unheeded(self, node: Node, group: GroupName) -> bool:
        """Whether a bad look need not count now: in maintenance, and where nothing is served.

        Who is in the dark may have a successor. Of an address that has ended no lease is renewed,
        though it may be: then the look may count as well.
        """
        said = self.hearing.sent_by(node.name)
        people = said is not None and orders.frozen(said.maintenance, node.name) is not None
        return people or not node.kernel.may_serve(group)

    def _judge_restart(
        self, node: Node, group: GroupName, resources: tuple[str, ...], now: Instant
    ) -> None:
        cared = self._of(node, group)
        spec = cared.spec
        where = f"{', '.join(resources)} of {group} on {node.name}"
        if not cared.failure:
            if not cared.doubtful:
                self.complain(f"{where} is restarted, and nothing has failed")
        elif cared.stuck:
            self.complain(f"{where} is restarted, and did not stop")
        elif missing := cared.must - set(resources):
            self.complain(f"{where} is restarted, and not {', '.join(sorted(missing))} as well")
        elif spec is not None and len(cared.attempts) >= spec.recovery.restarts:
            window = readable(spec.recovery.window)
            self.complain(
                f"{where} is restarted once more than {spec.recovery.restarts} times in {window}"
            )
        cared.attempts.append(now)
        cared.failure, cared.restarting = "", resources

    def _judge_end(self, node: Node, group: GroupName) -> None:
        cared = self._of(node, group)
        spec = cared.spec
        tried, most = len(cared.attempts), spec.recovery.restarts if spec else 0
        if not cared.failure:
            if not cared.doubtful:
                self.complain(f"{group} is given up on {node.name}, and nothing has failed there")
        elif cared.held and not (cared.stuck or cared.unheeded) and tried < most:
            self.complain(f"{group} is given up on {node.name} after {tried} of {most} restarts")
        cared.attempts.clear()
        cared.failure, cared.stuck, cared.unheeded = "", False, False
