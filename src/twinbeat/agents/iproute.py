"""pyroute2's view of links, addresses and routes, without the rest of that library.

Its package imports a dozen other protocols at once, which costs the daemon 80 ms of its start and
6 MB for ever; so its parts are imported here as if the package's own `__init__` were empty.
"""

import importlib.util
import sys

if "pyroute2" not in sys.modules and (_found := importlib.util.find_spec("pyroute2")) is not None:
    sys.modules["pyroute2"] = importlib.util.module_from_spec(_found)

from pyroute2.iproute.linux import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.rtnl import RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR, RTMGRP_LINK

__all__ = [
    "RTMGRP_IPV4_IFADDR",
    "RTMGRP_IPV6_IFADDR",
    "RTMGRP_LINK",
    "AsyncIPRoute",
    "NetlinkError",
]
