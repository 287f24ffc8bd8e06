"""Write a first configuration with comments that explain it: what `twinbeat init DIR` lays down."""

from collections.abc import Sequence

_HA_CF = """\
# Who is in the cluster, how its nodes hear each other, and how soon silence is a death.
# The same file on every node. `twinbeat check` explains what follows from it.

# Each node under the name that `uname -n` prints there.
{nodes}

# A heartbeat every keepalive; a peer is late after warntime and dead after deadtime. After a boot
# a node waits initdead for its peers. A plain number means seconds, 200ms milliseconds.
# Shorter times move a group sooner; too short ones take a busy node for a dead one.
keepalive 200ms
warntime 500ms
deadtime 1
initdead 12

# The port of all links below.
udpport 694

# The paths heartbeats travel over. When all of them are cut while the nodes live, every group has
# two owners: two paths over separate cables and switches are advised.
{links}

# on: a group goes back to its preferred node when that returns; off: it stays where it is.
auto_failback on

# Where log lines go.
logfile /var/log/ha-log
"""

_HARESOURCES = """\
# What runs where. The same file on every node. Each line is one group: its preferred node, and
# its resources, started from left to right and stopped from right to left.
#
#   {node} 192.168.0.140/24/{interface} httpd
#
# is a virtual IP and the init script /etc/init.d/httpd. ADDRESS/PREFIX/INTERFACE:0 gives the
# address the label INTERFACE:0; NAME::ARGUMENT::ARGUMENT runs resource.d/NAME with arguments.
# Nothing named here may be started by the system itself at boot.
{group}"""

_AUTHKEYS = """\
# The key that signs every heartbeat. The same file on every node, mode 600.
# Write sha1 instead of sha256 when one of the nodes still runs Heartbeat.
auth 1
1 sha256 {key}
"""


def starter(
    node_names: Sequence[str],
    interface: str,
    *,
    key: str,
    second_interface: str = "",
    resources: Sequence[str] = (),
) -> dict[str, str]:
    """Return the text of `ha.cf`, `haresources` and `authkeys` by file name.

    `key` is a word of random characters: it comes from outside, because nothing here is random,
    and authkeys must be written with mode 600. With `resources` (words as haresources has them)
    the first node gets a group; without, the file explains itself and holds none.
    """
    if not node_names:
        raise ValueError("a cluster has at least one node")
    if not key or any(character.isspace() for character in key):
        raise ValueError("the key is one word")
    interfaces = [interface, second_interface] if second_interface else [interface]
    group = f"{' '.join([node_names[0], *resources])}\n" if resources else ""
    return {
        "ha.cf": _HA_CF.format(
            nodes="\n".join(f"node {name}" for name in node_names),
            links="\n".join(f"bcast {name}" for name in interfaces),
        ),
        "haresources": _HARESOURCES.format(node=node_names[0], interface=interface, group=group),
        "authkeys": _AUTHKEYS.format(key=key),
    }
