"""Read `[[hook]]`: who is told of what becomes of the groups.

What is wrong in the file is an error; what is wrong on the machine (a program, a secret) is a
warning: that hook fails and says so, and the cluster is not to stand still for it.
"""

import re
import shlex
from collections.abc import Sequence

from twinbeat.core.hook import TOLD, HookKind, HookSpec, State
from twinbeat.core.units import SECOND, Duration, GroupName

from .diagnostics import Mark, Report, did_you_mean, listed, quote
from .draft import Draft, Said, fits
from .tables import Table
from .text import Machine

MAX_HOOKS = 16
MAX_NAME = 64
MAX_ADDRESSES = 10
MAX_RETRIES = 100
TIMEOUT = (Duration(SECOND), Duration(600 * SECOND))
"""The shortest and the longest."""
ALL = "all"
"""Every state."""

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~][A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]*(@[\w.-]+)?")
_URL = re.compile(r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?([/?][!-~]*)?")
_PEOPLE = re.compile(r"https?://[^/?]*@")
_LOOPBACK = re.compile(r"http://(localhost|127\.[0-9.]+|\[::1\])[:/?]?")
_FILES = ("secret", "headers", "ca")


def read_hooks(root: Table, draft: Draft) -> None:
    """Read every `[[hook]]` into the draft."""
    for table in root.tables("hook"):
        said = _hook(table)
        table.close()
        if said is None:
            continue
        if len(draft.hooks) == MAX_HOOKS:
            table.report.error(said.mark, f"more than {MAX_HOOKS} hooks")
            return
        known = next((each for each in draft.hooks if each.value.name == said.value.name), None)
        if known:
            table.report.error(
                said.mark,
                f"two hooks are called {quote(said.value.name)}: the other is at {known.mark}",
                "What is told of one could not be told from the other.",
                'give one of them a name of its own: `name = "..."`',
            )
        draft.hooks.append(said)


def settle_hooks(draft: Draft, report: Report) -> tuple[HookSpec, ...]:
    """Return the hooks; report groups that they name and that do not exist."""
    names = [group.name.value for group in draft.groups]
    for said in draft.hooks:
        for group in said.value.groups:
            if group not in names:
                report.error(
                    said.mark,
                    f"the hook {quote(said.value.name)} names the group {quote(group)}, and there "
                    "is no such group",
                    "It would never be told anything.",
                    did_you_mean(group, names) or f"the groups are {listed(names, 'and')}",
                )
    return tuple(said.value for said in draft.hooks)


def check_hooks(draft: Draft, machine: Machine, report: Report) -> None:
    """Report programs and files that cannot be used on this machine."""
    for said in draft.hooks:
        hook = said.value
        if hook.kind is HookKind.RUN:
            _objection(said, machine.refuses_program(shlex.split(hook.target)[0]), report)
        elif hook.kind is HookKind.MAIL:
            _objection(said, machine.refuses_mail(), report)
        else:
            url = hook.target if hook.target.startswith("/") else ""
            for path in filter(None, (url, hook.secret, hook.headers)):
                _objection(said, machine.refuses_secret(path), report)


def _objection(said: Said[HookSpec], why: str, report: Report) -> None:
    if why:
        report.warning(
            said.mark,
            f"the hook {quote(said.value.name)} cannot work on this machine: {why}",
            "It is tried again and again, and nobody is told anything by it.",
        )


def _hook(table: Table) -> Said[HookSpec] | None:
    targets = {kind: table.words(kind) for kind in HookKind}
    name, groups, on = table.text("name"), table.words("groups"), _states(table)
    timeout, retries = table.span("timeout"), table.whole("retries", 0, MAX_RETRIES)
    files = {key: _file(table, key) for key in _FILES}
    given = [kind for kind in HookKind if kind in table]
    if len(given) != 1:
        table.report.error(
            table.mark(),
            "a hook is one program, one letter or one webhook",
            hint='write one of `run = "/path/of/program"`, `mail = "root@example.com"` and '
            '`webhook = "https://example.com/..."`',
        )
        return None
    kind, words = given[0], targets[given[0]]
    target = None if words is None else _target(table, kind, words)
    if target is None:
        return None
    if kind is not HookKind.WEBHOOK:
        for key in _FILES:
            if key in table:
                table.error(key, f"{key} belongs to a webhook")
    if timeout and not TIMEOUT[0] <= timeout.value <= TIMEOUT[1]:
        table.error("timeout", "timeout is between 1s and 10m")
    called = name.value if name else _name(kind, target)
    if not fits(called, MAX_NAME):
        table.error("name" if name else kind, f"{quote(called)} is no name for a hook",
                    f'give it one of at most {MAX_NAME} bytes: `name = "..."`')  # fmt: skip
    plain = HookSpec(name=called, kind=kind, target=target)
    hook = HookSpec(
        name=called,
        kind=kind,
        target=target,
        groups=tuple(GroupName(said.value) for said in groups or ()),
        on=on,
        timeout=timeout.value if timeout else plain.timeout,
        retries=retries.value if retries else plain.retries,
        **files,
    )
    mark = table.mark(kind)
    _open_to_all(hook, mark, table.report)
    return Said(hook, mark)


def _states(table: Table) -> tuple[State, ...]:
    said = table.words("on")
    if said is None:
        return TOLD
    if not said:
        table.error("on", "on is empty: this hook would never be told anything")
    for word in said:
        if word.value != ALL and word.value not in list(State):
            table.error(
                "on",
                f"a group never becomes {quote(word.value)}",
                did_you_mean(word.value, [ALL, *State]) or f"the states are {listed(State, 'and')}",
            )
            return TOLD
    wanted = {word.value for word in said}
    return tuple(state for state in State if state in wanted or ALL in wanted)


def _file(table: Table, key: str) -> str:
    said = table.text(key)
    if said and not said.value.startswith("/"):
        table.error(
            key,
            f"{key} is the full path of a file",
            "what is secret stands in a file of its own that only root can read",
        )
    return said.value if said else ""


def _target(table: Table, kind: HookKind, words: Sequence[Said[str]]) -> str | None:
    """Return the target in the one form that a model has, or report what is wrong with it."""
    if kind is HookKind.MAIL:
        return _addresses(table, words)
    if len(words) != 1:
        table.error(kind, f"{kind} is one string")
        return None
    text = words[0].value
    return _program(table, text) if kind is HookKind.RUN else _url(table, text)


def _program(table: Table, text: str) -> str | None:
    try:
        path = shlex.split(text)[0]
    except (ValueError, IndexError):
        table.error("run", f"{quote(text)} is no command: a quote is not closed, or it is empty")
        return None
    if path.startswith("/"):
        return text
    table.error(
        "run",
        f"{quote(text)} does not begin with a full path",
        "no shell reads it: `/bin/sh -c '...'` asks for one",
    )
    return None


def _addresses(table: Table, words: Sequence[Said[str]]) -> str | None:
    addresses = [part for word in words for part in re.split(r"[,\s]+", word.value) if part]
    wrong = next((text for text in addresses if not _ADDRESS.fullmatch(text)), None)
    if wrong is not None:
        table.error("mail", f"{quote(wrong)} is no mail address", 'for example "root@example.com"')
    elif not 0 < len(addresses) <= MAX_ADDRESSES:
        table.error("mail", f"mail names one to {MAX_ADDRESSES} addresses")
    else:
        return ", ".join(addresses)
    return None


def _url(table: Table, text: str) -> str | None:
    """Return the URL, which is not repeated in a message: it may be a secret."""
    if text.startswith("/") or (_URL.fullmatch(text) and not _PEOPLE.match(text)):
        return text
    if _PEOPLE.match(text):
        table.error(
            "webhook",
            "this URL holds a name or a password",
            "put `Authorization: ...` into a file that only root can read, and name it with "
            "`headers`",
        )
    else:
        table.error(
            "webhook",
            "this is no URL",
            '"https://host/path", or the full path of a file that holds one',
        )
    return None


def _name(kind: HookKind, target: str) -> str:
    """Return what a hook is called that has no name."""
    if kind is HookKind.RUN:
        return shlex.split(target)[0].rpartition("/")[2]
    if kind is HookKind.MAIL:
        return target.partition(",")[0]
    found = _URL.fullmatch(target)
    return found.group(1) if found else target.rpartition("/")[2]


def _open_to_all(hook: HookSpec, mark: Mark, report: Report) -> None:
    if hook.target.startswith("http:") and hook.headers and not _LOOPBACK.match(hook.target):
        report.warning(
            mark,
            "the headers of this hook travel readable for everybody on the way",
            "Whoever sees them can use what they prove.",
            "an https:// URL",
        )
