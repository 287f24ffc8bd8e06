"""Recordings of a Heartbeat, played to this node: they start nothing and stop nothing.

A Heartbeat believes them once the node that they are of is dead, and lets go of everything
(heartbeat.md 12, 8: cap_replay was made of that).
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from heartbeat1_captures import CAPTURES, KEYS, packets
from heartbeat1_stage import FIRST, Stage, model

from twinbeat.core.beat import Custody, Life
from twinbeat.core.effects import Silence, StartGroup, StopGroup
from twinbeat.core.events import MessageReceived
from twinbeat.core.units import GroupName, NodeName
from twinbeat.node.mail import Mail

NODE1, NODE2 = NodeName("node1"), NodeName("node2")
WEB, WEB2 = GroupName("web"), GroupName("web2")
BY_NAME = {path.stem: path for path in CAPTURES}
each_capture = pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)


def recorded(path: Path) -> Iterator[tuple[int, MessageReceived]]:
    """Yield what node2 said in a capture as node1's mail opens it, and when, in ms."""
    mail = Mail(NODE1, Life(1, 5), b"u" * 16, (NODE1, NODE2), KEYS, lambda level, text: None)
    for packet in packets(path):
        if packet.text("src") == NODE2:
            message = mail.open(packet.data, "eth0")
            assert isinstance(message, MessageReceived)
            yield packet.at_ms, message


def alone() -> Stage:
    """Return node1, which runs everything: its peer was never heard."""
    stage = Stage(model(), "node1")
    stage.play("run 20s")
    assert holds_all(stage)
    stage.lines.clear()
    return stage


def holds_all(stage: Stage) -> bool:
    return all(group.custody is Custody.HELD for group in stage.node.engine.groups.values())


def moves(stage: Stage) -> list[str]:
    """Return every order about a group, and every word about resources."""
    words = ("> resource", "> ask_resources", "> hb_takeover", "> shutdone", "> ip-request")
    return [line for line in stage.lines if " ! " in line or any(word in line for word in words)]


def hear(stage: Stage, message: MessageReceived) -> list[object]:
    return [
        effect
        for effect in stage.tell(message)
        if isinstance(effect, StartGroup | StopGroup | Silence)
    ]


@each_capture
def test_a_node_that_never_met_it_keeps_what_it_runs_at_every_word_of_a_recording(
    path: Path,
) -> None:
    """Whatever is said of resources waits for an acknowledgement of this node's present life."""
    stage = alone()
    for _, message in recorded(path):
        assert hear(stage, message) == []
    assert holds_all(stage)
    assert moves(stage) == []


@each_capture
def test_a_node_that_never_met_it_starts_nothing_because_of_a_recording(path: Path) -> None:
    """In the time that it took, from the node's own beginning on."""
    stage, before = Stage(model(), "node1"), None
    for at, message in recorded(path):
        stage.run(0 if before is None else max(0, at - before))
        before = at
        orders = hear(stage, message)
        assert not any(isinstance(order, StartGroup) for order in orders)
    assert not any("> ask_resources" in line for line in stage.lines)


def met(name: str) -> tuple[Stage, list[MessageReceived]]:
    """Return node1 that has talked with the node2 of a capture until that died, and all it said.

    The acknowledgements in the capture are of the C daemon's numbers; those of ours are added.
    """
    said = [message for _, message in recorded(BY_NAME[name])]
    life = max(message.generation for message in said)
    said = [message for message in said if message.generation == life]
    stage = Stage(model(), "node1")
    stage.play("run 100ms")
    stage.generation, stage.speaks, stage.acks = life, False, False
    for message in said:
        stage.tell(message)
        stage.run(100)
        newest = stage.node.engine.mine.seq
        stage.hear_unnumbered("NS_ackmsg", {"dest": "node1", "ackseq": f"{newest:x}"})
    stage.play("run 20s")
    stage.lines.clear()
    return stage, said


@pytest.mark.parametrize("name", ["cap_replay", "cap_replay2", "cap_standby", "cap_stop"])
def test_what_was_heard_once_is_not_heard_again(name: str) -> None:
    stage, said = met(name)
    engine = stage.node.engine
    assert holds_all(stage)
    newest = max(message.seq for message in said)
    before = engine.drops.get("stale message of a Heartbeat", 0)
    for message in said:
        assert hear(stage, message) == []
        stage.run(20)
    assert holds_all(stage)
    assert moves(stage) == []
    stale = [message for message in said if 0 < message.seq < newest]
    assert engine.drops["stale message of a Heartbeat"] - before == len(stale)


def test_a_recording_of_an_earlier_life_is_counted_whatever_it_says() -> None:
    stage, said = met("cap_standby")
    stage.play("peer boots")
    stage.play("peer active")
    for message in said:
        assert hear(stage, message) == []
    assert stage.node.engine.drops["replay of a Heartbeat"] == len(said)


def test_acknowledgements_of_an_earlier_life_of_this_node_make_nothing_believed() -> None:
    """Its numbers begin anew at random: those of before do not fit."""
    stage = alone()
    stage.play("peer boots")
    stage.play("peer deaf")
    for ackseq in (1, 10, FIRST - 10, FIRST, 10 * FIRST):
        stage.hear_unnumbered("NS_ackmsg", {"dest": "node1", "ackseq": f"{ackseq:x}"})
    stage.play("hears resource rsc_hold=all rtype=full isstable=1")
    stage.play("hears hb_takeover rsc_hold=all")
    assert holds_all(stage)
    assert moves(stage) == []


def test_what_is_kept_back_is_bounded_and_the_rest_counted() -> None:
    stage = alone()
    stage.play("peer boots")
    stage.play("peer deaf")
    for _ in range(70):
        stage.play("hears hb_takeover rsc_hold=all")
    drops = stage.node.engine.drops
    assert drops["message of a Heartbeat that acknowledges nothing"] == 70 - 64


def test_a_message_of_a_stranger_is_counted() -> None:
    stage = alone()
    _, message = next(recorded(BY_NAME["cap_cold"]))
    stranger = MessageReceived(
        NodeName("node9"), message.kind, message.generation, message.seq, {}, message.link
    )
    assert hear(stage, stranger) == []
    assert stage.node.engine.drops == {"message of an unknown node": 1}
