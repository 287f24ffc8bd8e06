"""Scenarios in the simulator: every file of the repository, and that expectations can fail."""

from pathlib import Path

import pytest
from scenario_files import FILES, script

from twinbeat.scenario import ScriptError, parse
from twinbeat.scenario.steps import Install
from twinbeat.sim.stage import check, play

PLAYED = [f for f in FILES if not any(isinstance(x.step, Install) for x in script(f).lines)]
"""All but those with another program: the laboratory plays these."""

START = "boot node1 node2\nexpect owner web node1 within 1s\n\n"


@pytest.mark.parametrize("path", PLAYED, ids=lambda path: path.stem)
def test_a_scenario_goes_as_it_expects(path: Path) -> None:
    check(script(path))
    came = play(script(path))
    assert came.findings == []
    assert came.violations == []


def test_another_program_is_left_to_the_laboratory() -> None:
    with pytest.raises(ScriptError) as caught:
        check(parse("install heartbeat on node2\nboot node1\n", "a.txt"))
    (found,) = caught.value.diagnostics
    assert (found.line, found.message) == (1, "the simulator knows twinbeat alone")


def test_there_are_scenarios_and_each_begins_with_prose() -> None:
    assert len(FILES) >= 10
    for path in FILES:
        assert path.read_text().startswith("# "), path.name
        assert len(script(path).title) < 100, path.name


def findings(text: str) -> list[str]:
    return [f"{found.line}: {found.message}" for found in play(parse(text, "a.txt")).findings]


@pytest.mark.parametrize(
    ("lines", "finding"),
    [
        (
            "expect owner web node2 within 500ms",
            "node1 answers for web; node1 says node1; node2 says node1",
        ),
        ("expect nobody owns web", "node1 answers for web; node1 says node1; node2 says node1"),
        ("expect nobody serves web", "node1 answers for web"),
        ("expect serving web node1 node2", "node1 answers for web"),
        (
            "expect gap web at most 1s\npower-off node1\nrun 3s\nexpect gap web at most 900ms",
            "nobody",
        ),
        ("expect served-by-two web at least 1ms", "two nodes answered at once for 0.0 ms"),
        ("handover web to=node2\nexpect quiet for 1s", "it was not quiet: nobody answers for web"),
        ('expect why web contains "gone"', "node1 says: nobody owns it; node1 is the preferred"),
        ("expect status node2 dead within 1s", "node1 says active"),
        ('expect flag "standby"', "node1 has no flag, node2 has no flag"),
        ("kill node2\nexpect ended node2 within 1s", "the daemon of node2 has not ended cleanly"),
        ('handover web to=node2\nexpect refused "no"', "it was not refused"),
        ('handover mail\nexpect refused "dead"', "it was refused for another reason: there is no"),
        ("handover mail", "it was refused: there is no group mail"),
        ("kill node1 node2\nhandover web", "no daemon runs that could be asked"),
        ("replay node1->node2", "there is no recording of node1"),
        ("cluster nodes=2\nrecord node1", "node1 sent nothing yet that could be recorded"),
    ],
)
def test_an_expectation_that_is_not_met_says_what_is_seen_instead(lines: str, finding: str) -> None:
    (found,) = findings(START + lines)
    assert finding in found
    number, line, _ = found.split(": ", 2)
    assert (START + lines).splitlines()[int(number) - 1] == line


def test_two_owners_are_a_finding_wherever_nothing_is_said_of_them() -> None:
    cut = "cut node1--node2\nrun 3s\n"
    (found,) = findings(START + cut)
    assert found.startswith("5: two nodes answered at once for web, for ")
    assert findings(START + cut + "expect served-by-two web at most 3s\n") == []


def test_what_is_measured_is_measured_within_its_paragraph() -> None:
    text = START + "power-off node1\nrun 3s\n\nexpect gap web at most 0ms\n"
    assert findings(text) == []


def test_the_first_unmet_expectation_ends_the_play() -> None:
    assert (
        len(findings(START + "expect nobody owns web\nexpect nobody serves web\n\nkill node1")) == 1
    )


def test_a_transcript_prints_below_the_rule_what_its_lines_did() -> None:
    text = "# Prose.\nboot node1\nrun 5ms\nmatrix\n----\nwrong\n"
    came = play(parse(text, "a.txt"))
    assert came.text == (
        "# Prose.\nboot node1\nrun 5ms\nmatrix\n----\n"
        "      0 node1  node started                   a new life begins\n"
        "node1: web=unknown, placed node1; node2 unheard\n"
        "node2: no daemon\n"
    )
