"""All links of this node: open them, watch their sockets, send to all, drain them dry."""

import asyncio
from collections.abc import Callable, Iterator

from twinbeat.agents.base import Log
from twinbeat.core.events import Event, LinkChanged
from twinbeat.core.model import ClusterModel, LinkSpec
from twinbeat.core.units import LinkName
from twinbeat.links import build
from twinbeat.links.base import Link

from .alarm import Alarm
from .mail import Letter
from .pings import Pings

BATCH = 512
"""As many datagrams as a link returns at once; fewer mean that it is dry."""
BATCHES_MAX = 8
"""Under a flood a link is never dry: after so many batches time may pass all the same."""

DRAIN_S = 2.0
"""A few heartbeats on the slowest serial line."""
DRAIN_PAUSE_S = 0.02


class Switchboard:
    """The links by their configuration; a link that did not change survives a reload."""

    def __init__(self, alarm: Alarm, post: Callable[[Event], None], log: Log, pings: Pings) -> None:
        self._alarm = alarm
        self._pings = pings
        self._post = post
        self._log = log
        self._links: dict[LinkSpec, Link] = {}
        self._watched: dict[LinkSpec, int] = {}
        self.unsent = 0
        """Packets that a link could not send."""

    def use(self, model: ClusterModel) -> None:
        """Open exactly these links, closing those that are configured no more."""
        specs = model.links
        self._pings.use(model)
        for spec in [spec for spec in self._links if spec not in specs]:
            self._unwatch(spec)
            self._links.pop(spec).close()
            self._log("info", f"link {spec.name} ({spec.kind}) is configured no more: closed")
        for spec in specs:
            if spec not in self._links:
                self._links[spec] = link = build(spec)
                link.open(self._teller(spec))
                self._watch(spec)

    def send(self, letter: Letter) -> None:
        """Send on every link, waiting for none; the ping nodes are asked with it."""
        for link in self._links.values():
            if not link.send(letter.packet(link.encoding)):
                self.unsent += 1
        self._pings.send()

    def losses(self) -> Iterator[tuple[str, int, LinkName]]:
        """Yield what the links lost since this was last asked: reason, number, link."""
        for link in self._links.values():
            for reason, times in link.losses().items():
                yield reason, times, link.name

    def receive(self) -> Iterator[tuple[bytes, LinkName]]:
        """Yield every datagram that waits, link by link, oldest first."""
        for link in list(self._links.values()):
            for _ in range(BATCHES_MAX):
                packets = link.receive()
                for packet in packets:
                    yield packet, link.name
                if len(packets) < BATCH:
                    break

    def retry(self) -> None:
        """Bring up what is down; called about once a second."""
        for spec, link in self._links.items():
            link.retry()
            self._watch(spec)
        self._pings.retry()

    async def close(self) -> None:
        """Close every link once the last words have left, over slow ones too, but not for ever."""
        loop = asyncio.get_running_loop()
        end = loop.time() + DRAIN_S
        while any(link.pending() for link in self._links.values()) and loop.time() < end:
            await asyncio.sleep(DRAIN_PAUSE_S)
        for spec, link in self._links.items():
            self._unwatch(spec)
            link.close()
        self._links.clear()
        self._pings.close()

    def _teller(self, spec: LinkSpec) -> Callable[[bool, str], None]:
        def changed(up: bool, why: str) -> None:
            self._post(LinkChanged(spec.name, up, why))

        return changed

    def _watch(self, spec: LinkSpec) -> None:
        descriptor = self._links[spec].fileno()
        if self._watched.get(spec, -1) == descriptor:
            return
        self._unwatch(spec)
        if descriptor >= 0:
            self._alarm.listen(descriptor)
            self._watched[spec] = descriptor

    def _unwatch(self, spec: LinkSpec) -> None:
        descriptor = self._watched.pop(spec, -1)
        if descriptor >= 0:
            self._alarm.unregister(descriptor)
