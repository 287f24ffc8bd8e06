"""What a person reads: whole diagnostics, to the character."""

from collections.abc import Callable
from textwrap import dedent

import pytest
from config_files import HA_CF, toml, trio

from twinbeat.config import Sources, load


def said(sources: Sources, node: str | None = None) -> str:
    return "".join(f"{diagnostic}\n" for diagnostic in load(sources, node).diagnostics)


QUIET = HA_CF.replace("bcast eth1", "bcast eth0 eth1")


GOLDEN: list[tuple[Callable[[], str], str]] = [
    (lambda: said(trio(QUIET)), ""),
    (
        lambda: said(trio(QUIET + "undport 694\n")),
        """\
        ha.cf:7:1: error: there is no directive `undport`
            Heartbeat would not start with this line, and neither does twinbeat.
            hint: did you mean `udpport`?
        """,
    ),
    (
        lambda: said(trio(QUIET + "warntime 10s # ten\n")),
        """\
        ha.cf:7:10: error: warntime: `10s` is not a time Heartbeat knows
            Heartbeat would not start with this line, and neither does twinbeat.
            hint: seconds are written without a unit (`2`, `0.5`), milliseconds as `500ms`
        """,
    ),
    (
        lambda: said(trio(QUIET + "ping 10.0.0.1\nping 10.0.0.2\ncrm off\n")),
        """\
        ha.cf:7:6: warning: there are ping nodes, but no `respawn` line starts ipfail
            They are watched and shown; as in Heartbeat, nothing moves when they stop answering.
            hint: `respawn hacluster /usr/lib/heartbeat/ipfail` lets groups follow the network
        ha.cf:9:1: warning: `crm` has no effect in twinbeat
            twinbeat always runs haresources itself.
        """,
    ),
    (
        lambda: said(trio(QUIET.replace("deadtime 5", "deadtime 2500ms"))),
        """\
        ha.cf:2:10: warning: 2.5 keepalives fit into the deadtime; 5 or more are advised
            The lease is 2.405 s: one lost heartbeat can lapse it, and the owner's addresses fall \
silent until the next one is answered.
            hint: a keepalive of 500 ms suits this deadtime
        """,
    ),
    (
        lambda: said(trio(HA_CF)),
        """\
        ha.cf:5:7: warning: all heartbeats travel over `eth1`
            When this one path is cut while both nodes live, each takes the other for dead and \
both own every group.
            hint: add a link on a second interface, over another switch or a cable of its own
        """,
    ),
    (
        lambda: said(trio(QUIET + "node node3\n")),
        """\
        ha.cf:7:6: warning: 3 nodes and no proof of death beyond `peer`
            There is no majority rule: when the network parts the nodes, each part takes the \
groups of the other, and they have two owners.
            hint: two links over separate switches make a partition unlikely
        """,
    ),
    (
        lambda: said(trio(QUIET, "node1 10.0.0.5/24/eth0 Filesystem::/dev/sdb1::/srv httpd\n")),
        """\
        haresources:1:24: warning: `Filesystem::/dev/sdb1::/srv` (a file system) must never run on \
two nodes, and silence is no proof that it stopped
            The lease silences addresses, it unmounts nothing: after a false takeover two nodes \
write to the same data. `status` flags the group as unproven.
            hint: only fencing proves it; until then keep at least two independent links
        """,
    ),
    (
        lambda: said(trio(QUIET, "node2 floatip\n")),
        """\
        haresources:1:7: warning: the group `floatip` has no virtual IP
            When its node's daemon hangs or is killed, nothing silences what it runs: after a \
takeover it runs twice.
        """,
    ),
    (
        lambda: said(trio(QUIET, "nod1 10.0.0.5/24/eth0:0 httpd\n")),
        """\
        haresources:1:1: error: `nod1` is not a node of this cluster
            A group must name the node it belongs on; Heartbeat says `Bad nodename`.
            hint: did you mean `node1`?
        """,
    ),
    (
        lambda: said(trio(QUIET, "node1 IPaddr::10.0.0.5/24/eth0:much-too-long httpd\n")),
        """\
        haresources:1:7: error: the label `eth0:much-too-long` is longer than the 15 bytes the \
kernel has for one
            The group could start on no node.
            hint: the form is IPaddr::ADDRESS/PREFIX/INTERFACE[:LABEL][/BROADCAST]
        """,
    ),
    (
        lambda: said(trio(QUIET, authkeys="1 sha1 0123456789abcdef\nauth 1\n")),
        """\
        authkeys:2:1: error: `auth 1` stands below its key (line 1)
            Heartbeat reads from top to bottom and does not find the key.
            hint: move the `auth` line above the keys
        """,
    ),
    (
        lambda: said(trio(QUIET, mode=0o644)),
        """\
        authkeys: error: others than its owner can read this file (mode 644)
            Whoever knows the key can command the cluster.
            hint: chmod 600 authkeys
        """,
    ),
    (
        lambda: said(trio(QUIET), "node3"),
        """\
        ha.cf:6:6: error: Current node [node3] not in configuration!
            The nodes are `node1` and `node2`, and this daemon would be none of them.
            hint: list this node as `uname -n` prints it, or give the right name with --node
        """,
    ),
    (
        lambda: said(trio(QUIET, cluster_toml='[timing]\ndeadtime = "3s"\n')),
        """\
        cluster.toml:2:1: error: `timing.deadtime` is said here and at ha.cf:2:1
            hint: keep the line in ha.cf and take this one out
        """,
    ),
    (
        lambda: said(toml('[cluster]\nnodes = ["a", "b"]\n[[link]]\nknd = "broadcast"\n')),
        """\
        cluster.toml:3:1: error: kind is missing here
        cluster.toml:3:1: error: interface is missing here
        cluster.toml:4:1: error: there is no `knd` here
            hint: did you mean `kind`?
        """,
    ),
    (
        lambda: said(toml("[cluster]\nnodes = [\n")),
        """\
        cluster.toml:3:1: error: this is not TOML: Invalid value
        """,
    ),
    (
        lambda: said(Sources(directory="/etc/ha.d")),
        """\
        /etc/ha.d: error: there is no configuration here: neither ha.cf nor cluster.toml
            hint: `twinbeat init DIR` writes a first one
        """,
    ),
    (
        lambda: said(Sources(ha_cf=trio(QUIET).ha_cf, directory="/etc/ha.d")),
        """\
        /etc/ha.d/haresources: error: there is no haresources beside ha.cf
            Nobody knows what the cluster is to run; Heartbeat does not start without it.
            hint: create the file; it may be empty
        /etc/ha.d/authkeys: error: there is no authkeys
            Heartbeats cannot be signed, and unsigned ones are not believed.
            hint: copy the file from another node; `twinbeat init DIR` writes a first one
        """,
    ),
    (
        lambda: said(Sources(haresources=trio().haresources)),
        """\
        haresources: error: there is no ha.cf beside haresources
            Nobody knows who the nodes are.
            hint: `twinbeat init DIR` writes a first ha.cf
        """,
    ),
]


@pytest.mark.parametrize(("render", "text"), GOLDEN)
def test_a_diagnostic_reads_as_written_here(render: Callable[[], str], text: str) -> None:
    assert render() == dedent(text)


def test_control_characters_and_long_words_are_tamed() -> None:
    text = said(trio(QUIET + f"\x1b[31mred\n{'x' * 4000} 1\n"))
    assert "\x1b" not in text
    assert "\\x1b" in text
    assert max(map(len, text.splitlines())) < 200
