"""The few calls into the kernel that Python 3.11 does not offer itself."""

import ctypes
import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager

CLONE_NEWNS = 0x0002_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWPID = 0x2000_0000
CLONE_NEWNET = 0x4000_0000
MS_NOSUID, MS_NODEV, MS_NOEXEC = 2, 4, 8
MS_REC, MS_PRIVATE = 0x4000, 0x4_0000
PR_SET_PDEATHSIG = 1
SO_ATTACH_FILTER = 26

MS = 1_000_000
SECOND = 1_000_000_000
"""Nanoseconds."""

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def now() -> int:
    """Return nanoseconds since boot: one clock for all namespaces, nodes and the client."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def boot() -> int:
    """Return when the machine was booted, in nanoseconds since 1970, as both clocks say it now.

    Of three readings the quickest counts: a process may lose its processor within one.
    """
    readings = []
    for _ in range(3):
        before = now()
        wall = time.time_ns()
        readings.append((now() - before, wall - before))
    return min(readings)[1]


def unshare(flags: int) -> None:
    """Move this process into new namespaces; raises `OSError`."""
    _checked(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str | None, flags: int = 0) -> None:
    """Mount `source` on `target`; raises `OSError`."""
    name = kind.encode() if kind is not None else None
    result = _libc.mount(source.encode(), target.encode(), name, ctypes.c_ulong(flags), None)
    _checked(result, f"mount {source} on {target}")


def die_with_parent(signal_number: int) -> None:
    """Ask the kernel to send this process a signal when its parent ends."""
    _checked(_libc.prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0), "prctl")


@contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Run the body in a named network namespace; sockets made there stay there."""
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        there = os.open(f"/run/netns/{namespace}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _checked(_libc.setns(there, CLONE_NEWNET), f"enter {namespace}")
        finally:
            os.close(there)
        try:
            yield
        finally:
            _checked(_libc.setns(here, CLONE_NEWNET), f"leave {namespace}")
    finally:
        os.close(here)


def attach_filter(sock: socket.socket, program: list[tuple[int, int, int, int]]) -> None:
    """Give a socket a classic BPF filter: (code, jump if true, jump if false, k) each."""
    code = b"".join(struct.pack("=HBBI", *line) for line in program)
    buffer = ctypes.create_string_buffer(code)
    # struct sock_fprog: an unsigned short, padding to the pointer's alignment, the pointer.
    header = struct.pack("@HP", len(program), ctypes.addressof(buffer))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, header)
