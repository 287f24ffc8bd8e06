"""ha.cf: one small file of our own for every oddity of its grammar."""

import pytest
from config_files import HA_CF, errors, trio, warnings, with_ha_cf

from twinbeat.config import Loaded, load
from twinbeat.config.hacf import DIRECTIVES
from twinbeat.core.model import ClusterModel, Failback, LinkKind, LogSpec
from twinbeat.core.units import MS, SECOND


def model_of(loaded: Loaded) -> ClusterModel:
    assert errors(loaded) == []
    assert loaded.model is not None
    return loaded.model


def links_of(loaded: Loaded) -> list[tuple[str, str, str, int]]:
    return [(k.name, k.kind.value, k.address, k.port) for k in model_of(loaded).links]


def test_the_ordinary_file() -> None:
    model = model_of(load(trio()))
    assert model.nodes == ("node1", "node2")
    assert model.timing.keepalive == SECOND
    assert model.timing.deadtime == 5 * SECOND
    assert model.timing.warntime == 2500 * MS
    assert model.timing.initdead == 12 * SECOND
    assert model.timing.deadping == 5 * SECOND
    assert links_of(load(trio())) == [("eth1", "broadcast", "", 694)]
    assert model.groups[0].failback == Failback(enabled=True)
    assert model.script_dirs == ("/etc/ha.d/resource.d", "/etc/init.d")
    assert (model.name, model.realtime, model.rtprio) == ("linux-ha", True, 1)


def test_a_comment_begins_anywhere_and_leading_blanks_do_not_matter() -> None:
    loaded = load(trio("  node a\t# the first\n\tnode b# the second\nbcast eth0#x\n", "a x\n"))
    assert model_of(loaded).nodes == ("a", "b")


def test_commas_tabs_and_blanks_separate_values() -> None:
    loaded = load(trio("node a,b\tc\nbcast eth0, eth1\n", "a x\n"))
    assert model_of(loaded).nodes == ("a", "b", "c")
    assert [link.interface for link in model_of(loaded).links] == ["eth0", "eth1"]


def test_carriage_returns_and_a_byte_order_mark_are_no_part_of_a_line() -> None:
    loaded = load(trio("\ufeff" + HA_CF.replace("\n", "\r\n")))
    assert model_of(loaded) == model_of(load(trio()))


def test_node_names_are_compared_in_lower_case_ascii_only() -> None:
    loaded = load(trio("node Web_M1 WEB_m2\nbcast eth0\n", "WEB_M1 httpd\n"), "wEb_M2")
    assert model_of(loaded).nodes == ("web_m1", "web_m2")
    assert model_of(loaded).groups[0].nodes == ("web_m1", "web_m2")


def test_a_node_named_twice_is_one_node() -> None:
    loaded = with_ha_cf("node NODE1\n")
    assert model_of(loaded).nodes == ("node1", "node2")
    assert warnings(loaded, 7) == ["ha.cf:7:6 node `node1` is named twice; once is enough"]


def test_a_remark_without_its_sign_becomes_a_node_and_is_pointed_out() -> None:
    loaded = with_ha_cf("node node3 //backup\n")
    assert model_of(loaded).nodes[2:] == ("node3", "//backup")
    assert any("no machine can be called so" in text for text in warnings(loaded, 7))


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("2", 2000),
        ("0.5", 500),
        (".25", 250),
        ("3.", 3000),
        ("500ms", 500),
        ("500MSEC", 500),
        ("1500us", 2),
        ("1499usec", 1),
        ("0.0004", 0),
        ("1 700ms", 700),  # each value is applied by itself, so the last one wins
    ],
)
def test_times(text: str, milliseconds: int) -> None:
    loaded = load(trio(f"node a\nbcast eth0\ndeadtime 10\nwarntime {text}\n", "a x\n"))
    assert model_of(loaded).timing.warntime == milliseconds * MS


@pytest.mark.parametrize(
    "text", ["1s", "1m", "two", "-1", "1e3", "2（", "1.2.3", "700 ms", "9" * 9]
)
def test_what_is_no_time(text: str) -> None:
    found = errors(load(trio(f"node a b\nbcast eth0\nwarntime {text}\n", "a x\n")))
    assert len(found) == 1
    assert found[0].startswith("ha.cf:3:1")


@pytest.mark.parametrize(
    ("deadtime", "initdead"), [("30", 30), ("10.001", 10.001), ("10", 20), ("6", 12), ("5", 12)]
)
def test_initdead_follows_from_the_deadtime(deadtime: str, initdead: float) -> None:
    loaded = load(trio(f"node a\ndeadtime {deadtime}\n", "a x\n"))
    assert model_of(loaded).timing.initdead == round(initdead * SECOND)


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("keepalive 1\ndeadtime 2\n", "ha.cf:4:10", "deadtime 2 s is not more than twice"),
        ("keepalive 20\n", "ha.cf:3:11", "deadtime 30 s is not more than twice"),
        ("deadtime 6\ninitdead 4\n", "ha.cf:4:10", "initdead 4 s is smaller than the deadtime"),
        ("deadping 1500ms\n", "ha.cf:3:10", "deadping 1.5 s is not more than twice"),
        ("keepalive 0\n", "ha.cf:3:11", "keepalive is zero"),
        (
            "keepalive 10ms\ndeadtime 50ms\ninitdead 50ms\n",
            "ha.cf:5:10",
            "initdead 50 ms is shorter than a lease can last, 54.5875 ms",
        ),
    ],
)
def test_times_that_contradict_each_other(text: str, place: str, message: str) -> None:
    # 50 ms: lease 50 - 5 - 1.5 = 43.5 ms, and 43.5 x 1.025 + 10 = 54.5875 ms.
    found = errors(load(trio(f"node a b\nbcast eth0\n{text}", "a x\n")))
    assert len(found) == 1
    assert found[0].startswith(f"{place} {message}")


@pytest.mark.parametrize(
    ("value", "enabled"),
    [("on", True), ("YES", True), ("1", True), ("off", False), ("No", False), ("legacy", True)],
)
def test_auto_failback(value: str, enabled: bool) -> None:
    loaded = load(trio(HA_CF.replace("auto_failback on", f"auto_failback {value}")))
    assert model_of(loaded).groups[0].failback == Failback(enabled=enabled)
    assert bool(warnings(loaded, 4)) == (value == "legacy")


def test_a_missing_auto_failback_reads_as_on_with_a_warning() -> None:
    loaded = load(trio(HA_CF.replace("auto_failback on\n", "")))
    assert model_of(loaded).groups[0].failback == Failback(enabled=True)
    assert "ha.cf:0:0 auto_failback is not set" in warnings(loaded)


def test_nice_failback_always_means_legacy() -> None:
    loaded = load(trio(HA_CF.replace("auto_failback on", "nice_failback on")))
    assert model_of(loaded).groups[0].failback == Failback(enabled=True)
    assert warnings(loaded, 4) == ["ha.cf:4:1 nice_failback is obsolete: any value means `legacy`"]


def test_links_of_every_kind_get_names_of_their_own() -> None:
    loaded = load(
        trio(
            "node a b\n"
            "bcast eth0\n"
            "ucast eth0 10.0.0.1\n"
            "ucast eth0 10.0.0.2\n"
            "mcast eth1 225.0.0.1 694 1 0\n"
            "mcast eth1 225.0.0.1 700 2 1\n"
            "mcast6 eth1 ff02::7 694 9 0\n"
            "ucast6 eth2 fe80::1\n"
            "udp eth1\n",
            "a x\n",
        )
    )
    assert links_of(loaded) == [
        ("eth0", "broadcast", "", 694),
        ("eth0/10.0.0.1", "unicast", "10.0.0.1", 694),
        ("eth0/10.0.0.2", "unicast", "10.0.0.2", 694),
        ("eth1", "multicast", "225.0.0.1", 694),
        ("eth1/225.0.0.1", "multicast", "225.0.0.1", 700),
        ("eth1/ff02::7", "multicast", "ff02::7", 694),
        ("eth2", "unicast", "fe80::1", 694),
        ("eth1/broadcast", "broadcast", "", 694),
    ]
    second = model_of(loaded).links[4]
    assert (second.kind, second.ttl, second.loop) == (LinkKind.MULTICAST, 2, True)


def test_the_same_link_twice_is_one_link() -> None:
    loaded = with_ha_cf("udp eth1\n")
    assert links_of(loaded) == [("eth1", "broadcast", "", 694)]
    assert len(warnings(loaded, 7)) == 2


def test_udpport_acts_on_the_lines_below_it() -> None:
    loaded = load(
        trio("node a b\nbcast eth0\nudpport 700\nucast eth1 10.0.0.1\nudpport 701\n", "a x\n")
    )
    assert [port for *_, port in links_of(loaded)] == [694, 700]
    assert warnings(loaded, 3) == ["ha.cf:3:9 udpport 700 stands after `eth0`"]
    assert warnings(loaded, 5) == ["ha.cf:5:9 udpport 701 stands after `eth0` and `eth1`"]


def test_udpport_that_changes_nothing_is_not_mentioned() -> None:
    assert warnings(with_ha_cf("udpport 694\n"), 7) == []


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("udpport 70000", 9),
        ("udpport 0", 9),
        ("ucast eth0", 1),
        ("mcast eth0 225.0.0.1 694 1", 1),
        ("mcast eth0 10.0.0.1 694 1 0", 12),
        ("mcast eth0 225.0.0.1 0 1 0", 22),
        ("mcast eth0 225.0.0.1 694 5 0", 26),
        ("mcast eth0 225.0.0.1 694 1 2", 28),
        ("mcast eth0 ff02::7 694 1 0", 12),
        ("mcast6 eth0 225.0.0.1 694 1 0", 13),
        ("logfacility local10", 13),
        ("syslogmsgfmt perhaps", 14),
        ("realtime maybe", 10),
        ("rtprio 100", 8),
        ("autojoin off", 10),
        ("autojoin any", 10),
        ("crm sometimes", 5),
        ("msgfmt xml", 8),
        ("compression lzma", 13),
        ("baud 300", 6),
        ("debug 256", 7),
        ("hopfudge -1", 10),
        ("use_logd x", 10),
        ("conn_logd_time 1s", 16),
        ("undport 694", 1),
        ("Node node3", 1),
        ("logfile /var/\x01log", 14),
    ],
)
def test_what_heartbeat_refuses_is_refused_at_its_place(line: str, column: int) -> None:
    found = errors(with_ha_cf(f"{line}\n"))
    assert len(found) == 1
    assert found[0].startswith(f"ha.cf:7:{column} ")


def test_crm_may_be_said_only_once_under_either_name() -> None:
    assert errors(with_ha_cf("crm off\npacemaker off\n")) == [
        "ha.cf:8:1 `pacemaker` is said a second time"
    ]


def test_autojoin_is_forgiven_where_pacemaker_was_meant() -> None:
    loaded = with_ha_cf("autojoin any\ncrm respawn\n")
    assert model_of(loaded).nodes == ("node1", "node2")
    assert "hands the resources to Pacemaker" in warnings(loaded, 8)[0]


def test_logs_priorities_and_the_name() -> None:
    loaded = with_ha_cf(
        "logfile /var/log/ha-log\ndebugfile /var/log/ha-debug\nlogfacility local0\n"
        "syslogmsgfmt off\nrealtime no\nrtprio 7\ncluster web\n"
    )
    model = model_of(loaded)
    assert model.log == LogSpec(
        logfile="/var/log/ha-log",
        debugfile="/var/log/ha-debug",
        facility="local0",
        syslog_format=False,
    )
    assert (model.realtime, model.rtprio, model.name) == (False, 7, "web")
    assert model_of(with_ha_cf("logfacility none\n")).log == LogSpec()


WITHOUT_EFFECT = [
    "hbaping 1 2 3",
    "rds eth0",
    "tipc x",
    "stonith external/ssh /etc/ha.d/conf",
    "stonith_host * external/ssh node1 22",
    "apiauth ipfail uid=hacluster",
    "watchdog /dev/watchdog",
    "compression bz2",
    "compression_threshold 2",
    "traditional_compression off",
    "msgfmt classic",
    "debug 1",
    "log_badpack on",
    "hopfudge 1",
    "hbgenmethod time",
    "uuidfrom nodename",
    "max_rexmit_delay 250",
    "memreserve 6500",
    "coredumps true",
    "coreroot /var/cores",
    "use_apphbd no",
    "use_logd yes",
    "conn_logd_time 60",
    "quorum_server q",
    "normalpoll true",
    "crm_daemon_dir /x",
    "crmd_spawns_pengine on",
    "record_config_changes on",
    "record_pengine_inputs on",
    "enable_config_writes on",
    "crm off",
    "autojoin none",
]


@pytest.mark.parametrize("line", WITHOUT_EFFECT)
def test_what_means_nothing_here_is_named_once(line: str) -> None:
    loaded = with_ha_cf(f"{line}\n" + ("" if line.startswith("crm ") else f"{line}\n"))
    assert errors(loaded) == []
    name = line.split()[0]
    named = [text for text in warnings(loaded) if f"`{name}` has no effect" in text]
    assert named[0].startswith("ha.cf:7:1 ")
    assert len(named) == (2 if name == "autojoin" else 1)


def test_every_directive_of_heartbeat_has_a_test_here() -> None:
    meant = {
        *("node", "keepalive", "deadtime", "warntime", "initdead", "deadping", "auto_failback"),
        *("nice_failback", "bcast", "udp", "mcast", "mcast6", "ucast", "ucast6", "udpport"),
        *("logfile", "debugfile", "logfacility", "syslogmsgfmt", "realtime", "rtprio"),
        *("cluster", "autojoin", "crm", "pacemaker", "serial", "baud"),
        *("respawn", "failfast", "env"),
        *("ping", "ping6", "ping_group"),
    }
    assert meant | {line.split()[0] for line in WITHOUT_EFFECT} == DIRECTIVES


def test_a_directive_without_a_value_does_nothing() -> None:
    loaded = with_ha_cf("keepalive\n")
    assert model_of(loaded).timing.keepalive == SECOND
    assert warnings(loaded, 7) == [
        "ha.cf:7:1 `keepalive` has no value and does nothing, as in Heartbeat"
    ]


def test_a_line_longer_than_heartbeats_limit_is_refused() -> None:
    assert errors(with_ha_cf(f"logfile /{'x' * 5200}\n"))[0].startswith("ha.cf:7:1 this line is")
    assert errors(with_ha_cf(f"# {'x' * 5200}\n")) == []


def test_names_that_cannot_travel_in_a_heartbeat_are_refused() -> None:
    assert len(errors(with_ha_cf(f"node {'n' * 101}\n"))) == 1
    assert errors(with_ha_cf(f"node {'n' * 100}\n")) == []
    assert len(errors(load(trio(haresources=f"node1 {'x' * 256}\n")))) == 1


def test_there_is_a_limit_on_nodes_links_and_findings() -> None:
    many = " ".join(f"n{i}" for i in range(120))
    assert any("more than 100 nodes" in text for text in errors(with_ha_cf(f"node {many}\n")))
    links = "\n".join(f"bcast if{i}" for i in range(70))
    assert any("more than 64 links" in text for text in errors(with_ha_cf(f"{links}\n")))
    assert len(load(trio("nonsense\n" * 100_000)).diagnostics) <= 202


@pytest.mark.parametrize(
    ("ha_cf", "message"),
    [
        ("bcast eth0\n", "ha.cf:0:0 no nodes are named"),
        ("node a b\n", "ha.cf:0:0 there is no link that heartbeats could travel over"),
    ],
)
def test_a_cluster_needs_nodes_and_links(ha_cf: str, message: str) -> None:
    (found,) = errors(load(trio(ha_cf, "")))
    assert found.startswith(message)


def test_who_i_am_must_be_a_node() -> None:
    loaded = load(trio(), "node3")
    assert errors(loaded) == ["ha.cf:6:6 Current node [node3] not in configuration!"]
    assert loaded.model is None
    assert model_of(load(trio(), "NODE2")).nodes == ("node1", "node2")
