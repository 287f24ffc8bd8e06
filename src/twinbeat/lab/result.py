"""What a step came to: measured by the client and asked of the kernels."""

from dataclasses import dataclass

from twinbeat.control.shapes import MoveShape

from .kernel import MS
from .node import LogLine
from .ownership import Standing
from .stage import Mark, Stage
from .view import Span, Summary, summary, total

LEAD = 100 * MS
"""How much of the time before a step its picture shows."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one step, or one paragraph of a scenario, came to."""

    name: str
    does: str
    window: Span
    action: int
    """When the first thing was done, nanoseconds since boot."""
    owner_before: str | None
    owner_after: str | None
    ping: Summary
    http: Summary
    two_seen: list[Span]
    """When two nodes answered the client."""
    two_served: list[Span]
    """When two kernels would have answered."""
    stalled: int
    """How long the client itself was not scheduled, at the longest."""
    undone: list[str]
    """What the step waits for and did not come about."""
    problems: list[str]
    """That, and every expectation that the numbers do not meet."""
    scene: "Scene"

    @property
    def two_owners(self) -> int:
        """Nanoseconds with two owners, by the worse of both views."""
        return max(total(self.two_seen), total(self.two_served))

    @property
    def ok(self) -> bool:
        """Whether the step met every expectation."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class Scene:
    """What there is to draw and to tell of a step."""

    window: Span
    """The step, and a little of what was before it."""
    marks: list[Mark]
    bands: dict[str, list[tuple[Span, Standing]]]
    pings: list[tuple[int, str]]
    """When each echo reply came, and from whom."""
    pages: list[tuple[int, str]]
    announcements: list[tuple[int, str]]
    heartbeats: list[tuple[int, str]]
    lines: list[LogLine]
    why: MoveShape | None = None


async def measured(
    stage: Stage, name: str, does: str, window: Span, before: str | None, undone: list[str]
) -> Result:
    """Return what was measured within a window; its problems are `undone` so far."""
    view = stage.view
    after = stage.owner_seen()
    teller = next((node for node in stage.nodes if node.name == after), None)
    marks = [mark for mark in stage.marks if window.holds(mark.at)]
    seen = Span(window.start - LEAD, window.end)
    return Result(
        name=name,
        does=does,
        window=window,
        action=marks[0].at if marks else window.start,
        owner_before=before,
        owner_after=after,
        ping=summary(view.pings, window),
        http=summary(view.pages, window),
        two_seen=view.two_answered(window),
        two_served=stage.ownership.two_served(window),
        stalled=view.stalled(window),
        undone=undone,
        problems=list(undone),
        scene=Scene(
            window=seen,
            marks=marks,
            bands={n.name: stage.ownership.bands(n.name, seen) for n in stage.nodes},
            pings=[(p.received, p.node) for p in view.pings if seen.holds(p.received)],
            pages=[(p.received, p.node) for p in view.pages if seen.holds(p.received)],
            announcements=[a for a in view.announcements if seen.holds(a[0])],
            heartbeats=[(h.at, h.node) for h in stage.capture.within(seen)],
            lines=stage.lines_within(window),
            why=await teller.daemon.why() if teller else None,
        ),
    )
