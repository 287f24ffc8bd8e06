"""A run as lines and as a picture: what can be read off them happened."""

import re
from xml.etree import ElementTree

from sim_runs import NODE1, NODE2, calm, fault

from twinbeat.core.units import SECOND
from twinbeat.sim.checkers import Phase
from twinbeat.sim.faults import FaultKind
from twinbeat.sim.picture import mermaid, svg
from twinbeat.sim.run import Run
from twinbeat.sim.sketch import Sketch
from twinbeat.sim.story import Story

SVG = "{http://www.w3.org/2000/svg}"


def sketched() -> tuple[Sketch, list[str]]:
    """Play a run in which node1 has no power for ten seconds; return what was drawn and told."""
    run = Run(calm(), (fault(FaultKind.POWER_OFF, NODE1, at=20, span=10),))
    sketch, lines = Sketch(run.world), list[str]()
    story = Story(run.world, lines.append)
    run.watch(sketch, story)
    run.entering.extend((sketch.part, story.part))
    run.play()
    sketch.finish()
    return sketch, lines


def test_the_bands_are_those_of_the_run() -> None:
    sketch, _ = sketched()
    began = next(at for at, part in sketch.parts if part == Phase.FAULTY)
    cut = began + 20 * SECOND
    first, second = sketch.bands.of("answers", NODE1, "web")
    assert first.end == cut
    assert sketch.bands.of("away", NODE1) == [type(first)(cut, cut + 10 * SECOND)]
    (taken,) = sketch.bands.of("answers", NODE2, "web")
    assert cut + SECOND * 8 // 10 < taken.begin < cut + SECOND * 12 // 10
    assert taken.end <= second.begin < cut + 11 * SECOND
    assert [where for _, where, _ in sketch.moves] == [NODE1, NODE2, NODE1]
    # Node2 heard node1 up to its last beat, and again from its first one on.
    before, after = sketch.bands.of("hears", NODE2, NODE1)
    assert cut - SECOND // 5 <= before.end <= cut
    assert after.begin - (cut + 10 * SECOND) < SECOND // 10


def test_svg_is_a_document_with_a_band_for_every_stretch() -> None:
    sketch, _ = sketched()
    root = ElementTree.fromstring(svg(sketch, "a <title> & more"))
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert {"a <title> & more", "faults", NODE1, NODE2, "web", "power off node1"} <= set(texts)
    titles = [element.text or "" for element in root.iter(f"{SVG}title")]
    assert sum(title.startswith("web answers") for title in titles) == 3
    assert sum(title.startswith("no daemon") for title in titles) == 1
    for rect in list(root.iter(f"{SVG}rect"))[1:]:
        assert float(rect.get("x", "")) >= 150
        assert float(rect.get("x", "")) + float(rect.get("width", "")) <= 1400


def test_mermaid_has_a_section_for_every_node() -> None:
    sketch, _ = sketched()
    lines = mermaid(sketch).splitlines()
    assert lines[0] == "gantt"
    sections = [line.split()[1] for line in lines if line.startswith("    section ")]
    assert sections == ["faults", NODE1, NODE2]
    for line in lines[3:]:
        assert re.fullmatch(r"    (section \w+|[\w ]+ :(crit|active|done), \d+, \d+)", line)


def test_a_story_has_one_aligned_line_for_every_change_and_none_for_heartbeats() -> None:
    _, lines = sketched()
    assert 30 < len(lines) < 100
    for line in lines:
        assert re.match(r" *\d+\.\d{3}  (node\d|     )  \S", line)
        assert line == line.rstrip()
    told = [line.split(maxsplit=2)[1:] for line in lines]
    order = [
        [NODE1, "* boot"],
        [NODE1, "kernel answers            web"],
        [NODE1, "* power-off"],
        [NODE1, "kernel silent             web"],
        [NODE2, "kernel answers            web"],
    ]
    places = [told.index(change) for change in order if change in told]
    assert len(places) == len(order)
    assert told.index([NODE2, "kernel answers            web"]) == max(places)


def test_faults_that_overlap_are_in_different_lanes() -> None:
    faults = tuple(
        type(f)(number, f.kind, f.at, f.span, f.nodes)
        for number, f in enumerate(
            (
                fault(FaultKind.FREEZE, NODE1, at=10, span=5),
                fault(FaultKind.LOSS, NODE1, NODE2, at=12, span=10, size=50),
                fault(FaultKind.FREEZE, NODE1, at=16, span=1),
            ),
            1,
        )
    )
    run = Run(calm(), faults)
    sketch = Sketch(run.world)
    run.watch(sketch)
    run.play()
    sketch.finish()
    assert [[f.number for f, _ in lane] for lane in sketch.lanes()] == [[1, 3], [2]]
