"""Playing a scenario on a stage, and judging what it expects: the same code for every stage.

A stage does what the lines say and tells what can be seen: who answers, what the daemons say, for
how long nobody or two answered. What follows from that is judged here. The player waits by asking
the stage to let time pass; a stage in virtual time never waits itself, and is played `at_once`.
"""

from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Protocol, TypeVar

from twinbeat.config.diagnostics import Diagnostic, quote
from twinbeat.core.units import Duration, GroupName, Instant, NodeName, readable

from .expectations import (
    Expectation,
    ExpectEnded,
    ExpectFlag,
    ExpectGap,
    ExpectNoOwner,
    ExpectOwner,
    ExpectQuiet,
    ExpectRefused,
    ExpectServing,
    ExpectSilence,
    ExpectStatus,
    ExpectTwo,
    ExpectWhy,
)
from .script import Line, Paragraph, Script
from .steps import Run

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class View:
    """What one daemon that runs says."""

    states: dict[NodeName, str]
    """Of every node: `init`, `up`, `active` or `dead`."""
    owners: dict[GroupName, NodeName | None]
    """Of every group: who has it, started or not."""
    held: frozenset[GroupName]
    """The groups that their owner holds, every resource started."""
    flags: tuple[str, ...]


class Stage(Protocol):
    """What a stage must be able to do; groups and nodes have the scenario's own names."""

    @property
    def now(self) -> Instant:
        """The stage's present."""

    async def begin(self, paragraph: Paragraph) -> None:
        """Take note of a paragraph that begins."""

    async def perform(self, line: Line) -> str | None:
        """Do what a line says; return why an operator's command was refused, else None."""

    async def pass_time(self, span: Duration) -> None:
        """Let time pass."""

    async def look_again(self) -> None:
        """Let as much time pass as lies between two looks while the player waits."""

    async def views(self) -> dict[NodeName, View]:
        """Return what the daemons that run say."""

    def groups(self) -> tuple[GroupName, ...]:
        """Return the groups that there are."""

    def serving(self, group: GroupName, /) -> tuple[NodeName, ...]:
        """Return the nodes that answer for a group now, in the order of their names."""

    async def gap(self, group: GroupName, /, since: Instant) -> Duration:
        """Return the longest time without an answer since then; then and now count as answers."""

    async def by_two(self, group: GroupName, /, since: Instant) -> Duration:
        """Return for how long more than one node answered since then."""

    async def changes(self, since: Instant) -> list[str]:
        """Tell who began or ceased to answer since then, a sentence each."""

    async def causes(self, group: GroupName, /) -> dict[NodeName, str]:
        """Return the cause of the group's last move as each daemon that runs tells it."""

    def ended(self, node: NodeName) -> bool:
        """Tell whether the node's daemon ended by itself, having released everything."""


class Unmet(Exception):  # noqa: N818 - it says what happened
    """What a line expects is not so; the text says what is seen instead."""


@dataclass
class Player:
    """Plays one script on one stage, paragraph by paragraph, up to the first unmet expectation."""

    script: Script
    stage: Stage
    findings: list[Diagnostic] = field(default_factory=list)
    since: Instant = Instant(0)
    """When the present paragraph began."""

    async def paragraphs(self) -> AsyncIterator[Paragraph]:
        """Play on, and yield every paragraph once it was played.

        The stage is left as the last line left it.
        """
        for paragraph in self.script.paragraphs:
            self.since = self.stage.now
            await self.stage.begin(paragraph)
            for line, following in zip_longest(paragraph.lines, paragraph.lines[1:]):
                if not self.findings:
                    await self._play(line, following)
            await self._judge_two(paragraph)
            yield paragraph
            if self.findings:
                return

    async def _play(self, line: Line, following: Line | None) -> None:
        step = line.step
        wanted = following.step if following is not None else None
        try:
            if isinstance(step, Run):
                await self.stage.pass_time(step.span)
            elif isinstance(step, Expectation):
                await self._judge(step)
            else:
                refused = await self.stage.perform(line)
                text = wanted.text if isinstance(wanted, ExpectRefused) else None
                if not self.script.transcript:
                    _judge_refusal(refused, text)
        except Unmet as unmet:
            says = f"{line.text}: {unmet}"
            self.findings.append(self.script.finding(line, says))

    async def _judge(self, step: Expectation) -> None:
        stage = self.stage
        match step:
            case ExpectGap(group, most):
                gap = await stage.gap(group, self.since)
                if gap > most:
                    raise Unmet(f"nobody answered for {readable(gap)}")
            case ExpectTwo(group, bound, span):
                two = await stage.by_two(group, self.since)
                if two > span if bound == "most" else two < span:
                    raise Unmet(f"two nodes answered at once for {readable(two)}")
            case ExpectQuiet(span):
                start = stage.now
                await stage.pass_time(span)
                if changes := await stage.changes(start):
                    raise Unmet(f"it was not quiet: {'; '.join(changes[:3])}")
            case ExpectWhy(group, text):
                causes = await stage.causes(group)
                if not any(text in cause for cause in causes.values()):
                    told = [
                        f"{node} says: {cause or 'it never moved'}"
                        for node, cause in causes.items()
                    ]
                    raise Unmet("; ".join(told) or "no daemon answers")
            case ExpectRefused():
                pass  # It was judged with the command.
            case _:
                await self._wait(step)

    async def _wait(self, step: Expectation) -> None:
        """Look until an expectation holds, as long as it allows."""
        deadline = self.stage.now + getattr(step, "within", 0)
        while (instead := await self._instead(step)) is not None:
            if self.stage.now >= deadline:
                raise Unmet(instead)
            await self.stage.look_again()

    async def _instead(self, step: Expectation) -> str | None:
        """Return what is seen instead of what is expected, or None when that holds."""
        stage = self.stage
        views = await stage.views()
        match step:
            case ExpectOwner(group, node):
                told = {
                    node if group in v.held and v.owners.get(group) == node else ""
                    for v in views.values()
                }
                holds = told == {node} and stage.serving(group) == (node,)
                return None if holds else self._owners(group, views)
            case ExpectNoOwner(group):
                owned = any(view.owners.get(group) for view in views.values())
                return self._owners(group, views) if owned or stage.serving(group) else None
            case ExpectServing(group, nodes):
                holds = stage.serving(group) == tuple(sorted(nodes))
                return None if holds else self._owners(group, views)
            case ExpectSilence(group):
                return self._owners(group, views) if stage.serving(group) else None
            case ExpectEnded(node):
                return None if stage.ended(node) else f"the daemon of {node} has not ended cleanly"
            case ExpectStatus(node, state, _, at):
                asked = {n: v for n, v in views.items() if (n == at if at else n != node)}
                wrong = [
                    f"{n} says {v.states.get(node)}"
                    for n, v in asked.items()
                    if v.states.get(node) != state
                ]
                return ", ".join(wrong) or (None if asked else "no daemon answers")
            case ExpectFlag(text):
                wrong = [
                    f"{n} has {_all(v.flags)}"
                    for n, v in views.items()
                    if not any(text in flag for flag in v.flags)
                ]
                return ", ".join(wrong) or (None if views else "no daemon answers")
            case _:
                raise TypeError(f"nobody knows how to look for {step!r}")

    def _owners(self, group: GroupName, views: dict[NodeName, View]) -> str:
        told = [
            f"{node} says {view.owners.get(group) or 'nobody'}"
            + ("" if group in view.held or not view.owners.get(group) else ", not held")
            for node, view in views.items()
        ]
        answering = " and ".join(self.stage.serving(group)) or "nobody"
        return "; ".join([f"{answering} answers for {group}", *told])

    async def _judge_two(self, paragraph: Paragraph) -> None:
        """Never two owners, wherever the paragraph does not speak of it."""
        if self.script.transcript or not paragraph.lines:
            return
        spoken = {line.step.group for line in paragraph.lines if isinstance(line.step, ExpectTwo)}
        for group in self.stage.groups():
            two = await self.stage.by_two(group, self.since)
            if two and group not in spoken:
                says = (
                    f"two nodes answered at once for {group}, for {readable(two)} in this paragraph"
                )
                self.findings.append(self.script.finding(paragraph.lines[-1], says))


def _judge_refusal(refused: str | None, wanted: str | None) -> None:
    if refused is None and wanted is not None:
        raise Unmet("it was not refused")
    if refused is not None and wanted is None:
        raise Unmet(f"it was refused: {refused}")
    if refused is not None and wanted is not None and wanted not in refused:
        raise Unmet(f"it was refused for another reason: {refused}")


def _all(flags: tuple[str, ...]) -> str:
    return " and ".join(quote(flag) for flag in flags) or "no flag"


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never waits to its end; raises `RuntimeError` when it does wait."""
    try:
        work.send(None)
    except StopIteration as end:
        value: T = end.value
        return value
    work.close()
    raise RuntimeError("a stage in virtual time waited for the world")
