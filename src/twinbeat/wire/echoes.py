"""Echoes: what a ping node is sent and sends back, a signed `NS_st` message like Heartbeat's own.

Heartbeat 3.0.6 takes any answer that its cluster has signed. Ours tells of which life it is, and
its number, so that a recorded answer is told from a fresh one:

    tb_png  TOKEN NUMBER                  both hexadecimal
"""

from dataclasses import dataclass

from twinbeat.core.model import PingSpec
from twinbeat.core.units import NodeName

from .message import Message, Reason, WireError, shown
from .words import hexadecimal, legal_name

MAX_NAME = 100
"""Bytes of a ping node's name; a node's name has the same limit."""


@dataclass(frozen=True, slots=True)
class Echo:
    """One question, and so one answer."""

    node: NodeName
    """The ping node."""
    token: int
    """Of the life that asks."""
    number: int
    """Of the question within that life, from 1."""


def pack(echo: Echo, ping: PingSpec, wall_s: int) -> Message:
    """Return the message that carries an echo, in Heartbeat's order of fields."""
    return Message(
        [
            ("t", "NS_st"),
            ("st", "ping"),
            ("info", "ping_group" if ping.group else "ping"),
            ("tb_png", f"{echo.token:x} {echo.number:x}"),
            ("src", echo.node),
            ("ts", f"{wall_s:x}"),
        ]
    )


def unpack(message: Message) -> Echo:
    """Return the echo of a message; WireError when it is none of ours."""
    kind, said, node = message.text("t"), message.text("tb_png"), message.text("src")
    if kind != "NS_st" or message.text("st") != "ping":
        raise WireError(Reason.NOT_A_HEARTBEAT, f"a message of type {shown(kind or '')}")
    if said is None or node is None:
        raise WireError(Reason.MISSING_FIELD, "a ping without tb_png or src")
    token, _, number = said.partition(" ")
    return Echo(
        NodeName(legal_name(node, MAX_NAME)),
        hexadecimal(token, "token in tb_png"),
        hexadecimal(number, "number in tb_png", least=1),
    )
