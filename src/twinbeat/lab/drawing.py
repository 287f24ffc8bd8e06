"""One step as a picture: an SVG timeline of owners, what the client saw, heartbeats and log."""

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from .kernel import MS, SECOND
from .node import LogLine
from .ownership import Standing
from .report import explaining
from .result import Result
from .view import Span, gaps, merged

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 1120, 168, 24, 48, 26
ROW, BAR = 40, 22
CHARACTER = 7.9
"""About the width of a bold letter; two labels must not overlap."""
COLOURS = ("#0f766e", "#c2410c")
"""Of the first node and of the second, everywhere."""
INK, MUTED, LINE, ALARM = "#1f2937", "#6b7280", "#e5e7eb", "#dc2626"
FLAG = 56
"""Log lines closer than this share one flag."""
PING_PAUSE, PAGE_PAUSE, SHORTEST = 30 * MS, 45 * MS, 12 * MS
"""Silences longer than this are drawn as gaps; and the longest of all, if it is worth drawing."""
STEPS_OF_AXIS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0)


def timeline(result: Result) -> str:
    """Return the step as a self-contained `<svg>` element."""
    return _Timeline(result).draw()


class _Timeline:
    def __init__(self, result: Result) -> None:
        self.result, self.scene, self.window = result, result.scene, result.scene.window
        self.colours = dict(zip(self.scene.bands, COLOURS, strict=False))
        self.parts: list[str] = []
        self.y = TOP

    def draw(self) -> str:
        rows = len(self.scene.bands) + 4
        height = TOP + rows * ROW + BOTTOM
        self._axis(height - BOTTOM)
        for node in self.scene.bands:
            self._node(node)
        self._answers("echo replies", self.scene.pings, PING_PAUSE)
        self._answers("pages", self.scene.pages, PAGE_PAUSE)
        self._heartbeats()
        self._log()
        self._two_owners()
        self._marks(height - BOTTOM)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
            f' font-family="system-ui, DejaVu Sans, sans-serif" font-size="12">'
            f"<title>{escape(self.result.name)}: {escape(self.result.does)}</title>"
            f"<defs>{''.join(self._hatches())}</defs>"
            f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>{"".join(self.parts)}</svg>'
        )

    def _x(self, at: int) -> float:
        share = (at - self.window.start) / max(1, self.window.length)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def _row(self, label: str, colour: str = INK) -> float:
        """Begin a row and return the middle of it."""
        middle = self.y + ROW / 2
        self._text(LEFT - 12, middle + 4, label, colour, anchor="end")
        self.y += ROW
        return middle

    def _axis(self, bottom: float) -> None:
        length = self.window.length / SECOND
        step = next((s for s in STEPS_OF_AXIS if length / s <= 12), STEPS_OF_AXIS[-1])
        zero = (self.result.action - self.window.start) / SECOND
        tick = -int(zero / step) * step
        while tick <= length - zero + 1e-9:
            x = self._x(self.result.action + round(tick * SECOND))
            self._line(x, TOP, x, bottom, LINE)
            self._text(x, bottom + 16, f"{tick:g} s", MUTED, anchor="middle")
            tick += step

    def _node(self, node: str) -> None:
        colour = self.colours[node]
        middle = self._row(node.split(".")[0], colour)
        top = middle - BAR / 2
        for span, standing in self.scene.bands[node]:
            if standing is Standing.SERVING:
                self._bar(span, top, BAR, colour, "answers for the address")
            elif standing is Standing.SILENT:
                fill = f"url(#{self._hatch(node)})"
                self._bar(span, top, BAR, fill, "has the address, but its lease has lapsed", colour)
            elif standing is Standing.OFF:
                self._bar(span, top + BAR / 2 - 2, 4, INK, "no power")
            else:
                self._bar(span, top + BAR / 2 - 1, 2, "#cbd5e1", "does not have the address")
        for at, who in self.scene.announcements:
            if who == node:
                x = self._x(at)
                shape = f"M{x:.1f} {top - 1:.1f}l4 -7h-8z"
                self.parts.append(
                    f'<path d="{shape}" fill="{colour}"><title>gratuitous ARP</title></path>'
                )

    def _answers(self, label: str, answers: Sequence[tuple[int, str]], pause: int) -> None:
        middle = self._row(label)
        top = middle - BAR / 2
        for span, node in _runs(answers, pause):
            self._bar(span, top, BAR, self.colours.get(node, MUTED), f"from {node}")
        silences = gaps((at for at, _node in answers), self.result.window)
        longest = max(gap.length for gap in silences)
        for gap in silences:
            if gap.length <= min(pause, max(longest - 1, SHORTEST)):
                continue
            self._bar(gap, top, BAR, "#fee2e2", f"{gap.length / MS:.0f} ms of silence", ALARM)
            start, end = self._x(gap.start), self._x(gap.end)
            if end - start > 48:
                told = f"{gap.length / MS:.0f} ms"
                self._text((start + end) / 2, middle + 4, told, ALARM, anchor="middle", bold=True)
            else:
                told = f"{gap.length / MS:.0f} ms"
                self._text(end + 4, top - 3, told, ALARM, bold=True)

    def _heartbeats(self) -> None:
        middle = self._row("heartbeats on eth1")
        for number, (node, colour) in enumerate(self.colours.items()):
            top = middle - BAR / 2 + number * (BAR / 2 + 1)
            ticks = "".join(
                f"M{self._x(at):.1f} {top:.1f}v{BAR / 2 - 1:.1f}"
                for at, who in self.scene.heartbeats
                if who == node
            )
            if ticks:
                self.parts.append(f'<path d="{ticks}" stroke="{colour}" stroke-width="1.5"/>')

    def _log(self) -> None:
        middle = self._row("log lines")
        flags: list[list[int]] = []
        lines = explaining(self.scene.lines)
        for number, line in enumerate(lines):
            if flags and self._x(line.at) - self._x(lines[flags[-1][0]].at) < FLAG:
                flags[-1].append(number)
            else:
                flags.append([number])
        for flag in flags:
            self._flag(middle, [lines[number] for number in flag], flag[0] + 1, flag[-1] + 1)

    def _flag(self, middle: float, lines: Sequence[LogLine], first: int, last: int) -> None:
        """Draw the numbers of lines that were written at about the same time."""
        nodes = {line.node for line in lines}
        colour = self.colours.get(lines[0].node, MUTED) if len(nodes) == 1 else MUTED
        label = str(first) if first == last else f"{first}–{last}"
        width = 10 + 6.5 * len(label)
        x = min(self._x(lines[0].at), WIDTH - 4 - width)
        told = "\n".join(f"{line.node}: {line.text}" for line in lines)
        self.parts.append(
            f'<rect x="{x:.1f}" y="{middle - 9:.1f}" width="{width:.1f}" height="18" rx="9"'
            f' fill="#ffffff" stroke="{colour}"><title>{escape(told)}</title></rect>'
        )
        self._text(x + width / 2, middle + 4, label, colour, anchor="middle", size=11)

    def _two_owners(self) -> None:
        height = len(self.scene.bands) * ROW
        both = [*self.result.two_seen, *self.result.two_served]
        for span in merged(sorted(both, key=lambda span: span.start)):
            self._bar(span, TOP, height, "none", "two owners", ALARM)

    def _marks(self, bottom: float) -> None:
        taken = 0.0
        for mark in self.scene.marks:
            x, width = self._x(mark.at), len(mark.text) * CHARACTER
            start = min(x, WIDTH - 8 - width)
            y = 14 if start >= taken else 34
            taken = start + width + 12
            self._line(x, y + 6, x, bottom, INK, dashes="4 3")
            self._text(start, y, mark.text, INK, bold=True)

    def _hatches(self) -> Iterator[str]:
        for node, colour in self.colours.items():
            yield (
                f'<pattern id="{self._hatch(node)}" width="6" height="6"'
                f' patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
                f'<rect width="6" height="6" fill="#ffffff"/>'
                f'<rect width="2" height="6" fill="{colour}" fill-opacity="0.55"/></pattern>'
            )

    def _hatch(self, node: str) -> str:
        return f"silent-{node.split('.')[0]}"

    def _bar(
        self, span: Span, top: float, height: float, fill: str, what: str, stroke: str = "none"
    ) -> None:
        start, end = self._x(span.start), self._x(span.end)
        when = f"{what}, {span.length / MS:.0f} ms"
        self.parts.append(
            f'<rect x="{start:.1f}" y="{top:.1f}" width="{max(0.8, end - start):.1f}"'
            f' height="{height:.1f}" fill="{fill}" stroke="{stroke}">'
            f"<title>{escape(when)}</title></rect>"
        )

    def _line(
        self, x1: float, y1: float, x2: float, y2: float, colour: str, dashes: str = "none"
    ) -> None:
        self.parts.append(
            f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{colour}"'
            f' stroke-dasharray="{dashes}"/>'
        )

    def _text(
        self,
        x: float,
        y: float,
        text: str,
        colour: str,
        anchor: str = "start",
        size: int = 12,
        bold: bool = False,
    ) -> None:
        weight = ' font-weight="600"' if bold else ""
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" font-size="{size}"'
            f' text-anchor="{anchor}"{weight}>{escape(text)}</text>'
        )


def _runs(answers: Iterable[tuple[int, str]], pause: int) -> Iterator[tuple[Span, str]]:
    """Join neighbouring answers of one node into runs without a silence."""
    run: tuple[int, int, str] | None = None
    for at, node in sorted(answers):
        if run is not None and run[2] == node and at - run[1] <= pause:
            run = (run[0], at, node)
            continue
        if run is not None:
            yield Span(run[0], run[1]), run[2]
        run = (at, at, node)
    if run is not None:
        yield Span(run[0], run[1]), run[2]
