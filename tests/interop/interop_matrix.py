"""The matrix: what is tried with a Heartbeat 3.0.6 and a twinbeat in one cluster.

A row is a sentence, a way to set both up, and deeds. It is played for pairs: CT is Heartbeat on
node1 and twinbeat on node2, TC the reverse, CC two Heartbeats, of which is learnt what is usual.
The one group, `web`, prefers node1, the other one node2. `owners 1 2` is both at home.
"""

from dataclasses import dataclass

from interop_attacks import forge, record, recording, replay
from interop_deeds import (
    Deed,
    boot,
    both_serve,
    calm,
    cut,
    cut_from,
    cut_from_client,
    freeze,
    heal,
    ipfail_settled,
    keys,
    kill,
    lose,
    midway,
    nobody,
    owners,
    owners_serve,
    power_off,
    reload,
    rest,
    sequence,
    spoil,
    standby,
    start,
    stop,
    takeover,
    thaw,
    together,
)
from interop_pairs import LATE, MIXED, PAIRS, Pair, Setup

from twinbeat.lab.topology import CLIENT_IP

PLAIN = Setup()


@dataclass(frozen=True)
class Row:
    """One row of the matrix."""

    name: str
    does: str
    deeds: tuple[Deed, ...]
    setup: Setup = PLAIN
    pairs: tuple[Pair, ...] = PAIRS
    gap: float | None = None
    """Seconds that web may be without an echo after both were up; None: it is not bounded."""


MOVE = 3.0
"""A planned move: two Heartbeats need up to 1.3 s, and more while the machine is busy."""
DEATH = 5.0
"""A takeover: a deadtime of 2 s, and 2 s more in a peer's first 5 s."""
BUSY = 1.0
"""Nothing may move: what a busy machine makes a client wait."""

PINGING = Setup(
    more="respawn hacluster /usr/libexec/heartbeat/ipfail", medium=f"bcast eth1\nping {CLIENT_IP}"
)
OFF, LEGACY = Setup(failback="off"), Setup(failback="legacy")
UP = sequence(start(1), start(2), owners(1, 2), calm())
LONG = sequence(UP, rest(4))
"""Up, and past the first seconds, in which Heartbeat asks its peers for more patience."""
AT_ONE = owners(1, 2, (1, 1), (2, 2), (2, 1))
"""Whoever it is."""
CALM_AT_ONE = sequence(rest(3), AT_ONE)
DYING = {n: together(standby(1, "local"), midway(power_off(n))) for n in (1, 2)}
"""Node1 or node2 dies while web is on its way from the one to the other."""
CALM = sequence(rest(3), owners(1, 2))
THERE_AND_BACK = sequence(
    standby(1, "local"), owners(2, 2), calm(), takeover(1, "local"), owners(1, 2)
)
"""The least that shows that both understand each other."""

COLD = (
    Row("cold-start", "both are started at once", UP),
    Row(
        "cold-start-first",
        "node1 is started, and 3 s later node2",
        sequence(start(1), rest(3), start(2), owners(1, 2), CALM),
    ),
    Row(
        "cold-start-second",
        "node2 is started, and 3 s later node1",
        sequence(start(2), rest(3), start(1), owners(1, 2), CALM),
    ),
    Row(
        "late-second",
        "node2 is started when node1 has taken everything",
        sequence(start(1), owners(1, 1), start(2), owners(1, 2), CALM),
        Setup(timing=LATE),
    ),
    Row(
        "late-first",
        "node1 is started when node2 has taken everything",
        sequence(start(2), owners(2, 2), start(1), owners(1, 2), CALM),
        Setup(timing=LATE),
    ),
    Row(
        "late-first-off",
        "the same without failback: everything stays",
        sequence(start(2), owners(2, 2), start(1), rest(15), owners(2, 2)),
        Setup(failback="off", timing=LATE),
    ),
    Row("cold-start-off", "both are started at once, without failback", UP, OFF),
    Row("cold-start-legacy", "both are started at once, in the legacy mode", UP, LEGACY),
    Row(
        "late-first-legacy",
        "node1 is started when node2 has taken everything, in the legacy mode",
        sequence(start(2), owners(2, 2), start(1), owners(1, 2), CALM),
        Setup(failback="legacy", timing=LATE),
    ),
)

CRASHES = (
    Row(
        "crash-first",
        "node1 loses power and returns",
        sequence(LONG, power_off(1), owners(2, 2), rest(2), boot(1), owners(1, 2), CALM),
        gap=DEATH,
    ),
    Row(
        "crash-second",
        "node2 loses power and returns",
        sequence(LONG, power_off(2), owners(1, 1), rest(2), boot(2), owners(1, 2), CALM),
        gap=MOVE,
    ),
    Row(
        "crash-first-off",
        "node1 loses power and returns, without failback",
        sequence(LONG, power_off(1), owners(2, 2), rest(2), boot(1), rest(15), owners(2, 2)),
        OFF,
        gap=DEATH,
    ),
    Row(
        "crash-first-legacy",
        "node1 loses power and returns, in the legacy mode",
        sequence(LONG, power_off(1), owners(2, 2), rest(2), boot(1), owners(1, 2), CALM),
        LEGACY,
        gap=DEATH,
    ),
    Row(
        "crash-second-legacy",
        "node2 loses power and returns, in the legacy mode",
        sequence(LONG, power_off(2), owners(1, 1), rest(2), boot(2), owners(1, 2), CALM),
        LEGACY,
        gap=MOVE,
    ),
    Row(
        "restart-first",
        "node1 loses power and is back within the deadtime",
        sequence(LONG, power_off(1), boot(1), owners(1, 2), CALM),
    ),
    Row(
        "killed",
        "the daemon of the owner is killed; the kernel silences what it left behind",
        sequence(LONG, kill(1), owners(2, 2), rest(2), start(1), owners(1, 2), CALM),
        pairs=("TC",),
        gap=DEATH,
    ),
    Row(
        "frozen",
        "the daemon of the owner stands still for longer than the deadtime",
        sequence(LONG, freeze(1), owners(2, 2), rest(2), thaw(1), owners(1, 2), CALM),
        pairs=("TC",),
    ),
)

STOPS = (
    Row(
        "stop-first",
        "node1 is stopped and started",
        sequence(UP, stop(1), owners(2, 2), rest(4), start(1), owners(1, 2), CALM),
        gap=MOVE,
    ),
    Row(
        "stop-second",
        "node2 is stopped and started",
        sequence(UP, stop(2), owners(1, 1), rest(4), start(2), owners(1, 2), CALM),
        gap=BUSY,
    ),
    Row(
        "stop-first-off",
        "node1 is stopped and started, without failback",
        sequence(UP, stop(1), owners(2, 2), rest(4), start(1), rest(15), owners(2, 2)),
        OFF,
        gap=MOVE,
    ),
    Row(
        "stop-first-legacy",
        "node1 is stopped and started, in the legacy mode",
        sequence(UP, stop(1), owners(2, 2), rest(4), start(1), owners(1, 2), CALM),
        LEGACY,
        gap=MOVE,
    ),
    Row(
        "stop-second-legacy",
        "node2 is stopped and started, in the legacy mode",
        sequence(UP, stop(2), owners(1, 1), rest(4), start(2), owners(1, 2), CALM),
        LEGACY,
        gap=BUSY,
    ),
    Row(
        "stop-both",
        "both are stopped, node2 first, and started",
        sequence(UP, stop(2), owners(1, 1), calm(), stop(1), nobody(), UP),
    ),
    Row(
        "reload-first",
        "node1 reads its files anew",
        sequence(LONG, reload(1), rest(8), CALM),
        gap=MOVE,
    ),
    Row(
        "reload-second",
        "node2 reads its files anew",
        sequence(LONG, reload(2), rest(8), CALM),
        gap=MOVE,
    ),
)

ORDERS = (
    Row(
        "orders-first",
        "hb_standby and hb_takeover on node1, with every word",
        sequence(
            *(UP, standby(1, "all"), owners(2, 2), calm(), takeover(1, "local"), owners(1, 2)),
            *(calm(), standby(1, "local"), owners(2, 2), calm(), takeover(1, "all"), owners(1, 1)),
            *(calm(), standby(1, "foreign"), owners(1, 2), calm(), takeover(1, "foreign")),
            *(owners(1, 1), calm(), standby(1, "failback"), owners(1, 2), calm()),
            *(takeover(1, "failback"), owners(1, 1)),
        ),
        gap=MOVE,
    ),
    Row(
        "orders-second",
        "hb_standby and hb_takeover on node2, with every word",
        sequence(
            *(UP, standby(2, "all"), owners(1, 1), calm(), takeover(2, "local"), owners(1, 2)),
            *(calm(), standby(2, "local"), owners(1, 1), calm(), takeover(2, "all"), owners(2, 2)),
            *(calm(), standby(2, "foreign"), owners(1, 2), calm(), takeover(2, "foreign")),
            *(owners(2, 2), calm(), standby(2, "failback"), owners(1, 2), calm()),
            *(takeover(2, "failback"), owners(2, 2)),
        ),
        gap=MOVE,
    ),
    Row(
        "swap",
        "each ends with what prefers the other, and both go home",
        sequence(
            *(UP, takeover(1, "all"), owners(1, 1), calm(), standby(1, "local"), owners(2, 1)),
            *(calm(), takeover(1, "local"), owners(1, 1), calm(), standby(1, "foreign")),
            *(owners(1, 2),),
        ),
        gap=MOVE,
    ),
    Row(
        "crossing",
        "both are ordered to give theirs away at the same time",
        sequence(
            *(
                UP,
                together(standby(1, "local"), standby(2, "local")),
                rest(12),
                AT_ONE,
                CALM_AT_ONE,
            ),
            *(takeover(1, "all"), owners(1, 1), calm(), standby(1, "foreign"), owners(1, 2)),
        ),
    ),
    Row(
        "hasty",
        "orders come faster than the moves are made",
        sequence(
            *(UP, takeover(1, "all"), rest(0.3), takeover(2, "all"), rest(0.3), standby(2, "all")),
            *(rest(12), AT_ONE, CALM_AT_ONE, takeover(1, "all"), owners(1, 1)),
        ),
    ),
    Row(
        "taker-dies",
        "node2 loses power while it takes web from node1",
        sequence(LONG, DYING[2], owners(1, 1), rest(3), owners(1, 1)),
        gap=2 * DEATH,
    ),
    Row(
        "giver-dies",
        "node1 loses power while it gives web to node2",
        sequence(LONG, DYING[1], owners(2, 2), rest(3), owners(2, 2)),
        gap=2 * DEATH,
    ),
    Row(
        "start-fails",
        "node1 gives web to node2, which cannot start it: it goes back",
        sequence(UP, spoil(2), standby(1, "local"), owners(1, 2), CALM),
    ),
    Row(
        "orders-off",
        "what an operator moved stays, without failback",
        sequence(
            UP,
            standby(1, "local"),
            owners(2, 2),
            rest(6),
            owners(2, 2),
            takeover(1, "local"),
            owners(1, 2),
        ),
        OFF,
        gap=MOVE,
    ),
)

NETWORK = (
    Row(
        "partition",
        "every cable is cut for longer than the deadtime, and healed",
        sequence(LONG, cut(), both_serve(), rest(3), heal(), owners(1, 2), CALM),
    ),
    Row(
        "partition-off",
        "the same without failback: two Heartbeats begin anew, twinbeat goes on with everything",
        sequence(LONG, cut(), both_serve(), rest(3), heal(), AT_ONE, rest(12), AT_ONE),
        OFF,
    ),
    Row(
        "one-way",
        "the owner is no longer heard; its kernel silences it before the Heartbeat takes over",
        sequence(LONG, cut_from(1), owners_serve(2, 2), rest(3), heal(), owners(1, 2), CALM),
        pairs=("TC",),
    ),
    *(
        Row(
            f"ping-lost-{name}",
            f"the {name} node no longer reaches the ping node, and later does again",
            sequence(
                LONG, cut_from_client(number), owners_serve(other, other), rest(3), heal(), AT_ONE
            ),
            PINGING,
        )
        for name, number, other in (("first", 1, 2), ("second", 2, 1))
    ),
    Row(
        "short-cut",
        "every cable is cut for less than the deadtime",
        sequence(LONG, cut(), rest(0.8), heal(), CALM),
        gap=BUSY,
    ),
    Row(
        "loss",
        "a fifth of all heartbeats is lost for a minute",
        sequence(LONG, lose(20), rest(60), owners(1, 2), lose(0), THERE_AND_BACK),
        gap=MOVE,
    ),
    Row(
        "moves-with-loss",
        "the pair moves while a fifth is lost",
        sequence(LONG, lose(20), THERE_AND_BACK, calm(), THERE_AND_BACK),
        gap=2 * MOVE,
    ),
)


def _setups() -> tuple[Row, ...]:
    """A row for each way of signing, of encoding, and each medium: a move there and back."""
    ways = {
        "md5": ("keys of md5", Setup(auth="md5")),
        "crc": ("checksums alone", Setup(auth="crc")),
        "netstring": ("msgfmt netstring", Setup(more="msgfmt netstring")),
        "two-links": ("broadcasts on two links", Setup(medium="bcast eth0 eth1")),
        "ucast": (
            "unicast",
            Setup(medium="ucast eth1 192.168.10.43\nucast eth1 192.168.10.45"),
        ),
        "mcast": ("multicast", Setup(medium="mcast eth1 225.0.0.1 694 1 0")),
        "serial": (
            "a serial line beside the broadcasts",
            Setup(medium="baud 115200\nserial /run/lab/tty{n}\nbcast eth1"),
        ),
        "ping-node": (
            "a ping node, and ipfail on the side of Heartbeat",
            PINGING,
        ),
        "serial-alone": (
            "a serial line alone",
            Setup(medium="baud 115200\nserial /run/lab/tty{n}"),
        ),
    }
    compared = {"ping-node": (ipfail_settled(), calm())}
    return tuple(
        Row(
            name,
            f"{says}: a move there and back",
            sequence(UP, compared.get(name, ()), THERE_AND_BACK),
            setup,
            gap=MOVE,
        )
        for name, (says, setup) in ways.items()
    )


ROTATED = Setup(key="a-secret-that-is-old")


def _rotation(first: int, second: int) -> tuple[Deed, ...]:
    old, new = f"1 sha1 {ROTATED.key}\n", "2 sha1 a-secret-that-is-new\n"
    return sequence(
        *(keys(f"auth 1\n{old}{new}", 1, 2), rest(2)),
        *(keys(f"auth 2\n{old}{new}", first), keys(f"auth 2\n{old}{new}", second), rest(2)),
        *(keys(f"auth 2\n{new}", 1, 2), rest(3)),
    )


ATTACKS = (
    Row(
        "rotation-first",
        "the key is changed, on node1 first",
        sequence(LONG, _rotation(1, 2), owners(1, 2), THERE_AND_BACK),
        ROTATED,
        gap=MOVE,
    ),
    Row(
        "rotation-second",
        "the key is changed, on node2 first",
        sequence(LONG, _rotation(2, 1), owners(1, 2), THERE_AND_BACK),
        ROTATED,
        gap=MOVE,
    ),
    Row(
        "replay-to-survivor",
        "what node2 said before it died is sent again: two Heartbeats end with nobody",
        sequence(
            *(record(), UP, takeover(2, "all"), owners(2, 2), calm(), standby(2, "foreign")),
            *(owners(1, 2), calm(), power_off(2), owners(1, 1), rest(3)),
            replay(2, "hb_takeover", "ask_resources", "resource", "shutdone", "starting"),
            *(rest(5), owners(1, 1)),
        ),
        pairs=("TC",),
        gap=MOVE,
    ),
    Row(
        "replay-to-both",
        "what both said is sent again while both live",
        sequence(
            record(),
            UP,
            THERE_AND_BACK,
            calm(),
            replay(1, "hb_takeover", "ask_resources", "resource", "starting", "status"),
            replay(2, "hb_takeover", "ask_resources", "resource", "starting", "status"),
            rest(4),
            owners(1, 2),
        ),
        gap=MOVE,
    ),
    *(
        Row(
            f"recording-{name}",
            f"an earlier life of node2 is sent to a lone node1: {name}",
            sequence(
                *(record(), UP, power_off(2), owners(1, 1), rest(3), recording(name), rest(5)),
                *(owners(1, 1), rest(15), owners(1, 1)),
            ),
            pairs=("TC",),
            gap=MOVE,
        )
        for name in ("cap_replay", "cap_replay2", "cap_standby", "cap_stop")
    ),
    *(
        Row(
            f"forged-{name}",
            f"{name} is sent wrongly signed orders and torn packets; Heartbeat dies of it",
            sequence(record(), UP, forge(to), rest(4), owners(1, 2), THERE_AND_BACK),
            pairs=(pair,),
            gap=MOVE,
        )
        for name, to, pair in (("node1", 1, "TC"), ("node2", 2, "CT"))
    ),
)

ROWS = (*COLD, *CRASHES, *STOPS, *ORDERS, *NETWORK, *_setups(), *ATTACKS)
BY_NAME = {row.name: row for row in ROWS}


def plays(everything: bool) -> list[tuple[Row, Pair]]:
    """Return what is played: each row with one of the mixed pairs in turn, or all of it."""
    if everything:
        return [(row, pair) for row in ROWS for pair in row.pairs]
    mixed = ([p for p in MIXED if p in row.pairs] for row in ROWS)
    return [
        (row, pairs[n % len(pairs)]) for n, (row, pairs) in enumerate(zip(ROWS, mixed, strict=True))
    ]
