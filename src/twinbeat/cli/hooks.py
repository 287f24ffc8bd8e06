"""The command about hooks: what was told to whom, and one told by hand."""

from pathlib import Path
from typing import Annotated

import typer

from .options import DEFAULT_CONFIG, DEFAULT_SOCKET, Json, Socket, complete_group, complete_hook


def hooks(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            show_default=False,
            autocompletion=complete_hook,
            help="One hook; without it all.",
        ),
    ] = None,
    by_hand: Annotated[
        bool, typer.Option("--try", help="Tell the hook something now, outside the daemon.")
    ] = False,
    state: Annotated[
        str | None,
        typer.Option(
            metavar="STATE", show_default=False, help="--try: held, failed ... [default: its first]"
        ),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            metavar="GROUP",
            show_default=False,
            autocompletion=complete_group,
            help="--try: of which group [default: its first]",
        ),
    ] = None,
    config: Annotated[
        Path, typer.Option(metavar="DIR-or-FILE", help="--try: where the hook is configured.")
    ] = DEFAULT_CONFIG,
    as_json: Json = False,
    socket: Socket = DEFAULT_SOCKET,
) -> None:
    """Show what the daemon told its hooks, and what waits.

    A hook is a program, a mail address or a webhook that is told what becomes of the groups:
    `[[hook]]` in cluster.toml. For each: states that were delivered, attempts that failed, states
    that were left out or given up for newer ones, and of what waits the next attempt and the last
    failure.

    --try reads the configuration and tells one hook by hand what would be told of a group. Its
    reason says that nothing has happened, and its journal entry is marked as a trial. The daemon
    takes no part in it: run it as root, as the daemon does.

    \b
    Exit codes:
      0  done; --try: the hook took it
      1  refused; --try: the hook did not take it, and the reason was printed

    \b
    Examples:
      twinbeat hooks
      twinbeat hooks pager --try
      twinbeat hooks root@example.com --try --state failed --group web
    """
    if by_hand:
        from .hooktrial import try_hook

        raise typer.Exit(try_hook(name, state, group, config))
    from .hookview import show_hooks

    show_hooks(name, as_json, socket)
