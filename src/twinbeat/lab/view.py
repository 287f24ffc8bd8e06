"""What the client saw, ready to be asked: gaps, losses, whose page, two owners."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from .kernel import MS

KEPT = 400_000
"""Records of a kind that are kept: more than half an hour of pings."""
WITNESS_EVERY = 10 * MS


@dataclass(frozen=True, slots=True)
class Outcome:
    """One probe: when it was sent, and when and by whom it was answered."""

    sent: int
    received: int
    """0 when it was lost."""
    node: str
    """Who answered; for a lost page the reason; `-` for a lost ping."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Probes of one kind within a window."""

    sent: int
    lost: int
    gap: int
    """The longest time without an answer, in nanoseconds; the window's edges count as answers."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, in nanoseconds since boot."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """Nanoseconds."""
        return self.end - self.start

    def holds(self, at: int) -> bool:
        """Tell whether an instant lies in it; its end does not."""
        return self.start <= at < self.end


class ClientView:
    """The records of the client process, taken in line by line."""

    def __init__(self) -> None:
        self.pings: deque[Outcome] = deque(maxlen=KEPT)
        self.pages: deque[Outcome] = deque(maxlen=KEPT)
        self.witnesses: deque[tuple[int, str]] = deque(maxlen=KEPT)
        self.announcements: deque[tuple[int, str]] = deque(maxlen=KEPT)
        self.stalls: deque[tuple[int, int]] = deque(maxlen=KEPT)
        self.upto = 0

    def take(self, line: str) -> None:
        """Take in one record (see `twinbeat.lab.client` for their meaning)."""
        match line.split():
            case ["ping", sent, received, node]:
                self.pings.append(Outcome(int(sent), int(received), node))
            case ["page", sent, received, node]:
                self.pages.append(Outcome(int(sent), int(received), node))
            case ["witness", sent, node]:
                self.witnesses.append((int(sent), node))
            case ["arp", at, node]:
                self.announcements.append((int(at), node))
            case ["late", at, by]:
                self.stalls.append((int(at), int(by)))
            case ["upto", at]:
                self.upto = int(at)
            case _:
                raise ValueError(f"not a record of the client: {line!r}")

    def page_since(self, start: int) -> str | None:
        """Return the node of the newest page, if one was fetched after `start`."""
        for page in reversed(self.pages):
            if page.received > start:
                return page.node
            if page.sent < start:
                return None
        return None

    def echo_since(self, start: int) -> str | None:
        """Return the node of the newest echo reply, if one was received after `start`."""
        for ping in reversed(self.pings):
            if ping.received > start:
                return ping.node
            if ping.sent < start:
                return None
        return None

    def two_answered(self, window: Span) -> list[Span]:
        """Return when one node answered for the address before and after another one did."""
        seen: dict[int, list[str]] = {}
        for sent, node in self.witnesses:
            if window.holds(sent):
                seen.setdefault(sent, []).append(node)
        two = [at for at in sorted(seen) if len(seen[at]) > len(set(seen[at])) > 1]
        return merged(Span(at, at + WITNESS_EVERY) for at in two)

    def stalled(self, window: Span) -> int:
        """Return the longest time that the client itself was not scheduled, in nanoseconds."""
        return max((by for at, by in self.stalls if window.holds(at)), default=0)


def summary(outcomes: Iterable[Outcome], window: Span) -> Summary:
    """Count the probes sent within the window and find their longest gap."""
    within = [o for o in outcomes if window.holds(o.sent)]
    answered = [o.received for o in within if o.received]
    longest = max((gap.length for gap in gaps(answered, window)), default=0)
    return Summary(len(within), len(within) - len(answered), longest)


def gaps(times: Iterable[int], window: Span) -> list[Span]:
    """Return the stretches of the window between neighbouring answers, edges included."""
    inside = sorted(t for t in times if window.start <= t <= window.end)
    edges = [window.start, *inside, window.end]
    return [Span(a, b) for a, b in pairwise(edges)]


def merged(spans: Iterable[Span], slack: int = MS) -> list[Span]:
    """Join spans (in order of their starts) that touch or overlap, or nearly do."""
    joined: list[Span] = []
    for span in spans:
        if joined and span.start <= joined[-1].end + slack:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return joined


def total(spans: Iterable[Span]) -> int:
    """Return the length of all spans together, in nanoseconds."""
    return sum(span.length for span in spans)
