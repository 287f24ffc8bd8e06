"""Reading scenarios: what a line becomes, and what is said of a line that nobody understands."""

import pytest

from twinbeat.core.model import Failback
from twinbeat.core.units import GroupName, NodeName, milliseconds, seconds
from twinbeat.scenario import ScriptError, mishaps, parse
from twinbeat.scenario import expectations as expect
from twinbeat.scenario import steps as do

ONE, TWO, THREE = NodeName("node1"), NodeName("node2"), NodeName("node3")
WEB, WEB2, MAIL = GroupName("web"), GroupName("web2"), GroupName("mail")


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ("run 2000.5ms", do.Run(milliseconds(2000.5))),
        ("boot node1 node3", do.Boot((ONE, THREE))),
        ("cut node1->node2", do.Cut((((ONE, TWO),),))),
        ("cut node2--node1 node1->node3", do.Cut((((TWO, ONE), (ONE, TWO)), ((ONE, THREE),)))),
        ("heal", do.Heal()),
        ("lose node1->node2 x.x", do.Lose((ONE, TWO), "x.x")),
        ("replay node1->node2", mishaps.ReplayBeat((ONE, TWO))),
        ("handover web2 at=node3 to=node1", do.Handover(WEB2, to=ONE, at=THREE)),
        ("handover mail", do.Handover(MAIL)),
        ("maintenance on", do.Maintenance("on")),
        ("maintenance off node2", do.Maintenance("off", TWO)),
        ("break stop web on node2", mishaps.Break("stop", WEB, TWO)),
        ("tell node1 GroupStopped web op=3", do.Tell(ONE, "GroupStopped", WEB, 3)),
        (
            "cluster failback=after-1.5s",
            do.Cluster(failback=Failback(enabled=True, after=seconds(1.5))),
        ),
        ("expect nobody owns web", expect.ExpectNoOwner(WEB)),
        ("expect owner web node2 within 1.3s", expect.ExpectOwner(WEB, TWO, seconds(1.3))),
        ("expect serving web2 node3 node1", expect.ExpectServing(WEB2, (THREE, ONE))),
        (
            "expect serving web node1 node2 within 2s",
            expect.ExpectServing(WEB, (ONE, TWO), seconds(2)),
        ),
        ("expect served-by-two web at least 1s", expect.ExpectTwo(WEB, "least", seconds(1))),
        ('expect why web contains "said # 1"  # it', expect.ExpectWhy(WEB, "said # 1")),
    ],
)
def test_a_line_is_understood(line: str, step: object) -> None:
    script = parse(f"cluster nodes=3 groups=2\n{line}\n", "a.txt")
    assert [read.step for read in script.lines][1] == step


@pytest.mark.parametrize(
    ("line", "column", "message", "hint"),
    [
        ("bot node1", 1, "`bot` is not a verb of scenarios", "did you mean `boot`?"),
        ("  boot node4", 8, "there is no node `node4`", "write `boot NODE...`"),
        ("boot", 5, "NODE is missing", "write `boot NODE...`"),
        ("matrix now", 8, "`now` is too much", "write `matrix`"),
        ("run 3", 5, "`3` is not a span of time", "write `run SPAN`"),
        ("cut node1", 5, "`node1` is not a direction", "write `cut CABLE...`"),
        ("lose node1->node2 no", 19, "`no` is not made of `x`", "write `lose PATH LOSSES`"),
        ("standby node1 in", 15, "`in` is not `on` or `off`", "write `standby"),
        ("handover web too=node1", 14, "`handover` has no option `too`", "did you mean `to`?"),
        ("handover web at=node1 at=node2", 23, "`at` is said twice", "write `handover"),
        ("handover web at=node9", 17, "there is no node `node9`", "write `handover"),
        ("break stop mail on node1", 12, "there is no group `mail`", "write `break"),
        ("cluster nodes=8", 15, "`8` is not a whole number from 1 to 7", "write `cluster"),
        ("expect owner web", 17, "NODE is missing", "write `expect owner"),
        ("expect ownr web", 8, "`expect ownr` is not a verb", "did you mean `owner`?"),
        ("expect nobody", 14, "something is missing behind", "write `owns` or `serves`"),
        ("expect gap web at mast 1s", 19, "`most` is expected here", "write `expect gap"),
        ('expect flag "standby', 13, "the text in quotes has no end", "close it"),
        ('expect refused "it"', 1, "no operator's command", "directly behind"),
    ],
)
def test_what_is_not_understood_is_named_with_its_place_and_a_way_out(
    line: str, column: int, message: str, hint: str
) -> None:
    with pytest.raises(ScriptError) as caught:
        parse(f"boot node1 node2\n\n# Prose.\n{line}\n", "a.txt")
    (found,) = caught.value.diagnostics
    assert (found.file, found.line, found.column) == ("a.txt", 4, column)
    assert message in found.message
    assert hint in found.hint
    assert found.consequence == "nothing of the scenario is played"


def test_every_line_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(ScriptError) as caught:
        parse("boot\nboot node1\nrun\n", "a.txt")
    assert [found.line for found in caught.value.diagnostics] == [1, 3]


def test_a_text_without_a_line_is_no_scenario() -> None:
    with pytest.raises(ScriptError, match="it says nothing to do"):
        parse("# Only prose.\n", "a.txt")


def test_a_text_without_end_is_refused_before_it_is_read() -> None:
    with pytest.raises(ScriptError, match="more than 2000 lines"):
        parse("mend\n" * 2001, "a.txt")


def test_paragraphs_are_parted_by_blank_lines_and_titled_by_their_prose() -> None:
    text = "# The cable is cut. Why not?\n# More.\ncut node1--node2\nrun 1s\n\n\nheal\n"
    script = parse(text, "a.txt")
    assert [paragraph.title for paragraph in script.paragraphs] == ["The cable is cut", "heal"]
    assert [paragraph.number for paragraph in script.paragraphs] == [1, 7]
    assert not script.transcript


def test_last_words_are_kept() -> None:
    text = "# Prose.\n\n# More prose.\n\nboot node1\n\n# Last words.\n"
    script = parse(text, "a.txt")
    assert [paragraph.number for paragraph in script.paragraphs] == [1, 7]
    assert script.paragraphs[0].title == "Prose"
    assert script.text == text


def test_a_transcript_keeps_its_prose_and_has_its_output_below_the_rule() -> None:
    text = "# Prose.\nboot node1  # it\n----\n  0 node1 boot\n\nmend\n"
    script = parse(text, "a.txt")
    assert script.transcript
    assert script.paragraphs[0].output == ("  0 node1 boot",)
    printed = [p.printing(p.output) for p in script.paragraphs]
    assert "\n\n".join(printed) + "\n" == text


def test_a_cluster_line_says_which_nodes_there_are_from_there_on() -> None:
    with pytest.raises(ScriptError) as caught:
        parse("boot node3\ncluster nodes=3\nboot node3\n", "a.txt")
    assert [found.line for found in caught.value.diagnostics] == [1]
