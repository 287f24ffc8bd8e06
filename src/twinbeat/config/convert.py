"""Write a model as `cluster.toml`: what `twinbeat convert` prints. Secrets are not in a model."""

import json
from collections.abc import Iterable

from twinbeat.core.hook import HookSpec
from twinbeat.core.model import (
    AgentKind,
    ClusterModel,
    Failback,
    GroupSpec,
    LinkKind,
    LinkSpec,
    LogSpec,
    PingSpec,
    Recovery,
    ResourceSpec,
    RespawnSpec,
)

from .build import DEFAULT_NAME
from .times import spell

_SPEC = ResourceSpec(name="", agent=AgentKind.LSB)
"""What a resource is when nothing is said about it."""


def to_toml(model: ClusterModel) -> str:
    """Return the text that, read in the same directory, gives an equal model."""
    blocks = [
        ["# The keys stay in authkeys, beside this file.", *_cluster(model)],
        _timing(model),
        *(_link(link) for link in model.links),
        *(_ping(ping) for ping in model.pings),
        *(block for group in model.groups for block in _group(group, model)),
        _log(model.log),
        *(_respawn(spec) for spec in model.respawn),
        *(_hook(hook) for hook in model.hooks),
        _variables(model),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _cluster(model: ClusterModel) -> list[str]:
    lines = ["[cluster]"]
    if model.name != DEFAULT_NAME:
        lines.append(f"name = {_quoted(model.name)}")
    lines.append(f"nodes = {_array(model.nodes)}")
    lines.append(f"proof = {_quoted(model.proof)}")
    if model.pings and not model.connectivity:
        lines.append('connectivity = "ignore"')
    if model.legacy:
        lines.append("legacy = true")
    if not model.realtime:
        lines.append("realtime = false")
    if model.rtprio != 1:
        lines.append(f"rtprio = {model.rtprio}")
    return lines


def _timing(model: ClusterModel) -> list[str]:
    timing = model.timing
    return [
        "[timing]",
        f'keepalive = "{spell(timing.keepalive)}"',
        f'deadtime = "{spell(timing.deadtime)}"',
        f'warntime = "{spell(timing.warntime)}"',
        f'initdead = "{spell(timing.initdead)}"',
        *([f'deadping = "{spell(timing.deadping)}"'] * (timing.deadping != timing.deadtime)),
    ]


def _link(link: LinkSpec) -> list[str]:
    if link.kind is LinkKind.SERIAL:
        return [
            "[[link]]",
            f"kind = {_quoted(link.kind)}",
            f"device = {_quoted(link.interface)}",
            f"baud = {link.baud}",
        ]
    lines = ["[[link]]", f"kind = {_quoted(link.kind)}", f"interface = {_quoted(link.interface)}"]
    if link.kind is not LinkKind.BROADCAST:
        lines.append(f"address = {_quoted(link.address)}")
    if link.port != 694:
        lines.append(f"port = {link.port}")
    if link.ttl != 1:
        lines.append(f"ttl = {link.ttl}")
    if link.loop:
        lines.append("loop = true")
    return lines


def _ping(ping: PingSpec) -> list[str]:
    lines = ["[[ping]]"]
    if ping.group:
        lines += [f"group = {_quoted(ping.name)}", f"addresses = {_array(ping.addresses)}"]
    else:
        lines.append(f"address = {_quoted(ping.name)}")
    if ping.version != 4:
        lines.append(f"version = {ping.version}")
    return lines


def _group(group: GroupSpec, model: ClusterModel) -> Iterable[list[str]]:
    others = tuple(node for node in model.nodes if node != group.preferred)
    lines = ["[[group]]", f"name = {_quoted(group.name)}"]
    if group.nodes == (group.preferred, *others):
        lines.append(f"preferred = {_quoted(group.preferred)}")
    else:
        lines.append(f"nodes = {_array(group.nodes)}")
    lines.append(f"failback = {_quoted(_failback(group.failback))}")
    lines += _recovery(group.recovery)
    for key, groups in (("after", group.after), ("with", group.beside), ("not-with", group.apart)):
        if groups:
            lines.append(f"{key} = {_array(groups)}")
    yield lines
    for spec in group.resources:
        yield _resource(spec)


def _failback(failback: Failback) -> str:
    if failback.enabled and failback.after:
        return f"after {spell(failback.after)}"
    return "on" if failback.enabled else "off"


def _recovery(recovery: Recovery) -> list[str]:
    usual, lines = Recovery(), []
    if recovery.restarts != usual.restarts:
        lines.append(f"restarts = {recovery.restarts}")
    if recovery.window != usual.window:
        lines.append(f'window = "{spell(recovery.window)}"')
    if recovery.expiry != usual.expiry:
        lines.append(f'expiry = "{spell(recovery.expiry)}"')
    return lines


def _resource(spec: ResourceSpec) -> list[str]:
    lines = ["[[group.resource]]", f"agent = {_quoted(spec.agent)}"]
    if spec.address:
        address = spec.address
        text = str(address.ip) if address.prefix is None else f"{address.ip}/{address.prefix}"
        lines.append(f"address = {_quoted(text)}")
        if spec.name != text:
            lines.append(f"name = {_quoted(spec.name)}")
        if address.interface is not None:
            lines.append(f"interface = {_quoted(address.interface)}")
        if address.label is not None:
            lines.append(f"label = {_quoted(address.label)}")
        if address.broadcast is not None:
            lines.append(f'broadcast = "{address.broadcast}"')
        if address.alias:
            lines.append("alias = true")
    else:
        name = _written(spec)
        lines.append(f"name = {_quoted(name)}")
        if spec.agent not in (AgentKind.SCRIPT, AgentKind.LSB) and spec.name != name:
            lines.append(f"id = {_quoted(spec.name)}")
        if spec.args:
            lines.append(f"args = {_array(spec.args)}")
    for key in ("start_timeout", "stop_timeout", "monitor", "monitor_timeout"):
        if getattr(spec, key) != getattr(_SPEC, key):
            said = spell(getattr(spec, key)) if getattr(spec, key) else "never"
            lines.append(f'{key} = "{said}"')
    for key in ("depth", "fall", "rise"):
        if getattr(spec, key) != getattr(_SPEC, key):
            lines.append(f"{key} = {getattr(spec, key)}")
    if spec.pidfile:
        lines.append(f"pidfile = {_quoted(spec.pidfile)}")
    if spec.parameters:
        lines.append("[group.resource.parameters]")
        lines += [f"{_quoted(name)} = {_quoted(value)}" for name, value in spec.parameters]
    return lines


def _written(spec: ResourceSpec) -> str:
    """Return the name of what runs, as short as it is understood."""
    if spec.agent is AgentKind.SYSTEMD and spec.script == f"{spec.name}.service":
        return spec.name
    return spec.script


def _log(log: LogSpec) -> list[str]:
    lines = []
    if log.logfile is not None:
        lines.append(f"logfile = {_quoted(log.logfile)}")
    if log.debugfile is not None:
        lines.append(f"debugfile = {_quoted(log.debugfile)}")
    if log.facility is not None:
        lines.append(f"facility = {_quoted(log.facility)}")
    if not log.syslog_format:
        lines.append("syslog_format = false")
    return ["[log]", *lines] if lines else []


def _respawn(spec: RespawnSpec) -> list[str]:
    return ["[[respawn]]", f"user = {_quoted(spec.user)}", f"command = {_quoted(spec.command)}"]


def _hook(hook: HookSpec) -> list[str]:
    lines = ["[[hook]]", f"name = {_quoted(hook.name)}", f"{hook.kind} = {_quoted(hook.target)}"]
    if hook.groups:
        lines.append(f"groups = {_array(hook.groups)}")
    lines.append(f"on = {_array(hook.on)}")
    lines.append(f'timeout = "{spell(hook.timeout)}"')
    lines.append(f"retries = {hook.retries}")
    files = {"secret": hook.secret, "headers": hook.headers, "ca": hook.ca}
    return lines + [f"{key} = {_quoted(path)}" for key, path in files.items() if path]


def _variables(model: ClusterModel) -> list[str]:
    lines = [f"{_quoted(name)} = {_quoted(value)}" for name, value in model.variables]
    return ["[env]", *lines] if lines else []


def _quoted(text: str) -> str:
    """Return a basic string of TOML: JSON's escapes are among TOML's, and DEL is not bare."""
    return json.dumps(str(text), ensure_ascii=False).replace("\x7f", "\\u007f")


def _array(texts: Iterable[str]) -> str:
    return f"[{', '.join(map(_quoted, texts))}]"
