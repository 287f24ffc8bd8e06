"""One session with Heartbeat's tools, played beside either daemon and written down as a text.

What differs from run to run is replaced: times, process numbers, directories, and what stands in
parentheses behind the version.
"""

import asyncio
import os
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from twinbeat.lab.contender import Contender
from twinbeat.lab.files import HOME
from twinbeat.lab.heartbeat_daemon import PROGRAM, TOOLS, HeartbeatDaemon
from twinbeat.lab.node import Node
from twinbeat.lab.stage import Stage

N1, N2 = "node1.example.com", "node2.example.com"
HARESOURCES = f"{N1} 192.168.0.140/24/eth0 httpd\n{N2} 192.168.0.141/24/eth0 slow\n"
SLOW = """\
#!/bin/sh
# A resource that stops only when nobody holds it back any more.
case $1 in
start) touch {run} ;;
stop)
    while [ -e {hold} ]; do sleep 0.05; done
    rm -f {run}
    ;;
status) if [ -e {run} ]; then echo running; else echo stopped; exit 3; fi ;;
esac
"""
ENTER_HEARTBEAT = """\
set -e
mount --bind {place.config} /etc/ha.d
mount --bind {place.state} /var/lib/heartbeat
mount --bind {home} {run}/lab
mount --rbind {run} /run
hostname {name}
exec "$@"
"""
ENTER_TWINBEAT = """\
hostname {name}
TWINBEAT_SOCKET={place.socket}; export TWINBEAT_SOCKET
exec "$@"
"""
PATHS = {
    "cl_status": Path("/usr/bin"),
    "heartbeat": PROGRAM.parent,
    "hb_standby": TOOLS,
    "hb_takeover": TOOLS,
}
OURS = Path(sys.executable).parent

NODE_WORDS = ("", N1, "nosuch", f"-m {N1}", f"{N1} -m", f"-x {N1}")
EVERYTHING = (
    *("cl_status", "cl_status -h", "cl_status --help", "cl_status bogus", "cl_status -m"),
    "cl_status parameter -p keepalive",
    *(f"cl_status hbstatus {w}" for w in ("", "-v", "-m", "-vm", "-x", "extra")),
    *(f"cl_status listnodes {w}" for w in ("", "-n", "-p", "-v", "-m", "-pn", "-vm", "-x", "a")),
    *(f"cl_status nodestatus {w}" for w in (*NODE_WORDS, "NODE1.example.com", "-m", f"{N1} {N2}")),
    *(f"cl_status nodetype {w}" for w in NODE_WORDS),
    *(f"cl_status nodeweight {w}" for w in NODE_WORDS),
    *(f"cl_status nodesite {w}" for w in NODE_WORDS),
    *(f"cl_status listhblinks {w}" for w in (*NODE_WORDS, f"-v {N2}", f"-vm {N2}")),
    *(f"cl_status hblinkstatus {w}" for w in ("", N1, f"{N1} eth1", f"{N2} eth1")),
    *(f"cl_status hblinkstatus {w}" for w in (f"-m {N1} eth1", f"{N2} eth9", "nosuch eth1")),
    *(f"cl_status hblinkstatus {w}" for w in (f"{N2} eth1 x", f"-x {N2} eth1")),
    *(f"cl_status clientstatus {w}" for w in ("", N1, f"{N1} ipfail 4000")),
    *(f"cl_status clientstatus {w}" for w in ("nosuch ipfail", f"{N2} ipfail 4000")),
    *(f"cl_status clientstatus {w}" for w in (f"{N2} ipfail x", f"-m {N2} ipfail 4000")),
    *(f"cl_status clientstatus {w}" for w in (f"-x {N1} ipfail", f"{N1} ipfail 4000 x")),
    *(f"cl_status rscstatus {w}" for w in ("", "-m", "-x", "-v", "extra")),
    *(f"cl_status hbparameter {w}" for w in ("", "-p", "keepalive", "-p keepalive extra")),
    *(f"cl_status hbparameter {w}" for w in ("-m -p keepalive", "-x", "-p ''", "-pkeepalive")),
)
NO_DAEMON = (
    *(
        "cl_status",
        "cl_status -h",
        "cl_status bogus",
        "cl_status hbstatus",
        "cl_status hbstatus -v",
    ),
    *(
        "cl_status hbstatus -x",
        "cl_status hbstatus -vm",
        "cl_status listnodes",
        "cl_status nodetype",
    ),
    *("cl_status nodestatus", f"cl_status nodestatus {N1}", f"cl_status nodestatus -x {N1}"),
    *("cl_status rscstatus", "cl_status hbparameter -p keepalive", "cl_status hbparameter"),
    *(f"cl_status listhblinks {N1}", f"cl_status hblinkstatus {N1} eth1", "cl_status nodeweight"),
    *(f"cl_status clientstatus {N1} ipfail 4000", "cl_status nodesite"),
)
PARAMETERS = (
    *("apiauth", "auto_failback", "bcast", "deadping", "deadtime", "debugfile", "hbversion"),
    *("initdead", "keepalive", "KEEPALIVE", "logfile", "msgfmt", "node", "nosuch", "realtime"),
    *("udpport", "warntime"),
)
LOOK = (
    *("cl_status hbstatus", "cl_status hbstatus -v", "cl_status listnodes -v"),
    *(f"cl_status nodestatus {N1}", f"cl_status nodestatus {N2}", f"cl_status nodestatus -m {N2}"),
    *(f"cl_status hblinkstatus {N2} eth1", f"cl_status hblinkstatus -m {N2} eth1"),
    f"cl_status clientstatus {N2} ipfail 4000",
    *("cl_status rscstatus", "cl_status rscstatus -m"),
)
HOLDS = ("cl_status rscstatus", "cl_status rscstatus -m")
WRONG_WORDS = ("bad", "a b", "--help", "-h", "all local")
HEARTBEAT = ("-s", "-k", "-V", "-D", "-z", "-h", "--help", "-sz", "-C")
MOVES = (
    (N2, "hb_takeover all"),
    (N1, "hb_takeover local"),
    (N1, "hb_standby local"),
    (N1, "hb_takeover"),
    (N1, "hb_standby foreign"),
    (N2, "hb_standby local"),
    (N1, "hb_standby"),
    (N2, "hb_standby failback"),
)

SAME = (
    (re.compile(r"^[A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d "), "TIME "),
    (re.compile(r"(?<=: )\[\d+\](?=: )"), "[PID]"),
    (re.compile(r"\bpid \d+\b"), "pid PID"),
    (re.compile(r"\(node: [0-9a-f]+\)|\(twinbeat \S+\)"), "(...)"),
    (re.compile(r"\S*/(?=(hb_standby|hb_takeover|heartbeat)\b)"), ""),
)


def prepare(stage: Stage) -> None:
    """Give each node a group that prefers it; the second one's can be held back from stopping."""
    for node in stage.nodes:
        place = node.daemon.place
        (place.config / "haresources").write_text(HARESOURCES)
        script = place.config / "resource.d" / "slow"
        script.write_text(SLOW.format(run=place.root / "slow.run", hold=_hold(node)))
        script.chmod(0o755)


def _hold(node: Node) -> Path:
    return node.daemon.place.root / "slow.hold"


class Session:
    """Runs tools on the nodes of a stage and keeps what they said."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._lines: list[str] = []

    @property
    def text(self) -> str:
        """What was written down so far."""
        return "\n".join(self._lines) + "\n"

    async def play(self) -> None:
        """Play everything, from the first start to the last stop."""
        first, second = self._stage.nodes
        await self._look(first, "no daemon was ever started", NO_DAEMON)
        await self._look(first, "", tuple(f"heartbeat {w}" for w in HEARTBEAT))
        for tool in ("hb_standby", "hb_takeover"):
            await self._look(first, "", tuple(f"{tool} {w}" for w in WRONG_WORDS))
        await first.daemon.start()
        await second.daemon.start()
        await self._holding(("local", "local"))
        await self._look(first, "both are up", EVERYTHING)
        await self._look(first, "", tuple(f"cl_status hbparameter -p {p}" for p in PARAMETERS))
        await self._look(first, "", ("heartbeat -s", "heartbeat -v -s"))
        await self._look(first, "its last line", ("heartbeat -r", "heartbeat"), last=True)
        await self._look(second, "both are up", LOOK)
        await self._move()
        await second.daemon.kill()
        await self._left_alone(first)
        await self._look(first, "the other node is dead", LOOK)
        await self._look(first, "the end", ("heartbeat -k", "heartbeat -k"))
        assert await first.daemon.ended() == 0

    async def _move(self) -> None:
        first, second = self._stage.nodes
        _hold(second).touch()
        await self._look(second, "both are up", ("hb_standby local",))
        await self._holding(("transition", "transition"))
        await self._look(first, "a group is on its way", LOOK)
        await self._look(second, "a group is on its way", HOLDS)
        _hold(second).unlink()
        before = await self._holding(("all", "none"))
        for name, words in MOVES:
            node = first if name == N1 else second
            await self._look(node, "a move", (words,))
            before = await self._moved(before)
            for each in self._stage.nodes:
                await self._look(each, "after the move", HOLDS[:1])

    async def _look(self, node: Node, when: str, cases: Sequence[str], last: bool = False) -> None:
        if when:
            self._lines += [f"== {node.name}: {when}", ""]
        for case in cases:
            words = shlex.split(case)
            code, out, err = await run(node.daemon, words)
            shown = err[-1:] if last else err
            self._lines += [f"$ {shlex.join(words)}", *out, *(f"! {line}" for line in shown)]
            self._lines += [f"-> {code}", ""]

    async def _rscstatus(self) -> tuple[str, ...]:
        told = [(await run(node.daemon, HOLDS[0].split()))[1] for node in self._stage.nodes]
        return tuple("".join(lines) for lines in told)

    async def _holding(self, wanted: tuple[str, ...]) -> tuple[str, ...]:
        async def holding() -> bool:
            return await self._rscstatus() == wanted

        await self._stage.until(holding, 40, f"rscstatus tells {wanted}")
        return wanted

    async def _left_alone(self, node: Node) -> None:
        async def alone() -> bool:
            state = (await run(node.daemon, ["cl_status", "nodestatus", N2]))[1]
            have = (await run(node.daemon, HOLDS[0].split()))[1]
            return (state, have) == (["dead"], ["all"])

        await self._stage.until(alone, 20, f"{node.name} has what the dead node had")

    async def _moved(self, before: tuple[str, ...]) -> tuple[str, ...]:
        """Wait until the nodes hold something else than before, and tell it twice in a row."""
        seen: list[tuple[str, ...]] = [before]

        async def moved() -> bool:
            seen.append(await self._rscstatus())
            return seen[-1] == seen[-2] != before and "transition" not in seen[-1]

        await self._stage.until(moved, 20, f"the nodes hold something else than {before}")
        return seen[-1]


async def run(daemon: Contender, words: Sequence[str]) -> tuple[int, list[str], list[str]]:
    """Run a tool where the daemon lives; return its exit code, stdout and stderr by lines."""
    if isinstance(daemon, HeartbeatDaemon):
        enter = ENTER_HEARTBEAT.format(
            place=daemon.place, home=HOME, run=daemon.run, name=daemon.seat.name
        )
        program = PATHS[words[0]] / words[0]
    else:
        enter = ENTER_TWINBEAT.format(place=daemon.place, name=daemon.seat.name)
        program = OURS / words[0]
    child = await asyncio.create_subprocess_exec(
        *("ip", "netns", "exec", daemon.seat.namespace, "unshare", "--uts"),
        *("sh", "-c", enter, "sh", str(program), *words[1:]),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "LC_ALL": "C"},
    )
    async with asyncio.timeout(60):
        out, err = await child.communicate()
    assert child.returncode is not None
    return child.returncode, _lines(out), _lines(err)


def _lines(output: bytes) -> list[str]:
    lines = output.decode().splitlines()
    for pattern, same in SAME:
        lines = [pattern.sub(same, line) for line in lines]
    return lines
