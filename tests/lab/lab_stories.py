"""Stories of real services in the laboratory, each told as JSON: `python lab_stories.py NAME`.

What the stories see is judged in test_lab_services.py.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

from lab_services import (
    CALM,
    HERE,
    QUICK,
    SHARED,
    WATCHFUL,
    HousedDaemon,
    Services,
    cluster,
    journal,
    now,
    pid_in,
    resource,
    send,
)

from real_services import APACHE, NGINX, Database, apache, children, nginx, page
from twinbeat.control.shapes import GroupShape
from twinbeat.lab import cage
from twinbeat.lab.files import GROUP
from twinbeat.lab.ownership import KernelWatch
from twinbeat.lab.topology import SEATS, command

Told = dict[str, Any]
RESTARTING, RESTARTED, FAILED = "group restarting", "group restarted", "group failed"
FIRST = SEATS[0].name


def web(daemon: HousedDaemon) -> None:
    """Lay out a web server's directory, the same on every node but for the page."""
    page(daemon.here, daemon.seat.name)
    nginx(daemon.here, "80", HERE)


NGINX_HERE = {"configfile": str(HERE / "nginx.conf"), "httpd": NGINX}


def policy(restarts: int) -> str:
    """Return what a group says of restarts, in a window that no story outlasts."""
    return f'restarts = {restarts}\nwindow = "5m"\nexpiry = "5m"'


async def killed(lab: Services, number: int, pid: int) -> Told:
    """Kill a service, wait until the group was restarted there, and tell what was seen."""
    at = now()
    send(signal.SIGKILL, pid)
    (restarting,) = await lab.told(number, RESTARTING, at)
    (restarted,) = await lab.told(number, RESTARTED, at)
    await lab.owner(number)
    return {
        "noticed_ms": (restarting["at"] - at) / 1e6,
        "restarted_ms": (restarted["at"] - at) / 1e6,
        "evidence": restarting.get("evidence"),
        **await lab.client(at),
    }


async def story_of_nginx() -> Told:
    """The OCF agent's nginx dies in several ways, and so does the daemon that watches it."""
    one = resource("ocf", "heartbeat:nginx", NGINX_HERE, monitor="500ms")
    async with Services(CALM, cluster(CALM, one, policy=policy(2)), web) as lab:
        await lab.boot()
        first, file = lab.daemon(1), lab.daemon(1).here / "nginx.pid"
        told: Told = {}

        start, master = now(), pid_in(file)
        os.kill(children(master)[0], signal.SIGKILL)
        await lab.rest(1.5)
        told["worker"] = {
            "same_master": pid_in(file) == master,
            "journal": journal(await first.entries_since(start)),
        }

        told["killed"] = [await killed(lab, 1, pid_in(file)) for _ in range(2)]
        told["another_master"] = pid_in(file) not in (0, master)

        send(signal.SIGKILL, pid_in(file))
        await lab.owner(2)
        barred = await lab.says(2, "node1 is barred", lambda g: FIRST in g.get("bars", {}))
        told["moved"] = {"bars": barred.get("bars"), "reasons": barred["reasons"]}

        await lab.ask(2, "clear")
        await lab.owner(1)
        told["cleared"] = (await first.group()).get("bars")
        return told


async def story_of_what_runs_already() -> Told:
    """httpd runs when a daemon starts: its own of before, and one that somebody else started."""
    async with Services(CALM, haresources="192.168.0.140 httpd") as lab:
        await lab.boot()
        first, second = lab.daemon(1), lab.daemon(2)
        pid, again = pid_in(first.place.httpd), now()
        await first.kill()
        await first.start()
        found = await lab.told(1, "group found", again)
        await lab.told(1, "group held", again)
        await lab.owner(1)
        told: Told = {
            "same_process": pid_in(first.place.httpd) == pid,
            "found": [entry.get("evidence") for entry in found],
            "client": await lab.client(again),
            "second_started": "group starting" in journal(await second.entries_since(again)),
        }

        await second.stop(10)
        await lab.inside(2, str(second.place.config / "resource.d" / "httpd"), "start")
        foreign, begun = pid_in(second.place.httpd), now()
        await second.start()
        await lab.told(2, "node active", begun)

        async def gone() -> bool:
            return not Path(f"/proc/{foreign}").exists()

        await lab.until(gone, "node2 stops what it found")
        await lab.owner(1)
        told["foreign"] = {
            "there": foreign > 0,
            "starts": "group starting" in journal(await second.entries_since(begun)),
            "still": pid_in(first.place.httpd) == pid,
        }
        return told


async def story_of_apache() -> Told:
    """Heartbeat's line for apache in haresources: a worker dies, then the main process."""

    def furnish(daemon: HousedDaemon) -> None:
        page(daemon.here, daemon.seat.name)
        apache(daemon.here, "80", HERE)

    line = f"192.168.0.140 apache::{HERE}/apache.conf"
    async with Services(CALM, furnish=furnish, haresources=line) as lab:
        await lab.boot()
        file = lab.daemon(1).here / "apache.pid"
        start, main = now(), pid_in(file)
        os.kill(children(main)[0], signal.SIGKILL)
        await lab.rest(1)
        worker = {
            "same_main": pid_in(file) == main,
            "journal": journal(await lab.daemon(1).entries_since(start)),
        }
        return {"worker": worker, "killed": await killed(lab, 1, main)}


async def story_of_a_hang() -> Told:
    """Every process of apache stands still: its looks overrun, and two in a row are a failure."""

    def furnish(daemon: HousedDaemon) -> None:
        page(daemon.here, daemon.seat.name)
        apache(daemon.here, "80", HERE)

    parameters = {
        "configfile": str(HERE / "apache.conf"),
        "httpd": APACHE,
        "statusurl": "http://127.0.0.1/server-status",
    }
    times = {"monitor": "300ms", "monitor_timeout": "1500ms", "stop_timeout": "20s"}
    one = resource("ocf", "heartbeat:apache", parameters, fall="2", **times)
    async with Services(WATCHFUL, cluster(WATCHFUL, one), furnish) as lab:
        await lab.boot()
        await lab.says(1, "apache was looked at", _found_running)
        start, main = now(), pid_in(lab.daemon(1).here / "apache.pid")
        send(signal.SIGSTOP, main)
        looks = await lab.told(1, "resource looked at", start)
        (restarting,) = await lab.told(1, RESTARTING, start)
        # A process that stands still hears no SIGTERM; the agent's SIGKILL comes much later.
        send(signal.SIGCONT, main)
        await lab.told(1, RESTARTED, start)
        await lab.owner(1)
        return {
            "looks": [entry.get("evidence") for entry in looks],
            "because": restarting["because"],
            "late_beats": sum(
                entry["what"] in ("peer late", "peer late beat", "peer dead")
                for entry in await lab.daemon(2).entries_since(start)
            ),
        }


def _found_running(group: GroupShape) -> bool:
    looked = group["resources"][-1].get("looked")
    return looked is not None and looked["found"] == "running"


DISK = {"device": str(HERE / "disk"), "directory": str(HERE / "mnt"), "fstype": "ext4"}


async def story_of_a_full_disk() -> Told:
    """nginx's disk is full: it cannot start again, and goes where there is room."""

    def furnish(daemon: HousedDaemon) -> None:
        web(daemon)
        (daemon.here / "mnt").mkdir()
        with (daemon.here / "disk").open("wb") as file:
            file.truncate(1 << 20)
        os.system(f"mkfs.ext4 -q -F {daemon.here / 'disk'}")
        config = daemon.here / "nginx.conf"
        config.write_text(config.read_text().replace(f"{HERE}/nginx.pid", f"{HERE}/mnt/nginx.pid"))

    disk = resource("ocf", "heartbeat:Filesystem", {**DISK, "options": "loop"}, monitor="1s")
    one = resource("ocf", "heartbeat:nginx", NGINX_HERE, monitor="1s", start_timeout="5s")
    async with Services(QUICK, cluster(QUICK, disk, one, policy=policy(1)), furnish) as lab:
        await lab.boot()
        start = now()
        pid = await lab.inside(1, "cat", f"{HERE}/mnt/nginx.pid")
        # The small files take what one large one leaves: of blocks, or of inodes.
        fill = "cat /dev/zero >>full; for i in $(seq 999); do echo $i >$1$i || break; done"
        script = (
            f"cd {HERE}/mnt; fill() {{ {fill}; }}; fill a; rm nginx.pid; sync -f .; fill b; true"
        )
        await lab.inside(1, "sh", "-c", script)
        send(signal.SIGKILL, int(pid))
        await lab.owner(2)
        barred = await lab.says(2, "node1 is barred", lambda g: FIRST in g.get("bars", {}))
        await lab.inside(2, "test", "-s", f"{HERE}/mnt/nginx.pid")
        return {
            "bars": barred.get("bars"),
            "journal": journal(await lab.daemon(1).entries_since(start)),
            "mounted": f"{HERE}/mnt" in await lab.inside(1, "cat", "/proc/mounts"),
        }


async def story_of_a_missing_program() -> Told:
    """nginx is installed on node2 only, and then nowhere."""
    one = resource("ocf", "heartbeat:nginx", NGINX_HERE, monitor="1s")
    async with Services(QUICK, cluster(QUICK, one, policy=policy(1)), web) as lab:
        # Where every program has its place, an empty device instead: the agent looks everywhere.
        await lab.daemon(1).move_in()
        await lab.inside(1, "mount", "--bind", "/dev/null", NGINX)
        for node in lab.nodes:
            await node.daemon.start()
        await lab.owner(2)
        told: Told = {"bars": (await lab.daemon(2).group()).get("bars")}
        await lab.inside(2, "mount", "--bind", "/dev/null", NGINX)
        send(signal.SIGKILL, pid_in(lab.daemon(2).here / "nginx.pid"))
        nowhere = [
            await lab.says(number, "no node can run it", lambda g: bool(g.get("nowhere")))
            for number in (1, 2)
        ]
        told["nowhere"] = [group.get("nowhere") for group in nowhere]
        told["owner"] = nowhere[0]["owner"]
        await lab.inside(1, "umount", NGINX)
        await lab.ask(1, "clear")
        await lab.owner(1)
        return told


async def story_of_a_stop_that_fails() -> Told:
    """The web server of node1 cannot be stopped: nobody starts it until somebody has looked."""
    one = resource("script", "httpd", monitor="1s", stop_timeout="1500ms")
    async with Services(QUICK, cluster(QUICK, one)) as lab:
        await lab.boot()
        first, start = lab.daemon(1), now()
        pid = pid_in(first.place.httpd)
        first.place.broken("stop").touch()
        await lab.ask(1, "handover", GROUP, lab.nodes[1].name)
        unclean = await lab.told(1, "group unclean", start)
        await lab.rest(1.5)
        told: Told = {
            "unclean": [entry["because"] for entry in unclean],
            "state": (await first.group())["state"],
            "other": (await lab.daemon(2).group())["owner"],
            "second_started": "group starting" in journal(await lab.daemon(2).entries_since(start)),
            "still_runs": Path(f"/proc/{pid}").exists(),
            "seen": lab.stage.owner_seen(),
        }
        lab.nodes[0].mend()
        await lab.ask(1, "cleanup", GROUP, lab.nodes[0].name)
        await lab.owner(2)
        told["ended"] = not Path(f"/proc/{pid}").exists()
        return told


async def story_of_a_database() -> Told:
    """PostgreSQL on a file system that both nodes could mount, and one does."""
    image = SHARED / "disk"

    def furnish(daemon: HousedDaemon) -> None:
        (daemon.here / "mnt").mkdir()
        if daemon.seat == SEATS[0]:
            _database_on(image)

    database = Database(HERE / "mnt" / "data")
    disk = {**DISK, "device": str(image), "options": "loop"}
    mounted = resource("ocf", "heartbeat:Filesystem", disk, monitor="1s")
    one = resource("ocf", "heartbeat:pgsql", dict(database.parameters), monitor="2s")

    async def ask(number: int, sql: str) -> str:
        psql, socket = f"{database.programs}/psql", str(database.data)
        words = ("runuser", "-u", "postgres", "--", psql, "-h", socket, "-d", "template1")
        return (await lab.inside(number, *words, "-Atqc", sql)).strip()

    async with Services(QUICK, cluster(QUICK, mounted, one), furnish) as lab:
        for node in lab.nodes:
            await node.daemon.start()
        await lab.owner(1, page=False)
        await ask(1, "create table kept (number int); insert into kept values (42)")
        at = now()
        pid = int((await lab.inside(1, "cat", f"{database.data}/postmaster.pid")).split()[0])
        os.kill(pid, signal.SIGKILL)
        (restarting,) = await lab.told(1, RESTARTING, at)
        (restarted,) = await lab.told(1, RESTARTED, at)
        told: Told = {
            "noticed_ms": (restarting["at"] - at) / 1e6,
            "restarted_ms": (restarted["at"] - at) / 1e6,
            "evidence": restarting.get("evidence"),
            "kept": await ask(1, "select number from kept"),
            "unproven": (await lab.daemon(1).group()).get("unproven"),
            **{key: value for key, value in (await lab.client(at)).items() if key == "echo_ms"},
        }
        await lab.stage.power_off(lab.nodes[0])
        await lab.owner(2, page=False)
        told["kept_by_the_other"] = await ask(2, "select number from kept")
        return told


def _database_on(image: Path) -> None:
    """Make an ext4 file system in a file, with an empty database on it."""
    with image.open("wb") as file:
        file.truncate(96 << 20)
    os.system(f"mkfs.ext4 -q -F {image}")
    point = image.parent / "making"
    point.mkdir()
    os.system(f"mount -o loop {image} {point}")
    Database(point / "data").create(HERE / "mnt" / "data")
    os.system(f"umount {point}")


async def story_of_scripted_addresses() -> Told:
    """Addresses of the Debian package's agents beside ours: a frozen daemon's stay and answer."""
    four = {"ip": "192.168.0.141", "cidr_netmask": "24", "nic": "eth0"}
    six = {"ipv6addr": "fd00:1::141", "cidr_netmask": "64", "nic": "eth0"}
    text = cluster(
        QUICK,
        resource("ocf", "heartbeat:IPv6addr", six, monitor="1s"),  # Takes seven seconds to start.
        resource("ocf", "heartbeat:IPaddr2", four, monitor="500ms"),
    )
    async with Services(QUICK, text) as lab:
        for node in lab.nodes:
            await node.daemon.start()
        await lab.owner(1, page=False)
        watches = {
            address: [KernelWatch(seat.namespace, address) for seat in SEATS]
            for address in ("192.168.0.140", "192.168.0.141")
        }

        def standings(address: str) -> list[str]:
            return [str(watch.standing()) for watch in watches[address]]

        at = now()
        await lab.inside(1, "ip", "address", "delete", "192.168.0.141/24", "dev", "eth0")
        (restarting,) = await lab.told(1, RESTARTING, at)
        await lab.told(1, RESTARTED, at)
        told: Told = {"evidence": restarting.get("evidence"), "back": standings("192.168.0.141")}

        lab.nodes[0].daemon.freeze()
        await lab.owner(2, page=False)
        told["frozen"] = {address: standings(address) for address in watches}
        told["six"] = [
            "fd00:1::141" in await command("ip", "-n", seat.namespace, "-6", "address")
            for seat in SEATS
        ]
        lab.nodes[0].daemon.thaw()
        await lab.owner(1, page=False)
        told["thawed"] = {address: standings(address) for address in watches}
        for each in (watch for pair in watches.values() for watch in pair):
            each.close()
        return told


STORIES: dict[str, Callable[[], Coroutine[Any, Any, Told]]] = {
    "nginx": story_of_nginx,
    "database": story_of_a_database,
    "apache": story_of_apache,
    "runs-already": story_of_what_runs_already,
    "hang": story_of_a_hang,
    "full-disk": story_of_a_full_disk,
    "missing": story_of_a_missing_program,
    "stop-fails": story_of_a_stop_that_fails,
    "addresses": story_of_scripted_addresses,
}


def main(name: str) -> int:
    """Play a story in the cage and print what it came to."""

    def body(_outer: int) -> int:
        with suppress(KeyboardInterrupt):
            told = asyncio.run(STORIES[name]())
            print(f"\n{json.dumps(told)}", flush=True)
        return 0

    return cage.run(body)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
