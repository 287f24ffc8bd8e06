"""Make the agent of a resource, with what Heartbeat's scripts find in their environment."""

from pathlib import Path

from twinbeat.agents.addresses import Addresses
from twinbeat.agents.base import Agent, Log
from twinbeat.agents.script import ScriptAgent
from twinbeat.core.model import AddressSpec, AgentKind, ClusterModel, ResourceSpec
from twinbeat.core.units import NodeName


class Agency:
    """Knows every kind of agent; `model` is the configuration in force."""

    def __init__(
        self, model: ClusterModel, me: NodeName, directory: Path, addresses: Addresses, log: Log
    ) -> None:
        self.model = model
        self._me = me
        self._directory = directory
        self._addresses = addresses
        self._log = log

    def agent(self, resource: ResourceSpec) -> Agent:
        """Return an agent for the resource as it is configured now."""
        if resource.agent is AgentKind.IP:
            return self._addresses.agent(resource)
        environment = script_environment(self.model, self._me, self._directory)
        return ScriptAgent(resource, self.model.script_dirs, self._log, environment)


def script_environment(model: ClusterModel, me: NodeName, directory: Path) -> dict[str, str]:
    """Return what Heartbeat 3.0.6 exports to its scripts, where it means something here.

    `directory` is where the configuration lies. No secret is among it.
    """
    environment = {
        "HA_DIR": str(directory),
        "HA_FUNCS": str(directory / "shellfuncs"),
        "HA_CURHOST": me,
        "HA_DATEFMT": "%Y/%m/%d_%T ",
        "OCF_ROOT": "/usr/lib/ocf",
        "HA_LOGFILE": model.log.logfile,
        "HA_DEBUGLOG": model.log.debugfile,
        "HA_LOGFACILITY": model.log.facility,
    }
    return {name: value for name, value in environment.items() if value is not None}


def virtual_ips(*models: ClusterModel) -> list[AddressSpec]:
    """Return every virtual IP of these configurations once: one that goes is guarded to its end."""
    found = {
        resource.address: None
        for model in models
        for group in model.groups
        for resource in group.resources
        if resource.address is not None
    }
    return list(found)
