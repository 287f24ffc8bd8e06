"""One run as a picture: SVG for the eye, mermaid for a document.

Every node has a lane for each group (dark: its kernel answers; light: it runs and is silent) and
one for each peer that it hears; grey is a daemon that does not run. Faults lie above, on the same
axis of time.
"""

from collections.abc import Iterator
from html import escape

from twinbeat.core.units import MS, SECOND

from .faults import Fault
from .sketch import Band, Sketch, peers

LEFT, RIGHT, WIDTH = 150, 20, 1400
LANE, THIN, PAD = 16, 5, 10
LANES_MAX = 12
"""Faults that overlap more than so deep are drawn in the last lane."""

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
"""Told apart by every eye; one for each group in turn."""

STYLE = """
text{font:11px sans-serif;fill:#333}.name{font-weight:bold}.faint{fill:#888}
.fault{fill:#f5c6c6;stroke:#b33;stroke-width:.5}.away{fill:#bbb}.hears{fill:#8a8}
.axis{stroke:#ddd}.part{stroke:#888;stroke-dasharray:3 3}.move{stroke:#000;stroke-width:1.5}
"""


def mermaid(sketch: Sketch) -> str:
    """Return the run as a mermaid gantt chart; its axis counts minutes and seconds."""
    lines = ["gantt", "    dateFormat x", "    axisFormat %M:%S"]
    lines.append("    section faults")
    for fault, band in sketch.faults:
        lines.append(f"    {' '.join([fault.kind, *fault.nodes])} :crit, {_span(band)}")
    for node in sketch.nodes:
        lines.append(f"    section {node}")
        for band in sketch.bands.of("away", node):
            lines.append(f"    no daemon :done, {_span(band)}")
        for group in sketch.groups:
            for band in sketch.bands.of("answers", node, group):
                lines.append(f"    {group} :active, {_span(band)}")
    return "\n".join(lines) + "\n"


def _span(band: Band) -> str:
    begin = band.begin // MS
    return f"{begin}, {max(band.end // MS, begin + 1)}"


def svg(sketch: Sketch, title: str) -> str:
    """Return the run as one SVG document that needs nothing else."""
    drawing = _Drawing(sketch)
    body = "\n".join([*drawing.faults(), *drawing.nodes(), *drawing.axis()])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{drawing.y + 30}">\n'
        f'<style>{STYLE}</style>\n<rect width="100%" height="100%" fill="#fff"/>\n'
        f'<text x="{PAD}" y="18" class="name">{escape(title)}</text>\n{body}\n</svg>\n'
    )


class _Drawing:
    """Draws from the top down; `y` is where the next lane goes."""

    def __init__(self, sketch: Sketch) -> None:
        self._sketch = sketch
        self._scale = (WIDTH - LEFT - RIGHT) / max(sketch.end, 1)
        self.y = 34
        self._top = self.y

    def faults(self) -> Iterator[str]:
        lanes = self._sketch.lanes()
        yield self._name("faults")
        for lane in (*lanes[:LANES_MAX], [f for rest in lanes[LANES_MAX:] for f in rest]):
            for fault, band in lane:
                yield self._fault(fault, band)
            if lane:
                self.y += LANE + 2
        self.y += PAD

    def nodes(self) -> Iterator[str]:
        bands = self._sketch.bands
        for node in self._sketch.nodes:
            yield self._name(node)
            for index, group in enumerate(self._sketch.groups):
                colour = COLOURS[index % len(COLOURS)]
                yield f'<text x="{LEFT - 60}" y="{self.y + 12}">{escape(group)}</text>'
                yield from self._row(bands.of("runs", node, group), LANE, f"{group} runs",
                                     f'fill="{colour}" fill-opacity=".3"')  # fmt: skip
                yield from self._row(bands.of("answers", node, group), LANE,
                                     f"{group} answers", f'fill="{colour}"')  # fmt: skip
                yield from self._moves(node, group)
                self.y += LANE + 2
            for peer in peers(self._sketch.nodes, node):
                yield (
                    f'<text x="{LEFT - 60}" y="{self.y + 6}" class="faint" font-size="8">'
                    f"hears {escape(peer)}</text>"
                )
                hears = bands.of("hears", node, peer)
                yield from self._row(hears, THIN, f"hears {peer}", 'class="hears"')
                self.y += THIN + 4
            yield from self._row(bands.of("away", node), THIN, "no daemon", 'class="away"')
            self.y += THIN + PAD

    def axis(self) -> Iterator[str]:
        end = self._sketch.end
        step = next((s for s in (1, 5, 10, 30, 60, 300) if end / (s * SECOND) <= 24), 600)
        for at in range(0, end + 1, step * SECOND):
            x = self._x(at)
            minutes, rest = divmod(at // SECOND, 60)
            yield f'<line x1="{x}" y1="{self._top}" x2="{x}" y2="{self.y}" class="axis"/>'
            yield f'<text x="{x}" y="{self.y + 14}" class="faint">{minutes}:{rest:02}</text>'
        for at, name in self._sketch.parts:
            x = self._x(at)
            yield f'<line x1="{x}" y1="{self._top}" x2="{x}" y2="{self.y}" class="part"/>'
            yield f'<text x="{x + 2}" y="{self._top - 2}" class="faint">{escape(name)}</text>'

    def _fault(self, fault: Fault, band: Band) -> str:
        x, width = self._x(band.begin), self._width(band)
        label = escape(f"{fault.kind} {' '.join(fault.nodes)}".strip())
        return (
            f'<rect x="{x}" y="{self.y}" width="{width}" height="{LANE}" class="fault">'
            f"<title>{escape(str(fault))}</title></rect>"
            f'<text x="{x + 2}" y="{self.y + 12}">{label}</text>'
        )

    def _row(self, bands: list[Band], height: int, title: str, look: str) -> Iterator[str]:
        for band in bands:
            says = f"{title} {band.begin / SECOND:.3f} s to {band.end / SECOND:.3f} s"
            yield (
                f'<rect x="{self._x(band.begin)}" y="{self.y}" width="{self._width(band)}" '
                f'height="{height}" {look}><title>{escape(says)}</title></rect>'
            )

    def _moves(self, node: str, group: str) -> Iterator[str]:
        for at, where, what in self._sketch.moves:
            if (where, what) == (node, group):
                x = self._x(at)
                top, bottom = self.y - 2, self.y + LANE + 2
                yield f'<line x1="{x}" y1="{top}" x2="{x}" y2="{bottom}" class="move"/>'

    def _name(self, name: str) -> str:
        return f'<text x="{PAD}" y="{self.y + 12}" class="name">{escape(name)}</text>'

    def _x(self, at: int) -> float:
        return round(LEFT + at * self._scale, 1)

    def _width(self, band: Band) -> float:
        return round(max((band.end - band.begin) * self._scale, 1.0), 1)
