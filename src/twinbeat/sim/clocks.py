"""The clock of one machine, and what waits for it there.

It runs a little fast or slow, and it stands still while the whole machine does. Timers of its
kernel, its daemon and its scripts go by it: they all wait longer when it stands still.
"""

from twinbeat.core.units import NEVER, Instant

from .agenda import Action, Agenda, Line

MILLION = 1_000_000


class Clock:
    """Local time as a function of true time: a straight line that is broken now and then."""

    def __init__(self, agenda: Agenda, ahead: int = 0) -> None:
        """Begin by being so much ahead of true time: each machine counts since its own boot."""
        self._agenda = agenda
        self._since: Instant = agenda.now
        """When the line was last broken, in true time, and what the clock showed then."""
        self._showed: Instant = Instant(agenda.now + ahead)
        self._rate = MILLION
        self._stands = False
        self._line = Line()
        """The straight piece of now: what the agenda knows of older ones is void."""
        self._standing: list[tuple[int, Action]] = []
        """What waits while the clock stands still."""

    @property
    def ppm(self) -> int:
        """By how many parts per million the clock runs fast; negative: slow."""
        return self._rate - MILLION

    @property
    def now(self) -> Instant:
        """What the clock shows."""
        span = self._agenda.now - self._since  # Asked for so often that this is `local` again.
        if self._rate != MILLION:
            span = span * self._rate // MILLION
        return self._showed if self._stands else Instant(self._showed + span)

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
        self._standing += self._agenda.void(self._line)
        self._line = Line()

    # What waits for it.

    def at(self, when: int, action: Action) -> None:
        """Do something when the clock shows an instant, or at once if it is past."""
        if self._stands:
            self._standing.append((when, action))
        else:
            self._agenda.at(self.true(when), action, self._line, when)

    def _enter_anew(self) -> None:
        standing, self._standing = self._standing, []
        for when, action in standing:
            self.at(when, action)
