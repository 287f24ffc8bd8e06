"""The clock of one machine, and what waits for it there.

It runs a little fast or slow, and it stands still while the whole machine does. Timers of its
kernel, its daemon and its scripts go by it: they all wait longer when it stands still.
"""

from functools import partial

from twinbeat.core.units import NEVER, Instant

from .agenda import Action, Agenda

MILLION = 1_000_000


class Clock:
    """Local time as a function of true time: a straight line that is broken now and then."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda
        self._since: Instant = agenda.now
        """When the line was last broken, in true time, and what the clock showed then."""
        self._showed: Instant = agenda.now
        self._rate = MILLION
        self._stands = False
        self._line = 0
        """How often the line was broken: what the agenda knows of older ones is void."""
        self._timers: dict[int, tuple[int, Action]] = {}
        """What waits, by the number of its entry."""
        self._count = 0

    @property
    def ppm(self) -> int:
        """By how many parts per million the clock runs fast; negative: slow."""
        return self._rate - MILLION

    @property
    def now(self) -> Instant:
        """What the clock shows."""
        true = self._agenda.now  # Asked for so often that this is `local` over again.
        if self._stands or self._rate != MILLION:
            return self.local(true)
        return Instant(self._showed + true - self._since)

    def local(self, true: Instant) -> Instant:
        """Return what the clock shows at a true instant, if nothing is done to it until then."""
        if self._stands:
            return self._showed
        if self._rate == MILLION:
            return Instant(self._showed + true - self._since)
        return Instant(self._showed + (true - self._since) * self._rate // MILLION)

    def true(self, local: int) -> Instant:
        """Return the first true instant at which the clock shows a local one; `NEVER` if none."""
        if self._stands or local >= NEVER:
            return NEVER
        if self._rate == MILLION:
            return Instant(self._since + local - self._showed)
        return Instant(self._since - (self._showed - local) * MILLION // self._rate)

    # What is done to it.

    def set_rate(self, ppm: int) -> None:
        """Let the clock run fast or slow from now on."""
        self._break()
        self._rate = MILLION + ppm
        self._enter_anew()

    def stop(self) -> None:
        """Let the clock stand still."""
        self._break()
        self._stands = True

    def go_on(self) -> None:
        """Let the clock run again, from where it stood."""
        self._break()
        self._stands = False
        self._enter_anew()

    def _break(self) -> None:
        self._showed = self.now
        self._since = self._agenda.now
        self._line += 1

    # What waits for it.

    def at(self, when: int, action: Action) -> None:
        """Do something when the clock shows an instant, or at once if it is past."""
        self._count += 1
        self._timers[self._count] = when, action
        self._enter(self._count, when)

    def _enter(self, number: int, when: int) -> None:
        self._agenda.at(self.true(when), partial(self._ring, number, self._line))

    def _enter_anew(self) -> None:
        for number, (when, _) in self._timers.items():
            self._enter(number, when)

    def _ring(self, number: int, line: int) -> None:
        if line == self._line:
            self._timers.pop(number)[1]()
