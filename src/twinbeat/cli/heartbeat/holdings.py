"""Groups as Heartbeat speaks of them: never by name, but `local` or `foreign` to a node.

A group is local to its preferred owner and foreign to every other node.
"""

from twinbeat.control.shapes import GroupShape, StatusShape

UNSETTLED = frozenset({"unknown", "claiming", "adopting", "starting", "stopping", "unclean"})
"""States of a group that must change before anybody can say who has it."""


def chosen(status: StatusShape, which: str) -> dict[str, GroupShape]:
    """Return the groups of `all`, `local` or `foreign`, as the asked node sees them."""
    me = status["node"]
    return {
        name: group
        for name, group in status["groups"].items()
        if which == "all" or (group["preferred"] == me) == (which == "local")
    }


def held(status: StatusShape) -> str:
    """Return `none`, `local`, `foreign` or `all`: what this node has; `transition` while it moves.

    Of a kind that has no group, the local one counts as held by its node, and the foreign one by
    the node that is left when no other lives: so Heartbeat counts them as well.
    """
    me = status["node"]
    if status["nodes"][me]["state"] != "active":
        return "transition"
    if any(_moves(group) for group in status["groups"].values()):
        return "transition"
    alone = all(
        node["state"] in ("dead", "ping") for name, node in status["nodes"].items() if name != me
    )
    local = _has(chosen(status, "local"), me, by_default=True)
    foreign = _has(chosen(status, "foreign"), me, by_default=alone)
    return {
        (False, False): "none",
        (True, False): "local",
        (False, True): "foreign",
        (True, True): "all",
    }[local, foreign]


def _has(groups: dict[str, GroupShape], me: str, by_default: bool) -> bool:
    if not groups:
        return by_default
    return any(group["owner"] == me for group in groups.values())


def _moves(group: GroupShape) -> bool:
    """Whether a group is on its way, or about to be: its place is not where it is."""
    placed = group.get("placed")
    return group["state"] in UNSETTLED or (placed is not None and placed != group["owner"])
