"""What `try` does: one verb of one resource's agent, by hand."""

import asyncio
import os
import sys
from pathlib import Path
from time import monotonic

from twinbeat.agents.base import Agent, AgentError, Found
from twinbeat.agents.ocf import OcfAgent
from twinbeat.agents.script import ScriptAgent
from twinbeat.config import Loaded, Placed
from twinbeat.config.diagnostics import did_you_mean
from twinbeat.control.protocol import ExitCode, Refused
from twinbeat.core.description import LSB_CODES, LSB_STATUS_CODES, OCF_CODES, meaning
from twinbeat.core.model import AgentKind, ClusterModel, ResourceSpec
from twinbeat.core.text import printable
from twinbeat.core.units import NodeName, readable, seconds
from twinbeat.node.agency import Agency

from .configuration import load_configuration
from .talk import ask


def try_out(
    wanted: str, verb: str, config: Path, depth: int, force: bool, socket: Path
) -> ExitCode:
    """Carry out one verb and print what the agent says; raises `Refused`."""
    loaded = load_configuration(config)
    if loaded.model is None:
        why = next(str(each) for each in loaded.diagnostics if each.severity == "error")
        raise Refused(ExitCode.CONFIGURATION, f"{why}\n`twinbeat check {config}` says it all.")
    placed = _find(wanted, loaded)
    if verb != "monitor" and not force:
        _leave_to_the_cluster(placed, verb, socket)
    directory = config if config.is_dir() else config.parent
    return asyncio.run(_carry_out(placed.spec, verb, depth, loaded.model, directory))


def _find(wanted: str, loaded: Loaded) -> Placed:
    """Return the resource of that name; raises `Refused`."""
    named: dict[str, list[Placed]] = {}
    for placed in loaded.resources:
        named.setdefault(placed.spec.name, []).append(placed)
        named.setdefault(f"{placed.group}/{placed.spec.name}", []).append(placed)
    found = named.get(wanted, [])
    if len(found) == 1:
        return found[0]
    if found:
        groups = ", ".join(f"{each.group}/{each.spec.name}" for each in found)
        raise Refused(ExitCode.USAGE, f"There are {len(found)} of that name: say one of {groups}.")
    known = ", ".join(each.spec.name for each in loaded.resources)
    meant = did_you_mean(wanted, named) or f"there are: {known or 'none'}"
    raise Refused(ExitCode.USAGE, f"No resource is called {wanted}; {meant}")


def _leave_to_the_cluster(placed: Placed, verb: str, socket: Path) -> None:
    """Refuse to meddle with a group that some node runs, as far as a daemon here knows."""
    try:
        status = ask(socket, lambda cluster: cluster.request("status"))
    except Refused as refused:
        if refused.code is not ExitCode.NO_DAEMON:
            raise
        if verb == "start":
            _tell("no daemon runs here: whether another node runs it, nobody here can tell")
        return
    group = status.get("groups", {}).get(placed.group)
    if group is None or group.get("state") == "stopped":
        return
    owner = group.get("owner")
    who = f"{owner} owns" if owner else "the cluster is busy with"
    raise Refused(
        ExitCode.REFUSED,
        f"{who} the group {placed.group} ({group.get('state')}): a {verb} by hand would work "
        "against it.\n`twinbeat maintenance on` and --force, if that is what you want.",
    )


async def _carry_out(
    spec: ResourceSpec, verb: str, depth: int, model: ClusterModel, directory: Path
) -> ExitCode:
    me = NodeName(os.uname().nodename)

    def log(level: str, text: str) -> None:
        if not text.startswith(f"{spec.name}: "):  # What it said was shown already.
            _tell(text if level in ("info", "debug") else f"{level}: {text}")

    agency = Agency(model, me, directory, None, log, _show)
    began = monotonic()
    try:
        if spec.agent is AgentKind.IP:
            return await _try_address(spec, verb)
        agent = agency.agent(spec)
        began = monotonic()
        return await _try_agent(agent, verb, depth)
    except AgentError as error:
        took = readable(seconds(monotonic() - began))
        _tell(f"{verb} FAILED after {took}: {error}")
        return ExitCode.REFUSED
    finally:
        agency.close()


async def _try_agent(agent: Agent, verb: str, depth: int) -> ExitCode:
    began = monotonic()
    if verb == "monitor":
        outcome = await agent.monitor(depth)
        code, took = _code(agent, "status"), readable(seconds(outcome.seconds))
        because = f": {outcome.reason}" if outcome.reason and outcome.reason not in code else ""
        _tell(f"monitor: {outcome.found}, after {took}{code}{because}")
        return ExitCode.DONE if outcome.found is Found.RUNNING else ExitCode.REFUSED
    await (agent.start() if verb == "start" else agent.stop())
    _tell(f"{verb}: done in {readable(seconds(monotonic() - began))}{_code(agent, verb)}")
    return ExitCode.DONE


async def _try_address(spec: ResourceSpec, verb: str) -> ExitCode:
    from twinbeat.agents.places import read_addresses

    if verb != "monitor":
        raise AgentError(
            f"{spec.name} is a virtual IP, which the daemon itself holds with its lease; by hand "
            "it would be on two nodes"
        )
    here = spec.address is not None and any(
        each.ip == spec.address.ip for each in await read_addresses()
    )
    _tell(
        f"monitor: {'running' if here else 'stopped'}: the address is {'' if here else 'not '}here"
    )
    return ExitCode.DONE if here else ExitCode.REFUSED


def _code(agent: Agent, verb: str) -> str:
    """Return the exit code of the agent's newest call with its meaning, as part of a sentence."""
    if not isinstance(agent, OcfAgent | ScriptAgent) or agent.last is None:
        return ""
    lsb = LSB_STATUS_CODES if verb == "status" else LSB_CODES
    codes = OCF_CODES if isinstance(agent, OcfAgent) else lsb
    return f" (exit code {agent.last.code}: {meaning(agent.last.code, codes)})"


def _show(piece: bytes) -> None:
    """Print what the agent says as it says it, with all that could drive a terminal written out."""
    text = piece.decode("utf-8", "backslashreplace").expandtabs()
    sys.stdout.write("\n".join(printable(line) for line in text.split("\n")))
    sys.stdout.flush()


def _tell(text: str) -> None:
    print(f"-- {text}", flush=True)
