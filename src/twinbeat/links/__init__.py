"""Carry packets between nodes, and know nothing of their meaning."""

from twinbeat.core.model import LinkKind, LinkSpec

from .base import Link
from .ping import PingLink
from .serial import SerialLink
from .udp import UdpLink

__all__ = ["Link", "PingLink", "build"]


def build(spec: LinkSpec) -> Link:
    """Return the link of a specification, not opened yet.

    Raises `ValueError` when a multicast link's address is not an IP address.
    """
    return SerialLink(spec) if spec.kind is LinkKind.SERIAL else UdpLink(spec)
