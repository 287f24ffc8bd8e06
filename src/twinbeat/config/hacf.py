"""Read `ha.cf` as Heartbeat 3.0.6 does: line by line, directives acting in the order they stand.

A line is a directive and its values; `#` ends a line wherever it stands; blanks, tabs and commas
separate values, and each value is applied by itself, so that the last one wins or all add up.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from twinbeat.core.model import Failback

from .diagnostics import Mark, Report, did_you_mean, quote
from .draft import Draft, Said, add_node, settle
from .ignored import IGNORED
from .media import NOT_STARTED, MediaReader
from .programs import IPFAIL, read_program, read_variable
from .text import Line, Source, Word, lines, placeholder
from .times import boolean, heartbeat_time, number

FACILITIES = frozenset(
    {"auth", "authpriv", "cron", "daemon", "ftp", "kern", "lpr", "mail", "news", "syslog", "user"}
    | {"uucp", *(f"local{number}" for number in range(8))}
)
_CRM_MODES = frozenset({"respawn", "manual", "minimal", "ccm-only", "valgrind"})


def read_ha_cf(source: Source, report: Report) -> Draft:
    """Read the whole file; every finding goes to the report, and reading goes on after an error."""
    reader = _Reader(source, report)
    for line in lines(source):
        if report.full:
            break
        text = line.before_comment()
        if text.sound(report):
            reader.line(text)
    reader.finish()
    return reader.draft


class _Reader(MediaReader):
    """What is known while the file is read from top to bottom."""

    def __init__(self, source: Source, report: Report) -> None:
        super().__init__(source, report)
        self._crm: bool | None = None
        self._autojoin: Word | None = None

    def line(self, line: Line) -> None:
        """Apply one line: a directive and its values."""
        words = line.words(" \t,")
        if not words:
            return
        directive, values = words[0], words[1:]
        name = directive.text
        first_time = name not in self.draft.said
        self.draft.said.setdefault(name, directive.mark)
        if values:
            self.draft.words[name] = values[-1].text
        ignored = IGNORED.get(name)
        if ignored:
            if first_time:
                self._without_effect(directive, ignored.consequence)
            if not ignored.whole_line:
                for value in values:
                    if not ignored.accepts(value.text):
                        self.bad(directive, value, ignored.expected)
            return
        self._placeholders(values)
        if name in ("respawn", "failfast"):
            if any(value.text.endswith(f"/{IPFAIL}") for value in values):
                self.draft.connectivity = Said(True, directive.mark)
            read_program(line, directive, self.draft, self.report)
        elif name in _WHOLE_LINE:
            _WHOLE_LINE[name](self, directive, values)
        elif name in _BY_VALUE:
            if not values:
                self.report.warning(
                    directive.mark, f"{quote(name)} has no value and does nothing, as in Heartbeat"
                )
            for value in values:
                _BY_VALUE[name](self, directive, value)
        else:
            self.report.error(
                directive.mark,
                f"there is no directive {quote(name)}",
                NOT_STARTED,
                "this looks like a template: fill it in first"
                if placeholder(name)
                else did_you_mean(name, DIRECTIVES),
            )

    def finish(self) -> None:
        """Say what only the whole file shows."""
        self.draft.timing = settle(self.draft.times, self.draft.whole, self.report)
        if self._autojoin and not self._crm:
            self.report.error(
                self._autojoin.mark,
                f"autojoin {quote(self._autojoin.text)} conflicts with haresources",
                "A cluster whose nodes nobody listed cannot know whose answer it must wait for; "
                "Heartbeat refuses it as well.",
                "list every node with `node`, and say `autojoin none` or nothing",
            )
        if "auto_failback" not in self.draft.said:
            self._legacy(self.draft.whole, "auto_failback is not set")

    # Values one by one.

    def _node(self, _directive: Word, value: Word) -> None:
        add_node(self.draft, value, self.report)

    def _time(self, directive: Word, value: Word) -> None:
        try:
            span = heartbeat_time(value.text)
        except ValueError as why:
            self.report.error(
                value.mark,
                f"{directive.text}: {why}",
                NOT_STARTED,
                "seconds are written without a unit (`2`, `0.5`), milliseconds as `500ms`",
            )
            return
        self.draft.times[directive.text] = Said(span, value.mark)

    def _auto_failback(self, directive: Word, value: Word) -> None:
        enabled = boolean(value.text)
        if enabled is not None:
            self.draft.failback, self.draft.legacy = Failback(enabled=enabled), False
        elif value.text.lower() == "legacy":
            self._legacy(value.mark, "auto_failback is `legacy`")
        else:
            self.bad(directive, value, "on, off or legacy")

    def _nice_failback(self, directive: Word, _value: Word) -> None:
        self._legacy(directive.mark, "nice_failback is obsolete: any value means `legacy`")
        self.draft.said.setdefault("auto_failback", directive.mark)

    def _log(self, directive: Word, value: Word) -> None:
        log = self.draft.log
        match directive.text:
            case "logfile":
                log = replace(log, logfile=value.text)
            case "debugfile":
                log = replace(log, debugfile=value.text)
            case _ if value.text == "none":
                log = replace(log, facility=None)
            case _ if value.text in FACILITIES:
                log = replace(log, facility=value.text)
            case _:
                self.bad(directive, value, "a syslog facility (daemon, local0 to local7) or none")
        self.draft.log = log

    def _truth(self, directive: Word, value: Word) -> None:
        truth = boolean(value.text)
        if truth is None:
            self.bad(directive, value, "a truth value (on or off)")
        elif directive.text == "realtime":
            self.draft.realtime = truth
        else:
            self.draft.log = replace(self.draft.log, syslog_format=truth)

    def _rtprio(self, directive: Word, value: Word) -> None:
        priority = number(value.text, 1, 99)
        if priority is None:
            self.bad(directive, value, "a priority from 1 to 99")
        else:
            self.draft.rtprio = priority

    def _env(self, _directive: Word, value: Word) -> None:
        read_variable(value, self.draft, self.report)

    def _cluster(self, _directive: Word, value: Word) -> None:
        self.draft.name = Said(value.text, value.mark)

    def _autojoin_mode(self, directive: Word, value: Word) -> None:
        if value.text == "none":
            self._autojoin = None
            self._without_effect(directive, "Only the nodes that are listed are in the cluster.")
        elif value.text in ("other", "any"):
            self._autojoin = value
            self._without_effect(directive, "A node that is not listed does not join.")
        else:
            self.bad(directive, value, "none, other or any")

    def _crm_mode(self, directive: Word, value: Word) -> None:
        truth = boolean(value.text)
        if truth is None and value.text.lower() not in _CRM_MODES:
            self.bad(directive, value, "off, on, respawn, manual, minimal, ccm-only or valgrind")
        elif self._crm is not None:
            self.report.error(
                directive.mark, f"{quote(directive.text)} is said a second time", NOT_STARTED
            )
        elif truth is False:
            self._crm = False
            self._without_effect(directive, "twinbeat always runs haresources itself.")
        else:
            self._crm = True
            self.report.warning(
                value.mark,
                f"{quote(f'{directive.text} {value.text}')} hands the resources to Pacemaker in "
                "Heartbeat; twinbeat knows no Pacemaker",
                "The groups in haresources are run, which Heartbeat would not look at; what is in "
                "Pacemaker's own configuration is not.",
                "take the line out, and write every resource into haresources",
            )

    # What several directives share.

    def _without_effect(self, directive: Word, consequence: str) -> None:
        self.report.warning(
            directive.mark, f"{quote(directive.text)} has no effect in twinbeat", consequence
        )

    def _legacy(self, mark: Mark, message: str) -> None:
        self.draft.failback, self.draft.legacy = Failback(enabled=True), True
        self.report.warning(
            mark,
            message,
            "Heartbeat then runs in its legacy mode, in which a returning node takes its groups "
            "back at once; towards twinbeat's own peers that reads as `auto_failback on`.",
            "say `auto_failback on` or `auto_failback off`",
        )

    def _placeholders(self, values: list[Word]) -> None:
        unfilled = next((value for value in values if placeholder(value.text)), None)
        if unfilled:
            self.report.warning(
                unfilled.mark,
                f"{quote(unfilled.text)} looks like a variable that nobody filled in",
                "No shell reads this file: the word is taken exactly as it stands.",
            )


_BY_VALUE: Mapping[str, Callable[[_Reader, Word, Word], None]] = {
    "node": _Reader._node,
    "keepalive": _Reader._time,
    "deadtime": _Reader._time,
    "warntime": _Reader._time,
    "initdead": _Reader._time,
    "deadping": _Reader._time,
    "auto_failback": _Reader._auto_failback,
    "nice_failback": _Reader._nice_failback,
    "bcast": _Reader.broadcast,
    "udp": _Reader.broadcast,
    "ping": _Reader.ping,
    "ping6": _Reader.ping,
    "udpport": _Reader.udpport,
    "serial": _Reader.serial,
    "baud": _Reader.bauds,
    "logfile": _Reader._log,
    "debugfile": _Reader._log,
    "logfacility": _Reader._log,
    "syslogmsgfmt": _Reader._truth,
    "realtime": _Reader._truth,
    "rtprio": _Reader._rtprio,
    "cluster": _Reader._cluster,
    "env": _Reader._env,
    "autojoin": _Reader._autojoin_mode,
    "crm": _Reader._crm_mode,
    "pacemaker": _Reader._crm_mode,
}

_WHOLE_LINE: Mapping[str, Callable[[_Reader, Word, list[Word]], None]] = {
    "mcast": _Reader.multicast,
    "mcast6": _Reader.multicast,
    "ucast": _Reader.unicast,
    "ucast6": _Reader.unicast,
    "ping_group": _Reader.ping_group,
}

DIRECTIVES = frozenset({*_BY_VALUE, *_WHOLE_LINE, *IGNORED, "respawn", "failfast"})
"""Every directive of Heartbeat 3.0.6."""
