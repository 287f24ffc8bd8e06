"""What `hooks --try` does: tell one hook something by hand, outside the daemon."""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

from twinbeat.agents.base import AgentError
from twinbeat.config.diagnostics import did_you_mean
from twinbeat.control.protocol import ExitCode, Refused
from twinbeat.core.effects import What
from twinbeat.core.hook import HookSpec, State
from twinbeat.core.model import ClusterModel
from twinbeat.core.text import printable
from twinbeat.core.units import GroupName, Instant, NodeName, readable, seconds
from twinbeat.hooks import Deliver, Notice
from twinbeat.hooks.notice import STATES
from twinbeat.journal import Entry
from twinbeat.node.courier import Courier

from .configuration import load_configuration

REASON = "this is a trial by hand, nothing has happened"


def try_hook(name: str | None, state: str | None, group: str | None, config: Path) -> ExitCode:
    """Tell the hook once and print how it went; raises `Refused`."""
    loaded = load_configuration(config)
    if loaded.model is None:
        why = next(str(each) for each in loaded.diagnostics if each.severity == "error")
        raise Refused(ExitCode.CONFIGURATION, f"{why}\n`twinbeat check {config}` says it all.")
    hook = _find(name, loaded.model)
    told = hook.on[0] if state is None else _state(state)
    notice = _notice(told, _group(group, hook, loaded.model))
    return asyncio.run(_tell(Deliver(1, hook, notice, 1, False, 0), loaded.model.name))


def _find(name: str | None, model: ClusterModel) -> HookSpec:
    known = [hook.name for hook in model.hooks]
    if name is None and len(known) == 1:
        return model.hooks[0]
    found = next((hook for hook in model.hooks if hook.name == name), None)
    if found is None:
        guess = did_you_mean(name, known) if name else ""
        listed = ", ".join(known) or "none"
        raise Refused(ExitCode.USAGE, f"Which hook? {guess or f'There are: {listed}.'}")
    return found


def _state(word: str) -> State:
    if word not in list(State):
        guess = did_you_mean(word, list(State)) or f"there are: {', '.join(State)}"
        raise Refused(ExitCode.USAGE, f"A group never becomes {word}; {guess}")
    return State(word)


def _group(name: str | None, hook: HookSpec, model: ClusterModel) -> GroupName:
    known = [group.name for group in model.groups]
    if name is not None and name not in known:
        raise Refused(ExitCode.USAGE, f"No group is called {name}; there are: {', '.join(known)}.")
    if not known:
        raise Refused(ExitCode.REFUSED, "No group is configured: there is nothing to tell.")
    return GroupName(name) if name is not None else [*hook.groups, *known][0]


def _notice(state: State, group: GroupName) -> Notice:
    me = NodeName(os.uname().nodename)
    by_state = {told: what for what, told in STATES.items()}
    entry = Entry(
        at=Instant(time.clock_gettime_ns(time.CLOCK_BOOTTIME)),
        wall_ns=time.time_ns(),
        node=me,
        what=by_state.get(state, What.PEER_GROUP),
        because=REASON,
        group=group,
        evidence={"trial": True},
    )
    return Notice(
        group=group, state=state, previous=None, reason=REASON, term=None, owner=None, entry=entry
    )


async def _tell(delivery: Deliver, cluster: str) -> ExitCode:
    async def no_tale(_: Entry) -> str:
        return ""

    async def here(job: Callable[[], str]) -> str:
        return job()

    courier = Courier(cluster, no_tale, here, lambda _, text: print(printable(text), flush=True))
    began = time.monotonic()
    try:
        await courier.deliver(delivery)
    except (AgentError, OSError, ValueError) as error:
        print(f"-- NOT taken after {_since(began)}: {printable(str(error))}")
        return ExitCode.REFUSED
    print(f"-- taken after {_since(began)}")
    return ExitCode.DONE


def _since(began: float) -> str:
    return readable(seconds(time.monotonic() - began))
