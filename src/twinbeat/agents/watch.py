"""Hear from the kernel about every change of links and addresses."""

import asyncio
import ctypes
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.rtnl import (
    RTM_NEWADDR,
    RTMGRP_IPV4_IFADDR,
    RTMGRP_IPV6_IFADDR,
    RTMGRP_LINK,
)

from .base import AgentError, Log

_GROUPS = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR
_SO_ATTACH_FILTER = 26
_NO_NEW_ADDRESSES = ctypes.create_string_buffer(
    # Classic BPF (linux/filter.h): load the message's type; drop it if it is RTM_NEWADDR.
    struct.pack("=HBBI", 0x28, 0, 0, 4)
    + struct.pack("=HBBI", 0x15, 0, 1, socket.htons(RTM_NEWADDR))
    + struct.pack("=HBBI", 0x06, 0, 0, 0)
    + struct.pack("=HBBI", 0x06, 0, 0, 0xFFFFFFFF),
    32,
)
"""A filter that lets the kernel drop what nobody here asks after. Every renewal of a lifetime is
such a message: to wake up and read them was a twentieth of what an idle owner cost."""
_RETRY = 0.1
"""Seconds before the socket is opened again after an overrun."""


class Watch:
    """One socket that only listens: a request on it could mistake news for its own answer."""

    def __init__(
        self,
        log: Log,
        told: Callable[[Mapping[str, Any]], None],
        missed: Callable[[], Awaitable[None]],
    ) -> None:
        """Remember whom to tell: `told(message)`; `missed()` when messages were lost."""
        self._log = log
        self._told = told
        self._missed = missed
        self._kernel: Any = None
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Start listening; raises `OSError`."""
        await self._listen_anew()
        self._task = asyncio.create_task(self._listen())

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._kernel is not None:
            self._kernel.close()

    async def _listen_anew(self) -> None:
        self._kernel = AsyncIPRoute()
        await self._kernel.bind(groups=_GROUPS)
        program = struct.pack("@HP", 4, ctypes.addressof(_NO_NEW_ADDRESSES))
        self._kernel.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)

    async def _listen(self) -> None:
        while True:
            try:
                async for message in self._kernel.get():
                    self._tell(message)
            except (OSError, NetlinkError) as error:
                self._log(
                    "WARN",
                    f"Some of the kernel's news about addresses is lost ({error}), as when more "
                    "comes than is read; everything is looked at again.",
                )
                await self._reopen()

    def _tell(self, message: Mapping[str, Any]) -> None:
        """Pass a message on; an odd one costs a line in the log, never the watch."""
        try:
            self._told(message)
        except (KeyError, ValueError, TypeError) as error:
            self._log("ERROR", f"A message about {message.get('event')} made no sense: {error!r}.")

    async def _reopen(self) -> None:
        self._kernel.close()
        while True:
            await asyncio.sleep(_RETRY)
            try:
                await self._listen_anew()
                await self._missed()
                return
            except (OSError, KeyError, AgentError) as error:  # KeyError: pyroute2 found no port.
                self._log("WARN", f"The kernel's news about addresses cannot be read: {error}.")
