"""Heartbeat's `resource.d` names: which OCF agent each calls, and with which parameters.

Heartbeat 3.0.6 ships a wrapper of each name that turns the words of haresources into parameters of
the OCF agent of the same name and does nothing else. This table is what those wrappers do.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from twinbeat.core.model import AgentKind, ResourceSpec

from .diagnostics import quote

PROVIDER = "heartbeat"


@dataclass(frozen=True, slots=True)
class Wrapper:
    """One name: the parameters in the order of the words, and how many words there must be."""

    parameters: tuple[str, ...]
    least: int
    defaults: Mapping[str, str]
    split: Callable[[Sequence[str]], Sequence[str]] | None = None
    """Turns the words into one value for each parameter, where they are not just that."""


def _wrapper(
    parameters: str,
    least: int,
    split: Callable[[Sequence[str]], Sequence[str]] | None = None,
    **defaults: str,
) -> Wrapper:
    return Wrapper(tuple(parameters.split()), least, defaults, split)


def _address_and_interface(words: Sequence[str]) -> Sequence[str]:
    ip, _, interface = words[0].partition("/")
    return ip, interface


def _port_or_file(words: Sequence[str]) -> Sequence[str]:
    """WAS takes a port (the advanced edition) or a configuration file (the single server one)."""
    if not words:
        return ()
    return ("", words[0]) if words[0].isdecimal() else (words[0], "")


def _all_in_one(words: Sequence[str]) -> Sequence[str]:
    return (" ".join(words),) if words else ()


_MANY = 100

WRAPPERS: Mapping[str, Wrapper] = {
    "AudibleAlarm": _wrapper("nodelist", 0, _all_in_one),
    # A look that sleeps half a minute, as the agent's does if not told otherwise, serves nobody.
    "Delay": _wrapper("startdelay stopdelay", 0, startdelay="10", mondelay="0"),
    "Filesystem": _wrapper("device directory fstype options", 2),
    "ICP": _wrapper("driveid device", 2),
    "IPsrcaddr": _wrapper("ipaddress", 1),
    "LVM": _wrapper("volgrpname", 1),
    "LinuxSCSI": _wrapper("scsi", 1),
    "MailTo": _wrapper("email subject", 1),
    "Raid1": _wrapper("raidconf raiddev", 2),
    "SendArp": _wrapper("ip nic", 1, _address_and_interface),
    "ServeRAID": _wrapper("serveraid mergegroup", 2),
    "WAS": _wrapper("config port", 0, _port_or_file),
    "WinPopup": _wrapper("hostfile", 0, hostfile="hosts"),
    "Xinetd": _wrapper("service", 1),
    "apache": _wrapper("configfile", 0),
    "db2": _wrapper("instance", 1),
    "ids": _wrapper("informixdir informixserver onconfig", 0),
    "ldirectord": _wrapper("configfile", 0),
    "portblock": _wrapper("protocol portno action", 3),
}
"""Addresses are not among them: those stay in-process, with their lease."""


def most(name: str) -> int:
    """Return how many words a wrapper takes at most."""
    wrapper = WRAPPERS[name]
    if wrapper.split is _all_in_one:
        return _MANY
    return len(wrapper.parameters) if wrapper.split is None else 1


def wrong_arguments(name: str, args: Sequence[str]) -> str | None:
    """Return what is wrong with the words of a resource of this name, or None."""
    wrapper = WRAPPERS.get(name)
    if wrapper is None or wrapper.least <= len(args) <= most(name):
        return None
    form = "::".join((name, *(parameter.upper() for parameter in wrapper.parameters)))
    return f"{quote('::'.join((name, *args)))} has {len(args)} arguments; the form is {form}"


def translate(spec: ResourceSpec) -> ResourceSpec | None:
    """Return the resource as a call of the OCF agent, or None when no such name or form exists."""
    wrapper = WRAPPERS.get(spec.script)
    if wrapper is None or spec.agent is not AgentKind.SCRIPT:
        return None
    if wrong_arguments(spec.script, spec.args):
        return None
    words = wrapper.split(spec.args) if wrapper.split else spec.args
    values = {**wrapper.defaults, **dict(zip(wrapper.parameters, words, strict=False))}
    return replace(
        spec,
        agent=AgentKind.OCF,
        script=f"{PROVIDER}:{spec.script}",
        args=(),
        parameters=tuple((name, value) for name, value in values.items() if value),
    )
