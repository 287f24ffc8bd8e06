"""What an agent says of itself: its parameters and actions, and what its exit codes mean."""

from dataclasses import dataclass

from .model import ResourceSpec
from .units import Duration

NOT_INSTALLED, NOT_RUNNING, RUNNING_PROMOTED = 5, 7, 8

OCF_CODES = {
    0: "success",
    1: "a generic error",
    2: "the parameters make no sense here (OCF_ERR_ARGS)",
    3: "the agent does not know this action (OCF_ERR_UNIMPLEMENTED)",
    4: "the agent lacks a right that it needs (OCF_ERR_PERM)",
    5: "a program or a file that the agent needs is not installed here (OCF_ERR_INSTALLED)",
    6: "the parameters are wrong on every node (OCF_ERR_CONFIGURED)",
    7: "the resource is not running (OCF_NOT_RUNNING)",
    8: "the resource is running as the promoted one (OCF_RUNNING_MASTER)",
    9: "the promoted resource is there, but failed (OCF_FAILED_MASTER)",
    190: "the resource is running, but degraded",
    191: "the promoted resource is running, but degraded",
}
"""Exit codes of the Open Cluster Framework's resource agent API, 1.0 and 1.1."""

LSB_CODES = {
    0: "success",
    1: "a generic error",
    2: "wrong arguments",
    3: "the script does not know this action",
    4: "the script lacks a right that it needs",
    5: "the program is not installed",
    6: "the program is not configured",
    7: "the program is not running",
}
"""Exit codes of an init script's start and stop (LSB 5.0, Core, 22.2)."""

LSB_STATUS_CODES = {
    0: "the service is running",
    1: "the service is dead, and its pid file is left",
    2: "the service is dead, and its lock file is left",
    3: "the service is not running",
    4: "the script cannot tell",
}
"""Exit codes of an init script's status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter that an agent takes."""

    name: str
    kind: str = "string"
    """`string`, `integer`, `boolean`, or a word of a later standard."""
    default: str | None = None
    required: bool = False
    unique: bool = False
    short: str = ""
    long: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One action that an agent knows, with the time that its author advises."""

    name: str
    timeout: Duration | None = None
    interval: Duration | None = None
    depth: int = 0
    role: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """An agent's own words about itself: its meta-data."""

    name: str
    version: str = ""
    short: str = ""
    long: str = ""
    parameters: tuple[Parameter, ...] = ()
    actions: tuple[Action, ...] = ()

    def parameter(self, name: str) -> Parameter | None:
        """Return the parameter of that name, or None."""
        return next((p for p in self.parameters if p.name == name), None)

    def timeout(self, action: str, depth: int = 0) -> Duration | None:
        """Return the advised time of an action; of several the one for this depth, or the first."""
        chosen = self._advice(depth, [a for a in self.actions if a.name == action and a.timeout])
        return chosen.timeout if chosen else None

    def interval(self, action: str, depth: int = 0) -> Duration | None:
        """Return how often an action is advised; of several as with `timeout`."""
        chosen = self._advice(depth, [a for a in self.actions if a.name == action and a.interval])
        return chosen.interval if chosen else None

    def _advice(self, depth: int, fitting: list[Action]) -> Action | None:
        exact = next((a for a in fitting if a.depth == depth), None)
        return exact or next(iter(fitting), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found on this machine of one configured resource."""

    spec: ResourceSpec
    """What really runs: a name that Heartbeat wraps is the OCF agent by now."""
    runs: str = ""
    """The program, the unit, or this daemon itself; empty when it is missing."""
    missing: str = ""
    """What is not here, so that the resource cannot start; empty when all is here."""
    remedy: str = ""
    """What would help, as a command where that is known."""
    description: Description | None = None
    objection: str = ""
    """What the agent itself says against its parameters here (validate-all)."""
    at_boot: str = ""
    """What starts it when the machine boots, beside the cluster."""


def meaning(code: int | None, codes: dict[int, str] = OCF_CODES) -> str:
    """Return what an exit code says, for a person."""
    if code is None:
        return "it hangs in the kernel"
    if code < 0:
        return f"a signal ended it ({-code})"
    return codes.get(code, "a code that no standard knows")
