"""Record what the simulated daemons are told and order, in the stream of `twinbeat replay`."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from twinbeat.core.effects import Effect
from twinbeat.core.events import Event
from twinbeat.core.units import Instant, NodeName
from twinbeat.journal.stream import Birth, End, Line, Step, Writer

from .watch import Watcher

if TYPE_CHECKING:
    from .node import Node

Sink = Callable[[NodeName, int, str], None]
"""Takes a line of a node's first life (1), second life, and so on; without its newline."""


class Recorder(Watcher):
    """Writes one stream for every life of every node."""

    def __init__(self, program: str, sink: Sink) -> None:
        self._program = program
        self._sink = sink
        self._lives: dict[NodeName, int] = {}
        self._writers: dict[NodeName, Writer] = {}

    def lived(self, node: "Node", what: str) -> None:
        """Begin a stream with a life, and end it with a goodbye."""
        if what == "leave":
            self._put(node.name, End("the daemon ended"))
        if what != "boot" or node.engine is None:
            return
        self._lives[node.name] = self._lives.get(node.name, 0) + 1
        self._writers[node.name] = Writer()
        engine = node.engine
        birth = Birth(
            program=self._program,
            node=engine.me,
            life=engine.mine.life,
            now=node.clock.now,
            standby=dict(engine.standby),
            maintenance=dict(engine.maintenance),
            model=engine.model,
        )
        self._put(node.name, birth)

    def handled(self, node: "Node", now: Instant, event: Event, effects: Sequence[Effect]) -> None:
        """Put down a step."""
        self._put(node.name, Step(now, event, tuple(effects)))

    def _put(self, name: NodeName, line: Line) -> None:
        self._sink(name, self._lives[name], self._writers[name].write(line))
