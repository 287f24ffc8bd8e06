"""Virtual IPs on a real kernel: where they go, and what keeps them there."""

import asyncio
import ipaddress
import json
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator

import pytest
from agent_looks import is_running
from ip_lan import VIP, VIP6, AddressNews, Lan, client_of, ip, play, until

from twinbeat.agents.addresses import Addresses
from twinbeat.agents.base import AgentError, Found
from twinbeat.agents.ip import VirtualIp
from twinbeat.agents.lease import clock
from twinbeat.agents.watch import Watch
from twinbeat.core.model import AddressSpec, AgentKind, ResourceSpec
from twinbeat.core.units import Instant, milliseconds, seconds

pytestmark = pytest.mark.root
LEASE = milliseconds(900)
MARGIN = milliseconds(200)
Lines = list[tuple[str, str]]


@pytest.fixture
def lan() -> Iterator[Lan]:
    made = Lan()
    try:
        yield made
    finally:
        made.close()


def resource(spec: AddressSpec) -> ResourceSpec:
    return ResourceSpec(name=str(spec.ip), agent=AgentKind.IP, address=spec)


def on_a(
    lan: Lan,
    specs: list[AddressSpec],
    scenario: Callable[[Addresses, list[VirtualIp], Lines], Awaitable[None]],
) -> None:
    """Play a scenario on node a with opened addresses, and close them after it."""

    async def main() -> None:
        lines: Lines = []
        addresses = Addresses(lambda level, text: lines.append((level, text)), MARGIN)
        await addresses.open(specs, LEASE)
        try:
            await scenario(addresses, [addresses.agent(resource(s)) for s in specs], lines)
        finally:
            await addresses.close()

    play(lan.a, main)


def soon() -> Instant:
    return Instant(clock() + LEASE)


def test_every_form_of_an_address(lan: Lan) -> None:
    lan.cable(lan.a, "eth1", "10.8.0.1/16")
    specs = [
        AddressSpec(ip=VIP, alias=True),
        AddressSpec(ip=ipaddress.ip_address("10.9.0.101"), alias=True),
        AddressSpec(
            ip=ipaddress.ip_address("10.9.0.102"),
            prefix=28,
            interface="eth0",
            label="eth0:web",
            broadcast=ipaddress.IPv4Address("10.9.0.111"),
        ),
        AddressSpec(ip=ipaddress.ip_address("10.8.7.6")),
        AddressSpec(ip=VIP6, alias=True),
    ]

    async def scenario(_: Addresses, agents: list[VirtualIp], __: Lines) -> None:
        assert [await is_running(agent) for agent in agents] == [False] * 5
        await asyncio.gather(*(agent.start() for agent in agents))
        await agents[0].start()
        assert [await is_running(agent) for agent in agents] == [True] * 5
        found = {a["local"]: a for a in lan.addresses(lan.a) + lan.addresses(lan.a, "eth1")}
        shown = [
            [found[str(s.ip)].get(k) for k in ("prefixlen", "broadcast", "label")] for s in specs
        ]
        assert shown == [
            [24, "10.9.0.255", "eth0:0"],
            [24, "10.9.0.255", "eth0:1"],
            [28, "10.9.0.111", "eth0:web"],
            [16, "10.8.255.255", "eth1"],
            [64, None, None],
        ]
        assert found[str(VIP6)]["nodad"]
        assert all(found[str(s.ip)]["valid_life_time"] <= 10 for s in specs)
        await asyncio.gather(*(agent.stop() for agent in agents))
        await agents[0].stop()
        assert [await is_running(agent) for agent in agents] == [False] * 5

    on_a(lan, specs, scenario)
    assert {a["local"] for a in lan.addresses(lan.a) if a["scope"] == "global"} == {
        "10.9.0.11",
        "fd09::11",
    }


def test_what_cannot_be_added_is_explained(lan: Lan) -> None:
    missing = AddressSpec(ip=VIP, prefix=24, interface="eth7")

    async def scenario(addresses: Addresses, agents: list[VirtualIp], lines: Lines) -> None:
        with pytest.raises(AgentError, match="no interface eth7"):
            await agents[0].start()
        ip("-n", lan.a, "link", "set", "eth0", "down")
        down = addresses.agent(resource(AddressSpec(ip=VIP, prefix=24, interface="eth0")))
        with pytest.raises(AgentError, match="interface eth0 is down"):
            await down.start()
        await down.stop()

    on_a(lan, [missing], scenario)


def test_silent_until_served_then_announced(lan: Lan) -> None:
    specs = [AddressSpec(ip=VIP), AddressSpec(ip=VIP6)]

    async def scenario(addresses: Addresses, agents: list[VirtualIp], _: Lines) -> None:
        with client_of(lan) as client:
            for agent in agents:
                await agent.start()
            await asyncio.sleep(0.15)
            assert client.frames == []

            assert addresses.serve(agents, soon(), True) is None
            await until(lambda: client.count("packet") > 1)
            assert client.frames[0].mac == lan.mac(lan.a)
            assert client.frames[0].kind in ("garp-request", "advertisement")
            await until(lambda: client.count("garp-reply") > 0)
            await until(lambda: client.count("advertisement") > 0)
            await until(lambda: client.count("garp-request") > 2)

            addresses.silence(agents)
            silent = len(client.frames)
            await asyncio.sleep(0.1)
            seen = len(client.frames)
            await asyncio.sleep(0.15)
            assert len(client.frames) == seen
            assert seen - silent < 20

            assert addresses.serve(agents, soon(), True) is None
            requests = client.count("garp-request")
            addresses.announce(agents)
            await until(lambda: client.count("garp-request") > requests + 1)

    on_a(lan, specs, scenario)


def test_the_clients_cache_follows_the_owner(lan: Lan) -> None:
    specs = [AddressSpec(ip=VIP), AddressSpec(ip=VIP6)]

    def cached() -> set[str]:
        shown = json.loads(ip("-n", lan.client, "-j", "neigh"))
        return {n.get("lladdr", "") for n in shown if n["dst"] in (str(VIP), str(VIP6))}

    for address in (str(VIP), str(VIP6)):
        wrong = ("lladdr", "02:00:00:00:00:99", "dev", "eth0", "nud", "reachable")
        ip("-n", lan.client, "neigh", "replace", address, *wrong)

    async def scenario(addresses: Addresses, agents: list[VirtualIp], _: Lines) -> None:
        for agent in agents:
            await agent.start()
        assert addresses.serve(agents, soon(), True) is None
        await until(lambda: cached() == {lan.mac(lan.a).hex(":")})

    on_a(lan, specs, scenario)


def away(news: AddressNews) -> tuple[list[float], list[float]]:
    return news.gaps(VIP.packed), news.gaps(VIP6.packed)


def test_a_deleted_address_is_put_back(lan: Lan) -> None:
    specs = [AddressSpec(ip=VIP, alias=True), AddressSpec(ip=VIP6)]

    async def scenario(addresses: Addresses, agents: list[VirtualIp], lines: Lines) -> None:
        for agent in agents:
            await agent.start()
        assert addresses.serve(agents, soon(), True) is None
        news = AddressNews(lan.a)
        told = asyncio.create_task(agents[0].changed())
        for number, gone in enumerate((f"{VIP}/24", f"{VIP6}/64", "10.9.0.11/24"), 1):
            ip("-n", lan.a, "addr", "del", gone, "dev", "eth0")
            await until(lambda n=number: sum(map(len, away(news))) == n)  # type: ignore[misc]
        news.close()
        assert [len(gaps) for gaps in away(news)] == [2, 1]
        assert max(map(max, away(news))) < 0.15
        assert "taken away" in await told
        assert (await agents[0].monitor()).found is Found.RUNNING
        assert lan.has(lan.a, VIP)
        assert lan.has(lan.a, VIP6)
        assert next(a["label"] for a in lan.addresses(lan.a) if a["local"] == str(VIP)) == "eth0:0"
        ip("-n", lan.a, "link", "set", "eth0", "down")
        ip("-n", lan.a, "link", "set", "eth0", "up")
        await until(lambda: lan.has(lan.a, VIP) and lan.has(lan.a, VIP6))
        for said in (
            f"{VIP}/24 on eth0 (eth0:0) was deleted ",
            "together with 10.9.0.11 by whoever had netlink port",
            "because the interface went down; put back",
        ):
            await until(lambda said=said: any(said in text for _, text in lines))  # type: ignore[misc]
        await agents[0].stop()
        await asyncio.sleep(0.1)
        assert not lan.has(lan.a, VIP)

    on_a(lan, specs, scenario)


def test_the_log_names_a_deleter_that_still_runs(lan: Lan) -> None:
    program = (
        "import socket, sys\n"
        "s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)\n"
        "s.send(bytes.fromhex(sys.argv[1])); s.recv(4096); sys.stdin.read()"
    )

    async def scenario(_: Addresses, agents: list[VirtualIp], lines: Lines) -> None:
        await agents[0].start()
        index = json.loads(ip("-n", lan.a, "-j", "link", "show", "dev", "eth0"))[0]["ifindex"]
        request = bytes.fromhex("20000000 1500 0500 00000000 00000000 02180000")
        request += index.to_bytes(4, sys.byteorder) + bytes.fromhex("08000200") + VIP.packed
        command = ["ip", "netns", "exec", lan.a, sys.executable, "-c", program, request.hex()]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as deleter:
            await until(lambda: bool(lines))
            deleter.communicate()
        assert "by 'python" in lines[0][1]
        assert f"(process {deleter.pid}); put back" in lines[0][1]

    on_a(lan, [AddressSpec(ip=VIP)], scenario)


def test_a_quarrel_is_bounded_in_lines(lan: Lan) -> None:
    async def scenario(_: Addresses, agents: list[VirtualIp], lines: Lines) -> None:
        await agents[0].start()
        for _turn in range(20):
            ip("-n", lan.a, "addr", "del", f"{VIP}/24", "dev", "eth0")
            await until(lambda: lan.has(lan.a, VIP))
        await until(lambda: len(lines) == 2)
        assert re.search(r"was deleted (1\d times|[2-9] times) by", lines[1][1])

    on_a(lan, [AddressSpec(ip=VIP)], scenario)


def test_a_deletion_that_no_message_told_of_is_noticed(lan: Lan) -> None:
    flood = "addr add 10.3.0.1/32 dev lo\naddr del 10.3.0.1/32 dev lo\n" * 8000

    async def scenario(_: Addresses, agents: list[VirtualIp], lines: Lines) -> None:
        await agents[0].start()
        commands = f"{flood}addr del {VIP}/24 dev eth0\n"
        # The loop stands still meanwhile, so that the kernel's messages overrun the socket.
        subprocess.run(["ip", "-n", lan.a, "-batch", "-"], input=commands, text=True, check=True)
        assert not lan.has(lan.a, VIP)
        await until(lambda: lan.has(lan.a, VIP), 1.5)
        await until(lambda: any("is lost" in text for _, text in lines))

    on_a(lan, [AddressSpec(ip=VIP)], scenario)


def test_a_renamed_and_a_remade_interface_are_followed(lan: Lan) -> None:
    async def scenario(addresses: Addresses, agents: list[VirtualIp], lines: Lines) -> None:
        await agents[0].start()
        ip("-n", lan.a, "link", "set", "eth0", "down")
        ip("-n", lan.a, "link", "set", "eth0", "name", "wan0")
        ip("-n", lan.a, "link", "set", "wan0", "up")
        await until(lambda: lan.rules(lan.a).count('device "wan0"') == 2)
        assert lan.has(lan.a, VIP, "wan0")
        assert 'device "eth0"' not in lan.rules(lan.a)

        told = asyncio.create_task(agents[0].changed())
        ip("-n", lan.a, "link", "delete", "wan0")
        await told
        assert (await agents[0].monitor()).found is Found.STOPPED
        await until(lambda: lan.rules(lan.a).count('device "wan0"') == 0)
        lan.cable(lan.a, "wan0", "10.9.0.11/24")
        await until(lambda: lan.has(lan.a, VIP, "wan0"))
        assert lan.rules(lan.a).count('device "wan0"') == 2
        assert addresses.serve(agents, soon(), True) is None
        with client_of(lan) as client:
            await until(lambda: client.count("packet") > 0)

    on_a(lan, [AddressSpec(ip=VIP)], scenario)


def test_an_earlier_life_is_cleaned_up(lan: Lan) -> None:
    owner = start_owner(lan, 60_000, 100)
    owner.kill()
    owner.communicate()
    assert lan.has(lan.a, VIP)
    ip("-n", lan.a, "addr", "add", "10.9.0.77/32", "dev", "lo")
    specs = [AddressSpec(ip=ipaddress.ip_address("10.9.0.77"))]

    async def main() -> None:
        with client_of(lan) as client:
            await until(lambda: client.count("packet") > 0)
            lines: Lines = []
            addresses = Addresses(lambda level, text: lines.append((level, text)), MARGIN)
            await addresses.open(specs, LEASE)
            # VIP is no longer configured; the orphaned tables of the earlier life named it.
            assert not lan.has(lan.a, VIP)
            assert not lan.has(lan.a, VIP6)
            assert not lan.has(lan.a, "10.9.0.77", "lo")
            await asyncio.sleep(0.05)
            seen = len(client.frames)
            await asyncio.sleep(0.1)
            assert len(client.frames) == seen
            assert str(VIP) not in lan.rules(lan.a)
            assert len([t for _, t in lines if "is ours and not held: removed" in t]) == 3
            await addresses.close()
            assert lan.rules(lan.a) == ""

    play(lan.a, main)


def test_a_living_daemon_is_not_disturbed_by_a_second(lan: Lan) -> None:
    owner = start_owner(lan, 900, 100)
    try:

        async def second() -> None:
            addresses = Addresses(lambda level, text: None, MARGIN)
            with pytest.raises(AgentError, match="another twinbeat that still runs"):
                await addresses.open([AddressSpec(ip=VIP)], LEASE)
            await addresses.close()

        play(lan.a, second)
        assert lan.has(lan.a, VIP)
        with client_of(lan) as client:
            play(lan.b, lambda: until(lambda: client.count("packet") > 0))
    finally:
        owner.kill()
        owner.communicate()


def test_other_addresses_after_a_reload(lan: Lan) -> None:
    lan.cable(lan.a, "eth1", "10.8.0.1/16")
    other = AddressSpec(ip=ipaddress.ip_address("10.8.7.6"))

    async def scenario(addresses: Addresses, agents: list[VirtualIp], _: Lines) -> None:
        await agents[0].start()
        assert addresses.serve(agents, soon(), True) is None
        ip("-n", lan.a, "addr", "add", "10.8.7.6/16", "dev", "eth1")
        await addresses.update([AddressSpec(ip=VIP), other])
        assert not lan.has(lan.a, "10.8.7.6", "eth1")
        assert lan.rules(lan.a).count('device "eth1"') == 2
        assert addresses.serve(agents, soon(), False) is None
        await addresses.update([other])
        assert lan.has(lan.a, VIP), "a held address stays until its agent is stopped"
        assert str(VIP) in lan.rules(lan.a)
        await agents[0].stop()
        await addresses.update([other])
        assert str(VIP) not in lan.rules(lan.a)

    on_a(lan, [AddressSpec(ip=VIP)], scenario)


def test_lifetimes_are_renewed_while_held(lan: Lan) -> None:
    async def scenario(addresses: Addresses, agents: list[VirtualIp], _: Lines) -> None:
        await agents[0].start()
        assert addresses.serve(agents, Instant(clock() + seconds(60)), True) is None

        def left() -> int:
            return next(
                int(a["valid_life_time"]) for a in lan.addresses(lan.a) if a["local"] == str(VIP)
            )

        await until(lambda: left() < 10, 4)
        addresses.tend()
        assert left() == 10

    on_a(lan, [AddressSpec(ip=VIP)], scenario)


def start_owner(lan: Lan, lease_ms: int, beat_ms: int) -> subprocess.Popen[str]:
    """Start an owner on node a and wait until it serves."""
    command = ["ip", "netns", "exec", lan.a, sys.executable]
    command += [f"{__file__.rpartition('/')[0]}/ip_owner.py", str(lease_ms), str(beat_ms)]
    owner = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == "serving\n"
    return owner


def test_the_kernel_keeps_new_addresses_to_itself(lan: Lan) -> None:
    async def main() -> None:
        told: list[str] = []

        async def missed() -> None:
            raise AssertionError("nothing was lost")

        watch = Watch(lambda level, text: None, lambda m: told.append(m["event"]), missed)
        await watch.open()
        ip("-n", lan.a, "addr", "add", "10.9.0.88/32", "dev", "lo")
        ip("-n", lan.a, "addr", "del", "10.9.0.88/32", "dev", "lo")
        await until(lambda: "RTM_DELADDR" in told)
        await watch.close()
        assert "RTM_NEWADDR" not in told

    play(lan.a, main)
