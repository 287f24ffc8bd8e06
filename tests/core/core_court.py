"""One engine with an arbiter: the real transactions, and replies that a test delays or loses.

A request is executed after half of `delay` and answered after all of it. The peer node1 renews by
hand, with `renew`.
"""

from core_solo import HERE, THEIRS, THERE, Solo, configured

from twinbeat.core.beat import Life
from twinbeat.core.effects import AskArbiter, Effect
from twinbeat.core.events import ArbiterAnswered, ArbiterFailed, Event
from twinbeat.core.model import Proof
from twinbeat.core.records import Records, Renew, Request
from twinbeat.core.units import GroupName, NodeName, milliseconds
from twinbeat.sim.store import Store


class Court(Solo):
    """An engine, the clock it is told, and the store that answers it."""

    def __init__(self, nodes: int = 2, node: NodeName = HERE, groups: int = 1) -> None:
        self.store = Store()
        self.delay = 4
        self.fate = "answered"
        """Of the requests from now on: answered, ignored, lost before or after the execution."""
        self._counter = 0
        self._agenda: list[tuple[int, Event | AskArbiter]] = []
        super().__init__(configured(Proof.ARBITER, nodes, groups), node)

    def tell(self, event: Event) -> list[Effect]:
        """Tell a fact, and send what is asked on its way."""
        effects = super().tell(event)
        for effect in effects:
            if isinstance(effect, AskArbiter):
                self._agenda.append((self.now + self.delay // 2, effect))
        return effects

    def renew(
        self,
        life: Life = THEIRS,
        node: NodeName = THERE,
        lease: float = 950,
        unclean: frozenset[GroupName] = frozenset(),
    ) -> None:
        """Let the peer renew its record, now; its lease is in milliseconds."""
        self._counter += 1
        request = Renew(node, life, self._counter, milliseconds(lease), unclean)
        assert self.store.execute(request)[0]

    def asked(self, kind: type[Request]) -> list[int]:
        """Return when requests of a kind were given."""
        found = [(at, e) for at, e in self.effects if isinstance(e, AskArbiter)]
        return [at for at, order in found if isinstance(order.request, kind)]

    def records(self) -> Records:
        """Return what the store holds now."""
        return Records(self.store.revision, self.store.nodes, self.store.groups)

    def next_step(self) -> int | None:
        """Return when something is next due at the store or on its way from it."""
        return min((at for at, _ in self._agenda), default=None)

    def take_step(self) -> None:
        """Execute a request, or deliver what came of one."""
        step = min(self._agenda, key=lambda entry: entry[0])
        self._agenda.remove(step)
        match step[1]:
            case AskArbiter(op, request):
                self._execute(op, request)
            case event:
                self.tell(event)

    def _execute(self, op: int, request: Request) -> None:
        outcome: Event = ArbiterFailed(op, "the connection was lost")
        if self.fate in ("answered", "lost after"):
            done, records = self.store.execute(request)
            if self.fate == "answered":
                outcome = ArbiterAnswered(op, done, records)
        if self.fate != "ignored":
            self._agenda.append((self.now + self.delay // 2, outcome))
