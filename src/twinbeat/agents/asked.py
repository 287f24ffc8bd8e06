"""What the agents have in common that ask somebody else: a program, or systemd."""

from abc import ABC, abstractmethod

from twinbeat.core.model import ResourceSpec

from .base import AgentError, Found, Log, Outcome
from .command import now
from .turns import Turns


class AskedAgent(ABC):
    """One resource that is asked after, when it is this agent's turn (see `base.Agent`)."""

    doubtful = False

    def __init__(self, spec: ResourceSpec, log: Log, turns: Turns | None) -> None:
        self.name = spec.name
        self._spec = spec
        self._log = log
        self._turns = turns or Turns()
        self._may_run = False
        """Whether this life has started it or seen it run, and has not stopped it since."""

    async def monitor(self, depth: int = 0, *, urgent: bool = False) -> Outcome:
        """Look once; what cannot be asked is a failed look that gave no answer."""
        async with self._turns.orders if urgent else self._turns.looks:
            began = now()
            answered = True
            try:
                found, reason = await self._look(depth)
            except AgentError as error:
                found, reason, answered = Found.FAILED, str(error), False
            self._may_run = self._may_run or found is Found.RUNNING
            return Outcome(found, reason, now() - began, answered)

    @abstractmethod
    async def _look(self, depth: int) -> tuple[Found, str]:
        """Return what was found, and why that is believed; raises `AgentError`."""
