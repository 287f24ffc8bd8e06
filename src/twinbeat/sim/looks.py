"""What a transcript prints when it is asked: the matrix of beliefs, a status, who answers."""

from collections import Counter
from collections.abc import Iterable

from twinbeat.core.status import GroupStatus
from twinbeat.core.units import MS, Duration, GroupName, readable

from .node import Node
from .world import World


def matrix(world: World) -> list[str]:
    """Show what each node says of each group and believes of each peer, a row for a node."""
    lines = []
    for name, node in world.nodes.items():
        if node.engine is None:
            lines.append(f"{name}: no daemon")
            continue
        status = node.engine.status(node.clock.now)
        groups = [f"{g}={v.custody}, placed {v.placed}" for g, v in status.groups.items()]
        peers = [f"{n} {v.liveness}" for n, v in status.nodes.items() if n != name]
        lines.append(f"{name}: {'; '.join([*groups, *peers])}")
    return lines


def status(node: Node) -> list[str]:
    """Show the status of a node, line by line."""
    if node.engine is None:
        return [f"{node.name}: no daemon"]
    told = node.engine.status(node.clock.now)
    lines = []
    for name, seen in told.nodes.items():
        age = "never" if seen.last_heard is None else readable(seen.last_heard)
        late = ", late" if seen.late else ""
        life = f"generation {seen.generation}"
        lines.append(f"{name}: {seen.state}, {seen.liveness}{late}, {life}, heard {age}")
    for group, view in told.groups.items():
        lines.append(f"{group}: {_describe(view)}")
        lines.extend(f"  {reason}" for reason in view.reasons)
    lines.extend(f"flag {flag}" for flag in told.flags)
    drops = Counter(node.drops) + Counter(told.drops)
    lines.extend(f"dropped {count} x {why}" for why, count in sorted(drops.items()))
    return lines


def _describe(view: GroupStatus) -> str:
    lease = "none" if view.lease_remaining is None else readable(view.lease_remaining)
    return (
        f"owner {view.owner}, state {view.state}, own custody {view.custody}, term {view.term}, "
        f"placed {view.placed}, pinned {view.pinned}, lease {lease}"
    )


def serving(world: World, groups: Iterable[GroupName], by_two: Duration) -> list[str]:
    """Show who answers for each group, and for how long two did at once since the beginning."""
    lines = []
    for group in sorted(groups):
        nodes = " and ".join(world.serving(group)) or "nobody"
        lines.append(f"{group}: {nodes} answers")
    return [*lines, f"two at once: {by_two / MS:g} ms"]
