"""What groups say of each other (`after`, `with`, `not-with`): names that exist, and no riddles."""

from collections.abc import Mapping, Sequence

from twinbeat.core.model import GroupSpec
from twinbeat.core.units import GroupName, NodeName

from .diagnostics import Mark, Report, did_you_mean, listed, quote
from .draft import GroupDraft, Said

_Saying = tuple[str, Said[str]]
"""A key, and one of the groups that it names."""
_Companies = Mapping[GroupName, Sequence[GroupSpec]]
"""Of each group, itself and every group that must be on the same node for it to run."""


def check_relations(
    groups: Sequence[GroupDraft], specs: Sequence[GroupSpec], report: Report
) -> None:
    """Report groups that do not exist, and relations that could never hold."""
    names = [group.name.value for group in groups]
    for group in groups:
        _known(group, names, report)
    if _rings(groups, report):
        return
    companies = {spec.name: company(spec, specs) for spec in specs}
    for group in groups:
        if group.beside:
            _apart(GroupName(group.name.value), companies, group.beside[0].mark, report)
            _common_node(GroupName(group.name.value), companies, group.beside[0].mark, report)


def company(spec: GroupSpec, specs: Sequence[GroupSpec]) -> list[GroupSpec]:
    """Return the group, and every group that must be on the same node for it to run."""
    by_name = {each.name: each for each in specs}
    found = {spec.name: spec}
    queue = [spec]
    while queue:
        for name in queue.pop().beside:
            if name in by_name and name not in found:
                found[name] = by_name[name]
                queue.append(by_name[name])
    return list(found.values())


def meeting_nodes(together: Sequence[GroupSpec]) -> list[NodeName]:
    """Return the nodes on which every one of these groups may run."""
    return [node for node in together[0].nodes if all(node in each.nodes for each in together)]


def _sayings(group: GroupDraft) -> list[_Saying]:
    keys = (("after", group.after), ("with", group.beside), ("not-with", group.apart))
    return [(key, other) for key, others in keys for other in others]


def _known(group: GroupDraft, names: list[str], report: Report) -> None:
    for key, said in _sayings(group):
        if said.value == group.name.value:
            report.error(
                said.mark,
                f"the group {quote(said.value)} is to run `{key}` itself",
                "It could run nowhere.",
                f"`{key}` names another group",
            )
        elif said.value not in names:
            others = [name for name in names if name != group.name.value]
            report.error(
                said.mark,
                f"`{key}` names {quote(said.value)}, and there is no such group",
                f"The group {quote(group.name.value)} cannot be placed by what does not exist.",
                did_you_mean(said.value, others)
                or (f"the others are {listed(others, 'and')}" if others else "there is no other"),
            )


def _rings(groups: Sequence[GroupDraft], report: Report) -> bool:
    """Report groups that depend on each other in a ring; return whether there is one."""
    edges = {group.name.value: _sayings(group) for group in groups}
    settled: set[str] = set()
    found = []

    def visit(name: str, path: list[tuple[str, _Saying]]) -> None:
        before = [step for step, _ in path]
        for saying in edges[name]:
            other = saying[1].value
            if other in before:
                found.append([*path[before.index(other) :], (name, saying)])
            elif other in edges and other != name and other not in settled:
                visit(other, [*path, (name, saying)])
        settled.add(name)

    for name in edges:
        if name not in settled:
            visit(name, [])
    for ring in found:
        _tell_ring(ring, report)
    return bool(found)


def _tell_ring(ring: list[tuple[str, _Saying]], report: Report) -> None:
    steps = [f"{quote(name)} {key} {quote(said.value)}" for name, (key, said) in ring]
    report.error(
        ring[-1][1][1].mark,
        f"groups depend on each other in a ring: {', '.join(steps)}",
        "None of them could be placed before the others are.",
        "take one of these out; what two groups are to each other is said in one of them, the one "
        "that gives way",
    )


def _apart(name: GroupName, companies: _Companies, mark: Mark, report: Report) -> None:
    together = companies[name]
    names = {each.name for each in together}
    pairs = [(each.name, other) for each in together for other in each.apart if other in names]
    for first, second in pairs:
        # A contradiction among the groups that it runs with is told there.
        inner = [{each.name for each in companies[other.name]} for other in together[1:]]
        if any({first, second} <= names for names in inner):
            continue
        others = [other for other in (first, second) if other != name]
        report.error(
            mark,
            f"{quote(name)} must run with {listed(others, 'and')}, but {quote(first)} is "
            f"`not-with` {quote(second)}",
            "There is no node on which both hold: the group could run nowhere.",
            "take one of the two relations out",
        )
        return


def _common_node(name: GroupName, companies: _Companies, mark: Mark, report: Report) -> None:
    together = companies[name]
    inner = [companies[other.name] for other in together[1:]]
    if meeting_nodes(together) or not all(meeting_nodes(each) for each in inner):
        return
    lists = [f"{quote(each.name)} on {listed(each.nodes, 'and')}" for each in together]
    report.error(
        mark,
        f"{quote(name)} and what it runs `with` have no node in common: {'; '.join(lists)}",
        "The group could run nowhere.",
        "let `nodes` of these groups share at least one node, better two",
    )
