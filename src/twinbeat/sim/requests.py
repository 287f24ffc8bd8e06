"""What a scenario tells a daemon, as events: an operator's commands, and outcomes of orders."""

from twinbeat.core.beat import CLUSTER
from twinbeat.core.events import (
    CleanupRequested,
    ClearRequested,
    ConfirmRequested,
    Event,
    FailbackRequested,
    GroupFound,
    GroupRestarted,
    GroupRestartFailed,
    GroupStarted,
    GroupStartFailed,
    GroupStopFailed,
    GroupStopped,
    HandoverRequested,
    MaintenanceRequested,
    StandbyRequested,
)
from twinbeat.core.units import GroupName
from twinbeat.scenario import steps as do


def request_of(step: do.Command, request: int) -> Event:
    """Return the request that a line asks for."""
    match step:
        case do.Handover(group, to):
            return HandoverRequested(request, group, to)
        case do.FailBack(group):
            return FailbackRequested(request, group)
        case do.Standby(node, switch):
            return StandbyRequested(request, node, switch == "on")
        case do.Maintenance(switch, whose):
            return MaintenanceRequested(request, whose or CLUSTER, switch == "on")
        case do.Cleanup(group, node):
            return CleanupRequested(request, group, node)
        case do.Clear(group):
            return ClearRequested(request, group)
        case do.Confirm(node):
            return ConfirmRequested(request, node)
        case _:
            raise TypeError(f"nobody knows how to ask {step!r}")


def outcome_of(outcome: str, op: int, group: GroupName, resource: str) -> Event:
    """Return an outcome by its name; what failed is told of this resource."""
    match outcome:
        case "GroupStarted":
            return GroupStarted(op, group)
        case "GroupStartFailed":
            return GroupStartFailed(op, group, resource, "exit code 1")
        case "GroupStopped":
            return GroupStopped(op, group)
        case "GroupFound":
            return GroupFound(op, group)
        case "GroupRestarted":
            return GroupRestarted(op, group)
        case "GroupRestartFailed":
            return GroupRestartFailed(op, group, resource, "exit code 1", stuck=False)
        case _:
            return GroupStopFailed(op, group, resource, "exit code 1")
