"""What is done about resources of one group that fail on this node: decided here, ordered by it.

Looks at a resource are counted until it has *failed*. A failed one is restarted where it runs, with
all that stands behind it, as often as the configuration allows within a window of time. Then this
node is *barred* for the group: the group moves, and comes back no sooner than the bar ends. A bar
lasts twice as long as the last one, unless the group ran well for as long as that in between.
"""

from collections import deque
from collections.abc import Container
from dataclasses import dataclass
from enum import Enum, auto

from .beat import Bar
from .effects import Effect, Record, What
from .events import ResourceLooked
from .model import AgentKind, GroupSpec, ResourceSpec
from .text import printable, shortened, times
from .units import NEVER, SECOND, Duration, Instant, in_ms, readable

LONGEST_BAR = Duration(86_400 * SECOND)
MOST_TOLD = 160
"""Characters of the reason for a bar that every heartbeat repeats."""


class Finding(Enum):
    """What one look at a resource shows, with those before it."""

    NOTHING = auto()
    """Nothing new."""
    DOUBTFUL = auto()
    """It was found bad, and may be so again before it counts as failed."""
    SOUND_AGAIN = auto()
    FAILED = auto()


@dataclass(slots=True)
class Health:
    """One resource, as it was looked at since it was started last."""

    failures: int = 0
    """How often it failed, or did not start or stop, since failures were last cleared."""
    why: str = ""
    """What was found at the last bad look."""
    bad: int = 0
    """Bad looks in a row."""
    good: int = 0
    """Good looks in a row."""
    sound: bool = False
    """Whether `rise` good looks in a row have come since the start, or since a bad look."""
    doubted: bool = False
    """Whether a bad look has come since the start, and not so many good ones behind it."""

    def begin(self) -> None:
        """It was started."""
        self.bad = self.good = 0
        self.sound = self.doubted = False

    def look(self, spec: ResourceSpec, look: ResourceLooked) -> Finding:
        """Count a look and return what it shows."""
        if look.running:
            self.bad, self.good = 0, self.good + 1
            self.sound = self.good >= spec.rise
            recovered = self.sound and self.doubted
            self.doubted &= not self.sound
            return Finding.SOUND_AGAIN if recovered else Finding.NOTHING
        weak = not self.bad and not self.sound
        self.bad, self.good, self.why = self.bad + 1, 0, printable(look.why)
        self.sound, self.doubted = False, True
        failed = look.sure or weak or self.bad >= spec.fall
        return Finding.FAILED if failed else Finding.DOUBTFUL


class Recovery:
    """The resources of one group on this node: how they are, and what may still be tried."""

    def __init__(self, spec: GroupSpec) -> None:
        self.health: dict[str, Health] = {}
        self.restarting: tuple[str, ...] = ()
        """What is being restarted, in the order of the configuration."""
        self.bar: Bar | None = None
        """Why this node is barred for the group, and for how long in all."""
        self.until: Instant = NEVER
        """When that bar ends."""
        self._attempts: deque[Instant] = deque()
        """When resources were restarted: those that count."""
        self._bars = 0
        """How often this node was barred without a long good time in between."""
        self._span = Duration(0)
        """How long the last bar was."""
        self._well_since: Instant = NEVER
        """Since when the group is held and nothing has failed."""
        self.adopt(spec)

    def adopt(self, spec: GroupSpec) -> None:
        """Take over a configuration; what is known of resources that stay is kept."""
        self._spec = spec
        self.health = {r.name: self.health.get(r.name, Health()) for r in spec.resources}

    def attempts(self, now: Instant) -> int:
        """Return how many restarts of late count now."""
        return sum(now - at < self._spec.recovery.window for at in self._attempts)

    # What happens to the resources.

    def started(self, now: Instant) -> None:
        """Every resource was started."""
        self._well_since = now
        for health in self.health.values():
            health.begin()

    def ended(self, now: Instant) -> None:
        """The group is let go: nothing is restarted here any more."""
        self._unwell(now)
        self.restarting = ()

    def watches(self, resource: str) -> bool:
        """Whether looks at a resource of the held group count now."""
        return resource in self.health and resource not in self.restarting

    def look(self, look: ResourceLooked, now: Instant, out: list[Effect]) -> str | None:
        """Count a look at a resource that is watched; return why it has failed, or None."""
        name, health = look.resource, self.health[look.resource]
        spec = next(resource for resource in self._spec.resources if resource.name == name)
        match health.look(spec, look):
            case Finding.DOUBTFUL:
                why = f"{name}: bad look {health.bad} of {spec.fall}: {health.why}"
                self._tell(out, What.RESOURCE_LOOKED, why, resource=name)
            case Finding.SOUND_AGAIN:
                why = f"{name}: good look {health.good} of {spec.rise}"
                self._tell(out, What.RESOURCE_SOUND, why, resource=name)
            case Finding.FAILED:
                self.count(name)
                self._unwell(now)
                window = self._spec.recovery.window
                while self._attempts and now - self._attempts[0] >= window:
                    self._attempts.popleft()
                return f"{name} failed: {health.why}"
        return None

    def count(self, resource: str) -> None:
        """Note that a resource failed, or did not start or stop."""
        if resource in self.health:
            self.health[resource].failures += 1

    def attempt(self, resource: str, why: str, now: Instant, out: list[Effect]) -> bool:
        """Choose what is restarted for a resource, unless enough was tried; return whether it is.

        An attempt that failed is followed by the next one without older ones being forgotten in
        between: so they come to an end however long each takes.
        """
        most = self._spec.recovery.restarts
        if len(self._attempts) >= most:
            return False
        self._attempts.append(now)
        self.restarting = self._affected({resource, *self.restarting})
        tried = len(self._attempts)
        because = f"{why}; restart {tried} of {most}"
        self._tell(
            out, What.GROUP_RESTARTING, because, resource=resource, attempt=tried,
            of=most, window_ms=in_ms(self._spec.recovery.window), restarts=list(self.restarting),
        )  # fmt: skip
        return True

    def restarted(self, now: Instant) -> list[Effect]:
        """Those that were being restarted run again."""
        again, self.restarting, self._well_since = self.restarting, (), now
        for name in again:
            self.health[name].begin()
        out: list[Effect] = []
        evidence = {"took_ms": in_ms(now - self._attempts[-1])} if self._attempts else {}
        why = f"{_listed(again)} run{'s' if len(again) == 1 else ''} again"
        self._tell(out, What.GROUP_RESTARTED, why, restarts=list(again), **evidence)
        return out

    def _affected(self, failed: Container[str]) -> tuple[str, ...]:
        """Return those that failed, and all behind them; only an address stands for itself."""
        affected, behind = [], False
        for resource in self._spec.resources:
            if behind or resource.name in failed:
                affected.append(resource.name)
                behind |= resource.agent is not AgentKind.IP
        return tuple(affected)

    def _unwell(self, now: Instant) -> None:
        """The group does not run well any more; it may have done so for long enough."""
        if now - self._well_since >= self._span:
            self._bars = 0
        self._well_since = NEVER

    # The bar.

    def set_bar(self, resource: str, why: str, now: Instant, out: list[Effect]) -> str:
        """Bar this node for the group, for twice as long as last time; return the whole reason."""
        recovery, tried = self._spec.recovery, len(self._attempts)
        if tried:
            why = f"{why} (restarted {times(tried)} in {readable(recovery.window)})"
        self._bars += 1
        self._span = Duration(min(recovery.expiry << min(self._bars - 1, 32), LONGEST_BAR))
        self.bar, self.until = Bar(self._span, shortened(why, MOST_TOLD)), Instant(now + self._span)
        self._attempts.clear()
        self._tell(
            out, What.GROUP_FAILED, why, resource=resource, barred_ms=in_ms(self._span),
            times=self._bars,
        )  # fmt: skip
        return why

    def time_passed(self, now: Instant, out: list[Effect]) -> None:
        """Lift the bar when its time is over."""
        if self.bar is not None and now >= self.until:
            over = readable(self.bar.span)
            self._tell(out, What.BAR_ENDED, f"{over} have passed since it failed: {self.bar.why}")
            self.bar, self.until = None, NEVER

    def clear(self, why: str) -> list[Effect]:
        """Forget every failure, what was tried about it, and the bars that it led to.

        Restarts may be remembered of a resource that the configuration does not name any more.
        """
        out: list[Effect] = []
        failures = {name: h.failures for name, h in self.health.items() if h.failures}
        if self.bar is not None or self._bars or failures or self._attempts:
            self._tell(
                out, What.FAILURES_CLEARED, why, barred=self.bar is not None, failures=failures
            )
        for health in self.health.values():
            health.failures, health.why = 0, ""
        self._attempts.clear()
        self.bar, self.until, self._bars = None, NEVER, 0
        return out

    def _tell(self, out: list[Effect], what: What, because: str, **evidence: object) -> None:
        out.append(Record(what, because, self._spec.name, None, evidence))


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:-1]) + " and " + names[-1] if names[1:] else names[0]
