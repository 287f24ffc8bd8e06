"""The options of a run: a cluster, its weather, its agents and what may go wrong, from one seed.

Every choice has a stream of its own, so that an option that is given, not drawn, changes no other.
All chance is in whole numbers: a run is the same on every machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from random import Random

from twinbeat.core.model import (
    ClusterModel,
    Failback,
    GroupSpec,
    LinkKind,
    LinkSpec,
    PingSpec,
    Proof,
    Timing,
)
from twinbeat.core.units import MS, SECOND, Duration, GroupName, LinkName, NodeName, readable
from twinbeat.scenario.values import ping_names

from .care import TROUBLES, Care, draw_care, draw_troubles
from .chance import Chance
from .faults import FaultKind

NODES_MIN, NODES_MAX = 2, 7
MINUTES_MIN = 5
"""No run is judged on less than five minutes of faults."""

LINK = LinkName("eth1")
FIRST_GROUP = GroupName("web")
FAST_MS = (100, 250, *(4 * (500,)))
USUAL_MS = (*(20 * (1000,)), *(38 * (2000,)))
"""Keepalives. The protocol knows no other time than these: slow clusters try as much, for less."""
NODES = (*(54 * (2,)), *(7 * (3,)), 4, 4, 5)
"""A packet goes to every other node: five nodes cost as much as ten pairs."""
CROWDED_AND_FAST = 8
"""Of the larger clusters that would draw a fast keepalive, one in so many has it."""
PINGS = (*(6 * (0,)), 1, 2)
"""One cluster in four has ping nodes."""
DRIFT_MAX_PPM = 10_000
"""One per cent: what the margin of a lease allows for."""
AHEAD_MAX_S = (0, 60, 400 * 24 * 3600)
"""Machines boot within so many seconds of each other: one of these is drawn."""


class Calm(StrEnum):
    """What can be without chance: a smaller run is easier to read."""

    WEATHER = "weather"
    CLOCKS = "clocks"
    AGENTS = "agents"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What was asked for; None is drawn from the seed."""

    nodes: int | None = None
    proof: Proof | None = None
    minutes: int | None = None
    calm: tuple[Calm, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Skies:
    """The everyday weather of every path; faults come on top of it."""

    loss: int = 0
    """Per cent of the packets."""
    run: int = 1
    """At most so many in a row are lost."""
    delay: Duration = Duration(MS)
    jitter: Duration = Duration(0)
    """A packet takes `delay` and up to so much more."""
    duplicates: int = 0
    """Per cent of the packets come again, up to three seconds later."""

    def __str__(self) -> str:
        """Return the weather in words."""
        if self == Skies():
            return "clear"
        return (
            f"loss {self.loss} % in runs of at most {self.run}, delay {readable(self.delay)} to "
            f"{readable(self.delay + self.jitter)}, duplicates {self.duplicates} %"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How long agents and daemons take when nothing is wrong."""

    start: Duration = Duration(30 * MS)
    stop: Duration = Duration(10 * MS)
    """Usual times; each one takes from a quarter of it to twice as long."""
    oversleep: Duration = Duration(0)
    """A daemon wakes up to so much after its deadline."""

    @property
    def longest(self) -> Duration:
        """The longest a move can take: a stop and a start."""
        return Duration(2 * (self.start + self.stop))


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Everything about a run but its faults; `draw` makes one."""

    seed: int
    nodes: int
    proof: Proof
    minutes: int
    """Length of the faulty part."""
    groups: int
    timing: Timing
    failback: Failback
    differing: bool
    """The nodes' configurations name different preferred owners until everything is healed."""
    neighbours: bool
    """Announcements of addresses reach the other machines, as on most networks."""
    skies: Skies
    habits: Habits
    drift: tuple[int, ...]
    """How many parts per million each node's clock runs fast."""
    ahead: tuple[Duration, ...]
    """By how much each node's clock is ahead of the true time at the beginning."""
    lasting: bool
    """The everyday weather goes on when everything is healed."""
    reboots: bool
    """A fencing device turns the power on again."""
    mix: tuple[tuple[FaultKind, int], ...]
    """The kinds of faults that are on, each with its weight."""
    gap: Duration
    """The usual time from one fault to the next."""
    care: Care = Care()
    """Which resources groups have, and what is done when they fail."""
    troubles: tuple[tuple[FaultKind, int], ...] = ()
    """What befalls resources beside `mix`, each kind with its weight."""
    trouble_gap: Duration = Duration(10 * SECOND)
    """The usual time from one trouble to the next."""
    pings: int = 0
    """How many ping nodes there are, which decide by ipfail's rule."""
    calm: tuple[Calm, ...] = ()
    """What was taken out of the draw."""

    @property
    def names(self) -> tuple[NodeName, ...]:
        """The nodes' names."""
        return tuple(NodeName(f"node{number}") for number in range(1, self.nodes + 1))

    @property
    def span(self) -> Duration:
        """Length of the faulty part."""
        return Duration(self.minutes * 60 * SECOND)

    def lines(self) -> list[str]:
        """Return the options as a person reads them."""
        times = self.timing
        drift = ", ".join(f"{ppm:+d}" for ppm in self.drift)
        ahead = ", ".join(f"{span // SECOND}" for span in self.ahead)
        failback = "off"
        if self.failback.enabled:
            after = self.failback.after
            failback = f"after {readable(after)}" if after else "on"
        return [
            f"seed      {self.seed}",
            f"cluster   {self.nodes} nodes, {self.groups} group{'s' if self.groups > 1 else ''}, "
            f"proof {self.proof}, failback {failback}"
            + (", preferred owners differ until healed" if self.differing else "")
            + (f", ping nodes {self.pings}" if self.pings else ""),
            f"timing    keepalive {readable(times.keepalive)}, deadtime {readable(times.deadtime)},"
            f" initdead {readable(times.initdead)}, lease {readable(times.lease)}",
            f"weather   {self.skies}; announcements {'arrive' if self.neighbours else 'are lost'}"
            + ("; it lasts" if self.lasting else ""),
            f"clocks    {drift} ppm, {ahead} s ahead",
            f"agents    start {readable(self.habits.start)}, stop {readable(self.habits.stop)}, "
            f"daemons wake up to {readable(self.habits.oversleep)} late",
            f"faults    for {self.minutes} minutes, one in about {readable(self.gap)}",
            f"resources {self.care}",
            *([f"troubles  one in about {readable(self.trouble_gap)}"] if self.troubles else []),
        ]

    def calmed(self, what: Calm) -> "Options":
        """Return the same options with one kind of chance taken out."""
        calm = (*self.calm, what)
        match what:
            case Calm.WEATHER:
                return replace(self, calm=calm, skies=Skies())
            case Calm.CLOCKS:
                alike = (Duration(0),) * self.nodes
                return replace(self, calm=calm, drift=(0,) * self.nodes, ahead=alike)
            case Calm.AGENTS:
                return replace(self, calm=calm, habits=Habits())


def draw(seed: int, given: Given | None = None) -> Options:
    """Draw the options of a seed; what is given overrides the draw and changes nothing else."""
    given = given or Given()
    chance = Chance(seed)
    usual = _count(chance.stream("nodes"), NODES)
    nodes = given.nodes or usual
    proof = given.proof or chance.stream("proof").choice(list(Proof))
    timing = _timing(chance.stream("timing"), crowded=usual > 2)
    rates = chance.stream("drift")
    bound = rates.choice((0, 100, 1000, DRIFT_MAX_PPM))
    everyone = [rates.randint(-bound, bound) for _ in range(NODES_MAX)]
    boots = chance.stream("ahead")
    apart = boots.choice(AHEAD_MAX_S)
    ahead = [Duration(boots.randint(0, apart) * SECOND) for _ in range(NODES_MAX)]
    pings = _count(chance.stream("pings"), PINGS)
    rest = chance.stream("rest")
    options = Options(
        seed=seed,
        nodes=nodes,
        proof=proof,
        minutes=given.minutes or MINUTES_MIN,
        groups=_count(rest, (1, 1, 1, 2, 3)),
        timing=timing,
        failback=_failback(rest, timing),
        differing=rest.randrange(8) == 0,
        neighbours=rest.randrange(2) == 0,
        skies=_skies(chance.stream("skies"), timing),
        habits=_habits(chance.stream("habits"), timing),
        drift=tuple(everyone[:nodes]),
        ahead=tuple(ahead[:nodes]),
        lasting=chance.stream("lasting").randrange(4) == 0,
        reboots=chance.stream("reboots").randrange(2) == 0,
        mix=_mix(chance.stream("mix"), proof, nodes, pings),
        gap=_gap(chance.stream("gap"), timing),
        pings=pings,
        care=draw_care(chance, timing),
        troubles=draw_troubles(chance),
        trouble_gap=_gap(chance.stream("trouble gap"), timing),
    )
    for what in given.calm:
        options = options.calmed(what)
    return options


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """What reloads change of the first configuration."""

    timers: int = 100
    """Per cent of the timers."""
    extra: bool = False
    """Whether a group was added."""
    resources: frozenset[int] = frozenset()
    """The indices of the groups whose resources are others."""


def model_of(options: Options, turn: int = 0, revision: Revision | None = None) -> ClusterModel:
    """Return a configuration; a `turn` above 0 prefers other nodes than the agreed one."""
    revision = revision or Revision()
    groups = range(options.groups + revision.extra)
    return ClusterModel(
        name="sim",
        nodes=options.names,
        timing=_stretched(options.timing, revision.timers),
        links=(LinkSpec(name=LINK, kind=LinkKind.BROADCAST, interface="eth1"),),
        groups=tuple(_group(options, i, turn, i in revision.resources) for i in groups),
        pings=tuple(PingSpec(name=n, addresses=(n,)) for n in ping_names(options.pings)),
        connectivity=options.pings > 0,
        proof=options.proof,
        digest=f"{turn} {revision.timers} {len(groups)} {sorted(revision.resources)}",
    )


def _group(options: Options, index: int, turn: int, changed: bool) -> GroupSpec:
    """Return the group of an index: `web`, `web2` ..., preferred on the nodes in turn."""
    first = (index + turn) % options.nodes
    care = options.care
    return GroupSpec(
        name=GroupName("web" if index == 0 else f"web{index + 1}"),
        nodes=options.names[first:] + options.names[:first],
        resources=care.specs(changed),
        failback=options.failback,
        recovery=care.recovery,
        after=care.related("after", index, FIRST_GROUP),
        beside=care.related("with", index, FIRST_GROUP),
        apart=care.related("not-with", index, FIRST_GROUP),
    )


def _stretched(timing: Timing, per_cent: int) -> Timing:
    """Return timers that are longer or shorter by the same proportion.

    A node that has heard nobody yet judges by its own initdead, which must be longer than every
    lease in the cluster (protocol.md 2.1): so it is not shortened, and limits the lengthening.
    """
    longest = timing.initdead * 96 // timing.deadtime
    per_cent = min(per_cent, longest) if per_cent > 100 else per_cent
    stretched = scaled(timing, per_cent, 100)
    return replace(stretched, initdead=max(timing.initdead, stretched.initdead))


def scaled(timing: Timing, times: int, by: int) -> Timing:
    """Return timers of the same proportions, `times / by` as long."""
    spans = {each.name: getattr(timing, each.name) for each in fields(timing)}
    return Timing(**{name: Duration(span * times // by) for name, span in spans.items()})


# The draws.


def _count(random: Random, often: Sequence[int]) -> int:
    return often[random.randrange(len(often))]


def _timing(random: Random, crowded: bool) -> Timing:
    keepalive = random.choice((*FAST_MS, *USUAL_MS)) * MS
    if crowded and keepalive < SECOND and random.randrange(CROWDED_AND_FAST):
        keepalive = random.choice(USUAL_MS) * MS
    deadtime = keepalive * random.randint(5, 12)
    # A restarted judge has forgotten its promises: it waits for no less than a deadtime.
    initdead = deadtime * random.choice((110, 150, 200, 300)) // 100
    return Timing(
        keepalive=Duration(keepalive),
        warntime=Duration(deadtime // 2),
        deadtime=Duration(deadtime),
        initdead=Duration(initdead),
        deadping=Duration(deadtime),
    )


def _failback(random: Random, timing: Timing) -> Failback:
    after = Duration(timing.deadtime * random.randint(1, 4))
    kind = random.randrange(3)
    return Failback(enabled=kind > 0, after=after if kind > 1 else Duration(0))


def _skies(random: Random, timing: Timing) -> Skies:
    loss = random.choice((0, 0, 1, 5, 10, 20, 30))
    # A run of lost beats that comes near the deadtime is a partition, and those are faults.
    run = random.randint(1, max(1, timing.deadtime // timing.keepalive - 3))
    jitter_ms = random.choice((0, 1, 5, 20, 40))
    return Skies(
        loss=loss,
        run=run,
        delay=Duration(random.choice((100_000, MS, 5 * MS))),
        jitter=Duration(min(jitter_ms * MS, timing.deadtime // 20)),
        duplicates=random.choice((0, 0, 1, 5)),
    )


def _habits(random: Random, timing: Timing) -> Habits:
    return Habits(
        start=Duration(random.choice((5, 30, 300, 2000)) * MS),
        stop=Duration(random.choice((2, 10, 100, 1000)) * MS),
        oversleep=Duration(min(random.choice((0, 1, 5, 15)) * MS, timing.deadtime // 50)),
    )


def _gap(random: Random, timing: Timing) -> Duration:
    most = MINUTES_MIN * 60 * SECOND // 6
    return Duration(min(most, timing.deadtime * random.choice((1, 2, 4, 8, 16))))


_FENCING = (
    FaultKind.FENCING_FAILS, FaultKind.FENCING_HANGS, FaultKind.FENCING_HANGS_LATE,
    FaultKind.FENCING_LIES,
)  # fmt: skip
_ARBITER = (FaultKind.ARBITER_SLOW, FaultKind.ARBITER_DOWN, FaultKind.ARBITER_CUT)


def _mix(random: Random, proof: Proof, nodes: int, pings: int) -> tuple[tuple[FaultKind, int], ...]:
    """Switch each kind on or off, and give those that are on their weights."""
    share = random.choice((25, 50, 75))
    drawn = [(kind, random.randint(1, 10), random.randrange(100) < share) for kind in FaultKind]
    senseless = set(TROUBLES) - {FaultKind.RESOURCE_DIES}
    if proof is not Proof.FENCE:
        senseless.update(_FENCING)
    if proof is not Proof.ARBITER:
        senseless.update(_ARBITER)
    if not pings:
        senseless.add(FaultKind.PING_LOST)
    if nodes == 2:  # They would only be other names for a cut pair or a cut path.
        senseless.update((FaultKind.SPLIT, FaultKind.SPLIT_ONE_WAY, FaultKind.CUT_PAIR))
    possible = [(kind, weight, on) for kind, weight, on in drawn if kind not in senseless]
    mix = tuple((kind, weight) for kind, weight, on in possible if on)
    return mix or tuple((kind, weight) for kind, weight, _ in possible)
