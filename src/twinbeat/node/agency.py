"""Make the agent of a resource, with what Heartbeat's scripts find in their environment."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from twinbeat.agents import orphans
from twinbeat.agents.addresses import Addresses
from twinbeat.agents.base import Agent, AgentError, Log
from twinbeat.agents.child import Hear
from twinbeat.agents.ocf import OcfAgent
from twinbeat.agents.programs import OCF_ROOT, OcfProgram, PythonProgram
from twinbeat.agents.script import ScriptAgent, searched
from twinbeat.agents.turns import Turns
from twinbeat.agents.wrappers import own_script
from twinbeat.config import Loaded
from twinbeat.config.wrappers import translate
from twinbeat.core.model import DEFAULT_TIMEOUT, AddressSpec, AgentKind, ClusterModel, ResourceSpec
from twinbeat.core.units import Duration, NodeName

if TYPE_CHECKING:
    from twinbeat.agents.systemd import Systemd


class Agency:
    """Knows every kind of agent; `model` is the configuration in force."""

    def __init__(
        self,
        model: ClusterModel,
        me: NodeName,
        directory: Path,
        addresses: Addresses | None,
        log: Log,
        hear: Hear | None = None,
        ocf_root: str = OCF_ROOT,
        bus: str | None = None,
    ) -> None:
        """`addresses` is None where no virtual IP is to be held; `hear` is told what agents say.

        `bus` is the address of the D-Bus that systemd is on; None: the system's.
        """
        self.model = model
        self.parameters: Mapping[str, str] = {}
        """The directives of ha.cf by name."""
        self._me = me
        self._directory = directory
        self._addresses = addresses
        self._log = log
        self._hear = hear
        self._ocf_root = ocf_root
        self._bus = bus
        self._turns = Turns()
        self._systemd: Systemd | None = None

    def agent(self, resource: ResourceSpec) -> Agent:
        """Return an agent for the resource as it is configured now; raises `AgentError`."""
        if resource.agent is AgentKind.IP:
            if self._addresses is None:
                raise AgentError(f"{resource.name} is held by the daemon itself, with its lease")
            return self._addresses.agent(resource)
        spec = self.resolve(resource)
        environment = self.environment()
        if spec.agent in (AgentKind.OCF, AgentKind.PYTHON):
            ocf = spec.agent is AgentKind.OCF
            program = OcfProgram(spec.script, self._ocf_root) if ocf else PythonProgram(spec.script)
            # Heartbeat gave its wrappers all the time they took: no agent's advice shortens that.
            least = DEFAULT_TIMEOUT if spec is not resource else Duration(0)
            return OcfAgent(spec, program, self._log, environment, self._turns, self._hear, least)
        if spec.agent is AgentKind.SYSTEMD:
            return self._unit(spec)
        dirs = self.model.script_dirs
        return ScriptAgent(spec, dirs, self._log, environment, self._turns, self._hear)

    def environment(self) -> dict[str, str]:
        """Return what scripts and programs find in their environment now."""
        return script_environment(self.model, self._me, self._directory, self.parameters)

    def resolve(self, resource: ResourceSpec) -> ResourceSpec:
        """Return what really runs on this machine for a resource.

        A name that Heartbeat ships a wrapper for is the OCF agent that the wrapper would call,
        unless the administrator has a script of that name in resource.d, or there is no such
        agent here.
        """
        called = translate(resource)
        if called is None:
            return resource
        try:
            if own_script(resource.script, self.model.script_dirs) is not None:
                return resource
            found = OcfProgram(called.script, self._ocf_root).command()
        except AgentError:
            return resource  # Its start will say why the script is refused.
        return called if found else resource

    def script_dirs(self, resource: ResourceSpec) -> list[str]:
        """Return where the script of a resource is looked for."""
        return searched(resource, self.model.script_dirs)

    def systemd(self) -> "Systemd":
        """Return the connection to systemd that all agents share; it is made when it is used."""
        # A library for D-Bus is loaded for those who have a use for it.
        from twinbeat.agents.systemd import Systemd

        if self._systemd is None:
            self._systemd = Systemd(self._log, self._bus)
        return self._systemd

    def open(self) -> None:
        """Take in the services that starts leave in the background, so that they are watched."""
        orphans.take_in(self._log)

    def tidy(self) -> None:
        """Clear away what remains of services that nobody watched; to be called every second."""
        orphans.see_off()

    def close(self) -> None:
        """Let go of what the agents share."""
        orphans.leave()
        if self._systemd is not None:
            self._systemd.close()

    def _unit(self, spec: ResourceSpec) -> Agent:
        from twinbeat.agents.unit import UnitAgent

        return UnitAgent(spec, self.systemd(), self._log, self._turns)


def prepared(loaded: Loaded) -> Loaded:
    """Import what the configured agents need: it takes too long for the decision loop."""
    if any(placed.spec.agent is AgentKind.SYSTEMD for placed in loaded.resources):
        import twinbeat.agents.unit  # noqa: F401
    return loaded


_NOT_SAID = ("hbversion", "crm")
"""Parameters that Heartbeat answers with, but does not export."""


def script_environment(
    model: ClusterModel, me: NodeName, directory: Path, parameters: Mapping[str, str]
) -> dict[str, str]:
    """Return what Heartbeat 3.0.6 exports to its scripts, where it means something here.

    `directory` is where the configuration lies. No secret is among it.
    """
    environment = {
        **{f"HA_{name}": value for name, value in model.variables},
        **{f"HA_{name}": value for name, value in parameters.items() if name not in _NOT_SAID},
        "HA_DIR": str(directory),
        "HA_FUNCS": str(directory / "shellfuncs"),
        "HA_CURHOST": me,
        "HA_DATEFMT": "%Y/%m/%d_%T\t",
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
