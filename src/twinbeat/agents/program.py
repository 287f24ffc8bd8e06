"""What the agents have in common that call a program: scripts, OCF and Python agents."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence

from twinbeat.core.model import ResourceSpec

from .asked import AskedAgent
from .base import AgentError, Found, Log
from .child import Ended, Hear
from .command import LAST_LOOK, Commands, now
from .processes import MARK, Processes
from .turns import Turns

Command = tuple[str, ...]
"""The words before the action."""


class ProgramAgent(AskedAgent):
    """One resource that a program starts, stops and looks at, and that lives in processes."""

    def __init__(
        self,
        spec: ResourceSpec,
        log: Log,
        environment: Mapping[str, str],
        turns: Turns | None,
        hear: Hear | None,
    ) -> None:
        super().__init__(spec, log, turns)
        self._environment = {**environment, MARK: spec.name}
        self._commands = Commands(spec.name, log, hear)
        self._processes = Processes(spec.name)

    async def stop(self) -> None:
        """Stop the resource; a stop that fails is repeated until the stop timeout has passed.

        A program that never succeeds is believed when its look says that the resource is stopped.
        Raises `AgentError` when it may still be running.
        """
        async with self._turns.orders:
            command = self._find_to_end()
            if command is None:
                if self._may_run:
                    raise AgentError(f"{self.name} cannot be stopped: {self._missing}")
                return
            deadline = now() + await self._limit(command, "stop")
            failure = await self._commands.stop(
                lambda: self._call(command, "stop", deadline),
                deadline,
                lambda ended: self._failure(command, "stop", ended),
            )
            if failure is not None:
                await self._judge_failed_stop(command, failure)
            self._may_run = False
            self._processes.forget()

    @property
    def last(self) -> Ended | None:
        """How the newest call of the program ended."""
        return self._commands.last

    @property
    def watched(self) -> str:
        """Which of its processes are watched."""
        return self._processes.watched

    async def changed(self) -> str:
        """Return when one of its processes has ended."""
        return await self._processes.changed()

    async def _look(self, depth: int) -> tuple[Found, str]:
        command = self._find_to_end()
        if command is None:
            if self._may_run:
                why = f"whether {self.name} runs cannot be told: {self._missing}"
                raise AgentError(why)
            return Found.STOPPED, self._missing
        deadline = now() + await self._limit(command, "monitor", depth)
        found, reason = await self._ask(command, deadline, depth)
        if found is Found.RUNNING:
            await self._processes.look_for(await self._pidfiles(command))
        return found, reason

    async def _found_running(self, command: Command) -> None:
        """Watch what somebody else, or an earlier life, has started."""
        self._processes.expect(fresh=False)
        self._may_run = True
        await self._processes.look_for(await self._pidfiles(command))

    async def _start(self, command: Command, deadline: float) -> Ended:
        """Call the program's start, and watch what it leaves running."""
        self._processes.expect(fresh=not self._may_run)
        self._may_run = True
        ended = await self._call(command, "start", deadline)
        if ended.code == 0:
            await self._processes.look_for(await self._pidfiles(command))
        return ended

    async def _judge_failed_stop(self, command: Command, failure: str) -> None:
        """Ask once more after every stop has failed; raises `AgentError` unless all is well."""
        limit = min(await self._limit(command, "stop"), LAST_LOOK)
        try:
            found, why = await self._ask(command, now() + limit)
        except AgentError as trouble:
            raise AgentError(f"{self.name} did not stop: {failure}; then {trouble}") from None
        if found is not Found.STOPPED:
            state = "it still runs" if found is Found.RUNNING else why
            raise AgentError(f"{self.name} did not stop: {failure}; {state}")
        self._excuse()

    def _find_to_end(self) -> Command | None:
        """As `_find`; a program that is refused never ran here, unless this life ran it."""
        try:
            return self._find()
        except AgentError as refusal:
            if self._may_run:
                raise
            self._log("ERROR", f"{refusal}; it is taken as not running")
            return None

    @property
    @abstractmethod
    def _missing(self) -> str:
        """What is not there when there is no program."""

    @abstractmethod
    def _find(self) -> Command | None:
        """Return the program, or None when it is not there; raises `AgentError`."""

    @abstractmethod
    async def _call(
        self, command: Command, action: str, deadline: float, level: str = "info", depth: int = 0
    ) -> Ended:
        """Call the program once; raises `AgentError`."""

    @abstractmethod
    async def _ask(self, command: Command, deadline: float, depth: int = 0) -> tuple[Found, str]:
        """Call the program's look and say what its answer means; raises `AgentError`."""

    @abstractmethod
    def _failure(self, command: Command, action: str, ended: Ended) -> str:
        """Say how a call failed, for a person."""

    @abstractmethod
    def _excuse(self) -> None:
        """Tell of a program that failed to stop what does not run."""

    @abstractmethod
    async def _limit(self, command: Command, action: str, depth: int = 0) -> float:
        """Return how many seconds an action may take."""

    @abstractmethod
    async def _pidfiles(self, command: Command) -> Sequence[str]:
        """Return where the main process may have written its number."""
