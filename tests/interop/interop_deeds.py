"""Deeds: what is done to a pair, and what must come about. Rows of the matrix are made of them."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from interop_pairs import SETTLE_S
from interop_rig import ANSWER_S, WORDS, Rig

from twinbeat.control.client import Client
from twinbeat.lab import kernel, topology
from twinbeat.lab.heartbeat_daemon import TOOLS, HeartbeatDaemon
from twinbeat.lab.node import Node
from twinbeat.lab.stage import SAMPLE_S
from twinbeat.lab.topology import SEATS, SWITCH
from twinbeat.lab.view import Span
from twinbeat.scenario import Unmet

PATIENCE_S = 45.0
"""Within what time an owner must be found: Heartbeat restarts itself after a partition."""
HEALED = 1500 * kernel.MS
"""How long two may still answer after a partition was healed: until a heartbeat passed."""
LOST, TRIES, FIFO_S = "Message with zero fields", 3, 1.0
"""What Heartbeat says when it lost an order that a tool wrote, and for how long to look for it."""
BALANCED, GIVES_UP, GAVE_UP = "count is balanced", "Giving up foreign resources", "giveup() called"
"""What ipfail says of its comparison, and of what it makes of it."""


@dataclass(frozen=True)
class Deed:
    """One thing that is done, or that must come about; its text is what people read."""

    text: str
    play: Callable[["Rig"], Awaitable[None]]


def rest(seconds: float) -> Deed:
    """Let time pass."""

    async def play(rig: Rig) -> None:
        end = kernel.now() + int(seconds * 1e9)
        while kernel.now() < end:
            await asyncio.sleep(SAMPLE_S)
            await rig.check_daemons()

    return Deed(f"rest {seconds:g} s", play)


def start(number: int) -> Deed:
    """Start a daemon."""

    async def play(rig: Rig) -> None:
        await rig.node(number).daemon.start()

    return Deed(f"start node{number}", play)


def owners(one: int, other: int, *alternatives: tuple[int, int]) -> Deed:
    """Wait until each group is served by this node alone, and every daemon says so.

    Other nodes may do as well, where that depends on the programs.
    """
    allowed = [(one, other), *alternatives]

    async def play(rig: Rig) -> None:
        async def so() -> bool:
            serving = rig.serving()
            found = [pair for pair in allowed if serving == ((pair[0],), (pair[1],))]
            if not found or rig.owner_seen() != SEATS[found[0][0] - 1].name:
                return False
            if rig.setup.failback == "legacy":
                return True  # Heartbeat says nothing then.
            told = await rig.told()
            words = WORDS[found[0]]
            return all(t in (w, "does not run") for t, w in zip(told, words, strict=True))

        try:
            wanted = f"web at node{one}, the other group at node{other}"
            await rig.until(so, PATIENCE_S, wanted)
        except Unmet as unmet:
            seen = f"kernels: web at {rig.serving()[0]}, the other at {rig.serving()[1]}"
            raise Unmet(f"{unmet}; {seen}; rscstatus {await rig.told()}") from None

    return Deed(f"owners {one} {other}", play)


def owners_serve(one: int, other: int) -> Deed:
    """Wait until each group is served by this node alone, whatever the daemons say."""

    async def play(rig: Rig) -> None:
        async def so() -> bool:
            return rig.serving() == ((one,), (other,))

        await rig.until(so, PATIENCE_S, f"node{one} and node{other} serve")

    return Deed(f"served by {one} {other}", play)


def nobody() -> Deed:
    """Wait until nobody serves."""

    async def play(rig: Rig) -> None:
        async def so() -> bool:
            return rig.serving() == ((), ())

        await rig.until(so, PATIENCE_S, "nobody serves")

    return Deed("nobody serves", play)


def both_serve() -> Deed:
    """Wait until a partition has made two owners, as it must without fencing."""

    async def play(rig: Rig) -> None:
        async def so() -> bool:
            return rig.serving() == ((1, 2), (1, 2))

        await rig.until(so, PATIENCE_S, "both nodes serve both groups")

    return Deed("both serve", play)


def stop(number: int) -> Deed:
    """Stop a daemon cleanly and wait for its end."""

    async def play(rig: Rig) -> None:
        node = rig.node(number)
        try:
            code = await node.daemon.stop(PATIENCE_S)
        except TimeoutError:
            raise Unmet(f"node{number} did not end after SIGTERM") from None
        if code:
            raise Unmet(f"node{number} ended with {code}: {node.last_words()}")

    return Deed(f"stop node{number}", play)


def power_off(number: int) -> Deed:
    """Take a node's power."""

    async def play(rig: Rig) -> None:
        await rig.power_off(rig.node(number))

    return Deed(f"power off node{number}", play)


def boot(number: int) -> Deed:
    """Give a node its power back, and start its daemon."""

    async def play(rig: Rig) -> None:
        await rig.power_on(rig.node(number))
        await rig.node(number).daemon.start()

    return Deed(f"boot node{number}", play)


def kill(number: int) -> Deed:
    """Kill a daemon; what it managed lives on."""

    async def play(rig: Rig) -> None:
        await rig.node(number).daemon.kill()

    return Deed(f"kill the daemon of node{number}", play)


def freeze(number: int) -> Deed:
    """Stop a daemon where it stands."""

    async def play(rig: Rig) -> None:
        rig.node(number).daemon.freeze()

    return Deed(f"freeze the daemon of node{number}", play)


def thaw(number: int) -> Deed:
    """Let a frozen daemon go on."""

    async def play(rig: Rig) -> None:
        rig.node(number).daemon.thaw()

    return Deed(f"thaw the daemon of node{number}", play)


def standby(number: int, share: str) -> Deed:
    """Let a node give a share away: `hb_standby SHARE`, the tool of its own program."""
    return _order(number, "hb_standby", share)


def takeover(number: int, share: str) -> Deed:
    """Let a node take a share: `hb_takeover SHARE`, the tool of its own program."""
    return _order(number, "hb_takeover", share)


def _order(number: int, name: str, share: str) -> Deed:
    return Deed(f"node{number}: {name} {share}", lambda rig: _move(rig, number, name, share))


async def _move(rig: Rig, number: int, name: str, share: str) -> None:
    daemon = rig.node(number).daemon
    if isinstance(daemon, HeartbeatDaemon):
        await _tool(rig.node(number), daemon, name, share)
        return
    tool = f"twinbeat.cli.heartbeat.{name}"
    where = f"TWINBEAT_SOCKET={daemon.place.socket}"
    await topology.command("env", where, sys.executable, "-m", tool, share)


async def _tool(node: Node, daemon: HeartbeatDaemon, name: str, share: str) -> None:
    """Run one of Heartbeat's tools, again where Heartbeat lost what it wrote into the FIFO."""
    for _ in range(TRIES):
        await daemon.tool(str(TOOLS / name), share)
        written = kernel.now()
        await asyncio.sleep(FIFO_S)
        node.read_log()
        if not any(LOST in line.text for line in node.lines if line.at >= written):
            return


def ipfail_settled() -> Deed:
    """Wait until Heartbeat's ipfail has made its first comparison, and what follows from it.

    With equal counts it gives up the foreign resources half a second later, also those that it does
    not hold; an order of an operator in that moment is lost, on a pair of Heartbeats as well.
    """

    async def play(rig: Rig) -> None:
        async def so() -> bool:
            told = [line.text for node in rig.nodes for line in node.lines]
            due, done = (sum(word in text for text in told) for word in (GIVES_UP, GAVE_UP))
            return any(BALANCED in text for text in told) and done >= due

        await rig.until(so, PATIENCE_S, "ipfail has compared the ping nodes")

    return Deed("ipfail has compared the ping nodes", play)


def spoil(number: int) -> Deed:
    """Let the web server's script fail to start on a node; it stops as before."""

    async def play(rig: Rig) -> None:
        script = rig.node(number).place.config / "resource.d" / "httpd"
        text = script.read_text().replace(
            "\ncase $1 in\n", '\n[ "$1" = start ] && exit 1\ncase $1 in\n'
        )
        script.write_text(text)

    return Deed(f"httpd no longer starts on node{number}", play)


def cut() -> Deed:
    """Part the nodes: no frame passes between them; the client keeps its cables."""

    async def play(rig: Rig) -> None:
        rig.cut_since = kernel.now()
        rig.excused.append(Span(kernel.now(), 2**63))
        await _rules('iifname "node*" oifname "node*" drop')

    return Deed("cut every cable between the nodes", play)


def cut_from(number: int) -> Deed:
    """Let the other node hear nothing of this one, while this one hears everything."""

    async def play(rig: Rig) -> None:
        await _rules(f'iifname "node{number}-*" oifname "node{3 - number}-*" drop')

    return Deed(f"cut what node{number} says", play)


def cut_from_client(number: int) -> Deed:
    """Cut a node from the client, its ping node, and from nothing else."""

    async def play(rig: Rig) -> None:
        await _rules(f'iifname "node{number}-0" oifname "client0" drop')

    return Deed(f"cut node{number} from the client", play)


def heal() -> Deed:
    """Mend the cables."""

    async def play(rig: Rig) -> None:
        if rig.cut_since is not None:
            rig.excused[-1] = Span(rig.cut_since, kernel.now() + HEALED)
        await _rules("")

    return Deed("heal", play)


def lose(percent: int) -> Deed:
    """Lose a part of all heartbeats by chance, in both directions."""

    async def play(rig: Rig) -> None:
        await _rules(f"udp dport 694 numgen random mod 100 < {percent} drop" if percent else "")

    return Deed(f"lose {percent} % of the heartbeats", play)


async def _rules(rule: str) -> None:
    table = "table bridge cuts\ndelete table bridge cuts\ntable bridge cuts {\n chain forward {\n"
    text = f"{table}type filter hook forward priority 0;\n{rule}\n}}\n}}\n"
    await topology.command("ip", "netns", "exec", SWITCH, "nft", "-f", "-", text=text)


def keys(text: str, *numbers: int) -> Deed:
    """Write authkeys on these nodes and have their daemons read them."""

    async def play(rig: Rig) -> None:
        for number in numbers:
            node = rig.node(number)
            # Heartbeat compares times in whole seconds with that of its last reading.
            path = node.place.config / "authkeys"
            path.write_text(text)
            later = path.stat().st_mtime + 2 * (1 + len(rig.marks))
            os.utime(path, (later, later))
            rig.mark(f"authkeys of node{number}")
            await _reread(node)

    return Deed(f"authkeys {' / '.join(text.split(chr(10))[:-1])} on {numbers}", play)


def reload(number: int) -> Deed:
    """Have a daemon read its ha.cf again: Heartbeat begins a new life and keeps its resources."""

    async def play(rig: Rig) -> None:
        node = rig.node(number)
        path = node.place.config / "ha.cf"
        later = path.stat().st_mtime + 10
        os.utime(path, (later, later))
        await _reread(node)

    return Deed(f"reload node{number}", play)


async def _reread(node: Node) -> None:
    if isinstance(node.daemon, HeartbeatDaemon):
        os.kill(node.daemon.pid, signal.SIGHUP)
        return
    async with Client(node.place.socket, ANSWER_S) as client:
        await client.reload()


def midway(deed: Deed) -> Deed:
    """Do something in the midst of a move: as soon as node1 has let web go."""

    async def play(rig: Rig) -> None:
        async def let_go() -> bool:
            return 1 not in rig.serving()[0]

        await rig.until(let_go, PATIENCE_S, "node1 lets web go")
        await deed.play(rig)

    return Deed(f"{deed.text} midway", play)


def together(*deeds: Deed) -> Deed:
    """Do several things at once."""

    async def play(rig: Rig) -> None:
        await asyncio.gather(*(deed.play(rig) for deed in deeds))

    return Deed(" and ".join(deed.text for deed in deeds), play)


def sequence(*parts: Deed | Sequence[Deed]) -> tuple[Deed, ...]:
    """Join deeds and rows of deeds."""
    return tuple(deed for part in parts for deed in ([part] if isinstance(part, Deed) else part))


def calm() -> Deed:
    """Let the pair settle between two moves."""
    return rest(SETTLE_S)
