"""docs/scenarios.md lists every verb and every kind of value, generated from the language."""

import inspect
from pathlib import Path
from textwrap import TextWrapper

from scenario_files import FILES, ROOT, script

from twinbeat.lab.playable import PLAYED
from twinbeat.scenario import parse
from twinbeat.scenario.expectations import Expectation
from twinbeat.scenario.script import VERBS
from twinbeat.scenario.steps import Cluster, Install, Step
from twinbeat.scenario.values import KINDS

MANUAL = ROOT / "docs" / "scenarios.md"
WRAPPED = TextWrapper(100, subsequent_indent="  ", break_on_hyphens=False)
BEGIN, END = "<!-- generated: ./dev rewrite -->", "<!-- end of what is generated -->"
GOLDEN = ROOT / "tests" / "core" / "testdata"


def entry(kind: type[Step]) -> str:
    """Return what the manual says of one verb."""
    everywhere = issubclass(kind, (*PLAYED, Cluster))
    only = "" if everywhere else " *Simulator only.*"
    if issubclass(kind, Install):
        only = " *Laboratory only.*"
    says = " ".join((inspect.getdoc(kind) or "").split())
    return WRAPPED.fill(f"- `{kind.usage}`: {says}{only}")


def generated() -> str:
    """Return the part of the manual that follows from the language."""
    deeds = [entry(kind) for kind in VERBS.values() if not issubclass(kind, Expectation)]
    expectations = [entry(kind) for kind in VERBS.values() if issubclass(kind, Expectation)]
    values = [f"| `{name}` | {kind.says} |" for name, kind in KINDS.items()]
    return "\n".join(
        [
            "## What can be done",
            "",
            *deeds,
            "",
            "## What can be expected",
            "",
            *expectations,
            "",
            "## Values",
            "",
            "| word | stands for |",
            "| --- | --- |",
            *values,
        ]
    )


def test_the_manual_is_that_of_the_language(rewrite: bool) -> None:
    text = MANUAL.read_text()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    expected = f"{before}{BEGIN}\n\n{generated()}\n\n{END}{after}"
    if rewrite:
        MANUAL.write_text(expected)
    assert rewrite or text == expected


def test_every_example_of_the_manual_is_understood() -> None:
    parts = MANUAL.read_text().split("```")[1::2]
    examples = [part.removeprefix("scenario\n") for part in parts if part.startswith("scenario\n")]
    assert len(examples) >= 2
    for example in examples:
        parse(example, "docs/scenarios.md")


def test_the_manual_names_every_scenario_with_its_title() -> None:
    text = MANUAL.read_text()
    missing = [
        path.stem for path in FILES if f"| `{path.stem}` | {script(path).title} |" not in text
    ]
    assert missing == []


def test_every_verb_is_used_in_a_scenario_or_a_transcript() -> None:
    files: list[Path] = [*FILES, *(p for p in GOLDEN.glob("*.txt") if p.stem != "custody-matrix")]
    used = {type(line.step) for path in files for line in parse(path.read_text(), path.name).lines}
    assert set(VERBS.values()) - used == set()
