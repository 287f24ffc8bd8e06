"""What outlives the daemon: its generation, its identity, and the operator's switches.

The generation and the identity are kept in Heartbeat 3.0.6's own formats (`hb_generation`: the
last number used, right-aligned in 15 columns; `hb_uuid`: 16 bytes). Peers ignore a node whose
generation went back, so a machine's twinbeat and its Heartbeat go on from each other: both numbers
are read from Heartbeat's own directory as well, and written there. Only a daemon whose directory
lies beside that one shares them: any other is a guest on the machine, a laboratory's perhaps.
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

    def __init__(self, path: Path, heartbeat: Path | None = None) -> None:
        """Take the directory, made if need be; `heartbeat` is the one to share with, if any.

        Raises `StateError` when it cannot be used.
        """
        self.path = path
        beside = path.absolute().parent == HEARTBEAT_DIR.parent
        self._heartbeat = HEARTBEAT_DIR if heartbeat is None and beside else heartbeat
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
            self._write_generation()
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
        text = json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"
        replace_file(self.path / SWITCHES_FILE, text)
        last_used = min(wanted.generation, GENERATION_MAX)
        if last_used > self._generation:
            self._generation = last_used
            self._write_generation()

    def close(self) -> None:
        """Let another daemon have the directory."""
        os.close(self._lock)

    def _next_generation(self, wall_s: int) -> int:
        ours = self._read_generation(self.path / GENERATION_FILE)
        theirs = self._heartbeat and self._read_generation(self._heartbeat / GENERATION_FILE)
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
        theirs = self._heartbeat and self._read_uuid(self._heartbeat / UUID_FILE)
        uuid = ours or theirs or os.urandom(16)
        if ours is None:
            replace_file(self.path / UUID_FILE, uuid)
        if theirs is None:
            self._share(UUID_FILE, uuid)
        return uuid

    def _write_generation(self) -> None:
        text = b"%15d\n" % self._generation
        replace_file(self.path / GENERATION_FILE, text)
        self._share(GENERATION_FILE, text)

    def _share(self, name: str, content: bytes) -> None:
        """Leave for an installed Heartbeat what it must go on from."""
        if self._heartbeat is None or not self._heartbeat.is_dir():
            return
        try:
            replace_file(self._heartbeat / name, content)
        except OSError as error:
            self._notes.append(
                (
                    "WARN",
                    f"{self._heartbeat / name} cannot be written ({error.strerror}): peers would "
                    "ignore a Heartbeat that is started again on this machine",
                )
            )

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


def replace_file(place: Path, content: bytes) -> None:
    """Replace a file so that a power cut leaves the old one or the new one, never half.

    Raises `OSError`. A link in the way is removed, not followed: the directory may be Heartbeat's.
    """
    beside = place.with_name(f".{place.name}.new")
    beside.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(beside, flags, 0o644), "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    beside.replace(place)
    directory = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
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
