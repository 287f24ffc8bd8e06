"""The daemon: everything is made here, started in its order, and ended in its order.

The kernel is silenced before the links open, and the links are open before the first decision; at
the end the peers have heard the goodbye before the links close. `run` is what `twinbeat run` calls.
"""

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twinbeat import config as configuration
from twinbeat.agents.addresses import Addresses
from twinbeat.agents.base import AgentError
from twinbeat.config import Loaded
from twinbeat.config.text import lower
from twinbeat.control.credentials import Credentials
from twinbeat.control.protocol import ExitCode, Refused
from twinbeat.control.server import ControlServer, SocketTaken
from twinbeat.core.engine import Engine
from twinbeat.core.events import (
    BeatReceived,
    GuardChanged,
    HardwareChanged,
    MessageReceived,
    ModelChanged,
    PingAnswered,
    ShutdownRequested,
)
from twinbeat.core.model import ClusterModel, Keyring
from twinbeat.core.units import Duration, NodeName, seconds
from twinbeat.heartbeat1 import Interpreter

from . import clock, realtime, snapshot, texts
from .agency import Agency, prepared, virtual_ips
from .alarm import Alarm
from .atboot import AtBoot
from .chores import Chores
from .chronicle import Chronicle
from .companions import Companions
from .custodian import Custodian
from .desk import Desk
from .logs import Logs, tell_traceback
from .loop import DecisionLoop
from .mail import LOAD, Mail
from .memory import Memory
from .notify import Notifier
from .performer import Performer
from .pings import Pings
from .scribe import Scribe
from .sources import SourceError, read_sources
from .state import Kept, StateDir, StateError
from .switchboard import Switchboard

if TYPE_CHECKING:
    from .recorder import Recording  # A life that is not recorded does not carry it along.

TIDY = seconds(1)
"""How often links are retried and drops told."""
TEND = seconds(2)
"""How often the addresses are seen to."""
SUMMARY = seconds(5)
"""How often a service manager hears how this node fares, unless its watchdog wants more."""
FIRST_SEQ_MAX = 1 << 30
"""The numbers of a life begin at random below this: no recorded acknowledgement fits them."""
LAST_WORDS_S = 3.0
"""How long the last lines may take to reach a disk."""


def run(
    config: Path,
    node: str | None,
    state_dir: Path,
    socket: Path,
    recording: "Recording | None" = None,
) -> int:
    """Run a node in the foreground until it is told to stop; return the exit code.

    0: stopped, everything released. 1: it could not start, or something could not be stopped, or
    a decision failed. 6: the configuration has errors, which were printed.
    """
    me = NodeName(lower(node or os.uname().nodename))
    try:
        loaded = prepared(configuration.load(read_sources(config), me))
    except SourceError as error:
        print(f"twinbeat: {error}", file=sys.stderr)
        return ExitCode.CONFIGURATION
    if loaded.model is None or loaded.keyring is None:
        for diagnostic in loaded.diagnostics:
            print(diagnostic, file=sys.stderr)
        return ExitCode.CONFIGURATION
    try:
        state = StateDir(state_dir)
        kept = state.begin_life(int(clock.wall()))
    except StateError as error:
        print(f"twinbeat: {error}", file=sys.stderr)
        return 1
    model, keyring = loaded.model, loaded.keyring
    daemon = Daemon(config, loaded, model, keyring, me, state, kept, socket, recording)
    return daemon.alarm.run(daemon.run())


class Daemon:
    """One life of one node."""

    def __init__(
        self,
        config: Path,
        loaded: Loaded,
        model: ClusterModel,
        keyring: Keyring,
        me: NodeName,
        state: StateDir,
        kept: Kept,
        socket: Path,
        recording: "Recording | None",
    ) -> None:
        self._config = config
        self._loaded = loaded
        self._model = model
        self._me = me
        self._kept = kept
        self._state = state
        self._guard = ""
        self._macs: frozenset[bytes] = frozenset()
        self._leaving = False
        self._engine: Interpreter | None = None
        self._reloading = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._notifier = Notifier()
        self._scribe = Scribe(self._job_failed)
        self._log = Logs(model.log, me, self._scribe)
        self._recorder = recording.begin(self._log, self._scribe) if recording else None
        self.alarm = Alarm()
        self._chores = Chores(self._chore_failed)
        self._loop = DecisionLoop(self.alarm, self._decision_failed, self._chores)
        self._control = ControlServer(socket, self._answer, self._log)
        self._mail = Mail(me, kept.life, kept.uuid, model.nodes, keyring, self._log)
        self._pings = Pings(kept.life.token, self._loop.post, self._mail)
        self._switchboard = Switchboard(self.alarm, self._loop.post, self._log, self._pings)
        self._addresses = Addresses(self._log, model.timing.margin)
        directory = config if config.is_dir() else config.parent
        self._agency = Agency(model, me, directory, self._addresses, self._log)
        self._at_boot = AtBoot(self._agency, self._log)
        self._custodian = Custodian(self._agency.agent, self._loop.post, self._log, self.alarm.gap)
        self._chronicle = Chronicle(state.path, me, self._log, self._scribe, self._control.publish)
        self._companions = Companions(
            *(directory.absolute(), state.path, self._agency.environment, self._chronicle),
            *(self._scribe, self._log),
        )
        memory = Memory(state, self._scribe, self._log)
        self._desk = Desk(
            *(me, self._chronicle, self._status, lambda: self._loaded.parameters, self.reload),
            *(self._loop.post, memory.kept, self.stop, self._log),
        )
        self._performer = Performer(
            mail=self._mail,
            switchboard=self._switchboard,
            addresses=self._addresses,
            custodian=self._custodian,
            chronicle=self._chronicle,
            desk=self._desk,
            memory=memory,
            post=self._loop.post,
            leave=self._leave,
            log=self._log,
        )
        self._custodian.up = self._performer.up

    async def run(self) -> int:
        """Live one life; return the exit code."""
        loop = asyncio.get_running_loop()
        self._end: asyncio.Future[int] = loop.create_future()
        loop.set_exception_handler(self._stray)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        code = 1
        try:
            await self._begin()
            code = await self._end
        except (SocketTaken, AgentError, OSError) as error:
            self._log("CRIT", f"this node cannot start: {error}")
        except Exception as error:
            self._log("CRIT", f"this node cannot start, by a fault of its own: {error!r}")
            tell_traceback(self._log, error)
        finally:
            await self._close(code)
        return code

    async def _begin(self) -> None:
        """Take the control socket, silence the kernel, open the links, decide: in this order."""
        self._tell_start()
        await self._control.start()
        await self._scribe.ask(self._chronicle.read_back)
        await self._addresses.open(virtual_ips(self._model), self._model.timing.lease)
        self._agency.open()
        realtime.settle(self._log, realtime=self._model.realtime, priority=self._model.rtprio)
        self._switchboard.use(self._model)
        engine = Engine(
            self._model,
            self._me,
            self._kept.life,
            clock.now(),
            standby=self._kept.standby,
            maintenance=self._kept.maintenance,
        )
        before_it = Interpreter if self._recorder is None else self._recorder.engine
        self._engine = before_it(engine, secrets.randbelow(FIRST_SEQ_MAX))
        self._adopt(self._model)
        self._tell_guard()
        self._tell_hardware()
        self._chores.add(TIDY, self._tidy_up)
        self._chores.add(TEND, self._addresses.tend)
        self._chores.add(LOAD, self._mail.read_load)
        self._loop.begin(self._engine, self._arrived, self._performer.perform)
        self._notifier.ready(self._summary())
        if self._notifier.listened_to:
            watchdog = self._notifier.watchdog
            period = SUMMARY if watchdog is None else min(SUMMARY, Duration(watchdog // 3))
            self._chores.add(period, lambda: self._notifier.alive(self._summary()))

    async def _close(self, code: int) -> None:
        """Leave nothing open; after a failure the kernel's guard stays where it is."""
        self._loop.end()
        for task in self._tasks:
            task.cancel()
        await self._custodian.close()
        await self._companions.end()
        self._agency.close()
        await self._switchboard.close()
        if code == 0:
            await self._addresses.close()
        self._log(*texts.farewell(self._me))
        await self._control.close()
        if self._recorder is not None:
            self._recorder.close()
        self._scribe.close(LAST_WORDS_S)
        self._state.close()

    # What arrives.

    def _arrived(self) -> Iterator[BeatReceived | MessageReceived | PingAnswered]:
        """Yield what every packet that waits and is to be believed says."""
        for packet, link in self._switchboard.receive():
            said = self._mail.open(packet, link)
            if said is not None:
                yield said
        yield from self._pings.answers()

    async def _answer(self, do: str, args: dict[str, Any], who: Credentials) -> object:
        if self._engine is None:
            raise Refused(ExitCode.REFUSED, "This node is still starting: try again in a moment.")
        return await self._desk.handle(do, args, who)

    def stop(self) -> None:
        """Release everything, tell the peers, end; a second call changes nothing."""
        if self._leaving:
            self._log("info", "Heartbeat shutdown already underway.")
            return
        self._leaving = True
        self._notifier.stopping()
        self._loop.post(ShutdownRequested())

    def _hang_up(self) -> None:
        async def reload() -> None:
            with suppress(Refused):  # Why is in the log already.
                await self.reload()

        if self._engine is None:
            self._log("info", "SIGHUP: the configuration is just being read")
        else:
            self._spawn(reload())

    async def reload(self) -> object:
        """Read the configuration again and take it over; raises `Refused` and keeps the old one."""
        async with self._reloading:
            try:
                loaded = await self._scribe.ask(self._read)
                self._tell(texts.diagnosed(loaded.diagnostics))
                if loaded.model is None or loaded.keyring is None:
                    told = (str(d) for d in loaded.diagnostics if d.severity == "error")
                    raise Refused(ExitCode.CONFIGURATION, "\n".join(told))
                await self._addresses.update(virtual_ips(loaded.model, self._model))
            except SourceError as error:
                raise self._kept_old(Refused(ExitCode.CONFIGURATION, str(error))) from None
            except AgentError as error:
                raise self._kept_old(Refused(ExitCode.REFUSED, str(error))) from None
            except Refused as refused:
                raise self._kept_old(refused) from None
            self._loaded = loaded
            self._take_over(loaded.model, loaded.keyring)
            return {"warnings": [str(d) for d in loaded.diagnostics]}

    def _kept_old(self, refused: Refused) -> Refused:
        why, *_ = refused.reason.splitlines()
        self._log("ERROR", f"the old configuration stays in force: {why}")
        return refused

    def _take_over(self, model: ClusterModel, keyring: Keyring) -> None:
        """Let a valid configuration rule from now on; nothing here can fail half-way."""
        before, self._model = self._model, model
        if (before.realtime, before.rtprio) != (model.realtime, model.rtprio):
            self._log("WARN", "realtime and rtprio are taken over by the next start, not by reload")
        self._mail.believe(model.nodes, keyring)
        self._addresses.retime(model.timing.lease, model.timing.margin)
        self._log.configure(model.log)
        self._switchboard.use(model)
        self._adopt(model)
        self._loop.post(ModelChanged(model))

    def _read(self) -> Loaded:
        return prepared(configuration.load(read_sources(self._config), self._me))

    def _adopt(self, model: ClusterModel) -> None:
        self._agency.model, self._agency.parameters = model, self._loaded.parameters
        self._companions.use(model)
        self._custodian.look_after(model.groups)
        self._spawn(self._at_boot.look(model))
        self._chronicle.preferred = {group.name: group.preferred for group in model.groups}

    # What is told.

    def _tell_start(self) -> None:
        self._tell((*texts.banner(self._kept.life.generation), *self._kept.notes))
        self._tell(texts.diagnosed(self._loaded.diagnostics))

    def _tell(self, lines: Iterable[texts.Line]) -> None:
        for line in lines:
            self._log(*line)

    def _tell_hardware(self) -> None:
        if self._addresses.macs != self._macs:
            self._macs = self._addresses.macs
            self._loop.post(HardwareChanged(self._macs))

    def _tell_guard(self) -> None:
        if self._addresses.kind != self._guard:
            self._guard = self._addresses.kind
            self._loop.post(GuardChanged(self._guard))

    def _status(self) -> object:
        assert self._engine is not None  # Requests are refused before.
        drops = self._mail.drops()
        if self._switchboard.unsent:
            drops["not sent"] = self._switchboard.unsent
        status = self._engine.status(clock.now())
        answer = snapshot.draw(status, self._model, self._custodian, drops, self._at_boot.flags)
        return answer | {"hooks": self._companions.herald.status()}

    def _summary(self) -> str:
        assert self._engine is not None  # It is asked only after the start.
        return snapshot.summary(self._engine.status(clock.now()))

    # What comes again and again.

    def _tidy_up(self) -> None:
        self._switchboard.retry()
        self._agency.tidy()
        for reason, times, link in self._switchboard.losses():
            self._mail.count(reason, times, f"on {link}")
        self._mail.tell_drops()
        self._tell_guard()
        self._tell_hardware()

    # How it ends.

    def _leave(self, clean: bool) -> None:
        if not self._end.done():
            self._end.set_result(0 if clean else 1)

    def _decision_failed(self, error: Exception) -> None:
        """A decision raised: fall silent at once, and leave it to a new life to begin clean."""
        self._performer.silence_everything()
        self._log("CRIT", f"a decision failed ({error!r}): the addresses are silenced, this ends")
        tell_traceback(self._log, error)
        self._leave(clean=False)

    def _chore_failed(self, error: Exception) -> None:
        self._log("ERROR", f"keeping house failed ({error!r}); going on")
        tell_traceback(self._log, error)

    def _job_failed(self, error: BaseException) -> None:
        self._log("ERROR", f"a file could not be written: {error}")

    def _stray(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What no task took care of is told, and ends nothing."""
        self._log("ERROR", f"unexpected: {context.get('message')}")
        error = context.get("exception")
        if error is not None:
            tell_traceback(self._log, error)

    def _spawn(self, work: Any) -> None:
        self._tasks.add(task := asyncio.create_task(work))
        task.add_done_callback(self._tasks.discard)
