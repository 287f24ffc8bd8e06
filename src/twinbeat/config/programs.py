"""Programs that live and die with the daemon, and the variables that reach them.

What Heartbeat 3.0.6 says of `respawn`, `failfast` and `env`; whether a user or a file is there only
the machine can say, so it is asked for the whole at the end.
"""

from twinbeat.core.model import RespawnSpec

from .diagnostics import Mark, Report, quote
from .draft import Draft, Said
from .media import NOT_STARTED
from .tables import Table
from .text import Line, Machine, Word

MAX_PROGRAMS = 64
MAX_VARIABLES = 256

IPFAIL = "ipfail"
"""A program of Heartbeat's that is no program here."""


def read_program(line: Line, directive: Word, draft: Draft, report: Report) -> None:
    """Read `respawn USER COMMAND...` or `failfast USER COMMAND...`: the rest of the line counts."""
    words = line.words()
    command = line.text[words[2].mark.column - 1 :].rstrip() if len(words) > 2 else ""
    if not command.startswith("/"):
        report.error(
            words[2].mark if command else directive.mark,
            f"{directive.text} needs a user and the full path of a command",
            NOT_STARTED,
            f"for example `{directive.text} root /usr/local/sbin/watch-the-fan`",
        )
        return
    if directive.text == "failfast":
        report.warning(
            directive.mark,
            "the end of this program does not restart the machine",
            "It is started again, as with `respawn`. Heartbeat would reboot the node.",
        )
    _add(RespawnSpec(user=words[1].text, command=command), directive.mark, draft, report)


def read_programs(root: Table, draft: Draft) -> None:
    """Read every `[[respawn]]` of cluster.toml."""
    for table in root.tables("respawn"):
        user, command = table.text("user"), table.text("command")
        for key in ("user", "command"):
            if key not in table:
                table.missing(key)
        table.close()
        if command and not command.value.startswith("/"):
            table.error("command", f"{quote(command.value)} does not begin with a full path")
        elif user and command:
            spec = RespawnSpec(user=user.value, command=command.value)
            _add(spec, table.mark(), draft, table.report)


def read_variable(value: Word, draft: Draft, report: Report) -> None:
    """Read one `NAME=VALUE` of `env`."""
    name, equals, text = value.text.partition("=")
    if not name:
        report.error(value.mark, f"env: {quote(value.text)} has no name", NOT_STARTED)
    elif not equals:
        report.warning(value.mark, f"env: {quote(value.text)} gives no value and sets nothing")
    else:
        _set(name, text, value.mark, draft, report)


def read_variables(root: Table, draft: Draft) -> None:
    """Read `[env]` of cluster.toml."""
    table = root.table("env")
    for name in table.keys() if table else ():
        said = table.text(name) if table else None
        if said and ("=" in name or not name):
            root.report.error(said.mark, f"{quote(name)} is no variable's name")
        elif said:
            _set(name, said.value, said.mark, draft, root.report)


def check_programs(draft: Draft, machine: Machine, report: Report) -> None:
    """Report users and programs that are not there."""
    for said in draft.respawn:
        user, path = said.value.user, said.value.command.split()[0]
        if not machine.has_user(user):
            report.error(
                said.mark,
                f"there is no user {quote(user)} on this machine",
                "The program could not run as anybody. Heartbeat says `Invalid uid`.",
                f"adduser --system {user}, or name another user",
            )
        elif not machine.may_run(path):
            report.warning(
                said.mark,
                f"{quote(path)} is not an executable file on this machine",
                "It is not run. Heartbeat does not even start then.",
                "on Debian, Heartbeat's own programs are in /usr/libexec/heartbeat",
            )


def _add(spec: RespawnSpec, mark: Mark, draft: Draft, report: Report) -> None:
    if spec.command.split()[0].rpartition("/")[2] == IPFAIL:
        return
    if any(known.value == spec for known in draft.respawn):
        report.warning(mark, f"{quote(spec.command)} is configured already; it is started once")
    elif len(draft.respawn) == MAX_PROGRAMS:
        report.error(mark, f"more than {MAX_PROGRAMS} programs beside the daemon")
    else:
        draft.respawn.append(Said(spec, mark))


def _set(name: str, value: str, mark: Mark, draft: Draft, report: Report) -> None:
    if name not in draft.variables and len(draft.variables) == MAX_VARIABLES:
        report.error(mark, f"more than {MAX_VARIABLES} variables")
    else:
        draft.variables[name] = value
