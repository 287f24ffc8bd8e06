"""The guest's root file system: a cpio archive of files of this machine, which the kernel unpacks.

Nothing is installed or built for the guest: its systemd, D-Bus and Python are those of the machine
that tests, and so is the program under test.
"""

import os
import py_compile
import re
import stat
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator
from importlib import metadata
from importlib.util import cache_from_source
from pathlib import Path

PROGRAMS = (
    "/lib/systemd/systemd", "/bin/systemctl", "/usr/bin/dbus-daemon",
    "/bin/sh", "/bin/cat", "/bin/false", "/bin/kill", "/bin/rm", "/bin/sleep",
)  # fmt: skip
DATA = ("/usr/share/dbus-1/system.conf", "/usr/share/dbus-1/system.d",
        "/usr/share/dbus-1/system-services", "/etc/passwd", "/etc/group", "/etc/nsswitch.conf",
        "/etc/os-release")  # fmt: skip
UNITS = ("dbus.service", "dbus.socket", "basic.target", "local-fs.target", "multi-user.target",
         "network.target", "paths.target", "shutdown.target", "slices.target", "sockets.target",
         "sysinit.target", "timers.target", "umount.target")  # fmt: skip
DIRECTORIES = ("dev", "proc", "sys", "run", "tmp", "root", "var/lib", "var/log", "etc/systemd",
               "usr/bin", "usr/sbin", "usr/lib", "usr/lib64")  # fmt: skip
LINKS = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64",
         "var/run": "/run", "init": "usr/lib/systemd/systemd"}  # fmt: skip
UNWANTED = re.compile(
    r"/(test|tests|idlelib|lib2to3|tkinter|ensurepip|distutils|pydoc_data|config-3[^/]*"
    r"|(dist|site)-packages)/"
)
"""What nobody imports of Python's own library."""


class Image:
    """Collects what the guest shall find, and writes it as an archive ("newc", uncompressed)."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[int, bytes, int]] = {}
        for name in DIRECTORIES:
            self._parents(f"{name}/x")
        for name, target in LINKS.items():
            self._add(name, stat.S_IFLNK | 0o777, target.encode())
        self._libraries: set[str] = set()

    def text(self, path: str, text: str, mode: int = 0o644) -> None:
        """Put a text there."""
        self._add(path, stat.S_IFREG | mode, text.encode())

    def link(self, path: str, target: str) -> None:
        """Put a symbolic link there."""
        self._add(path, stat.S_IFLNK | 0o777, target.encode())

    def file(self, source: Path | str, path: str | None = None) -> None:
        """Put a file of this machine there, under its own name if none is given."""
        source = Path(source)
        self._add(
            path or str(source), stat.S_IFREG | stat.S_IMODE(source.stat().st_mode),
            source.read_bytes(), int(source.stat().st_mtime),
        )  # fmt: skip

    def tree(self, source: Path | str, path: str | None = None) -> None:
        """Put a directory's files there, or a single file."""
        source = Path(source)
        if source.is_file():
            self.file(source, path)
        for each in sorted(source.rglob("*")):
            inside = each.relative_to(source)
            if each.is_file() and not UNWANTED.search(f"/{inside}"):
                self.file(each, f"{path or source}/{inside}")

    def python(self, source: Path, path: str) -> None:
        """Put a directory of Python there, compiled: an emulated machine takes long over that."""
        self.tree(source, path)
        with tempfile.TemporaryDirectory() as scratch:
            for each in source.rglob("*.py"):
                inside = f"{path}/{each.relative_to(source)}"
                py_compile.compile(
                    str(each), f"{scratch}/compiled", inside, doraise=True,
                    invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
                )  # fmt: skip
                self.file(f"{scratch}/compiled", cache_from_source(inside))

    def program(self, path: str) -> None:
        """Put a program there, with the libraries that it is linked to."""
        self.file(path)
        self.linked([path])

    def linked(self, paths: Iterable[str]) -> None:
        """Put the libraries there that these programs and libraries are linked to."""
        said = subprocess.run(
            ["ldd", *paths], capture_output=True, text=True, check=False, timeout=60
        ).stdout
        for library in {*re.findall(r"(/\S+) \(0x", said)} - self._libraries:
            self._libraries.add(library)
            self.file(library)

    def write(self, target: Path) -> None:
        """Write the archive."""
        with target.open("wb") as out:
            for number, (name, (mode, body, mtime)) in enumerate(self._entries.items(), start=1):
                out.write(_member(number, name, mode, body, mtime))
            out.write(_member(0, "TRAILER!!!", 0, b"", 0))

    def _add(self, path: str, mode: int, body: bytes, mtime: int = 0) -> None:
        name = _inside(path)
        self._parents(name)
        self._entries[name] = (mode, body, mtime)

    def _parents(self, name: str) -> None:
        for parent in reversed(Path(name).parents[:-1]):
            self._entries.setdefault(str(parent), (stat.S_IFDIR | 0o755, b"", 0))


def _inside(path: str) -> str:
    """Return the name in the archive: relative, and by the merged /usr."""
    name = os.path.normpath(path).lstrip("/")
    first, _, rest = name.partition("/")
    return f"{LINKS[first]}/{rest}" if rest and first in LINKS else name


def _member(number: int, name: str, mode: int, body: bytes, mtime: int) -> bytes:
    encoded = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, mtime, len(body), 0, 0, 0, 0, len(encoded), 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + encoded
    return _padded(head) + _padded(body)


def _padded(part: bytes) -> bytes:
    return part + bytes(-len(part) % 4)


def needed(distribution: str) -> Iterator[metadata.Distribution]:
    """Yield what this distribution needs to run, and what that needs."""
    seen: set[str] = set()
    wanted = [distribution]
    while wanted:
        name = wanted.pop()
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # It is for another version of Python or another system.
        yield found
        for line in found.requires or []:
            required = re.split(r"[^\w.-]", line, maxsplit=1)[0].lower()
            if "extra ==" not in line and required not in seen:
                seen.add(required)
                wanted.append(required)


def furnish(image: Image, site: str) -> None:
    """Put systemd, D-Bus and Python there; the packages that twinbeat needs go to `site`."""
    for program in PROGRAMS:
        image.program(program)
    for path in DATA:
        image.tree(path)
    for unit in UNITS:
        image.file(f"/lib/systemd/system/{unit}")
    python = os.path.realpath(sys.executable)
    image.program(python)
    image.link("/usr/bin/python3", python)
    library = sysconfig.get_path("stdlib")
    image.tree(library)
    shared = [str(path) for path in Path(library, "lib-dynload").glob("*.so")]
    for distribution in needed("twinbeat"):
        for file in distribution.files or []:
            source = Path(str(file.locate()))
            if source.is_file() and ".." not in file.parts:
                image.file(source, f"{site}/{file}")
                shared += [str(source)] if source.suffix == ".so" else []
    image.linked(shared)
