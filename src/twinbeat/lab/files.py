"""The experiment's files: ordinary Heartbeat configuration, and an ordinary init script for httpd.

Nothing here is special to twinbeat: Heartbeat itself would read the same directory.
"""

import secrets
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from .topology import CLIENT_IP, SEATS, VIRTUAL_IP, Seat

GROUP = VIRTUAL_IP
"""A haresources group is named by its first resource word."""
IPFAIL = "/usr/libexec/heartbeat/ipfail"
"""Where Debian keeps it; twinbeat only reads the word."""
HOME = Path("/run/lab")
"""In the cage's private tmpfs."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The timers of one run, in milliseconds."""

    name: str
    keepalive: int
    warntime: int
    deadtime: int
    initdead: int
    realtime: bool = True
    failback: bool = True
    ping: bool = False
    """Whether the client is a ping node, and ipfail is on."""


TIMINGS = {
    timing.name: timing
    for timing in (
        Timing("fast", 200, 500, 1_000, 2_000),
        Timing("normal", 1_000, 3_000, 5_000, 10_000),
        Timing("article", 2_000, 10_000, 30_000, 120_000),
    )
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where one node keeps its things."""

    seat: Seat

    @property
    def root(self) -> Path:
        """Everything of this node."""
        return HOME / self.seat.namespace

    @property
    def config(self) -> Path:
        """Its `/etc/ha.d`."""
        return self.root / "ha.d"

    @property
    def state(self) -> Path:
        """What survives a power failure, as a disk does."""
        return self.root / "state"

    @property
    def web(self) -> Path:
        """The web server's own directory."""
        return self.root / "httpd"

    @property
    def httpd(self) -> Path:
        """The web server's pid file."""
        return self.web / "httpd.pid"

    def broken(self, verb: str) -> Path:
        """The file whose being there makes this verb of httpd's script fail."""
        return self.web / f"broken-{verb}"

    @property
    def log(self) -> Path:
        """The log file of ha.cf."""
        return self.root / "ha-log"

    @property
    def stream(self) -> Path:
        """What the daemon was told and ordered in its first life; later lives lie beside it."""
        return self.root / "stream"

    @property
    def output(self) -> Path:
        """What the daemon prints."""
        return self.root / "output"

    @property
    def socket(self) -> Path:
        """The control socket."""
        return self.root / "control.sock"


def ha_cf(timing: Timing, log: Path) -> str:
    """Return the ha.cf of a node."""
    nodes = "\n".join(f"node {seat.name}" for seat in SEATS)
    realtime = "" if timing.realtime else "realtime off\n"
    failback = "on" if timing.failback else "off"
    ping = f"ping {CLIENT_IP}\nrespawn hacluster {IPFAIL}\n" if timing.ping else ""
    return f"""\
# The reference experiment: two nodes, heartbeats broadcast on eth1.
logfile {log}
keepalive {timing.keepalive}ms
warntime {timing.warntime}ms
deadtime {timing.deadtime}ms
initdead {timing.initdead}ms
udpport 694
bcast eth1
auto_failback {failback}
{ping}{realtime}{nodes}
"""


def write_all(timing: Timing) -> None:
    """Write the files of both nodes anew; they share a random key."""
    shutil.rmtree(HOME, ignore_errors=True)
    key = secrets.token_hex(16)
    for seat in SEATS:
        place = Place(seat)
        (place.config / "resource.d").mkdir(parents=True)
        place.state.mkdir()
        place.web.mkdir()
        place.log.touch()
        (place.config / "ha.cf").write_text(ha_cf(timing, place.log))
        (place.config / "haresources").write_text(f"{SEATS[0].name} {VIRTUAL_IP} httpd\n")
        authkeys = place.config / "authkeys"
        authkeys.touch(mode=0o600)
        authkeys.write_text(f"auth 1\n1 sha1 {key}\n")
        script = place.config / "resource.d" / "httpd"
        script.write_text(httpd_script(seat.name, place.web))
        script.chmod(0o755)


def httpd_kind() -> str:
    """Return what serves the pages: `nginx`, or `python` where nginx is missing."""
    return "nginx" if shutil.which("nginx") else "python"


def httpd_script(name: str, web: Path) -> str:
    """Write the web server's files into `web` and return its init script."""
    (web / "html").mkdir(exist_ok=True)
    (web / "html" / "index.html").write_text(f"<h1>{name}</h1>\n")
    if httpd_kind() == "nginx":
        (web / "nginx.conf").write_text(NGINX_CONF.format(web=web))
        launch = f"nginx -p {web} -c {web}/nginx.conf -e {web}/error.log || exit 1"
    else:
        python = f"{shlex.quote(sys.executable)} -m http.server 80 --directory {web}/html"
        launch = f"setsid {python} >{web}/error.log 2>&1 & echo $! >$pidfile"
    return HTTPD.format(name=name, web=web, launch=launch)


NGINX_CONF = """\
# One process: nothing is left behind when it ends.
master_process off;
user root;
pid {web}/httpd.pid;
events {{ worker_connections 512; }}
http {{
    access_log off;
    keepalive_timeout 0;
    default_type text/html;
    client_body_temp_path {web}/tmp;
    proxy_temp_path {web}/tmp;
    fastcgi_temp_path {web}/tmp;
    uwsgi_temp_path {web}/tmp;
    scgi_temp_path {web}/tmp;
    server {{
        listen 0.0.0.0:80;
        root {web}/html;
    }}
}}
"""

HTTPD = """\
#!/bin/sh
# httpd: the web server of {name}; started by nobody but the cluster.
pidfile={web}/httpd.pid

# A pid file may outlive its process, and the number may be another's by now.
running() {{
    read -r pid <$pidfile && grep -q '{web}' "/proc/$pid/cmdline"
}} 2>/dev/null

listening() {{ grep -q '^ *[0-9]*: 00000000:0050 00000000:0000 0A ' /proc/net/tcp; }}

until_true() {{
    tries=500
    until "$@"; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        sleep 0.01
    done
}}

ended() {{ ! running; }}

[ ! -e "{web}/broken-$1" ] || {{ echo "$1 was made to fail" >&2; exit 1; }}

case $1 in
start)
    running && exit 0
    rm -f $pidfile
    {launch}
    until_true running && until_true listening && exit 0
    cat {web}/error.log >&2
    exit 1
    ;;
stop)
    running || exit 0
    kill "$pid"
    until_true ended || {{ kill -9 "$pid"; until_true ended; }}
    ;;
status)
    if running; then echo running; else echo stopped; exit 3; fi
    ;;
*)
    echo "usage: $0 start|stop|status" >&2
    exit 2
    ;;
esac
"""
