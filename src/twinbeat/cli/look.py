"""Commands that only look."""

from typing import Annotated

import typer

from .options import DEFAULT_SOCKET, Group, Json, Socket


def status(
    as_json: Json = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on showing it until interrupted.")
    ] = False,
    socket: Socket = DEFAULT_SOCKET,
) -> None:
    """Show nodes, links, groups, their resources, and the lease.

    It is what this node believes. Every group is shown with the reasons for its place, with the
    nodes that are barred for it and until when, and, when it runs nowhere, with every node's
    reason. Of its resources you see how they are on this node: how each is watched, what the last
    look found and how long it took, how often it failed since `clear` was last said, and when it is
    looked at next.

    Lines that begin with `!` need attention: standby, maintenance, differing configurations, groups
    that failed or could not be stopped. The lease names its guard, which silences the virtual IPs
    when the daemon no longer runs: `nft` by the millisecond, `valid_lft` by the second, `none` not
    at all.

    \b
    Examples:
      twinbeat status
      twinbeat status --watch
      twinbeat status --json | jq '.groups.web.owner'
    """
    from .talk import ask, print_json

    if watch:
        from .watch import watch_status

        watch_status(socket, as_json)
        return
    answer = ask(socket, lambda cluster: cluster.request("status"))
    if as_json:
        print_json(answer)
    else:
        from .screen import show_status

        show_status(answer)


def why(group: Group = None, as_json: Json = False, socket: Socket = DEFAULT_SOCKET) -> None:
    """Tell why a group is where it is: its last move.

    Step by step, with times and evidence. The story is this node's own: what it decided and what it
    heard. A time in the second column is counted from the first step. --json gives each phase with
    the milliseconds to the next.

    \b
    Example:
      twinbeat why web
    """
    from twinbeat.control.client import Client
    from twinbeat.control.shapes import MoveShape

    from .talk import ask, chosen_group, print_json

    async def last_move(cluster: Client) -> MoveShape:
        return await cluster.why(await chosen_group(cluster, group))

    answer = ask(socket, last_move)
    if as_json:
        print_json(answer)
    else:
        from .screen import show_move

        show_move(answer)


def history(
    as_json: Json = False,
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, max=2000, help="The newest N entries.")
    ] = 50,
    socket: Socket = DEFAULT_SOCKET,
) -> None:
    """List what this node decided and why, oldest first.

    An answer holds at most 64 KiB; when older entries do not fit, their number is printed.

    \b
    Examples:
      twinbeat history --limit 200
      twinbeat history --json | jq -r '.entries[].because'
    """
    from .talk import ask, print_json

    answer = ask(socket, lambda cluster: cluster.history(limit))
    if as_json:
        print_json(answer)
    else:
        from .screen import show_history

        show_history(answer)
