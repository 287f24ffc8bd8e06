"""Serial lines: their speeds, their spelling in `cluster.toml`, and what they can carry."""

from collections.abc import Iterable

from twinbeat.core.model import ClusterModel, LinkKind, LinkSpec
from twinbeat.core.units import MS, SECOND, Duration, LinkName

from .diagnostics import Report, listed, quote
from .draft import Draft, add_link
from .tables import Table
from .text import placeholder
from .times import spoken

BAUDS = (9600, 19200, 38400, 57600, 115200, 230400, 460800)
"""Bits per second, as in Heartbeat 3.0.6."""
DEFAULT_BAUD = 19200

_BITS = 10
"""Of a byte on the line: one to start, eight of data, one to stop."""
_FIXED = 330
"""Bytes of a beat that do not depend on the cluster: marks, numbers, signature, load."""
_PER_PEER = 58
"""Bytes for each peer beside its name: a life, a sequence number, an age, a switch."""
_PER_GROUP = 48
"""Bytes for each group beside its name and the longest node's: custody, term, rank, pin."""
_PER_ADDRESS = 13
"""Bytes for the hardware address of an interface with a virtual IP."""
_SPARE = 4
"""A quarter of the time is left free, for beats that answer or tell news between two keepalives."""


def read_serial(table: Table, draft: Draft) -> None:
    """Read a `[[link]]` of kind serial into the draft."""
    device, baud = table.text("device"), table.whole("baud", BAUDS[0], BAUDS[-1])
    table.close()
    if not device:
        if "device" not in table:
            table.missing("device", 'for example `device = "/dev/ttyS0"`')
    elif not device.value.startswith("/"):
        table.error("device", f"{quote(device.value)} is not the full path of a device")
    elif baud and baud.value not in BAUDS:
        table.error("baud", f"baud is {listed(map(str, BAUDS))}, not {baud.value}")
    else:
        link = LinkSpec(
            name=LinkName(""),
            kind=LinkKind.SERIAL,
            interface=device.value,
            baud=baud.value if baud else DEFAULT_BAUD,
        )
        add_link(draft, link, table.mark(), table.report)


def carry(model: ClusterModel, draft: Draft, report: Report) -> None:
    """Report serial lines that are too slow for this cluster's heartbeats, or garble its names."""
    serial = [said for said in draft.links if said.value.kind is LinkKind.SERIAL]
    size = beat_bytes(model)
    for said in serial:
        needed = _needed(size, said.value.baud)
        if needed > model.timing.keepalive:
            report.error(
                said.mark,
                f"{said.value.interface} at {said.value.baud} baud cannot carry a heartbeat every "
                f"{spoken(model.timing.keepalive)}",
                f"A heartbeat of this cluster has up to {size} bytes of ten bits each; with a "
                f"quarter to spare, that takes {spoken(needed)}.",
                _remedy(size, model.timing.keepalive, needed),
            )
    names = [*model.nodes, *(group.name for group in model.groups)]
    garbled = [name for name in names if not name.isascii() and not placeholder(name)]
    if serial and garbled:
        report.error(
            serial[0].mark,
            f"{listed(garbled, 'and')} cannot travel over a serial line",
            "The line carries seven bits of each byte, so that every heartbeat would arrive "
            "garbled.",
            "names of ASCII letters pass",
        )


def beat_bytes(model: ClusterModel) -> int:
    """Return how long this cluster's heartbeats may become in the classic encoding."""
    longest = max(_lengths(model.nodes))
    groups = _lengths(group.name for group in model.groups)
    addresses = [r for group in model.groups for r in group.resources if r.address is not None]
    return (
        _FIXED
        + sum(_lengths(model.nodes))
        + sum(_PER_PEER + length for length in _lengths(model.nodes))
        + sum(_PER_GROUP + length + longest for length in groups)
        + _PER_ADDRESS * len(addresses)
    )


def _lengths(names: Iterable[str]) -> list[int]:
    return [len(name.encode()) for name in names]


def _needed(size: int, baud: int) -> Duration:
    """Return the shortest keepalive for beats of that size, a quarter of it spared."""
    bits = size * _BITS * SECOND
    exact = bits * _SPARE // ((_SPARE - 1) * baud)
    return Duration(-(-exact // (10 * MS)) * 10 * MS)


def _remedy(size: int, keepalive: Duration, needed: Duration) -> str:
    slower = f"a keepalive of at least {spoken(needed)}"
    baud = next((baud for baud in BAUDS if _needed(size, baud) <= keepalive), None)
    return f"{slower}, or `baud {baud}` on both ends" if baud else slower
