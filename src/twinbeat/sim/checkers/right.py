"""S2: never start on an answer, a goodbye or a confirmation while another's resources run.

What entitles to a start in spite of that is silence alone, where the proof in force says so: with
`peer` and `arbiter` nothing newer came for the judge's limit, and nobody whom the starter hears
still hears the other. With `arbiter` the group's record must be the starter's besides. With `fence`
nothing does.
"""

from collections.abc import Sequence
from typing import ClassVar

from twinbeat.core.effects import Effect, StartGroup
from twinbeat.core.model import Proof
from twinbeat.core.units import Duration, GroupName, Instant, NodeName, readable
from twinbeat.sim.node import Node
from twinbeat.sim.world import World

from .base import Checker
from .hearing import Hearing
from .trust import Trust

SILENCE = "started while a silent node's resources ran"
RESUMED = "started on an answer from before a pause"
STALLED = "started a moment after the decision, by a daemon that was stopped between"
DECEIVED = "started on a false confirmation"
BY_ITSELF = "started while a node ran it that nobody had started there, and had not said so yet"
UNCONFIGURED = "started while a node ran it whose configuration no longer has it"


class Right(Checker):
    """Judges every start at the instant at which it is decided."""

    name: ClassVar[str] = "S2 right"

    def __init__(self, world: World, hearing: Hearing, trust: Trust) -> None:
        super().__init__(world, hearing)
        self._trust = trust
        self._decided: dict[tuple[NodeName, GroupName], Instant] = {}
        """When a node last decided to start a group, by its own clock."""
        self._orphans: set[tuple[NodeName, GroupName]] = set()
        """What a node ran when its daemon began a life without that group in its configuration."""

    def lived(self, node: Node, what: str) -> None:
        """Note what a new life does not know of, although it runs."""
        if what == "boot":
            running = {(node.name, group) for group in node.kernel.running()}
            known = {(node.name, group.name) for group in node.model.groups}
            self._orphans = {o for o in self._orphans if o[0] != node.name} | (running - known)

    def decided(self, node: Node, now: Instant, effects: Sequence[Effect]) -> None:
        """Judge a start when it is decided."""
        for effect in effects:
            if type(effect) is StartGroup:
                group = effect.spec.name
                self._decided[node.name, group] = now
                if node.model.proof is Proof.ARBITER:
                    self._judge_record(node, group)
                for other in self._running_elsewhere(node, group):
                    self._judge(node, group, other)

    def started(self, node: Node, group: GroupName) -> None:
        """Judge a daemon that was stopped between decision and deed: no right outlives a lease."""
        now = node.clock.now
        late = Duration(now - self._decided.get((node.name, group), now))
        if not late:
            return
        for other in self._running_elsewhere(node, group):
            if late < node.model.timing.lease or self.hearing.stood_still(node)[0] > 0:
                self.set_apart(STALLED)
            else:
                self.complain(
                    f"{node.name} starts {group} {readable(late)} after it was decided, "
                    f"while {other} runs it"
                )

    def _running_elsewhere(self, node: Node, group: GroupName) -> list[NodeName]:
        peers = node.model.peers(node.name)
        return [name for name in peers if self.world.nodes[name].kernel.runs(group)]

    def _judge(self, node: Node, group: GroupName, other: NodeName) -> None:
        if self._trust.deceived(other, node.name):
            self.set_apart(DECEIVED)
            return
        if self._unknown(self.world.nodes[other], group):
            self.set_apart(UNCONFIGURED)
            return
        if self._unsaid(node, self.world.nodes[other], group):
            self.set_apart(BY_ITSELF)
            return
        missing = self._missing(node, other)
        if missing is None:
            self.set_apart(SILENCE)
        elif node.model.proof is not Proof.FENCE and self.hearing.stood_still(node)[0] > 0:
            self.set_apart(RESUMED)
        else:
            self.complain(f"{node.name} starts {group} while {other} runs it: {missing}")

    def _unknown(self, other: Node, group: GroupName) -> bool:
        """Whether the other runs what it has removed, and said nothing of since it forgot it."""
        if other.model.group(group) is None:
            return True
        beat = self.hearing.sent_by(other.name)
        return (other.name, group) in self._orphans and (beat is None or group not in beat.groups)

    def _unsaid(self, node: Node, other: Node, group: GroupName) -> bool:
        """Whether the other runs it without any daemon's doing, and could not tell so yet."""
        if not other.kernel.foreign(group):
            return False
        beat, birth = self.hearing.beat(node.name, other.name), other.birth
        return birth is None or beat is None or beat.life.token != birth.life.token

    def _missing(self, node: Node, other: NodeName) -> str | None:
        """Return what keeps the other's silence from entitling a start, or None."""
        if node.model.proof is Proof.FENCE:
            return "it was not fenced"
        silence, limit = self.hearing.silence(node, other), self.hearing.limit(node, other)
        if not self.hearing.silent(node, other):
            return f"silent for {readable(silence)} of {readable(limit)}"
        voices = list(self.hearing.vetoes(node, other))
        return f"{', '.join(voices)} still heard it" if voices else None

    def _judge_record(self, node: Node, group: GroupName) -> None:
        arbiter = self.world.arbiter
        record = None if arbiter is None else arbiter.store.groups.get(group)
        if record is None or record.owner != node.name:
            if self.hearing.stood_still(node)[0] > 0:
                self.set_apart(RESUMED)
                return
            owner = "nobody" if record is None else record.owner or "nobody"
            self.complain(f"{node.name} starts {group}, but the arbiter's record names {owner}")
