"""One delivery in four forms: a sentence, an environment, a document, a letter.

All of them say the same, in the words of the journal. What came from outside is made harmless: an
environment has no zero bytes, a letter's head no line ends.
"""

import base64
import json
import textwrap
from datetime import UTC, datetime

from twinbeat.core.hook import State
from twinbeat.core.text import printable
from twinbeat.journal import render_entry
from twinbeat.journal.entry import wall_time

from .dispatch import Deliver
from .notice import Notice

SCHEMA = 1
"""Of the document; members may be added within it."""
SUBJECT_MAX = 200
_ENCODED_MAX = 42
"""Bytes of one encoded word of a letter's head, so that it fits its 75 columns."""

_SENTENCES = {
    State.STARTING: "{group} starts on {node}: {reason}",
    State.HELD: "{node} holds {group}: {reason}",
    State.RESTARTING: "{group} is repaired on {node}: {reason}",
    State.RESTARTED: "{group} is whole again on {node}: {reason}",
    State.DARK: "{group} is silent on {node}: {reason}",
    State.LIT: "{group} is served again on {node}: {reason}",
    State.STOPPING: "{group} stops on {node}: {reason}",
    State.STOPPED: "{group} is stopped on {node}: {reason}",
    State.FAILED: "{group} failed on {node}: {reason}",
    State.UNCLEAN: "{group} is unclean on {node}, it starts nowhere: {reason}",
    State.NOWHERE: "{group} can run nowhere: {reason}",
    State.FOUND: "{group} was found running on {node}: {reason}",
    State.ALLOWED: "{node} may run {group} again: {reason}",
    State.ELSEWHERE: "{owner} holds {group}, says {node}: {reason}",
}


def sentence(notice: Notice) -> str:
    """Return a notice as one plain line, `node2 took over web: node1 is dead: ...`."""
    form = _SENTENCES[notice.state]
    if notice.state is State.HELD and notice.giver not in (None, notice.entry.node):
        form = "{node} took over {group} from {giver}: {reason}"
    said = form.format(
        node=notice.entry.node,
        group=notice.group,
        owner=notice.owner,
        giver=notice.giver,
        reason=notice.reason,
    )
    return printable(said)[:SUBJECT_MAX]


def environment(delivery: Deliver, cluster: str) -> dict[str, str]:
    """Return what a program finds in its environment, beside an ordinary PATH."""
    notice = delivery.notice
    values = {
        "HOOK": delivery.hook.name,
        "CLUSTER": cluster,
        "GROUP": notice.group,
        "NODE": notice.entry.node,
        "STATE": notice.state,
        "PREVIOUS_STATE": notice.previous or "unknown",
        "REASON": notice.reason,
        "SUMMARY": sentence(notice),
        "TERM": "" if notice.term is None else str(notice.term),
        "OWNER": notice.owner or "",
        "FROM": notice.giver or "",
        "RESOURCE": notice.resource,
        "TIME": _time(wall_time(notice.entry.wall_ns)),
        "ATTEMPT": str(delivery.attempt),
        "REPEATED": str(int(delivery.repeated)),
        "LEFT_OUT": str(delivery.left_out),
    }
    return {f"TWINBEAT_{name}": printable(str(value)) for name, value in values.items()}


def document(delivery: Deliver, cluster: str, sent: datetime) -> bytes:
    """Return the JSON that a program reads from its standard input, and a webhook is sent."""
    notice = delivery.notice
    plain = {
        "schema": SCHEMA,
        "hook": delivery.hook.name,
        "cluster": cluster,
        "group": notice.group,
        "node": notice.entry.node,
        "state": str(notice.state),
        "previous_state": None if notice.previous is None else str(notice.previous),
        "reason": notice.reason,
        "summary": sentence(notice),
        "term": notice.term,
        "owner": notice.owner,
        "from": notice.giver,
        "resource": notice.resource or None,
        "time": _time(wall_time(notice.entry.wall_ns)),
        "sent": _time(sent),
        "attempt": delivery.attempt,
        "repeated": delivery.repeated,
        "left_out": delivery.left_out,
        "entry": notice.entry.to_dict(),
    }
    return json.dumps(plain).encode() + b"\n"


def letter(delivery: Deliver, cluster: str, sent: datetime, tale: str) -> bytes:
    """Return a whole letter for `sendmail -t`; `tale` is how the group came to be where it is."""
    again = "again: " if delivery.repeated else ""
    head = [
        f"To: {delivery.hook.target}",
        f"Subject: {_encoded(again + sentence(delivery.notice))}",
        f"Date: {sent.astimezone(UTC):%a, %d %b %Y %H:%M:%S} +0000",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        f"X-Twinbeat: {_encoded(f'{cluster} {delivery.notice.group} {delivery.notice.state}')}",
    ]
    return ("\n".join(head) + "\n\n" + body(delivery, cluster, tale)).encode(errors="replace")


def body(delivery: Deliver, cluster: str, tale: str) -> str:
    """Return a letter's text."""
    notice = delivery.notice
    facts = [
        ("cluster", cluster),
        ("group", notice.group),
        ("node", notice.entry.node),
        ("state", f"{notice.state}, before: {notice.previous or 'unknown'}"),
        ("owner", notice.owner or "nobody, as far as this node knows"),
        ("term", "" if notice.term is None else str(notice.term)),
        ("time", _time(wall_time(notice.entry.wall_ns))),
    ]
    blocks = [
        "\n".join(textwrap.wrap(f"{sentence(notice)}.", 78)),
        "\n".join(f"{name:<8} {printable(text)}" for name, text in facts if text),
        _caveats(delivery),
        f"In the journal of {notice.entry.node}:\n{_harmless(render_entry(notice.entry))}",
        f"`twinbeat why {printable(notice.group)}`:\n{_harmless(tale)}" if tale else "",
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _caveats(delivery: Deliver) -> str:
    told = []
    if delivery.left_out:
        told.append(f"{delivery.left_out} earlier state(s) were left out: nobody was told of them.")
    if delivery.repeated:
        told.append("The daemon was started again since: this may have been told before.")
    if delivery.attempt > 1:
        told.append(f"This is attempt {delivery.attempt}.")
    return "\n".join(told)


def _harmless(text: str) -> str:
    return "\n".join(printable(line) for line in text.splitlines())


def _encoded(text: str) -> str:
    """Return a line for a letter's head: as it is, or in encoded words where it is not ASCII."""
    if text.isascii():
        return text
    words, piece = [], b""
    for char in text:
        coded = char.encode(errors="replace")
        if len(piece) + len(coded) > _ENCODED_MAX:
            words.append(piece)
            piece = b""
        piece += coded
    words.append(piece)
    return "\n ".join(f"=?utf-8?B?{base64.b64encode(word).decode()}?=" for word in words)


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
