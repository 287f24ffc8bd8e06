"""`cl_status`: what monitoring scripts ask."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from twinbeat.control.client import Client
from twinbeat.control.protocol import ExitCode, Refused
from twinbeat.control.shapes import NodeShape, StatusShape

from .getopt import WRONG, Options
from .holdings import held
from .say import log

PATIENCE_S = 5
DONE, NEGATIVE, USAGE, TIMED_OUT, FAILED = 0, 1, 11, 12, 13
"""Exit codes: `NEGATIVE` is a no in the answer, or that no daemon answers."""
TIMEOUT_MS = 500
"""How long `clientstatus` waits for another node, unless told otherwise."""
UNREACHED = "hb_api_signon: Can't initiate connection to heartbeat"

TEXT = """\
Usage: cl_status <sub-command> [<options>] [<parameters>]

Sub-commands:
clientstatus <node-name> <client-id> [<timeout>]
	Show the status of heartbeat clients.
hblinkstatus <node-name> <link-name>
	Show the status of a heartbeat link
hbstatus
	Indicate if heartbeat is running on the local system.
	Options:
		-v	verbose: also add "listnodes -v" output
listnodes [<option>]
	List the nodes in the cluster.
	Options:
		-p	list only 'ping' type nodes
		-n	list only 'normal' type nodes
		-v	verbose: also list type and status,
			then add "listhblinks -v" output
listhblinks <node-name>
	List the network interfaces used as hearbeat links.
	Options:
		-v	verbose: list link status as well
nodestatus <node-name>
	List the node status.
nodeweight <node-name>
	List the node weight.
nodesite <node-name>
	List the node site.
nodetype <node-name>
	List the nodes of a given type.
rscstatus
	Show the status of cluster resources.
hbparameter -p <parameter-name>
	Retrieve the value of a cluster parameter.
	As for the valid parameter names, please refer to the man page."""


class Wrong(Exception):  # noqa: N818 - it says what happened
    """The command line cannot be carried out, and why was printed: the exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Seen:
    """What the daemon answered."""

    status: StatusShape
    parameters: Mapping[str, str]

    def node(self, name: str) -> NodeShape | None:
        """Return a node by its name in any case."""
        return self.status["nodes"].get(name.lower())


@dataclass(frozen=True, slots=True)
class Asked:
    """One sub-command with its words taken apart."""

    flags: frozenset[str]
    operands: list[str]
    name: str = ""
    """The argument of -p."""

    @property
    def human(self) -> bool:
        """Whether the answer shall be a sentence."""
        return "m" in self.flags

    @property
    def verbose(self) -> bool:
        """Whether the answer shall tell more."""
        return "v" in self.flags


def main(argv: list[str] | None = None) -> int:
    """Carry out one command line (None: the process's own) and return its exit code."""
    words = sys.argv[1:] if argv is None else argv
    if not words or words[0] == "-h":
        print(TEXT)
        return DONE
    command, *rest = words
    if command not in COMMANDS:
        log("cl_status", "ERROR", f"{command}: invalid sub-command.")
        return USAGE
    before = signal.signal(signal.SIGALRM, lambda *_: os._exit(TIMED_OUT))
    signal.alarm(PATIENCE_S)
    try:
        return COMMANDS[command](command, rest)
    except Wrong as wrong:
        return wrong.code
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _look() -> Seen:
    async def look() -> Seen:
        async with Client() as cluster:
            return Seen(await cluster.status(), await cluster.parameters())

    return asyncio.run(look())


def _sign_on() -> Seen:
    """Ask the daemon; raises `Wrong` after complaining as Heartbeat's tools do."""
    try:
        return _look()
    except Refused as refused:
        _fail("Cannot signon with heartbeat", _reason(refused), NEGATIVE)


def _reason(refused: Refused) -> str:
    return UNREACHED if refused.code is ExitCode.NO_DAEMON else refused.reason


def _fail(what: str, reason: str, code: int) -> NoReturn:
    log("cl_status", "ERROR", what)
    log("cl_status", "ERROR", f"REASON: {reason}")
    raise Wrong(code)


def _complain(text: str) -> NoReturn:
    print(text, file=sys.stderr)
    raise Wrong(USAGE)


def _take_apart(command: str, words: list[str], letters: str, told: str = "") -> Asked:
    """Read the options; raises `Wrong` at the first that is not known."""
    options = Options(command, words, letters)
    flags, name = set(), ""
    for letter, value in options:
        if letter == WRONG:
            log("cl_status", "ERROR", f"Error: getopt returnedcharacter {told}?.")
            raise Wrong(USAGE)
        flags.add(letter)
        name = value or name
    return Asked(frozenset(flags), options.operands, name)


# One function for each sub-command: its name and the words behind it in, the exit code out.


def _hbstatus(command: str, words: list[str]) -> int:
    flags = {letter for letter, _ in Options(command, words, "mv")}
    try:
        seen = _look()
    except Refused as refused:
        if refused.code is ExitCode.NOT_ALLOWED:
            _fail("Cannot signon with heartbeat", refused.reason, NEGATIVE)
        print("Heartbeat is stopped on this machine.")
        if "v" in flags:
            print(f"({_reason(refused)})")
        return NEGATIVE
    if "v" not in flags:
        print("Heartbeat is running on this machine.")
        return DONE
    version, human = seen.parameters["hbversion"], "m" in flags
    print(f"Heartbeat version {version}" if human else f"version:\t{version}")
    print('Resources controlled by "haresources"' if human else 'managed by:\t"haresources"')
    return _tell_nodes(seen, Asked(frozenset(flags), []))


def _listnodes(command: str, words: list[str]) -> int:
    return _tell_nodes(_sign_on(), _take_apart(command, words, "pnvm", "code "))


def _tell_nodes(seen: Seen, asked: Asked) -> int:
    if asked.human:
        print("The nodes are as follow:")
    for name in _names(seen):
        if "n" in asked.flags and _type(seen, name) != "normal":
            continue
        if "p" in asked.flags and "n" not in asked.flags and _type(seen, name) != "ping":
            continue
        if asked.verbose:
            _tell_node(seen, name, asked.human)
        else:
            print(name)
    return DONE


def _names(seen: Seen) -> list[str]:
    """Return all nodes, the last one configured first."""
    return list(reversed(seen.status["nodes"]))


def _type(seen: Seen, name: str) -> str:
    node = seen.status["nodes"][name]
    return node.get("type", "normal")


def _tell_node(seen: Seen, name: str, human: bool) -> None:
    node = seen.status["nodes"][name]
    print(f"\n{name}\t{node['state']}\t(nodetype: {_type(seen, name)})")
    _tell_links(node, human, verbose=True)


def _tell_links(node: NodeShape, human: bool, verbose: bool) -> None:
    if human:
        print("\tthis node has the following heartbeat links:")
    for name, link in node["links"].items():
        print(f"\t{name}\t{link['state']}" if verbose else f"\t{name}")


def _listhblinks(command: str, words: list[str]) -> int:
    seen = _sign_on()
    asked = _take_apart(command, words, "mv", "code ")
    if not asked.operands:
        _complain("No enough parameter.")
    node = seen.node(asked.operands[0])
    if node is None:
        _fail("Cannot start heartbeat link interface walk.", "EINVAL", FAILED)
    _tell_links(node, asked.human, asked.verbose)
    return DONE


def _about_a_node(
    tell: Callable[[Seen, str, bool], int],
    missing: str = "Not enough parameters.",
    unknown: str = "Error. May be due to incorrect node name",
) -> Callable[[str, list[str]], int]:
    """Make a sub-command that takes one node's name; what it tells is given."""

    def command_about(command: str, words: list[str]) -> int:
        seen = _sign_on()
        asked = _take_apart(command, words, "m")
        if not asked.operands:
            _complain(missing)
        name = asked.operands[0]
        if seen.node(name) is None:
            _complain(unknown)
        return tell(seen, name, asked.human)

    return command_about


def _nodestatus(seen: Seen, name: str, human: bool) -> int:
    state = seen.status["nodes"][name.lower()]["state"]
    print(f"The cluster node {name} is {state}" if human else state)
    return DONE if state in ("active", "up", "ping") else NEGATIVE


def _nodetype(seen: Seen, name: str, human: bool) -> int:
    kind = _type(seen, name.lower())
    print(f"The node {name}'s type: {kind}" if human else kind)
    return DONE


def _nodeweight(_seen: Seen, name: str, human: bool) -> int:
    print(f"The weight of the cluster node {name} is 100" if human else "100")
    return DONE


def _nodesite(_seen: Seen, name: str, human: bool) -> int:
    print(f"The site of the cluster node {name} is " if human else "")
    return DONE


def _hblinkstatus(command: str, words: list[str]) -> int:
    seen = _sign_on()
    asked = _take_apart(command, words, "m")
    if len(asked.operands) < 2:
        _complain("No enough parameter.")
    name, link = asked.operands[:2]
    node = seen.node(name)
    path = node["links"].get(link) if node else None
    if path is None:
        _fail("Cannot get heartbeat link status", "", FAILED)
    told = f"The node {name}'s heartbeat link {link} is {path['state']}"
    print(told if asked.human else path["state"])
    return DONE if path["state"] == "up" else NEGATIVE


def _clientstatus(command: str, words: list[str]) -> int:
    """No program signs on to twinbeat as it did to Heartbeat: each of them is offline."""
    seen = _sign_on()
    asked = _take_apart(command, words, "m")
    if len(asked.operands) < 2:
        _complain("No enough parameter.")
    name, client, *rest = asked.operands
    at_once = name.lower() == seen.status["node"]
    if seen.node(name) is None or (not at_once and _timeout(rest) <= 0):
        _fail(f"Cannot get heartbeat client {client}'s status", "No timely response.", FAILED)
    print("offline")
    return NEGATIVE


def _timeout(words: list[str]) -> int:
    """Return the milliseconds of the last operand; what is no number is none."""
    if not words:
        return TIMEOUT_MS
    return int(words[0]) if words[0].isdecimal() else 0


def _rscstatus(command: str, words: list[str]) -> int:
    seen = _sign_on()
    asked = _take_apart(command, words, "m")
    have = held(seen.status)
    print(f"This node is holding {have} resources." if asked.human else have)
    return DONE


def _hbparameter(command: str, words: list[str]) -> int:
    seen = _sign_on()
    asked = _take_apart(command, words, "mp:", "code ")
    if "p" not in asked.flags:
        log("cl_status", "ERROR", "parameter name required")
        return USAGE
    value = seen.parameters.get(asked.name)
    if value is None:
        _fail(f"Cannot get parameter {asked.name}'s value", "", NEGATIVE)
    print(f"Heartbeat parameter {asked.name}'s value: {value}" if asked.human else value)
    return DONE


COMMANDS: Mapping[str, Callable[[str, list[str]], int]] = {
    "clientstatus": _clientstatus,
    "hblinkstatus": _hblinkstatus,
    "hbparameter": _hbparameter,
    "hbstatus": _hbstatus,
    "listhblinks": _listhblinks,
    "listnodes": _listnodes,
    "nodesite": _about_a_node(_nodesite),
    "nodestatus": _about_a_node(_nodestatus),
    "nodetype": _about_a_node(_nodetype, missing="No enough parameter."),
    "nodeweight": _about_a_node(_nodeweight, unknown="Error. Maybe due to incorrect node name."),
    "rscstatus": _rscstatus,
}


if __name__ == "__main__":
    sys.exit(main())
