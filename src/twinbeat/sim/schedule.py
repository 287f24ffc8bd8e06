"""The schedule of a run: which faults, when, for how long, where. All of it drawn before the start.

Faults overlap as they like. How long one lasts is drawn around the limits that the rules of the
protocol turn on, for it is there that rules break.
"""

from random import Random

from twinbeat.core.units import MS, SECOND, Duration, NodeName

from .care import FIRST_TROUBLE, trouble_size
from .chance import Chance
from .faults import Fault, FaultKind
from .options import DRIFT_MAX_PPM, MINUTES_MIN, Options

FAULTS_MIN, FAULTS_MAX = 3, 400

SPAN_MAX = 100 * SECOND
"""Neither this nor anything else of a fault depends on the length of the faulty part."""

Schedule = tuple[Fault, ...]

_AT_ONCE = frozenset({
    FaultKind.RESOURCE_DIES, FaultKind.LEASE_LOST, FaultKind.HANDOVER, FaultKind.FAILBACK,
    FaultKind.CLEANUP, FaultKind.RESOURCE_DIES_UNSEEN, FaultKind.RESTART_FAILS, FaultKind.CLEAR,
    FaultKind.CONFIRM,
})  # fmt: skip
"""What does not last."""

_OF_A_PATH = frozenset({
    FaultKind.LOSS, FaultKind.DELAY, FaultKind.DUPLICATES, FaultKind.CLOG, FaultKind.CUT_PATH,
    FaultKind.CUT_PAIR, FaultKind.CONFIRM,
})  # fmt: skip
"""What happens to two nodes: the sender and the receiver."""

_OF_ALL = frozenset({
    FaultKind.FENCING_FAILS, FaultKind.FENCING_HANGS, FaultKind.FENCING_HANGS_LATE,
    FaultKind.FENCING_LIES, FaultKind.ARBITER_SLOW, FaultKind.ARBITER_DOWN,
    FaultKind.RELOAD_TIMERS, FaultKind.RELOAD_GROUPS, FaultKind.RELOAD_RESOURCES,
})  # fmt: skip
"""What happens to the whole cluster."""


def draw_schedule(options: Options) -> Schedule:
    """Draw the faults of a run from its options; a run cut short has the first of the same."""
    chance = Chance(options.seed)
    pace = chance.stream("pace")
    faults: list[Fault] = []
    at, end = 0, Duration(max(options.span, MINUTES_MIN * 60 * SECOND))
    while len(faults) < FAULTS_MAX:
        at += pace.randint(options.gap // 8, options.gap * 15 // 8)
        if at >= end:
            break
        number = len(faults) + 1
        faults.append(_fault(chance.stream(f"fault {number}"), number, Duration(at), options))
    while len(faults) < FAULTS_MIN:
        number = len(faults) + 1
        when = Duration(MINUTES_MIN * 60 * SECOND * number // (FAULTS_MIN + 1))
        faults.append(_fault(chance.stream(f"fault {number}"), number, when, options))
    faults += _troubles(chance, options, end)
    in_time = [fault for fault in faults if fault.at < options.span]
    return tuple(sorted(in_time, key=lambda fault: (fault.at, fault.number)))


def _troubles(chance: Chance, options: Options, end: Duration) -> list[Fault]:
    """Draw what befalls resources, apart from all other faults."""
    faults: list[Fault] = []
    if not options.troubles:
        return faults
    pace = chance.stream("pace of troubles")
    at = 0
    for number in range(FIRST_TROUBLE, FIRST_TROUBLE + FAULTS_MAX):
        at += pace.randint(options.trouble_gap // 8, options.trouble_gap * 15 // 8)
        if at >= end:
            break
        random = chance.stream(f"trouble {number}")
        kind = random.choice([kind for kind, weight in options.troubles for _ in range(weight)])
        span = Duration(0) if kind in _AT_ONCE else _span(random, options)
        nodes = _where(random, kind, options)
        size = trouble_size(random, kind, options.groups)
        faults.append(Fault(number, kind, Duration(at), span, nodes, size))
    return faults


def _fault(random: Random, number: int, at: Duration, options: Options) -> Fault:
    kind = random.choice([kind for kind, weight in options.mix for _ in range(weight)])
    span = Duration(0) if kind in _AT_ONCE else _span(random, options)
    nodes = _where(random, kind, options)
    return Fault(number, kind, at, span, nodes, _size(random, kind, options))


def _span(random: Random, options: Options) -> Duration:
    """Draw how long a fault lasts, in tenths of the limit that it is drawn around."""
    times = options.timing
    limits = (times.keepalive, times.quiet, times.lease, times.deadtime, times.initdead)
    around = random.choice(limits)
    tenths = random.choice((random.randint(1, 12), random.randint(8, 15), random.randint(10, 60)))
    return Duration(min(around * tenths // 10, SPAN_MAX))


def _where(random: Random, kind: FaultKind, options: Options) -> tuple[NodeName, ...]:
    names = list(options.names)
    if kind in _OF_ALL:
        return ()
    if kind in _OF_A_PATH:
        return tuple(random.sample(names, 2))
    if kind in (FaultKind.SPLIT, FaultKind.SPLIT_ONE_WAY):
        return tuple(sorted(random.sample(names, random.randint(1, len(names) - 1))))
    if kind is FaultKind.MAINTENANCE and random.randrange(3) == 0:
        return ()
    return (random.choice(names),)


def _size(random: Random, kind: FaultKind, options: Options) -> int:
    match kind:
        case FaultKind.LOSS:
            return random.choice((10, 30, 50, 80, 95))
        case FaultKind.DELAY:
            return options.timing.deadtime * random.randint(1, 30) // 20 // MS
        case FaultKind.DUPLICATES:
            return random.choice((10, 50, 100))
        case FaultKind.DRIFT:
            return random.randint(-DRIFT_MAX_PPM, DRIFT_MAX_PPM)
        case FaultKind.SLOW_AGENTS:
            return random.choice((2, 5, 20, 100))
        case FaultKind.ARBITER_SLOW:
            return options.timing.deadtime * random.randint(1, 20) // 10 // MS
        case FaultKind.RELOAD_TIMERS:
            return random.choice((25, 50, 200, 400))
        case FaultKind.HANDOVER | FaultKind.FAILBACK | FaultKind.RELOAD_RESOURCES:
            return random.randrange(options.groups)
        case FaultKind.PING_LOST:
            return random.randint(0, options.pings)
        case FaultKind.FORGERY | FaultKind.REPLAY:
            return random.choice((10, 50, 200))
        case _:
            return trouble_size(random, kind, options.groups)


def command(options: Options, schedule: Schedule) -> str:
    """Return the command that plays this very run again."""
    words = [
        f"twinbeat sim --seed {options.seed} --nodes {options.nodes} --proof {options.proof}",
        f"--minutes {options.minutes}",
    ]
    if schedule != draw_schedule(options):
        words.append(f"--only {','.join(str(fault.number) for fault in schedule) or 'none'}")
    words += [f"--calm {what}" for what in options.calm]
    return " ".join(words)
