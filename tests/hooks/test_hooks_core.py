"""Whatever happens to a cluster, what hooks are told of a group is what the core made of it."""

from collections import Counter
from collections.abc import Sequence

import pytest

from twinbeat.core.beat import Custody
from twinbeat.core.effects import Effect, Record
from twinbeat.core.events import Event
from twinbeat.core.hook import State
from twinbeat.core.units import GroupName, Instant, NodeName
from twinbeat.hooks import Notice, Teller
from twinbeat.journal import Entry
from twinbeat.sim.node import Node
from twinbeat.sim.options import draw
from twinbeat.sim.run import Run
from twinbeat.sim.schedule import draw_schedule
from twinbeat.sim.watch import Watcher

SPEAKS = {State.DARK, State.LIT}
"""Of an address while the group starts, is held, or stops by plan."""
FITS = {
    Custody.STARTING: {State.STARTING} | SPEAKS,
    Custody.HELD: {State.HELD, State.RESTARTING, State.RESTARTED} | SPEAKS,
    Custody.STOPPING: {State.STOPPING, State.FAILED} | SPEAKS,
    Custody.STOPPED: {State.STOPPED, State.ELSEWHERE, State.NOWHERE, State.ALLOWED},
    Custody.CLAIMING: {State.STOPPED, State.ELSEWHERE, State.NOWHERE, State.ALLOWED},
    Custody.UNCLEAN: {State.UNCLEAN, State.ELSEWHERE, State.NOWHERE, State.ALLOWED},
}
"""The last state that was told, by the custody that it is to mean."""
HOLDS = (Custody.STARTING, Custody.HELD, Custody.STOPPING)


class Listener(Watcher):
    """A hook on every node, which compares what it hears with the core's own custody."""

    def __init__(self) -> None:
        self._tellers: dict[NodeName, Teller] = {}
        self._last: dict[tuple[NodeName, GroupName], Notice] = {}
        self.states: Counter[State] = Counter()
        self.wrong: list[str] = []

    def lived(self, node: Node, what: str) -> None:
        if what == "boot":
            self._tellers[node.name] = Teller()
            self._last = {key: last for key, last in self._last.items() if key[0] != node.name}

    def handled(self, node: Node, now: Instant, event: Event, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Record):
                self._hear(node, now, effect)
        assert node.engine is not None
        for name, group in node.engine.groups.items():
            last = self._last.get((node.name, name))
            if last is not None and group.custody in FITS:
                self._judge(last, group.custody, f"{now} {node.name} {name} {event}")

    def _hear(self, node: Node, now: Instant, record: Record) -> None:
        entry = Entry.of(record, at=now, wall_ns=now, node=node.name)
        notice = self._tellers[node.name].heard(entry)
        if notice is None:
            return
        self.states[notice.state] += 1
        before = self._last.get((node.name, notice.group))
        self._last[node.name, notice.group] = notice
        if notice.previous is not (None if before is None else before.state):
            self.wrong.append(f"{now} {node.name}: {notice.state} after {notice.previous}")

    def _judge(self, last: Notice, custody: Custody, where: str) -> None:
        if last.state not in FITS[custody]:
            self.wrong.append(f"{where}: told {last.state}, it is {custody}")
        if (last.owner == last.entry.node) is not (custody in HOLDS):
            self.wrong.append(f"{where}: told owner {last.owner}, it is {custody}")


@pytest.mark.parametrize("seed", [2, 3, 5, 7, 11, 13])
def test_the_last_state_and_owner_that_are_told_are_the_cores(seed: int) -> None:
    options = draw(seed)
    run = Run(options, draw_schedule(options))
    listener = Listener()
    run.watch(listener)
    run.play()
    assert listener.wrong[:5] == []
    assert {State.STARTING, State.HELD, State.STOPPED} <= set(listener.states)
