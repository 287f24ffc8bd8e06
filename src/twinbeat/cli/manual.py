"""What `agents` prints: the list of what is here, and one agent as a man page."""

import asyncio
import os
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from twinbeat.agents.base import AgentError
from twinbeat.agents.catalog import (
    SCRIPT_ACTIONS,
    VIRTUAL_IP,
    Catalog,
    describe_program,
    take_stock,
)
from twinbeat.agents.programs import OCF_ROOT
from twinbeat.config.diagnostics import did_you_mean
from twinbeat.control.protocol import ExitCode, Refused
from twinbeat.core.description import Action, Description, Parameter
from twinbeat.core.model import AgentKind
from twinbeat.core.units import in_ms, readable

from .talk import print_json

ROOT_VARIABLE = "OCF_ROOT"
_WIDTH = 96


def show_agents(config: Path, as_json: bool) -> ExitCode:
    """Print everything that can start a resource here."""
    stock, (units, trouble) = take_stock(_dirs(config), _root()), _units()
    if as_json:
        print_json(
            {
                "schema": 1,
                "ip": True,
                "ocf": {provider: list(types) for provider, types in stock.ocf.items()},
                "script": {**stock.scripts},
                "wrapper": list(stock.wrappers),
                "lsb": {**stock.init},
                "systemd": units,
                "python": {**stock.python},
            }
        )
        return ExitCode.DONE
    for line in _listing(stock, units, trouble):
        print(line)
    return ExitCode.DONE


def show_agent(name: str, config: Path, as_json: bool) -> ExitCode:
    """Print what one agent says of itself; raises `Refused` when there is none of that name."""
    kind, full, description = _find(name, take_stock(_dirs(config), _root()))
    if as_json:
        print_json({"schema": 1, "agent": str(kind), "name": full, **_plain(description)})
        return ExitCode.DONE
    for line in page(kind, full, description):
        print(line)
    return ExitCode.DONE


def page(kind: AgentKind, name: str, description: Description) -> Iterator[str]:
    """Yield the lines of a man page."""
    yield "NAME"
    yield from _wrapped(f"{name}: {description.short or description.name}")
    if description.long and description.long != description.short:
        yield from ("", "DESCRIPTION", *_paragraphs(description.long))
    if description.parameters:
        yield from ("", "PARAMETERS")
        for parameter in description.parameters:
            yield from _parameter(parameter)
    if description.actions:
        yield from ("", "ACTIONS")
        yield from (f"    {_action(action)}" for action in description.actions)
    yield from ("", "IN cluster.toml", *_example(kind, name, description))


def _find(name: str, stock: Catalog) -> tuple[AgentKind, str, Description]:
    """Return the agent of that name, the first kind that has it; raises `Refused`."""
    if name in ("ip", "IPaddr"):
        return AgentKind.IP, "ip", VIRTUAL_IP
    short = name.removeprefix("ocf:")
    full = [f"{provider}:{kind}" for provider, kinds in stock.ocf.items() for kind in kinds]
    fitting = [each for each in full if each == short or each.partition(":")[2] == short]
    try:
        if name in stock.python and not fitting:
            return AgentKind.PYTHON, name, _described(AgentKind.PYTHON, name)
        if name in stock.scripts:
            return AgentKind.SCRIPT, name, _script(name, stock.scripts[name], "words before it")
        if fitting:
            return AgentKind.OCF, fitting[0], _described(AgentKind.OCF, fitting[0])
    except AgentError as error:
        raise Refused(ExitCode.REFUSED, f"{name} does not say what it is: {error}.") from None
    if name in stock.init:
        return AgentKind.LSB, name, _script(name, stock.init[name], "no words")
    units, _ = _units()
    unit = name if name.endswith(".service") else f"{name}.service"
    if unit in (units or {}):
        enabled = (units or {})[unit]
        return AgentKind.SYSTEMD, unit, Description(name=unit, short=f"a unit, {enabled} at boot")
    names = [*full, *(each.partition(":")[2] for each in full), *stock.scripts, *stock.init, "ip"]
    meant = did_you_mean(name, [*names, *stock.python, *(units or {})])
    raise Refused(
        ExitCode.REFUSED, f"There is no agent {name} on this machine. {meant}".rstrip() or name
    )


def _described(kind: AgentKind, name: str) -> Description:
    return asyncio.run(describe_program(kind, name, lambda _level, _text: None, _root()))


def _script(name: str, path: str, takes: str) -> Description:
    short = f"{path} start|stop|status, with {takes}"
    return Description(name=name, short=short, actions=SCRIPT_ACTIONS)


def _units() -> tuple[dict[str, str] | None, str]:
    """Return the services of systemd, or why they cannot be listed."""
    from twinbeat.agents.systemd import Systemd

    async def ask() -> dict[str, str]:
        systemd = Systemd(lambda _level, _text: None)
        try:
            return await systemd.names()
        finally:
            systemd.close()

    try:
        return asyncio.run(ask()), ""
    except AgentError as error:
        return None, str(error)


def _listing(stock: Catalog, units: Mapping[str, str] | None, trouble: str) -> Iterator[str]:
    yield f'agent = "ip"       {VIRTUAL_IP.short}'
    for provider, kinds in stock.ocf.items():
        yield from ("", f'agent = "ocf"      {provider}: {len(kinds)} agents')
        yield from _columns(kinds)
    if not stock.ocf:
        yield from ("", 'agent = "ocf"      none; apt-get install resource-agents')
    yield from ("", f'agent = "script"   {len(stock.scripts)} scripts of resource.d')
    yield from _columns(list(stock.scripts))
    if stock.wrappers:
        yield "    and Heartbeat's wrappers, which are the OCF agents of the same names"
    yield from ("", f'agent = "lsb"      {len(stock.init)} init scripts')
    yield from _columns(list(stock.init))
    told = f"none can be asked for: {trouble}" if units is None else f"{len(units)} services"
    yield from ("", f'agent = "systemd"  {told}')
    yield from _columns([name.removesuffix(".service") for name in units or {}])
    yield from ("", f'agent = "python"   {len(stock.python)} agents of Python packages')
    yield from _columns(list(stock.python))


def _columns(names: Sequence[str]) -> Iterator[str]:
    """Yield names in as many columns as fit."""
    if not names:
        return
    width = max(map(len, names)) + 2
    columns = max(1, (_WIDTH - 4) // width)
    rows = -(-len(names) // columns)
    for row in range(rows):
        yield "    " + "".join(each.ljust(width) for each in names[row::rows]).rstrip()


def _parameter(parameter: Parameter) -> Iterator[str]:
    facts = [parameter.kind, *(["required"] if parameter.required else [])]
    facts += ["unique"] if parameter.unique else []
    facts += [f"default {parameter.default!r}"] if parameter.default else []
    yield f"    {parameter.name}  ({', '.join(facts)})"
    if parameter.short and parameter.short.lower() not in parameter.long.lower():
        yield from _wrapped(parameter.short, 8)
    yield from _paragraphs(parameter.long, 8)


def _action(action: Action) -> str:
    words = [f"{action.name:<13}"]
    words += [f"timeout {readable(action.timeout)}"] if action.timeout else []
    words += [f"every {readable(action.interval)}"] if action.interval else []
    words += [f"depth {action.depth}"] if action.depth else []
    words += [f"as {action.role}"] if action.role else []
    return "  ".join(words).rstrip()


def _example(kind: AgentKind, name: str, description: Description) -> Iterator[str]:
    yield "    [[group.resource]]"
    yield f'    agent = "{kind}"'
    required = [parameter for parameter in description.parameters if parameter.required]
    if kind is not AgentKind.IP:
        yield f'    name = "{name.removesuffix(".service")}"'
        if required:
            yield "    [group.resource.parameters]"
    yield from (f'    {parameter.name} = "..."' for parameter in required)


def _paragraphs(text: str, indent: int = 4) -> Iterator[str]:
    """Yield a description as its author broke it, with lines that are too long broken once more."""
    for line in text.splitlines():
        yield from _wrapped(line, indent) if line.strip() else [""]


def _wrapped(text: str, indent: int = 4) -> list[str]:
    space = " " * indent
    return textwrap.wrap(text, _WIDTH, initial_indent=space, subsequent_indent=space)


def _plain(description: Description) -> dict[str, object]:
    """Return a description for JSON; times are milliseconds."""
    actions = [
        {
            "name": action.name,
            "timeout_ms": in_ms(action.timeout) if action.timeout else None,
            "interval_ms": in_ms(action.interval) if action.interval else None,
            "depth": action.depth,
            "role": action.role or None,
        }
        for action in description.actions
    ]
    return {
        "version": description.version,
        "short": description.short,
        "long": description.long,
        "parameters": [asdict(parameter) for parameter in description.parameters],
        "actions": actions,
    }


def _dirs(config: Path) -> list[str]:
    directory = config if config.is_dir() or not config.suffix else config.parent
    return [f"{directory}/resource.d", "/etc/init.d"]


def _root() -> str:
    return os.environ.get(ROOT_VARIABLE, OCF_ROOT)
