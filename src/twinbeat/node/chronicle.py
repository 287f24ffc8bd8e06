"""Every decision goes three ways at once: into the journal and its file, the log, to subscribers.

The file is one JSON line for each entry; at `FILE_BYTES` it becomes `journal.jsonl.1` and a new
one begins. Both are read back at the start of a life, so that `why` reaches over a restart.
"""

from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

from twinbeat.agents.base import Log
from twinbeat.core.effects import Record
from twinbeat.core.units import GroupName, Instant, NodeName
from twinbeat.journal import Entry, Journal, Move, last_move, render

from . import clock, texts
from .scribe import Errand, Scribe

JOURNAL_FILE = "journal.jsonl"
FILE_BYTES = 2 << 20
LINE_BYTES = 16 << 10
ENTRIES_MAX = 2000
UNWRITTEN_MAX = 10_000


class Chronicle:
    """The record of what this node decided, and why."""

    def __init__(
        self,
        directory: Path,
        me: NodeName,
        log: Log,
        scribe: Scribe,
        publish: Callable[[Mapping[str, object]], None],
    ) -> None:
        self.preferred: Mapping[GroupName, NodeName] = {}
        self.listeners: list[Callable[[Record], None]] = []
        """Who else is told of every decision; they neither wait nor fail."""
        self.readers: list[Callable[[Entry], None]] = []
        """Who is told of every entry, as the journal has it; they neither wait nor fail."""
        self._file = directory / JOURNAL_FILE
        self._me = me
        self._log = log
        self._scribe = scribe
        self._publish = publish
        self._journal = Journal(ENTRIES_MAX)
        self._unwritten: deque[Entry] = deque(maxlen=UNWRITTEN_MAX)
        self._writing = Errand(scribe, self.write)
        self._complained = False

    def read_back(self) -> None:
        """Take up what earlier lives left; what cannot be read is counted, told and left out."""
        broken = 0
        for file in (self._older(), self._file):
            try:
                with file.open("rb") as stream:
                    tail = stream.read(FILE_BYTES + LINE_BYTES).splitlines()[-ENTRIES_MAX:]
            except FileNotFoundError:
                continue
            except OSError as error:
                self._log("WARN", f"{file} cannot be read ({error.strerror}): its story is lost")
                continue
            for line in tail:
                try:
                    self._journal.append(Entry.from_json(line))
                except ValueError:
                    broken += 1
        if broken:
            self._log("WARN", f"{self._file}: {broken} line(s) are no journal entries: left out")

    def record(self, record: Record, now: Instant) -> None:
        """Put down one decision; nothing here waits."""
        wall_ns = round(clock.wall() * 1e9)
        entry = Entry.of(record, at=now, wall_ns=wall_ns, node=self._me)
        self._journal.append(entry)
        for level, text in texts.lines(record, self._me, self.preferred):
            self._log(level, text)
        for listener in self.listeners:
            listener(record)
        for reader in self.readers:
            reader(entry)
        self._publish(entry.to_dict())
        self._unwritten.append(entry)
        self._writing.call()

    async def why(self, group: GroupName) -> Move | None:
        """Return the group's last move; found in the scribe's thread, for it takes a while."""
        entries = self._journal.entries()
        return await self._scribe.ask(lambda: last_move(entries, group))

    async def tale(self, entry: Entry) -> str:
        """Return the last move of an entry's group as `why` would have told it then, or nothing."""
        entries = self._journal.entries()
        return await self._scribe.ask(lambda: _tale(entries, entry))

    async def history(self, limit: int) -> list[dict[str, object]]:
        """Return the newest `limit` entries, oldest first."""
        entries = self._journal.entries(limit)
        return await self._scribe.ask(lambda: [entry.to_dict() for entry in entries])

    def write(self) -> None:
        """Append what is not written yet; called in the scribe's thread, and at the very end."""
        lines = []
        while self._unwritten:
            lines.append(self._unwritten.popleft().to_json().encode() + b"\n")
        if not lines:
            return
        try:
            with self._file.open("ab") as stream:
                stream.write(b"".join(lines))
                full = stream.tell() >= FILE_BYTES
            if full:
                self._file.replace(self._older())
            self._complained = False
        except OSError as error:
            if not self._complained:
                self._complained = True
                self._log("WARN", f"{self._file} cannot be written ({error.strerror}): why and "
                          "history will not reach over the next restart")  # fmt: skip

    def _older(self) -> Path:
        return self._file.with_name(JOURNAL_FILE + ".1")


def _tale(entries: list[Entry], entry: Entry) -> str:
    known = [index for index, each in enumerate(entries) if each == entry]
    if not known or entry.group is None:
        return ""
    move = last_move(entries[: known[-1] + 1], entry.group)
    return "" if move is None else render(move)
