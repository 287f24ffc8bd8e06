"""A node that owns the virtual IPs until it is told otherwise: a program for tests to stop or kill.

Usage: ip_owner.py LEASE_MS BEAT_MS. It prints `serving`, renews every BEAT_MS and prints
`lapsed REASON` when a renewal fails. It ends when it is killed, or after 20 seconds.
"""

import asyncio
import sys

from ip_lan import VIP, VIP6

from twinbeat.agents.addresses import Addresses
from twinbeat.agents.lease import clock
from twinbeat.core.model import AddressSpec, AgentKind, ResourceSpec
from twinbeat.core.units import Instant, milliseconds


def resource(spec: AddressSpec) -> ResourceSpec:
    """Return the resource of an address."""
    return ResourceSpec(name=str(spec.ip), agent=AgentKind.IP, address=spec)


async def own(lease_ms: int, beat_ms: int) -> None:
    """Take the addresses and keep them."""
    lease = milliseconds(lease_ms)
    specs = [AddressSpec(ip=VIP), AddressSpec(ip=VIP6)]
    addresses = Addresses(lambda level, text: print(level, text, file=sys.stderr), lease)
    await addresses.open(specs, lease)
    agents = [addresses.agent(resource(spec)) for spec in specs]
    for agent in agents:
        await agent.start()
    reason = addresses.serve(agents, Instant(clock() + lease), True)
    print("serving" if reason is None else f"refused {reason}", flush=True)
    while reason is None:
        await asyncio.sleep(beat_ms / 1000)
        addresses.tend()
        reason = addresses.serve(agents, Instant(clock() + lease), False)
    print(f"lapsed {reason}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(asyncio.wait_for(own(int(sys.argv[1]), int(sys.argv[2])), 20))
