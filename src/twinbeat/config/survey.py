"""What was found of the resources on a machine, as diagnostics about the files that name them."""

import re
from collections.abc import Iterable

from twinbeat.core.description import Description, Finding, Parameter
from twinbeat.core.model import AgentKind

from .diagnostics import Diagnostic, Mark, Report, did_you_mean, quote
from .loading import Placed

_WHOLE = re.compile(r"[+-]?\d+|[+-]?INFINITY", re.IGNORECASE)
_BOOLEANS = frozenset({"true", "false", "yes", "no", "on", "off", "1", "0", "t", "f", "y", "n"})


def judge(found: Iterable[tuple[Placed, Finding]]) -> tuple[Diagnostic, ...]:
    """Return what is to be said about the resources here, in the order of the files."""
    report = Report()
    for placed, finding in found:
        _judge(placed, finding, report)
    return report.diagnostics()


def _judge(placed: Placed, finding: Finding, report: Report) -> None:
    name = quote(placed.spec.name)
    if finding.missing:
        report.error(
            placed.mark,
            f"{name} cannot start on this machine: {finding.missing}",
            f"The group {quote(placed.group)} will not start here.",
            finding.remedy,
        )
        return
    if finding.at_boot:
        report.warning(
            placed.mark,
            f"{name} is started at boot by {finding.at_boot}",
            "Nobody but the cluster may start it: after a boot it would run here beside its owner.",
            finding.remedy,
        )
    if finding.description is not None:
        _parameters(placed, finding, finding.description, report)
    if finding.objection:
        report.warning(
            placed.mark,
            f"the agent of {name} objects to its parameters: {finding.objection}",
            "What it misses may come with an earlier resource of the group; if not, the group will "
            "not start here.",
        )


def _parameters(placed: Placed, finding: Finding, description: Description, report: Report) -> None:
    """Compare the parameters with what the agent says it takes."""
    given = dict(finding.spec.parameters)
    agent = quote(finding.spec.script)
    # Heartbeat's own wrappers leave out what newer agents call required, and that works.
    tell = report.error if placed.spec.agent is not AgentKind.SCRIPT else report.warning
    for known in description.parameters:
        if known.required and not given.get(known.name):
            tell(
                placed.mark,
                f"{agent} requires the parameter {quote(known.name)}",
                hint=known.short,
            )
    for name, value in given.items():
        mark = placed.parameters.get(name, placed.mark)
        parameter = description.parameter(name)
        if parameter is None:
            names = [each.name for each in description.parameters]
            tell(
                mark,
                f"{agent} takes no parameter {quote(name)}",
                "It would be ignored.",
                did_you_mean(name, names) or f"`twinbeat agents {finding.spec.script}` lists them",
            )
        else:
            _value(parameter, value, mark, report)


def _value(parameter: Parameter, value: str, mark: Mark, report: Report) -> None:
    if parameter.kind == "integer" and not _WHOLE.fullmatch(value):
        report.error(mark, f"{quote(parameter.name)} is a whole number, not {quote(value)}")
    elif parameter.kind == "boolean" and value.lower() not in _BOOLEANS:
        report.error(mark, f"{quote(parameter.name)} is true or false, not {quote(value)}")
