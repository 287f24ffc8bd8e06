"""Commands for after a failure: each says of what it takes the administrator's word."""

from typing import Annotated

import typer

from .options import DEFAULT_SOCKET, Node, Socket, complete_group, complete_silent


def cleanup(
    group: Annotated[
        str, typer.Argument(metavar="GROUP", autocompletion=complete_group, help="The group.")
    ],
    node: Node = None,
    socket: Socket = DEFAULT_SOCKET,
) -> None:
    """Look once more at a group that could not be stopped.

    For a group that `status` calls unclean: something of it did not stop on a node, so it starts
    nowhere. Stop by hand what still runs there, then give this order on that node: every resource
    is probed, what runs is stopped, and when nothing is left the group may start again.

    For a node that is silent YOU confirm that nothing of the group runs there: if that is wrong, it
    will run twice.

    \b
    Which of the three:
      twinbeat cleanup GROUP   a group could not be stopped on a node that is up
      twinbeat confirm NODE    a node is silent, and you know that it is switched off
      twinbeat clear [GROUP]   a group failed too often, and what made it fail is repaired

    \b
    Examples:
      twinbeat cleanup web
      twinbeat cleanup web --node node1.example.com
    """
    from .talk import ask

    ask(socket, lambda cluster: cluster.cleanup(group, node))
    typer.echo(f"{group} is looked at once more on {node or 'this node'}; see `twinbeat status`.")


def clear(
    group: Annotated[
        str | None,
        typer.Argument(
            metavar="GROUP",
            show_default=False,
            autocompletion=complete_group,
            help="The group [default: every group].",
        ),
    ] = None,
    socket: Socket = DEFAULT_SOCKET,
) -> None:
    """Forget what failed, and lift the bars that it led to.

    A node on which a group failed too often is barred for that group for a while, and for longer
    each time it happens again. When what made it fail is repaired, this forgets the failures and
    ends the bars, on every node; one that is not heard now learns of it when it is. The group does
    not move because of it, unless it ran nowhere, or its preferred owner is free again and
    auto_failback wants it there.

    What could not be stopped stays unclean: that is for `twinbeat cleanup GROUP` or `twinbeat
    confirm NODE`.

    \b
    Examples:
      twinbeat clear
      twinbeat clear web
    """
    from .talk import ask

    ask(socket, lambda cluster: cluster.clear(group))
    whose = f"The failures of {group} are" if group else "All failures are"
    typer.echo(f"{whose} forgotten; no node is barred for them any more.")


def confirm(
    node: Annotated[
        str,
        typer.Argument(
            metavar="NODE", autocompletion=complete_silent, help="The node that is switched off."
        ),
    ],
    yes: Annotated[
        bool, typer.Option("--yes", help="You are sure: do not ask. Needed without a terminal.")
    ] = False,
    socket: Socket = DEFAULT_SOCKET,
) -> None:
    """Vouch that a silent node is switched off.

    So that others may run its groups. For a node that died while a group on it was unclean, or that
    its fencing device cannot switch off: nobody takes its groups over, because nobody knows whether
    they still run there. Make sure that the machine is off, at its power switch if need be, then
    give this order on any other node. It counts like the confirmation of a fencing device, until
    the node is heard again.

    If you are wrong, its groups run on two nodes: an address that answers twice, a file system that
    is written to from both sides. On a terminal you are asked whether you are sure; elsewhere
    --yes says so. A node that is still heard is never confirmed.

    \b
    Exit codes:
      0  the other nodes may take over
      1  refused: it is heard or unknown, nothing waits for your word, or you were not sure
      2  not asked on a terminal, and without --yes

    \b
    Examples:
      twinbeat confirm node1.example.com
      twinbeat confirm node1.example.com --yes
    """
    from .talk import ask
    from .vouch import make_sure

    make_sure(node, ask(socket, lambda cluster: cluster.status()), yes)
    ask(socket, lambda cluster: cluster.confirm(node))
    typer.echo(f"{node} counts as switched off until it is heard again.")
