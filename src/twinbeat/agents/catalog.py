"""What agents there are on this machine, and what each says of itself."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path

from twinbeat.core.description import Action, Description, Parameter
from twinbeat.core.model import AgentKind, ResourceSpec
from twinbeat.core.units import seconds

from .base import AgentError, Log
from .host import GROUP
from .ocf import OcfAgent
from .programs import OCF_ROOT, OcfProgram, PythonProgram
from .wrappers import own_script

VIRTUAL_IP = Description(
    name="ip",
    short="A virtual IP, held by the daemon itself with a lease in the kernel",
    long="The address is put on an interface and guarded by nftables: it speaks only as long as "
    "the peers acknowledge this node's heartbeats, and falls silent by itself when the daemon is "
    "killed or frozen.\nIn haresources: 192.168.0.140, or IPaddr, IPaddr2, IPv6addr.",
    parameters=(
        Parameter(name="address", required=True, unique=True, short="192.168.0.140/24, fd00::5/64"),
        Parameter(name="interface", short="Where it goes; by default as the routes say"),
        Parameter(name="broadcast", short="The broadcast address, if it is an unusual one"),
        Parameter(name="label", short="IPv4: the label, eth0:0"),
        Parameter(name="alias", kind="boolean", default="false", short="IPv4: a free eth0:N"),
    ),
)
"""The one agent that is no program."""

SCRIPT_ACTIONS = (
    Action(name="start", timeout=seconds(60)),
    Action(name="stop", timeout=seconds(60)),
    Action(name="status", timeout=seconds(60)),
)


@dataclass(frozen=True, slots=True)
class Catalog:
    """The names of everything that a resource may be started by, by kind."""

    ocf: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Types by provider."""
    scripts: Mapping[str, str] = field(default_factory=dict)
    """Scripts of resource.d, and their paths; Heartbeat's wrappers of OCF agents apart."""
    wrappers: Sequence[str] = ()
    init: Mapping[str, str] = field(default_factory=dict)
    python: Mapping[str, str] = field(default_factory=dict)
    """Entry points, and what each loads."""


def take_stock(dirs: Sequence[str], root: str = OCF_ROOT) -> Catalog:
    """Return what is here; no agent is called."""
    resource_d = dict(_programs(each for each in dirs if Path(each).name != "init.d"))
    wrappers = [name for name in resource_d if _wraps(name, dirs)]
    return Catalog(
        ocf={
            provider.name: [name for name, _ in _programs([str(provider)])]
            for provider in _directories(Path(root, "resource.d"))
        },
        scripts={name: path for name, path in resource_d.items() if name not in wrappers},
        wrappers=wrappers,
        init=dict(_programs(each for each in dirs if Path(each).name == "init.d")),
        python={point.name: point.value for point in entry_points(group=GROUP)},
    )


async def describe_program(kind: AgentKind, name: str, log: Log, root: str) -> Description:
    """Return the meta-data of an OCF or a Python agent; raises `AgentError`."""
    program = OcfProgram(name, root) if kind is AgentKind.OCF else PythonProgram(name)
    spec = ResourceSpec(name=name, agent=kind, script=name)
    return await OcfAgent(spec, program, log, {}).describe()


def _wraps(name: str, dirs: Sequence[str]) -> bool:
    try:
        return own_script(name, dirs) is None
    except AgentError:
        return False


def _directories(root: Path) -> list[Path]:
    try:
        return sorted(each for each in root.iterdir() if each.is_dir() and each.name[0] != ".")
    except OSError:
        return []


def _programs(directories: Iterator[str] | Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the names and paths of executable files, by name; of a name twice the first."""
    found: dict[str, str] = {}
    for directory in directories:
        try:
            names = os.listdir(directory)
        except OSError:
            continue
        for name in names:
            path = os.path.join(directory, name)
            if name[0] != "." and os.path.isfile(path) and os.access(path, os.X_OK):
                found.setdefault(name, path)
    yield from sorted(found.items(), key=lambda each: (each[0].lower(), each[0]))
