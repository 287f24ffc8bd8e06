"""What operators ordered and every node keeps repeating: standby, maintenance, pins.

An order is a counter and a value; the highest wins everywhere, so it spreads with the ordinary
beats, survives the node that took it, and needs no second message.
"""

from collections.abc import Mapping

from .beat import CLUSTER, Pin, Switch
from .units import NodeName

Switches = dict[NodeName, Switch]


def merge(own: Switches, heard: Mapping[NodeName, Switch]) -> list[NodeName]:
    """Adopt every switch that is newer than one's own; return the names that changed."""
    changed = [name for name, switch in heard.items() if switch > own.get(name, Switch())]
    for name in changed:
        own[name] = heard[name]
    return changed


def turn(own: Switches, name: NodeName, on: bool) -> bool:
    """Give a new order; return false when it already stood so."""
    present = own.get(name, Switch())
    if present.on == on:
        return False
    own[name] = Switch(present.counter + 1, on)
    return True


def is_on(switches: Mapping[NodeName, Switch], name: NodeName) -> bool:
    """Return whether a switch is on."""
    switch = switches.get(name)
    return switch is not None and switch.on


def frozen(maintenance: Mapping[NodeName, Switch], node: NodeName | None) -> str | None:
    """Return why a group at this node may not be touched, or None."""
    if is_on(maintenance, CLUSTER):
        return "maintenance is on for the whole cluster"
    if node is not None and is_on(maintenance, node):
        return f"maintenance is on for {node}"
    return None


def next_pin(present: Pin, node: NodeName | None) -> Pin:
    """Return the pin that overrules the present one; None lifts it."""
    return Pin(present.counter + 1, NodeName("") if node is None else node)
