"""Where the laboratory lives: namespaces that the kernel takes away whatever happens.

The lab runs in a PID namespace, a mount namespace and a network namespace of its own, as an
ordinary user in a user namespace too. `/run` is a private tmpfs there, so that named network
namespaces, configuration, sockets, logs and pid files vanish with the last process; and the last
process ends when the first does, even when that one is killed with -9. Nothing of the machine is
touched, so nothing of it needs to be put back.

    caller ── keeper ── init of the PID namespace ── the lab, and all it starts

The keeper forwards signals and waits. The init only buries orphans, as any init does: a web
server whose parent has gone would otherwise stay a zombie and look alive to its script.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn

from . import kernel

NEEDED = ("ip", "nft")


class CageError(Exception):
    """The machine lacks what the lab needs; the text says what, and what to do."""


def run(body: Callable[[int], int]) -> int:
    """Run `body(pid of the lab as the machine sees it)` in the cage and return its exit code.

    Raises `CageError` when a program is missing. Where the kernel refuses the namespaces, says so
    on standard error and returns 1. The caller's own process is left as it was.
    """
    os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    missing = [program for program in NEEDED if shutil.which(program) is None]
    if missing:
        raise CageError(
            f"{' and '.join(missing)} not found in PATH: on Debian install iproute2 and nftables"
        )
    sys.stdout.flush()
    sys.stderr.flush()
    keeper = os.fork()
    if keeper == 0:
        _be(lambda: _keep(body))
    return _wait_for(keeper)


def _keep(body: Callable[[int], int]) -> int:
    kernel.die_with_parent(signal.SIGKILL)
    try:
        _leave_the_machine()
    except OSError as error:
        print(f"twinbeat lab: {error.strerror}; {_advice()}", file=sys.stderr)
        return 1
    init = os.fork()
    if init == 0:
        _be(lambda: _init(body))
    return _wait_for(init)


def _init(body: Callable[[int], int]) -> int:
    kernel.die_with_parent(signal.SIGKILL)
    # /proc is still the machine's own, so this is our number as the machine knows it.
    outer = int(os.readlink("/proc/self"))
    try:
        _furnish()
    except OSError as error:
        print(f"twinbeat lab: {error.strerror}; {_advice()}", file=sys.stderr)
        return 1
    lab = os.fork()
    if lab == 0:
        _be(lambda: body(outer))
    return _wait_for(lab, orphans=True)


def _be(role: Callable[[], int]) -> NoReturn:
    """Play a role in a forked process and end with its exit code."""
    code = 1
    try:
        code = role()
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _wait_for(child: int, orphans: bool = False) -> int:
    """Return the child's exit code, burying orphans meanwhile; what stops us is passed on to it."""

    def forward(number: int, _frame: FrameType | None) -> None:
        try:
            os.kill(child, number)
        except ProcessLookupError:
            pass  # It has ended: its code is about to be returned.

    # Ctrl-C reaches the whole foreground group by itself; forwarding would double it.
    handlers = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),
        signal.SIGTERM: signal.signal(signal.SIGTERM, forward),
        signal.SIGHUP: signal.signal(signal.SIGHUP, forward),
    }
    try:
        while True:
            pid, status = os.waitpid(-1 if orphans else child, 0)
            if pid == child:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _leave_the_machine() -> None:
    ours = kernel.CLONE_NEWNS | kernel.CLONE_NEWPID | kernel.CLONE_NEWNET
    uid, gid = os.getuid(), os.getgid()
    try:
        kernel.unshare(ours)
    except PermissionError:
        kernel.unshare(ours | kernel.CLONE_NEWUSER)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")


def _furnish() -> None:
    safe = kernel.MS_NOSUID | kernel.MS_NODEV
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("proc", "/proc", "proc", safe | kernel.MS_NOEXEC)
    kernel.mount("twinbeat-lab", "/run", "tmpfs", safe)
    Path("/run/netns").mkdir()


def _advice() -> str:
    if os.getuid() == 0:
        return "the lab needs CAP_SYS_ADMIN: in a container, start that with --privileged"
    return (
        "run the lab as root, or allow user namespaces: "
        "sysctl kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000 "
        "kernel.apparmor_restrict_unprivileged_userns=0 (those that exist)"
    )
