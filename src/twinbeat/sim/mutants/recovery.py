"""Broken rules about resources that fail: counting, restarting in place, bars, and their ends."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from twinbeat.core import command, facts
from twinbeat.core.beat import Beat, Custody
from twinbeat.core.effects import Effect
from twinbeat.core.engine import Engine
from twinbeat.core.events import GroupRestartFailed, ResourceLooked
from twinbeat.core.group import Group
from twinbeat.core.model import Proof, Recovery, ResourceSpec
from twinbeat.core.recovery import Finding, Health
from twinbeat.core.recovery import Recovery as Recovering
from twinbeat.core.units import NEVER, SECOND, Duration, GroupName, Instant, NodeName
from twinbeat.sim.care import Care
from twinbeat.sim.faults import FaultKind

from .base import Mutant, Patch

Clear = Callable[[Engine, GroupName | None], list[Effect]]
Confirm = Callable[[Engine, NodeName], list[Effect]]

DEATHS = (
    FaultKind.RESOURCE_DIES, FaultKind.RESOURCE_DIES_UNSEEN, FaultKind.RESTART_FAILS,
    FaultKind.RESOURCE_DIES_AGAIN,
)  # fmt: skip
SOME = Recovery(restarts=2, window=Duration(60 * SECOND), expiry=Duration(20 * SECOND))
OFTEN = Care(recovery=SOME)
SLOWLY = replace(OFTEN, fall=3, rise=2, monitor=Duration(SECOND))


def _forgetting(name: str) -> Patch:
    """Let the attempts of before be forgotten whenever another one is to be made."""

    def broken(real: Callable[..., bool]) -> Callable[..., bool]:
        def attempt(self: Recovering, *what: Any) -> bool:
            self._attempts.clear()
            return real(self, *what)

        return attempt

    return Patch(Recovering, name, broken)


def _window_stands_still(real: Callable[..., str | None]) -> Callable[..., str | None]:
    def look(self: Recovering, *what: Any) -> str | None:
        before = list(self._attempts)
        failed = real(self, *what)
        self._attempts.clear()
        self._attempts.extend(before)
        return failed

    return look


def _barred(until: Callable[[Recovering, Instant], Instant]) -> Callable[[Any], Any]:
    """Let a bar end at another time."""

    def broken(real: Callable[..., str]) -> Callable[..., str]:
        def set_bar(
            self: Recovering, resource: str, why: str, now: Instant, out: list[Effect]
        ) -> str:
            because = real(self, resource, why, now, out)
            self.until = until(self, now)
            return because

        return set_bar

    return broken


def _first_bar(real: Callable[..., str]) -> Callable[..., str]:
    def set_bar(self: Recovering, *what: Any) -> str:
        self._bars = 0
        return real(self, *what)

    return set_bar


def _one_is_enough(
    real: Callable[[Health, ResourceSpec, ResourceLooked], Finding],
) -> Callable[[Health, ResourceSpec, ResourceLooked], Finding]:
    def look(self: Health, spec: ResourceSpec, told: ResourceLooked) -> Finding:
        return real(self, replace(spec, fall=1), told)

    return look


def _sound_from_the_start(real: Callable[[Health], None]) -> Callable[[Health], None]:
    def begin(self: Health) -> None:
        real(self)
        self.sound = True

    return begin


def _told_as_success(_: Any) -> Any:
    def restart_failed(self: Group, failure: GroupRestartFailed, now: Instant, _: bool) -> Any:
        return self.restarted(failure.op, now)

    return restart_failed


def _tried_again(real: Callable[..., Any]) -> Callable[..., Any]:
    def restart_failed(self: Group, failure: GroupRestartFailed, *rest: Any) -> Any:
        return real(self, replace(failure, stuck=False), *rest)

    return restart_failed


def _alone(_: Any) -> Any:
    def affected(self: Recovering, failed: set[str]) -> tuple[str, ...]:
        return tuple(each.name for each in self._spec.resources if each.name in failed)

    return affected


def _clears_unclean(real: Clear) -> Clear:
    def clear(engine: Engine, name: GroupName | None) -> list[Effect]:
        for group in engine.groups.values():
            if group.custody is Custody.UNCLEAN:
                group.custody = Custody.STOPPED
        return real(engine, name)

    return clear


def _clears_stay(real: Callable[[Engine, Beat], list[Effect]]) -> Any:
    def adopt(engine: Engine, beat: Beat) -> list[Effect]:
        views = {
            name: replace(view, cleared=engine.groups[name].cleared if name in engine.groups else 0)
            for name, view in beat.groups.items()
        }
        return real(engine, replace(beat, groups=views))

    return adopt


def _confirms_anybody(_: Confirm) -> Confirm:
    def confirm(engine: Engine, node: NodeName) -> list[Effect]:
        out: list[Effect] = []
        engine.members.proof.vouch(engine.members.peers[node], out)
        return out

    return confirm


MUTANTS = (
    Mutant(
        name="restarts-not-counted",
        breaks="a restart in place is never the last one",
        patches=(_forgetting("attempt"),),
        faults=DEATHS,
        care=OFTEN,
        seeds=10,
    ),
    Mutant(
        name="window-stands-still",
        breaks="restarts of long ago count for ever",
        patches=(Patch(Recovering, "look", _window_stands_still),),
        faults=(FaultKind.RESOURCE_DIES,),
        care=replace(OFTEN, recovery=replace(SOME, window=Duration(10 * SECOND))),
        seeds=10,
    ),
    Mutant(
        name="bar-never-ends",
        breaks="a bar stays when its time is over",
        patches=(Patch(Recovering, "set_bar", _barred(lambda _self, _now: NEVER)),),
        faults=DEATHS,
        care=OFTEN,
        seeds=10,
    ),
    Mutant(
        name="bar-ends-at-once",
        breaks="a bar ends as soon as the group has stopped",
        patches=(Patch(Recovering, "set_bar", _barred(lambda _self, now: now)),),
        faults=DEATHS,
        care=OFTEN,
        seeds=20,
    ),
    Mutant(
        name="bars-do-not-grow",
        breaks="every bar is as long as the first",
        patches=(Patch(Recovering, "set_bar", _first_bar),),
        faults=DEATHS,
        care=replace(OFTEN, recovery=replace(SOME, restarts=0)),
        seeds=20,
    ),
    Mutant(
        name="fall-ignored",
        breaks="one bad look is a failure, whatever the configuration says",
        patches=(Patch(Health, "look", _one_is_enough),),
        faults=(FaultKind.RESOURCE_LOOKS_BAD, FaultKind.RESOURCE_DIES_UNSEEN),
        care=SLOWLY,
        seeds=10,
    ),
    Mutant(
        name="sound-from-the-start",
        breaks="what was just started must be found bad as often as what has run for long",
        patches=(Patch(Health, "begin", _sound_from_the_start),),
        faults=(FaultKind.RESOURCE_LOOKS_BAD,),
        care=SLOWLY,
        seeds=20,
    ),
    Mutant(
        name="failed-restart-is-a-success",
        breaks="a restart that failed is told as one that worked",
        patches=(Patch(Group, "restart_failed", _told_as_success),),
        faults=(FaultKind.RESTART_FAILS,),
        care=OFTEN,
        seeds=10,
    ),
    Mutant(
        name="restarts-what-did-not-stop",
        breaks="a restart whose stop failed is tried again",
        patches=(Patch(Group, "restart_failed", _tried_again),),
        faults=(FaultKind.RESTART_STOP_FAILS,),
        care=OFTEN,
        seeds=10,
    ),
    Mutant(
        name="restarts-it-alone",
        breaks="what stands behind a failed resource is not restarted with it",
        patches=(Patch(Recovering, "_affected", _alone),),
        faults=(FaultKind.RESOURCE_DIES,),
        care=replace(OFTEN, resources=("app", "httpd")),
        seeds=10,
    ),
    Mutant(
        name="clear-clears-unclean",
        breaks="who has failures forgotten vouches for what did not stop as well",
        patches=(Patch(command, "_clear", _clears_unclean),),
        faults=(FaultKind.RESTART_STOP_FAILS, FaultKind.CLEAR),
        care=OFTEN,
        seeds=20,
    ),
    Mutant(
        name="clear-stays-here",
        breaks="failures are forgotten by the node that took the command only",
        patches=(Patch(facts, "adopt", _clears_stay),),
        seeds=0,
    ),
    Mutant(
        name="confirms-the-living",
        breaks="an operator's word counts for a node that is heard",
        patches=(Patch(command, "_confirm", _confirms_anybody),),
        proof=Proof.FENCE,
        seeds=0,
    ),
)
