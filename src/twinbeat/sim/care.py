"""What a run draws about resources: which there are, how they are looked after, what befalls them.

All of it comes from streams of its own, and its faults stand behind all others with numbers of
their own: what a seed drew before there was any of this, it draws still.
"""

import ipaddress
from dataclasses import dataclass
from random import Random

from twinbeat.core.model import AddressSpec, AgentKind, Recovery, ResourceSpec, Timing
from twinbeat.core.units import SECOND, Duration, GroupName

from .chance import Chance
from .faults import FaultKind

FIRST_TROUBLE = 1001
"""The number of the first fault of this kind; behind that of every other fault."""

TROUBLES = (
    FaultKind.RESOURCE_DIES, FaultKind.RESOURCE_DIES_UNSEEN, FaultKind.RESOURCE_LOOKS_BAD,
    FaultKind.RESOURCE_DIES_AGAIN, FaultKind.RESOURCE_COMES_BACK, FaultKind.RESTART_FAILS,
    FaultKind.RESTART_HANGS, FaultKind.RESTART_STOP_FAILS, FaultKind.ENABLED_AT_BOOT,
    FaultKind.CLEAR, FaultKind.CONFIRM,
)  # fmt: skip

ADDRESS = "10.9.8.7"
RESOURCES = (
    *(3 * (("httpd",),)),
    ("app", "httpd"),
    (ADDRESS, "httpd"),
    (ADDRESS, "app", "httpd"),
)
"""Of a group, left to right: one of these is drawn."""
WAYS = ("after", "with", "not-with")


@dataclass(frozen=True, slots=True, kw_only=True)
class Care:
    """The resources of every group, and what is done about them when they fail."""

    resources: tuple[str, ...] = ("httpd",)
    monitor: Duration | None = None
    fall: int = 1
    rise: int = 1
    timeout: Duration | None = None
    """Of starts and stops."""
    recovery: Recovery = Recovery(restarts=0)
    relation: str = ""
    """How the second group stands to the first: `after`, `with`, `not-with`, or not at all."""
    waits: bool = False
    """In the end the operator does not clear failures, but waits until the bars have ended."""

    def specs(self, changed: bool) -> tuple[ResourceSpec, ...]:
        """Return the resources; `changed`: the last one is another than it was."""
        names = (*self.resources[:-1], "nginx" if changed else self.resources[-1])
        return tuple(map(self._spec, names))

    def _spec(self, name: str) -> ResourceSpec:
        is_address = name == ADDRESS
        return ResourceSpec(
            name=name,
            agent=AgentKind.IP if is_address else AgentKind.SCRIPT,
            script="" if is_address else name,
            address=AddressSpec(ip=ipaddress.ip_address(name)) if is_address else None,
            start_timeout=self.timeout,
            stop_timeout=self.timeout,
            monitor=self.monitor,
            fall=self.fall,
            rise=self.rise,
        )

    def related(self, way: str, index: int, first: GroupName) -> tuple[GroupName, ...]:
        """Return to which groups the group of an index stands in a way."""
        return (first,) if index == 1 and way == self.relation else ()

    def __str__(self) -> str:
        """Return it in a line."""
        recovery = self.recovery
        return (
            f"{'+'.join(self.resources)}, fall {self.fall}, rise {self.rise}, "
            f"{recovery.restarts} restarts in {recovery.window // SECOND} s, then barred for "
            f"{recovery.expiry // SECOND} s"
            + (f", second group {self.relation} the first" if self.relation else "")
            + (", bars are waited for" if self.waits else "")
        )


def draw_care(chance: Chance, timing: Timing) -> Care:
    """Draw how resources are looked after."""
    random = chance.stream("care")
    expiry = random.choice((1, 2, 5, 100))
    return Care(
        resources=random.choice(RESOURCES),
        monitor=random.choice((None, Duration(2 * SECOND), Duration(5 * SECOND))),
        fall=random.choice((1, 1, 2, 3)),
        rise=random.choice((1, 1, 2)),
        timeout=random.choice((None, None, Duration(3 * SECOND))),
        recovery=Recovery(
            restarts=random.choice((0, 1, 1, 2, 3)),
            window=Duration(random.choice((20, 60, 600)) * SECOND),
            expiry=Duration(expiry * timing.deadtime),
        ),
        relation=random.choice((*(5 * ("",)), *WAYS)),
        waits=random.randrange(2) == 0 and expiry <= 2,
    )


def draw_troubles(chance: Chance) -> tuple[tuple[FaultKind, int], ...]:
    """Draw which kinds of troubles there are in a run, each with its weight; in half of them none.

    Dying belongs to them as well as to the faults of every run.
    """
    random = chance.stream("troubles")
    some = random.randrange(2) == 0
    share = random.choice((25, 50, 75))
    drawn = [(kind, random.randint(1, 10), random.randrange(100) < share) for kind in TROUBLES]
    on = tuple((kind, weight) for kind, weight, is_on in drawn if is_on)
    return on if some else ()


def trouble_size(random: Random, kind: FaultKind, groups: int) -> int:
    """Draw the size of a trouble."""
    match kind:
        case FaultKind.RESOURCE_DIES_AGAIN:
            return random.choice((50, 500, 3000))
        case FaultKind.RESTART_FAILS:
            return random.randint(1, 4)
        case FaultKind.CLEAR:
            return random.randint(0, groups)
        case (
            FaultKind.RESOURCE_DIES
            | FaultKind.RESOURCE_DIES_UNSEEN
            | FaultKind.RESOURCE_LOOKS_BAD
            | FaultKind.RESOURCE_COMES_BACK
        ):
            return random.randrange(3)
        case _:
            return 0
