"""The lease in the kernel: it runs out by itself, and nothing but a new right brings it back."""

import asyncio
import ipaddress
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from agent_looks import is_running
from ip_lan import VIP, VIP6, Lan, client_of, ip, play, until

from twinbeat.agents import guard, libnftables, nftables
from twinbeat.agents.addresses import Addresses
from twinbeat.agents.announce import frames
from twinbeat.agents.ip import VirtualIp
from twinbeat.agents.lease import clock
from twinbeat.core.model import AddressSpec, AgentKind, ResourceSpec
from twinbeat.core.units import Duration, Instant, milliseconds, seconds

pytestmark = pytest.mark.root
SPECS = [AddressSpec(ip=VIP), AddressSpec(ip=VIP6)]
GENEROUS = milliseconds(400)
"""A margin that a busy test machine keeps: a write may take half of it."""
Lines = list[tuple[str, str]]
Scenario = Callable[[Addresses, list[VirtualIp], Lines], Awaitable[None]]


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
    scenario: Scenario,
    lease: Duration = seconds(2),
    margin: Duration = GENEROUS,
    specs: list[AddressSpec] = SPECS,
) -> None:
    """Play a scenario on node a with its addresses started."""

    async def main() -> None:
        lines: Lines = []
        addresses = Addresses(lambda level, text: lines.append((level, text)), margin)
        await addresses.open(specs, lease)
        agents = [addresses.agent(resource(spec)) for spec in specs]
        try:
            for agent in agents:
                await agent.start()
            await scenario(addresses, agents, lines)
        finally:
            await addresses.close()

    play(lan.a, main)


def after(ms: float) -> Instant:
    return Instant(clock() + milliseconds(ms))


def nft(namespace: str, command: str) -> None:
    subprocess.run(["ip", "netns", "exec", namespace, "nft", command], check=True)


def test_a_renewal_does_not_revive_a_lapsed_lease(lan: Lan) -> None:
    async def scenario(addresses: Addresses, agents: list[VirtualIp], _: Lines) -> None:
        assert addresses.kind == "nft"
        assert addresses.why == ""
        assert addresses.serve(agents, after(80), True) is None
        assert addresses.serve(agents, after(80), False) is None
        await asyncio.sleep(0.12)
        reason = addresses.serve(agents, after(1000), False)
        assert reason is not None
        assert "gone" in reason
        with client_of(lan) as client:
            await asyncio.sleep(0.1)
            assert client.frames == []
            assert addresses.serve(agents, after(2000), True) is None
            await until(lambda: client.count("packet") > 0)

    on_a(lan, scenario)


def test_not_even_a_packet_socket_speaks_without_a_lease(lan: Lan) -> None:
    async def scenario(addresses: Addresses, agents: list[VirtualIp], _: Lines) -> None:
        with client_of(lan) as client, _packet_socket() as raw:
            for frame in (f for agent in agents for f in frames(agent.spec.ip, lan.mac(lan.a))):
                with pytest.raises(OSError, match="No buffer space"):
                    raw.send(frame)
            assert addresses.serve(agents, after(2000), True) is None
            raw.send(frames(VIP, lan.mac(lan.a))[0])
            await until(lambda: client.count("garp-request") > 1)

    on_a(lan, scenario)


def test_no_descriptor_is_inherited(lan: Lan) -> None:
    before = set(os.listdir("/proc/self/fd"))

    async def scenario(_: Addresses, agents: list[VirtualIp], __: Lines) -> None:
        assert await is_running(agents[0])
        opened = [int(fd) for fd in set(os.listdir("/proc/self/fd")) - before]
        sockets = [fd for fd in opened if os.path.exists(f"/proc/self/fd/{fd}")]
        assert len(sockets) >= 4
        assert not any(os.get_inheritable(fd) for fd in sockets)

    on_a(lan, scenario)


def test_a_lease_of_one_address_lapses_for_the_whole_group(lan: Lan) -> None:
    async def scenario(addresses: Addresses, agents: list[VirtualIp], _: Lines) -> None:
        assert addresses.serve(agents[:1], after(2000), True) is None
        assert addresses.serve(agents, after(2000), False) is not None
        with client_of(lan) as client:
            await asyncio.sleep(0.1)
            assert client.frames == []

    on_a(lan, scenario)


def test_a_creation_refuses_an_existing_lease_and_leaves_silence(lan: Lan) -> None:
    async def scenario(addresses: Addresses, agents: list[VirtualIp], _: Lines) -> None:
        assert addresses.serve(agents, after(5000), True) is None
        reason = addresses.serve(agents, after(5000), True)
        assert reason is not None
        assert "was there already" in reason
        assert addresses.serve(agents, after(5000), False) is not None
        assert addresses.serve(agents, after(5000), True) is None

    on_a(lan, scenario)


def test_a_write_too_late_is_undone(lan: Lan) -> None:
    async def scenario(addresses: Addresses, agents: list[VirtualIp], _: Lines) -> None:
        reason = addresses.serve(agents, after(5000), True)
        assert reason is not None
        assert "writing it took" in reason
        reason = addresses.serve(agents, after(3), True)
        assert reason is not None
        assert "was left" in reason
        assert "elements = {" not in lan.rules(lan.a).partition("set flow4")[2].partition("}")[0]

    on_a(lan, scenario, margin=Duration(2))


def test_silence_may_be_said_twice(lan: Lan) -> None:
    async def scenario(addresses: Addresses, agents: list[VirtualIp], _: Lines) -> None:
        addresses.silence(agents)
        assert addresses.serve(agents, after(5000), True) is None
        addresses.silence(agents)
        start = time.monotonic()
        addresses.silence(agents)
        assert time.monotonic() - start < 0.1
        assert addresses.serve(agents, after(5000), False) is not None

    on_a(lan, scenario)


@pytest.mark.parametrize("blow", [signal.SIGSTOP, signal.SIGKILL])
def test_a_stopped_daemon_falls_silent_and_does_not_return(lan: Lan, blow: signal.Signals) -> None:
    lease_ms = 300
    program = str(Path(__file__).with_name("ip_owner.py"))
    command = ["ip", "netns", "exec", lan.a, sys.executable, program, str(lease_ms), "30"]
    owner = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    try:
        assert owner.stdout.readline() == "serving\n"

        async def watch_it_die() -> None:
            with client_of(lan) as client:
                await until(lambda: client.count("packet") > 20)
                owner.send_signal(blow)
                struck = time.monotonic()
                await until(lambda: time.monotonic() - client.last() > 0.5)
                silent_after = client.last() - struck
                assert 0 < silent_after < 3 * lease_ms / 1000
                assert lan.has(lan.a, VIP), "the address is still there, and guarded"
                if blow == signal.SIGSTOP:
                    seen = len(client.frames)
                    owner.send_signal(signal.SIGCONT)
                    assert owner.stdout is not None
                    line = await asyncio.to_thread(owner.stdout.readline)
                    assert line.startswith("lapsed an element of it was gone")
                    await asyncio.sleep(0.1)
                    assert len(client.frames) == seen

        play(lan.b, watch_it_die)
    finally:
        owner.kill()
        owner.communicate()


def test_others_cannot_flush_or_change_the_guard(lan: Lan) -> None:
    async def scenario(addresses: Addresses, agents: list[VirtualIp], _: Lines) -> None:
        assert addresses.serve(agents, after(5000), True) is None
        nft(lan.a, "flush ruleset")
        with pytest.raises(subprocess.CalledProcessError):
            nft(lan.a, f"add element inet twinbeat flow4 {{ {VIP} timeout 9s }}")
        assert addresses.serve(agents, after(5000), False) is None
        assert "table netdev twinbeat" in lan.rules(lan.a)

    on_a(lan, scenario)


def test_plain_tables_of_an_older_kernel_are_built_again(
    lan: Lan, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A flag that no kernel knows gets the answer that `persist` gets before Linux 6.9.
    monkeypatch.setattr(nftables, "OWNER_PERSIST", 0x80)
    other = AddressSpec(ip=ipaddress.ip_address("10.9.0.150"))

    async def scenario(addresses: Addresses, agents: list[VirtualIp], lines: Lines) -> None:
        assert addresses.kind == "nft"
        group, dark = agents[:2], agents[2:]
        assert addresses.serve(group, after(20_000), True) is None
        with client_of(lan) as client:
            await until(lambda: client.count("packet") > 0)
            nft(lan.a, "flush ruleset")
            assert addresses.serve(group, after(20_000), False) is None
            assert any("flushed" in text for _, text in lines)
            assert lan.rules(lan.a).count('device "eth0"') == 2
            nft(lan.a, "flush ruleset")
            addresses.tend()
            assert "twinbeat" in lan.rules(lan.a)
            assert addresses.serve(group, after(20_000), False) is None, "its lease was restored"
            assert addresses.serve(dark, after(20_000), False) is not None
            addresses.silence(group)
            await asyncio.sleep(0.05)
            seen = len(client.frames)
            await asyncio.sleep(0.1)
            assert len(client.frames) == seen

    on_a(lan, scenario, specs=[*SPECS, other])
    assert lan.rules(lan.a) == ""


def test_an_older_kernel_without_egress_hook(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    # A hook that no kernel has is refused as the egress hook is before Linux 5.16.
    monkeypatch.setattr(guard, "_EGRESS", 9)

    async def scenario(addresses: Addresses, agents: list[VirtualIp], _: Lines) -> None:
        assert addresses.kind == "nft"
        assert lan.rules(lan.a).count('device "eth0"') == 1
        with client_of(lan) as client:
            await asyncio.sleep(0.1)
            assert client.frames == []
            assert addresses.serve(agents, after(300), True) is None
            await until(lambda: client.count("packet") > 0)
            await until(lambda: time.monotonic() - client.last() > 0.3)

    on_a(lan, scenario)


def test_a_peers_announcement_ends_the_lease(lan: Lan) -> None:
    async def scenario(addresses: Addresses, agents: list[VirtualIp], _: Lines) -> None:
        def announce_from_b(number: int) -> None:
            async def send() -> None:
                with _packet_socket() as raw:
                    for frame in frames(agents[number].spec.ip, lan.mac(lan.b)):
                        raw.send(frame)

            play(lan.b, send)

        assert addresses.serve(agents, after(20_000), True) is None
        announce_from_b(0)
        assert addresses.serve(agents, after(20_000), False) is None, "b is not known as a peer"
        addresses.set_peer_macs([lan.mac(lan.b)])
        for number in (0, 1):
            announce_from_b(number)
            reason = addresses.serve(agents, after(20_000), False)
            assert reason is not None
            assert "a peer announced" in reason
            assert addresses.serve(agents, after(20_000), True) is None
        addresses.set_peer_macs([])
        announce_from_b(0)
        assert addresses.serve(agents, after(20_000), False) is None

    on_a(lan, scenario)


def test_a_second_interface_does_not_answer_either(lan: Lan) -> None:
    lan.cable(lan.a, "eth1", "10.9.0.13/24")

    async def scenario(addresses: Addresses, agents: list[VirtualIp], _: Lines) -> None:
        with client_of(lan) as client:
            await asyncio.sleep(0.15)
            assert client.frames == []
            assert addresses.serve(agents, after(2000), True) is None
            await until(lambda: client.count("packet") > 0)

    on_a(lan, scenario, specs=[AddressSpec(ip=VIP, interface="eth0")])


def test_without_nftables_the_address_itself_runs_out(
    lan: Lan, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_library(monkeypatch)

    async def scenario(addresses: Addresses, agents: list[VirtualIp], lines: Lines) -> None:
        assert addresses.kind == "valid_lft"
        assert "libnftables1" in addresses.why
        assert any("no guard" in text for _, text in lines)
        with client_of(lan) as client:
            assert await is_running(agents[0])
            await asyncio.sleep(0.1)
            assert client.frames == []
            assert addresses.serve(agents, after(2000), False) is not None, "nothing to renew"
            assert addresses.serve(agents, after(1000), True) is not None, "shorter than it can be"
            assert addresses.serve(agents, after(2600), True) is None
            begun = time.monotonic()
            await until(lambda: client.count("packet") > 0)
            ip("-n", lan.a, "addr", "del", f"{VIP}/24", "dev", "eth0")
            await until(lambda: lan.has(lan.a, VIP))
            await until(lambda: not lan.has(lan.a, VIP), 6)
            assert 1.0 < time.monotonic() - begun < 3 * 2.6
            # What was put back late in whole seconds is gone before the lease is over.
            await until(lambda: time.monotonic() - begun > 2.6)
            reason = addresses.serve(agents, after(2600), False)
            assert reason is not None
            assert "run out" in reason
            assert addresses.serve(agents, after(60_000), True) is None
            assert addresses.serve(agents, after(60_000), False) is None
            addresses.silence(agents)
            assert not lan.has(lan.a, VIP)
            await agents[0].stop()
            assert not await is_running(agents[0])

    on_a(lan, scenario, lease=seconds(3))
    assert not lan.has(lan.a, VIP)


def test_without_nftables_a_short_lease_is_not_claimed_to_be_kept(
    lan: Lan, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_library(monkeypatch)

    async def scenario(addresses: Addresses, agents: list[VirtualIp], _: Lines) -> None:
        assert addresses.kind == "none"
        assert "cannot keep a lease of 900 ms" in addresses.why
        assert addresses.serve(agents, after(900), True) is None
        assert lan.has(lan.a, VIP)
        await until(lambda: not lan.has(lan.a, VIP), 5)

    on_a(lan, scenario, lease=milliseconds(900))


def test_the_lease_needs_no_right_outside_of_a_user_namespace() -> None:
    program = (
        "import asyncio, subprocess, sys; sys.path[:0] = [sys.argv[1]]\n"
        "subprocess.run('ip link set lo up; ip link add eth0 type veth peer name eth9;'\n"
        "  'ip link set eth0 up; ip link set eth9 up; ip addr add 10.9.0.11/24 dev eth0;'\n"
        "  'ip addr add fd09::11/64 dev eth0 nodad', shell=True, check=True)\n"
        "import ip_owner; asyncio.run(asyncio.wait_for(ip_owner.own(400, 20), 20))\n"
    )
    here = str(Path(__file__).parent)
    command = ["unshare", "-Urn", sys.executable, "-c", program, here]
    owner = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    try:
        line = owner.stdout.readline()
        assert line == "serving\n", owner.communicate()[1]
        owner.send_signal(signal.SIGSTOP)
        silent = select.select([owner.stdout], [], [], 0.6)[0] == []
        assert silent  # Stopped, and for longer than the lease of 400 ms.
        owner.send_signal(signal.SIGCONT)
        assert owner.stdout.readline().startswith("lapsed an element of it was gone")
    finally:
        owner.kill()
        owner.communicate()


def no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make libnftables as missing as on a machine without nftables."""
    libnftables._library.cache_clear()
    monkeypatch.setattr(libnftables, "_LIBRARY", "libnftables.so.none")


def _packet_socket() -> socket.socket:
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    raw.bind(("eth0", 0))
    return raw
