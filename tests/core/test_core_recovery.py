"""The machine of recovery alone: looks are counted, restarts are tried, bars grow."""

from dataclasses import replace

import pytest
from core_models import model

from twinbeat.core.effects import Effect
from twinbeat.core.events import ResourceLooked
from twinbeat.core.losses import Losses, hold_down
from twinbeat.core.model import AgentKind, GroupSpec, ResourceSpec
from twinbeat.core.model import Recovery as Rules
from twinbeat.core.recovery import LONGEST_BAR, MOST_TOLD, Recovery
from twinbeat.core.units import SECOND, Duration, GroupName, Instant

WEB = GroupName("web")
HOUR = 3600
RULES = Rules(restarts=2, window=Duration(600 * SECOND), expiry=Duration(60 * SECOND))


def spec(fall: int = 1, rise: int = 1, rules: Rules = RULES) -> GroupSpec:
    """Return a group of an address, a database and a web server."""
    address = ResourceSpec(name="10.0.0.1", agent=AgentKind.IP)
    database, httpd = (
        ResourceSpec(name=name, agent=AgentKind.SYSTEMD, fall=fall, rise=rise)
        for name in ("database", "httpd")
    )
    web = model().groups[0]
    return replace(web, resources=(address, database, httpd), recovery=rules)


class Ward:
    """A group that is held since the start of the test, and the seconds that have passed."""

    def __init__(self, of: GroupSpec) -> None:
        self.recovery = Recovery(of)
        self.out: list[Effect] = []
        self.recovery.started(Instant(0))

    def look(self, running: bool, at: float = 1, sure: bool = False, name: str = "httpd") -> bool:
        """Let a look be told; return whether the resource has failed by it."""
        look = ResourceLooked(WEB, name, running, "" if running else "gone", sure)
        return self.recovery.look(look, Instant(round(at * SECOND)), self.out) is not None

    def looks(self, said: str, at: float = 1) -> str:
        """Let looks be told, `+` or `-` each; return `!` for those that make it failed, else `.`"""
        return "".join("!" if self.look(each == "+", at) else "." for each in said)

    def attempt(self, name: str = "httpd", at: float = 1) -> tuple[str, ...] | None:
        """Return what is restarted, or None when enough was tried."""
        again = self.recovery.attempt(name, "gone", Instant(round(at * SECOND)), self.out)
        return self.recovery.restarting if again else None

    def restarted(self, at: float) -> None:
        self.recovery.restarted(Instant(round(at * SECOND)))

    def bar(self, at: float) -> float:
        """Let the group fail here; return for how many seconds the node is barred."""
        self.recovery.set_bar("httpd", "gone", Instant(round(at * SECOND)), self.out)
        self.recovery.ended(Instant(round(at * SECOND)))
        assert self.recovery.bar is not None
        return self.recovery.bar.span / SECOND

    def held(self, at: float) -> None:
        """The bar has ended, and the group was started here again."""
        self.recovery.time_passed(self.recovery.until, self.out)
        assert self.recovery.bar is None
        self.recovery.started(Instant(round(at * SECOND)))


@pytest.mark.parametrize(
    ("fall", "rise", "looks", "fails"),
    [
        (1, 1, "+-", ".!"),
        (3, 1, "+---", "...!"),
        (3, 1, "+--+--+---", ".........!"),  # Each good one makes it sound again.
        (3, 2, "++-+-", "....!"),  # One good one does not.
        (3, 2, "++-++--", "......."),
        (3, 2, "++---", "....!"),
        (3, 1, "-", "!"),  # Right after its start.
        (3, 2, "+-", ".!"),
    ],
)
def test_so_many_bad_looks_in_a_row_make_it_failed(
    fall: int, rise: int, looks: str, fails: str
) -> None:
    assert Ward(spec(fall, rise)).looks(looks) == fails


def test_a_death_that_the_system_tells_of_needs_no_other_look() -> None:
    ward = Ward(spec(fall=5))
    ward.looks("+++")
    assert ward.look(running=False, sure=True)


def test_looks_at_one_resource_say_nothing_of_another() -> None:
    ward = Ward(spec(fall=2))
    ward.looks("+-")
    assert not ward.look(running=True, name="database")
    assert not ward.look(running=False, name="database")
    assert ward.look(running=False)


def test_what_failed_is_restarted_with_all_behind_it_and_an_address_alone() -> None:
    assert Ward(spec()).attempt("httpd") == ("httpd",)
    assert Ward(spec()).attempt("database") == ("database", "httpd")
    assert Ward(spec()).attempt("10.0.0.1") == ("10.0.0.1",)


def test_what_fails_during_a_restart_is_added_to_it() -> None:
    ward = Ward(spec())
    assert ward.attempt("httpd") == ("httpd",)
    assert not ward.recovery.watches("httpd")
    assert ward.recovery.watches("10.0.0.1")
    assert ward.attempt("10.0.0.1") == ("10.0.0.1", "httpd")


def test_restarts_count_for_the_window_and_no_longer() -> None:
    ward = Ward(spec())
    for at in (0, 500):
        assert ward.look(running=False, at=at)
        assert ward.attempt(at=at)
        ward.restarted(at + 1)
    assert ward.look(running=False, at=600)  # The first was 600 s ago.
    assert ward.attempt(at=600)
    ward.restarted(601)
    assert ward.recovery.attempts(Instant(601 * SECOND)) == 2
    assert ward.look(running=False, at=602)
    assert ward.attempt(at=602) is None
    assert ward.recovery.attempts(Instant(1200 * SECOND)) == 0


def test_restarts_that_fail_come_to_an_end_however_long_each_takes() -> None:
    ward = Ward(spec())
    assert ward.look(running=False, at=0)
    assert [ward.attempt(at=at) is not None for at in (0, 700, 1400)] == [True, True, False]


def test_no_restart_is_tried_where_none_is_allowed() -> None:
    assert Ward(spec(rules=replace(RULES, restarts=0))).attempt() is None


def test_a_bar_lasts_twice_as_long_each_time_and_a_day_at_most() -> None:
    ward = Ward(spec())
    spans, now = [], 0.0
    for _ in range(14):
        spans.append(ward.bar(now))
        now += spans[-1] + 1
        ward.held(now)
    assert spans[:4] == [60, 120, 240, 480]
    assert spans[-2:] == [86_400, 86_400] == [LONGEST_BAR / SECOND] * 2


@pytest.mark.parametrize(("well", "span"), [(119, 240), (120, 60)])
def test_running_well_for_as_long_as_the_last_bar_was_begins_anew(well: int, span: int) -> None:
    ward = Ward(spec())
    assert ward.bar(0) == 60
    ward.held(60)
    assert ward.bar(60) == 120
    ward.held(1000)
    ward.look(running=False, at=1000 + well)
    assert ward.bar(1000 + well) == span


def test_failures_of_late_do_not_hide_how_long_it_ran_well_before_them() -> None:
    ward = Ward(spec())
    assert ward.bar(0) == 60
    ward.held(60)
    assert ward.bar(60) == 120
    ward.held(1000)
    for at in (1120, 1122):
        ward.look(running=False, at=at)
        ward.attempt(at=at)
        ward.restarted(at + 1)
    ward.look(running=False, at=1124)
    assert ward.bar(1124) == 60


def test_what_was_cleared_is_forgotten() -> None:
    ward = Ward(spec())
    ward.look(running=False)
    ward.attempt()
    ward.bar(2)
    assert [type(effect).__name__ for effect in ward.recovery.clear("an operator said so")] == [
        "Record"
    ]
    assert ward.recovery.bar is None
    assert ward.recovery.health["httpd"].failures == 0
    assert ward.recovery.clear("again") == []
    assert ward.bar(3) == 60
    ward.recovery.time_passed(ward.recovery.until, [])
    assert ward.recovery.bar is None
    assert len(ward.recovery.clear("the next bar is short again")) == 1
    assert ward.bar(200) == 60


def test_what_every_heartbeat_repeats_is_short() -> None:
    recovery = Recovery(spec())
    recovery.set_bar("httpd", "x" * 10_000, Instant(0), [])
    assert recovery.bar is not None
    assert len(recovery.bar.why) == MOST_TOLD


def test_a_failback_waits_the_longer_the_oftener_its_node_was_lost() -> None:
    minutes = [hold_down(lost) / SECOND / 60 for lost in range(12)]
    assert minutes == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60]


def test_losses_count_for_an_hour() -> None:
    losses = Losses()
    for at in (0, 10, HOUR):
        losses.note(Instant(at * SECOND))
    assert losses.count(Instant(HOUR * SECOND)) == 2
    assert losses.count(Instant((HOUR + 10) * SECOND)) == 1
    losses.forget()
    assert losses.count(Instant((HOUR + 10) * SECOND)) == 0
