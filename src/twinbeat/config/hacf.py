"""Read `ha.cf` as Heartbeat 3.0.6 does: line by line, directives acting in the order they stand.

A line is a directive and its values; `#` ends a line wherever it stands; blanks, tabs and commas
separate values, and each value is applied by itself, so that the last one wins or all add up.
"""

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import replace

from twinbeat.core.model import Failback, LinkKind, LinkSpec
from twinbeat.core.units import LinkName

from .diagnostics import Mark, Report, did_you_mean, listed, quote
from .draft import DEFAULT_PORT, Draft, Said, add_link, add_node, settle
from .ignored import IGNORED
from .text import Source, Word, lines, placeholder
from .times import boolean, heartbeat_time, number

FACILITIES = frozenset(
    {"auth", "authpriv", "cron", "daemon", "ftp", "kern", "lpr", "mail", "news", "syslog", "user"}
    | {"uucp", *(f"local{number}" for number in range(8))}
)
_CRM_MODES = frozenset({"respawn", "manual", "minimal", "ccm-only", "valgrind"})
_PINGS = ("ping", "ping6", "ping_group", "hbaping")
_NOT_STARTED = "Heartbeat would not start with this line, and neither does twinbeat."


def read_ha_cf(source: Source, report: Report) -> Draft:
    """Read the whole file; every finding goes to the report, and reading goes on after an error."""
    reader = _Reader(source, report)
    for line in lines(source):
        if report.full:
            break
        text = line.before_comment()
        if text.sound(report):
            reader.line(text.words(" \t,"))
    reader.finish()
    return reader.draft


class _Reader:
    """What is known while the file is read from top to bottom."""

    def __init__(self, source: Source, report: Report) -> None:
        self.draft = Draft(whole=Mark(source.path))
        self._report = report
        self._port = DEFAULT_PORT
        self._crm: bool | None = None
        self._autojoin: Word | None = None
        self._ipfail = False

    def line(self, words: list[Word]) -> None:
        """Apply one line: a directive and its values."""
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
            if name == "respawn":
                self._ipfail |= any(value.text.endswith("/ipfail") for value in values)
            if not ignored.whole_line:
                for value in values:
                    if not ignored.accepts(value.text):
                        self._bad(directive, value, ignored.expected)
            return
        self._placeholders(values)
        if name in _WHOLE_LINE:
            _WHOLE_LINE[name](self, directive, values)
        elif name in _BY_VALUE:
            if not values:
                self._report.warning(
                    directive.mark, f"{quote(name)} has no value and does nothing, as in Heartbeat"
                )
            for value in values:
                _BY_VALUE[name](self, directive, value)
        else:
            self._report.error(
                directive.mark,
                f"there is no directive {quote(name)}",
                _NOT_STARTED,
                "this looks like a template: fill it in first"
                if placeholder(name)
                else did_you_mean(name, DIRECTIVES),
            )

    def finish(self) -> None:
        """Say what only the whole file shows."""
        self.draft.timing = settle(self.draft.times, self.draft.whole, self._report)
        if self._autojoin and not self._crm:
            self._report.error(
                self._autojoin.mark,
                f"autojoin {quote(self._autojoin.text)} conflicts with haresources",
                "A cluster whose nodes nobody listed cannot know whose answer it must wait for; "
                "Heartbeat refuses it as well.",
                "list every node with `node`, and say `autojoin none` or nothing",
            )
        if "auto_failback" not in self.draft.said:
            self._legacy(self.draft.whole, "auto_failback is not set")
        pings = [self.draft.said[name] for name in _PINGS if name in self.draft.said]
        if pings and not self._ipfail:
            self._report.warning(
                pings[0],
                "there are ping nodes, but no `respawn` line starts ipfail",
                "In Heartbeat, too, nothing moved when they stopped answering.",
            )
        elif self._ipfail and not pings:
            self._report.warning(
                self.draft.said["respawn"],
                "ipfail is started, but there is no ping node",
                "In Heartbeat, too, it had nothing to compare and moved nothing.",
            )

    # Values one by one.

    def _node(self, _directive: Word, value: Word) -> None:
        add_node(self.draft, value, self._report)

    def _time(self, directive: Word, value: Word) -> None:
        try:
            span = heartbeat_time(value.text)
        except ValueError as why:
            self._report.error(
                value.mark,
                f"{directive.text}: {why}",
                _NOT_STARTED,
                "seconds are written without a unit (`2`, `0.5`), milliseconds as `500ms`",
            )
            return
        self.draft.times[directive.text] = Said(span, value.mark)
        if directive.text == "deadping":
            self._without_effect(directive, IGNORED["ping"].consequence)

    def _auto_failback(self, directive: Word, value: Word) -> None:
        enabled = boolean(value.text)
        if enabled is not None:
            self.draft.failback = Failback(enabled=enabled)
        elif value.text.lower() == "legacy":
            self._legacy(value.mark, "auto_failback is `legacy`")
        else:
            self._bad(directive, value, "on, off or legacy")

    def _nice_failback(self, directive: Word, _value: Word) -> None:
        self._legacy(directive.mark, "nice_failback is obsolete: any value means `legacy`")
        self.draft.said.setdefault("auto_failback", directive.mark)

    def _broadcast(self, directive: Word, value: Word) -> None:
        if directive.text == "udp":
            self._report.warning(directive.mark, "`udp` is an old word for `bcast`")
        self._link(LinkKind.BROADCAST, value)

    def _udpport(self, directive: Word, value: Word) -> None:
        port = number(value.text, 1, 65535)
        if port is None:
            self._bad(directive, value, "a port from 1 to 65535")
            return
        earlier = [
            link.value.interface
            for link in self.draft.links
            if link.value.port != port and link.value.kind is not LinkKind.MULTICAST
        ]
        if earlier:
            self._report.warning(
                value.mark,
                f"udpport {port} stands after {listed(dict.fromkeys(earlier), 'and')}",
                "Directives act in order: the links above this line keep their port.",
                "move udpport above the first link",
            )
        self._port = port

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
                self._bad(directive, value, "a syslog facility (daemon, local0 to local7) or none")
        self.draft.log = log

    def _truth(self, directive: Word, value: Word) -> None:
        truth = boolean(value.text)
        if truth is None:
            self._bad(directive, value, "a truth value (on or off)")
        elif directive.text == "realtime":
            self.draft.realtime = truth
        else:
            self.draft.log = replace(self.draft.log, syslog_format=truth)

    def _rtprio(self, directive: Word, value: Word) -> None:
        priority = number(value.text, 1, 99)
        if priority is None:
            self._bad(directive, value, "a priority from 1 to 99")
        else:
            self.draft.rtprio = priority

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
            self._bad(directive, value, "none, other or any")

    def _crm_mode(self, directive: Word, value: Word) -> None:
        truth = boolean(value.text)
        if truth is None and value.text.lower() not in _CRM_MODES:
            self._bad(directive, value, "off, on, respawn, manual, minimal, ccm-only or valgrind")
        elif self._crm is not None:
            self._report.error(
                directive.mark, f"{quote(directive.text)} is said a second time", _NOT_STARTED
            )
        elif truth is False:
            self._crm = False
            self._without_effect(directive, "twinbeat always runs haresources itself.")
        else:
            self._crm = True
            self._report.warning(
                value.mark,
                f"{quote(f'{directive.text} {value.text}')} hands the resources to Pacemaker in "
                "Heartbeat; twinbeat knows no Pacemaker",
                "The groups in haresources are run, which Heartbeat would not look at; what is in "
                "Pacemaker's own configuration is not.",
                "take the line out, and write every resource into haresources",
            )

    # Whole lines.

    def _multicast(self, directive: Word, values: list[Word]) -> None:
        if len(values) < 5:
            self._report.error(
                directive.mark,
                f"{quote(directive.text)} needs five words: interface, group, port, ttl, loop",
                _NOT_STARTED,
                "for example `mcast eth1 225.0.0.1 694 1 0`",
            )
            return
        interface, group, port_word, ttl_word, loop_word = values[:5]
        version = 6 if directive.text == "mcast6" else 4
        port = number(port_word.text, 1, 65535)
        ttl = number(ttl_word.text, 0, 4 if version == 4 else 255)
        loop = number(loop_word.text, 0, 1)
        if not _is_multicast(group.text, version):
            self._bad(directive, group, f"an IPv{version} multicast group")
        elif port is None:
            self._bad(directive, port_word, "a port from 1 to 65535")
        elif ttl is None:
            self._bad(directive, ttl_word, f"a ttl from 0 to {4 if version == 4 else 255}")
        elif loop is None:
            self._bad(directive, loop_word, "a loop of 0 or 1")
        else:
            self._link(
                LinkKind.MULTICAST, interface, group.text, port=port, ttl=ttl, loop=bool(loop)
            )
            self._left_over(directive, values[5:])

    def _unicast(self, directive: Word, values: list[Word]) -> None:
        if len(values) < 2:
            self._report.error(
                directive.mark,
                f"{quote(directive.text)} needs an interface and the peer's address",
                _NOT_STARTED,
                "for example `ucast eth1 192.168.10.45`",
            )
            return
        self._link(LinkKind.UNICAST, values[0], values[1].text)
        self._left_over(directive, values[2:])

    # What several directives share.

    def _link(
        self,
        kind: LinkKind,
        interface: Word,
        address: str = "",
        port: int | None = None,
        ttl: int = 1,
        loop: bool = False,
    ) -> None:
        link = LinkSpec(
            name=LinkName(""),
            kind=kind,
            interface=interface.text,
            address=address,
            port=port or self._port,
            ttl=ttl,
            loop=loop,
        )
        add_link(self.draft, link, interface.mark, self._report)

    def _bad(self, directive: Word, value: Word, expected: str) -> None:
        self._report.error(
            value.mark,
            f"{directive.text}: {quote(value.text)} is not {expected}",
            _NOT_STARTED,
        )

    def _without_effect(self, directive: Word, consequence: str) -> None:
        self._report.warning(
            directive.mark, f"{quote(directive.text)} has no effect in twinbeat", consequence
        )

    def _legacy(self, mark: Mark, message: str) -> None:
        self.draft.failback = Failback(enabled=True)
        self._report.warning(
            mark,
            message,
            "Heartbeat then runs in its legacy mode, in which a returning node takes its groups "
            "back at once; towards twinbeat's own peers that reads as `auto_failback on`.",
            "say `auto_failback on` or `auto_failback off`",
        )

    def _left_over(self, directive: Word, values: list[Word]) -> None:
        if values:
            self._report.warning(
                values[0].mark,
                f"{quote(directive.text)} does not use {quote(values[0].text)}",
                "Words after the last one it needs are ignored, as in Heartbeat.",
            )

    def _placeholders(self, values: list[Word]) -> None:
        unfilled = next((value for value in values if placeholder(value.text)), None)
        if unfilled:
            self._report.warning(
                unfilled.mark,
                f"{quote(unfilled.text)} looks like a variable that nobody filled in",
                "No shell reads this file: the word is taken exactly as it stands.",
            )


def _is_multicast(text: str, version: int) -> bool:
    try:
        group = ipaddress.ip_address(text)
    except ValueError:
        return False
    return group.version == version and group.is_multicast


_BY_VALUE: Mapping[str, Callable[[_Reader, Word, Word], None]] = {
    "node": _Reader._node,
    "keepalive": _Reader._time,
    "deadtime": _Reader._time,
    "warntime": _Reader._time,
    "initdead": _Reader._time,
    "deadping": _Reader._time,
    "auto_failback": _Reader._auto_failback,
    "nice_failback": _Reader._nice_failback,
    "bcast": _Reader._broadcast,
    "udp": _Reader._broadcast,
    "udpport": _Reader._udpport,
    "logfile": _Reader._log,
    "debugfile": _Reader._log,
    "logfacility": _Reader._log,
    "syslogmsgfmt": _Reader._truth,
    "realtime": _Reader._truth,
    "rtprio": _Reader._rtprio,
    "cluster": _Reader._cluster,
    "autojoin": _Reader._autojoin_mode,
    "crm": _Reader._crm_mode,
    "pacemaker": _Reader._crm_mode,
}

_WHOLE_LINE: Mapping[str, Callable[[_Reader, Word, list[Word]], None]] = {
    "mcast": _Reader._multicast,
    "mcast6": _Reader._multicast,
    "ucast": _Reader._unicast,
    "ucast6": _Reader._unicast,
}

DIRECTIVES = frozenset(_BY_VALUE) | frozenset(_WHOLE_LINE) | frozenset(IGNORED)
"""Every directive of Heartbeat 3.0.6."""
