"""Warn of services of the cluster that something else starts as well, when the machine boots."""

from twinbeat.agents.base import AgentError, Log
from twinbeat.core.model import AgentKind, ClusterModel

from .agency import Agency
from .survey import Surveyor

_STARTED_BY_OTHERS = (AgentKind.SCRIPT, AgentKind.LSB, AgentKind.SYSTEMD)


class AtBoot:
    """Looks at what starts the configured services at boot, after each reading of them."""

    def __init__(self, agency: Agency, log: Log) -> None:
        self._agency = agency
        self._log = log
        self.flags: list[str] = []
        """One line for each such service, for the status."""

    async def look(self, model: ClusterModel) -> None:
        """Find them, and say so in the log; where systemd cannot be asked, its units are left out.

        Such a service runs on every node after a boot, whoever holds its group.
        """
        surveyor = Surveyor(self._agency)
        found: list[str] = []
        for resource in {each.name: each for g in model.groups for each in g.resources}.values():
            if self._agency.resolve(resource).agent not in _STARTED_BY_OTHERS:
                continue
            try:
                finding = await surveyor.look(resource)
            except AgentError:
                continue  # Its start will say what is wrong with it.
            if finding.at_boot:
                found.append(f"{resource.name} is started at boot by {finding.at_boot} as well")
                self._log(
                    "WARN",
                    f"{found[-1]}: after a boot of this node it would run here beside its owner, "
                    f"until this daemon has probed it; remedy: {finding.remedy}",
                )
        self.flags = found
