"""Operators' commands: taken or refused at once, with the reason; carried out level by level.

What an operator ordered at another node is adopted here too, from that node's beats.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from . import orders
from .beat import CLUSTER, Beat, Custody
from .candidates import bar_of, present_owner
from .effects import Effect, Record, Reply, What
from .events import (
    CleanupRequested,
    ClearRequested,
    ConfirmRequested,
    FailbackRequested,
    HandoverRequested,
    MaintenanceRequested,
    StandbyRequested,
)
from .group import Group
from .proofs import heard_by
from .units import GroupName, NodeName

if TYPE_CHECKING:
    from .engine import Engine

Command = (
    HandoverRequested
    | FailbackRequested
    | StandbyRequested
    | MaintenanceRequested
    | CleanupRequested
    | ClearRequested
    | ConfirmRequested
)

_BY_OPERATOR = "an operator said so"


class RefusedError(Exception):
    """Why a command cannot be taken; nothing was changed."""


def obey(engine: "Engine", command: Command) -> list[Effect]:
    """Take a command, or refuse it without changing anything."""
    try:
        match command:
            case HandoverRequested(_, name, to):
                effects = _hand_over(engine, name, to)
            case FailbackRequested(_, name):
                effects = _fail_back(engine, name)
            case StandbyRequested(_, node, on):
                effects = _stand_by(engine, node, on)
            case MaintenanceRequested(_, node, on):
                effects = _maintain(engine, node, on)
            case CleanupRequested(_, name, node):
                effects = _clean_up(engine, name, node)
            case ClearRequested(_, name):
                effects = _clear(engine, name)
            case ConfirmRequested(_, node):
                effects = _confirm(engine, node)
    except RefusedError as refusal:
        return [Reply(command.request, str(refusal))]
    return [*effects, Reply(command.request)]


def adopt(engine: "Engine", beat: Beat) -> list[Effect]:
    """Adopt the orders in a peer's beat that are newer than those known here."""
    if _perhaps_recorded(engine, beat):
        return []
    said = f"{beat.node} says so"
    out: list[Effect] = []
    for what, own, heard in (
        (What.STANDBY_CHANGED, engine.standby, beat.standby),
        (What.MAINTENANCE_CHANGED, engine.maintenance, beat.maintenance),
    ):
        for node in orders.merge(own, heard):
            out.append(Record(what, said, peer=node, evidence={"on": own[node].on}))
    if out:
        out.append(engine.remember())
    for group in engine.groups.values():
        view = beat.groups.get(group.name)
        if view is not None and view.pin > group.pin:
            group.pin = view.pin
            pinned = {"to": view.pin.node or None}
            out.append(Record(What.PIN_CHANGED, said, group.name, evidence=pinned))
        if view is not None and view.cleared > group.cleared:
            group.cleared = view.cleared
            out.extend(_forget(engine, group, said))
    return out


def _perhaps_recorded(engine: "Engine", beat: Beat) -> bool:
    """Whether a beat may be of a life that nobody remembers: it does not echo this node's.

    An order would outlast the proof that it was one, for who gave it speaks of it no more.
    """
    return not engine.members.peers[beat.node].acked_seq


def _hand_over(engine: "Engine", name: GroupName, to: NodeName | None) -> list[Effect]:
    group = _group(engine, name)
    owner = present_owner(group, engine.members)
    if (why := orders.frozen(engine.maintenance, owner or to)) is not None:
        raise RefusedError(why)
    if to is None:
        to = next((n for n in group.spec.nodes if n != owner and not _bar(engine, group, n)), None)
        if to is None:
            raise RefusedError(f"no other node can run {name}: {_bars(engine, group, owner)}")
    elif to not in group.spec.nodes:
        raise RefusedError(
            f"{to} is not a node of {name}; these are: {', '.join(group.spec.nodes)}"
        )
    elif (why := _bar(engine, group, to)) is not None:
        barred = bar_of(group, to, engine.members) is not None
        hint = f" (`twinbeat clear {name}` ends that)" if barred else ""
        raise RefusedError(f"{to} cannot take {name}: it is {why}{hint}")
    group.pin = orders.next_pin(group.pin, to)
    return [Record(What.PIN_CHANGED, _BY_OPERATOR, name, evidence={"to": to})]


def _fail_back(engine: "Engine", name: GroupName) -> list[Effect]:
    group = _group(engine, name)
    preferred = group.spec.preferred
    if present_owner(group, engine.members) == preferred:
        group.pin = orders.next_pin(group.pin, None)
        return [Record(What.PIN_CHANGED, _BY_OPERATOR, name, evidence={"to": None})]
    return _hand_over(engine, name, preferred)


def _stand_by(engine: "Engine", node: NodeName, on: bool) -> list[Effect]:
    _known(engine, [node])
    if not orders.turn(engine.standby, node, on):
        raise RefusedError(f"standby is {'on' if on else 'off'} for {node} already")
    evidence = {"on": on}
    told = Record(What.STANDBY_CHANGED, _BY_OPERATOR, peer=node, evidence=evidence)
    return [told, engine.remember()]


def _maintain(engine: "Engine", node: NodeName, on: bool) -> list[Effect]:
    if node != CLUSTER:
        _known(engine, [node])
    if not orders.turn(engine.maintenance, node, on):
        raise RefusedError(f"maintenance is {'on' if on else 'off'} already")
    evidence = {"on": on}
    told = Record(What.MAINTENANCE_CHANGED, _BY_OPERATOR, peer=node, evidence=evidence)
    return [told, engine.remember()]


def _clean_up(engine: "Engine", name: GroupName, node: NodeName) -> list[Effect]:
    group = _group(engine, name)
    _known(engine, [node])
    told = Record(What.CLEANED_UP, _BY_OPERATOR, name, node)
    if node == engine.me:
        group.recovery.clear(_BY_OPERATOR)
        return [told, *(group.clear() if group.custody is Custody.UNCLEAN else [])]
    if engine.members.peers[node].heard:
        raise RefusedError(f"{node} is up: run the clean-up there, so that it is probed")
    if not engine.members.vouch(name, node):
        raise RefusedError(f"{name} is not known to be unclean on {node}")
    return [told]


def _clear(engine: "Engine", name: GroupName | None) -> list[Effect]:
    groups = engine.groups.values() if name is None else [_group(engine, name)]
    out: list[Effect] = []
    for group in groups:
        group.cleared += 1
        out.extend(_forget(engine, group, _BY_OPERATOR))
    return out


def _forget(engine: "Engine", group: Group, why: str) -> list[Effect]:
    """Forget failures, and losses of the preferred owner that delay its failback."""
    if (preferred := engine.members.peers.get(group.spec.preferred)) is not None:
        preferred.losses.forget()
    return group.recovery.clear(why)


def _confirm(engine: "Engine", node: NodeName) -> list[Effect]:
    """Take an operator's word that a node which nobody hears is off."""
    _known(engine, [node])
    if node == engine.me:
        raise RefusedError("that is this node, and it is up")
    peer = engine.members.peers[node]
    if peer.heard:
        raise RefusedError(f"{node} is up: its heartbeats are heard here")
    if (other := heard_by(peer, engine.members)) is not None:
        raise RefusedError(f"{node} is up: {other} hears its heartbeats")
    out: list[Effect] = []
    engine.members.proof.vouch(peer, out)
    unclean = [name for name in engine.groups if node in engine.members.unclean_nodes(name)]
    if not out and not unclean:
        raise RefusedError(f"nothing waits for a word on {node}: it is {peer.liveness}")
    for name in engine.groups:
        engine.members.vouch(name, node)
    lifted = f"an operator confirmed that {node} is off"
    return [*out, *(Record(What.CLEANED_UP, lifted, name, node) for name in unclean)]


def _group(engine: "Engine", name: GroupName) -> Group:
    group = engine.groups.get(name)
    if group is None:
        names = ", ".join(engine.groups) or "none"
        raise RefusedError(f"there is no group {name}; these are: {names}")
    return group


def _known(engine: "Engine", nodes: Iterable[NodeName]) -> None:
    for node in nodes:
        if node not in engine.model.nodes:
            raise RefusedError(
                f"there is no node {node}; these are: {', '.join(engine.model.nodes)}"
            )


def _bar(engine: "Engine", group: Group, node: NodeName) -> str | None:
    return engine.candidate(group, node).barred


def _bars(engine: "Engine", group: Group, owner: NodeName | None) -> str:
    others = [node for node in group.spec.nodes if node != owner]
    return "; ".join(f"{node} is {_bar(engine, group, node)}" for node in others) or "there is none"
