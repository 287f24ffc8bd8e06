"""Order, bounds, repetition: what a receiver may rely on."""

import json
from dataclasses import dataclass, field, replace

from hooks_notices import MAIL, WEB, hook, notice
from hypothesis import given
from hypothesis import strategies as st

from twinbeat.core.hook import HookKind, HookSpec, State
from twinbeat.core.units import NEVER, SECOND, GroupName, Instant
from twinbeat.hooks import Deliver, Dispatch, Effect, Tell
from twinbeat.hooks.dispatch import ABREAST_MAX
from twinbeat.hooks.queue import PAUSE, PAUSE_MAX, WAITING_MAX


@dataclass
class Office:
    """A dispatch and whoever carries out its deliveries, at a time of its own."""

    hooks: tuple[HookSpec, ...] = (hook(),)
    now: Instant = Instant(0)
    running: list[Deliver] = field(default_factory=list)
    taken: list[Deliver] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dispatch = Dispatch()
        self.dispatch.use(self.hooks)

    def perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Tell):
                self.log.append(f"{effect.level}: {effect.text}")
            else:
                self.running.append(effect)

    def tell(self, *reasons: str, group: GroupName = WEB) -> None:
        for reason in reasons:
            self.perform(self.dispatch.notice(notice(reason, group), self.now))

    def end(self, why: str | None = None, index: int = 0) -> Deliver:
        order = self.running.pop(index)
        if why is None:
            self.taken.append(order)
        self.perform(self.dispatch.done(order.op, why, self.now))
        return order

    def wait(self) -> None:
        self.now = self.dispatch.next_deadline()
        self.perform(self.dispatch.wake(self.now))

    def said(self) -> list[str]:
        return [order.notice.reason for order in self.running]

    def counted(self, *names: str) -> tuple[object, ...]:
        shown = self.dispatch.status(self.now)["pager"]
        assert isinstance(shown, dict)
        return tuple(shown[name] for name in names)


def plain(office: Office) -> list[object]:
    """What an office keeps, as it comes back from a file."""
    return list(json.loads(json.dumps([kept.to_dict() for kept in office.dispatch.kept()])))


def test_one_group_is_told_one_state_after_the_other_and_groups_beside_each_other() -> None:
    office = Office()
    office.tell("a", "b")
    office.tell("x", "y", group=MAIL)
    assert office.said() == ["a", "x"]
    office.end()
    assert office.said() == ["x", "b"]
    assert office.counted("delivered", "waiting") == (1, 3)


def test_a_failure_is_repeated_after_growing_pauses_up_to_a_bound() -> None:
    office = Office()
    office.tell("a")
    pauses = []
    for attempt in range(1, 9):
        assert office.running[0].attempt == attempt
        office.end("exit code 1")
        assert office.running == []
        pauses.append((office.dispatch.next_deadline() - office.now) // SECOND)
        office.wait()
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    assert (PAUSE, PAUSE_MAX) == (SECOND, 60 * SECOND)
    office.end()
    assert office.dispatch.next_deadline() == NEVER
    assert office.counted("delivered", "failed", "given_up") == (1, 8, 0)
    assert office.log == [
        "WARN: hook pager: web held is not delivered: exit code 1; again in 1.00 s",
        "info: hook pager: web held is delivered after 8 failure(s)",
    ]


def test_what_comes_during_a_pause_waits_for_its_end_and_its_turn() -> None:
    office = Office()
    office.tell("a")
    office.end("exit code 1")
    office.tell("b")
    assert office.running == []
    office.wait()
    assert office.said() == ["a"]
    office.end()
    assert office.said() == ["b"]


def test_a_state_that_fails_too_often_is_given_up_for_a_newer_one_which_says_so() -> None:
    office = Office((hook(retries=2),))
    office.tell("a", "b")
    for _ in range(2):
        office.end("exit code 1")
        office.wait()
    office.end("exit code 1")
    office.wait()
    assert office.said() == ["b"]
    assert (office.running[0].left_out, office.running[0].attempt) == (1, 1)
    assert office.counted("failed", "given_up") == (3, 1)
    assert office.log[-1] == (
        "ERROR: hook pager: web held is given up, newer states wait: exit code 1"
    )


def test_the_last_state_is_never_given_up_and_makes_room_for_a_newer_one() -> None:
    office = Office((hook(retries=1),))
    office.tell("a")
    for _ in range(20):
        office.end("exit code 1")
        office.wait()
    assert office.said() == ["a"]
    office.end("exit code 1")
    office.tell("b")
    office.wait()
    assert office.said() == ["b"]
    assert office.running[0].left_out == 1
    assert office.counted("left_out", "given_up", "waiting") == (1, 0, 1)


def test_a_full_queue_leaves_out_the_oldest_that_wait_never_the_one_under_way() -> None:
    office = Office()
    office.tell(*map(str, range(WAITING_MAX + 3)))
    assert office.said() == ["0"]
    assert office.counted("waiting", "left_out") == (WAITING_MAX, 3)
    office.end()
    assert office.said() == ["4"]
    assert office.running[0].left_out == 3
    assert office.log[0] == "WARN: hook pager does not keep up: 1 state(s) of web are left out"


def test_a_hook_is_told_of_the_states_and_groups_that_it_wants() -> None:
    only = hook(groups=(MAIL,), on=(State.FAILED,))
    office = Office((only,))
    for group in (WEB, MAIL):
        for state in (State.FAILED, State.HELD):
            office.perform(office.dispatch.notice(notice("a", group, state), office.now))
    assert [(d.notice.group, d.notice.state) for d in office.running] == [(MAIL, State.FAILED)]


def test_so_many_groups_are_told_at_once_and_the_others_in_their_turn() -> None:
    office = Office()
    for number in range(ABREAST_MAX + 2):
        office.tell("a", "b", group=GroupName(f"g{number}"))
    assert len(office.running) == ABREAST_MAX
    assert office.dispatch.next_deadline() == NEVER, "only an outcome can begin another"
    while office.running:
        office.end()
        assert len(office.running) <= ABREAST_MAX
    assert len(office.taken) == 2 * (ABREAST_MAX + 2)
    first = [order.notice.group for order in office.taken if order.notice.reason == "a"]
    assert len(set(first[: ABREAST_MAX + 2])) == ABREAST_MAX + 2, "none waits for another's second"


def test_a_hook_that_is_configured_no_more_is_forgotten_and_its_outcome_is_stale() -> None:
    office = Office()
    office.tell("a", "b")
    office.dispatch.use((hook("other"),))
    office.end()
    assert office.running == []
    assert list(office.dispatch.status(office.now)) == ["other"]
    assert office.dispatch.kept() == []


def test_the_last_state_is_told_again_by_the_next_life_also_when_it_was_taken() -> None:
    office = Office()
    office.tell("a", "b")
    office.end()
    office.end()
    again = Office()
    assert again.dispatch.recall(plain(office)) == 0
    again.tell("c")
    assert [(d.notice.reason, d.repeated) for d in again.running] == [("b", True)]
    again.end()
    assert [(d.notice.reason, d.repeated) for d in again.running] == [("c", False)]


def test_a_letter_that_was_sent_is_not_sent_again_and_one_that_was_not_is() -> None:
    mail = hook(kind=HookKind.MAIL)
    office = Office((mail,))
    office.tell("sent")
    office.end()
    office.tell("under way", group=MAIL)
    again = Office((mail,))
    again.dispatch.recall(plain(office))
    again.perform(again.dispatch.wake(again.now))
    assert again.said() == ["under way"]
    assert [kept.delivered for kept in again.dispatch.kept()] == [True, False]


def test_what_cannot_be_read_or_is_not_wanted_any_more_is_not_told() -> None:
    office = Office()
    office.tell("a")
    (kept,) = plain(office)
    assert isinstance(kept, dict)
    broken: list[object] = [None, 3, {}, {"hook": "pager"}, kept | {"notice": {"state": "held"}}]
    assert office.dispatch.recall(broken) == len(broken)
    other = Office((hook(on=(State.FAILED,)),))
    assert other.dispatch.recall([kept]) == 0
    assert other.dispatch.kept() == []


def test_that_nothing_runs_when_a_daemon_starts_is_told_after_another_state_only() -> None:
    nothing_runs = notice("nothing was left running", state=State.STOPPED)
    office = Office()
    office.perform(office.dispatch.notice(nothing_runs, office.now))
    assert office.running == [], "it never was otherwise"
    office.tell("held")
    office.end()
    crashed = Office()
    crashed.dispatch.recall(plain(office))
    crashed.perform(crashed.dispatch.notice(nothing_runs, crashed.now))
    assert crashed.said() == ["held"]
    crashed.end()
    assert crashed.said() == ["nothing was left running"]
    crashed.end()
    stopped = Office()
    stopped.dispatch.recall(plain(crashed))
    stopped.perform(stopped.dispatch.notice(nothing_runs, stopped.now))
    stopped.perform(stopped.dispatch.wake(stopped.now))
    stopped.end()
    assert [order.repeated for order in stopped.taken] == [True], "once is enough"
    assert stopped.running == []
    regular = replace(nothing_runs, previous=State.STOPPING)
    stopped.perform(stopped.dispatch.notice(regular, stopped.now))
    assert len(stopped.running) == 1


GROUPS = [GroupName(f"g{number}") for number in range(6)]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("tell"), st.sampled_from(GROUPS)),
        st.tuples(st.just("end"), st.booleans()),
        st.tuples(st.just("wait"), st.none()),
    ),
    max_size=200,
)


@given(STEPS, st.integers(0, 3))
def test_whatever_fails_the_order_holds_and_the_last_state_of_each_group_arrives(
    steps: list[tuple[str, object]], retries: int
) -> None:
    office = Office((hook(retries=retries),))
    told = dict.fromkeys(GROUPS, 0)
    for index, (do, what) in enumerate(steps):
        if do == "tell":
            assert isinstance(what, str)
            group = GroupName(what)
            told[group] += 1
            office.tell(str(told[group]), group=group)
        elif do == "end" and office.running:
            office.end(None if what else "exit code 1", index % len(office.running))
        elif do == "wait" and office.dispatch.next_deadline() != NEVER:
            office.wait()
        assert len(office.running) <= ABREAST_MAX
        assert len({order.notice.group for order in office.running}) == len(office.running)
        delivered, left_out, given_up, waiting = office.counted(
            "delivered", "left_out", "given_up", "waiting"
        )
        assert isinstance(waiting, int)
        assert waiting <= WAITING_MAX * len(GROUPS)
        accounted = (delivered, left_out, given_up, waiting)
        assert sum(told.values()) == sum(n for n in accounted if isinstance(n, int))
    for _ in range(2 * len(steps) + 2):
        if office.running:
            office.end()
        elif office.dispatch.next_deadline() != NEVER:
            office.wait()
    for group, count in told.items():
        orders = [order for order in office.taken if order.notice.group == group]
        numbers = [int(order.notice.reason) for order in orders]
        assert numbers[-1:] == ([count] if count else [])
        before = 0
        for order, number in zip(orders, numbers, strict=True):
            assert number == before + 1 + order.left_out
            before = number
