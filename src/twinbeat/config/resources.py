"""Read one `[[group.resource]]` of a cluster.toml: each kind of agent has its own keys."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from twinbeat.core.model import AddressSpec, AgentKind, ResourceSpec

from . import addresses
from .diagnostics import did_you_mean, listed, quote
from .draft import Said, SaidResource
from .tables import Table

_TIMEOUTS = ("start_timeout", "stop_timeout", "monitor_timeout")
MAX_DEPTH = 1000
"""Of a monitor; the agents that know depths use 10 and 20."""

UNIT_SUFFIXES = (".service", ".socket", ".mount", ".target", ".timer", ".path", ".automount",
                 ".swap", ".slice", ".scope")  # fmt: skip
MAX_LOOKS = 100
_LOOKS = {
    "fall": (
        "So many bad looks in a row make it failed: with none it never would be, with so many "
        "hardly ever.",
        "1 is usual, 2 or 3 suit a check that errs now and then",
    ),
    "rise": (
        "So many good looks in a row make it sound again after a bad one.",
        "1 is usual",
    ),
}
"""What follows from a number of looks that cannot be, and what is usual."""
_WATCHED_OTHERWISE = {
    AgentKind.IP: "an address has no process, and the kernel tells when it goes",
    AgentKind.SYSTEMD: "systemd tells of the death of a unit's processes itself",
}
_MAX_UNIT = 255
_UNIT = re.compile(r"[A-Za-z0-9:_.\\@-]+")
"""systemd.unit(5): the characters and the length of a unit's name."""
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}")
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")


def read_resource(table: Table) -> Said[ResourceSpec] | None:
    """Read one `[[group.resource]]`; None when it is refused, and the report says why."""
    agent = table.text("agent")
    if agent is None:
        if "agent" not in table:
            table.missing("agent", f"one of {listed(AgentKind)}")
        return None
    if agent.value not in tuple(AgentKind):
        table.error(
            "agent",
            f"agent is {listed(AgentKind)}, not {quote(agent.value)}",
            did_you_mean(agent.value, AgentKind),
        )
        return None
    kind = AgentKind(agent.value)
    spec = _READERS[kind](table, kind)
    parameters = read_parameters(table) if kind in (AgentKind.OCF, AgentKind.PYTHON) else {}
    spec = read_watching(table, spec) if spec else None
    table.close()
    if spec is None:
        return None
    values = tuple((name, said.value) for name, said in parameters.items())
    marks = {name: said.mark for name, said in parameters.items()}
    return SaidResource(replace(spec, parameters=values), table.mark(), marks)


def read_parameters(table: Table) -> dict[str, Said[str]]:
    """Read `[group.resource.parameters]`: what an agent with named parameters is given."""
    parameters = table.table("parameters")
    values = parameters.values() if parameters else {}
    for name in values:
        if parameters and not _PARAMETER.fullmatch(name):
            parameters.error(name, f"no parameter can be called {quote(name)}")
    return values


def _virtual_ip(table: Table, kind: AgentKind) -> ResourceSpec | None:
    address, name = table.text("address"), table.text("name")
    interface, label = table.text("interface"), table.text("label")
    broadcast, alias = table.text("broadcast"), table.flag("alias")
    if not address:
        if "address" not in table:
            table.missing("address", 'for example `address = "192.168.0.140/24"`')
        return None
    try:
        spec = _address(
            address.value,
            interface.value if interface else None,
            label.value if label else None,
            broadcast.value if broadcast else None,
            alias.value if alias else False,
        )
    except ValueError as why:
        table.error("address", str(why))
        return None
    return ResourceSpec(name=name.value if name else address.value, agent=kind, address=spec)


def _address(
    address: str, interface: str | None, label: str | None, broadcast: str | None, alias: bool
) -> AddressSpec:
    ip_text, slash, prefix_text = address.partition("/")
    ip = addresses.ipv6(ip_text) if ":" in ip_text else addresses.ipv4(ip_text)
    if isinstance(ip, ipaddress.IPv6Address):
        if label or broadcast or alias:
            raise ValueError("an IPv6 address has neither label nor alias nor broadcast")
        prefix = addresses.ipv6_prefix(prefix_text) if slash else None
    else:
        prefix = addresses.ipv4_prefix(prefix_text) if slash else None
    if label:
        interface = interface or label.partition(":")[0]
        addresses.label_of(label, interface)
        if alias:
            raise ValueError("alias = true asks for the first free label, and one is given")
    return AddressSpec(
        ip=ip,
        prefix=prefix,
        interface=addresses.interface_name(interface) if interface else None,
        broadcast=addresses.ipv4(broadcast, "broadcast address") if broadcast else None,
        label=label,
        alias=alias,
    )


def _script(table: Table, kind: AgentKind) -> ResourceSpec | None:
    name, args = table.text("name"), table.texts("args")
    if not name:
        if "name" not in table:
            table.missing("name", "the file name of the script")
        return None
    if "/" in name.value or name.value in (".", ".."):
        table.error(
            "name",
            f"{quote(name.value)} is no script's name: it is a file in resource.d or /etc/init.d, "
            "named without its path",
        )
        return None
    if args and kind is AgentKind.LSB:
        table.error("args", "an init script takes no arguments", '`agent = "script"` does')
        return None
    words = [name.value, *(arg.value for arg in args or [])]
    return ResourceSpec(name="::".join(words), agent=kind, script=name.value, args=tuple(words[1:]))


def _ocf(table: Table, kind: AgentKind) -> ResourceSpec | None:
    name, own = _name(table, "PROVIDER:TYPE, as heartbeat:Filesystem"), table.text("id")
    if not name:
        return None
    words = name.removeprefix("ocf:").split(":")
    if len(words) != 2 or not all(_FILE.fullmatch(word) for word in words):
        table.error(
            "name",
            f"{quote(name)} is no OCF agent: its name is PROVIDER:TYPE",
            f"did you mean {quote(f'heartbeat:{words[0]}')}?" if _FILE.fullmatch(name) else "",
        )
        return None
    script = ":".join(words)
    return ResourceSpec(name=own.value if own else script, agent=kind, script=script)


def _unit(table: Table, kind: AgentKind) -> ResourceSpec | None:
    name, own = _name(table, "the unit, as nginx"), table.text("id")
    if not name:
        return None
    unit = name if name.endswith(UNIT_SUFFIXES) else f"{name}.service"
    if not _UNIT.fullmatch(unit) or len(unit) > _MAX_UNIT:
        table.error("name", f"no unit of systemd can be called {quote(name)}")
        return None
    return ResourceSpec(name=own.value if own else name, agent=kind, script=unit)


def _entry_point(table: Table, kind: AgentKind) -> ResourceSpec | None:
    name, own = _name(table, "the entry point of the group twinbeat.agents"), table.text("id")
    if not name:
        return None
    if not _FILE.fullmatch(name):
        table.error("name", f"no entry point can be called {quote(name)}")
        return None
    return ResourceSpec(name=own.value if own else name, agent=kind, script=name)


def _name(table: Table, what: str) -> str | None:
    """Read the name of what is to run; a missing one is reported."""
    said = table.text("name")
    if said is None and "name" not in table:
        table.missing("name", what)
    return said.value if said else None


_READERS: Mapping[AgentKind, Callable[[Table, AgentKind], ResourceSpec | None]] = {
    AgentKind.IP: _virtual_ip,
    AgentKind.SCRIPT: _script,
    AgentKind.LSB: _script,
    AgentKind.OCF: _ocf,
    AgentKind.SYSTEMD: _unit,
    AgentKind.PYTHON: _entry_point,
}


def read_watching(table: Table, spec: ResourceSpec) -> ResourceSpec:
    """Return the resource with the timeouts that its table names, and how it is watched."""
    monitor, depth = table.interval("monitor"), table.whole("depth", 0, MAX_DEPTH)
    fall, rise = (table.whole(key, 1, MAX_LOOKS, *why) for key, why in _LOOKS.items())
    said = {name: table.span(name) for name in _TIMEOUTS}
    for name, timeout in said.items():
        if timeout and timeout.value == 0:
            table.error(name, f"{name} is zero: no script ends in no time")
    start, stop, look = (timeout.value if timeout else None for timeout in said.values())
    return replace(
        spec,
        start_timeout=start or spec.start_timeout,
        stop_timeout=stop or spec.stop_timeout,
        monitor=monitor.value if monitor else spec.monitor,
        monitor_timeout=look or spec.monitor_timeout,
        depth=depth.value if depth else spec.depth,
        fall=fall.value if fall else spec.fall,
        rise=rise.value if rise else spec.rise,
        pidfile=_pidfile(table, spec),
    )


def _pidfile(table: Table, spec: ResourceSpec) -> str:
    said = table.text("pidfile")
    if said is None:
        return spec.pidfile
    if spec.agent in _WATCHED_OTHERWISE:
        table.error(
            "pidfile",
            f"{quote(spec.name)} needs no pidfile: {_WATCHED_OTHERWISE[spec.agent]}",
            "take the line out",
        )
    elif not said.value.startswith("/"):
        table.error(
            "pidfile",
            f"the pidfile {quote(said.value)} is no full path",
            f"write where it lies, like {quote(f'/run/{said.value}')}",
            "The daemon runs in a directory of its own and would not find it: a death would be "
            "noticed at the next look only.",
        )
    return said.value
