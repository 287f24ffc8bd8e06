"""Look at this machine with a resource in mind: what would run, and what is missing for it."""

import os
from pathlib import Path

from twinbeat.agents.base import AgentError
from twinbeat.agents.ocf import OcfAgent
from twinbeat.agents.packages import AGENTS_PACKAGE, remedy_for_agent, remedy_for_script
from twinbeat.agents.trust import locate
from twinbeat.agents.wrappers import own_script
from twinbeat.config.wrappers import WRAPPERS
from twinbeat.core.description import Finding
from twinbeat.core.model import AgentKind, ResourceSpec

from .agency import Agency

_NETWORK = "/sys/class/net"
_RUN_LEVELS = "2345"
_ENABLED = frozenset({"enabled", "enabled-runtime"})


class Surveyor:
    """Looks at one resource after the other, with the agents that the daemon would use."""

    def __init__(self, agency: Agency) -> None:
        self._agency = agency

    async def look(self, resource: ResourceSpec) -> Finding:
        """Return what is here of the resource; it starts and stops nothing."""
        spec = self._agency.resolve(resource)
        match spec.agent:
            case AgentKind.IP:
                return self._address(spec)
            case AgentKind.OCF | AgentKind.PYTHON:
                return await self._ocf(spec)
            case AgentKind.SYSTEMD:
                return await self._unit(spec)
            case AgentKind.SCRIPT | AgentKind.LSB:
                return self._script(spec)

    def _address(self, spec: ResourceSpec) -> Finding:
        interface = spec.address.interface if spec.address else None
        if interface is not None and not os.path.exists(os.path.join(_NETWORK, interface)):
            return Finding(
                spec=spec,
                missing=f"there is no network interface {interface}",
                remedy=f"those that are here: {', '.join(sorted(os.listdir(_NETWORK)))}",
            )
        return Finding(spec=spec, runs="the daemon itself, with its lease")

    def _script(self, spec: ResourceSpec) -> Finding:
        dirs = self._agency.script_dirs(spec)
        try:
            path = locate(spec.script, dirs)
            wrapped = spec.script in WRAPPERS and path is not None
            if wrapped and own_script(spec.script, dirs) is None and "init.d" not in str(path):
                why = f"{path} calls the OCF agent {spec.script}, which is not here"
                remedy = f"apt-get install {AGENTS_PACKAGE}"
                return Finding(spec=spec, missing=why, remedy=remedy)
        except AgentError as refusal:
            return Finding(spec=spec, missing=str(refusal))
        if path is None:
            known = spec.script in WRAPPERS and spec.agent is AgentKind.SCRIPT
            remedy = f"apt-get install {AGENTS_PACKAGE}" if known else ""
            return Finding(
                spec=spec,
                missing=f"there is no script {spec.script} in {' or '.join(dirs)}",
                remedy=remedy or remedy_for_script(spec.script),
            )
        boot = _started_at_boot(spec.script) if Path(path).parent.name == "init.d" else ""
        remedy = f"systemctl disable {spec.script}, or update-rc.d {spec.script} disable"
        return Finding(spec=spec, runs=path, at_boot=boot, remedy=remedy if boot else "")

    async def _ocf(self, spec: ResourceSpec) -> Finding:
        agent = self._agency.agent(spec)
        assert isinstance(agent, OcfAgent)
        try:
            command = agent.command()
            description = await agent.describe()
            objection = await agent.validate()
        except AgentError as error:
            provider, _, kind = spec.script.partition(":")
            python = spec.agent is AgentKind.PYTHON
            remedy = "pip install the package that ships it" if python else ""
            return Finding(
                spec=spec,
                missing=str(error),
                remedy=remedy or (remedy_for_agent(provider, kind) if agent.absent else ""),
            )
        runs = " ".join(command or ())
        return Finding(spec=spec, runs=runs, description=description, objection=objection or "")

    async def _unit(self, spec: ResourceSpec) -> Finding:
        systemd = self._agency.systemd()
        try:
            state = await systemd.state(spec.script)
        except AgentError as error:
            return Finding(spec=spec, missing=str(error))
        if state.load != "loaded":
            name = spec.script.removesuffix(".service")
            why = f"systemd has no unit {spec.script} ({state.load})"
            remedy = f"systemctl unmask {name}" if state.load == "masked" else ""
            return Finding(spec=spec, missing=why, remedy=remedy or remedy_for_script(name))
        if state.enabled in _ENABLED:
            remedy = f"systemctl disable {spec.script}"
            runs = f"systemd, {spec.script}"
            return Finding(spec=spec, runs=runs, at_boot="systemd (enabled)", remedy=remedy)
        return Finding(spec=spec, runs=f"systemd, {spec.script}")


def _started_at_boot(name: str) -> str:
    """Return what starts an init script at boot, or nothing."""
    for level in _RUN_LEVELS:
        for link in sorted(Path(f"/etc/rc{level}.d").glob(f"S[0-9][0-9]{name}")):
            return str(link)
    wanted = Path(f"/etc/systemd/system/multi-user.target.wants/{name}.service")
    return str(wanted) if wanted.is_symlink() else ""
