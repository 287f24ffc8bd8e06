"""What is to outlive the daemon, on its way to the disk.

An order that was granted is not forgotten: whoever gave it is answered when the disk holds it,
for a daemon killed in between would begin its next life without it. Decisions wait for no disk.
"""

from twinbeat.agents.base import Log
from twinbeat.core.effects import Remember

from .scribe import Scribe
from .state import StateDir


class Memory:
    """The newest of what the core wants remembered, and whether the disk holds it."""

    def __init__(self, state: StateDir, scribe: Scribe, log: Log) -> None:
        self._state = state
        self._scribe = scribe
        self._log = log
        self._wanted: Remember | None = None
        """Set by the decision loop only."""
        self._written: Remember | None = None
        """Set by the scribe's thread only."""

    def remember(self, wanted: Remember) -> None:
        """Hand it to the scribe and return at once."""
        self._wanted = wanted
        if not self._scribe.put(self._write):
            self._log("ERROR", "the disk does not keep up: a switch is not kept yet")

    async def kept(self) -> None:
        """Return when the disk holds everything; at once when it does already.

        What could not be written is tried once more. Raises `OSError` when the disk refuses again.
        """
        if self._written is not self._wanted:
            await self._scribe.ask(self._write)

    def _write(self) -> None:
        wanted = self._wanted
        if wanted is not None and wanted is not self._written:
            self._state.remember(wanted)
            self._written = wanted
