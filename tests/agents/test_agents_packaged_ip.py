"""The address agents of resource-agents beside our own, on one node: neither disturbs the other."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from agent_looks import is_running
from ip_lan import VIP, VIP6, Lan, play
from ocf_bench import OcfBench

from twinbeat.agents.addresses import Addresses
from twinbeat.agents.base import Agent, AgentError
from twinbeat.core.model import AddressSpec, AgentKind, ResourceSpec
from twinbeat.core.units import milliseconds, seconds

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root"),
]


@pytest.fixture
def lan() -> Iterator[Lan]:
    made = Lan()
    try:
        yield made
    finally:
        made.close()


def global_addresses(lan: Lan) -> set[str]:
    return {a["local"] for a in lan.addresses(lan.a) if a["scope"] == "global"}


def test_addresses_of_both_kinds_live_side_by_side(lan: Lan, tmp_path: Path) -> None:
    bench = OcfBench(tmp_path)
    ours = AddressSpec(ip=VIP)
    four = bench.agent("heartbeat:IPaddr2", ip="10.9.0.101", cidr_netmask="24", nic="eth0")
    six = bench.agent("heartbeat:IPv6addr", ipv6addr="fd09::101", cidr_netmask="64", nic="eth0")

    async def scenario() -> None:
        addresses = Addresses(lambda level, text: None, milliseconds(40))
        await addresses.open([ours], seconds(1))
        try:
            mine = addresses.agent(ResourceSpec(name=str(VIP), agent=AgentKind.IP, address=ours))
            agents: list[Agent] = [mine, four, six]
            assert [await is_running(agent) for agent in agents] == [False] * 3
            for agent in agents:
                await agent.start()
            assert [await is_running(agent) for agent in agents] == [True] * 3
            assert global_addresses(lan) >= {str(VIP), "10.9.0.101", "fd09::101"}
            await mine.stop()
            assert [await is_running(agent) for agent in agents] == [False, True, True]
            await mine.start()
            for agent in (four, six):
                await agent.stop()
            assert [await is_running(agent) for agent in agents] == [True, False, False]
            assert str(VIP) in global_addresses(lan)
        finally:
            await addresses.close()

    play(lan.a, scenario)
    assert global_addresses(lan) == {"10.9.0.11", "fd09::11"}
    assert str(VIP6) not in global_addresses(lan)


def test_an_address_agent_without_its_interface_says_so(lan: Lan, tmp_path: Path) -> None:
    bench = OcfBench(tmp_path)

    async def scenario() -> None:
        agent = bench.agent("heartbeat:IPaddr2", ip="10.9.0.101", cidr_netmask="24", nic="eth7")
        with pytest.raises(AgentError, match=r"OCF_ERR_CONFIGURED.*findif"):
            await agent.start()

    play(lan.a, scenario)
