"""What a scenario lets befall the resources and agents of one node."""

from collections.abc import Mapping

from twinbeat.core.model import GroupSpec
from twinbeat.core.units import GroupName, NodeName
from twinbeat.scenario import mishaps
from twinbeat.scenario.steps import Step

from .agents import Conduct
from .node import Node


def befall(nodes: Mapping[NodeName, Node], step: Step) -> bool:
    """Do what a line says; return whether it was for this."""
    match step:
        case mishaps.Break(verb, group, node):
            _conducts(nodes[node], verb)[group] = Conduct.FAILS
        case mishaps.Hang(verb, group, node):
            _conducts(nodes[node], verb)[group] = Conduct.HANGS
        case mishaps.BreakRestarts(times, node):
            nodes[node].agents.broken_starts = times
        case mishaps.Fail(group, node, name, unseen):
            spec = _spec(nodes[node], group)
            named = [each for each in spec.resources if each.name == name]
            nodes[node].agents.die(group, (named or spec.resources)[-1], noticed=not unseen)
        case mishaps.Revive(group, node):
            nodes[node].come_to_run(_spec(nodes[node], group))
        case mishaps.Looks(verb, group, node):
            sick = {(group, _spec(nodes[node], group).resources[-1].name)}
            nodes[node].agents.monitors.make_sick(frozenset(sick if verb == "bad" else ()))
        case _:
            return False
    return True


def mend(node: Node) -> None:
    """Let all agents of a node work, and all looks be good."""
    agents = node.agents
    agents.starts.clear()
    agents.stops.clear()
    agents.broken_starts = 0
    agents.monitors.make_sick(frozenset())


def _conducts(node: Node, verb: str) -> dict[GroupName | None, Conduct]:
    return node.agents.starts if verb == "start" else node.agents.stops


def _spec(node: Node, group: GroupName) -> GroupSpec:
    spec = node.model.group(group)
    if spec is None:
        raise ValueError(f"{node.name} is configured with no group {group}")
    return spec
