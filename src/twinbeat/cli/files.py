"""Commands about configuration files; none of them needs a daemon."""

from pathlib import Path
from typing import Annotated

import typer

from .options import DEFAULT_CONFIG, Directory, Json


def check(
    directory: Directory = DEFAULT_CONFIG,
    strict: Annotated[
        bool, typer.Option("--strict", help="Warnings count: exit code 1 when there are any.")
    ] = False,
    resources: Annotated[
        bool,
        typer.Option("--resources", help="Look at this machine: what would run, what is missing."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Explain what a configuration means, and what is wrong with it.

    It is read as the daemon would read it. Every finding names its file, line and column, what
    follows from it, and what to do. Then comes what the cluster will do: its times, the lease, how
    soon a takeover comes, the groups in order.

    With --resources it also looks at the machine it runs on: which program each resource would be
    started by, what is missing and how to install it, what else starts it at boot, and what its
    agent says of its parameters. Nothing is started or stopped.

    \b
    Exit codes:
      0  no errors
      1  with --strict: there are warnings
      6  there are errors

    \b
    Examples:
      twinbeat check
      twinbeat check ./ha.d --strict
      twinbeat check --resources
    """
    from .configuration import check_configuration

    raise typer.Exit(check_configuration(directory, strict, as_json, resources))


def convert(directory: Directory = DEFAULT_CONFIG) -> None:
    """Print the same cluster as one cluster.toml.

    Keys are never printed: authkeys stays the file that holds them, beside cluster.toml. A
    configuration with errors is not converted (exit code 6).

    \b
    Example:
      twinbeat convert /etc/ha.d > cluster.toml
    """
    from .configuration import convert_configuration

    raise typer.Exit(convert_configuration(directory))


def init(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where to; it is made when missing.")
    ],
    node: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NODE",
            help="A node, preferred owner first; repeat it [default: this one and node2].",
        ),
    ] = None,
    interface: Annotated[
        list[str] | None,
        typer.Option(metavar="IF", help="Where heartbeats travel; once or twice [default: eth1]."),
    ] = None,
    resource: Annotated[
        list[str] | None,
        typer.Option(metavar="WORD", help="A resource of the first group, as haresources has it."),
    ] = None,
) -> None:
    """Write a first ha.cf, haresources and authkeys.

    They are commented, and the key is new and random. Nothing is overwritten. Copy the three files
    to every node; authkeys must stay mode 600.

    \b
    Example:
      twinbeat init /etc/ha.d --node node1.example.com --node node2.example.com \\
          --interface eth1 --resource 192.168.0.140/24/eth0 --resource httpd
    """
    from .configuration import write_first_configuration

    write_first_configuration(directory, node or [], interface or [], resource or [])
