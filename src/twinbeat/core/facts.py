"""Facts: what each event changes, before anything is decided about it."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from . import adoption, orders, ties
from .beat import Beat
from .command import adopt, obey
from .effects import Effect, Obey, Record, What
from .events import (
    ArbiterAnswered,
    ArbiterFailed,
    BeatReceived,
    Event,
    GroupFound,
    GroupRestarted,
    GroupRestartFailed,
    GroupStarted,
    GroupStartFailed,
    GroupStartLate,
    GroupStopFailed,
    GroupStopped,
    GuardChanged,
    HardwareChanged,
    LeaseLapsed,
    LinkChanged,
    MessageReceived,
    ModelChanged,
    PeerProvenDead,
    PingAnswered,
    ProofFailed,
    ResourceLooked,
    ShutdownRequested,
    Started,
    TimePassed,
)
from .group import Group
from .liveness import Hearing
from .model import ClusterModel, GroupSpec
from .units import GroupName, Instant, LinkName

if TYPE_CHECKING:
    from .engine import Engine


def take(engine: "Engine", event: Event, now: Instant, out: list[Effect]) -> bool:
    """Take in one fact and return whether it was news."""
    match event:  # What comes with every heartbeat stands first.
        case BeatReceived(beat, link):
            return _take_beat(engine, beat, link, now, out)
        case PingAnswered(node):
            return engine.members.connectivity.answered(node, now, out)
        case TimePassed():
            engine.members.time_passed(now, out)
            for group in engine.groups.values():
                group.recovery.time_passed(now, out)
            return bool(out)
        case ArbiterAnswered() | ArbiterFailed() | PeerProvenDead() | ProofFailed():
            news = engine.members.proof.take(event, now, out)
            if news is None:
                engine.drop("stale outcome")
            return bool(news)
        case Started():
            _start(engine, out)
        case GroupStarted(op, name):
            _outcome(engine, name, lambda group: group.started(op, now), out)
        case GroupStartFailed(op, name, resource, why):
            _outcome(engine, name, lambda group: group.start_failed(op, resource, why, now), out)
        case GroupStartLate(op, name):
            _outcome(engine, name, lambda group: group.start_late(op), out)
        case GroupStopped(op, name):
            _outcome(engine, name, lambda group: group.stopped(op), out)
        case GroupFound(op, name):
            _outcome(engine, name, lambda group: group.found(op), out)
        case GroupStopFailed(op, name, resource, why):
            _outcome(engine, name, lambda group: group.stop_failed(op, resource, why), out)
        case ResourceLooked(name):
            unheeded = None if event.running else _unheeded(engine, name, now)
            if unheeded is not None:
                engine.drop(unheeded)
                return False
            _outcome(engine, name, lambda group: group.looked(event, now), out)
        case GroupRestarted(op, name):
            _outcome(engine, name, lambda group: group.restarted(op, now), out)
        case GroupRestartFailed(_, name):
            again = _unheeded(engine, name, now) is None
            _outcome(engine, name, lambda group: group.restart_failed(event, now, again), out)
        case LeaseLapsed(name, why):
            _outcome(engine, name, lambda group: group.lapsed(why), out)
        case LinkChanged():
            engine.members.own_link_changed(event, out)
        case GuardChanged(kind):
            engine.guard = kind
        case HardwareChanged(macs):
            engine.macs = macs
        case ModelChanged(model):
            _adopt(engine, model, now, out)
        case MessageReceived():
            engine.drop("message of a Heartbeat")
            return False
        case ShutdownRequested():
            _shut_down(engine, out)
        case command:
            out.extend(obey(engine, command))
    return True


def _start(engine: "Engine", out: list[Effect]) -> None:
    engine.word = "up"
    evidence = {"generation": engine.mine.life.generation, "nodes": list(engine.model.nodes)}
    out.append(Record(What.NODE_STARTED, "a new life begins", evidence=evidence))
    standby = orders.is_on(engine.standby, engine.me)
    for group in engine.groups.values():
        out.extend(group.clear(adopt=not standby and adoption.may_adopt(group.spec, engine.me)))
    if standby:
        out.append(Record(What.STANDBY_CHANGED, "it was left in standby", peer=engine.me,
                          evidence={"on": True}))  # fmt: skip


def _take_beat(
    engine: "Engine", beat: Beat, link: LinkName, now: Instant, out: list[Effect]
) -> bool:
    """Take in a beat and return whether it was news."""
    peer = engine.members.peers.get(beat.node)
    if peer is None:
        engine.drop("own beat" if beat.node == engine.me else "beat of an unknown node")
        return False
    earlier, was = peer.beat, peer.liveness
    hearing = engine.members.take(beat, link, now, out)
    if hearing is Hearing.STALE:
        engine.drop("stale beat")
    if hearing in (Hearing.NEWER, Hearing.REPEATED):
        engine.voice.fall_in(now, engine.paced)
        for group in engine.groups.values():
            view = beat.groups.get(group.name)
            if view is not None and view.custody.owns:
                group.last_owner = beat.node
    if hearing is not Hearing.NEWER:
        return False
    engine.voice.hear(earlier, beat, judged_anew=peer.liveness is not was)
    if beat.macs != (earlier.macs if earlier is not None else frozenset()):
        out.append(Obey(engine.members.macs))
    _note_bars(engine, beat, earlier, now)
    _outgrow(engine, beat, out)
    out.extend(adopt(engine, beat))
    return True


def _note_bars(engine: "Engine", beat: Beat, earlier: Beat | None, now: Instant) -> None:
    """Note since when a peer is barred for groups: it says for how long in all."""
    before = {} if earlier is None else earlier.groups
    for group in engine.groups.values():
        view, was = beat.groups.get(group.name), before.get(group.name)
        bar = None if view is None else view.bar
        if bar is None:
            group.bars_heard.pop(beat.node, None)
        elif was is None or was.bar != bar:
            group.bars_heard[beat.node] = now


def _outgrow(engine: "Engine", beat: Beat, out: list[Effect]) -> None:
    """Jump above a generation of this node that a peer remembers and this node lost.

    Another life with the very same number is one as well: a peer that takes a recording of it
    for this node would never hear this life again.
    """
    ack, mine = beat.acks.get(engine.me), engine.mine.life
    if ack is not None and ack.life.generation >= mine.generation and ack.life != mine:
        engine.begin_anew(ack.life.generation, "a peer remembers a later life", out)


def _unheeded(engine: "Engine", name: GroupName, now: Instant) -> str | None:
    """Return why nothing is begun about a resource that fails now, or None.

    Bad looks come again and again, so what failed is mended when that is over. In maintenance
    people start and stop it; and where this node may not serve the group, a successor may run it.
    A lease that was not cut short is a right until it ends, whoever is heard again meanwhile.
    """
    if orders.frozen(engine.maintenance, engine.me) is not None:
        return "look in maintenance"
    group = engine.groups.get(name)
    if group is None or group.serving.until > now:
        return None
    if engine.members.renewable_until(name, group.view(), now) > now:
        return None
    return "look in the dark"


def _outcome(
    engine: "Engine",
    name: GroupName,
    verb: Callable[[Group], list[Effect] | None],
    out: list[Effect],
) -> None:
    group = engine.groups.get(name)
    effects = None if group is None else verb(group)
    if effects is None:
        engine.drop("stale outcome")
        return
    out.extend(effects)


def _adopt(engine: "Engine", model: ClusterModel, now: Instant, out: list[Effect]) -> None:
    """Take over a new configuration; what did not change is not touched."""
    evidence: dict[str, object] = {"digest": model.digest}
    if model.proof is not engine.model.proof:
        evidence["proof"] = f"{engine.model.proof} until this daemon starts again"
        model = replace(model, proof=engine.model.proof)
    engine.model = model
    engine.members.adopt(model, now)
    wanted: dict[GroupName, GroupSpec] = {g.name: g for g in model.groups}
    for name, group in engine.groups.items():
        group.removed = name not in wanted
        if name in wanted:
            group.respec(wanted[name])
    for name, spec in wanted.items():
        if name not in engine.groups:
            # One that was removed and comes back knows its restarts, its bar, and who said what.
            known = engine.removed.pop(name, None)
            group = engine.groups[name] = known or Group(spec, engine.me, engine.next_op)
            group.respec(spec)
            out.extend(group.clear())
    engine.groups = ties.in_order(engine.groups)
    out.append(Record(What.CONFIG_CHANGED, "it was read again", evidence=evidence))


def _shut_down(engine: "Engine", out: list[Effect]) -> None:
    if not engine.leaving:
        engine.leaving = True
        out.append(Record(What.NODE_LEAVING, "it was told to stop"))
