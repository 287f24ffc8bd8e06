"""The reference experiment's network: two nodes, a client, and the switches between them.

    switch:  lan0 ── node1 eth0 192.168.0.43     lan1 ── node1 eth1 192.168.10.43
                  ── node2 eth0 192.168.0.45          ── node2 eth1 192.168.10.45
                  ── client eth0 192.168.0.42

Each is a network namespace; the namespaces are named in the cage's private `/run/netns`. Hardware
addresses are fixed, so that whoever answers the client can be told by the frame.
"""

import asyncio
import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from . import kernel

VIRTUAL_IP = "192.168.0.140"
SWITCH, CLIENT = "switch", "client"
CLIENT_IP = "192.168.0.42"
CLIENT_MAC = "02:00:00:00:00:42"

QUIET = {
    "net/ipv4/ip_forward": "0",
    "net/ipv4/conf/all/arp_ignore": "0",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv6/conf/all/disable_ipv6": "0",
}
"""What a namespace may inherit from the machine and must not."""


class BuildError(Exception):
    """A part of the laboratory could not be built; the text says which, and what the tool said."""


@dataclass(frozen=True, slots=True)
class Seat:
    """Where one node sits: its namespace and its two cables."""

    namespace: str
    name: str
    last: int
    """The last byte of its addresses, and of its hardware addresses in decimal digits."""

    @property
    def mac(self) -> str:
        """The hardware address of eth0, where the client is."""
        return f"02:00:00:00:00:{self.last}"

    @property
    def cables(self) -> int:
        """The interface group that both its cables belong to on the switches' side."""
        return 1000 + self.last


SEATS = (
    Seat("node1", "node1.example.com", 43),
    Seat("node2", "node2.example.com", 45),
)


async def command(*words: str, text: str = "") -> str:
    """Run a command to its end and return its output; raises `BuildError` with what it said."""
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate(text.encode())
    if process.returncode != 0:
        raise BuildError(f"{' '.join(words)}: {said.decode(errors='replace').strip()}")
    return said.decode(errors="replace")


async def build_switches() -> None:
    """Make the two switches and the client with its cable."""
    await _namespace(SWITCH)
    await _ip(
        SWITCH,
        *(
            line
            for bridge in ("lan0", "lan1")
            for line in (
                f"link add {bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
                f"link set {bridge} up",
            )
        ),
    )
    await _namespace(CLIENT)
    await _ip(
        SWITCH,
        f"link add client0 type veth peer name eth0 address {CLIENT_MAC} netns {CLIENT}",
        "link set client0 master lan0 up",
    )
    await _ip(CLIENT, f"address add {CLIENT_IP}/24 brd + dev eth0", "link set eth0 up")


async def build_node(seat: Seat) -> None:
    """Make a node's namespace and lay its two cables."""
    await _namespace(seat.namespace)
    for number, subnet in enumerate(("192.168.0", "192.168.10")):
        port, hardware = f"{seat.namespace}-{number}", f"02:00:00:00:{number:02d}:{seat.last}"
        await _ip(
            SWITCH,
            f"link add {port} type veth"
            f" peer name eth{number} address {hardware} netns {seat.namespace}",
            f"link set {port} group {seat.cables} master lan{number} up",
        )
        await _ip(
            seat.namespace,
            f"address add {subnet}.{seat.last}/24 brd + dev eth{number}",
            f"link set eth{number} up",
        )


async def destroy_node(seat: Seat) -> None:
    """Cut the power: both cables in one request to the kernel, every process, the namespace."""
    await _ip(SWITCH, f"link delete group {seat.cables}")
    end_all_in(seat.namespace)
    await command("ip", "netns", "delete", seat.namespace)


def end_all_in(namespace: str) -> None:
    """Kill every process of a namespace; those that fork meanwhile are found by looking again."""
    while pids := list(processes(namespace)):
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # It ended while we looked.


def processes(namespace: str) -> Iterable[int]:
    """Yield the processes that live in a namespace; zombies live nowhere."""
    wanted = os.stat(f"/run/netns/{namespace}")
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            found = os.stat(entry / "ns" / "net")
        except OSError:
            continue  # It has ended, or is about to.
        if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
            yield int(entry.name)


async def _namespace(name: str) -> None:
    await command("ip", "netns", "add", name)
    with kernel.inside(name):
        for key, value in QUIET.items():
            setting = Path("/proc/sys") / key
            if setting.exists():
                setting.write_text(value)
    await _ip(name, "link set lo up")


async def _ip(namespace: str, *lines: str) -> None:
    await command("ip", "-n", namespace, "-batch", "-", text="\n".join(lines) + "\n")
