"""The kernel's lease, as lease.py of the agents and protocol 2.6 say it must be."""

from collections.abc import Callable

from sim_worlds import WEB

from twinbeat.core.units import MS, Duration, GroupName, Instant
from twinbeat.sim.agenda import Agenda
from twinbeat.sim.clocks import Clock
from twinbeat.sim.kernel import Kernel

DB = GroupName("db")
LEASE = Duration(100 * MS)


class Machine:
    """A kernel, and what it answered for whenever that changed."""

    def __init__(self) -> None:
        self.agenda = Agenda()
        self.clock = Clock(self.agenda)
        self.seen: list[tuple[int, tuple[GroupName, ...]]] = []
        self._began = self.agenda.now
        self.kernel = Kernel(self.clock, self._changed)
        self.kernel.add_address(WEB)

    def _changed(self) -> None:
        self.seen.append(((self.agenda.now - self._began) // MS, self.kernel.serving()))

    def at(self, ms: int, action: Callable[[], object] = lambda: None) -> None:
        self.agenda.run(Instant(self._began + ms * MS))
        action()


def test_an_address_speaks_while_its_element_lasts() -> None:
    it = Machine()
    assert it.kernel.write_lease(WEB, LEASE, create=True) is None
    assert it.kernel.serves(WEB)
    it.at(60, lambda: it.kernel.write_lease(WEB, LEASE, create=False))
    it.at(400)
    assert it.seen == [(0, (WEB,)), (160, ())]


def test_an_element_without_an_address_and_an_address_without_an_element_are_silent() -> None:
    it = Machine()
    it.kernel.write_lease(DB, LEASE, create=True)
    assert it.kernel.serving() == ()
    it.kernel.add_address(DB)
    assert it.kernel.serving() == (DB,)
    it.kernel.remove_address(DB)
    assert it.kernel.serving() == ()


def test_a_creation_fails_on_a_live_element_and_a_renewal_on_a_lapsed_one() -> None:
    it = Machine()
    assert it.kernel.write_lease(WEB, LEASE, create=False) is not None
    assert it.kernel.write_lease(WEB, LEASE, create=True) is None
    assert it.kernel.write_lease(WEB, LEASE, create=True) is not None
    it.at(100)
    assert it.kernel.write_lease(WEB, LEASE, create=False) is not None
    assert not it.kernel.serves(WEB)
    assert it.kernel.write_lease(WEB, LEASE, create=True) is None


def test_an_element_that_is_created_shorter_ends_sooner() -> None:
    it = Machine()
    it.kernel.write_lease(WEB, LEASE, create=True)
    it.kernel.delete_lease(WEB)
    it.kernel.write_lease(WEB, Duration(30 * MS), create=True)
    it.at(400)
    assert it.seen[-1] == (30, ())


def test_timers_stand_still_with_the_machine_which_answers_nobody_meanwhile() -> None:
    it = Machine()
    it.kernel.write_lease(WEB, LEASE, create=True)
    it.at(40, it.clock.stop)
    it.kernel.stand_still()
    it.at(1000, it.clock.go_on)
    it.kernel.go_on()
    it.at(2000)
    assert it.seen == [(0, (WEB,)), (40, ()), (1000, (WEB,)), (1060, ())]


def test_what_runs_is_told_when_it_changes_and_ends_with_the_power() -> None:
    it = Machine()
    it.kernel.run(WEB)
    it.kernel.run(WEB)
    assert (it.kernel.runs(WEB), len(it.seen)) == (True, 1)
    it.kernel.silence()
    assert it.kernel.runs(WEB)
    it.kernel.lose_power()
    assert not it.kernel.runs(WEB)
    assert not it.kernel.has_address(WEB)


def test_only_an_obeyed_address_ends_a_lease_by_announcing() -> None:
    it = Machine()
    it.kernel.write_lease(WEB, LEASE, create=True)
    it.kernel.obey([b"peer"])
    it.kernel.hear_announcement(WEB, b"stranger")
    it.kernel.hear_announcement(DB, b"peer")
    assert it.kernel.serves(WEB)
    it.kernel.hear_announcement(WEB, b"peer")
    assert not it.kernel.serves(WEB)
    assert it.kernel.write_lease(WEB, LEASE, create=False) is not None
