"""The ping nodes of this node: ask each with a heartbeat, and believe only fresh answers.

Nothing wakes the daemon for an answer. It is taken in with the next turn, a keepalive later at
most, and before any silence is judged.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from twinbeat.core.events import Event, LinkChanged, PingAnswered
from twinbeat.core.model import ClusterModel, PingSpec
from twinbeat.core.units import LONG_AGO, Duration, Instant, LinkName
from twinbeat.links import PingLink
from twinbeat.wire.echoes import Echo

from . import clock
from .mail import Mail

OUTSTANDING = 16
"""So many of the newest questions to a ping node may still be answered."""


@dataclass(slots=True)
class _Asked:
    """One ping node and what it was asked."""

    link: PingLink
    unanswered: deque[int] = field(default_factory=lambda: deque(maxlen=OUTSTANDING))


class Pings:
    """Asks the ping nodes; `post` is told when this node cannot ask at all."""

    def __init__(self, token: int, post: Callable[[Event], None], mail: Mail) -> None:
        self._token = token
        self._post = post
        self._mail = mail
        self._asked: dict[PingSpec, _Asked] = {}
        self._pause = Duration(0)
        self._number = 0
        self._sent_at: Instant = LONG_AGO

    def use(self, model: ClusterModel) -> None:
        """Ask exactly the ping nodes of a configuration from now on."""
        self._pause = Duration(model.timing.keepalive // 2)
        for spec in [spec for spec in self._asked if spec not in model.pings]:
            self._asked.pop(spec).link.close()
        for spec in model.pings:
            if spec not in self._asked:
                # An identifier of its own for each link of each daemon on this machine.
                link = PingLink(spec, self._token + 257 * len(self._asked))
                self._asked[spec] = _Asked(link)
                link.open(self._teller(link.name))

    def send(self) -> None:
        """Ask every ping node once in a keepalive, with a heartbeat that leaves anyway."""
        if not self._asked or clock.now() - self._sent_at < self._pause:
            return
        self._sent_at = clock.now()
        for spec, asked in self._asked.items():
            self._number += 1
            asked.unanswered.append(self._number)
            echo = Echo(spec.name, self._token, self._number)
            asked.link.send(self._mail.seal_echo(echo, spec))

    def answers(self) -> Iterator[PingAnswered]:
        """Yield each answer that waits and was asked for not long ago, each question's once."""
        for spec, asked in self._asked.items():
            for payload in asked.link.receive():
                echo = self._mail.open_echo(payload)
                if echo is None:
                    continue
                fresh = echo.token == self._token and echo.number in asked.unanswered
                if echo.node == spec.name and fresh:
                    asked.unanswered.remove(echo.number)
                    yield PingAnswered(spec.name)
                elif not spec.group or echo.token != self._token:
                    self._mail.refuse_echo(echo, "it was answered before, or not asked of late")

    def retry(self) -> None:
        """Look up names and open sockets that could not be had; called about once a second."""
        for asked in self._asked.values():
            asked.link.retry()

    def close(self) -> None:
        """Ask nobody any more."""
        for asked in self._asked.values():
            asked.link.close()
        self._asked.clear()

    def _teller(self, link: LinkName) -> Callable[[bool, str], None]:
        def changed(up: bool, why: str) -> None:
            self._post(LinkChanged(link, up, why))

        return changed
