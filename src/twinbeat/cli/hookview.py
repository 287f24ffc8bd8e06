"""What `hooks` prints: every hook of the daemon with its counters and what waits."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from twinbeat.control.protocol import ExitCode, Refused
from twinbeat.core.text import printable
from twinbeat.core.units import MS, readable

from .talk import ask, print_json


def show_hooks(name: str | None, as_json: bool, socket: Path) -> None:
    """Ask the daemon and print; raises `Refused` for a hook that it does not have."""
    found = ask(socket, lambda cluster: cluster.request("status")).get("hooks", {})
    if name is not None and name not in found:
        known = ", ".join(found) or "none"
        raise Refused(ExitCode.USAGE, f"The daemon has no hook called {name}; there are: {known}.")
    shown = found if name is None else {name: found[name]}
    if as_json:
        print_json({"schema": 1, "hooks": shown})
        return
    for line in _lines(shown):
        print(printable(line))


def _lines(hooks: Mapping[str, Any]) -> Iterator[str]:
    if not hooks:
        yield "no hook is configured: `[[hook]]` in cluster.toml tells somebody of what happens"
    for name, hook in hooks.items():
        yield f"{name}: {hook['kind']} {hook['target']}"
        yield f"    {', '.join(_counts(hook))}"
        for group, queue in hook["groups"].items():
            yield f"    {group}: {_waits(queue)}"


def _counts(hook: Mapping[str, Any]) -> Iterator[str]:
    yield f"{hook['delivered']} delivered"
    if hook["failed"]:
        yield f"{hook['failed']} attempts failed"
    if hook["left_out"] + hook["given_up"]:
        yield f"{hook['left_out'] + hook['given_up']} left out for newer ones"
    if hook["waiting"]:
        yield f"{hook['waiting']} waiting"


def _waits(queue: Mapping[str, Any]) -> str:
    more = f" and {queue['waiting'] - 1} more" if queue["waiting"] > 1 else ""
    if queue["under_way"]:
        return f"{queue['state']}{more}: attempt {queue['attempt']} is under way"
    pause = queue["next_ms"]
    when = f" in {readable(round(pause * MS))}" if pause else " now"
    why = f"; the last attempt failed: {queue['why']}" if queue["why"] else ""
    return f"{queue['state']}{more}: attempt {queue['attempt'] + 1}{when}{why}"
