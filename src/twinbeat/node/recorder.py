"""Record a life: everything that the core is told and orders, for `twinbeat replay`.

The decision loop only puts references into a bounded queue; text is made and written in the
scribe's thread. A stream has no gaps: when the file is full, the disk is too slow or an order has
no words, it ends with a line that says so. Recording never hinders the daemon: what goes wrong is
told in the log, and the node goes on without.

Each life has a file of its own, readable by its owner alone: FILE, or when that exists the first of
FILE.2, FILE.3 ... that does not. A symbolic link counts as a file that exists: it is not followed.
"""

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from twinbeat import __version__
from twinbeat.agents.base import Log
from twinbeat.core.effects import Effect
from twinbeat.core.engine import Engine
from twinbeat.core.events import Event
from twinbeat.core.units import Instant
from twinbeat.heartbeat1 import Interpreter
from twinbeat.journal.stream import Birth, End, Line, Step, Writer

from .scribe import Errand, Scribe

LIMIT = 64 << 20
"""Bytes of one life, unless told otherwise."""
UNWRITTEN_MAX = 10_000
"""Steps that may wait for the disk: minutes of a cluster with ordinary timers."""
LIVES_MAX = 20
"""Files beside each other; a daemon that is restarted over and over must not fill a disk."""
END_BYTES = 1024
"""Kept free for the last line."""
ENDED = End("the daemon ended")
"""How a stream ends that nothing went wrong with."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What is asked for: where to, and how many bytes a life may take."""

    file: Path
    limit: int = LIMIT

    def begin(self, log: Log, scribe: Scribe) -> "Recorder":
        """Return the recorder of a new life."""
        return Recorder(self, log, scribe)


class Recorder:
    """Writes the stream of one life behind the scribe's queue."""

    def __init__(self, recording: Recording, log: Log, scribe: Scribe) -> None:
        self._recording = recording
        self._log = log
        self._unwritten: deque[Line] = deque()
        self._writing = Errand(scribe, self._write)
        self._writer = Writer()
        self._path = recording.file
        self._file: int | None = None
        self._size = 0
        self._over = False

    @property
    def engine(self) -> "Callable[[Engine, int], RecordedEngine]":
        """What stands before this life's engine, as `Interpreter` would."""
        return partial(RecordedEngine, self)

    def put(self, line: Line) -> None:
        """Take the next line; nothing here waits."""
        if self._over:
            return
        if len(self._unwritten) >= UNWRITTEN_MAX:
            line = End("the disk did not keep up")
        if isinstance(line, End):
            self._over = True
        self._unwritten.append(line)
        self._writing.call()

    def close(self) -> None:
        """Say that the life is over."""
        self.put(ENDED)

    def _write(self) -> None:
        """Write what waits; in the scribe's thread."""
        try:
            while self._unwritten:
                self._write_line(self._unwritten.popleft())
        except OSError as error:
            self._complain(f"{self._path} cannot be written ({error.strerror})")
            self._stop()

    def _write_line(self, line: Line) -> None:
        if isinstance(line, Birth):
            self._file = self._create()
        if self._file is None:
            return  # It could not be made, or the stream has ended.
        try:
            data = self._encoded(line)
        except TypeError as error:
            line = End(f"a step cannot be put down: {error}")
            data = self._encoded(line)
        room = self._recording.limit - END_BYTES - self._size
        if isinstance(line, Step) and len(data) > room:
            line = End(f"the file is full: {self._recording.limit} bytes are its limit")
            data = self._encoded(line)
        self._size += len(data)
        while data:
            data = data[os.write(self._file, data) :]
        if isinstance(line, End):
            if line is not ENDED:
                self._complain(f"{self._path} ends here ({line.ends})")
            self._stop()

    def _encoded(self, line: Line) -> bytes:
        return self._writer.write(line).encode() + b"\n"

    def _create(self) -> int:
        """Make a new file for this life; raises `OSError`."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        file = self._recording.file
        for number in range(1, LIVES_MAX + 1):
            self._path = file if number == 1 else file.with_name(f"{file.name}.{number}")
            try:
                made = os.open(self._path, flags, 0o600)
            except FileExistsError:
                continue
            self._log("info", f"this life is recorded in {self._path}")
            return made
        raise FileExistsError(0, f"{LIVES_MAX} lives are there already: remove some", file)

    def _complain(self, what: str) -> None:
        self._log("WARN", f"{what}: this life is not recorded any further")

    def _stop(self) -> None:
        """Record no more; what is written stays and is good as far as it goes."""
        self._over = True
        self._unwritten.clear()
        if self._file is not None:
            os.close(self._file)
            self._file = None


class RecordedEngine(Interpreter):
    """An engine of which every step is put down, also the one that fails."""

    def __init__(self, recorder: Recorder, engine: Engine, first_seq: int = 0) -> None:
        super().__init__(engine, first_seq)
        self._recorder = recorder
        recorder.put(
            Birth(
                program=__version__,
                node=engine.me,
                life=engine.mine.life,
                now=engine.members.started_at,
                standby=dict(engine.standby),
                maintenance=dict(engine.maintenance),
                model=engine.model,
                first_seq=first_seq,
            )
        )

    def handle(self, event: Event, now: Instant) -> list[Effect]:
        """Decide as every engine does, and put it down."""
        try:
            effects = super().handle(event, now)
        except Exception as error:
            self._recorder.put(Step(now, event, raised=repr(error)))
            raise
        self._recorder.put(Step(now, event, tuple(effects)))
        return effects
