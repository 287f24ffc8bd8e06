"""Messages of Heartbeat's own protocol, as the core is told of them and orders them.

A message without our fields is such a one, whatever its type. Its texts are taken as they are, but
bounded; what they mean is decided by who talks to a Heartbeat peer. What every message
carries is added and taken off here.
"""

from twinbeat.core.effects import SendMessage
from twinbeat.core.events import MessageReceived
from twinbeat.core.units import LinkName, NodeName

from .heartbeat import Envelope
from .message import Field, Message, Reason, WireError, shown
from .words import hexadecimal, node_name

OURS = "tb"
"""The field that every beat of ours has."""
MAX_TEXT = 4096
"""Characters of one field that are taken in."""
MAX_TYPE = 64

_ENVELOPE = frozenset({"t", "src", "srcuuid", "seq", "hg", "ts", "ld", "ttl"})
_UNNUMBERED = "NS_"


def is_plain(message: Message) -> bool:
    """Whether a message is of Heartbeat's own protocol only."""
    return OURS not in dict(message.fields)


def unpack(message: Message, link: LinkName) -> MessageReceived:
    """Return what the core is told of a message; WireError when its envelope is not sound."""
    kind, source = message.text("t"), message.text("src")
    if kind is None or source is None:
        raise WireError(Reason.MISSING_FIELD, "no field t or src")
    if not 0 < len(kind) <= MAX_TYPE or not kind.isprintable():
        raise WireError(Reason.BAD_FIELD, f"t is {shown(kind)}")
    node, numbered = node_name(source), not kind.startswith(_UNNUMBERED)
    generation = hexadecimal(message.text("hg") or "", "hg", least=1)
    seq = hexadecimal(message.text("seq") or "", "seq", least=1) if numbered else 0
    fields = {
        name: value
        for name, value in reversed(message.fields)
        if isinstance(value, str) and name not in _ENVELOPE and len(value) <= MAX_TEXT
    }
    return MessageReceived(node, kind, generation, seq, fields, link)


def pack(order: SendMessage, me: NodeName, envelope: Envelope, peer_uuid: bytes | None) -> Message:
    """Return an ordered message with Heartbeat's envelope; `peer_uuid` is that of its `dest`."""
    fields: list[Field] = list(order.fields)
    if any(name == "dest" for name, _ in order.fields):
        fields.append(("destuuid", peer_uuid or bytes(16)))
    fields += [("src", me), ("srcuuid", envelope.uuid)]
    if order.seq:
        fields.append(("seq", f"{order.seq:x}"))
    fields += [("hg", f"{order.generation:x}"), ("ts", f"{envelope.wall_s:x}")]
    if order.seq:
        fields.append(("ld", envelope.load))
    fields.append(("ttl", str(envelope.ttl)))
    return Message(fields)
