"""Real services of Debian's packages, furnished in a directory of a test's own."""

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

NGINX = "/usr/sbin/nginx"
APACHE = "/usr/sbin/apache2"
DBA = "postgres"
"""The user that PostgreSQL insists on not being root."""

NGINX_CONF = """\
pid {here}/nginx.pid;
error_log {here}/error.log;
daemon on;
user root;
worker_processes 1;
events {{ worker_connections 64; }}
http {{
    access_log off;
    keepalive_timeout 0;
    client_body_temp_path {here}/tmp;
    proxy_temp_path {here}/tmp;
    fastcgi_temp_path {here}/tmp;
    uwsgi_temp_path {here}/tmp;
    scgi_temp_path {here}/tmp;
    server {{ listen {listen}; root {here}/html; default_type text/html; }}
}}
"""

APACHE_CONF = """\
ServerRoot {here}
ServerName localhost
PidFile {here}/apache.pid
ErrorLog {here}/error.log
Listen {listen}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule status_module {modules}/mod_status.so
LoadModule dir_module {modules}/mod_dir.so
User www-data
Group www-data
DefaultRuntimeDir {here}
Mutex sem
StartServers 1
ServerLimit 2
ThreadsPerChild 4
MaxRequestWorkers 8
DocumentRoot {here}/html
<Directory {here}/html>
    Require all granted
</Directory>
<Location /server-status>
    SetHandler server-status
</Location>
"""
APACHE_MODULES = "/usr/lib/apache2/modules"


def nginx(place: Path, listen: str, here: Path | None = None) -> dict[str, str]:
    """Write a configuration with a master and one worker; return `heartbeat:nginx`'s parameters.

    `listen` is as nginx has it: `80`, `127.0.0.1:8080`; `here` is what the service calls its place.
    """
    here = here or place
    (place / "nginx.conf").write_text(NGINX_CONF.format(here=here, listen=listen))
    return {"configfile": str(here / "nginx.conf"), "httpd": NGINX}


def apache(place: Path, listen: str, here: Path | None = None) -> dict[str, str]:
    """Write a configuration; return `heartbeat:apache`'s parameters. See `nginx`."""
    here = here or place
    values = {"here": here, "listen": listen, "modules": APACHE_MODULES}
    (place / "apache.conf").write_text(APACHE_CONF.format(**values))
    site = f"http://127.0.0.1:{listen.rpartition(':')[2]}"
    looks = {"statusurl": f"{site}/server-status", "testurl": f"{site}/", "testregex10": "</html>"}
    return {"configfile": str(here / "apache.conf"), "httpd": APACHE, **looks}


def postgres_programs() -> Path:
    """Return the directory of the newest PostgreSQL that Debian's package brought."""
    return max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))


class Database:
    """One data directory of PostgreSQL, which listens on a socket in it and on nothing else."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.programs = postgres_programs()

    def create(self, known_as: Path | None = None) -> None:
        """Make a new, empty database; its parent must let the user `postgres` pass.

        `known_as` is where it will stand when it is used.
        """
        self.data.mkdir()
        shutil.chown(self.data, DBA, DBA)
        self.data.chmod(0o700)
        words = ["-D", str(self.data), "--no-sync", "--auth=trust", "--locale=C", "--wal-segsize=1"]
        self._as_dba("initdb", *words)
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(
                f"listen_addresses = ''\nunix_socket_directories = '{known_as or self.data}'\n"
                "fsync = off\nshared_buffers = 1MB\nmax_connections = 10\n"
            )

    @property
    def parameters(self) -> Mapping[str, str]:
        """The parameters of `heartbeat:pgsql`."""
        return {
            "pgctl": str(self.programs / "pg_ctl"),
            "psql": str(self.programs / "psql"),
            "pgdata": str(self.data),
            "socketdir": str(self.data),
            "logfile": str(self.data / "log"),
        }

    def ask(self, sql: str) -> str:
        """Return the answer of the server; raises `CalledProcessError` when there is none."""
        words = ["-h", str(self.data), "-d", "template1", "-Atqc", sql]
        return self._as_dba("psql", *words).strip()

    @property
    def pid(self) -> int:
        """The main process, by its own file."""
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def _as_dba(self, program: str, *words: str) -> str:
        user = pwd.getpwnam(DBA)
        return subprocess.run(
            [str(self.programs / program), *words],
            check=True,
            capture_output=True,
            text=True,
            cwd="/",
            user=user.pw_uid,
            group=user.pw_gid,
            extra_groups=[],
            env={"PATH": os.defpath, "LC_ALL": "C"},
        ).stdout


def page(place: Path, name: str) -> None:
    """Write the page that names its node."""
    html = place / "html"
    html.mkdir(exist_ok=True)
    (html / "index.html").write_text(f"<html><h1>{name}</h1></html>\n")


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def children(pid: int) -> list[int]:
    """Return the processes that one started."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
