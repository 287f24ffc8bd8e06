"""`heartbeat`: start, stop, reload the daemon, or say how it is."""

import asyncio
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from twinbeat.control.client import Client, default_socket
from twinbeat.control.protocol import ExitCode, Refused
from twinbeat.control.shapes import StatusShape

from .getopt import WRONG, Options
from .say import log

DONE, FAILED, USAGE, STOPPED, NOT_ALLOWED, CONFIGURATION = 0, 1, 2, 3, 4, 6
"""Exit codes, of which `-s` has LSB's: 1 is dead with something left behind, 3 is stopped."""
READY_S = 30.0
"""How long a daemon in the background may take until it answers."""
POLL_S = 0.05

TEXT = """
Usage: heartbeat [-dDkMrRsvWlVf] [-C Current-resource-state]
	-C only valid with -R
	-r is mutually exclusive with -R"""

T = TypeVar("T")


def main(argv: list[str] | None = None) -> int:
    """Carry out one command line (None: the process's own) and return its exit code."""
    program, words = sys.argv[0], sys.argv[1:] if argv is None else argv
    flags = set()
    for letter, _ in Options(program, words, "dDkMrRsvWlVfC:"):
        if letter == "V":
            return _version()
        if letter == "D":
            return _defaults()
        flags.add(letter)
    # -R and -C are Heartbeat's messages to its own next life; twinbeat reloads within one.
    if flags & {WRONG, "R", "C"}:
        print(TEXT, file=sys.stderr)
        return USAGE
    if "M" in flags:
        hint = "`twinbeat maintenance on` keeps groups where they are"
        print(f"{program}: -M, no resource management, is not available; {hint}", file=sys.stderr)
        return USAGE
    try:
        if "k" in flags:
            return _kill()
        if "s" in flags:
            return _status()
        return _reload() if "r" in flags else _start(foreground="f" in flags)
    except Refused as refused:
        print(f"ERROR: {refused.reason}", file=sys.stderr)
        return NOT_ALLOWED if refused.code is ExitCode.NOT_ALLOWED else FAILED


def _version() -> int:
    from twinbeat.config.parameters import HBVERSION

    print(HBVERSION)
    return DONE


def _defaults() -> int:
    from twinbeat.config.parameters import DEFAULTS

    print(f"{'Directive':<24} {'Default':<9} Description")
    print("-" * 80)
    for name, default, description in DEFAULTS:
        print(f"{name:<24} {default:<9} {description}")
    return DONE


def _ask(work: Callable[[Client], Awaitable[T]]) -> T | None:
    """Talk to the daemon and return what came of it, or None when none answers."""

    async def conversation() -> T:
        async with Client() as cluster:
            return await work(cluster)

    try:
        return asyncio.run(conversation())
    except Refused as refused:
        if refused.code is ExitCode.NO_DAEMON:
            return None
        raise


def _status() -> int:
    async def look(cluster: Client) -> tuple[int, StatusShape]:
        return cluster.daemon_pid(), await cluster.status()

    seen = _ask(look)
    if seen is None:
        print("heartbeat is stopped. No process")
        return FAILED if default_socket().exists() else STOPPED
    pid, status = seen
    machine, node = os.uname().nodename, status["node"]
    print(f"heartbeat OK [pid {pid} et al] is running on {machine} [{node}]...")
    return DONE


def _kill() -> int:
    """Stop the daemon, and wait until it has released everything and ended."""

    async def stop(cluster: Client) -> int:
        pid = cluster.daemon_pid()
        if not pid:
            reason = "The daemon runs in another PID namespace: stop it there, or `twinbeat stop`."
            raise Refused(ExitCode.REFUSED, reason)
        process = os.pidfd_open(pid)
        await cluster.stop()
        return process

    process = _ask(stop)
    if process is None:
        print("INFO: Heartbeat already stopped.", file=sys.stderr)
        return DONE
    ending = select.poll()
    ending.register(process, select.POLLIN)
    ending.poll()
    os.close(process)
    return DONE


def _reload() -> int:
    """Have the configuration read again; without a daemon start one, as Heartbeat does."""

    async def reload(cluster: Client) -> tuple[int, Refused | None]:
        try:
            await cluster.reload()
        except Refused as refused:
            if refused.code is ExitCode.NOT_ALLOWED:
                raise
            return cluster.daemon_pid(), refused
        return cluster.daemon_pid(), None

    answer = _ask(reload)
    if answer is None:
        return _start(foreground=False)
    pid, refused = answer
    if refused is None:
        log("heartbeat", "info", f"Signalling heartbeat pid {pid} to reread config files")
        return DONE
    for line in refused.reason.splitlines():
        log("heartbeat", "ERROR", line)
    log("heartbeat", "info", f"Config errors: Heartbeat pid {pid} NOT restarted")
    return CONFIGURATION if refused.code is ExitCode.CONFIGURATION else FAILED


def _start(foreground: bool) -> int:
    """Run the daemon, in the background until it answers; one that runs already is left alone."""

    async def pid_of(cluster: Client) -> int:
        return cluster.daemon_pid()

    pid = _ask(pid_of)
    if pid is not None:
        log("heartbeat", "info", f"heartbeat: already running [pid {pid}].")
        return DONE
    command = [sys.executable, "-m", "twinbeat", "run"]
    if foreground:
        sys.stdout.flush()
        os.execv(sys.executable, command)
    return _in_background(command, lambda: _ask(pid_of) is not None)


def _in_background(command: Sequence[str], ready: Callable[[], bool]) -> int:
    # A file, not a pipe: what a daemon that lives on may still print must find room.
    with tempfile.TemporaryFile() as complaints:
        daemon = subprocess.Popen(
            command,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
            start_new_session=True,
        )
        deadline = time.monotonic() + READY_S
        while daemon.poll() is None and time.monotonic() < deadline:
            if ready():
                return DONE
            time.sleep(POLL_S)
        complaints.seek(0)
        sys.stderr.write(complaints.read().decode(errors="replace"))
    if daemon.returncode is None:
        log("heartbeat", "ERROR", f"pid {daemon.pid} does not answer; its log says why.")
        return FAILED
    kind = "Configuration error" if daemon.returncode == CONFIGURATION else "See its log"
    log("heartbeat", "ERROR", f"{kind}, heartbeat not started.")
    return daemon.returncode


if __name__ == "__main__":
    sys.exit(main())
