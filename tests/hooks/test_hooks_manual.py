"""docs/hooks.md says what the code does: its states, variables, members and examples."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

from hooks_notices import hook, notice

from twinbeat.config import Loaded, Source, Sources, load
from twinbeat.core.effects import What
from twinbeat.core.hook import TOLD, State
from twinbeat.hooks import Deliver
from twinbeat.hooks.notice import STATES
from twinbeat.hooks.wording import document, environment

MANUAL = (Path(__file__).parents[2] / "docs" / "hooks.md").read_text()
DELIVERY = Deliver(1, hook(), notice(), 1, repeated=False, left_out=0)
CLUSTER = """
[cluster]
nodes = ["node1", "node2"]
[[link]]
kind = "broadcast"
interface = "eth1"
"""
GROUP = """
[[group]]
name = "{name}"
[[group.resource]]
agent = "ip"
address = "{address}"
"""


def indented(after: str) -> str:
    """The first indented block behind a text."""
    lines = MANUAL[MANUAL.index(after) :].splitlines()
    begin = next(i for i, line in enumerate(lines) if line.startswith("    "))
    block = []
    for line in lines[begin:]:
        if line and not line.startswith("    "):
            break
        block.append(line[4:])
    return "\n".join(block)


def loaded(hooks: str) -> Loaded:
    groups = GROUP.format(name="web", address="192.0.2.1")
    groups += GROUP.format(name="192.168.0.140", address="192.168.0.140")
    return load(
        Sources(
            authkeys=Source("authkeys", "auth 1\n1 sha1 0123456789abcdef\n", 0o600),
            cluster_toml=Source("cluster.toml", CLUSTER + groups + hooks, 0o644),
        )
    )


def test_every_state_is_explained_with_the_entry_that_tells_of_it() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([\w ]+) \| [^|]+\|$", MANUAL, re.MULTILINE))
    entries = {str(state): str(what) for what, state in STATES.items()}
    assert {word: rows.get(word) for word in State} == {
        **entries,
        State.ELSEWHERE: str(What.PEER_GROUP),
    }


def test_the_default_of_on_is_the_codes() -> None:
    assert f"| `on` | `{' '.join(TOLD)}` |" in MANUAL


def test_every_variable_is_explained() -> None:
    told = set(re.findall(r"`(TWINBEAT_\w+)`", MANUAL))
    assert told == set(environment(DELIVERY, "linux-ha"))


def test_the_document_has_the_members_that_are_shown() -> None:
    shown = set(re.findall(r'"(\w+)":', indented("## The document")))
    made = json.loads(document(DELIVERY, "linux-ha", datetime(2026, 5, 28, tzinfo=UTC)))
    assert shown == set(made)


def test_the_examples_are_valid() -> None:
    first = loaded(indented("# Hooks:"))
    assert first.model is not None, first.diagnostics
    assert [each.name for each in first.model.hooks] == ["root@example.com", "update-dns", "pager"]
    second = loaded(indented("### Instead of MailTo"))
    assert second.model is not None, second.diagnostics
    assert second.model.hooks[0].groups == ("192.168.0.140",)
