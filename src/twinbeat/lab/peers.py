"""The contenders of the bench: which there are, which are installed, and how they get installed."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .contender import Contender
from .heartbeat_daemon import HeartbeatDaemon
from .keepalived_daemon import KeepalivedDaemon

PEERS: dict[str, type[Contender]] = {
    peer.title: peer for peer in (HeartbeatDaemon, KeepalivedDaemon)
}
POLICY = Path("/usr/sbin/policy-rc.d")


class NotThere(Exception):  # noqa: N818 - it says what happened
    """A peer cannot take part; the text says why, and what to do."""


def installed() -> list[type[Contender]]:
    """Return the peers that can run here."""
    return [peer for peer in PEERS.values() if peer.version() is not None]


def named(names: Sequence[str]) -> list[type[Contender]]:
    """Return the peers of these names; raises `NotThere`."""
    for name in names:
        if name not in PEERS:
            raise NotThere(f"there is no peer {name!r}; there are {' and '.join(PEERS)}")
        if PEERS[name].version() is None:
            packages = " ".join(PEERS[name].packages)
            raise NotThere(
                f"{name} cannot run here: it needs root and the Debian packages {packages};"
                " --install-peers installs them"
            )
    return [PEERS[name] for name in names]


def install(policy: Path = POLICY) -> None:
    """Install the packages of all peers without starting a service; raises `NotThere`."""
    packages = [package for peer in PEERS.values() for package in peer.packages]
    if shutil.which("apt-get") is None:
        raise NotThere(f"--install-peers needs apt-get; install yourself: {' '.join(packages)}")
    if os.getuid() != 0:
        raise NotThere(
            "--install-peers needs root: sudo apt-get install --no-install-recommends "
            + " ".join(packages)
        )
    with _no_service_starts(policy):
        if not _apt_get("install", "--no-install-recommends", *packages):
            # The list of packages may be older than what the mirror still has.
            _apt_get("update")
            if not _apt_get("install", "--no-install-recommends", *packages):
                raise NotThere(f"apt-get could not install {' '.join(packages)}; see above")


def _apt_get(*words: str) -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(["apt-get", "-qq", "-y", *words], check=False, env=environment)
    return done.returncode == 0


@contextmanager
def _no_service_starts(policy: Path) -> Iterator[None]:
    """Deny all services to start, as invoke-rc.d asks for; an existing policy is left as it is."""
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()
