"""keepalived, as the contender on a node: VRRPv3 over the heartbeat cable.

keepalived moves an address and nothing else, so httpd runs on both nodes, as its users have it: a
notify script starts it when the instance first gets a state, and nobody stops it. The same script
writes the states down, for keepalived itself cannot be asked.
"""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from . import kernel
from .contender import Contender
from .topology import SEATS, VIRTUAL_IP

PRIORITIES = {SEATS[0].name: 150, SEATS[1].name: 100}
EVERY_S = 1
"""Seconds between two runs of a tracked script: keepalived counts in whole ones."""
AWAY = 50
"""The priority of a node that was told to hand over."""

CONFIG = """\
{tracked}global_defs {{
    router_id {name}
    vrrp_version 3
    script_user root
}}
vrrp_instance web {{
    state BACKUP
    interface eth1
    virtual_router_id 51
    priority {priority}
    advert_int {advertise}
    virtual_ipaddress {{
        {address}/24 dev eth0 label eth0:0
    }}
    notify {notify}
    {track}
}}
"""
TRACKED = """vrrp_script httpd {{
    script "{httpd} status"
    interval {every}
}}
"""
NOTIFY = """\
#!/bin/sh
# Called with: INSTANCE web STATE PRIORITY
echo "$3" >>{states}
exec {httpd} start
"""


class KeepalivedDaemon(Contender):
    """`keepalived --dont-fork` with one VRRP instance that preempts, as auto_failback does."""

    title = "keepalived"
    packages = ("keepalived",)

    @classmethod
    def version(cls) -> str | None:
        """Return the installed version, or None."""
        if shutil.which("keepalived") is None:
            return None
        words = ["keepalived", "--version"]
        said = subprocess.check_output(words, stderr=subprocess.STDOUT, text=True)
        found = re.search(r"v(\d\S*)", said)
        return found.group(1) if found else None

    @property
    def detection(self) -> float:
        """The master down interval of the second node (RFC 5798 section 6.1)."""
        skew = (256 - PRIORITIES[SEATS[1].name]) / 256
        return self.timing.keepalive * (3 + skew)

    @property
    def settings(self) -> str:
        """What detection follows from: it advertises as often as the others send heartbeats."""
        first, second = PRIORITIES.values()
        return f"VRRPv3, advert_int {self.advertise:g} s, priorities {first} and {second}"

    @property
    def advertise(self) -> float:
        """Seconds between two advertisements."""
        return self.timing.keepalive / 1000

    @property
    def home(self) -> Path:
        """Its own directory."""
        return self.place.root / "keepalived"

    @property
    def states(self) -> Path:
        """Where the notify script writes the states that the instance went through."""
        return self.home / "states"

    def furnish(self) -> None:
        """Write its configuration and its notify script."""
        self.home.mkdir()
        self._prefer(PRIORITIES[self.seat.name])
        notify = self.home / "notify"
        httpd = self.place.config / "resource.d" / "httpd"
        notify.write_text(NOTIFY.format(states=self.states, httpd=httpd))
        notify.chmod(0o755)

    def boot(self) -> None:
        """Forget the states of the life before."""
        self.states.unlink(missing_ok=True)

    def command(self) -> Sequence[str]:
        """Return the program's command; it logs to its output."""
        self.boot()
        return (
            *("keepalived", "--dont-fork", "--log-console", "--log-detail", "--vrrp"),
            *("--use-file", str(self.home / "keepalived.conf")),
            *("--pid", str(self.home / "pid"), "--vrrp_pid", str(self.home / "vrrp-pid")),
        )

    async def owner(self) -> str | None:
        """Return the owner by the instance's last state: this node, or the only other one."""
        try:
            state = self.states.read_text().split()[-1]
        except (FileNotFoundError, IndexError):
            return None
        return {"MASTER": self.seat.name, "BACKUP": self.other.name}.get(state)

    async def handover(self) -> None:
        """Lower this node's priority and reload: the way to move without stopping the daemon."""
        self._reload(AWAY)

    async def failback(self) -> None:
        """Restore this node's priority and reload."""
        self._reload(PRIORITIES[self.seat.name])

    def _reload(self, priority: int) -> None:
        self._prefer(priority)
        os.kill(self.pid, signal.SIGHUP)

    def _tracked(self) -> str:
        return ""

    def _prefer(self, priority: int) -> None:
        text = CONFIG.format(
            name=self.seat.name,
            priority=priority,
            advertise=self.advertise,
            address=VIRTUAL_IP,
            notify=self.home / "notify",
            tracked=self._tracked(),
            track="track_script { httpd }" if self._tracked() else "",
        )
        (self.home / "keepalived.conf").write_text(text)


class WatchingKeepalived(KeepalivedDaemon):
    """The same, which asks httpd's script as often as keepalived can, and lets go when it fails.

    Its `track_process` would be told by the kernel, but only outside of PID namespaces.
    """

    @property
    def settings(self) -> str:
        """What it asks besides."""
        return f"{super().settings}, track_script every {EVERY_S} s"

    def _tracked(self) -> str:
        httpd = self.place.config / "resource.d" / "httpd"
        return TRACKED.format(httpd=httpd, every=EVERY_S)

    async def noticed(self, since: int) -> int | None:
        """Return when its notify script wrote down that the instance is in fault."""
        try:
            if self.states.read_text().split()[-1] != "FAULT":
                return None
            at = kernel.now() - (time.time_ns() - self.states.stat().st_mtime_ns)
        except (FileNotFoundError, IndexError):
            return None
        return at if at > since else None
