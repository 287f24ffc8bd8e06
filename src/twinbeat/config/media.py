"""The lines of ha.cf that say over what heartbeats, and pings, travel: they act in their order."""

import ipaddress

from twinbeat.core.model import LinkKind, LinkSpec, PingSpec
from twinbeat.core.units import LinkName, NodeName

from .diagnostics import Mark, Report, listed, quote
from .draft import DEFAULT_PORT, Draft, add_link, add_ping
from .lines import BAUDS, DEFAULT_BAUD
from .text import Source, Word
from .times import number

NOT_STARTED = "Heartbeat would not start with this line, and neither does twinbeat."


class MediaReader:
    """Reads them into the draft; `hacf` knows all the other directives."""

    def __init__(self, source: Source, report: Report) -> None:
        self.draft = Draft(whole=Mark(source.path))
        self.report = report
        self._port = DEFAULT_PORT
        self._baud = DEFAULT_BAUD

    def broadcast(self, directive: Word, value: Word) -> None:
        """`bcast IF`, and its old word `udp`."""
        if directive.text == "udp":
            self.report.warning(directive.mark, "`udp` is an old word for `bcast`")
        self._link(LinkKind.BROADCAST, value)

    def udpport(self, directive: Word, value: Word) -> None:
        """`udpport N`, which counts for the links below it."""
        port = number(value.text, 1, 65535)
        if port is None:
            self.bad(directive, value, "a port from 1 to 65535")
            return
        self._too_late(
            f"udpport {port}",
            value,
            "port",
            [
                link.value.interface
                for link in self.draft.links
                if link.value.port != port
                and link.value.kind in (LinkKind.BROADCAST, LinkKind.UNICAST)
            ],
        )
        self._port = port

    def ping(self, directive: Word, value: Word) -> None:
        """`ping ADDRESS` and `ping6 ADDRESS`."""
        version = 6 if directive.text == "ping6" else 4
        ping = PingSpec(name=NodeName(value.text), addresses=(value.text,), version=version)
        add_ping(self.draft, ping, value.mark, self.report)

    def ping_group(self, directive: Word, values: list[Word]) -> None:
        """`ping_group NAME ADDRESS...`."""
        if len(values) < 2:
            self.report.error(
                directive.mark,
                "`ping_group` needs a name and an address",
                NOT_STARTED,
                "for example `ping_group routers 192.168.0.1 192.168.0.2`",
            )
            return
        name, *members = (value.text for value in values)
        ping = PingSpec(name=NodeName(name), addresses=tuple(members))
        add_ping(self.draft, ping, values[0].mark, self.report)

    def serial(self, directive: Word, value: Word) -> None:
        """`serial TTY`."""
        if not value.text.startswith("/"):
            self.bad(directive, value, "the full path of a device, like /dev/ttyS0")
        else:
            self._link(LinkKind.SERIAL, value)

    def bauds(self, directive: Word, value: Word) -> None:
        """`baud N`, which counts for the lines below it."""
        if value.text not in map(str, BAUDS):
            self.bad(directive, value, listed(map(str, BAUDS)))
            return
        baud = int(value.text)
        self._too_late(
            f"baud {baud}",
            value,
            "speed",
            [
                link.value.interface
                for link in self.draft.links
                if link.value.kind is LinkKind.SERIAL and link.value.baud != baud
            ],
        )
        self._baud = baud

    # Whole lines.

    def multicast(self, directive: Word, values: list[Word]) -> None:
        """`mcast` and `mcast6`."""
        if len(values) < 5:
            self.report.error(
                directive.mark,
                f"{quote(directive.text)} needs five words: interface, group, port, ttl, loop",
                NOT_STARTED,
                "for example `mcast eth1 225.0.0.1 694 1 0`",
            )
            return
        interface, group, port_word, ttl_word, loop_word = values[:5]
        version = 6 if directive.text == "mcast6" else 4
        port = number(port_word.text, 1, 65535)
        ttl = number(ttl_word.text, 0, 4 if version == 4 else 255)
        loop = number(loop_word.text, 0, 1)
        if not _is_multicast(group.text, version):
            self.bad(directive, group, f"an IPv{version} multicast group")
        elif port is None:
            self.bad(directive, port_word, "a port from 1 to 65535")
        elif ttl is None:
            self.bad(directive, ttl_word, f"a ttl from 0 to {4 if version == 4 else 255}")
        elif loop is None:
            self.bad(directive, loop_word, "a loop of 0 or 1")
        else:
            self._link(
                LinkKind.MULTICAST, interface, group.text, port=port, ttl=ttl, loop=bool(loop)
            )
            self._left_over(directive, values[5:])

    def unicast(self, directive: Word, values: list[Word]) -> None:
        """`ucast` and `ucast6`."""
        if len(values) < 2:
            self.report.error(
                directive.mark,
                f"{quote(directive.text)} needs an interface and the peer's address",
                NOT_STARTED,
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
            port=port or (DEFAULT_PORT if kind is LinkKind.SERIAL else self._port),
            ttl=ttl,
            loop=loop,
            baud=self._baud if kind is LinkKind.SERIAL else DEFAULT_BAUD,
        )
        add_link(self.draft, link, interface.mark, self.report)

    def _too_late(self, said: str, value: Word, what: str, earlier: list[str]) -> None:
        if earlier:
            self.report.warning(
                value.mark,
                f"{said} stands after {listed(dict.fromkeys(earlier), 'and')}",
                f"Directives act in order: the links above this line keep their {what}.",
                f"move {said.split()[0]} above the first link",
            )

    def bad(self, directive: Word, value: Word, expected: str) -> None:
        """Report a value that Heartbeat refuses."""
        self.report.error(
            value.mark,
            f"{directive.text}: {quote(value.text)} is not {expected}",
            NOT_STARTED,
        )

    def _left_over(self, directive: Word, values: list[Word]) -> None:
        if values:
            self.report.warning(
                values[0].mark,
                f"{quote(directive.text)} does not use {quote(values[0].text)}",
                "Words after the last one it needs are ignored, as in Heartbeat.",
            )


def _is_multicast(text: str, version: int) -> bool:
    try:
        group = ipaddress.ip_address(text)
    except ValueError:
        return False
    return group.version == version and group.is_multicast
