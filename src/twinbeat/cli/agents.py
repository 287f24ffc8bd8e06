"""Commands about agents and single resources of this machine."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .options import DEFAULT_CONFIG, DEFAULT_SOCKET, Json, Socket


class Verb(StrEnum):
    """What `try` does with a resource."""

    START = "start"
    MONITOR = "monitor"
    STOP = "stop"


def agents(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", show_default=False, help="ip, heartbeat:IPaddr2, nginx ..."),
    ] = None,
    config: Annotated[
        Path, typer.Option(metavar="DIR-or-FILE", help="Whose resource.d is looked into.")
    ] = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """List what can start a resource on this machine, or describe one agent.

    Without NAME: the virtual IP of the daemon itself, OCF agents by provider, scripts of resource.d
    and /etc/init.d, units of systemd, and agents of Python packages. With NAME: its parameters with
    their defaults, and the times that it advises, in its author's words.

    \b
    Examples:
      twinbeat agents
      twinbeat agents heartbeat:Filesystem
      twinbeat agents IPaddr2 --json
    """
    from .manual import show_agent, show_agents

    raise typer.Exit(show_agent(name, config, as_json) if name else show_agents(config, as_json))


def try_resource(
    resource: Annotated[
        str,
        typer.Argument(
            metavar="RESOURCE", help="As the configuration names it, or GROUP/RESOURCE."
        ),
    ],
    verb: Annotated[Verb, typer.Argument(metavar="start|monitor|stop", help="What to do.")],
    config: Annotated[
        Path, typer.Option(metavar="DIR-or-FILE", help="ha.cf's directory, or a cluster.toml.")
    ] = DEFAULT_CONFIG,
    depth: Annotated[
        int, typer.Option(metavar="N", min=0, help="How closely a monitor looks (OCF_CHECK_LEVEL).")
    ] = 0,
    force: Annotated[
        bool, typer.Option("--force", help="Also when the cluster runs the resource.")
    ] = False,
    socket: Socket = DEFAULT_SOCKET,
) -> None:
    """Run the agent of one resource by hand, outside the cluster, and show what it says.

    Its output is shown as it comes, then its exit code with the meaning, and how long it took. To
    start or stop is refused while a daemon here says that some node runs the group; to monitor
    changes nothing and is always allowed. A virtual IP can only be monitored: the daemon itself
    holds it, with its lease.

    \b
    Exit codes:
      0  done; monitor: the resource is running
      1  refused, or it failed; monitor: it is stopped or failed

    \b
    Examples:
      twinbeat try httpd monitor
      twinbeat try web/Filesystem::/dev/sdb1::/srv start
    """
    from .attempt import try_out

    raise typer.Exit(try_out(resource, verb.value, config, depth, force, socket))
