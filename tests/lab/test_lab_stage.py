"""The laboratory itself, with addresses moved by hand and no daemon."""

import asyncio
import os
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from lab_cage import in_cage

from twinbeat.lab import files, kernel, topology
from twinbeat.lab.files import TIMINGS, Place
from twinbeat.lab.ownership import Ownership, Standing
from twinbeat.lab.stage import Stage
from twinbeat.lab.topology import SEATS, SWITCH, VIRTUAL_IP, command
from twinbeat.lab.view import Span, summary, total

pytestmark = pytest.mark.root

MS = kernel.MS

Caged = Callable[[Callable[[], Awaitable[Any]]], Any]


@pytest.fixture
def caged(tmp_path: Path) -> Caged:
    return lambda body: in_cage(body, tmp_path)


async def address(namespace: str, verb: str) -> int:
    await command("ip", "-n", namespace, "address", verb, f"{VIRTUAL_IP}/24", "dev", "eth0")
    return kernel.now()


async def httpd(namespace: str, verb: str) -> None:
    script = f"/run/lab/{namespace}/ha.d/resource.d/httpd"
    await command("ip", "netns", "exec", namespace, script, verb)


async def served_by(stage: Stage, node: str | None) -> None:
    async def seen() -> bool:
        return stage.owner_seen() == node

    await stage.until(seen, 10, f"the client sees {node}")


async def reached(stage: Stage, at: int) -> None:
    async def passed() -> bool:
        return kernel.now() >= at

    await stage.until(passed, 10, "time passes")


def test_an_interruption_is_measured(caged: Caged) -> None:
    async def body() -> Any:
        async with Stage(TIMINGS["fast"]) as stage:
            await address("node1", "add")
            await httpd("node1", "start")
            await served_by(stage, "node1.example.com")
            start = kernel.now()
            gone = await address("node1", "del")
            await reached(stage, gone + 100 * MS)
            back = await address("node1", "add")
            await served_by(stage, "node1.example.com")
            window = Span(start, await stage.settle())
            ping, http = summary(stage.view.pings, window), summary(stage.view.pages, window)
            return {
                "away_ms": (back - gone) / MS,
                "ping_ms": ping.gap / MS,
                "http_ms": http.gap / MS,
                "lost": ping.lost,
                "two": stage.view.two_answered(window) + stage.ownership.two_served(window),
            }

    seen = caged(body)
    assert 100 <= seen["away_ms"] < 200
    # A probe every 5 ms can be late by as much at both ends, and the machine may be busy.
    assert seen["away_ms"] - 10 <= seen["ping_ms"] <= seen["away_ms"] + 50
    assert seen["away_ms"] - 20 <= seen["http_ms"] <= seen["away_ms"] + 150
    assert seen["lost"] > 10
    assert seen["two"] == []


def test_two_owners_are_seen_by_the_client_and_by_the_kernels(caged: Caged) -> None:
    async def body() -> Any:
        async with Stage(TIMINGS["fast"]) as stage:
            start = kernel.now()
            await address("node1", "add")
            both = await address("node2", "add")
            await reached(stage, both + 100 * MS)
            await address("node1", "del")
            window = Span(start, await stage.settle())
            return [
                total(stage.view.two_answered(window)) / MS,
                total(stage.ownership.two_served(window)) / MS,
            ]

    by_client, by_kernels = caged(body)
    assert 60 <= by_client <= 250
    assert 60 <= by_kernels <= 250


def test_an_address_behind_a_lapsed_lease_is_no_owner(caged: Caged) -> None:
    guard = f"""
        add table inet twinbeat
        add set inet twinbeat vip4 {{ type ipv4_addr; }}
        add set inet twinbeat flow4 {{ type ipv4_addr; flags timeout; }}
        add element inet twinbeat vip4 {{ {VIRTUAL_IP} }}
        add element inet twinbeat flow4 {{ {VIRTUAL_IP} timeout 300ms }}
    """

    async def body() -> Any:
        await topology.build_switches()
        await topology.build_node(SEATS[0])
        ownership = Ownership(VIRTUAL_IP)
        ownership.watch("node1", "node1")
        seen = []

        def look() -> Standing:
            ownership.sample()
            seen.append(str(ownership.standing("node1")))
            return ownership.standing("node1")

        look()
        await address("node1", "add")
        look()
        await command("ip", "netns", "exec", "node1", "nft", "-f", "-", text=guard)
        look()
        deadline = kernel.now() + 5_000 * MS
        while look() is Standing.SERVING and kernel.now() < deadline:
            await asyncio.sleep(0)
        ownership.forget("node1")
        seen.append(str(ownership.standing("node1")))
        return list(dict.fromkeys(seen))

    assert caged(body) == ["none", "serving", "silent", "off"]


def test_power_off_takes_every_process_and_both_cables(caged: Caged) -> None:
    async def body() -> Any:
        async with Stage(TIMINGS["fast"]) as stage:
            await address("node1", "add")
            await httpd("node1", "start")
            await served_by(stage, "node1.example.com")
            alive = len(list(topology.processes("node1")))
            await stage.power_off(stage.first)
            ports = await command("ip", "-n", SWITCH, "-o", "link")
            spaces = sorted(os.listdir("/run/netns"))
            await stage.power_on(stage.first)
            await address("node1", "add")
            await httpd("node1", "start")
            await served_by(stage, "node1.example.com")
            return [alive, "node1" in ports, spaces]

    alive, cabled, spaces = caged(body)
    assert alive >= 1
    assert not cabled
    assert spaces == ["client", "node2", "switch"]


def test_a_stage_leaves_nothing_and_can_be_built_again(caged: Caged) -> None:
    async def body() -> Any:
        for _ in range(2):
            async with Stage(TIMINGS["fast"]):
                pass
        return os.listdir("/run/netns")

    assert caged(body) == []


def test_a_stage_that_cannot_be_built_is_taken_away(caged: Caged) -> None:
    async def body() -> Any:
        Path("/run/netns/node2").touch()
        try:
            async with Stage(TIMINGS["fast"]):
                return "built"
        except topology.BuildError as error:
            return [str(error).split(":")[0], sorted(os.listdir("/run/netns"))]

    assert caged(body) == ["ip netns add node2", ["node2"]]


def test_the_files_are_those_of_heartbeat(caged: Caged) -> None:
    async def body() -> Any:
        files.write_all(TIMINGS["fast"])
        place = Place(SEATS[0])
        authkeys, script = place.config / "authkeys", place.config / "resource.d" / "httpd"
        return [
            (place.config / "ha.cf").read_text(),
            (place.config / "haresources").read_text(),
            authkeys.read_text() == (Place(SEATS[1]).config / "authkeys").read_text(),
            stat.S_IMODE(authkeys.stat().st_mode),
            stat.S_IMODE(script.stat().st_mode),
        ]

    ha_cf, haresources, same_key, key_mode, script_mode = caged(body)
    assert haresources == "node1.example.com 192.168.0.140 httpd\n"
    assert "\nkeepalive 200ms\nwarntime 500ms\ndeadtime 1000ms\ninitdead 2000ms\n" in ha_cf
    assert "\nudpport 694\nbcast eth1\n" in ha_cf, "udpport must precede the media"
    assert same_key
    assert key_mode == 0o600
    assert script_mode == 0o755


def test_the_script_is_an_init_script(caged: Caged) -> None:
    async def body() -> Any:
        await topology.build_switches()
        await topology.build_node(SEATS[0])
        files.write_all(TIMINGS["fast"])
        codes = []
        for verb in ("status", "start", "start", "status", "stop", "stop", "status", "dance"):
            process = await asyncio.create_subprocess_exec(
                *("ip", "netns", "exec", "node1", "/run/lab/node1/ha.d/resource.d/httpd", verb),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            codes.append(await process.wait())
        return [codes, list(topology.processes("node1"))]

    codes, left = caged(body)
    assert codes == [3, 0, 0, 0, 0, 0, 3, 2]
    assert left == []
