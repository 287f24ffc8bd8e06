"""What runs beside the daemon on its node: respawned programs, and whoever is told of what happens.

The administrators' hooks hear what becomes of groups, Heartbeat's `rc.d/status` of nodes.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from twinbeat.agents.base import Log
from twinbeat.core.effects import Record
from twinbeat.core.model import ClusterModel

from .chronicle import Chronicle
from .herald import Herald
from .rc_status import StatusHook
from .respawn import Respawner
from .scribe import Scribe


class Companions:
    """Hears every decision; nothing here can hold one up."""

    def __init__(
        self,
        directory: Path,
        state: Path,
        environment: Callable[[], Mapping[str, str]],
        chronicle: Chronicle,
        scribe: Scribe,
        log: Log,
    ) -> None:
        self.herald = Herald(state, chronicle, scribe, log)
        self.hook = StatusHook(directory, state, environment, scribe, log)
        self.respawner = Respawner(environment, scribe, log)
        chronicle.listeners.append(self.heard)
        chronicle.readers.append(self.herald.heard)

    def use(self, model: ClusterModel) -> None:
        """Take over a configuration."""
        self.respawner.use(model.respawn)
        self.herald.use(model)

    def heard(self, record: Record) -> None:
        """Take note of a decision."""
        self.hook.heard(record)
        self.respawner.heard(record)

    async def end(self) -> None:
        """End them, once every resource is gone."""
        await self.herald.end()
        await self.hook.end()
        await self.respawner.end()
