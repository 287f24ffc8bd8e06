"""Commands that change something. Each tells in its help what follows from it."""

from typing import Annotated

import typer

from .options import DEFAULT_SOCKET, Group, Node, OnOff, Socket, complete_node


def handover(
    group: Group = None,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="NODE",
            autocompletion=complete_node,
            help="Where to [default: any other node that can run it].",
        ),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Return when it has arrived.")] = False,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="How long --wait waits.")
    ] = 60.0,
    socket: Socket = DEFAULT_SOCKET,
) -> None:
    """Move a group to another node, and pin it there.

    It is stopped here, then started there. The group is pinned to the new node: it stays there
    until `failback`, another handover, or that node's death or standby. Without --wait the command
    returns as soon as the order was taken.

    \b
    Exit codes:
      0  the order was taken; with --wait: the group has arrived
      1  refused, or with --wait: it will not arrive, and why
      4  --wait ran out of time; the group may still arrive

    \b
    Examples:
      twinbeat handover
      twinbeat handover web --to node2.example.com --wait --timeout 30
    """
    from .move import hand_over
    from .talk import ask

    typer.echo(ask(socket, lambda c: hand_over(c, group, to, timeout if wait else None)))


def failback(group: Group = None, socket: Socket = DEFAULT_SOCKET) -> None:
    """Lift the pin of a group and move it to its preferred owner.

    It undoes a handover, and it brings a group home where auto_failback is off.

    \b
    Example:
      twinbeat failback web
    """
    from twinbeat.control.client import Client

    from .talk import ask, chosen_group

    async def fail_back(cluster: Client) -> str:
        name = await chosen_group(cluster, group)
        await cluster.failback(name)
        return name

    typer.echo(f"{ask(socket, fail_back)} goes to its preferred owner.")


def standby(
    switch: Annotated[OnOff, typer.Argument(help="on: out of service; off: back in.")],
    node: Node = None,
    socket: Socket = DEFAULT_SOCKET,
) -> None:
    """Take a node out of service, or back in.

    Its groups move away, and none comes back while it lasts. The node goes on sending heartbeats.
    The switch survives restarts of the daemon and of the machine. A group that no other node can
    run stops.

    \b
    Examples:
      twinbeat standby on
      twinbeat standby off --node node2.example.com
    """
    from .talk import ask

    ask(socket, lambda cluster: cluster.standby(switch is OnOff.ON, node))
    typer.echo(f"Standby of {node or 'this node'} is {switch}.")


def maintenance(
    switch: Annotated[OnOff, typer.Argument(help="on: frozen; off: thawed.")],
    node: Annotated[
        str | None,
        typer.Option(metavar="NODE", autocompletion=complete_node, help="Only this node's groups."),
    ] = None,
    socket: Socket = DEFAULT_SOCKET,
) -> None:
    """Freeze every group where it is, or thaw it.

    Of one node, or of the whole cluster. While it lasts no group is started, stopped or moved,
    whatever happens, until it is switched off again. The lease goes on: a node that dies does fall
    silent, and nobody takes over.

    \b
    Examples:
      twinbeat maintenance on
      twinbeat maintenance off --node node1.example.com
    """
    from .talk import ask

    ask(socket, lambda cluster: cluster.maintenance(switch is OnOff.ON, node))
    typer.echo(f"Maintenance of {node or 'the whole cluster'} is {switch}.")


def reload(socket: Socket = DEFAULT_SOCKET) -> None:
    """Have the daemon read its configuration again.

    A group that did not change does not move. A configuration with errors is not taken: the old one
    stays in force, and the exit code is 6.
    """
    from .talk import ask

    answer = ask(socket, lambda cluster: cluster.request("reload"))
    for warning in answer.get("warnings", []) if isinstance(answer, dict) else []:
        typer.secho(str(warning), err=True, fg=typer.colors.YELLOW)
    typer.echo("The configuration was read again.")


def stop(socket: Socket = DEFAULT_SOCKET) -> None:
    """Have the daemon release every group, tell its peers, and end.

    Returns when the order was taken; the groups move while the daemon ends. Under systemd use
    `systemctl stop twinbeat`, or the daemon is started again.
    """
    from .talk import ask

    ask(socket, lambda cluster: cluster.stop())
    typer.echo("The daemon releases everything and ends.")
