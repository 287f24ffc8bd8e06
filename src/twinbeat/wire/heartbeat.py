"""Heartbeats: a `Beat` inside an ordinary Heartbeat `status` message.

A Heartbeat 3.0.6 node sees a normal peer and ignores our fields; of its own status messages we
take what there is. Our fields, each a short text and left out when there is nothing to say:

    tb      VERSION TOKEN LEASE           TOKEN 16 hexadecimal digits, LEASE in microseconds
    tb_ack  NODE,GENERATION.TOKEN,SEQ,y|n,AGE ...      y: heard; AGE in milliseconds
    tb_grp, tb_bar, tb_clr                groups: see groups.py
    tb_sby  NODE,COUNTER,on|off ...       standby
    tb_mnt  NODE,COUNTER,on|off ...       maintenance; * is the whole cluster
    tb_bad  GROUP,NODE ...                known unclean
    tb_bye  1                             leaving
    tb_cfg  DIGEST                        of the configuration
    tb_mac  MAC ...                       12 hexadecimal digits each: of the virtual IPs' interfaces
    tb_png  SCORE                         how many ping nodes answer the sender, 0 to 64

Generations and sequence numbers are hexadecimal like Heartbeat's own `hg` and `seq`, all other
numbers decimal. `tb` will mean the same in every version; a beat of a version that is not ours
keeps its life and its lease, but says nothing: its sender is heard, and never taken for alive.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import cast

from twinbeat.core.beat import PROTOCOL_VERSION, Ack, Beat, Life, Switch
from twinbeat.core.units import MS, US, Duration, GroupName, NodeName
from twinbeat.core.value import value

from .groups import MAX_GROUPS, group_name, read_groups, write_groups
from .message import Field, Message, Reason, WireError, shown
from .words import (
    decimal,
    flag,
    hexadecimal,
    node_name,
    read_items,
    read_name,
    read_table,
    require_single,
    write_name,
)

STATUS_WORDS = ("init", "up", "active")
SHORTEST, LONGEST = Duration(10 * MS), Duration(3_600_000 * MS)
"""What a peer may publish as its deadtime or lease: it is judged by these, so they are bounded."""
MAX_NODES = 128
MAX_DIGEST = 64
MAX_MACS = 32
MAX_PINGS = 64
"""Heartbeat's limit of links, of which every ping node is one."""
MAX_AGE_MS = 86_400_000
"""A day: more says no more, for it only makes the grace of a young life shorter."""


@value()
class Envelope:
    """What Heartbeat puts on every message and we send only for its sake."""

    uuid: bytes
    """16 bytes, the same in every life of the node."""
    wall_s: int
    """Unix time in seconds."""
    load: str
    """The first line of /proc/loadavg, or `n/a`; never empty, no newline."""
    ttl: int
    """Hops and nodes: Heartbeat sends the number of configured nodes and one."""


def pack(beat: Beat, envelope: Envelope) -> Message:
    """Return the `status` message of a beat, in Heartbeat's order of fields.

    Deadtime and lease are rounded up, to the millisecond and the microsecond, so that no peer
    judges the sender early. A beat of version 0 gets none of our fields.
    """
    fields: list[Field] = [
        ("t", "status"),
        ("st", beat.word),
        ("dt", f"{-(-beat.deadtime // MS):x}"),
        ("protocol", "1"),
    ]
    if beat.version:
        _add_ours(fields, beat)
    fields += [
        ("src", beat.node),
        ("srcuuid", envelope.uuid),
        ("seq", f"{beat.seq:x}"),
        ("hg", f"{beat.life.generation:x}"),
        ("ts", f"{envelope.wall_s:x}"),
        ("ld", envelope.load),
        ("ttl", str(envelope.ttl)),
    ]
    return Message(fields)


def _add_ours(fields: list[Field], beat: Beat) -> None:
    lease_us = -(-beat.lease // US)
    fields.append(("tb", f"{beat.version} {beat.life.token:016x} {lease_us}"))
    if beat.acks:
        fields.append(("tb_ack", write_acks(beat.acks)))
    fields += write_groups(beat.groups)
    if beat.standby:
        fields.append(("tb_sby", _write_switches(beat.standby)))
    if beat.maintenance:
        fields.append(("tb_mnt", _write_switches(beat.maintenance)))
    if beat.unclean:
        marks = [f"{write_name(group)},{write_name(node)}" for group, node in sorted(beat.unclean)]
        fields.append(("tb_bad", " ".join(marks)))
    if beat.leaving:
        fields.append(("tb_bye", "1"))
    if beat.digest:
        fields.append(("tb_cfg", beat.digest))
    if beat.macs:
        fields.append(("tb_mac", _write_macs(beat.macs)))
    if beat.age is not None:
        fields.append(("tb_age", str(min(-(-beat.age // MS), MAX_AGE_MS))))
    if beat.pings is not None:
        fields.append(("tb_png", str(beat.pings)))


def write_acks(acks: Mapping[NodeName, Ack]) -> str:
    """Return the text of `tb_ack`."""
    return " ".join([_write_ack(node, ack) for node, ack in acks.items()])


def _write_ack(node: NodeName, ack: Ack) -> str:
    life = f"{ack.life.generation:x}.{ack.life.token:016x}"
    return f"{write_name(node)},{life},{ack.seq:x},{'y' if ack.hears else 'n'},{ack.age_ms}"


def _write_switches(switches: Mapping[NodeName, Switch]) -> str:
    return " ".join(
        [f"{write_name(n)},{s.counter},{'on' if s.on else 'off'}" for n, s in switches.items()]
    )


@lru_cache(maxsize=MAX_NODES)
def _write_macs(macs: frozenset[bytes]) -> str:
    return " ".join(sorted(mac.hex() for mac in macs))


def unpack(message: Message) -> Beat:
    """Return the beat of a `status` message; WireError when it is none or one value is illegal.

    A plain Heartbeat status gives version 0, token 0, and its deadtime as its lease.
    """
    fields = dict(reversed(message.fields))  # The first field of a name is the one that counts.
    if (kind := fields.get("t")) != "status":
        told = shown(kind) if isinstance(kind, str) else "that is no string"
        raise WireError(Reason.NOT_A_HEARTBEAT, f"a message of type {told}")
    texts = tuple(map(fields.get, _READ))
    if not _STRING_OR_ABSENT.issuperset(map(type, texts)):
        texts = tuple(text if isinstance(text, str) else None for text in texts)
    seq, acks, *_ = strings = cast(tuple[str | None, ...], texts)
    if seq is None:
        raise WireError(Reason.MISSING_FIELD, "no field seq")
    said = _read_repeated(strings[2:])
    ours = said.version == PROTOCOL_VERSION
    number = hexadecimal(seq, "seq", least=1)
    return said.again(number, read_acks(acks) if ours and acks else {})


_REPEATED = (
    "st", "dt", "src", "hg", "tb", "tb_grp", "tb_bar", "tb_clr", "tb_sby", "tb_mnt", "tb_bad",
    "tb_bye", "tb_cfg", "tb_mac", "tb_age", "tb_png",
)  # fmt: skip
"""All of a beat but `seq` and `tb_ack`, which alone are new in most of them."""
_READ = ("seq", "tb_ack", *_REPEATED)
_STRING_OR_ABSENT = frozenset({str, type(None)})


@lru_cache(maxsize=MAX_NODES)
def _read_repeated(texts: tuple[str | None, ...]) -> Beat:
    """Read the texts of `_REPEATED`, None for an absent one, into a beat without number and acks.

    What a peer said in its last beat is not read again. One look-up by all the texts is better
    than one for each: in an idle daemon none of this is in the processor's caches any more.
    """
    fields = {name: text for name, text in zip(_REPEATED, texts, strict=True) if text is not None}
    word = _required(fields, "st")
    if word not in STATUS_WORDS:
        raise WireError(Reason.BAD_FIELD, f"st is {shown(word)}, not one of {STATUS_WORDS}")
    deadtime = _bounded(hexadecimal(_required(fields, "dt"), "dt") * MS, "dt")
    node = node_name(_required(fields, "src"))
    generation = hexadecimal(_required(fields, "hg"), "hg", least=1)
    version, token, lease = 0, 0, deadtime
    if "tb" in fields:
        version, token, lease = _read_tb(fields["tb"])
    if version != PROTOCOL_VERSION:
        fields = {}
    return Beat(
        node=node,
        life=Life(generation, token),
        seq=0,
        word=word,
        deadtime=deadtime,
        lease=lease,
        version=version,
        groups=read_groups(fields),
        standby=_read_switches(fields.get("tb_sby", ""), "tb_sby"),
        maintenance=_read_switches(fields.get("tb_mnt", ""), "tb_mnt"),
        unclean=_read_unclean(fields.get("tb_bad", "")),
        leaving="tb_bye" in fields and flag(fields["tb_bye"], "1", "0", "tb_bye"),
        digest=_read_digest(fields.get("tb_cfg", "")),
        macs=_read_macs(fields.get("tb_mac", "")),
        age=_read_age(fields.get("tb_age")),
        pings=_read_pings(fields.get("tb_png")),
    )


def _required(fields: Mapping[str, str], name: str) -> str:
    text = fields.get(name)
    if text is None:
        raise WireError(Reason.MISSING_FIELD, f"no field {name}")
    return text


def _bounded(span: int, what: str) -> Duration:
    if not SHORTEST <= span <= LONGEST:
        raise WireError(Reason.BAD_TIME, f"{what} is {span // US} us, not 10 ms to 1 h")
    return Duration(span)


def _read_tb(text: str) -> tuple[int, int, Duration]:
    """Read `tb`: version, token and lease. Later versions may say more after these."""
    parts = text.split(" ", 3)
    if len(parts) < 3:
        raise WireError(Reason.BAD_FIELD, f"tb is {shown(text)}")
    version = decimal(parts[0], "version in tb", most=10**6)
    if version == 0:
        raise WireError(Reason.BAD_NUMBER, "version in tb is 0, which is a peer without tb")
    lease = _bounded(decimal(parts[2], "lease in tb") * US, "lease in tb")
    return version, hexadecimal(parts[1], "token in tb"), lease


def read_acks(text: str) -> dict[NodeName, Ack]:
    """Read the text of `tb_ack`; WireError when it is not legal."""
    items = read_items(text, 5, MAX_NODES, "tb_ack")
    acks = {}
    for name, life, seq, hears, age in items:
        node, acked, heard = _read_acked(name, life, hears)
        count, age_ms = hexadecimal(seq, "seq in tb_ack"), decimal(age, "age in tb_ack")
        acks[node] = Ack(acked, count, heard, age_ms)
    require_single(items, acks, "tb_ack")
    return acks


@lru_cache(maxsize=MAX_NODES)
def _read_acked(name: str, life: str, hears: str) -> tuple[NodeName, Life, bool]:
    """Read what lasts of an acknowledgement."""
    heard = flag(hears, "y", "n", "heard in tb_ack")
    return node_name(read_name(name)), _read_life(life), heard


def _read_life(text: str) -> Life:
    generation, _, token = text.partition(".")
    return Life(
        hexadecimal(generation, "generation in tb_ack"), hexadecimal(token, "token in tb_ack")
    )


def _read_switches(text: str, what: str) -> dict[NodeName, Switch]:
    return read_table(read_items(text, 3, MAX_NODES, what), node_name, _read_switch, what)


def _read_switch(item: list[str]) -> Switch:
    counter = decimal(item[1], "counter of a switch")
    return Switch(counter, flag(item[2], "on", "off", "a switch"))


def _read_unclean(text: str) -> frozenset[tuple[GroupName, NodeName]]:
    items = read_items(text, 2, MAX_GROUPS * 4, "tb_bad")
    return frozenset(
        (group_name(read_name(group)), node_name(read_name(node))) for group, node in items
    )


def _read_digest(text: str) -> str:
    if len(text) > MAX_DIGEST or not text.isprintable():
        raise WireError(Reason.BAD_FIELD, f"tb_cfg is {shown(text)}")
    return text


def _read_macs(text: str) -> frozenset[bytes]:
    items = text.split(" ", MAX_MACS) if text else []
    if len(items) > MAX_MACS:
        raise WireError(Reason.TOO_MANY, f"more than {MAX_MACS} addresses in tb_mac")
    for item in items:
        if len(item) != 12 or item.strip("0123456789abcdef"):
            raise WireError(Reason.BAD_FIELD, f"tb_mac is {shown(text)}")
    return frozenset(map(bytes.fromhex, items))


def _read_age(text: str | None) -> Duration | None:
    return None if text is None else Duration(decimal(text, "tb_age", most=MAX_AGE_MS) * MS)


def _read_pings(text: str | None) -> int | None:
    return None if text is None else decimal(text, "tb_png", most=MAX_PINGS)
