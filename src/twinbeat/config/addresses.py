"""Virtual IPs as `haresources` and `cluster.toml` write them.

Every reader here raises `ValueError` with a sentence for a person.
"""

import ipaddress
import re

from twinbeat.core.model import AddressSpec

from .diagnostics import quote
from .draft import MAX_INTERFACE, interface_like

DOTTED_QUAD = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+")


def ipaddr_argument(argument: str, alias: bool) -> AddressSpec | None:
    """Read the argument of `IPaddr` and `IPaddr2`; None when it is no address at all.

    The form is `ip[/netmask[/interface[:label]][/broadcast]]` (Heartbeat 3.0.6's resource scripts):
    several slashes count as one, and a third part that begins with a digit is the broadcast
    address. `alias` asks for the first free `IF:N` when no label is given, as IPaddr does.
    """
    parts = [part for part in argument.split("/") if part]
    if not parts or not DOTTED_QUAD.fullmatch(parts[0]) or argument.startswith("/"):
        return None
    ip = ipv4(parts[0])
    prefix = ipv4_prefix(parts[1]) if len(parts) > 1 else None
    rest = parts[2:]
    interface = label = broadcast = None
    if rest and not rest[0][0].isdigit():
        interface, label = interface_and_label(rest.pop(0))
    if rest:
        broadcast = ipv4(rest.pop(0), "broadcast address")
    if rest:
        raise ValueError(f"{quote(rest[0])} is one part too many after the address")
    return AddressSpec(
        ip=ip,
        prefix=prefix,
        interface=interface,
        broadcast=broadcast,
        label=label,
        alias=alias and label is None,
    )


def ipv6addr_argument(argument: str) -> AddressSpec | None:
    """Read the argument of `IPv6addr`, `ip6[/prefix[/interface]]`; None when it is no address."""
    parts = [part for part in argument.split("/") if part]
    if not parts or ":" not in parts[0] or argument.startswith("/"):
        return None
    ip = ipv6(parts[0])
    prefix = ipv6_prefix(parts[1]) if len(parts) > 1 else None
    if len(parts) > 3:
        raise ValueError(f"{quote(parts[3])} is one part too many after the address")
    interface = interface_name(parts[2]) if len(parts) > 2 else None
    return AddressSpec(ip=ip, prefix=prefix, interface=interface)


def ipv4(text: str, what: str = "address") -> ipaddress.IPv4Address:
    """Read an IPv4 address; leading zeros are refused, because programs disagree about them."""
    try:
        return ipaddress.IPv4Address(text)
    except ValueError:
        raise ValueError(
            f"{quote(text)} is not an IPv4 {what}: four numbers up to 255, without leading zeros"
        ) from None


def ipv6(text: str) -> ipaddress.IPv6Address:
    """Read an IPv6 address without a scope."""
    try:
        ip = ipaddress.IPv6Address(text)
    except ValueError:
        raise ValueError(f"{quote(text)} is not an IPv6 address") from None
    if ip.scope_id:
        raise ValueError(f"{quote(text)} names its interface with %; write it as its own part")
    return ip


def ipv4_prefix(text: str) -> int:
    """Read the length of an IPv4 prefix, `24` or `255.255.255.0`."""
    if re.fullmatch("[0-9]{1,2}", text) and int(text) <= 32:
        return int(text)
    if DOTTED_QUAD.fullmatch(text):
        hosts = int(ipv4(text, "netmask")) ^ 0xFFFFFFFF
        if hosts & (hosts + 1) == 0:
            return 32 - hosts.bit_length()
    raise ValueError(
        f"{quote(text)} is not a netmask: a number up to 32, or like 255.255.255.0, "
        "right after the address"
    )


def ipv6_prefix(text: str) -> int:
    """Read the length of an IPv6 prefix."""
    if re.fullmatch("[0-9]{1,3}", text) and int(text) <= 128:
        return int(text)
    raise ValueError(f"{quote(text)} is not the length of an IPv6 prefix: a number up to 128")


def interface_and_label(text: str) -> tuple[str, str | None]:
    """Split `eth0:0` into the interface and the full label; without a colon there is no label."""
    interface, colon, _alias = text.partition(":")
    interface_name(interface)
    return interface, label_of(text, interface) if colon else None


def interface_name(text: str) -> str:
    """Return the name of an interface the kernel could have."""
    if not interface_like(text):
        raise ValueError(
            f"{quote(text)} is no interface: 1 to {MAX_INTERFACE} bytes, without a slash"
        )
    return text


def label_of(text: str, interface: str) -> str:
    """Return a full label, `eth0:0`: it begins with its interface and fits the kernel."""
    if not text.startswith(f"{interface}:") or text == f"{interface}:":
        raise ValueError(f"{quote(text)} is no label of {quote(interface)}: write `{interface}:0`")
    if len(text.encode(errors="replace")) > MAX_INTERFACE:
        raise ValueError(
            f"the label {quote(text)} is longer than the {MAX_INTERFACE} bytes the kernel has for "
            "one"
        )
    return text
