"""The program: its commands in the order of `twinbeat --help`, and how it ends."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from twinbeat.core.text import printable

from . import agents, files, hooks, look, mending, orders, replay, sim
from .options import DEFAULT_CONFIG, DEFAULT_SOCKET, DEFAULT_STATE, Socket

EPILOG = """\b
Exit codes:
  0  done
  1  refused or failed, and the reason was printed
  2  the command was not understood
  3  no daemon answers
  4  --wait ran out of time
  5  not allowed: only root and the group haclient may change things
  6  the configuration has errors

\b
When something failed:
  status   is it served?               clear    it is repaired: forget the failures
  why      what happened?              cleanup  it did not stop: look once more
  try      run one agent by hand       confirm  a silent node is switched off

\b
Files:
  /etc/ha.d/                   ha.cf, haresources, authkeys, cluster.toml
  /run/twinbeat/control.sock   where the daemon answers (TWINBEAT_SOCKET)
  /var/lib/twinbeat/           generation, standby switches, journal, what hooks were told
"""

app = typer.Typer(
    name="twinbeat",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"twinbeat {version('twinbeat')}")
        raise typer.Exit


@app.callback()
def twinbeat(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """High availability for Linux: a group of resources runs on exactly one of its nodes.

    Two nodes watch each other over redundant links; when the owner of a group dies, another takes
    the group over within the deadtime, and a virtual IP never answers from two nodes.
    """


def run(
    config: Annotated[
        Path, typer.Option(metavar="DIR-or-FILE", help="ha.cf's directory, or a cluster.toml.")
    ] = DEFAULT_CONFIG,
    node: Annotated[
        str | None, typer.Option(metavar="NODE", help="This node's name [default: uname -n].")
    ] = None,
    state_dir: Annotated[
        Path, typer.Option(metavar="DIR", help="What must survive a restart.")
    ] = DEFAULT_STATE,
    socket: Socket = DEFAULT_SOCKET,
    record: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", show_default=False, help="Record this life, for `twinbeat replay`."
        ),
    ] = None,
    record_limit: Annotated[
        int, typer.Option(metavar="MIB", min=1, help="End the stream at that size.")
    ] = 64,
) -> None:
    """Run this node's daemon in the foreground.

    It reads the configuration, silences every virtual IP that an earlier life may have left, and
    then joins the cluster. SIGTERM (or `twinbeat stop`) releases every group, tells the peers and
    ends with 0; SIGHUP (or `twinbeat reload`) reads the configuration again without moving a group
    that did not change.

    --record writes down every event that the daemon is told and every order that it gives, in a new
    file of mode 0600: FILE, or when that exists FILE.2, FILE.3 ... up to 20, so that a restarted
    daemon overwrites nothing. It holds names and addresses, never a key. A stream that is full, or
    a disk that is too slow, is told in the log and ends the stream, not the daemon.

    \b
    Examples:
      twinbeat run
      twinbeat run --config /etc/twinbeat/cluster.toml --node node1.example.com
    """
    # The daemon begins with a clean image: nothing that serves only typing people stays in memory.
    recording = [str(record or ""), str(record_limit << 20)]
    arguments = [str(config), node or "", str(state_dir), str(socket), *recording]
    os.execv(sys.executable, [sys.executable, "-m", "twinbeat.node", *arguments])


def lab(ctx: typer.Context) -> None:
    """Play the reference experiment in network namespaces."""
    from twinbeat.lab.main import main as run_lab

    raise typer.Exit(run_lab(ctx.args))


app.command()(run)
app.command()(files.check)
app.command()(files.convert)
app.command()(files.init)
app.command()(agents.agents)
app.command(name="try")(agents.try_resource)
app.command()(hooks.hooks)
app.command()(look.status)
app.command()(look.why)
app.command()(look.history)
app.command()(replay.replay)
app.command()(orders.handover)
app.command()(orders.failback)
app.command()(orders.standby)
app.command()(orders.maintenance)
app.command()(mending.cleanup)
app.command()(mending.clear)
app.command()(mending.confirm)
app.command()(orders.reload)
app.command()(orders.stop)
app.command()(sim.sim)
app.command(
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)(lab)


def main(argv: list[str] | None = None) -> int:
    """Carry out one command line (None: the process's own) and return its exit code."""
    try:
        app(argv, prog_name="twinbeat")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception as error:
        from twinbeat.control.protocol import Refused

        if not isinstance(error, Refused):
            raise
        for line in f"twinbeat: {error.reason}".splitlines():
            typer.secho(printable(line), err=True, fg=typer.colors.RED)
        return int(error.code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
