"""Run an agent that a Python package ships, in a process of its own, as if it were an OCF agent.

    python -m twinbeat.agents.host NAME start|stop|monitor|validate-all|meta-data

NAME is an entry point of the group `twinbeat.agents`; what it loads is a `ResourceAgent`. It may
block, crash and print as it likes: the daemon waits for its exit code and for nothing else.
"""

import os
import sys
import traceback
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import ClassVar, Protocol
from xml.etree.ElementTree import Element, SubElement, tostring

from twinbeat.core.description import NOT_INSTALLED, NOT_RUNNING, Description
from twinbeat.core.units import MS

from .base import AgentError

GROUP = "twinbeat.agents"

_SUCCESS, _GENERIC, _ARGUMENTS, _UNIMPLEMENTED, _CONFIGURED = 0, 1, 2, 3, 6
_PARAMETER, _META = "OCF_RESKEY_", "CRM_meta_"


class ResourceAgent(Protocol):
    """What a package offers under an entry point of the group `twinbeat.agents`.

    Every verb is called in a fresh process, may block, is safe to repeat in any order, and raises
    `AgentError` with a sentence for the administrator. A verb that overruns is killed.
    """

    description: ClassVar[Description]
    """The parameters, and the times that the actions `start`, `stop` and `monitor` need."""

    def __init__(self, name: str, parameters: Mapping[str, str]) -> None:
        """`name` tells one resource of this agent from another; defaults are filled in."""

    def start(self) -> None:
        """Bring the resource up; succeed when it is up already."""

    def stop(self) -> None:
        """Take the resource down; succeed when it is down already."""

    def monitor(self, depth: int) -> bool:
        """Return whether the resource runs; raise when it is broken or that cannot be told."""


def main(words: list[str]) -> int:
    """Carry out one action and return its exit code, as an OCF agent would."""
    if len(words) != 2:
        print("usage: python -m twinbeat.agents.host NAME ACTION", file=sys.stderr)
        return _ARGUMENTS
    name, action = words
    point = next(iter(entry_points(group=GROUP, name=name)), None)
    if point is None:
        print(f"no Python package here offers the agent {name} ({GROUP})", file=sys.stderr)
        return NOT_INSTALLED
    try:
        return _act(point, action, os.environ)
    except AgentError as error:
        print(error, file=sys.stderr)
    except Exception:
        traceback.print_exc()
    return _GENERIC


def _act(point: EntryPoint, action: str, environment: Mapping[str, str]) -> int:
    kind: type[ResourceAgent] = point.load()
    if action == "meta-data":
        print(to_xml(kind.description))
        return _SUCCESS
    given = {
        key.removeprefix(_PARAMETER): value
        for key, value in environment.items()
        if key.startswith(_PARAMETER) and not key.startswith(_PARAMETER + _META)
    }
    missing = [p.name for p in kind.description.parameters if p.required and not given.get(p.name)]
    if missing:
        print(f"the parameter {' and '.join(missing)} is missing", file=sys.stderr)
        return _CONFIGURED
    defaults = {p.name: p.default for p in kind.description.parameters if p.default is not None}
    agent = kind(environment.get("OCF_RESOURCE_INSTANCE", point.name), {**defaults, **given})
    verbs: Mapping[str, Callable[[], object]] = {
        "start": agent.start,
        "stop": agent.stop,
        "validate-all": lambda: None,
    }
    if action == "monitor":
        depth = environment.get("OCF_CHECK_LEVEL", "0")
        return _SUCCESS if agent.monitor(int(depth)) else NOT_RUNNING
    if action not in verbs:
        return _UNIMPLEMENTED
    verbs[action]()
    return _SUCCESS


def to_xml(description: Description) -> str:
    """Return the description as OCF meta-data."""
    root = Element("resource-agent", name=description.name, version=description.version)
    _describe(root, description.long, description.short)
    parameters = SubElement(root, "parameters")
    for each in description.parameters:
        flags = {"required": str(int(each.required)), "unique": str(int(each.unique))}
        parameter = SubElement(parameters, "parameter", {"name": each.name, **flags})
        _describe(parameter, each.long, each.short)
        default = {} if each.default is None else {"default": each.default}
        SubElement(parameter, "content", {"type": each.kind, **default})
    actions = SubElement(root, "actions")
    for action in description.actions:
        times = {"timeout": action.timeout, "interval": action.interval}
        spelled = {key: f"{span // MS}ms" for key, span in times.items() if span is not None}
        names = {"name": action.name, "depth": str(action.depth)}
        SubElement(actions, "action", {**names, **spelled})
    return tostring(root, encoding="unicode")


def _describe(element: Element, long: str, short: str) -> None:
    for tag, words in (("longdesc", long), ("shortdesc", short)):
        SubElement(element, tag, lang="en").text = words


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
