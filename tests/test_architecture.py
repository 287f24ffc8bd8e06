"""The rooms of the house: the import table of ARCHITECTURE.md, enforced.

The table is read from the document, so that neither can drift from the other.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "twinbeat"
HEADER = "| package | tone | what lives there | may import |"

IMPURE = frozenset({
    "asyncio", "concurrent", "ctypes", "fcntl", "getpass", "glob", "io", "locale", "logging",
    "mmap", "multiprocessing", "os", "platform", "queue", "random", "resource", "sched", "secrets",
    "select", "selectors", "shutil", "signal", "socket", "socketserver", "ssl", "subprocess",
    "sys", "syslog", "tempfile", "threading", "time", "urllib", "uuid", "zoneinfo",
})  # fmt: skip
"""Modules of the standard library that reach the world: the pure rooms import none of them."""

SEEDED = "random.Random"
"""Chance from a seed is a function of the seed: a pure room may import this one name."""

IMPURE_CALLS = frozenset({"open", "input", "print", "exec", "eval", "breakpoint"})
IMPURE_METHODS = frozenset({
    "now", "utcnow", "today", "read_text", "read_bytes", "write_text", "write_bytes", "iterdir",
    "exists", "is_file", "is_dir", "mkdir", "unlink", "stat", "rglob",
})  # fmt: skip
"""Called on a class or module (`datetime.now`, `Path.exists`), they ask the world."""


@dataclass(frozen=True)
class Room:
    """One row of the table."""

    name: str
    pure: bool
    may_import: frozenset[str]


def table() -> dict[str, Room]:
    lines = iter((ROOT / "ARCHITECTURE.md").read_text().splitlines())
    assert HEADER in lines, f"ARCHITECTURE.md has no table with the header {HEADER}"
    next(lines)
    rooms = {}
    for line in lines:
        if not line.startswith("|"):
            break
        name, tone, _, allowed = (cell.strip(" `") for cell in line.strip("|").split("|"))
        names = frozenset(word.strip(" `") for word in allowed.split(",") if word.strip(" `"))
        rooms[name] = Room(name, tone == "P", names)
    return rooms


ROOMS = table()


@dataclass(frozen=True)
class Import:
    """One imported module, by its full name."""

    module: str
    line: int

    @property
    def room(self) -> str | None:
        """The room of ours that it belongs to, or None."""
        parts = self.module.split(".")
        return parts[1] if parts[0] == "twinbeat" and len(parts) > 1 else None


def imports(path: Path) -> Iterator[Import]:
    """Yield every import of a file, absolute and relative ones alike."""
    package = ["twinbeat", *path.relative_to(SOURCE).parent.parts]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield Import(f"{module}.{alias.name}", node.lineno)


def files(room: str) -> list[Path]:
    return sorted((SOURCE / room).rglob("*.py"))


def test_the_table_names_every_room_and_no_other() -> None:
    packages = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    assert set(ROOMS) == packages
    assert {name for room in ROOMS.values() for name in room.may_import} <= packages


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_imports_only_what_the_table_allows(name: str) -> None:
    allowed = ROOMS[name].may_import | {name}
    modules = {path.stem for path in SOURCE.glob("*.py")}
    wrong = [
        f"{path.relative_to(ROOT)}:{found.line} imports {found.module}"
        for path in files(name)
        for found in imports(path)
        if found.room in {*ROOMS, *modules} and found.room not in allowed
    ]
    assert wrong == []


@pytest.mark.parametrize("name", [room.name for room in ROOMS.values() if room.pure])
def test_a_pure_room_imports_the_standard_library_only_and_nothing_that_reaches_the_world(
    name: str,
) -> None:
    wrong = []
    for path in files(name):
        for found in imports(path):
            top = found.module.split(".")[0]
            if found.module == SEEDED:
                continue
            if top != "twinbeat" and (top in IMPURE or top not in sys.stdlib_module_names):
                wrong.append(f"{path.relative_to(ROOT)}:{found.line} imports {found.module}")
    assert wrong == []


@pytest.mark.parametrize("name", [room.name for room in ROOMS.values() if room.pure])
def test_a_pure_room_asks_no_clock_and_no_disk(name: str) -> None:
    wrong = []
    for path in files(name):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and _reaches_out(node.func):
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} {ast.unparse(node.func)}")
    assert wrong == []


def _reaches_out(function: ast.expr) -> bool:
    if isinstance(function, ast.Name):
        return function.id in IMPURE_CALLS
    if isinstance(function, ast.Attribute) and function.attr in IMPURE_METHODS:
        return isinstance(function.value, ast.Name | ast.Call)
    return False


def loaded_by(module: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after importing one."""
    program = f"import {module}, sys; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(run.stdout.split())


def test_the_daemon_loads_nothing_that_only_people_need() -> None:
    loaded = loaded_by("twinbeat.node.daemon")
    assert "twinbeat.core.engine" in loaded
    assert {"typer", "rich", "click", "twinbeat.cli", "twinbeat.lab"} & loaded == set()
    assert "dbus_fast" not in loaded, "only a configured unit of systemd needs it"


def test_a_command_loads_neither_the_daemon_nor_the_laboratory() -> None:
    loaded = loaded_by("twinbeat.cli.main")
    assert {"pyroute2", "twinbeat.node", "twinbeat.lab", "twinbeat.agents"} & loaded == set()
