"""The four forms of a delivery, to the letter."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from textwrap import dedent

from hooks_notices import NODE1, NODE2, WEB, entry, hook

from twinbeat.core.effects import What
from twinbeat.core.hook import HookKind, State
from twinbeat.hooks import Deliver, Notice
from twinbeat.hooks.wording import document, environment, letter, sentence

SENT = datetime(2026, 5, 28, 20, 26, 41, 500_000, UTC)
TAKEOVER = Notice(
    group=WEB,
    state=State.HELD,
    previous=State.STARTING,
    reason="node2 is dead: nothing was heard of it for 2.00 s",
    term=7,
    owner=NODE1,
    entry=entry(What.GROUP_HELD, "every resource is started", term=7, giver=NODE2),
)
MAILED = hook(kind=HookKind.MAIL)


def deliver(notice: Notice = TAKEOVER, attempt: int = 1, left_out: int = 0) -> Deliver:
    to = replace(MAILED, target="root@example.com")
    return Deliver(1, to, notice, attempt, repeated=attempt > 1, left_out=left_out)


def test_a_takeover_is_one_plain_line() -> None:
    assert sentence(TAKEOVER) == (
        "node1 took over web from node2: node2 is dead: nothing was heard of it for 2.00 s"
    )


def test_every_state_has_a_sentence_that_names_the_group_and_the_reason() -> None:
    for state in State:
        said = sentence(replace(TAKEOVER, state=state))
        assert "web" in said
        assert "node2 is dead" in said


def test_a_program_finds_everything_in_its_environment() -> None:
    assert environment(deliver(attempt=2, left_out=3), "linux-ha") == {
        "TWINBEAT_HOOK": "pager",
        "TWINBEAT_CLUSTER": "linux-ha",
        "TWINBEAT_GROUP": "web",
        "TWINBEAT_NODE": "node1",
        "TWINBEAT_STATE": "held",
        "TWINBEAT_PREVIOUS_STATE": "starting",
        "TWINBEAT_REASON": "node2 is dead: nothing was heard of it for 2.00 s",
        "TWINBEAT_SUMMARY": sentence(TAKEOVER),
        "TWINBEAT_TERM": "7",
        "TWINBEAT_OWNER": "node1",
        "TWINBEAT_FROM": "node2",
        "TWINBEAT_RESOURCE": "",
        "TWINBEAT_TIME": "2026-05-28T20:26:40.000Z",
        "TWINBEAT_ATTEMPT": "2",
        "TWINBEAT_REPEATED": "1",
        "TWINBEAT_LEFT_OUT": "3",
    }


def test_the_document_is_one_line_of_json_with_the_journals_entry() -> None:
    text = document(deliver(left_out=1), "linux-ha", SENT)
    assert text.count(b"\n") == 1
    assert json.loads(text) == {
        "schema": 1,
        "hook": "pager",
        "cluster": "linux-ha",
        "group": "web",
        "node": "node1",
        "state": "held",
        "previous_state": "starting",
        "reason": "node2 is dead: nothing was heard of it for 2.00 s",
        "summary": sentence(TAKEOVER),
        "term": 7,
        "owner": "node1",
        "from": "node2",
        "resource": None,
        "time": "2026-05-28T20:26:40.000Z",
        "sent": "2026-05-28T20:26:41.500Z",
        "attempt": 1,
        "repeated": False,
        "left_out": 1,
        "entry": {
            "at": 5_000_000_000,
            "wall_ns": 1_780_000_000_000_000_000,
            "node": "node1",
            "what": "group held",
            "because": "every resource is started",
            "group": "web",
            "evidence": {"term": 7, "from": "node2"},
        },
    }


LETTER = """\
To: root@example.com
Subject: again: node1 took over web from node2: node2 is dead: nothing was heard of it for 2.00 s
Date: Thu, 28 May 2026 20:26:41 +0000
Auto-Submitted: auto-generated
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit
X-Twinbeat: linux-ha web held

node1 took over web from node2: node2 is dead: nothing was heard of it for
2.00 s.

cluster  linux-ha
group    web
node     node1
state    held, before: starting
owner    node1
term     7
time     2026-05-28T20:26:40.000Z

2 earlier state(s) were left out: nobody was told of them.
The daemon was started again since: this may have been told before.
This is attempt 2.

In the journal of node1:
2026-05-28 20:26:40.000  group held           web: every resource is started (term 7, from node2)

`twinbeat why web`:
the tale
of the move
"""


def test_a_letter_reads_as_written_here() -> None:
    text = letter(deliver(attempt=2, left_out=2), "linux-ha", SENT, "the tale\nof the move")
    assert text.decode() == dedent(LETTER)


def test_a_letters_head_bears_any_reason() -> None:
    strange = replace(TAKEOVER, reason="Grüße\r\nBcc: all@example.com\x1b[31m " + "ü" * 90)
    message = message_from_bytes(letter(deliver(strange), "linux-ha", SENT, ""))
    subject = str(make_header(decode_header(message["Subject"])))
    assert subject == sentence(strange)
    assert message["Bcc"] is None
    assert max(len(line) for line in message["Subject"].splitlines()) <= 75
    assert "\x1b" not in message.as_string()
