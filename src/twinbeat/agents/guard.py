"""The guard in the kernel: the tables, who owns them, and what the sets in them say.

All of it belongs to one network namespace, that of the thread which made it. Tables of the kind
`owner,persist` (Linux 6.9) answer only to the socket that made them and outlive it as orphans; a
later life of the daemon adopts them. Older kernels have plain tables, which anybody may flush:
then the guard is built again as soon as that is noticed.
"""

import errno
import ipaddress
import os
from collections.abc import Iterable, Mapping

from . import libnftables, nftables
from .netlink import NETLINK_NETFILTER, IpAddress, Kernel
from .nftables import Batch, Element, Family, Hook
from .ruleset import RULES, TABLE

_FAMILIES = (Family.INET, Family.ARP, Family.NETDEV)
_IS_IT_THERE = [nftables.get_table(family, TABLE) for family in _FAMILIES]
_INGRESS = 0
_EGRESS = 1
_VIP_SETS = {
    4: ((Family.INET, "vip4"), (Family.ARP, "vip4"), (Family.NETDEV, "vip4")),
    6: ((Family.INET, "vip6"), (Family.NETDEV, "vip6")),
}
_LEASE_SETS = {
    4: (
        (Family.INET, "flow4"),
        (Family.ARP, "live4"),
        (Family.NETDEV, "flow4"),
        (Family.NETDEV, "live4"),
    ),
    6: ((Family.INET, "flow6"), (Family.NETDEV, "flow6"), (Family.NETDEV, "live6")),
}


class GuardError(Exception):
    """The kernel or its tools cannot hold the guard; the text says what is missing."""


class GuardHeldError(GuardError):
    """The tables belong to a living process in this network namespace."""


def lease_elements(ip: IpAddress) -> tuple[Element, ...]:
    """Return the elements that together let an address speak."""
    return tuple(Element(f, TABLE, name, ip.packed) for f, name in _LEASE_SETS[ip.version])


def _vip_elements(ip: IpAddress) -> tuple[Element, ...]:
    return tuple(Element(f, TABLE, name, ip.packed) for f, name in _VIP_SETS[ip.version])


def _peer_element(mac: bytes) -> Element:
    return Element(Family.NETDEV, TABLE, "peers", mac)


def _hooks(index: int) -> tuple[Hook, Hook]:
    ingress = Hook(TABLE, f"in{index}", _INGRESS, -500)
    return ingress, Hook(TABLE, f"out{index}", _EGRESS, 500)


def _open() -> Kernel:
    try:
        return Kernel(NETLINK_NETFILTER)
    except OSError as error:
        raise GuardError(f"the kernel has no nftables: {error.strerror}") from None


class Guard:
    """The tables of this node and the socket they belong to."""

    def __init__(self) -> None:
        """Open the socket; raises `GuardError` when this machine cannot have a guard at all."""
        try:
            libnftables.available()
        except libnftables.NftError as error:
            raise GuardError(str(error)) from None
        self._kernel = _open()
        self.owned = False
        """Whether the tables obey this socket only (`owner,persist`)."""
        self._addresses: frozenset[IpAddress] = frozenset()
        self._peers: frozenset[bytes] = frozenset()
        self._used = True
        self._devices: dict[int, str] = {}
        self._hooked: dict[int, str] = {}

    def adopt(self) -> list[IpAddress]:
        """Take over what an earlier life left and return its addresses, still guarded.

        Raises `GuardHeldError` when that life is not over, `GuardError` when there can be none.
        """
        try:
            keys = self._dump("vip4") + self._dump("vip6")
            self._used = any(self._tables())
            held = self._own() == errno.EPERM
        except PermissionError:
            self._kernel.close()
            raise GuardError("nftables needs the right CAP_NET_ADMIN") from None
        except OSError as error:
            self._kernel.close()
            raise GuardError(f"the kernel has no nftables: {error.strerror}") from None
        if held:
            self._kernel.close()
            raise GuardHeldError(
                f"the nftables tables `{TABLE}` of this network namespace belong to another "
                "twinbeat that still runs; stop that one first"
            )
        return [ipaddress.ip_address(key) for key in keys]

    def build(self, addresses: Iterable[IpAddress], devices: Mapping[int, str]) -> None:
        """Make tables, rules and elements anew; raises `GuardError`.

        The addresses are those of ours, the devices (index and name) those they may be on.
        """
        self._addresses = frozenset(addresses)
        self._devices = dict(devices)
        self.rebuild(())

    def rebuild(self, live: Iterable[tuple[IpAddress, int]]) -> None:
        """Make everything anew as it was last wanted; raises `GuardError`.

        `live` are addresses that may speak and for how many milliseconds still. Their leases are
        written before it is said that they are ours, so that they are never silent in between.
        """
        if self._used:
            self._delete()
        self._used = True
        self._hooked = {}
        failed = self._own()
        self.owned = not failed
        if failed:
            failed = self._kernel.ask(nftables.new_tables(_FAMILIES, TABLE, 0))
        if failed:
            raise GuardError(f"the kernel refuses nftables tables: {os.strerror(failed)}")
        self._load()
        self.cover(self._devices)
        for ip, left_ms in live:
            lease = Batch()
            for element in lease_elements(ip):
                lease.add(element)
            self._change(lease, left_ms)
        everything = self._obeyed(Batch(), self._peers)
        self._change(self._ours(everything, self._addresses))

    def cover(self, devices: Mapping[int, str]) -> None:
        """Put the device part of the guard on these interfaces (index and name), and no others.

        Raises `GuardError` when one refuses; the rest of the guard stands as before.
        """
        self._devices = dict(devices)
        for index, name in list(self._hooked.items()):
            if self._devices.get(index) != name:
                for hook in _hooks(index):
                    self.write(Batch().unhook(hook).packed())
                del self._hooked[index]
        for index, name in self._devices.items():
            if index not in self._hooked:
                ingress, egress = _hooks(index)
                # Before Linux 5.16 there is no egress hook: what a packet socket sends is then
                # unguarded, and the announcer's look at the clock has to do.
                if self.write(Batch().hook(ingress, name, "in").hook(egress, name, "out").packed()):
                    self._change(Batch().hook(ingress, name, "in"))
                self._hooked[index] = name

    def protect(self, addresses: Iterable[IpAddress]) -> None:
        """Say which addresses are ours; each is silent until its lease is written."""
        before, self._addresses = self._addresses, frozenset(addresses)
        batch = Batch()
        for ip in before - self._addresses:
            for element in _vip_elements(ip):
                batch.delete(element)
        self._change(self._ours(batch, self._addresses - before))

    def obey(self, peers: Iterable[bytes]) -> None:
        """Say whose announcement of an address of ours ends its lease here (the conflict rule)."""
        before, self._peers = self._peers, frozenset(peers)
        batch = Batch()
        for mac in before - self._peers:
            batch.delete(_peer_element(mac))
        self._change(self._obeyed(batch, self._peers - before))

    def stands(self) -> bool:
        """Return whether all tables are still there."""
        return all(self._tables())

    def write(self, batch: bytes | bytearray) -> int:
        """Send a batch and return its errno."""
        return self._kernel.ask(batch)

    def close(self) -> None:
        """Delete the tables and close the socket: nothing of ours is left."""
        self._delete()
        self._kernel.close()

    def _dump(self, name: str) -> list[bytes]:
        try:
            bodies = self._kernel.dump(nftables.get_elements(Family.INET, TABLE, name))
            return nftables.element_keys(bodies)
        except FileNotFoundError:
            return []

    def _tables(self) -> list[bool]:
        """Return for each table whether it is there."""
        return [not self._kernel.ask(question) for question in _IS_IT_THERE]

    def _delete(self) -> None:
        """Delete those tables that are there: a batch that fails costs 10 ms."""
        for family, there in zip(_FAMILIES, self._tables(), strict=True):
            if there:
                self._kernel.ask(nftables.delete_table(family, TABLE))

    def _own(self) -> int:
        """Make the tables ours, or adopt them when they are orphans; return the errno."""
        return self._kernel.ask(nftables.new_tables(_FAMILIES, TABLE, nftables.OWNER_PERSIST))

    def _load(self) -> None:
        """Load the rules; the tables are orphans for that moment, for the library's socket's sake.

        An orphan guards as an owned table does, and nothing of ours runs meanwhile.
        """
        if self.owned:
            spare = _open()
            self._kernel.close()
            self._kernel = spare
        try:
            libnftables.load(RULES)
        except libnftables.NftError as error:
            raise GuardError(f"libnftables refused the guard's rules: {error}") from None
        finally:
            failed = self._own() if self.owned else 0
        if failed:
            raise GuardError(f"the guard's tables could not be taken back: {os.strerror(failed)}")

    @staticmethod
    def _ours(batch: Batch, addresses: Iterable[IpAddress]) -> Batch:
        for ip in addresses:
            for element in _vip_elements(ip):
                batch.add(element, timed=False)
        return batch

    @staticmethod
    def _obeyed(batch: Batch, peers: Iterable[bytes]) -> Batch:
        for mac in peers:
            batch.add(_peer_element(mac), timed=False)
        return batch

    def _change(self, batch: Batch, timeout_ms: int = 0) -> None:
        failed = self.write(batch.packed(timeout_ms)) if batch else 0
        if failed:
            raise GuardError(f"the kernel refuses a change of it: {os.strerror(failed)}")
