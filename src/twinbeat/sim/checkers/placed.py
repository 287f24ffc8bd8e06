"""L1: after healing, every group that can run runs on exactly its placed node.

Where it belongs is worked out here once more from what the nodes published: the highest pin and the
highest switches, who failed, who is preferred. A group that cannot run (no node is able, somebody
is unclean, maintenance is on) is counted apart by its reason.
"""

from collections.abc import Iterator
from functools import partial
from typing import ClassVar

from twinbeat.core import orders
from twinbeat.core.beat import Beat, Custody, Pin, Switch
from twinbeat.core.model import AgentKind, GroupSpec
from twinbeat.core.units import GroupName, Instant, NodeName

from .base import Checker, Phase

UNABLE = "cannot run: no node is able"
UNCLEAN = "cannot run: unclean"
FROZEN = "not judged: maintenance"
DIFFERING = "not judged: configurations differ"
DARK = "dark for a moment at the end of the bound"


class Placed(Checker):
    """Judges where every group is when the bound has passed."""

    name: ClassVar[str] = "L1 placed"

    def enter(self, phase: Phase) -> None:
        """Judge at the end of the bound."""
        if phase is not Phase.QUIET:
            return
        models = [node.model for node in self.world.nodes.values()]
        if len({model.digest for model in models}) > 1:
            self.set_apart(DIFFERING)
            return
        for spec in models[0].groups:
            self._judge(spec, looks=1)

    def _judge(self, spec: GroupSpec, looks: int) -> None:
        """Judge one group, at the first or at a later look."""
        beats = {node: self.hearing.sent_by(node) for node in spec.nodes}
        said = {node: beat for node, beat in beats.items() if beat is not None}
        if any(orders.frozen(beat.maintenance, node) for node, beat in said.items()):
            self.set_apart(FROZEN)
            return
        custodies = [_custody(beat, spec.name) for beat in said.values()]
        if Custody.UNCLEAN in custodies:
            self.set_apart(UNCLEAN)
            return
        wanted = self._wanted(spec, said)
        serving = sorted(self.world.serving(spec.name))
        if not wanted:
            self.set_apart(UNABLE)
            if serving:
                self.complain(f"{spec.name} is served by {serving}, none of which is able to")
            for silent in self._silent_about(spec):
                self.complain(f"{silent} does not say why nobody runs {spec.name}")
        elif not serving and self._excused(spec, wanted, looks):
            self.set_apart(DARK)
        elif len(serving) != 1 or serving[0] not in wanted:
            by = ", ".join(serving) or "nobody"
            where = " or ".join(sorted(wanted))
            why = self._why(spec.name)
            self.complain(f"{spec.name} is served by {by} and belongs on {where}; {why}")
        elif missing := self._missing(spec, serving[0]):
            self.complain(f"{spec.name} runs on {serving[0]} without {', '.join(missing)}")

    def _missing(self, spec: GroupSpec, node: NodeName) -> list[str]:
        """Return what of a group does not run on its node."""
        there = self.world.nodes[node].kernel.processes(spec.name)
        processes = [each.name for each in spec.resources if each.agent is not AgentKind.IP]
        return [name for name in processes if name not in there]

    def _silent_about(self, spec: GroupSpec) -> Iterator[NodeName]:
        """Yield the daemons that do not name what keeps each node from running a group."""
        for node in self.world.nodes.values():
            if node.engine is not None and node.running:
                status = node.engine.status(node.clock.local(self.world.now)).groups[spec.name]
                told = "; ".join(status.reasons)
                others = {*spec.after, *spec.beside}
                waits = any(f"waits for {other}" in told for other in others)
                if not waits and not all(name in told for name in spec.nodes):
                    yield node.name

    def _excused(self, spec: GroupSpec, wanted: set[NodeName], looks: int) -> bool:
        """Look again a keepalive later: lost beats may darken an owner for less than a deadtime."""
        timing = self.world.nodes[spec.preferred].model.timing
        runs = any(self.world.nodes[node].kernel.runs(spec.name) for node in wanted)
        if self.world.nature.calm or not runs or looks > timing.deadtime // timing.keepalive:
            return False
        later = Instant(self.world.now + timing.keepalive)
        self.world.at(later, partial(self._judge, spec, looks + 1))
        return True

    def _wanted(self, spec: GroupSpec, said: dict[NodeName, Beat]) -> set[NodeName]:
        """Return the nodes one of which should serve a group now."""
        able = [node for node in spec.nodes if self._able(node, spec.name, said)]
        able = [node for node in able if self._allowed(node, spec)]
        views = [view for beat in said.values() if (view := beat.groups.get(spec.name))]
        pin = max((view.pin for view in views), default=Pin())
        if pin.node in able:
            return {pin.node}
        at_once = spec.failback.enabled and spec.failback.after == 0
        return {spec.preferred} if at_once and spec.preferred in able else set(able)

    def _able(self, node: NodeName, group: GroupName, said: dict[NodeName, Beat]) -> bool:
        beat = said.get(node)
        if beat is None or not self.world.nodes[node].running:
            return False
        view = beat.groups.get(group)
        standby = max(other.standby.get(node, Switch()) for other in said.values())
        return not (view is None or view.failed or standby.on or beat.leaving)

    def _allowed(self, node: NodeName, spec: GroupSpec) -> bool:
        """Whether a group may be on a node, by where those are that it keeps to, or keeps from."""
        where = {other: self._where(other) for other in (*spec.beside, *spec.apart)}
        held = all(self._where(other) for other in spec.after)
        beside = all(where[other] == [node] for other in spec.beside)
        return held and beside and not any(node in where[other] for other in spec.apart)

    def _where(self, group: GroupName) -> list[NodeName]:
        """Return who serves a group; or who has it, when that is dark for a moment."""
        nodes = self.world.nodes.items()
        return self.world.serving(group) or [n for n, node in nodes if node.kernel.runs(group)]

    def _why(self, group: GroupName) -> str:
        """Return what each node names as the reason."""
        reasons = []
        for node in self.world.nodes.values():
            if node.engine is None:
                reasons.append(f"{node.name}: down")
                continue
            status = node.engine.status(node.clock.local(self.world.now)).groups.get(group)
            said = "not configured" if status is None else "; ".join(status.reasons)
            custody = "" if status is None else f" {status.custody}"
            reasons.append(f"{node.name}{custody}: {said}")
        return " | ".join(reasons)


def _custody(beat: Beat, group: GroupName) -> Custody | None:
    view = beat.groups.get(group)
    return None if view is None else view.custody
