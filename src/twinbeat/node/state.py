"""What outlives the daemon: its generation, its identity, and the operator's switches.

The generation and the identity are kept in Heartbeat 3.0.6's own formats (`hb_generation`: the
last number used, right-aligned in 15 columns; `hb_uuid`: 16 bytes), and on a machine where
Heartbeat ran they go on from Heartbeat's: peers ignore a node whose generation went back.
Everything is written beside its place, synced, and renamed, before the first heartbeat is sent.
"""

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from twinbeat.core.beat import Life, Switch
from twinbeat.core.effects import Remember
from twinbeat.core.units import NodeName

HEARTBEAT_DIR = Path("/var/lib/heartbeat")
GENERATION_FILE = "hb_generation"
UUID_FILE = "hb_uuid"
SWITCHES_FILE = "switches.json"
LOCK_FILE = "lock"
GENERATION_MAX = 10**15 - 1
"""What fits the file's 15 columns."""

Switches = Mapping[NodeName, Switch]


class StateError(Exception):
    """The state directory cannot be used; the text says what to do. Nothing was started."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a new life begins with."""

    life: Life
    uuid: bytes
    standby: Switches
    maintenance: Switches
    notes: tuple[tuple[str, str], ...]
    """What was odd about the files: `(level, text)` for the log."""


class StateDir:
    """One daemon's directory, locked against a second daemon as long as this object is open."""

    def __init__(self, path: Path, heartbeat: Path = HEARTBEAT_DIR) -> None:
        self.path = path
        self._heartbeat = heartbeat
        self._notes: list[tuple[str, str]] = []
        self._generation = 0
        try:
            path.mkdir(mode=0o755, parents=True, exist_ok=True)
            self._lock = os.open(path / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateError(
                f"the state directory {path} cannot be used ({error.strerror}): name another one "
                "with --state-dir, or run as a user who may write there"
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise StateError(
                f"another twinbeat already runs on the state directory {path}: stop it first "
                "(twinbeat stop), or give this one a directory of its own with --state-dir"
            ) from error

    def begin_life(self, wall_s: int) -> Kept:
        """Take the next generation and write it down; `wall_s` is the base where none was kept.

        Raises `StateError` when it cannot be written: a life that leaves no trace could be
        followed by one with the same generation.
        """
        try:
            self._generation = self._next_generation(wall_s)
            self._write(GENERATION_FILE, b"%15d\n" % self._generation)
            uuid = self._identity()
        except OSError as error:
            raise StateError(
                f"the state directory {self.path} cannot be written ({error.strerror}); without a "
                "lasting generation number the peers would ignore this node after a restart"
            ) from error
        standby, maintenance = self._switches()
        token = int.from_bytes(os.urandom(8), "big") or 1
        notes = tuple(self._notes)
        return Kept(Life(self._generation, token), uuid, standby, maintenance, notes)

    def remember(self, wanted: Remember) -> None:
        """Write the switches, and the generation when this life went on to a higher one.

        Called from the writer's thread; raises `OSError` when the disk refuses.
        """
        document = {
            "standby": _plain(wanted.standby),
            "maintenance": _plain(wanted.maintenance),
        }
        self._write(SWITCHES_FILE, json.dumps(document, indent=1, sort_keys=True).encode() + b"\n")
        last_used = min(wanted.generation, GENERATION_MAX)
        if last_used > self._generation:
            self._generation = last_used
            self._write(GENERATION_FILE, b"%15d\n" % last_used)

    def close(self) -> None:
        """Let another daemon have the directory."""
        os.close(self._lock)

    def _next_generation(self, wall_s: int) -> int:
        ours = self._read_generation(self.path / GENERATION_FILE)
        theirs = self._read_generation(self._heartbeat / GENERATION_FILE)
        if ours is None and theirs is None:
            self._notes.append(("WARN", f"No Previous generation - starting at {wall_s + 1}"))
            return wall_s + 1
        return max(ours or 0, theirs or 0) + 1

    def _read_generation(self, file: Path) -> int | None:
        """Return the last generation used, or None when the file is missing, empty or broken."""
        try:
            with file.open("rb") as stream:
                text = stream.read(64).strip()
        except FileNotFoundError:
            return None
        if text.isdigit() and 0 < int(text) <= GENERATION_MAX:
            return int(text)
        if text:
            self._notes.append(
                ("WARN", f"{file} is BROKEN: it holds {text!r}, not a generation; it is not used")
            )
        return None

    def _identity(self) -> bytes:
        ours = self._read_uuid(self.path / UUID_FILE)
        if ours is not None:
            return ours
        uuid = self._read_uuid(self._heartbeat / UUID_FILE) or os.urandom(16)
        self._write(UUID_FILE, uuid)
        return uuid

    def _read_uuid(self, file: Path) -> bytes | None:
        try:
            with file.open("rb") as stream:
                uuid = stream.read(17)
        except FileNotFoundError:
            return None
        if len(uuid) == 16 and any(uuid):
            return uuid
        self._notes.append(("WARN", f"{file} is BROKEN: it does not hold 16 bytes; it is not used"))
        return None

    def _switches(self) -> tuple[Switches, Switches]:
        file = self.path / SWITCHES_FILE
        try:
            with file.open("rb") as stream:
                document = json.loads(stream.read(1 << 20))
            return _switches(document["standby"]), _switches(document["maintenance"])
        except FileNotFoundError:
            pass
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            self._notes.append(
                (
                    "WARN",
                    f"{file} is BROKEN ({error}): standby and maintenance are off here until a "
                    "peer says otherwise; check with twinbeat status",
                )
            )
        return {}, {}

    def _write(self, name: str, content: bytes) -> None:
        """Replace a file so that a power cut leaves the old one or the new one, never half."""
        place, beside = self.path / name, self.path / f".{name}.new"
        with beside.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(place)
        directory = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _plain(switches: Switches) -> dict[str, dict[str, object]]:
    return {node: {"counter": s.counter, "on": s.on} for node, s in switches.items()}


def _switches(document: object) -> Switches:
    if not isinstance(document, dict):
        raise TypeError("an object was expected")
    switches: dict[NodeName, Switch] = {}
    for node, switch in document.items():
        counter, on = switch["counter"], switch["on"]
        if type(counter) is not int or type(on) is not bool:
            raise TypeError(f"the switch of {node!r} is not a counter and a truth value")
        switches[NodeName(node)] = Switch(counter, on)
    return switches
