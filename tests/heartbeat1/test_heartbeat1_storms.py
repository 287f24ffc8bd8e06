"""Whatever comes, in whatever order: no exception, and no start of what the peer says it holds."""

from heartbeat1_stage import FIRST, Stage, model
from hypothesis import given, settings
from hypothesis import strategies as st

from twinbeat.core.effects import StartGroup
from twinbeat.core.events import MessageReceived
from twinbeat.core.units import Instant, NodeName
from twinbeat.scenario.setting import LINK

SHARES = st.sampled_from(["none", "local", "foreign", "all"])
GARBAGE = st.one_of(
    st.text(max_size=20), st.sampled_from(["", "0", "-1", "f" * 16, "9" * 400, "٣"])
)
NAMES = st.sampled_from(
    ["rsc_hold", "rtype", "isstable", "info", "st", "dt", "dest", "ackseq", "firstseq", "lastseq",
     "ipaddr", "ok", "weown", "cn", "from_id"]
)  # fmt: skip
KINDS = [
    "status", "starting", "resource", "ask_resources", "hb_takeover", "shutdone", "ip-request",
    "ip-request-resp", "reqnodes", "query-cstatus", "NS_ackmsg", "NS_rexmit", "NS_nak_rexmit",
]  # fmt: skip
Told = tuple[str, dict[str, str]]


def _told(kind: str, **fields: str) -> Told:
    return kind, fields


resources = st.builds(
    lambda held, stable, info: _told(
        "resource", rsc_hold=held, rtype="full", isstable=stable, **info
    ),
    SHARES,
    st.sampled_from("01"),
    st.sampled_from([{}, {}, {"info": "standby"}, {"info": "shutdown"}]),
)
standbys = st.builds(
    lambda held, info: _told("ask_resources", rsc_hold=held, info=info),
    SHARES,
    st.sampled_from(["me", "other", "done"]),
)
sound = st.one_of(
    resources,
    standbys,
    st.builds(lambda held: _told("hb_takeover", rsc_hold=held), SHARES),
    st.builds(lambda held: _told("resource", rsc_hold=held, info="mach_down"), SHARES),
    st.sampled_from([
        _told("starting"),
        _told("status", st="active", dt="1770"),
        _told("status", st="up", dt="1f40"),
        _told("shutdone", st="dead"),
        _told("ack"),
        _told("ack"),
        _told("ip-request", ipaddr="web"),
        _told("ip-request-resp", dest="node1", ipaddr="web", weown="yes", ok="OK"),
    ]),
)  # fmt: skip
orders = st.sampled_from([
    "operator handover web to node2", "operator failback web", "operator handover web2 to node1",
    "operator failback web2", "operator standby node1 on", "operator standby node1 off",
    "operator standby node2 on", "operator standby node2 off", "fails start web2",
    "works start web2", "fails stop web", "slow start web 2s", "peer silent", "peer speaks",
    "peer boots", "peer active", "peer deaf",
])  # fmt: skip
spans = st.sampled_from([0, 1, 20, 100, 400, 1000, 2500, 7000])
jumps = st.integers(-6, 8)
"""How far a number is from the next one: below zero it is an old one, above it leaves a gap."""


@st.composite
def _garbled(draw: st.DrawFn) -> Told:
    return draw(st.sampled_from(KINDS)), draw(st.dictionaries(NAMES, GARBAGE, max_size=5))


def _hear(stage: Stage, told: Told, jump: int, earlier_life: bool) -> None:
    kind, fields = told
    if kind == "ack":
        kind, fields = "NS_ackmsg", {"dest": "node1", "ackseq": f"{stage.node.engine.mine.seq:x}"}
    numbered = not kind.startswith("NS_")
    seq = max(1, stage.seq + 1 + jump) if numbered else 0
    stage.seq = max(stage.seq, seq)
    life = max(1, stage.generation - earlier_life)
    stage.tell(MessageReceived(NodeName("node2"), kind, life, seq, fields, LINK))


def _begin(failback: bool, legacy: bool) -> Stage:
    stage = Stage(model(failback=failback, legacy=legacy), "node1")
    for line in ("run 100ms", "peer boots", "peer active", "run 600ms"):
        stage.play(line)
    return stage


def _storm(messages: st.SearchStrategy[Told]) -> st.SearchStrategy[list[tuple[object, ...]]]:
    heard = st.tuples(messages, st.one_of(st.just(0), st.just(0), jumps), st.booleans(), spans)
    usual = st.tuples(messages, st.just(0), st.just(False), spans)
    return st.lists(st.one_of(usual, usual, heard, st.tuples(orders, spans)), max_size=40)


def _weather(stage: Stage, storm: list[tuple[object, ...]]) -> None:
    for step in storm:
        match step:
            case (str(order), int(span)):
                stage.play(order)
                stage.run(span)
            case (tuple(told), int(jump), bool(earlier), int(span)):
                _hear(stage, told, jump, earlier)
                stage.run(span)


@given(_storm(sound), st.booleans())
@settings(max_examples=60)
def test_nothing_is_started_that_the_peer_says_it_holds(
    storm: list[tuple[object, ...]], failback: bool
) -> None:
    stage = _begin(failback, legacy=False)
    _weather(stage, storm)
    assert stage.violations == []


@given(_storm(st.one_of(sound, _garbled())), st.booleans(), st.booleans())
@settings(max_examples=60)
def test_garbage_is_survived(storm: list[tuple[object, ...]], failback: bool, legacy: bool) -> None:
    stage = _begin(failback, legacy)
    _weather(stage, storm)
    assert stage.node.engine.mine.seq >= FIRST
    assert stage.now >= 700


def test_the_checker_sees_a_start_of_what_is_held() -> None:
    stage = _begin(failback=True, legacy=False)
    stage.play("hears resource rsc_hold=all rtype=full isstable=1")
    begun = [line for line in stage.lines if "start" in line]
    spec = stage.model.groups[0]

    assert begun == []
    assert stage.holder.judge([StartGroup(1, spec, Instant(0))]) == [
        "web is started and the peer holds it"
    ]
